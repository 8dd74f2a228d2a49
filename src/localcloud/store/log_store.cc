#include "localcloud/store/log_store.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include <algorithm>
#include <mutex>

namespace adhoc::localcloud {

struct LogStore::Impl {
  explicit Impl(const std::filesystem::path& path)
      : database(path.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 5000) {
    database.exec("PRAGMA journal_mode=WAL");
    database.exec("PRAGMA synchronous=NORMAL");
    database.exec(
        "CREATE TABLE IF NOT EXISTS log_events (id INTEGER PRIMARY KEY AUTOINCREMENT, log_group TEXT NOT NULL, "
        "stream TEXT NOT NULL, timestamp INTEGER NOT NULL, ingestion INTEGER NOT NULL, message BLOB NOT NULL)");
    database.exec("CREATE INDEX IF NOT EXISTS log_events_by_stream ON log_events (log_group, stream, id)");
  }

  std::mutex mutex;
  SQLite::Database database;
};

LogStore::LogStore(const std::filesystem::path& database) : impl_(std::make_unique<Impl>(database)) {}
LogStore::~LogStore() = default;

void LogStore::Append(std::string_view group, std::string_view stream, const std::vector<LogEvent>& events) {
  const std::lock_guard lock(impl_->mutex);
  SQLite::Transaction writing(impl_->database);
  SQLite::Statement insert(
      impl_->database,
      "INSERT INTO log_events (log_group, stream, timestamp, ingestion, message) VALUES (?, ?, ?, ?, ?)");
  for (const auto& event : events) {
    insert.bind(1, std::string(group));
    insert.bind(2, std::string(stream));
    insert.bind(3, event.timestamp_ms);
    insert.bind(4, event.ingestion_ms);
    insert.bind(5, event.message.data(), static_cast<int>(event.message.size()));
    insert.exec();
    insert.reset();
  }
  writing.commit();
}

std::int64_t LogStore::Count(std::string_view group, std::string_view stream) {
  const std::lock_guard lock(impl_->mutex);
  SQLite::Statement count(impl_->database, "SELECT COUNT(*) FROM log_events WHERE log_group = ? AND stream = ?");
  count.bind(1, std::string(group));
  count.bind(2, std::string(stream));
  count.executeStep();
  return count.getColumn(0).getInt64();
}

std::vector<LogEvent> LogStore::Read(const Query& query) {
  std::string sql = "SELECT id, stream, timestamp, ingestion, message FROM log_events WHERE log_group = ?";
  std::vector<std::string> texts{query.group};
  if (!query.streams.empty()) {
    std::string marks;
    for (const auto& stream : query.streams) {
      marks += marks.empty() ? "?" : ", ?";
      texts.push_back(stream);
    }
    sql += " AND stream IN (" + marks + ")";
  }
  if (!query.stream_prefix.empty()) {
    sql += " AND substr(stream, 1, " + std::to_string(query.stream_prefix.size()) + ") = ?";
    texts.push_back(query.stream_prefix);
  }
  if (!query.contains.empty()) {
    sql += " AND instr(CAST(message AS TEXT), ?) > 0";
    texts.push_back(query.contains);
  }
  if (query.start_ms) sql += fmt::format(" AND timestamp >= {}", *query.start_ms);
  if (query.end_ms) sql += fmt::format(" AND timestamp < {}", *query.end_ms);
  sql += fmt::format(" AND id > {} AND id < {} ORDER BY id {} LIMIT {}", query.after_id, query.before_id,
                     query.descending ? "DESC" : "ASC", query.limit);

  const std::lock_guard lock(impl_->mutex);
  SQLite::Statement rows(impl_->database, sql);
  for (int i = 0; i < static_cast<int>(texts.size()); ++i) rows.bind(i + 1, texts[i]);
  std::vector<LogEvent> events;
  while (rows.executeStep()) {
    events.push_back({.timestamp_ms = rows.getColumn(2).getInt64(),
                      .ingestion_ms = rows.getColumn(3).getInt64(),
                      .message = rows.getColumn(4).getString(),
                      .stream = rows.getColumn(1).getString(),
                      .id = rows.getColumn(0).getInt64()});
  }
  if (query.descending) std::reverse(events.begin(), events.end());
  return events;
}

void LogStore::DeleteStream(std::string_view group, std::string_view stream) {
  const std::lock_guard lock(impl_->mutex);
  SQLite::Statement erase(impl_->database, "DELETE FROM log_events WHERE log_group = ? AND stream = ?");
  erase.bind(1, std::string(group));
  erase.bind(2, std::string(stream));
  erase.exec();
}

void LogStore::DeleteGroup(std::string_view group) {
  const std::lock_guard lock(impl_->mutex);
  SQLite::Statement erase(impl_->database, "DELETE FROM log_events WHERE log_group = ?");
  erase.bind(1, std::string(group));
  erase.exec();
}

void LogStore::Reset() {
  const std::lock_guard lock(impl_->mutex);
  impl_->database.exec("DELETE FROM log_events");
}

}  // namespace adhoc::localcloud
