// What answers a task's containers at 169.254.170.2, as Fargate does (network/metadata_route.h leads there): what they
// are, and the credentials of the task's role.
//
//   /v4/<id>, /v4/<id>/task, …/taskWithTags, …/stats, …/task/stats    and /v3/
//   /v2/credentials/<uuid>
//
// The ids are random and told to the task's containers only. Thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/sync.h"
#include "localcloud/api/task_metadata.h"
#include "localcloud/cloud.h"
#include "net/http_message.h"

namespace adhoc::localcloud {

class TaskEndpoint {
 public:
  explicit TaskEndpoint(Cloud& cloud) : cloud_(cloud) {}

  // Nothing for a request that is not for it.
  std::optional<net::Response> Answer(const net::Request& request);

 private:
  net::Response Credentials(const std::string& id);
  net::Response Metadata(MetadataVersion version, const std::string& id, const std::string& what);
  // Null for a container that does not run.
  Json Stats(const Json& container);

  Cloud& cloud_;
  Sync<std::map<std::string, StatsReading>> readings_;  // the last one, by runtime id
};

}  // namespace adhoc::localcloud
