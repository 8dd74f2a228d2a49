// Reads `targets:` of a definition. Internal to the config layer.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/definition.h"
#include "config/reader.h"
#include "config/yaml.h"

namespace adhoc::config {

// What the top level says for every target.
struct TargetDefaults {
  std::string shared;
  std::string domain;
};

// `{shared}-…` has to fit in a load balancer's name.
inline constexpr std::size_t kMaxSharedName = 20;

// At least one: `local` where there is no node or nothing in it.
std::vector<TargetDeclaration> ReadTargets(const YamlNode* node, const TargetDefaults& defaults, Reader& reader);

std::optional<std::string> ReadDomain(const YamlNode& node, const std::string& name, Reader& reader);

}  // namespace adhoc::config
