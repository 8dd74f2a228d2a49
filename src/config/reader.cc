#include "config/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/text.h"
#include "config/rules.h"
#include "config/variable_type.h"

namespace adhoc::config {

namespace {

// Words of Compose and ECS that people try, and what they mean here.
std::string ForeignWordHint(const std::string& key) {
  static const std::map<std::string, std::string> hints = {
      {"ports", "write `port:` with the port that the container listens on"},
      {"expose", "write `port:` with the port that the container listens on"},
      {"depends_on", "leave it out: what a service refers to is made first"},
      {"links", "leave it out: use ${<service>.address}"},
      {"volumes", "leave it out: containers keep no files; use the bucket or the database"},
      {"restart", "leave it out: services are always restarted"},
      {"replicas", "did you mean `scale`?"},
      {"desired_count", "did you mean `scale`?"},
      {"count", "did you mean `scale`?"},
      {"env_file", "did you mean `environment_from`?"},
      {"build", "declare an entry of `images:` with `build:` and name it in `image:`"},
      {"context", "did you mean `build`?"},
      {"dockerfile", "did you mean `containerfile`?"},
      {"mem_limit", "did you mean `memory`?"},
      {"stop_grace_period", "did you mean `stop_timeout`?"},
      {"start_period", "did you mean `grace_period`?"},
      {"retries", "did you mean `unhealthy_threshold`?"},
      {"test", "did you mean `command`?"},
      {"workdir", "did you mean `working_directory`?"},
  };
  const auto found = hints.find(key);
  return found == hints.end() ? "" : found->second;
}

std::string Shown(const std::string& key) {
  constexpr std::size_t kMost = 60;
  if (!key.empty() && key.front() == '\x01') return "…";
  return key.size() <= kMost || FindInvalidUtf8(key.substr(0, kMost)) ? key : key.substr(0, kMost) + "…";
}

}  // namespace

void Reader::Mistake(const Range& range, std::string summary, std::string hint) {
  diagnostics_.Error(range, std::move(summary), std::move(hint));
}

void Reader::WrongType(const YamlNode& node, const std::string& name, std::string_view wanted, std::string hint) {
  Mistake(node.range, fmt::format("`{}` has to be {}, found {}", name, wanted, DescribeYaml(node)), std::move(hint));
}

bool Reader::AnyMap(const YamlNode& node, const std::string& name) {
  if (node.kind == YamlNode::Kind::kMap) return true;
  WrongType(node, name, "a map");
  return false;
}

bool Reader::Map(const YamlNode& node, const std::string& name, const std::vector<std::string>& keys) {
  if (!AnyMap(node, name)) return false;
  for (const YamlEntry& entry : node.entries) {
    if (std::find(keys.begin(), keys.end(), entry.key) != keys.end()) continue;
    // A key that was no word has its message already.
    if (!entry.key.empty() && entry.key.front() == '\x01') continue;
    std::string hint = ForeignWordHint(entry.key);
    if (hint.empty()) hint = Suggest(entry.key, keys);
    Mistake(entry.key_range, fmt::format("unknown key `{}` in `{}`", Shown(entry.key), name), hint);
  }
  return true;
}

bool Reader::Scalar(const YamlNode& node, const std::string& name, std::string_view wanted) {
  if (node.kind == YamlNode::Kind::kScalar) return true;
  WrongType(node, name, wanted, node.kind == YamlNode::Kind::kNull ? "give it a value, or remove the line" : "");
  return false;
}

std::optional<std::string> Reader::Text(const YamlNode& node, const std::string& name, Allow allow) {
  if (!Scalar(node, name, "a text")) return std::nullopt;
  const Evaluated found = Evaluate(node, scope_, allow, diagnostics_);
  if (!found.ok || !found.known) return std::nullopt;
  return found.Text();
}

std::optional<Template> Reader::TemplateText(const YamlNode& node, const std::string& name) {
  if (node.kind == YamlNode::Kind::kNull) {
    WrongType(node, name, "a text", "write \"\" for an empty text");
    return std::nullopt;
  }
  if (!Scalar(node, name, "a text")) return std::nullopt;
  Evaluated found = Evaluate(node, scope_, Allow::kResources, diagnostics_);
  if (!found.ok || !found.known) return std::nullopt;
  return Template(std::move(found.parts));
}

std::optional<int> Reader::Integer(const YamlNode& node, const std::string& name, int low, int high) {
  const std::string wanted = fmt::format("a whole number from {} to {}", low, high);
  if (!Scalar(node, name, wanted)) return std::nullopt;
  YamlNode value = node;
  if (IsSoleVariable(node)) {
    const VariableValue variable = EvaluateVariable(node, scope_, Allow::kVariables, diagnostics_);
    if (!variable.ok) return std::nullopt;
    if (!variable.value.is_number() && !variable.value.is_null()) {
      Mistake(node.range,
              fmt::format("`{}` has to be {}, and `{}` is {}", name, wanted, node.scalar, DescribeJson(variable.value)),
              fmt::format("declare the variable `{}` with type: number", variable.variable));
      return std::nullopt;
    }
    if (!variable.known) return std::nullopt;
    value.scalar = JsonText(variable.value);
    value.plain = true;
  } else {
    const Evaluated found = Evaluate(node, scope_, Allow::kVariables, diagnostics_);
    if (!found.ok || !found.known) return std::nullopt;
    value.scalar = found.Text();
    if (value.scalar != node.scalar) value.plain = true;
  }
  const auto number = YamlInteger(value);
  if (!value.plain && number) {
    WrongType(value, name, wanted, "leave the quotes out");
  } else if (!number || *number < low || *number > high) {
    WrongType(value, name, wanted);
  } else {
    return static_cast<int>(*number);
  }
  return std::nullopt;
}

std::optional<bool> Reader::Boolean(const YamlNode& node, const std::string& name) {
  constexpr std::string_view kWanted = "true or false";
  if (!Scalar(node, name, kWanted)) return std::nullopt;
  if (IsSoleVariable(node)) {
    const VariableValue variable = EvaluateVariable(node, scope_, Allow::kVariables, diagnostics_);
    if (!variable.ok) return std::nullopt;
    if (!variable.value.is_boolean() && !variable.value.is_null()) {
      Mistake(
          node.range,
          fmt::format("`{}` has to be {}, and `{}` is {}", name, kWanted, node.scalar, DescribeJson(variable.value)),
          fmt::format("declare the variable `{}` with type: bool", variable.variable));
      return std::nullopt;
    }
    if (!variable.known) return std::nullopt;
    return variable.value.get<bool>();
  }
  const auto boolean = node.plain ? YamlBool(node) : std::nullopt;
  if (!boolean) WrongType(node, name, kWanted);
  return boolean;
}

std::optional<std::vector<std::string>> Reader::VariableTexts(const YamlNode& node, const std::string& name) {
  const VariableValue variable = EvaluateVariable(node, scope_, Allow::kVariables, diagnostics_);
  if (!variable.ok) return std::nullopt;
  if (!variable.value.is_array() && !variable.value.is_null()) {
    Mistake(node.range,
            fmt::format("`{}` has to be a list, and `{}` is {}", name, node.scalar, DescribeJson(variable.value)),
            fmt::format("declare the variable `{}` with type: list(string)", variable.variable));
    return std::nullopt;
  }
  if (!variable.known) return std::nullopt;
  std::vector<std::string> texts;
  for (const Json& item : variable.value) {
    if (item.is_structured() || item.is_null()) {
      Mistake(
          node.range,
          fmt::format("`{}` has to be a list of texts, and `{}` has {} in it", name, node.scalar, DescribeJson(item)),
          fmt::format("declare the variable `{}` with type: list(string)", variable.variable));
      return std::nullopt;
    }
    texts.push_back(JsonText(item));
  }
  return texts;
}

std::optional<std::vector<std::string>> Reader::Texts(const YamlNode& node, const std::string& name) {
  if (IsSoleVariable(node)) return VariableTexts(node, name);
  if (node.kind != YamlNode::Kind::kSequence) {
    WrongType(node, name, "a list",
              node.kind == YamlNode::Kind::kScalar ? fmt::format("write [\"{}\"]", Shown(node.scalar)) : "");
    return std::nullopt;
  }
  std::vector<std::string> texts;
  bool complete = true;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    auto text = Text(*node.items[i], fmt::format("{}[{}]", name, i));
    complete = complete && text.has_value();
    if (text) texts.push_back(std::move(*text));
  }
  return complete ? std::optional(std::move(texts)) : std::nullopt;
}

