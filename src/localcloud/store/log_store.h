// CloudWatch Logs' events: too many for documents, so they have a table of their own in the same database file.
// Group and stream metadata are documents (`logs.groups`, `logs.streams`).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace adhoc::localcloud {

struct LogEvent {
  std::int64_t timestamp_ms = 0;
  std::int64_t ingestion_ms = 0;
  std::string message;
  std::string stream;   // set by Read
  std::int64_t id = 0;  // ascending in order of arrival; unique; set by Read
};

// Thread-safe.
class LogStore {
 public:
  explicit LogStore(const std::filesystem::path& database);
  ~LogStore();

  void Append(std::string_view group, std::string_view stream, const std::vector<LogEvent>& events);
  std::int64_t Count(std::string_view group, std::string_view stream);

  struct Query {
    std::string group;
    std::vector<std::string> streams;  // empty: all
    std::string stream_prefix;
    std::optional<std::int64_t> start_ms;  // inclusive
    std::optional<std::int64_t> end_ms;    // exclusive
    std::int64_t after_id = 0;             // ascending paging
    std::int64_t before_id = INT64_MAX;    // descending paging
    bool descending = false;               // take the newest `limit` events of those that match
    int limit = 10000;
    std::string contains;  // plain substring; empty: all
  };
  std::vector<LogEvent> Read(const Query& query);  // ascending by id, whatever the direction of paging

  void DeleteStream(std::string_view group, std::string_view stream);
  void DeleteGroup(std::string_view group);
  void Reset();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace adhoc::localcloud
