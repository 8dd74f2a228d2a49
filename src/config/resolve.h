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
};

// What every command on an environment starts with. Throws Error (missing file, bad name) or DiagnosticsError with all
// the mistakes of the definition and of how the variables are written, or else with all those of their values and of
// what these make of the definition.
Config LoadConfig(const LoadOptions& options);

}  // namespace adhoc::config
