#include "localcloud/metrics/alarm.h"

#include <gtest/gtest.h>

namespace adhoc::localcloud {
namespace {

// '0' a datapoint below the threshold, 'X' one above, '-' none; oldest first.
std::vector<AlarmPeriod> Periods(std::string_view text) {
  std::vector<AlarmPeriod> periods;
  for (std::size_t i = 0; i < text.size(); ++i) {
    AlarmPeriod period{.time = 60.0 * static_cast<double>(i), .value = {}};
    if (text[i] == '0') period.value = 0;
    if (text[i] == 'X') period.value = 90.5;
    periods.push_back(period);
  }
  return periods;
}

std::string StateOf(int needed, std::string_view missing, std::string_view periods) {
  const AlarmRule rule{
      .evaluation_periods = 3, .datapoints_to_alarm = needed, .threshold = 70, .missing = std::string(missing)};
  const auto state = EvaluateAlarm(rule, Periods(periods), 1000).state;
  return state ? NameOf(*state) : "stays";
}

struct Row {
  int needed;
  const char* periods;
  const char* missing;
  const char* ignore;
  const char* breaching;
  const char* not_breaching;
};

// The two tables of AWS's documentation, "How alarm state is evaluated when data is missing".
TEST(Alarm, FollowsTheTablesOfTheDocumentation) {
  const Row rows[] = {
      {3, "0-X-X", "OK", "OK", "OK", "OK"},
      {3, "----0", "OK", "OK", "OK", "OK"},
      {3, "-----", "INSUFFICIENT_DATA", "stays", "ALARM", "OK"},
      {3, "0XX-X", "ALARM", "ALARM", "ALARM", "ALARM"},
      {3, "--X--", "ALARM", "stays", "ALARM", "OK"},
      {2, "0-X-X", "ALARM", "ALARM", "ALARM", "ALARM"},
      {2, "00X0X", "ALARM", "ALARM", "ALARM", "ALARM"},
      {2, "0-X--", "OK", "OK", "ALARM", "OK"},
      {2, "----0", "OK", "OK", "ALARM", "OK"},
      {2, "---X-", "ALARM", "stays", "ALARM", "OK"},
      // Not in the tables: too early to tell.
      {3, "----X", "stays", "stays", "ALARM", "OK"},
      {3, "XX000", "OK", "OK", "OK", "OK"},
      {3, "00XXX", "ALARM", "ALARM", "ALARM", "ALARM"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::to_string(row.needed) + " of 3: " + row.periods);
    EXPECT_EQ(StateOf(row.needed, "missing", row.periods), row.missing);
    EXPECT_EQ(StateOf(row.needed, "ignore", row.periods), row.ignore);
    EXPECT_EQ(StateOf(row.needed, "breaching", row.periods), row.breaching);
    EXPECT_EQ(StateOf(row.needed, "notBreaching", row.periods), row.not_breaching);
  }
}

TEST(Alarm, ComparesAsItsOperatorSays) {
  const auto breaches = [](const char* comparison, double value) {
    return Breaches({.threshold = 10, .comparison = comparison}, value);
  };
  EXPECT_FALSE(breaches("GreaterThanThreshold", 10));
  EXPECT_TRUE(breaches("GreaterThanOrEqualToThreshold", 10));
  EXPECT_FALSE(breaches("LessThanThreshold", 10));
  EXPECT_TRUE(breaches("LessThanOrEqualToThreshold", 10));
  EXPECT_TRUE(breaches("LessThanThreshold", 9));
  EXPECT_TRUE(breaches("GreaterThanThreshold", 11));
}

TEST(Alarm, GivesItsReasonInTheWordsOfAws) {
  const auto reason = [](AlarmRule rule, std::string_view periods) {
    return EvaluateAlarm(rule, Periods(periods), 1000).reason;
  };
  EXPECT_EQ(reason({.threshold = 70}, "00X"),
            "Threshold Crossed: 1 datapoint [90.5 (01/01/70 00:02:00)] was greater than the threshold (70.0).");
  EXPECT_EQ(reason({.evaluation_periods = 2, .datapoints_to_alarm = 2, .threshold = 70}, "00XX"),
            "Threshold Crossed: 2 out of the last 2 datapoints [90.5 (01/01/70 00:03:00), 90.5 (01/01/70 00:02:00)] "
            "were greater than the threshold (70.0) (minimum 2 datapoints for OK -> ALARM transition).");
  EXPECT_EQ(reason({.evaluation_periods = 2, .datapoints_to_alarm = 2, .threshold = 70}, "00X0"),
            "Threshold Crossed: 1 out of the last 2 datapoints [0.0 (01/01/70 00:03:00)] was not greater than the "
            "threshold (70.0) (minimum 1 datapoint for ALARM -> OK transition).");
  EXPECT_EQ(reason({.evaluation_periods = 3, .datapoints_to_alarm = 3}, "-----"),
            "Insufficient Data: 3 datapoints were unknown.");
  EXPECT_EQ(reason({.missing = "breaching"}, "---"),
            "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as "
            "[Breaching].");
  const Json data = EvaluateAlarm({.threshold = 70}, Periods("00X"), 1000).data;
  EXPECT_EQ(data["recentDatapoints"], Json({90.5}));
  EXPECT_EQ(data["startDate"], "1970-01-01T00:02:00.000+0000");
}

}  // namespace
}  // namespace adhoc::localcloud
