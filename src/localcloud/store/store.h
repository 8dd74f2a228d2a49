// Everything the local cloud knows, as documents in collections: `ecs.services` / `alpha-cluster/alpha-gunicorn` →
// JSON.
//
// All of it is in memory, ordered by key, and written through to SQLite: a commit returns after the transaction is in
// the database file, so what an API call accepted survives `kill -9`. A transaction that ends without Commit leaves no
// trace. One transaction runs at a time (it holds the store's lock), so keep them short: no container, network or file
// work inside.
//
// Documents have the shape that the service's Describe call answers, plus private fields, whose names begin with '_'
// and which the codec leaves out of answers. Controllers (scheduler, load balancer, database) talk to each other only
// through documents, and are woken by commits that touch the collections they watch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace adhoc::localcloud {

using Collection = std::map<std::string, Json, std::less<>>;
using CollectionNames = std::set<std::string, std::less<>>;
// Of each collection that a commit touched, the keys of the documents that it made, changed, or erased.
using Changes = std::map<std::string, std::vector<std::string>, std::less<>>;

// Ends a subscription when destroyed. May outlive the store.
class Subscription {
 public:
  Subscription() = default;
  explicit Subscription(std::function<void()> end) : end_(std::move(end)) {}
  Subscription(Subscription&& other) noexcept : end_(std::exchange(other.end_, nullptr)) {}
  Subscription& operator=(Subscription&& other) noexcept {
    std::swap(end_, other.end_);
    return *this;
  }
  ~Subscription() {
    if (end_) end_();
  }

 private:
  std::function<void()> end_;
};

// Thread-safe.
class Store {
 public:
  // Opens or makes the database; throws Error when the file is damaged or the disk is full. ":memory:" for tests.
  explicit Store(const std::filesystem::path& database);
  ~Store();

  // Not thread-safe: it belongs to the thread that began it.
  class Transaction {
   public:
    ~Transaction();  // rolls back unless committed
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    // References stay valid until the document is erased or the transaction ends.
    const Json* Find(std::string_view collection, std::string_view key) const;
    const Collection& All(std::string_view collection) const;  // empty when there is none
    void Put(std::string_view collection, std::string_view key, Json document);
    // Gives access for changing; throws Error when the document does not exist.
    Json& Edit(std::string_view collection, std::string_view key);
    bool Erase(std::string_view collection, std::string_view key);
    // A counter that never returns the same number twice, beginning with 1; part of the transaction.
    std::int64_t NextNumber(std::string_view sequence);

    // Writes and announces. Throws Error (disk full) and rolls back. Nothing may be called afterwards.
    void Commit();

   private:
    friend class Store;
    struct Impl;
    explicit Transaction(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
  };

  std::unique_ptr<Transaction> Begin();

  // The listener is called after each commit, outside the lock, on the committing thread, with what it changed, until
  // its subscription is destroyed. A commit on another thread may then still be calling it for the last time, so what
  // it refers to must outlive it: capture shared state.
  using Listener = std::function<void(const Changes& changed)>;
  [[nodiscard]] Subscription Subscribe(Listener listener);

  // Erases every document and counter.
  void Reset();
  bool empty() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace adhoc::localcloud
