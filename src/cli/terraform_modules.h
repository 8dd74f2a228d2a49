// The modules of terraform/, as they were when the program was built.
#pragma once

#include <map>
#include <string>

namespace adhoc::cli {

// Path below terraform/ → text.
const std::map<std::string, std::string>& TerraformModules();

}  // namespace adhoc::cli
