// Which environment: its name and its variables (`envs/<name>.tfvars`). Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostics.h"
#include "base/json.h"
#include "config/definition.h"
#include "config/tfvars.h"

namespace adhoc::config {

// A longer name would not fit in the names of its AWS resources.
inline constexpr std::size_t kMaxEnvironmentName = 21;

// Throws Error saying what is wrong with the name: lower-case letters, digits and single hyphens, a letter first, at
// most kMaxEnvironmentName long.
void CheckEnvironmentName(std::string_view name);

// Throws Error when a name made from the environment's does not fit: target group `{env}-{service}` ≤ 32, bucket
// `{domain}-{env}-bucket` ≤ 63; or when the environment has the name of the shared resources.
void CheckDerivedNames(const Config& config);

// A valid environment name made from a git branch: `feature/ABC-12_login` → `feature-abc-12-login`. Empty when nothing
// of it can be used.
std::string SlugFromBranch(std::string_view branch);

// The slug of the branch that is checked out at `directory`. Throws Error when there is none.
std::string DefaultEnvironmentName(const std::string& directory);

// `<directory>/envs/<name>.tfvars`.
std::string VariablesPath(const std::string& directory, std::string_view environment);

// Reads the file. Throws Error when it does not exist, naming the path and the environments that have one.
Variables LoadVariables(const std::string& path, Diagnostics& diagnostics);

// A value given on the command line (--var name=value) with the type of its declaration: a string as it is, anything
// else as HCL. Throws Error.
struct VariableOverride {
  std::string name;
  std::string value;
};

// The effective value of every declared variable: from the command line, else the file, else the target, else the
// default. Undeclared, mistyped, refused and unset ones are reported, all of them.
std::map<std::string, Json> BindVariables(const Definition& definition, const TargetDeclaration& target,
                                          const Variables& file, const std::vector<VariableOverride>& overrides,
                                          const std::string& file_name, Diagnostics& diagnostics);

}  // namespace adhoc::config
