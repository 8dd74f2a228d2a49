// A clock that moves only when a test says so.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>

#include "base/clock.h"

namespace adhoc::testing {

// Thread-safe.
class FakeClock : public Clock {
 public:
  // What SleepFor does: wait for another thread's Advance, or advance the clock itself (single-threaded tests).
  enum class Sleep { kWaits, kAdvances };

  explicit FakeClock(Sleep sleep = Sleep::kWaits, TimePoint now = FromSeconds(1700000000)) : sleep_(sleep), now_(now) {}

  TimePoint Now() override {
    std::lock_guard lock(mutex_);
    return now_;
  }

  using Clock::SleepFor;
  bool SleepFor(Duration duration, std::stop_token stop) override {
    if (sleep_ == Sleep::kAdvances) {
      if (stop.stop_requested()) return false;
      Advance(duration);
      return true;
    }
    std::unique_lock lock(mutex_);
    TimePoint until = now_ + std::chrono::duration_cast<TimePoint::duration>(duration);
    ++sleepers_;
    changed_.notify_all();
    bool reached = changed_.wait(lock, stop, [&] { return now_ >= until; });
    --sleepers_;
    return reached;
  }

  void Advance(Duration duration) {
    std::map<int, std::function<void()>> listeners;
    {
      std::lock_guard lock(mutex_);
      now_ += std::chrono::duration_cast<TimePoint::duration>(duration);
      listeners = listeners_;
    }
    changed_.notify_all();
    for (auto& [id, listener] : listeners) listener();
  }

  // Blocks until that many threads are in SleepFor, so that an Advance is not lost on a thread that is about to sleep.
  void WaitForSleepers(int count) {
    std::unique_lock lock(mutex_);
    std::stop_token never;
    changed_.wait(lock, never, [&] { return sleepers_ >= count; });
  }

  // `listener` runs after each Advance, on its thread. Remove it before what it refers to is gone.
  int AddListener(std::function<void()> listener) {
    std::lock_guard lock(mutex_);
    listeners_[++last_listener_] = std::move(listener);
    return last_listener_;
  }
  void RemoveListener(int id) {
    std::lock_guard lock(mutex_);
    listeners_.erase(id);
  }

 private:
  Sleep sleep_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  TimePoint now_;
  int sleepers_ = 0;
  int last_listener_ = 0;
  std::map<int, std::function<void()>> listeners_;
};

}  // namespace adhoc::testing
