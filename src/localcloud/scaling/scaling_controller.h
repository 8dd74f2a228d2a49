// Carries out what scaling policies and scheduled actions say, by setting the desired count of ECS services as
// UpdateService does. Level-triggered: it goes by the states that alarms are in, not by their transitions.
#pragma once

#include <chrono>
#include <string>

#include "localcloud/cloud.h"
#include "localcloud/controller.h"
#include "localcloud/scaling/scaling.h"

namespace adhoc::localcloud {

// Destroy it before the cloud.
class ScalingController {
 public:
  explicit ScalingController(Cloud& cloud);
  void Start() { thread_.Start(); }

  // For tests without threads: everything that is due.
  std::chrono::milliseconds Pass();

 private:
  double RunSchedules(Store::Transaction& txn, double now);
  double Scale(Store::Transaction& txn, const std::string& resource_id, double now);

  Cloud& cloud_;
  ControllerThread thread_;
};

}  // namespace adhoc::localcloud
