// Drives one task through its life by acting on the container engine, and writes down what happened. Every step begins
// with what the documents and the engine say, so it can be repeated after a crash at any point.
//
//   PROVISIONING  the VPC's network, an address in a subnet      → PENDING
//   PENDING       secrets and log groups are checked             → ACTIVATING
//   ACTIVATING    images, containers in the order of dependsOn   → RUNNING: targets and Cloud Map instances registered
//   RUNNING       until StopTask, or an essential container ends
//   DEACTIVATING  its targets drain; over when they are erased
//   STOPPING      stop signal, SIGKILL after stopTimeout, last log lines
//   DEPROVISIONING  containers and address go                    → STOPPED
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "localcloud/cloud.h"
#include "localcloud/runtime/runtime.h"
#include "localcloud/scheduler/containers.h"
#include "localcloud/scheduler/log_pump.h"

namespace adhoc::localcloud {

// Thread-safe for different tasks; one task is advanced by one thread at a time.
class TaskRunner {
 public:
  // `route_metadata` makes 169.254.170.2 lead from every VPC's network to the local cloud; false when it can't.
  TaskRunner(Cloud& cloud, LogPump& logs, std::function<bool()> route_metadata)
      : cloud_(cloud), logs_(logs), route_metadata_(std::move(route_metadata)) {}

  // Goes as far as possible and blocks meanwhile. Throws RuntimeError kUnreachable when the engine doesn't answer: try
  // again.
  void Advance(const std::string& key);
  // Looks at a task's containers and records the ones that have ended.
  void Observe(const std::string& key);

  // Whether Advance would do something at the time `now` (not whether Observe would).
  static bool CanAdvance(const Store::Transaction& txn, const Json& task, double now);
  // Until when the task stays in its status in any case.
  static double DueAt(const Json& task);

 private:
  struct Snapshot {
    Json task;
    Json definition;
  };
  std::optional<Snapshot> Load(const std::string& key);
  // One step; false when there is nothing more to do now.
  bool Step(const std::string& key);
  bool Provision(const std::string& key, const Snapshot& now);
  bool Prepare(const std::string& key, const Snapshot& now);
  bool StartContainers(const std::string& key);
  bool Deactivate(const std::string& key);
  bool StopContainers(const std::string& key, const Snapshot& now);
  bool Deprovision(const std::string& key, const Snapshot& now);

  struct Image {
    std::string reference;  // what to make containers of
    std::string id;
    std::string digest;
  };
  // `pinned`: the id that this reference had when the task's deployment began; it stays that one (versionConsistency).
  Image EnsureImage(const std::string& image, const std::string& pinned);
  // Null for a one-off task.
  static Json* DeploymentOf(Store::Transaction& txn, const Json& task);
  std::string CreateContainer(const std::string& key, ContainerSpec spec);
  void MoveToAnotherAddress(const std::string& key);
  ecs::TaskNetwork NetworkOf(const Json& task);
  ecs::Folders OpenFolders(const Json& task, const Json& definition);
  // Returns when what the ended container has written is stored.
  void FinishLog(const Json& container);
  void RecordStart(const std::string& key, const std::string& container, const std::string& id);
  // `ended`: the container as its task describes it, started and not yet recorded as ended.
  void RecordEnd(const std::string& key, const Json& ended, const std::optional<ContainerState>& state);
  void Fail(const std::string& key, const std::string& reason, const std::string& container = "");

  Cloud& cloud_;
  LogPump& logs_;
  const std::function<bool()> route_metadata_;
};

}  // namespace adhoc::localcloud
