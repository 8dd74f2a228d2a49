#include "localcloud/scaling/schedule.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace adhoc::localcloud {
namespace {

constexpr double kSunday = 1795910400;  // 2026-11-29T00:00:00Z

TEST(Schedule, NamesTheNextTime) {
  const struct {
    const char* text;
    double after;     // seconds after that Sunday's midnight
    double expected;  // the same; negative: never
  } rows[] = {
      {"at(2026-11-29T12:00:00)", 0, 43200}, {"at(2026-11-29T12:00:00)", 43200, -1},
      {"rate(5 minutes)", 0, 300},           {"rate(5 minutes)", 301, 600},
      {"rate(1 hour)", 3600, 7200},          {"rate(1 day)", 0, 86400},
      {"cron(0 18 * * ? *)", 0, 64800},      {"cron(0 18 * * ? *)", 64800, 86400 + 64800},
      {"cron(0/15 * * * ? *)", 1, 900},      {"cron(30 8 ? * MON-FRI *)", 0, 86400 + 30600},
      {"cron(0 0 1 * ? *)", 0, 2 * 86400},   {"cron(0 0 1 JAN,FEB ? 2027)", 0, 33 * 86400},
      {"cron(0 0 1 JAN ? 2020)", 0, -1},     {"cron(5,10 1-2 29 11 ? *)", 3600 + 600, 7200 + 300},
  };
  for (const auto& row : rows) {
    const auto next = NextTime(ParseSchedule(row.text), kSunday + row.after, kSunday);
    EXPECT_EQ(next.value_or(kSunday - 1) - kSunday, row.expected) << row.text << " after " << row.after;
  }
  EXPECT_EQ(NextTime(ParseSchedule("rate(5 minutes)"), 10, kSunday), kSunday) << "not before it starts";
}

TEST(Schedule, SaysWhatIsWrong) {
  for (const char* text : {"", "every day", "at(tomorrow)", "at(2026-02-30T00:00:00)", "rate(five minutes)",
                           "rate(0 minutes)", "rate(5 weeks)", "cron(0 18 * * *)", "cron(61 * * * ? *)",
                           "cron(0 0 L * ? *)", "cron(0 0 5-2 * ? *)", "cron(0/0 * * * ? *)", "yearly(1)"}) {
    EXPECT_THROW(ParseSchedule(text), Error) << text;
  }
}

}  // namespace
}  // namespace adhoc::localcloud
