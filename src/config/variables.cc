#include "config/variables.h"

#include <fmt/format.h>

#include <regex>
#include <utility>

#include "base/text.h"
#include "config/rules.h"
#include "config/variable_type.h"

namespace adhoc::config {

namespace {

class VariablesReader {
 public:
  explicit VariablesReader(Reader& reader) : reader_(reader) {}

  std::vector<VariableDeclaration> Read(const YamlNode& node) {
    std::vector<VariableDeclaration> variables;
    if (node.kind == YamlNode::Kind::kNull || !reader_.AnyMap(node, "variables")) return variables;
    for (const YamlEntry& entry : node.entries) {
      const std::string name = "variables." + entry.key;
      if (const std::string problem = VariableNameProblem(entry.key); !problem.empty()) {
        reader_.Mistake(entry.key_range, fmt::format("`{}` is no name for a variable: {}", entry.key, problem));
      }
      VariableDeclaration variable;
      variable.name = entry.key;
      variable.range = entry.key_range;
      variable.type.kind = VariableType::Kind::kString;
      ReadVariable(*entry.value, name, variable);
      variables.push_back(std::move(variable));
    }
    return variables;
  }

 private:
  void ReadVariable(const YamlNode& body, const std::string& name, VariableDeclaration& variable) {
    // `x:` alone declares a text that every environment has to set.
    if (body.kind == YamlNode::Kind::kNull) return;
    if (!reader_.Map(
            body, name,
            {"type", "default", "description", "sensitive", "pattern", "one_of", "minimum", "maximum", "message"})) {
      return;
    }
    if (const YamlEntry* type = body.Find("type")) {
      if (auto text = reader_.Literal(*type->value, name + ".type")) {
        if (auto parsed = ParseVariableType(*text)) {
          variable.type = std::move(*parsed);
        } else {
          std::string hint = Nearest(*text, {"string", "number", "bool", "object", "any"});
          hint = hint.empty() ? "use string, number, bool, list(T), map(T), object or any"
                              : "did you mean `" + hint + "`?";
          reader_.Mistake(type->value->range, fmt::format("unknown type: `{}`", *text), hint);
          variable.type.kind = VariableType::Kind::kAny;
        }
      }
    }
    if (const YamlEntry* text = body.Find("description")) {
      variable.description = reader_.Literal(*text->value, name + ".description").value_or("");
    }
    if (const YamlEntry* text = body.Find("message")) {
      variable.message = reader_.Literal(*text->value, name + ".message").value_or("");
    }
    if (const YamlEntry* flag = body.Find("sensitive")) {
      variable.sensitive = reader_.Boolean(*flag->value, name + ".sensitive").value_or(true);
    }
    ReadValidation(body, name, variable);
    if (const YamlEntry* value = body.Find("default")) {
      variable.default_value = ReadVariableValue(*value->value, variable, name + ".default", reader_);
      if (variable.sensitive && variable.default_value) {
        reader_.Mistake(value->key_range,
                        fmt::format("`{}` is sensitive: a default would put it in git", variable.name),
                        "leave `default` out");
      }
    }
  }

  void ReadValidation(const YamlNode& body, const std::string& name, VariableDeclaration& variable) {
    if (const YamlEntry* pattern = body.Find("pattern")) {
      if (auto text = reader_.Literal(*pattern->value, name + ".pattern")) {
        try {
          const std::regex compiled(*text);
          variable.pattern = std::move(*text);
        } catch (const std::regex_error& error) {
          reader_.Mistake(pattern->value->range,
                          fmt::format("`{}.pattern` is no regular expression: {}", name, error.what()));
        }
        if (variable.type.kind != VariableType::Kind::kString) WrongRule(*pattern, name, variable, "string");
      }
    }
    if (const YamlEntry* choices = body.Find("one_of")) {
      if (choices->value->kind != YamlNode::Kind::kSequence) {
        reader_.Mistake(choices->value->range,
                        fmt::format("`{}.one_of` has to be a list, found {}", name, DescribeYaml(*choices->value)));
      } else {
        for (const auto& item : choices->value->items) {
          if (auto value = Convert(*item, variable.type, name + ".one_of", reader_.diagnostics()))
            variable.one_of.push_back(std::move(*value));
        }
      }
    }
    const auto bound = [&](const char* key, std::optional<double>& value) {
      const YamlEntry* entry = body.Find(key);
      if (entry == nullptr) return;
      value = YamlNumber(*entry->value);
      if (!value) {
        reader_.Mistake(entry->value->range,
                        fmt::format("`{}.{}` has to be a number, found {}", name, key, DescribeYaml(*entry->value)));
      }
      if (variable.type.kind != VariableType::Kind::kNumber) WrongRule(*entry, name, variable, "number");
    };
    bound("minimum", variable.minimum);
    bound("maximum", variable.maximum);
  }

  void WrongRule(const YamlEntry& entry, const std::string& name, const VariableDeclaration& variable,
                 std::string_view type) {
    reader_.Mistake(entry.key_range, fmt::format("`{}.{}` is for a variable of type {}, and this one is {}", name,
                                                 entry.key, type, variable.type.ToString()));
  }

  Reader& reader_;
};

}  // namespace

std::vector<VariableDeclaration> ReadVariables(const YamlNode& node, Reader& reader) {
  return VariablesReader(reader).Read(node);
}

std::optional<Json> ReadVariableValue(const YamlNode& node, const VariableDeclaration& variable,
                                      const std::string& name, Reader& reader) {
  if (node.kind == YamlNode::Kind::kNull) {
    reader.Mistake(node.range, fmt::format("`{}` has no value", name),
                   "leave it out for a variable that every environment has to set, or write \"\" for an empty text");
    return std::nullopt;
  }
  auto value = Convert(node, variable.type, name, reader.diagnostics());
  if (!value) return std::nullopt;
  reader.Accept(node, name, ValidationProblem(variable, *value));
  return value;
}

}  // namespace adhoc::config
