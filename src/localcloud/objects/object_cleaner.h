// Removes blobs that no object needs any more: those in `s3.garbage`, after a while in which answers that are being
// sent finish; and, once after a start, those that no document knows.
#pragma once

#include <chrono>

#include "localcloud/cloud.h"
#include "localcloud/controller.h"

namespace adhoc::localcloud {

class ObjectCleaner {
 public:
  explicit ObjectCleaner(Cloud& cloud);
  void Start() { thread_.Start(); }
  void Stop() { thread_.Stop(); }
  // One pass, for tests without threads; returns when it wants to run again.
  std::chrono::milliseconds Pass();

 private:
  void Sweep();

  Cloud& cloud_;
  bool swept_ = false;
  ControllerThread thread_;
};

}  // namespace adhoc::localcloud
