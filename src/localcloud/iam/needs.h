// What a call has to be allowed: needs_table.h filled in with the request and the documents, and what an operation
// needs beside its own action (the roles it passes, the tags it gives, what it reads of another service).
#pragma once

#include <vector>

#include "localcloud/api/api.h"
#include "localcloud/iam/evaluate.h"

namespace adhoc::localcloud::iam {

// Empty for what anybody may do. Condition keys are those of the request and of the resource, not of the principal.
std::vector<Permission> NeedsOf(const Cloud& cloud, const Call& call);

// The tags of what an ARN names: key → value. Empty also when it does not exist.
std::map<std::string, std::string> ResourceTags(const Store::Transaction& txn, const std::string& arn);

}  // namespace adhoc::localcloud::iam
