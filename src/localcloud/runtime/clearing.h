// Removes everything that carries some labels from the container engine, as fast as it can: processes are killed, not
// asked to end, and several at a time.
#pragma once

#include "localcloud/runtime/runtime.h"

namespace adhoc::localcloud {

struct Cleared {
  int containers = 0;
  int networks = 0;
  int volumes = 0;
};

// Tries everything, then throws the first error if there was one.
Cleared ClearContainers(ContainerRuntime& runtime, const Labels& labels);
// Containers, then networks and volumes.
Cleared ClearEngine(ContainerRuntime& runtime, const Labels& labels);

}  // namespace adhoc::localcloud
