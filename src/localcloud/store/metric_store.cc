#include "localcloud/store/metric_store.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <mutex>

#include "base/json.h"

namespace adhoc::localcloud {
namespace {

MetricId IdOf(SQLite::Statement& row) {
  return {row.getColumn(0).getString(), row.getColumn(1).getString(),
          Json::parse(row.getColumn(2).getString()).get<std::map<std::string, std::string>>()};
}

}  // namespace

void StatisticSet::Add(const StatisticSet& other) {
  if (other.count == 0) return;
  minimum = count == 0 ? other.minimum : std::min(minimum, other.minimum);
  maximum = count == 0 ? other.maximum : std::max(maximum, other.maximum);
  count += other.count;
  sum += other.sum;
}

struct MetricStore::Impl {
  explicit Impl(const std::filesystem::path& path)
      : database(path.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 5000) {
    database.exec("PRAGMA journal_mode=WAL");
    database.exec("PRAGMA synchronous=NORMAL");
    database.exec(
        "CREATE TABLE IF NOT EXISTS metrics (id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, name TEXT NOT NULL, "
        "dimensions TEXT NOT NULL, last REAL NOT NULL, UNIQUE (namespace, name, dimensions))");
    database.exec(
        "CREATE TABLE IF NOT EXISTS measurements (metric INTEGER NOT NULL, time REAL NOT NULL, count REAL NOT NULL, "
        "sum REAL NOT NULL, minimum REAL NOT NULL, maximum REAL NOT NULL, unit TEXT NOT NULL)");
    database.exec("CREATE INDEX IF NOT EXISTS measurements_by_metric ON measurements (metric, time)");
    SQLite::Statement rows(database, "SELECT namespace, name, dimensions, id FROM metrics");
    while (rows.executeStep()) ids[IdOf(rows)] = rows.getColumn(3).getInt64();
  }

  // Announced in the database, too, within the caller's transaction.
  std::int64_t Touch(const MetricId& metric, double time) {
    SQLite::Statement touch(
        database,
        "INSERT INTO metrics (namespace, name, dimensions, last) VALUES (?, ?, ?, ?) ON CONFLICT DO "
        "UPDATE SET last = max(last, excluded.last) RETURNING id");
    touch.bind(1, metric.space);
    touch.bind(2, metric.name);
    touch.bind(3, Json(metric.dimensions).dump());
    touch.bind(4, time);
    touch.executeStep();
    return touch.getColumn(0).getInt64();
  }

  std::mutex mutex;
  SQLite::Database database;
  std::map<MetricId, std::int64_t> ids;
};

MetricStore::MetricStore(const std::filesystem::path& database) : impl_(std::make_unique<Impl>(database)) {}
MetricStore::~MetricStore() = default;

void MetricStore::Append(const std::vector<Measurement>& measurements) {
  if (measurements.empty()) return;
  const std::lock_guard lock(impl_->mutex);
  SQLite::Transaction writing(impl_->database);
  SQLite::Statement insert(impl_->database, "INSERT INTO measurements VALUES (?, ?, ?, ?, ?, ?, ?)");
  std::map<MetricId, std::int64_t> touched;
  for (const auto& [metric, time, values, unit] : measurements) {
    const std::int64_t id = impl_->Touch(metric, time);
    touched[metric] = id;
    insert.bind(1, id);
    insert.bind(2, time);
    insert.bind(3, values.count);
    insert.bind(4, values.sum);
    insert.bind(5, values.minimum);
    insert.bind(6, values.maximum);
    insert.bind(7, unit);
    insert.exec();
    insert.reset();
  }
  writing.commit();
  impl_->ids.merge(touched);
}

std::vector<MetricStore::Row> MetricStore::Read(const MetricId& metric, double begin, double end,
                                                std::string_view unit) {
  const std::lock_guard lock(impl_->mutex);
  const auto id = impl_->ids.find(metric);
  if (id == impl_->ids.end()) return {};
  SQLite::Statement rows(impl_->database,
                         "SELECT time, count, sum, minimum, maximum, unit FROM measurements WHERE metric = ? AND time "
                         ">= ? AND time < ? AND (? = '' OR unit = ?) ORDER BY time");
  rows.bind(1, id->second);
  rows.bind(2, begin);
  rows.bind(3, end);
  rows.bind(4, std::string(unit));
  rows.bind(5, std::string(unit));
  std::vector<Row> found;
  while (rows.executeStep()) {
    found.push_back({.time = rows.getColumn(0).getDouble(),
                     .values = {.count = rows.getColumn(1).getDouble(),
                                .sum = rows.getColumn(2).getDouble(),
                                .minimum = rows.getColumn(3).getDouble(),
                                .maximum = rows.getColumn(4).getDouble()},
                     .unit = rows.getColumn(5).getString()});
  }
  return found;
}

std::vector<MetricStore::Listed> MetricStore::List(std::string_view space, std::string_view name) {
  const std::lock_guard lock(impl_->mutex);
  SQLite::Statement rows(impl_->database,
                         "SELECT namespace, name, dimensions, last FROM metrics WHERE (? = '' OR namespace = ?) AND (? "
                         "= '' OR name = ?)");
  rows.bind(1, std::string(space));
  rows.bind(2, std::string(space));
  rows.bind(3, std::string(name));
  rows.bind(4, std::string(name));
  std::vector<Listed> found;
  while (rows.executeStep()) found.push_back({IdOf(rows), rows.getColumn(3).getDouble()});
  std::sort(found.begin(), found.end(), [](const Listed& a, const Listed& b) { return a.metric < b.metric; });
  return found;
}

void MetricStore::DropBefore(double time) {
  const std::lock_guard lock(impl_->mutex);
  SQLite::Transaction writing(impl_->database);
  SQLite::Statement measurements(impl_->database, "DELETE FROM measurements WHERE time < ?");
  measurements.bind(1, time);
  measurements.exec();
  SQLite::Statement metrics(impl_->database, "DELETE FROM metrics WHERE last < ? RETURNING id");
  metrics.bind(1, time);
  while (metrics.executeStep()) {
    const std::int64_t id = metrics.getColumn(0).getInt64();
    std::erase_if(impl_->ids, [&](const auto& item) { return item.second == id; });
  }
  writing.commit();
}

void MetricStore::Reset() {
  const std::lock_guard lock(impl_->mutex);
  impl_->database.exec("DELETE FROM measurements");
  impl_->database.exec("DELETE FROM metrics");
  impl_->ids.clear();
}

}  // namespace adhoc::localcloud
