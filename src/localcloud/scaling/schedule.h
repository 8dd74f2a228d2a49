// When a scheduled action is due: `at(2026-12-24T18:00:00)`, `rate(5 minutes)`, `cron(0 18 ? * MON-FRI *)`, in UTC.
// https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-using-cron-expressions.html
// Pure functions.
#pragma once

#include <array>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace adhoc::localcloud {

struct Schedule {
  enum class Kind { kAt, kRate, kCron } kind = Kind::kAt;
  double at = 0;        // epoch seconds
  double interval = 0;  // seconds
  // Minute, hour, day of month, month, day of week (1 is Sunday), year; empty: any.
  std::array<std::set<int>, 6> fields;
};

// Throws Error, saying what is wrong.
Schedule ParseSchedule(std::string_view text);

// The first time after `after`; a rate counts from `start`. Nothing when it is over.
std::optional<double> NextTime(const Schedule& schedule, double after, double start);

}  // namespace adhoc::localcloud
