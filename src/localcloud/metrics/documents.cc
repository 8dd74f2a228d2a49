#include "localcloud/metrics/documents.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "localcloud/metrics/statistics.h"

namespace adhoc::localcloud {
namespace {

constexpr std::size_t kHistoryItems = 2000;
constexpr const char* kPolicies = "autoscaling.policies";  // by ARN

void AddHistory(Cloud& cloud, Store::Transaction& txn, const std::string& alarm, const char* type,
                const std::string& summary, const Json& data) {
  const std::string key = fmt::format("{:012}", txn.NextNumber(kAlarmHistory));
  txn.Put(kAlarmHistory, key,
          {{"AlarmName", alarm},
           {"AlarmType", "MetricAlarm"},
           {"Timestamp", cloud.Now()},
           {"HistoryItemType", type},
           {"HistorySummary", summary},
           {"HistoryData", data.dump()}});
  const auto& all = txn.All(kAlarmHistory);
  if (all.size() > kHistoryItems) txn.Erase(kAlarmHistory, std::string(all.begin()->first));
}

// A document without private fields, as history shows it.
Json Shown(const Json& alarm) {
  Json shown = Json::object();
  for (const auto& [name, value] : alarm.items()) {
    if (!name.starts_with('_')) shown[name] = value;
  }
  return shown;
}

const char* ActionsOf(AlarmState state) {
  switch (state) {
    case AlarmState::kOk:
      return "OKActions";
    case AlarmState::kAlarm:
      return "AlarmActions";
    case AlarmState::kInsufficientData:
      return "InsufficientDataActions";
  }
  return "";
}

}  // namespace

MetricId MetricOf(const Json& alarm) {
  MetricId metric{.space = alarm.value("Namespace", ""), .name = alarm.value("MetricName", ""), .dimensions = {}};
  for (const Json& dimension : alarm.value("Dimensions", Json::array())) {
    metric.dimensions[dimension.value("Name", "")] = dimension.value("Value", "");
  }
  return metric;
}

void PutAlarm(Cloud& cloud, Store::Transaction& txn, const Json& alarm) {
  const std::string name = alarm.at("AlarmName");
  const double now = cloud.Now();
  Json document = alarm;
  document.erase("Tags");
  document["AlarmArn"] = cloud.Arn("cloudwatch", "alarm:" + name);
  document["AlarmConfigurationUpdatedTimestamp"] = now;
  document["ActionsEnabled"] = alarm.value("ActionsEnabled", true);
  for (const char* list : {"OKActions", "AlarmActions", "InsufficientDataActions", "Dimensions"}) {
    document[list] = alarm.value(list, Json::array());
  }
  if (const Json* existing = txn.Find(kAlarms, name)) {
    for (const char* kept : {"StateValue", "StateReason", "StateReasonData", "StateUpdatedTimestamp",
                             "StateTransitionedTimestamp", "_tags"}) {
      if (existing->contains(kept)) document[kept] = existing->at(kept);
    }
    AddHistory(cloud, txn, name, "ConfigurationUpdate", fmt::format("Alarm \"{}\" updated", name),
               {{"version", "1.0"}, {"type", "Update"}, {"updatedAlarm", Shown(document)}});
  } else {
    document["StateValue"] = NameOf(AlarmState::kInsufficientData);
    document["StateReason"] = "Unchecked: Initial alarm creation";
    document["StateUpdatedTimestamp"] = now;
    document["StateTransitionedTimestamp"] = now;
    document["_tags"] = alarm.value("Tags", Json::array());
    AddHistory(cloud, txn, name, "ConfigurationUpdate", fmt::format("Alarm \"{}\" created", name),
               {{"version", "1.0"}, {"type", "Create"}, {"createdAlarm", Shown(document)}});
  }
  txn.Put(kAlarms, name, std::move(document));
}

bool DeleteAlarm(Cloud& cloud, Store::Transaction& txn, const std::string& name) {
  const Json* alarm = txn.Find(kAlarms, name);
  if (alarm == nullptr) return false;
  AddHistory(cloud, txn, name, "ConfigurationUpdate", fmt::format("Alarm \"{}\" deleted", name),
             {{"version", "1.0"}, {"type", "Delete"}, {"deletedAlarm", Shown(*alarm)}});
  return txn.Erase(kAlarms, name);
}

void SetAlarmState(Cloud& cloud, Store::Transaction& txn, const std::string& name, AlarmState state,
                   const std::string& reason, const Json& data) {
  Json& alarm = txn.Edit(kAlarms, name);
  const double now = cloud.Now();
  const std::string before = alarm.at("StateValue");
  const std::string after = NameOf(state);
  Json old_state{{"stateValue", before}, {"stateReason", alarm.value("StateReason", "")}};
  Json new_state{{"stateValue", after}, {"stateReason", reason}};
  if (!data.empty()) new_state["stateReasonData"] = data;
  alarm["StateValue"] = after;
  alarm["StateReason"] = reason;
  alarm["StateUpdatedTimestamp"] = now;
  if (data.empty()) {
    alarm.erase("StateReasonData");
  } else {
    alarm["StateReasonData"] = data.dump();
  }
  if (before == after) return;
  alarm["StateTransitionedTimestamp"] = now;
  const Json actions = alarm.value("ActionsEnabled", true) ? alarm.at(ActionsOf(state)) : Json::array();
  AddHistory(cloud, txn, name, "StateUpdate", fmt::format("Alarm updated from {} to {}", before, after),
             {{"version", "1.0"}, {"oldState", std::move(old_state)}, {"newState", std::move(new_state)}});
  for (const std::string action : actions) {
    const bool known = txn.Find(kPolicies, action) != nullptr;
    Json outcome{{"actionState", known ? "Succeeded" : "Failed"},
                 {"stateUpdateTimestamp", static_cast<std::int64_t>(now * 1000)},
                 {"notificationResource", action}};
    if (!known) outcome["error"] = "the local cloud has only scaling policies to act on";
    AddHistory(cloud, txn, name, "Action",
               known ? "Successfully executed action " + action : "Failed to execute action " + action,
               std::move(outcome));
  }
}

double EvaluationStep(double period) { return std::min(period, kMinute); }

std::vector<AlarmPeriod> ReadPeriods(MetricStore& metrics, const Json& alarm, double now) {
  const AlarmRule rule = ReadAlarmRule(alarm);
  const double step = EvaluationStep(rule.period);
  const double end = std::floor(now / step) * step;
  const int count = EvaluationRange(rule);
  std::vector<AlarmPeriod> periods;
  for (int i = count; i > 0; --i) periods.push_back({.time = end - i * rule.period, .value = {}});
  const auto rows = metrics.Read(MetricOf(alarm), periods.front().time, end, alarm.value("Unit", ""));
  for (const auto& [time, in_it] : SplitByPeriod(rows, rule.period, periods.front().time)) {
    const auto index = static_cast<std::size_t>(std::lround((time - periods.front().time) / rule.period));
    if (index < periods.size()) periods[index].value = Compute(rule.statistic, in_it);
  }
  return periods;
}

}  // namespace adhoc::localcloud
