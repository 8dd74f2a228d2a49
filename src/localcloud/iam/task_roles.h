// What the roles of a task need: the execution role to start it, the task role to be entered. Checked where IAM is
// enforced.
#pragma once

#include "localcloud/cloud.h"
#include "localcloud/iam/evaluate.h"

namespace adhoc::localcloud::iam {

// Throws Error with the reason that ECS gives for a task that does not start.
void CheckExecutionRole(const Cloud& cloud, const Store::Transaction& txn, const Json& task_definition,
                        const std::string& task_id);

// Whether the agent of ECS Exec could open its channels.
bool MayOpenChannels(const Cloud& cloud, const Store::Transaction& txn, const Json& task);

}  // namespace adhoc::localcloud::iam
