// Sessions of roles, as AssumeRole and the tasks' credentials endpoint begin them.
#pragma once

#include <cstdint>
#include <string>

#include "base/json.h"
#include "localcloud/cloud.h"

namespace adhoc::localcloud {

struct RoleSession {
  Json credentials;  // AccessKeyId, SecretAccessKey, SessionToken, Expiration (epoch seconds)
  Json user;         // AssumedRoleId, Arn
};

// Remembered by its access key until it expires, so that GetCallerIdentity can name it. The role need not exist.
RoleSession BeginRoleSession(Cloud& cloud, Store::Transaction& txn, const std::string& role_arn,
                             const std::string& session, std::int64_t seconds);

}  // namespace adhoc::localcloud
