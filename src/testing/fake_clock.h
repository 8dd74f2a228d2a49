// A clock that moves only when a test says so.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>

#include "base/clock.h"
#include "testing/idle_threads.h"

namespace adhoc::testing {

// Thread-safe.
class FakeClock : public Clock {
 public:
  // What SleepFor does: wait for another thread's Advance, or let time pass as soon as all threads wait. Those that
  // sleep side by side wake in their order, however the machine schedules them.
  enum class Sleep { kWaits, kAdvances };

  explicit FakeClock(Sleep sleep = Sleep::kWaits, TimePoint now = FromSeconds(1700000000)) : sleep_(sleep), now_(now) {}

  TimePoint Now() override {
    std::lock_guard lock(mutex_);
    return now_;
  }

  using Clock::SleepFor;
  bool SleepFor(Duration duration, std::stop_token stop) override {
    std::unique_lock lock(mutex_);
    const TimePoint until = now_ + std::chrono::duration_cast<TimePoint::duration>(duration);
    const auto mine = sleepers_.insert(until);
    changed_.notify_all();
    const bool reached = sleep_ == Sleep::kAdvances ? PassTime(lock, mine, stop)
                                                    : changed_.wait(lock, stop, [&] { return now_ >= until; });
    sleepers_.erase(mine);
    changed_.notify_all();
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
    changed_.wait(lock, never, [&] { return static_cast<int>(sleepers_.size()) >= count; });
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
  using Sleepers = std::multiset<TimePoint>;  // by when they wake

  // Whoever wakes first moves the clock.
  bool PassTime(std::unique_lock<std::mutex>& lock, Sleepers::iterator mine, std::stop_token stop) {
    const auto is_first = [&] { return sleepers_.begin() == mine; };
    while (now_ < *mine) {
      if (stop.stop_requested()) return false;
      if (!is_first()) {
        changed_.wait(lock, stop, [&] { return now_ >= *mine || is_first(); });
        continue;
      }
      lock.unlock();
      const bool idle = OthersAreIdle();
      lock.lock();
      if (!is_first() || now_ >= *mine) continue;
      if (!idle) {
        changed_.wait_for(lock, stop, std::chrono::microseconds(50), [&] { return !is_first() || now_ >= *mine; });
        continue;
      }
      const Duration rest = *mine - now_;
      lock.unlock();
      Advance(rest);
      lock.lock();
    }
    return true;
  }

  Sleep sleep_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  TimePoint now_;
  Sleepers sleepers_;
  int last_listener_ = 0;
  std::map<int, std::function<void()>> listeners_;
};

}  // namespace adhoc::testing
