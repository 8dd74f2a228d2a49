// Reads `variables:` of a definition. Internal to the config layer.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "config/definition.h"
#include "config/reader.h"
#include "config/yaml.h"

namespace adhoc::config {

std::vector<VariableDeclaration> ReadVariables(const YamlNode& node, Reader& reader);

// A value that the definition itself gives to a variable, checked against the declaration.
std::optional<Json> ReadVariableValue(const YamlNode& node, const VariableDeclaration& variable,
                                      const std::string& name, Reader& reader);

}  // namespace adhoc::config
