// What the parts of a network share: they have ids that AWS makes up, and are found again by their tags.
#pragma once

#include <string>
#include <string_view>

#include "env/context.h"

namespace adhoc::env {

Json TagSpecifications(const Context& context, std::string_view type, const std::string& name);
// The input of a Describe call for what has this name.
Json ByName(const Context& context, const std::string& name);
std::string VpcId(const Context& context);

// What has this name, or null, of everything of the shared resources that the operation lists: one call for all names.
// Not for waiting.
Json ReadNamed(Context& context, const char* operation, const char* list, const std::string& name,
               const Json& filters = Json::array());

}  // namespace adhoc::env
