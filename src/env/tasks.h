// The tasks of an environment's cluster.
#pragma once

#include "env/context.h"

namespace adhoc::env {

// ARNs of the running tasks of the cluster, however many there are; none when it or the service does not exist.
// `filter` narrows it down: serviceName, family, desiredStatus.
Json ListTasks(Context& context, const Json& filter = Json::object());

// Their descriptions; `cluster` is a name or an ARN. What ECS no longer knows is left out.
Json DescribeTasks(Context& context, const std::string& cluster, const Json& arns);

// Of what ListTasks lists.
Json TasksOf(Context& context, const Json& filter);

}  // namespace adhoc::env
