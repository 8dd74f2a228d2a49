// The text of policies that AWS manages: those that environments and their tools refer to. There are a thousand more,
// which change; they are known by name only.
#pragma once

#include <string_view>

namespace adhoc::localcloud::iam {

// Null for one that is not known.
const char* AwsManagedDocument(std::string_view arn);

}  // namespace adhoc::localcloud::iam
