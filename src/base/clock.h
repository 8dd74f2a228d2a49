// Time as a dependency: engines take a Clock&, so tests decide what time it is and nothing sleeps for real.
#pragma once

#include <chrono>
#include <stop_token>

namespace adhoc {

using TimePoint = std::chrono::system_clock::time_point;
using Duration = std::chrono::nanoseconds;

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint Now() = 0;
  // Returns early, with false, when `stop` is requested.
  virtual bool SleepFor(Duration duration, std::stop_token stop) = 0;
  void SleepFor(Duration duration) { SleepFor(duration, std::stop_token()); }
};

// The machine's clock. A process-wide object; never destroyed.
Clock& RealClock();

// Seconds since the epoch, the timestamp form of documents.
double ToSeconds(TimePoint time);
TimePoint FromSeconds(double seconds);

}  // namespace adhoc
