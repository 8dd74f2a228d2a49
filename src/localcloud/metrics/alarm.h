// What state an alarm is in: a pure function of its rule and the datapoints of its evaluation range.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html#alarms-and-missing-data
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace adhoc::localcloud {

enum class AlarmState { kOk, kAlarm, kInsufficientData };
std::string NameOf(AlarmState state);
AlarmState AlarmStateFrom(const std::string& name);

struct AlarmRule {
  std::string statistic = "Average";
  double period = 60;
  int evaluation_periods = 1;   // N
  int datapoints_to_alarm = 1;  // M
  double threshold = 0;
  std::string comparison = "GreaterThanThreshold";
  std::string missing = "missing";  // or ignore, breaching, notBreaching
};
// From a document as DescribeAlarms answers it.
AlarmRule ReadAlarmRule(const Json& alarm);

bool Breaches(const AlarmRule& rule, double value);

// A few periods more than are evaluated: datapoints that are missing in the newest ones are replaced by older ones.
int EvaluationRange(const AlarmRule& rule);

struct AlarmPeriod {
  double time = 0;  // its beginning
  std::optional<double> value;
};
struct AlarmVerdict {
  std::optional<AlarmState> state;  // nothing: it stays as it is
  std::string reason;
  Json data = Json::object();  // StateReasonData
};
// `periods` ascend and are EvaluationRange many.
AlarmVerdict EvaluateAlarm(const AlarmRule& rule, const std::vector<AlarmPeriod>& periods, double now);

}  // namespace adhoc::localcloud
