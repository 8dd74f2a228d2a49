// Shared state lives only inside a Sync<State>: there is no way to reach it without holding the lock.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <utility>

namespace adhoc {

template <typename State>
class Sync {
 public:
  Sync() = default;
  explicit Sync(State state) : state_(std::move(state)) {}

  class Lock {
   public:
    explicit Lock(Sync& sync) : sync_(sync), lock_(sync.mutex_) {}
    State* operator->() { return &sync_.state_; }
    State& operator*() { return sync_.state_; }
    // To work without the lock for a while: between the two nothing of the state may be used.
    void Unlock() { lock_.unlock(); }
    void Relock() { lock_.lock(); }
    // Waits for a notification and the predicate; false when stopped first.
    template <typename Predicate>
    bool Wait(std::condition_variable_any& condition, std::stop_token stop, Predicate predicate) {
      return condition.wait(lock_, stop, std::move(predicate));
    }
    // As Wait, but gives up at `deadline`; returns the predicate's value.
    template <typename Deadline, typename Predicate>
    bool WaitUntil(std::condition_variable_any& condition, std::stop_token stop, Deadline deadline,
                   Predicate predicate) {
      return condition.wait_until(lock_, stop, deadline, std::move(predicate));
    }

   private:
    Sync& sync_;
    std::unique_lock<std::mutex> lock_;
  };

  Lock lock() { return Lock(*this); }

 private:
  std::mutex mutex_;
  State state_;
};

}  // namespace adhoc
