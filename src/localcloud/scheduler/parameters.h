// Parameters of AWS Systems Manager, where a container's `secrets` may come from. The API writes them
// (api/ssm_parameters.cc).
//
// Documents: `ssm.parameters` by name, as DescribeParameters answers, plus `_versions` (oldest first: Version, Value,
// Type, LastModifiedDate, LastModifiedUser, Labels) and `_tags`.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "localcloud/cloud.h"

namespace adhoc::localcloud {

inline constexpr std::string_view kParameters = "ssm.parameters";

// `name`, `name:version`, `name:label`, or an ARN, which names `/a/b` as `parameter/a/b` and `a` as `parameter/a`.
struct ParameterReference {
  std::string name;
  std::string selector;  // a version or a label; empty: the latest
};
ParameterReference ParseParameterReference(std::string_view text);

// Null when there is none.
const Json* FindParameterVersion(const Json& parameter, const std::string& selector);

// The plain value, or nothing.
std::optional<std::string> ParameterValue(const Store::Transaction& txn, std::string_view reference);

}  // namespace adhoc::localcloud
