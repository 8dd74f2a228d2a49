// Typed access to the nodes of a definition. Everything that is wrong is reported where it stands; a caller gets a
// value or nothing, and nothing means: keep the default, there is no more to say. Internal to the config layer.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostics.h"
#include "config/references.h"
#include "config/template.h"
#include "config/yaml.h"

namespace adhoc::config {

class Reader {
 public:
  Reader(const Scope& scope, Diagnostics& diagnostics) : scope_(scope), diagnostics_(diagnostics) {}

  const Scope& scope() const { return scope_; }
  Diagnostics& diagnostics() { return diagnostics_; }

  void Mistake(const Range& range, std::string summary, std::string hint = "");

  // `name` is the node's path in messages: services.redis.port.
  // Whether the node is a map with no other keys than these. Unknown keys are reported and do no further harm.
  bool Map(const YamlNode& node, const std::string& name, const std::vector<std::string>& keys);
  // Whether the node is a map, its keys free.
  bool AnyMap(const YamlNode& node, const std::string& name);

  std::optional<std::string> Text(const YamlNode& node, const std::string& name, Allow allow = Allow::kVariables);
  std::optional<int> Integer(const YamlNode& node, const std::string& name, int low, int high);
  std::optional<bool> Boolean(const YamlNode& node, const std::string& name);
  std::optional<Template> TemplateText(const YamlNode& node, const std::string& name);
  // A list, or one reference to a variable that is a list.
  std::optional<std::vector<std::string>> Texts(const YamlNode& node, const std::string& name);
  std::optional<std::vector<Template>> Templates(const YamlNode& node, const std::string& name);
  std::optional<Reference> Secret(const YamlNode& node, const std::string& name);

  // The text, in a place that is the same for every environment, so that nothing in it can refer to a variable.
  std::optional<std::string> Literal(const YamlNode& node, const std::string& name);

  // Puts the value of a key, where it is present and right, in place of the default.
  void Set(const YamlNode& body, const std::string& name, const char* key, std::string& value);
  void Set(const YamlNode& body, const std::string& name, const char* key, int& value, int low, int high);
  void Set(const YamlNode& body, const std::string& name, const char* key, bool& value);

  // Checks a key that names something, e.g. `what` = "service".
  void CheckName(const YamlEntry& entry, std::string_view what, std::size_t max_length);

  // Reports `problem` of the value at `node` unless it is empty; whether it is empty.
  bool Accept(const YamlNode& node, const std::string& name, const std::string& problem, const std::string& hint = "");

 private:
  bool Scalar(const YamlNode& node, const std::string& name, std::string_view wanted);
  void WrongType(const YamlNode& node, const std::string& name, std::string_view wanted, std::string hint = "");
  // The list that the variable holds. Nothing when it is unknown or wrong.
  std::optional<std::vector<std::string>> VariableTexts(const YamlNode& node, const std::string& name);

  const Scope& scope_;
  Diagnostics& diagnostics_;
};

}  // namespace adhoc::config
