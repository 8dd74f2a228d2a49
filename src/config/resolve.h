// From definition, target and variables to the Config of one environment. Thread-safe.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/definition.h"
#include "config/environment.h"

namespace adhoc::config {

// Puts the variables in and checks everything again with their values. The Config is usable only when `diagnostics` has
// no errors.
Config Resolve(const Definition& definition, const TargetDeclaration& target, const std::string& environment,
               const std::map<std::string, Json>& variables, Diagnostics& diagnostics);

struct LoadOptions {
  std::string definition = "adhoc.yaml";
  std::string environment;
  std::string target;     // empty: the default target
  std::string variables;  // path; empty: envs/<environment>.tfvars beside the definition
  std::vector<VariableOverride> overrides;
  int local_http_port = 0;  // in place of a local target's; 0: as the target says
};

// What every command on an environment starts with. Throws Error (missing file, bad name) or DiagnosticsError with all
// the mistakes of the definition and of how the variables are written, or else with all those of their values and of
// what these make of the definition.
Config LoadConfig(const LoadOptions& options);

// For commands on an environment that exists although its variables file may be gone (in git, the file is often deleted
// first): `recorded` values, then the target's and the defaults; what has none of them gets an empty value of its type.
// Good enough to find the environment's resources and to destroy them, not to make them.
Config LoadConfigWithoutVariables(const LoadOptions& options, const std::map<std::string, Json>& recorded);

}  // namespace adhoc::config
