#include "localcloud/metrics/alarm.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace adhoc::localcloud {
namespace {

// As in AWS's reasons and reason data.
std::string Decimal(double value) {
  return value == std::floor(value) ? fmt::format("{:.1f}", value) : fmt::format("{}", value);
}
std::string ShortTime(double seconds) {
  return fmt::format("{:%d/%m/%y %H:%M:%S}", fmt::gmtime(static_cast<std::time_t>(seconds)));
}
std::string DataTime(double seconds) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.000+0000", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

std::string Words(const std::string& comparison) {
  if (comparison == "GreaterThanThreshold") return "greater than";
  if (comparison == "GreaterThanOrEqualToThreshold") return "greater than or equal to";
  if (comparison == "LessThanThreshold") return "less than";
  return "less than or equal to";
}

std::string PointsText(const std::vector<AlarmPeriod>& points) {
  std::string text;
  for (const auto& point : points) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", Decimal(*point.value), ShortTime(point.time));
  }
  return text;
}

Json DataOf(const AlarmRule& rule, const std::vector<AlarmPeriod>& periods, double now) {
  Json recent = Json::array();
  Json evaluated = Json::array();
  double start = 0;
  for (const auto& period : periods) {
    if (!period.value) continue;
    if (start == 0) start = period.time;
    recent.push_back(*period.value);
    evaluated.insert(evaluated.begin(), {{"timestamp", DataTime(period.time)}, {"value", *period.value}});
  }
  Json data{{"version", "1.0"},
            {"queryDate", DataTime(now)},
            {"statistic", rule.statistic},
            {"period", rule.period},
            {"recentDatapoints", recent},
            {"threshold", rule.threshold},
            {"evaluatedDatapoints", evaluated}};
  if (start > 0) data["startDate"] = DataTime(start);
  return data;
}

}  // namespace

std::string NameOf(AlarmState state) {
  return state == AlarmState::kOk ? "OK" : state == AlarmState::kAlarm ? "ALARM" : "INSUFFICIENT_DATA";
}

AlarmState AlarmStateFrom(const std::string& name) {
  return name == "OK" ? AlarmState::kOk : name == "ALARM" ? AlarmState::kAlarm : AlarmState::kInsufficientData;
}

AlarmRule ReadAlarmRule(const Json& alarm) {
  const int periods = alarm.value("EvaluationPeriods", 1);
  return {.statistic = alarm.value("Statistic", alarm.value("ExtendedStatistic", "Average")),
          .period = alarm.value("Period", 60.0),
          .evaluation_periods = periods,
          .datapoints_to_alarm = alarm.value("DatapointsToAlarm", periods),
          .threshold = alarm.value("Threshold", 0.0),
          .comparison = alarm.value("ComparisonOperator", "GreaterThanThreshold"),
          .missing = alarm.value("TreatMissingData", "missing")};
}

bool Breaches(const AlarmRule& rule, double value) {
  if (rule.comparison == "GreaterThanThreshold") return value > rule.threshold;
  if (rule.comparison == "GreaterThanOrEqualToThreshold") return value >= rule.threshold;
  if (rule.comparison == "LessThanThreshold") return value < rule.threshold;
  return value <= rule.threshold;
}

int EvaluationRange(const AlarmRule& rule) { return rule.evaluation_periods + 2; }

AlarmVerdict EvaluateAlarm(const AlarmRule& rule, const std::vector<AlarmPeriod>& periods, double now) {
  const int wanted = rule.evaluation_periods;
  const int needed = rule.datapoints_to_alarm;
  std::vector<AlarmPeriod> real;  // the newest of those that are there, ascending
  int oldest_breach = 0;          // how many periods ago, 1 the newest
  for (int i = static_cast<int>(periods.size()) - 1; i >= 0 && static_cast<int>(real.size()) < wanted; --i) {
    if (!periods[i].value) continue;
    real.insert(real.begin(), periods[i]);
    if (Breaches(rule, *periods[i].value)) oldest_breach = static_cast<int>(periods.size()) - i;
  }
  const int breaches = static_cast<int>(
      std::count_if(real.begin(), real.end(), [&](const auto& point) { return Breaches(rule, *point.value); }));
  const int there = static_cast<int>(real.size());
  const int missing = wanted - there;

  AlarmVerdict verdict;
  const int filled = rule.missing == "breaching" ? missing : 0;
  const bool all_breach = there > 0 && breaches == there;
  if (breaches + filled >= needed) {
    verdict.state = AlarmState::kAlarm;
  } else if (missing == 0 || rule.missing == "breaching" || rule.missing == "notBreaching") {
    verdict.state = AlarmState::kOk;
  } else if (there == 0) {
    if (rule.missing != "ignore") verdict.state = AlarmState::kInsufficientData;
  } else if (!all_breach) {
    verdict.state = AlarmState::kOk;
  } else if (rule.missing != "ignore" && oldest_breach >= needed) {
    verdict.state = AlarmState::kAlarm;  // nothing has contradicted it for as long as it takes
  }
  if (!verdict.state) return verdict;

  const bool alarm = verdict.state == AlarmState::kAlarm;
  const std::string treated =
      missing > 0 && (rule.missing == "breaching" || rule.missing == "notBreaching")
          ? fmt::format("{} missing datapoint{} treated as [{}]", missing, missing == 1 ? " was" : "s were",
                        rule.missing == "breaching" ? "Breaching" : "NonBreaching")
          : "";
  if (verdict.state == AlarmState::kInsufficientData) {
    verdict.reason = fmt::format("Insufficient Data: {} datapoint{} unknown.", wanted, wanted == 1 ? " was" : "s were");
  } else if (there == 0) {
    verdict.reason = fmt::format("Threshold Crossed: no datapoints were received for {} period{} and {}.", wanted,
                                 wanted == 1 ? "" : "s", treated);
  } else {
    std::vector<AlarmPeriod> shown = real;
    std::erase_if(shown, [&](const auto& point) { return Breaches(rule, *point.value) != alarm; });
    if (shown.empty()) shown = real;
    std::reverse(shown.begin(), shown.end());  // newest first
    const int count = static_cast<int>(shown.size());
    const std::string which =
        wanted == 1 ? "1 datapoint" : fmt::format("{} out of the last {} datapoints", count, wanted);
    verdict.reason =
        fmt::format("Threshold Crossed: {} [{}] {} {}{} the threshold ({})", which, PointsText(shown),
                    count == 1 ? "was" : "were", alarm ? "" : "not ", Words(rule.comparison), Decimal(rule.threshold));
    if (!treated.empty()) verdict.reason += " and " + treated;
    if (wanted > 1) {
      const int turn = alarm ? needed : wanted - needed + 1;
      verdict.reason += fmt::format(" (minimum {} datapoint{} for {} transition)", turn, turn == 1 ? "" : "s",
                                    alarm ? "OK -> ALARM" : "ALARM -> OK");
    }
    verdict.reason += ".";
  }
  verdict.data = DataOf(rule, real, now);
  return verdict;
}

}  // namespace adhoc::localcloud
