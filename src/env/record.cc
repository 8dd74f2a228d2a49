#include "env/record.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "base/error.h"

namespace adhoc::env {
namespace {

constexpr std::size_t kKeptHistory = 50;

std::string HostName() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

class LocalRecords final : public RecordStore {
 public:
  LocalRecords(const std::string& path, Clock& clock)
      : clock_(clock), database_(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 10000) {
    // Not WAL: of two processes that turn it on in a new file at once, SQLite refuses one without waiting.
    database_.exec("CREATE TABLE IF NOT EXISTS records (environment TEXT PRIMARY KEY, record TEXT NOT NULL)");
    database_.exec("CREATE TABLE IF NOT EXISTS locks (key TEXT PRIMARY KEY, holder TEXT NOT NULL)");
  }

  std::optional<Record> Get(const std::string& environment) override {
    const std::lock_guard lock(mutex_);
    SQLite::Statement row(database_, "SELECT record FROM records WHERE environment = ?");
    row.bind(1, environment);
    if (!row.executeStep()) return std::nullopt;
    return RecordFromJson(Json::parse(row.getColumn(0).getString()));
  }

  std::vector<Record> List() override {
    const std::lock_guard lock(mutex_);
    SQLite::Statement rows(database_, "SELECT record FROM records ORDER BY environment");
    std::vector<Record> records;
    while (rows.executeStep()) records.push_back(RecordFromJson(Json::parse(rows.getColumn(0).getString())));
    return records;
  }

  void Put(const Record& record) override {
    const std::lock_guard lock(mutex_);
    SQLite::Statement write(database_, "INSERT OR REPLACE INTO records VALUES (?, ?)");
    write.bind(1, record.name);
    write.bind(2, env::ToJson(record).dump());
    write.exec();
  }

  void Delete(const std::string& environment) override {
    const std::lock_guard lock(mutex_);
    SQLite::Statement erase(database_, "DELETE FROM records WHERE environment = ?");
    erase.bind(1, environment);
    erase.exec();
  }

  std::chrono::seconds lease() const override { return std::chrono::seconds(30); }

  std::optional<LockHolder> TryLock(const std::string& key, const LockHolder& us) override {
    const std::lock_guard lock(mutex_);
    SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
    const auto holder = ReadLock(key);
    if (holder && !SameHolder(*holder, us) && !IsGone(*holder, ToSeconds(clock_.Now()))) return holder;
    WriteLock(key, us);
    transaction.commit();
    return std::nullopt;
  }

  bool Renew(const std::string& key, const LockHolder& us) override {
    const std::lock_guard lock(mutex_);
    SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
    const auto holder = ReadLock(key);
    if (!holder || !SameHolder(*holder, us)) return false;
    WriteLock(key, us);
    transaction.commit();
    return true;
  }

  void Unlock(const std::string& key, const LockHolder& us) override {
    const std::lock_guard lock(mutex_);
    SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
    const auto holder = ReadLock(key);
    if (!holder || !SameHolder(*holder, us)) return;
    EraseLock(key);
    transaction.commit();
  }

  std::optional<LockHolder> Holder(const std::string& key) override {
    const std::lock_guard lock(mutex_);
    const auto holder = ReadLock(key);
    return holder && !IsGone(*holder, ToSeconds(clock_.Now())) ? holder : std::nullopt;
  }

  void Break(const std::string& key) override {
    const std::lock_guard lock(mutex_);
    EraseLock(key);
  }

 private:
  std::optional<LockHolder> ReadLock(const std::string& key) {
    SQLite::Statement row(database_, "SELECT holder FROM locks WHERE key = ?");
    row.bind(1, key);
    if (!row.executeStep()) return std::nullopt;
    return HolderFromJson(Json::parse(row.getColumn(0).getString()));
  }

  void WriteLock(const std::string& key, LockHolder holder) {
    holder.expires = ToSeconds(clock_.Now() + lease());
    SQLite::Statement write(database_, "INSERT OR REPLACE INTO locks VALUES (?, ?)");
    write.bind(1, key);
    write.bind(2, env::ToJson(holder).dump());
    write.exec();
  }

  void EraseLock(const std::string& key) {
    SQLite::Statement erase(database_, "DELETE FROM locks WHERE key = ?");
    erase.bind(1, key);
    erase.exec();
  }

