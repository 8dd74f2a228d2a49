// The container engine over the Docker Engine API v1.41 on a unix socket: podman from 4.3, Docker from 20.10.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "localcloud/runtime/runtime.h"

namespace adhoc::localcloud {

// Does not connect yet; the first call does.
std::unique_ptr<ContainerRuntime> MakeDockerRuntime(const std::string& socket_path, Clock& clock);

}  // namespace adhoc::localcloud
