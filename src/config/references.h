// What `${…}` means: reads the references of a scalar, puts in what is known, and keeps the others. Internal to the
// config layer. Thread-safe.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostics.h"
#include "base/json.h"
#include "config/definition.h"
#include "config/template.h"
#include "config/yaml.h"

namespace adhoc::config {

struct EnvironmentFacts {
  std::string name;
  std::string host;
  std::string url;
};

// What references may mean. While a definition is loaded, the environment and the values of its variables are unknown;
// references are then checked by name and type only.
struct Scope {
  const std::vector<VariableDeclaration>* declarations = nullptr;
  const std::map<std::string, Json>* variables = nullptr;  // null: unknown
  const EnvironmentFacts* environment = nullptr;           // null: unknown
  bool database = false;
  bool bucket = false;
  std::vector<std::string> images;
  std::vector<std::string> secrets;
  struct ServiceFacts {
    std::optional<int> port;  // nothing: none, or unknown yet
    bool port_written = false;
    bool discoverable = false;
  };
  std::map<std::string, ServiceFacts, std::less<>> services;

  const VariableDeclaration* FindVariable(std::string_view name) const;
};

// Which references a place takes.
enum class Allow {
  kVariables,    // variables and the environment: known before anything is made
  kResources,    // those, and resources, but nothing secret
  kSecrets,      // exactly one secret
  kSecretValue,  // variables, sensitive ones too: the value of a secret
};

// The roots of references; no service may be called by one of these names.
const std::vector<std::string>& ReferenceRoots();

struct Evaluated {
  bool ok = true;     // false: a mistake was reported
  bool known = true;  // false: refers to a variable or environment that is unknown yet
  std::vector<Template::Part> parts;
  std::set<std::string> variables;  // that it refers to

  // For places without references to resources. Call only when ok and known.
  std::string Text() const;
};

// `$${` stands for `${`. `node` has to be a scalar.
Evaluated Evaluate(const YamlNode& node, const Scope& scope, Allow allow, Diagnostics& diagnostics);

// Whether the scalar is one reference to a variable and nothing else; such a scalar can stand for a list, map or
// number.
bool IsSoleVariable(const YamlNode& node);

struct VariableValue {
  bool ok = true;  // false: a mistake was reported
  bool known = true;
  Json value;
  std::string variable;  // its name
};
// Call only when IsSoleVariable. The value with its type.
VariableValue EvaluateVariable(const YamlNode& node, const Scope& scope, Allow allow, Diagnostics& diagnostics);

}  // namespace adhoc::config
