// A runtime without a container engine: what is created is noted and counts as running from its start until it is
// stopped; what is no service's (label `adhoc.group`) ends with exit code 0 as soon as it is started. Nothing is
// executed, so tasks reach RUNNING at once, use nothing, write no log and can't be entered. For
// looking at the control plane alone: how it behaves with more environments than one machine can run (`adhoc local run
// --runtime none`).
//
// Every image exists. Containers are gone when the process ends, as on a machine that was switched off.
#pragma once

#include <memory>

#include "base/clock.h"
#include "localcloud/runtime/runtime.h"

namespace adhoc::localcloud {

// Thread-safe.
std::unique_ptr<ContainerRuntime> MakeEnginelessRuntime(Clock& clock);

}  // namespace adhoc::localcloud