  Clock& clock_;
  std::mutex mutex_;
  SQLite::Database database_;
};

}  // namespace

Json ToJson(const LockHolder& holder) {
  return {{"who", holder.who},   {"what", holder.what},   {"pid", holder.pid},
          {"host", holder.host}, {"since", holder.since}, {"expires", holder.expires}};
}

LockHolder HolderFromJson(const Json& json) {
  return {.who = json.value("who", ""),
          .what = json.value("what", ""),
          .pid = json.value("pid", 0),
          .host = json.value("host", ""),
          .since = json.value("since", 0.0),
          .expires = json.value("expires", 0.0)};
}

bool SameHolder(const LockHolder& a, const LockHolder& b) {
  return a.pid == b.pid && a.host == b.host && a.since == b.since;
}

bool IsGone(const LockHolder& holder, double now) {
  if (holder.expires < now) return true;
  return holder.host == HostName() && kill(holder.pid, 0) != 0 && errno == ESRCH;
}

void Record::Remember(Entry entry) {
  history.push_back(std::move(entry));
  if (history.size() > kKeptHistory) history.erase(history.begin(), history.end() - kKeptHistory);
}

Json ToJson(const Record& record) {
  Json history = Json::array();
  for (const auto& entry : record.history) {
    history.push_back({{"at", entry.at}, {"who", entry.who}, {"what", entry.what}, {"ok", entry.ok}});
  }
  return {{"name", record.name},
          {"shared", record.shared},
          {"application", record.application},
          {"definition", record.definition},
          {"owner", record.owner},
          {"created_at", record.created_at},
          {"updated_at", record.updated_at},
          {"url", record.url},
          {"variables", record.variables},
          {"applied_tags", record.applied_tags},
          {"good_revisions", record.good_revisions},
          {"durations", record.durations},
          {"history", history}};
}

Record RecordFromJson(const Json& json) {
  Record record{.name = json.value("name", ""),
                .shared = json.value("shared", ""),
                .application = json.value("application", ""),
                .definition = json.value("definition", ""),
                .owner = json.value("owner", ""),
                .created_at = json.value("created_at", 0.0),
                .updated_at = json.value("updated_at", 0.0),
                .url = json.value("url", ""),
                .variables = json.value("variables", Json::object()),
                .applied_tags = json.value("applied_tags", std::map<std::string, std::string>()),
                .good_revisions = json.value("good_revisions", std::map<std::string, std::string>()),
                .durations = json.value("durations", std::map<std::string, double>()),
                .history = {}};
  for (const Json& entry : json.value("history", Json::array())) {
    record.history.push_back({.at = entry.value("at", 0.0),
                              .who = entry.value("who", ""),
                              .what = entry.value("what", ""),
                              .ok = entry.value("ok", true)});
  }
  return record;
}

std::unique_ptr<RecordStore> OpenLocalRecords(const std::string& path, Clock& clock) {
  try {
    return std::make_unique<LocalRecords>(path, clock);
  } catch (const SQLite::Exception& error) {
    throw Error(fmt::format("cannot open the records {}: {}", path, error.what()),
                "is the disk full, or the file another's?");
  }
}

struct Lock::Impl {
  RecordStore& records;
  std::string key;
  LockHolder us;
  events::Sink& sink;
  Clock& clock;
  std::function<void()> lost;
  std::jthread renewal;  // last: it uses the others

  void Renew(const std::stop_token& ending) {
    TimePoint renewed = clock.Now();
    Duration pause = records.lease() / 2;
    while (clock.SleepFor(pause, ending)) {
      std::string why = "another command has it";
      try {
        if (records.Renew(key, us)) {
          renewed = clock.Now();
          pause = records.lease() / 2;
          continue;
        }
      } catch (const std::exception& error) {
        // Tried again in time: the lease outlives some failures.
        pause = records.lease() / 8;
        if (clock.Now() - renewed < records.lease()) continue;
        why = error.what();
      }
      sink.Emit(events::Notice{
          .level = events::Notice::Level::kError,
          .text = fmt::format("the lock of {} is lost: {}; stopping, since somebody else may change it now", key, why),
          .hint = "run the command again: it goes on from here"});
      if (lost) lost();
      return;
    }
  }
};

Lock::Lock(RecordStore& records, std::string key, std::string what, std::chrono::seconds patience, events::Sink& sink,
           Clock& clock, std::stop_token stop, std::function<void()> lost)
    : impl_(new Impl{.records = records,
                     .key = std::move(key),
                     .us = {.who = WhoAmI(),
                            .what = std::move(what),
                            .pid = getpid(),
                            .host = HostName(),
                            .since = ToSeconds(clock.Now())},
                     .sink = sink,
                     .clock = clock,
                     .lost = std::move(lost),
                     .renewal = {}}) {
  const TimePoint deadline = clock.Now() + patience;
  bool told = false;
  while (const auto holder = records.TryLock(impl_->key, impl_->us)) {
    const std::string text =
        fmt::format("{} is being changed by {} (`{}`, pid {}, for {:.0f} s)", impl_->key, holder->who, holder->what,
                    holder->pid, ToSeconds(clock.Now()) - holder->since);
    if (clock.Now() >= deadline) throw Error(text, "wait until it has ended, then run the command again");
    if (!told) sink.Emit(events::Notice{.text = text + "; waiting for it to end"});
    told = true;
    do {
      if (!clock.SleepFor(Duration(records.lease()) / 100, stop)) throw Error("stopped while waiting for the lock");
    } while (clock.Now() < deadline && records.Holder(impl_->key));
  }
  impl_->renewal = std::jthread([impl = impl_.get()](std::stop_token ending) { impl->Renew(ending); });
}

Lock::~Lock() {
  impl_->renewal.request_stop();
  impl_->renewal.join();
  try {
    impl_->records.Unlock(impl_->key, impl_->us);
  } catch (const std::exception&) {
    // The lease runs out by itself.
  }
}

std::string WhoAmI() {
  const char* user = std::getenv("USER");
  if (user == nullptr || *user == '\0') {
    const passwd* entry = getpwuid(getuid());
    user = entry != nullptr ? entry->pw_name : "unknown";
  }
  return fmt::format("{}@{}", user, HostName());
}

}  // namespace adhoc::env
