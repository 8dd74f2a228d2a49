// Amazon CloudWatch's alarms. What state they are in is decided in metrics/.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "localcloud/api/cloudwatch_internal.h"
#include "localcloud/api/support.h"
#include "localcloud/metrics/documents.h"

namespace adhoc::localcloud::cloudwatch {
namespace {

constexpr double kLongestEvaluation = 7 * 86400;
constexpr std::size_t kMaxDeleted = 100;

[[noreturn]] void Invalid(const std::string& message) { throw ApiError("ValidationError", message); }

void CheckAlarm(const Json& alarm) {
  if (alarm.contains("Metrics") || alarm.contains("ThresholdMetricId")) {
    Invalid("Alarms on metric math are not answered here: give MetricName, Namespace and Statistic.");
  }
  for (const char* required :
       {"MetricName", "Namespace", "Period", "EvaluationPeriods", "Threshold", "ComparisonOperator"}) {
    if (!alarm.contains(required)) {
      throw ApiError("MissingParameter", fmt::format("The parameter {} must be specified.", required));
    }
  }
  const std::string comparison = Text(alarm, "ComparisonOperator");
  if (comparison.find("Upper") != std::string::npos || comparison.find("LowerThreshold") != std::string::npos) {
    Invalid("Alarms on anomaly detection are not answered here.");
  }
  if (alarm.contains("Statistic") == alarm.contains("ExtendedStatistic")) {
    Invalid("Exactly one of Statistic and ExtendedStatistic must be specified.");
  }
  if (alarm.contains("ExtendedStatistic")) CheckStatistic(Text(alarm, "ExtendedStatistic"));
  const double period = alarm["Period"];
  if (period != 10 && period != 20 && period != 30 && std::fmod(period, 60) != 0) {
    Invalid("Period must be 10, 20, 30 or a multiple of 60");
  }
  const std::int64_t periods = alarm["EvaluationPeriods"];
  if (period * static_cast<double>(periods) > kLongestEvaluation) {
    Invalid("Metrics cannot be checked across more than seven days (EvaluationPeriods * Period must be <= 604800).");
  }
  if (Number(alarm, "DatapointsToAlarm", periods) > periods) {
    Invalid("The parameter 'DatapointsToAlarm' must be less than or equal to the parameter 'EvaluationPeriods'.");
  }
  const std::string missing = Text(alarm, "TreatMissingData", "missing");
  if (missing != "missing" && missing != "ignore" && missing != "breaching" && missing != "notBreaching") {
    Invalid("Invalid treatMissingData value: " + missing);
  }
  DimensionsOf(alarm);
}

Json PutMetricAlarm(Cloud& cloud, Call& call) {
  CheckAlarm(call.input);
  PutAlarm(cloud, call.txn, call.input);
  return Json::object();
}

bool StartsAnAction(const Json& alarm, const std::string& prefix) {
  for (const char* list : {"OKActions", "AlarmActions", "InsufficientDataActions"}) {
    for (const Json& action : Items(alarm, list)) {
      if (StartsWith(action.get<std::string>(), prefix)) return true;
    }
  }
  return false;
}

Json DescribeAlarms(Cloud&, Call& call) {
  const Json& input = call.input;
  const std::vector<std::string> names = Strings(input, "AlarmNames");
  const std::string prefix = Text(input, "AlarmNamePrefix");
  if (!names.empty() && !prefix.empty()) Invalid("AlarmNamePrefix and AlarmNames are mutually exclusive");
  const std::vector<std::string> types = Strings(input, "AlarmTypes");
  Json answer{{"MetricAlarms", Json::array()}, {"CompositeAlarms", Json::array()}};
  if (!types.empty() && std::find(types.begin(), types.end(), "MetricAlarm") == types.end()) return answer;
  const std::string state = Text(input, "StateValue");
  const std::string action = Text(input, "ActionPrefix");
  KeyedItems items;
  for (const auto& [name, alarm] : call.txn.All(kAlarms)) {
    if (!names.empty() && std::find(names.begin(), names.end(), name) == names.end()) continue;
    if (!StartsWith(name, prefix) || (!state.empty() && Text(alarm, "StateValue") != state)) continue;
    if (!action.empty() && !StartsAnAction(alarm, action)) continue;
    items.emplace_back(name, alarm);
  }
  Page page = TakePage(std::move(items), Number(input, "MaxRecords", 50), Text(input, "NextToken"), "InvalidNextToken");
  answer["MetricAlarms"] = std::move(page.items);
  if (!page.next.empty()) answer["NextToken"] = page.next;
  return answer;
}

Json DescribeAlarmsForMetric(Cloud&, Call& call) {
  const Json& input = call.input;
  const MetricId metric{Text(input, "Namespace"), Text(input, "MetricName"), DimensionsOf(input)};
  Json alarms = Json::array();
  for (const auto& [name, alarm] : call.txn.All(kAlarms)) {
    bool same = MetricOf(alarm) == metric;
    for (const char* member : {"Statistic", "ExtendedStatistic", "Period", "Unit"}) {
      same = same && (!input.contains(member) || alarm.value(member, Json()) == input[member]);
    }
    if (same) alarms.push_back(alarm);
  }
  return {{"MetricAlarms", std::move(alarms)}};
}

Json DeleteAlarms(Cloud& cloud, Call& call) {
  const auto names = Strings(call.input, "AlarmNames");
  if (names.size() > kMaxDeleted) Invalid("The collection AlarmNames must not have a size greater than 100.");
  // Names that no alarm has are passed over, as by AWS when it is given several.
  bool any = names.empty();
  for (const auto& name : names) any = DeleteAlarm(cloud, call.txn, name) || any;
  if (!any && names.size() == 1) throw ApiError("ResourceNotFound", fmt::format("Alarm {} does not exist", names[0]));
  return Json::object();
}

Json SetState(Cloud& cloud, Call& call) {
  const std::string name = Text(call.input, "AlarmName");
  if (call.txn.Find(kAlarms, name) == nullptr) throw ApiError("ResourceNotFound", "Alarm " + name + " does not exist");
  Json data = Json::object();
  if (const std::string text = Text(call.input, "StateReasonData"); !text.empty()) {
    data = Json::parse(text, nullptr, false);
    if (!data.is_object()) throw ApiError("InvalidFormat", "StateReasonData is not valid JSON");
  }
  SetAlarmState(cloud, call.txn, name, AlarmStateFrom(Text(call.input, "StateValue")), Text(call.input, "StateReason"),
                data);
  return Json::object();
}

Json DescribeAlarmHistory(Cloud&, Call& call) {
  const Json& input = call.input;
  const std::string name = Text(input, "AlarmName");
  const std::string type = Text(input, "HistoryItemType");
  const bool ascending = Text(input, "ScanBy") == "TimestampAscending";
  KeyedItems items;
  const auto add = [&](const std::string& key, const Json& item) {
    const double time = item["Timestamp"];
    if ((!name.empty() && item["AlarmName"] != name) || (!type.empty() && item["HistoryItemType"] != type)) return;
    if (time < input.value("StartDate", 0.0) || time > input.value("EndDate", time)) return;
    items.emplace_back(key, item);
  };
  const auto& all = call.txn.All(kAlarmHistory);
  std::int64_t rank = 0;  // pages ascend by key, whatever the order
  if (ascending) {
    for (const auto& [key, item] : all) add(key, item);
  } else {
    for (auto it = all.rbegin(); it != all.rend(); ++it) {
      rank = std::strtoll(it->first.c_str(), nullptr, 10);
      add(fmt::format("{:012}", 999999999999 - rank), it->second);
    }
  }
  Page page = TakePage(std::move(items), Number(input, "MaxRecords", 50), Text(input, "NextToken"), "InvalidNextToken");
  Json answer{{"AlarmHistoryItems", std::move(page.items)}};
  if (!page.next.empty()) answer["NextToken"] = page.next;
  return answer;
}

Json SetActions(Call& call, bool enabled) {
  for (const auto& name : Strings(call.input, "AlarmNames")) {
    if (call.txn.Find(kAlarms, name) != nullptr) call.txn.Edit(kAlarms, name)["ActionsEnabled"] = enabled;
  }
  return Json::object();
}
Json EnableAlarmActions(Cloud&, Call& call) { return SetActions(call, true); }
Json DisableAlarmActions(Cloud&, Call& call) { return SetActions(call, false); }

// The tags of the alarm that an ARN names.
Json& TagsOf(Call& call) {
  const std::string arn = Text(call.input, "ResourceARN");
  const auto found = arn.find(":alarm:");
  const std::string name = found == std::string::npos ? "" : arn.substr(found + 7);
  const Json* alarm = call.txn.Find(kAlarms, name);
  if (alarm == nullptr) {
    throw ApiError("ResourceNotFoundException", "The resource was not found: " + arn,
                   {{"ResourceType", "alarm"}, {"ResourceId", name}});
  }
  return call.txn.Edit(kAlarms, name)["_tags"];
}

Json TagResource(Cloud&, Call& call) {
  MergeTags(TagsOf(call), Items(call.input, "Tags"));
  return Json::object();
}

Json UntagResource(Cloud&, Call& call) {
  RemoveTags(TagsOf(call), Items(call.input, "TagKeys"));
  return Json::object();
}

Json ListTagsForResource(Cloud&, Call& call) { return {{"Tags", TagsOf(call)}}; }

}  // namespace

void RegisterAlarms(Api& api, Cloud& cloud) {
  RegisterHandlers(api, cloud, "cloudwatch",
                   {{"DeleteAlarms", DeleteAlarms},
                    {"DescribeAlarmHistory", DescribeAlarmHistory},
                    {"DescribeAlarms", DescribeAlarms},
                    {"DescribeAlarmsForMetric", DescribeAlarmsForMetric},
                    {"DisableAlarmActions", DisableAlarmActions},
                    {"EnableAlarmActions", EnableAlarmActions},
                    {"ListTagsForResource", ListTagsForResource},
                    {"PutMetricAlarm", PutMetricAlarm},
                    {"SetAlarmState", SetState},
                    {"TagResource", TagResource},
                    {"UntagResource", UntagResource}});
}

}  // namespace adhoc::localcloud::cloudwatch
