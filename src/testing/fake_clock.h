// A clock that moves only when a test moves it, and sleepers that wake when it does.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "base/clock.h"

namespace adhoc::testing {

// Thread-safe.
class FakeClock : public Clock {
 public:
  explicit FakeClock(double seconds = 1'700'000'000) : now_(FromSeconds(seconds)) {}

  TimePoint Now() override {
    std::lock_guard lock(mutex_);
    return now_;
  }

  // Returns when Advance has brought the clock there, or `stop` is requested.
  bool SleepFor(Duration duration, std::stop_token stop) override {
    std::unique_lock lock(mutex_);
    TimePoint until = now_ + std::chrono::duration_cast<TimePoint::duration>(duration);
    return moved_.wait(lock, stop, [&] { return now_ >= until; });
  }

  void Advance(Duration duration) {
    {
      std::lock_guard lock(mutex_);
      now_ += std::chrono::duration_cast<TimePoint::duration>(duration);
    }
    moved_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any moved_;
  TimePoint now_;
};

}  // namespace adhoc::testing
