// Writes values in Terraform's language, laid out as `terraform fmt` does. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace adhoc::env {

// The value, whose further lines are indented by `indent`.
std::string ToHcl(const Json& value, int indent = 0);

using HclAttributes = std::vector<std::pair<std::string, Json>>;
// Lines `name = value`, the equals signs of neighbours below each other.
std::string HclLines(const HclAttributes& attributes, int indent);

// import { to = … id = … }
std::string HclImport(const std::string& to, const std::string& id);

// module.x.aws_subnet.public["1"]
std::string HclIndex(const std::string& resource, std::string_view key);

}  // namespace adhoc::env
