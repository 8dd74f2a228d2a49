// What a task's containers are told about it: the documents of the ECS task metadata endpoint, version 4 as Amazon
// describes it for Fargate, and version 3. Pure functions.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate-response.html
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/json.h"
#include "localcloud/runtime/runtime.h"

namespace adhoc::localcloud {

enum class MetadataVersion { kV3, kV4 };

// Documents as in ecs.tasks, ecs.taskdefs, ec2.subnets.
struct TaskDocuments {
  Json task;
  Json definition;
  Json subnet;
};

// Throws Error when the task has no such container.
Json ContainerMetadata(const TaskDocuments& from, std::string_view container, MetadataVersion version);
Json TaskMetadata(const TaskDocuments& from, MetadataVersion version, bool with_tags);

// One reading of a container, and what it has to be compared with to get a rate.
struct StatsReading {
  double time = 0;  // epoch seconds; 0: none
  ContainerStats stats;
};
// In the form of the Docker Engine API, as far as ContainerStats goes. `cpus`: those of the machine.
Json StatsDocument(const Json& container, const StatsReading& now, const StatsReading& before, int cpus);

}  // namespace adhoc::localcloud
