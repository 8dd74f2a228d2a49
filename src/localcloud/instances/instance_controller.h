// Makes EC2's instances real: a container for each one that shall run, with its address on its VPC's network.
//
// Level-triggered: each pass compares the documents in `ec2.instances` with the containers that carry our labels, so a
// crash at any point, a restart of this program, or a container killed from outside is repaired by the next pass.
//
//   pending ─ container runs ─▶ running        stopping ─ container stopped, but kept ─▶ stopped
//   shutting-down ─ container removed, interface and volumes given up ─▶ terminated ─ an hour later ─▶ forgotten
//
// Thread-safe. Stopping it leaves the containers running: the next one adopts them.
#pragma once

#include <functional>
#include <memory>

#include "base/clock.h"
#include "localcloud/cloud.h"

namespace adhoc::localcloud::ec2 {

class InstanceController {
 public:
  // `route_resolver` makes 169.254.169.253 lead from every VPC's network to the local cloud's names; false when it
  // can't, and instances ask the engine's resolver.
  explicit InstanceController(
      Cloud& cloud, std::function<bool()> route_resolver = [] { return true; });
  ~InstanceController();

  // Runs on threads of its own until destruction. Tests call Reconcile instead.
  void Start();

  // One pass; returns when the next one is due, if nothing changes before.
  TimePoint Reconcile();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace adhoc::localcloud::ec2
