// Dates in UTC, as texts from outside have them.
#pragma once

#include <chrono>
#include <ctime>
#include <optional>

#include "base/clock.h"

namespace adhoc {

// Nothing outside of the years 1900 to 2199: a TimePoint has 292 years of nanoseconds to each side of 1970, and what
// lies between a date and now has to fit, too.
inline std::optional<TimePoint> FromUtc(std::tm utc) {
  const std::time_t seconds = ::timegm(&utc);  // also puts days and months that are too many into the year
  if (utc.tm_year < 0 || utc.tm_year >= 300) return std::nullopt;
  return std::chrono::system_clock::from_time_t(seconds);
}

}  // namespace adhoc
