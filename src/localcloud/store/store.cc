#include "localcloud/store/store.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include "base/error.h"

namespace adhoc::localcloud {
namespace {

constexpr std::string_view kCounters = "_counters";

// Documents may hold bytes that are not UTF-8 (blobs); they must come back as they were.
std::string Serialize(const Json& document) {
  const auto bytes = Json::to_msgpack(document);
  return {bytes.begin(), bytes.end()};
}

// By number. Replaced as a whole, so that a commit can go through them without a lock.
struct Listeners {
  std::mutex mutex;
  std::shared_ptr<const std::map<int, Store::Listener>> current =
      std::make_shared<const std::map<int, Store::Listener>>();
  int last = 0;

  void Announce(const Changes& changed) {
    std::unique_lock lock(mutex);
    const auto listeners = current;
    lock.unlock();
    for (const auto& [number, listener] : *listeners) listener(changed);
  }
};

}  // namespace

struct Store::Impl {
  explicit Impl(const std::filesystem::path& path)
      : database(path.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 5000) {
    database.exec("PRAGMA journal_mode=WAL");
    // With a write-ahead log, NORMAL survives the death of the process at any point; only a power cut can lose the
    // newest commits, and a power cut takes the containers too.
    database.exec("PRAGMA synchronous=NORMAL");
    database.exec(
        "CREATE TABLE IF NOT EXISTS documents (collection TEXT NOT NULL, key TEXT NOT NULL, document BLOB NOT NULL, "
        "PRIMARY KEY (collection, key)) WITHOUT ROWID");
    SQLite::Statement rows(database, "SELECT collection, key, document FROM documents");
    while (rows.executeStep()) {
      const auto blob = rows.getColumn(2);
      const auto* bytes = static_cast<const std::uint8_t*>(blob.getBlob());
      collections[rows.getColumn(0).getString()][rows.getColumn(1).getString()] =
          Json::from_msgpack(bytes, bytes + blob.getBytes());
    }
  }

  std::mutex mutex;
  SQLite::Database database;
  std::map<std::string, Collection, std::less<>> collections;
  std::shared_ptr<Listeners> listeners = std::make_shared<Listeners>();
};

struct Store::Transaction::Impl {
  explicit Impl(Store::Impl& owner) : store(owner), lock(owner.mutex) {}

  // Remembers how the document was before this transaction first touched it.
  void Remember(std::string_view collection, std::string_view key) {
    auto& before = touched[std::string(collection)];
    if (before.contains(key)) return;
    auto& documents = store.collections[std::string(collection)];
    const auto found = documents.find(key);
    before.emplace(std::string(key), found == documents.end() ? std::nullopt : std::optional<Json>(found->second));
  }

  void RollBack() {
    for (auto& [collection, before] : touched) {
      auto& documents = store.collections[collection];
      for (auto& [key, document] : before) {
        if (document) {
          documents[key] = std::move(*document);
        } else {
          documents.erase(key);
        }
      }
    }
    touched.clear();
  }

