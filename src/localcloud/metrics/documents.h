// The alarms' documents, which the API, the metrics controller and scaling policies write: keys, states, history.
//
//   cloudwatch.alarms    name → as DescribeAlarms, plus `_tags`
//   cloudwatch.history   number → as DescribeAlarmHistory
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "localcloud/cloud.h"
#include "localcloud/metrics/alarm.h"

namespace adhoc::localcloud {

inline constexpr const char* kAlarms = "cloudwatch.alarms";
inline constexpr const char* kAlarmHistory = "cloudwatch.history";

// What an alarm of AWS itself is about, and how often that is measured unless an alarm wants it more often.
inline constexpr double kMinute = 60;

MetricId MetricOf(const Json& alarm);

// Makes the alarm or replaces it, keeping its state and tags. `alarm` is as PutMetricAlarm takes it.
void PutAlarm(Cloud& cloud, Store::Transaction& txn, const Json& alarm);
bool DeleteAlarm(Cloud& cloud, Store::Transaction& txn, const std::string& name);

// Writes the transition down, with what becomes of the actions that the new state has.
void SetAlarmState(Cloud& cloud, Store::Transaction& txn, const std::string& name, AlarmState state,
                   const std::string& reason, const Json& data);

// The newest EvaluationRange periods that are over, ascending.
std::vector<AlarmPeriod> ReadPeriods(MetricStore& metrics, const Json& alarm, double now);
// When periods of this length are looked at: at multiples of it, of a minute at most.
double EvaluationStep(double period);

}  // namespace adhoc::localcloud