std::optional<std::vector<Template>> Reader::Templates(const YamlNode& node, const std::string& name) {
  if (IsSoleVariable(node)) {
    const auto texts = VariableTexts(node, name);
    if (!texts) return std::nullopt;
    return std::vector<Template>(texts->begin(), texts->end());
  }
  if (node.kind != YamlNode::Kind::kSequence) {
    WrongType(
        node, name, "a list",
        node.kind == YamlNode::Kind::kScalar ? "write [program, argument, …], or [sh, -c, \"…\"] for a shell" : "");
    return std::nullopt;
  }
  std::vector<Template> texts;
  bool complete = true;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    auto text = TemplateText(*node.items[i], fmt::format("{}[{}]", name, i));
    complete = complete && text.has_value();
    if (text) texts.push_back(std::move(*text));
  }
  return complete ? std::optional(std::move(texts)) : std::nullopt;
}

std::optional<Reference> Reader::Secret(const YamlNode& node, const std::string& name) {
  constexpr std::string_view kHint =
      "write \"${secrets.NAME}\" and declare NAME in the top-level `secrets:`, or \"${database.password}\"";
  if (!Scalar(node, name, "a reference to a secret")) return std::nullopt;
  const Evaluated found = Evaluate(node, scope_, Allow::kSecrets, diagnostics_);
  if (!found.ok) return std::nullopt;
  std::vector<Reference> references;
  bool other = !found.known;
  for (const Template::Part& part : found.parts) {
    if (const Reference* reference = std::get_if<Reference>(&part)) {
      references.push_back(*reference);
    } else {
      other = other || !std::get<std::string>(part).empty();
    }
  }
  if (references.size() == 1 && !other) return references.front();
  Mistake(node.range, fmt::format("`{}` has to be exactly one reference to a secret", name), std::string(kHint));
  return std::nullopt;
}

