#include "base/clock.h"

#include <cmath>
#include <condition_variable>
#include <mutex>

namespace adhoc {
namespace {

class SystemClock final : public Clock {
 public:
  TimePoint Now() override { return std::chrono::system_clock::now(); }

  bool SleepFor(Duration duration, std::stop_token stop) override {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    wake.wait_for(lock, stop, duration, [] { return false; });
    return !stop.stop_requested();
  }
};

}  // namespace

Clock& RealClock() {
  static SystemClock* const clock = new SystemClock;
  return *clock;
}

double ToSeconds(TimePoint time) { return std::chrono::duration<double>(time.time_since_epoch()).count(); }

TimePoint FromSeconds(double seconds) {
  // What a TimePoint cannot hold is as far away as it can say.
  constexpr std::chrono::duration<double> kLongest = TimePoint::max().time_since_epoch();
  if (!(std::abs(seconds) < kLongest.count())) return seconds < 0 ? TimePoint::min() : TimePoint::max();
  return TimePoint(std::chrono::duration_cast<TimePoint::duration>(std::chrono::duration<double>(seconds)));
}

}  // namespace adhoc