  Store::Impl& store;
  std::unique_lock<std::mutex> lock;
  std::map<std::string, std::map<std::string, std::optional<Json>, std::less<>>> touched;
};

Store::Transaction::Transaction(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Store::Transaction::~Transaction() {
  if (impl_ && impl_->lock.owns_lock()) impl_->RollBack();
}

const Json* Store::Transaction::Find(std::string_view collection, std::string_view key) const {
  const auto& documents = All(collection);
  const auto found = documents.find(key);
  return found == documents.end() ? nullptr : &found->second;
}

const Collection& Store::Transaction::All(std::string_view collection) const {
  static const Collection kNone;
  const auto found = impl_->store.collections.find(collection);
  return found == impl_->store.collections.end() ? kNone : found->second;
}

void Store::Transaction::Put(std::string_view collection, std::string_view key, Json document) {
  impl_->Remember(collection, key);
  impl_->store.collections[std::string(collection)].insert_or_assign(std::string(key), std::move(document));
}

Json& Store::Transaction::Edit(std::string_view collection, std::string_view key) {
  if (Find(collection, key) == nullptr) {
    throw Error("no document " + std::string(collection) + "/" + std::string(key));
  }
  impl_->Remember(collection, key);
  return impl_->store.collections.find(collection)->second.find(key)->second;
}

bool Store::Transaction::Erase(std::string_view collection, std::string_view key) {
  if (Find(collection, key) == nullptr) return false;
  impl_->Remember(collection, key);
  auto& documents = impl_->store.collections.find(collection)->second;
  documents.erase(documents.find(key));
  return true;
}

std::int64_t Store::Transaction::NextNumber(std::string_view sequence) {
  const Json* last = Find(kCounters, sequence);
  const std::int64_t next = last == nullptr ? 1 : last->get<std::int64_t>() + 1;
  Put(kCounters, sequence, next);
  return next;
}

void Store::Transaction::Commit() {
  auto& store = impl_->store;
  Changes changed;
  try {
    std::optional<SQLite::Transaction> writing;
    std::optional<SQLite::Statement> replace;
    std::optional<SQLite::Statement> erase;
    for (const auto& [collection, before] : impl_->touched) {
      const auto& documents = store.collections[collection];
      for (const auto& [key, was] : before) {
        const auto now = documents.find(key);
        const bool exists = now != documents.end();
        if (exists == was.has_value() && (!exists || now->second == *was)) continue;
        if (!writing) {
          writing.emplace(store.database);
          replace.emplace(store.database, "INSERT OR REPLACE INTO documents VALUES (?, ?, ?)");
          erase.emplace(store.database, "DELETE FROM documents WHERE collection = ? AND key = ?");
        }
        auto& statement = exists ? *replace : *erase;
        statement.reset();
        statement.bind(1, collection);
        statement.bind(2, key);
        std::string bytes;
        if (exists) {
          bytes = Serialize(now->second);
          statement.bindNoCopy(3, bytes.data(), static_cast<int>(bytes.size()));
        }
        statement.exec();
        statement.clearBindings();
        changed[collection].push_back(key);
      }
    }
    replace.reset();
    erase.reset();
    if (writing) writing->commit();
  } catch (const SQLite::Exception& error) {
    impl_->RollBack();
    impl_->lock.unlock();
    throw Error(std::string("cannot save the change: ") + error.what(), "free some disk space, then try again");
  }
  impl_->touched.clear();
  impl_->lock.unlock();
  if (changed.empty()) return;
  store.listeners->Announce(changed);
}

Store::Store(const std::filesystem::path& database) {
  try {
    impl_ = std::make_unique<Impl>(database);
  } catch (const std::exception& error) {
    throw Error("cannot open the local cloud's database " + database.string() + ": " + error.what(),
                "if the file is damaged, `adhoc local reset` begins anew");
  }
}

Store::~Store() = default;

std::unique_ptr<Store::Transaction> Store::Begin() {
  return std::unique_ptr<Transaction>(new Transaction(std::make_unique<Transaction::Impl>(*impl_)));
}

Subscription Store::Subscribe(Listener listener) {
  auto& listeners = *impl_->listeners;
  const std::lock_guard lock(listeners.mutex);
  const int number = ++listeners.last;
  auto changed = *listeners.current;
  changed.emplace(number, std::move(listener));
  listeners.current = std::make_shared<const std::map<int, Listener>>(std::move(changed));
  return Subscription([weak = std::weak_ptr(impl_->listeners), number] {
    const auto listeners = weak.lock();
    if (!listeners) return;
    const std::lock_guard lock(listeners->mutex);
    auto changed = *listeners->current;
    changed.erase(number);
    listeners->current = std::make_shared<const std::map<int, Listener>>(std::move(changed));
  });
}

bool Store::empty() const {
  const std::lock_guard lock(impl_->mutex);
  return std::all_of(impl_->collections.begin(), impl_->collections.end(),
                     [](const auto& collection) { return collection.second.empty(); });
}

void Store::Reset() {
  Changes changed;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->database.exec("DELETE FROM documents");
    for (const auto& [name, documents] : impl_->collections) {
      for (const auto& [key, document] : documents) changed[name].push_back(key);
    }
    impl_->collections.clear();
  }
  impl_->listeners->Announce(changed);
}

}  // namespace adhoc::localcloud