std::optional<std::string> Reader::Literal(const YamlNode& node, const std::string& name) {
  if (node.kind != YamlNode::Kind::kScalar) {
    Mistake(node.range, fmt::format("`{}` has to be a text, found {}", name, DescribeYaml(node)));
    return std::nullopt;
  }
  if (node.scalar.find("${") != std::string::npos) {
    Mistake(node.range, fmt::format("`{}` cannot hold references", name), "write the value itself");
    return std::nullopt;
  }
  return node.scalar;
}

void Reader::Set(const YamlNode& body, const std::string& name, const char* key, std::string& value) {
  if (const YamlEntry* entry = body.Find(key)) {
    if (auto text = Text(*entry->value, name + "." + key)) value = std::move(*text);
  }
}
void Reader::Set(const YamlNode& body, const std::string& name, const char* key, int& value, int low, int high) {
  if (const YamlEntry* entry = body.Find(key)) {
    if (auto number = Integer(*entry->value, name + "." + key, low, high)) value = *number;
  }
}
void Reader::Set(const YamlNode& body, const std::string& name, const char* key, bool& value) {
  if (const YamlEntry* entry = body.Find(key)) {
    if (auto boolean = Boolean(*entry->value, name + "." + key)) value = *boolean;
  }
}

void Reader::CheckName(const YamlEntry& entry, std::string_view what, std::size_t max_length) {
  const std::string problem = NameProblem(entry.key, max_length);
  if (!problem.empty()) {
    Mistake(entry.key_range,
            fmt::format("`{}` is no name for {} {}: {}", entry.key, what == "image" ? "an" : "a", what, problem));
  }
}

bool Reader::Accept(const YamlNode& node, const std::string& name, const std::string& problem,
                    const std::string& hint) {
  if (problem.empty()) return true;
  Mistake(node.range, fmt::format("`{}` is not valid: {}", name, problem), hint);
  return false;
}

}  // namespace adhoc::config
