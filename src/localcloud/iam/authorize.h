// IAM enforced, when the settings say so: who calls is found by the access key, and what the call needs (needs.h) has
// to be allowed by that caller's policies. Keys that the local cloud has not given out are the account's root and may
// do all.
#pragma once

#include <functional>
#include <string>

#include "localcloud/api/api.h"
#include "localcloud/iam/evaluate.h"

namespace adhoc::localcloud::iam {

// Called for everything that a call was found to need, before it is refused or let through.
using Watch = std::function<void(const Principal& caller, const Permission& needed)>;

// Throws the service's own AccessDenied. Nothing is refused, nor watched, unless settings.iam is kEnforce.
void Authorize(const Cloud& cloud, const Call& call, const Watch& watch);

// Whether a role may, as a session of it would be told. Allowed when nothing is enforced.
Decision RoleMay(const Cloud& cloud, const Store::Transaction& txn, const std::string& role_arn,
                 const Permission& permission);
// User: arn:… is not authorized to perform: ecs:RunTask on resource: … because no identity-based policy allows …
std::string Refusal(const std::string& arn, const Permission& permission, const Decision& decision);

}  // namespace adhoc::localcloud::iam
