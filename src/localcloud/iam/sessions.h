// What somebody may who is known by other means than the access key of a signed call.
#pragma once

#include <string>

#include "localcloud/iam/authorize.h"

namespace adhoc::localcloud::iam {

// Why the session (a document of sts.sessions, or null for the account's root) may not. Empty when it may, and when
// nothing is enforced.
std::string SessionRefusal(const Cloud& cloud, const Store::Transaction& txn, const Json& session,
                           const net::Request& http, const Permission& permission, const Watch& watch);

}  // namespace adhoc::localcloud::iam
