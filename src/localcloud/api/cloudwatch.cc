// Amazon CloudWatch's metrics (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/). Alarms are in
// cloudwatch_alarms.cc.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "localcloud/api/cloudwatch_internal.h"
#include "localcloud/api/support.h"
#include "localcloud/metrics/statistics.h"

namespace adhoc::localcloud {
namespace cloudwatch {
namespace {

constexpr double kOldest = 14 * 86400;
constexpr double kNewest = 2 * 3600;
constexpr double kRecently = 3 * 3600;
constexpr std::size_t kMaxDimensions = 30;
constexpr std::int64_t kMetricsInPage = 500;
constexpr std::size_t kMaxDatapoints = 1440;
constexpr std::int64_t kMaxDataInPage = 100800;

[[noreturn]] void Invalid(const std::string& message) { throw ApiError("InvalidParameterValue", message); }

void CheckPeriod(double period) {
  for (const double allowed : {1, 5, 10, 20, 30}) {
    if (period == allowed) return;
  }
  if (period < 60 || std::fmod(period, 60) != 0) {
    Invalid("The parameter Period must be 1, 5, 10, 20, 30, or a multiple of 60.");
  }
}

// What one datum says was measured, most of the time one row.
std::vector<StatisticSet> ValuesOf(const Json& datum) {
  const auto number = [](const Json& value) {
    const double given = value.get<double>();
    if (!std::isfinite(given)) Invalid("The value for parameter MetricData is not a number that can be kept.");
    return given;
  };
  const bool single = datum.contains("Value");
  const bool set = datum.contains("StatisticValues");
  const Json& values = Items(datum, "Values");
  if (int(single) + int(set) + int(!values.empty()) > 1) {
    throw ApiError("InvalidParameterCombination",
                   "The parameters MetricData.member.Value, MetricData.member.Values and "
                   "MetricData.member.StatisticValues are mutually exclusive and you have specified more than one.");
  }
  if (single) return {StatisticSet::Of(number(datum["Value"]))};
  if (set) {
    const Json& given = datum["StatisticValues"];
    const StatisticSet values_of_set{number(given["SampleCount"]), number(given["Sum"]), number(given["Minimum"]),
                                     number(given["Maximum"])};
    if (values_of_set.count <= 0) Invalid("The parameter StatisticValues.SampleCount must be greater than 0.");
    return {values_of_set};
  }
  const Json& counts = Items(datum, "Counts");
  if (!counts.empty() && counts.size() != values.size()) {
    Invalid("The parameters MetricData.member.Values and MetricData.member.Counts must be of the same size.");
  }
  std::vector<StatisticSet> rows;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double count = counts.empty() ? 1 : number(counts[i]);
    if (count > 0) rows.push_back(StatisticSet::Of(number(values[i]), count));
  }
  if (rows.empty()) {
    throw ApiError("MissingParameter",
                   "At least one of the parameters MetricData.member.Value, "
                   "MetricData.member.Values or MetricData.member.StatisticValues must be specified.");
  }
  return rows;
}

Json PutMetricData(Cloud& cloud, Call& call) {
  const std::string space = Text(call.input, "Namespace");
  if (StartsWith(space, "AWS/")) {
    Invalid("The value AWS/ for parameter Namespace is invalid.");
  }
  const double now = cloud.Now();
  std::vector<Measurement> measurements;
  for (const Json& datum : Items(call.input, "MetricData")) {
    MetricId metric{space, Text(datum, "MetricName"), DimensionsOf(datum)};
    double time = datum.value("Timestamp", now);
    if (time < now - kOldest || time > now + kNewest) {
      Invalid(
          "The parameter MetricData.member.Timestamp must specify a time within the past two weeks and up to two "
          "hours in the future.");
    }
    time = datum.value("StorageResolution", 60) == 1 ? std::floor(time) : std::floor(time / 60) * 60;
    for (const StatisticSet& values : ValuesOf(datum)) {
      measurements.push_back({metric, time, values, Text(datum, "Unit", "None")});
    }
  }
  cloud.metrics.Append(measurements);
  return Json::object();
}

// The period that `time` is in begins at a whole minute, or at a multiple of a shorter one.
double RoundDown(double time, double period) {
  const double unit = std::min(period, 60.0);
  return std::floor(time / unit) * unit;
}

Json GetMetricStatistics(Cloud& cloud, Call& call) {
  const Json& input = call.input;
  const double period = input["Period"];
  CheckPeriod(period);
  const double begin = RoundDown(input["StartTime"], period);
  const double end = input["EndTime"];
  if (begin >= end) {
    throw ApiError("InvalidParameterCombination", "The parameter StartTime must be less than the parameter EndTime.");
  }
  if (const double asked = std::ceil((end - begin) / period); asked > kMaxDatapoints) {
    throw ApiError("InvalidParameterCombination",
                   fmt::format("You have requested up to {:.0f} datapoints, which exceeds the limit of 1,440. You may "
                               "reduce the datapoints requested by increasing Period, or decreasing the time range.",
                               asked));
  }
  std::vector<std::string> statistics = Strings(input, "Statistics");
  const std::vector<std::string> extended = Strings(input, "ExtendedStatistics");
  if (statistics.empty() && extended.empty()) {
    throw ApiError("MissingParameter", "The parameter Statistics or ExtendedStatistics must be specified.");
  }
  for (const auto& statistic : extended) CheckStatistic(statistic);
  const auto rows = cloud.metrics.Read({Text(input, "Namespace"), Text(input, "MetricName"), DimensionsOf(input)},
                                       begin, end, Text(input, "Unit"));
  Json datapoints = Json::array();
  for (const auto& [time, in_it] : SplitByPeriod(rows, period, begin)) {
    Json point{{"Timestamp", time}, {"Unit", in_it.front().unit}};
    for (const auto& statistic : statistics) {
      if (const auto value = Compute(statistic, in_it)) point[statistic] = *value;
    }
    for (const auto& statistic : extended) {
      if (const auto value = Compute(statistic, in_it)) point["ExtendedStatistics"][statistic] = *value;
    }
    datapoints.push_back(std::move(point));
  }
  return {{"Label", Text(input, "MetricName")}, {"Datapoints", std::move(datapoints)}};
}

struct Series {
  std::vector<double> times;
  std::vector<double> values;
};

Series Query(Cloud& cloud, const Json& stat, double begin, double end) {
  const Json& metric = stat["Metric"];
  const double period = stat["Period"];
  CheckPeriod(period);
  CheckStatistic(Text(stat, "Stat"));
  const double first = RoundDown(begin, period);
  Series series;
  const auto rows = cloud.metrics.Read({Text(metric, "Namespace"), Text(metric, "MetricName"), DimensionsOf(metric)},
                                       first, end, Text(stat, "Unit"));
  for (const auto& [time, in_it] : SplitByPeriod(rows, period, first)) {
    if (const auto value = Compute(Text(stat, "Stat"), in_it)) {
      series.times.push_back(time);
      series.values.push_back(*value);
    }
  }
  return series;
}

Json GetMetricData(Cloud& cloud, Call& call) {
  const Json& input = call.input;
  const double begin = input["StartTime"];
  const double end = input["EndTime"];
  if (begin >= end) throw ApiError("ValidationError", "The parameter EndTime must be greater than StartTime.");
  const bool ascending = Text(input, "ScanBy") == "TimestampAscending";
  const auto limit = static_cast<std::size_t>(Number(input, "MaxDatapoints", kMaxDataInPage));
  std::size_t skipped = 0;
  if (const std::string token = Text(input, "NextToken"); !token.empty()) {
    const auto [rest, error] = std::from_chars(token.data(), token.data() + token.size(), skipped);
    if (error != std::errc()) throw ApiError("InvalidNextToken", "The specified token is not valid.");
  }
  Json results = Json::array();
  std::size_t position = 0;  // in all datapoints of all queries
  bool more = false;
  for (const Json& query : Items(input, "MetricDataQueries")) {
    if (query.contains("Expression")) {
      throw ApiError("ValidationError", fmt::format("Metric math is not answered here: {}", Text(query, "Expression")));
    }
    if (!query.contains("MetricStat")) {
      throw ApiError("ValidationError",
                     fmt::format("The query {} has neither MetricStat nor Expression.", Text(query, "Id")));
    }
    if (!Flag(query, "ReturnData", true)) continue;
    Series series = Query(cloud, query["MetricStat"], begin, end);
    if (!ascending) {
      std::reverse(series.times.begin(), series.times.end());
      std::reverse(series.values.begin(), series.values.end());
    }
    Json times = Json::array();
    Json values = Json::array();
    for (std::size_t i = 0; i < series.times.size(); ++i, ++position) {
      if (position < skipped) continue;
      if (position >= skipped + limit) {
        more = true;
        continue;
      }
      times.push_back(series.times[i]);
      values.push_back(series.values[i]);
    }
    results.push_back({{"Id", query["Id"]},
                       {"Label", Text(query, "Label", Text(query["MetricStat"]["Metric"], "MetricName"))},
                       {"Timestamps", std::move(times)},
                       {"Values", std::move(values)},
                       {"StatusCode", more ? "PartialData" : "Complete"}});
  }
  Json answer{{"MetricDataResults", std::move(results)}, {"Messages", Json::array()}};
  if (more) answer["NextToken"] = std::to_string(skipped + limit);
  return answer;
}

bool HasDimensions(const MetricId& metric, const Json& filters) {
  return std::all_of(filters.begin(), filters.end(), [&](const Json& filter) {
    const auto found = metric.dimensions.find(Text(filter, "Name"));
    return found != metric.dimensions.end() && (!filter.contains("Value") || found->second == filter["Value"]);
  });
}

Json ListMetrics(Cloud& cloud, Call& call) {
  const double oldest = cloud.Now() - (call.input.contains("RecentlyActive") ? kRecently : kOldest);
  KeyedItems items;
  for (const auto& [metric, last] : cloud.metrics.List(Text(call.input, "Namespace"), Text(call.input, "MetricName"))) {
    if (last < oldest || !HasDimensions(metric, Items(call.input, "Dimensions"))) continue;
    Json dimensions = Json::array();
    for (const auto& [name, value] : metric.dimensions) dimensions.push_back({{"Name", name}, {"Value", value}});
    const std::string key = metric.space + '\n' + metric.name + '\n' + dimensions.dump();
    items.emplace_back(key, Json{{"Namespace", metric.space}, {"MetricName", metric.name}, {"Dimensions", dimensions}});
  }
  std::sort(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  Page page = TakePage(std::move(items), kMetricsInPage, Text(call.input, "NextToken"), "InvalidParameterValue");
  Json answer{{"Metrics", std::move(page.items)}};
  if (!page.next.empty()) answer["NextToken"] = page.next;
  return answer;
}

}  // namespace

void CheckStatistic(const std::string& statistic) {
  if (IsStatistic(statistic)) return;
  Invalid(fmt::format(
      "The statistic {} is not answered here: Average, Sum, Minimum, Maximum, SampleCount and p0 to p100 are.",
      statistic));
}

std::map<std::string, std::string> DimensionsOf(const Json& document) {
  std::map<std::string, std::string> dimensions;
  for (const Json& dimension : Items(document, "Dimensions"))
    dimensions[Text(dimension, "Name")] = Text(dimension, "Value");
  if (dimensions.size() > kMaxDimensions)
    Invalid("The collection MetricData.member.Dimensions must not have a size greater than 30.");
  return dimensions;
}

}  // namespace cloudwatch

void RegisterCloudwatch(Api& api, Cloud& cloud) {
  RegisterHandlers(api, cloud, "cloudwatch",
                   {{"GetMetricData", cloudwatch::GetMetricData},
                    {"GetMetricStatistics", cloudwatch::GetMetricStatistics},
                    {"ListMetrics", cloudwatch::ListMetrics},
                    {"PutMetricData", cloudwatch::PutMetricData}});
  cloudwatch::RegisterAlarms(api, cloud);
}

}  // namespace adhoc::localcloud
