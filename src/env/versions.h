// Which image tag an apply settles on (the article's `ignore_changes` problem): a changed variable is applied, and a
// deploy is not undone by an apply that was about something else. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "config/config.h"
#include "env/record.h"

namespace adhoc::env {

struct Version {
  std::string tag;
  // Where it comes from, for the plan: `envs/alpha.tfvars`, or `deployed` when that differs from the variables.
  enum class Origin { kVariables, kDeployed } origin = Origin::kVariables;
};

// Three ways: what the variables said at the last apply (the record), what they say now, and what runs.
//   never applied, or nothing runs    → the variables
//   variables changed since           → the variables
//   variables unchanged since         → what runs
// Without a record (it was lost), what runs stays.
Version DecideVersion(const std::string& variables_tag, const std::optional<std::string>& recorded_tag,
                      const std::optional<std::string>& deployed_tag);

// For every entry of `images:`. `deployed`: image name → tag that runs.
std::map<std::string, Version> DecideVersions(const config::Config& config, const std::optional<Record>& record,
                                              const std::map<std::string, std::string>& deployed);

}  // namespace adhoc::env
