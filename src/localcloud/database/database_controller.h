// Makes `rds.instances` true: a PostgreSQL container per instance on its VPC's network, whose alias is the endpoint's
// name and whose data is in a volume of its own.
//
// As on RDS, the master user is no superuser: the superuser is rdsadmin, reachable only from inside the container, and
// the master is a member of rds_superuser that may create databases and roles. Passwords travel as SCRAM verifiers
// only.
//
// Private fields of an instance: `_desired` (available, stopped, deleted), `_vpc`, `_subnet`, `_volume`, `_verifier`
// (of the master's password) and `_applied_verifier` (what the database has), `_address` (the endpoint's name),
// `_reboot`; the controller adds `_eni` and `_ip`. `_configured` says that this start of the container has been set up.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/json.h"
#include "localcloud/cloud.h"
#include "localcloud/controller.h"
#include "localcloud/runtime/runtime.h"

namespace adhoc::localcloud {

// What to do next about an instance.
enum class DatabaseStep {
  kNone,
  kCreate,      // there is no container
  kStart,       // there is one, not running: a first start, or it died
  kProbe,       // wait until it accepts connections
  kConfigure,   // roles, password, first database
  kMarkBacked,  // creating → backing-up
  kMarkReady,   // → available
  kReboot,
  kStop,
  kMarkStopped,
  kRemove,
};
// `accepts`: whether the last probe of this running container succeeded.
DatabaseStep NextDatabaseStep(const Json& instance, const std::optional<ContainerState>& container, bool accepts);

// The statements that make the master user what RDS makes it; psql's syntax, idempotent. `database` may be empty.
std::string ConfigureSql(const std::string& master, const std::string& verifier, const std::string& database);

class DatabaseController {
 public:
  explicit DatabaseController(Cloud& cloud);  // before threads use the store
  ~DatabaseController();

  void Start();
  void Stop();
  // One step of each instance, for tests without threads; returns when it wants to run again.
  std::chrono::milliseconds Pass();

 private:
  struct Progress {
    std::string container;  // that the rest is about
    bool accepts = false;
    double retry_at = 0;
    int failures = 0;
  };

  bool Advance(const std::string& id, const Json& instance, const std::optional<ContainerState>& container);
  void Act(DatabaseStep step, const std::string& id, const Json& instance,
           const std::optional<ContainerState>& container);
  void Create(const std::string& id, const Json& instance);
  void Configure(const Json& instance, const ContainerState& container);
  void Remove(const std::string& id, const Json& instance, const std::optional<ContainerState>& container);
  // Changes the document if it is still there.
  void Update(const std::string& id, const std::function<void(Json&)>& change);
  void WatchEvents(std::stop_token stop);

  Cloud& cloud_;
  std::map<std::string, Progress> progress_;  // by identifier
  ControllerThread thread_;
  std::jthread events_;
};

}  // namespace adhoc::localcloud
