// The machine images and instance types that the local cloud offers: a few of AWS's, so that what selects one by name,
// owner, architecture or public parameter finds one. Whichever is chosen, the instance runs Settings::machine_image.
// Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace adhoc::localcloud::ec2 {

// As DescribeImages answers.
const std::vector<Json>& Images();
const Json* FindImage(std::string_view id);  // null when there is none

// Systems Manager's public parameters: name → id of the newest image.
const std::map<std::string, std::string, std::less<>>& ImageParameters();

// As DescribeInstanceTypes answers.
const std::vector<Json>& InstanceTypes();
const Json* FindInstanceType(std::string_view name);

}  // namespace adhoc::localcloud::ec2
