// What the engine made as a Terraform configuration, for teams that go on with Terraform: a call of one of the modules
// in terraform/, with what is there as its arguments, and an `import` block for each resource. Applying it takes
// everything into Terraform's state and creates nothing.
#pragma once

#include <map>
#include <string>

#include "env/environment.h"

namespace adhoc::env {

struct TerraformExport {
  std::string module;                        // its folder in terraform/, to lie in the configuration's modules/
  std::map<std::string, std::string> files;  // name → text
};

// Call them with what PrepareUp and PrepareShared read. They throw Error when that is not what the definition says, so
// that the configuration would not fit, or when the module has no word for it.
TerraformExport ExportEnvironment(Context& context, const Prepared& prepared);
TerraformExport ExportShared(Context& context, const Prepared& prepared);

}  // namespace adhoc::env
