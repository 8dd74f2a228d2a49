// Removes the container networks of deleted VPCs (`ec2.abandoned_networks`). A network that a container is still
// leaving is tried again.
#pragma once

#include <chrono>
#include <memory>

#include "localcloud/cloud.h"
#include "localcloud/controller.h"

namespace adhoc::localcloud {

class NetworkCleaner {
 public:
  explicit NetworkCleaner(Cloud& cloud);
  void Start() { thread_.Start(); }
  void Stop() { thread_.Stop(); }
  // One pass, for tests without threads; returns when it wants to run again.
  std::chrono::milliseconds Pass();

 private:
  Cloud& cloud_;
  ControllerThread thread_;
};

}  // namespace adhoc::localcloud
