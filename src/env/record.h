// What `adhoc` remembers of an environment and the cloud can't tell: the last applied variables, the last good
// revisions, who and when. Losing a record loses history, never the environment.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "events/events.h"

namespace adhoc::env {

struct Record {
  std::string name;    // of the environment
  std::string shared;  // that it is on
  std::string application;
  std::string definition;  // absolute path of adhoc.yaml
  std::string owner;       // who made it: user@host
  double created_at = 0;
  double updated_at = 0;
  std::string url;
  Json variables = Json::object();                    // of the last successful apply; sensitive ones left out
  std::map<std::string, std::string> applied_tags;    // image → tag that the variables gave at the last apply
  std::map<std::string, std::string> good_revisions;  // service → task definition ARN that was last seen healthy
  std::map<std::string, double> durations;            // ApplyResult's, of the last times
  struct Entry {
    double at = 0;
    std::string who;
    std::string what;  // `up`, `deploy backend v1.1.0`
    bool ok = true;
  };
  std::vector<Entry> history;  // the newest last, at most 50

  void Remember(Entry entry);
};

Json ToJson(const Record& record);
Record RecordFromJson(const Json& json);

// Who works on an environment now.
struct LockHolder {
  std::string who;   // user@host
  std::string what;  // `adhoc up alpha`
  int pid = 0;
  std::string host;
  double since = 0;
  double expires = 0;  // a lease: renewed while the holder lives
};
Json ToJson(const LockHolder& holder);
LockHolder HolderFromJson(const Json& json);

bool SameHolder(const LockHolder& a, const LockHolder& b);
// Its lease is over, or it was a process of this machine that no longer exists.
bool IsGone(const LockHolder& holder, double now);

// What the lock of an environment, or of a set of shared resources, is called.
inline std::string EnvironmentLock(const std::string& environment) { return "environment " + environment; }
inline std::string SharedLock(const std::string& shared) { return "shared resources " + shared; }

// The target's records and locks. Thread-safe; safe between processes.
class RecordStore {
 public:
  virtual ~RecordStore() = default;
  virtual std::optional<Record> Get(const std::string& environment) = 0;
  virtual std::vector<Record> List() = 0;
  virtual void Put(const Record& record) = 0;
  virtual void Delete(const std::string& environment) = 0;

  // For how long a lock is its holder's without being renewed. Renewed at a third of it, so two renewals may fail.
  virtual std::chrono::seconds lease() const = 0;
  // Takes the lock of `key` when it is free, expired, held by us, or held by a process of this host that is gone.
  // Otherwise returns the holder.
  virtual std::optional<LockHolder> TryLock(const std::string& key, const LockHolder& us) = 0;
  // Extends the lease of a lock that is ours; false when it no longer is.
  virtual bool Renew(const std::string& key, const LockHolder& us) = 0;
  virtual void Unlock(const std::string& key, const LockHolder& us) = 0;
  // Nothing when it is free.
  virtual std::optional<LockHolder> Holder(const std::string& key) = 0;
  // Frees it, whoever has it. That one's next renewal fails.
  virtual void Break(const std::string& key) = 0;
};

// In an SQLite file; for the local target. Throws Error.
std::unique_ptr<RecordStore> OpenLocalRecords(const std::string& path, Clock& clock);

// Holds a lock, renewing its lease from a thread, until destroyed.
class Lock {
 public:
  // Waits up to `patience` for another holder, saying once who it is. Throws Error naming the holder. `lost` is called,
  // from the renewing thread, when the lease is over or another's: from then on somebody else may be at work, so the
  // holder has to stop.
  Lock(RecordStore& records, std::string key, std::string what, std::chrono::seconds patience, events::Sink& sink,
       Clock& clock, std::stop_token stop, std::function<void()> lost = {});
  ~Lock();
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// user@host of this process.
std::string WhoAmI();

}  // namespace adhoc::env
