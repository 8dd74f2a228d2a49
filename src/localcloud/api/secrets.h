// Secrets that a service makes for itself (RDS's managed master password), in Secrets Manager's documents.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "localcloud/cloud.h"

namespace adhoc::localcloud {

// A secret without a value; the caller puts it into `secretsmanager.secrets` under its ARN.
Json NewSecret(Cloud& cloud, std::string_view name);
// Adds a version and makes it AWSCURRENT.
void SetSecretString(Cloud& cloud, Json& secret, const std::string& value);

}  // namespace adhoc::localcloud
