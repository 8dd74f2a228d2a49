// The documents of the Docker Engine API v1.41, as Docker 20.10 and podman 4.3 write them, to and from ours. Pure
// functions; what the two engines do differently is settled here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "localcloud/runtime/runtime.h"
#include "net/http_message.h"

namespace adhoc::localcloud::docker {

Json CreateContainerBody(const ContainerSpec& spec);
// Of an update of its limits, Docker's and podman's own.
Json UpdateBody(double cpus);
Json PodmanUpdateBody(double cpus);
ContainerState ParseContainer(const Json& inspect);
bool HasTerminal(const Json& inspect);
bool HasMemoryLimit(const Json& inspect);
// Whether the kernel's log tells that the container's memory limit cost a process its life.
bool KernelKilledForMemory(std::string_view kernel_log, std::string_view id);

Json CreateExecBody(const ExecSpec& spec);

ImageInfo ParseImage(const Json& inspect);
ImageInfo ParseImageSummary(const Json& summary);  // of GET /images/json

Json CreateNetworkBody(const NetworkSpec& spec);
NetworkInfo ParseNetwork(const Json& inspect);

ContainerStats ParseStats(const Json& stats);
// From the answer to /_ping: podman takes a third of a second for /version.
EngineInfo ParsePing(const net::Headers& headers);

// Nothing for events that are none of ours.
std::optional<ContainerEvent> ParseEvent(const Json& event);

// The error that an answer of 400 or more stands for: `<what>: <the engine's message>`.
RuntimeError ErrorOf(std::string_view what, int status, std::string_view body);
// As ErrorOf, for a message that arrived inside a stream after a status of 200.
RuntimeError ErrorOfMessage(std::string_view what, int status, std::string_view message);

// repository and tag of `host:5000/name:tag`; the tag is empty when there is none.
struct Reference {
  std::string repository;
  std::string tag;
};
Reference SplitReference(std::string_view reference);

// `{"label":["a=b"]}`, for the filters= parameter.
std::string LabelFilter(const Labels& labels);

}  // namespace adhoc::localcloud::docker
