// CloudWatch's datapoints: too many for documents, so they have tables of their own in the same database file. What was
// measured at one time is one row, a statistic set; periods and statistics are made of them when somebody asks
// (metrics/statistics.h).
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace adhoc::localcloud {

struct StatisticSet {
  double count = 0;
  double sum = 0;
  double minimum = 0;
  double maximum = 0;

  static StatisticSet Of(double value, double count = 1) { return {count, value * count, value, value}; }
  void Add(const StatisticSet& other);
  bool operator==(const StatisticSet&) const = default;
};

struct MetricId {
  std::string space;  // AWS/ECS
  std::string name;
  std::map<std::string, std::string> dimensions;
  auto operator<=>(const MetricId&) const = default;
};

struct Measurement {
  MetricId metric;
  double time = 0;  // epoch seconds
  StatisticSet values;
  std::string unit = "None";
};

// Thread-safe.
class MetricStore {
 public:
  explicit MetricStore(const std::filesystem::path& database);
  ~MetricStore();

  void Append(const std::vector<Measurement>& measurements);

  struct Row {
    double time = 0;
    StatisticSet values;
    std::string unit;
  };
  // Of begin <= time < end, ascending. An empty unit: all.
  std::vector<Row> Read(const MetricId& metric, double begin, double end, std::string_view unit = "");

  struct Listed {
    MetricId metric;
    double last = 0;  // when it was measured last
  };
  // Ascending. An empty namespace or name: all.
  std::vector<Listed> List(std::string_view space, std::string_view name);

  // Forgets what was measured earlier, and metrics of which nothing is left.
  void DropBefore(double time);
  void Reset();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace adhoc::localcloud
