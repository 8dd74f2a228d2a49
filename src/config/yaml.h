// A YAML document as a tree in which every node and key knows its place. Anchors, aliases and merge keys (`<<`) are
// already followed: a node may have several parents. Scalars keep their text; what type a place wants, its reader
// knows. Internal to the config layer. Immutable once read; thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostics.h"

namespace adhoc::config {

struct YamlEntry;

struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMap };

  Kind kind = Kind::kNull;
  std::string scalar;
  bool plain = false;  // a scalar without quotes, which may stand for a number or boolean
  std::vector<std::shared_ptr<const YamlNode>> items;
  std::vector<YamlEntry> entries;  // in the order of the file, merged ones last; keys are unique
  Range range;                     // of a scalar; of others the first character or key

  const YamlEntry* Find(std::string_view key) const;
};

struct YamlEntry {
  std::string key;
  Range key_range;
  std::shared_ptr<const YamlNode> value;
};

// "a list", "a map", "the number 5", "the text `x`": for messages that say what was found.
std::string DescribeYaml(const YamlNode& node);

// Null when the text is not YAML. Reports syntax errors, duplicate keys, a second document, aliases that make the
// document huge or endless, and nesting beyond reason.
std::shared_ptr<const YamlNode> ParseYaml(const std::shared_ptr<const SourceText>& source, Diagnostics& diagnostics);

// The YAML core schema: true and false; decimal, 0o and 0x integers; decimal numbers.
std::optional<bool> YamlBool(const YamlNode& node);
std::optional<long long> YamlInteger(const YamlNode& node);
std::optional<double> YamlNumber(const YamlNode& node);

}  // namespace adhoc::config
