// Types of variables, and the checks of a value against its declaration. Internal to the config layer. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/diagnostics.h"
#include "base/json.h"
#include "config/definition.h"
#include "config/tfvars.h"
#include "config/yaml.h"

namespace adhoc::config {

// Nothing when the text is no type.
std::optional<VariableType> ParseVariableType(std::string_view text);

// The value as the type wants it. Reports every part that does not fit, at its place. A number is not turned into a
// text or the reverse: `1.10` without quotes would become 1.1.
std::optional<Json> Convert(const Value& value, const VariableType& type, const std::string& name,
                            Diagnostics& diagnostics);
// The same for YAML, where a text needs no quotes and is taken as it is written.
std::optional<Json> Convert(const YamlNode& node, const VariableType& type, const std::string& name,
                            Diagnostics& diagnostics);

// What the declaration's validation has against the value, or empty.
std::string ValidationProblem(const VariableDeclaration& declaration, const Json& value);

// As it stands in a text: 8.5, true. Not for lists and objects.
std::string JsonText(const Json& value);
// "a text", "a list"
std::string DescribeJson(const Json& value);

}  // namespace adhoc::config
