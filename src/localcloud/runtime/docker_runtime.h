// The container engine over the Docker Engine API v1.41 on a unix socket: podman from 4.3, Docker from 20.10.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "localcloud/runtime/runtime.h"

namespace adhoc::localcloud {

// Does not connect yet; the first call does.
std::unique_ptr<ContainerRuntime> MakeDockerRuntime(const std::string& socket_path, Clock& clock);

// `find` gives the path of the engine's socket; it may take its time and may start an engine. It is asked at the first
// call and again when nothing listens on the socket any more, by one thread at a time. When it throws, calls throw
// kUnreachable with its message, and it is left alone for some seconds.
std::unique_ptr<ContainerRuntime> MakeDockerRuntime(std::function<std::string()> find, Clock& clock);

}  // namespace adhoc::localcloud
