// Makes the database instances real: a PostgreSQL container for each one, on its VPC's network, its data in a volume.
//
// Level-triggered: each pass compares the documents in `rds.instances` with the containers and volumes that carry our
// labels, so a crash at any point, a restart of this program, or a container killed from outside is repaired by the
// next pass. The pass never waits for PostgreSQL: what isn't ready yet is looked at again soon.
//
//   creating ─ container runs, master role made ─▶ backing-up ─▶ available
//   stopping ─▶ stopped,   starting / rebooting / modifying / resetting-master-credentials ─▶ available
//   creating ─ there is no image ─▶ failed ─ there is one ─▶ backing-up
//   deleting ─ container, volume, interface and secret removed ─▶ the document is gone
//
// Thread-safe. Stopping it leaves the containers running: the next one adopts them.
#pragma once

#include <chrono>
#include <memory>

#include "base/clock.h"
#include "localcloud/cloud.h"

namespace adhoc::localcloud::database {

struct ControllerOptions {
  std::chrono::milliseconds poll_interval{100};    // while PostgreSQL starts
  std::chrono::milliseconds backup_duration{300};  // of `backing-up`
};

class DatabaseController {
 public:
  explicit DatabaseController(Cloud& cloud, const ControllerOptions& options = {});
  ~DatabaseController();

  // Runs on threads of its own until destruction. Tests call Reconcile instead.
  void Start();

  // One pass; returns when the next one is due, if nothing changes before.
  TimePoint Reconcile();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace adhoc::localcloud::database
