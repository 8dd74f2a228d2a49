// Reads `adhoc.yaml`: what the application is. Loading checks everything that can be checked without an environment's
// variables; Resolve (config/resolve.h) then makes the Config of one environment from it.
// Values, immutable once loaded; thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostics.h"
#include "base/json.h"
#include "config/config.h"

namespace adhoc::config {

struct YamlNode;

// The type of a variable, as Terraform writes it: string, number, bool, list(T), map(T), object, any.
struct VariableType {
  enum class Kind { kString, kNumber, kBool, kList, kMap, kObject, kAny };
  Kind kind = Kind::kAny;
  std::shared_ptr<const VariableType> element;  // of a list or map

  std::string ToString() const;
};

struct VariableDeclaration {
  std::string name;
  VariableType type;
  std::optional<Json> default_value;  // none: every environment has to set it
  std::string description;
  bool sensitive = false;  // never shown or recorded
  // What values may be; each applies where it is set.
  std::string pattern;  // a regular expression (ECMAScript) that the whole string has to match
  std::vector<Json> one_of;
  std::optional<double> minimum;
  std::optional<double> maximum;
  std::string message;  // shown when a value is refused
  Range range;
};

// The value that a target gives to a variable in place of its default.
struct TargetVariable {
  std::string name;
  Json value;
  Range range;
};

struct TargetDeclaration {
  Target target;
  std::vector<TargetVariable> variables;
  Range range;
};

struct Definition {
  std::string name;
  std::string directory;  // of the file
  std::vector<VariableDeclaration> variables;
  std::vector<TargetDeclaration> targets;  // at least one: `local` where the file declares none
  std::string default_target;
  // With unknown variables left out: for what needs no environment, such as building an image.
  std::vector<Image> images;
  std::vector<std::string> service_names;
  std::vector<std::string> task_names;

  std::shared_ptr<const SourceText> source;
  std::shared_ptr<const YamlNode> root;

  const VariableDeclaration* FindVariable(std::string_view name) const;
  // Throws Error with a suggestion when there is no such target; an empty name is the default target.
  const TargetDeclaration& GetTarget(std::string_view name) const;
  // Throws Error with a suggestion.
  const Image& GetImage(std::string_view name) const;
};

// Nothing when the text is so broken that there is no definition to speak of. All mistakes go to `diagnostics`.
std::optional<Definition> ParseDefinition(std::shared_ptr<const SourceText> source, Diagnostics& diagnostics);

// Throws Error when there is no such file.
std::shared_ptr<const SourceText> ReadDefinition(const std::string& path);

// Throws Error when there is no such file, DiagnosticsError when it has mistakes.
Definition LoadDefinition(const std::string& path);

// `adhoc.yaml` in `directory` or the nearest folder above it that has one, relative to the working directory. Throws
// Error.
std::string FindDefinition(const std::string& directory);

}  // namespace adhoc::config
