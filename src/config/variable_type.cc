#include "config/variable_type.h"

#include <fmt/format.h>

#include <algorithm>
#include <regex>
#include <vector>

namespace adhoc::config {

namespace {

using Kind = VariableType::Kind;

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::optional<VariableType> ParseType(std::string_view text, int depth) {
  text = Trim(text);
  VariableType type;
  if (text == "string") return VariableType{Kind::kString, nullptr};
  if (text == "number") return VariableType{Kind::kNumber, nullptr};
  if (text == "bool") return VariableType{Kind::kBool, nullptr};
  if (text == "object") return VariableType{Kind::kObject, nullptr};
  if (text == "any") return VariableType{Kind::kAny, nullptr};
  const std::size_t open = text.find('(');
  const std::string_view outer = Trim(text.substr(0, open));
  if (outer != "list" && outer != "map") return std::nullopt;
  type.kind = outer == "list" ? Kind::kList : Kind::kMap;
  // `list` alone is `list(any)`, as in Terraform.
  std::string_view inner = "any";
  if (open != std::string_view::npos) {
    if (!text.ends_with(')')) return std::nullopt;
    inner = text.substr(open + 1, text.size() - open - 2);
  }
  if (depth == 0) return std::nullopt;
  std::optional<VariableType> element = ParseType(inner, depth - 1);
  if (!element) return std::nullopt;
  type.element = std::make_shared<const VariableType>(std::move(*element));
  return type;
}

std::string Wanted(const VariableType& type) {
  switch (type.kind) {
    case Kind::kString:
      return "a text";
    case Kind::kNumber:
      return "a number";
    case Kind::kBool:
      return "true or false";
    case Kind::kList:
      return "a list";
    case Kind::kMap:
    case Kind::kObject:
      return "a map";
    case Kind::kAny:
      break;
  }
  return "a value";
}

std::string WrongType(const std::string& name, const VariableType& type, std::string_view found) {
  return fmt::format("`{}` has to be {}, found {}", name, Wanted(type), found);
}

}  // namespace

std::string VariableType::ToString() const {
  switch (kind) {
    case Kind::kString:
      return "string";
    case Kind::kNumber:
      return "number";
    case Kind::kBool:
      return "bool";
    case Kind::kObject:
      return "object";
    case Kind::kAny:
      return "any";
    case Kind::kList:
      return fmt::format("list({})", element ? element->ToString() : "any");
    case Kind::kMap:
      return fmt::format("map({})", element ? element->ToString() : "any");
  }
  return "";
}

std::optional<VariableType> ParseVariableType(std::string_view text) { return ParseType(text, 8); }

std::optional<Json> Convert(const Value& value, const VariableType& type, const std::string& name,
                            Diagnostics& diagnostics) {
  const auto refuse = [&](std::string hint) -> std::optional<Json> {
    diagnostics.Error(value.range, WrongType(name, type, Describe(value.kind)), std::move(hint));
    return std::nullopt;
  };
  switch (type.kind) {
    case Kind::kAny:
      return value.ToJson();
    case Kind::kString:
      if (value.kind == Value::Kind::kString) return value.string;
      if (value.kind == Value::Kind::kNumber || value.kind == Value::Kind::kBool) {
        const std::string& text = value.range.source->text();
        return refuse(
            fmt::format("put it in double quotes: \"{}\"",
                        text.substr(value.range.begin.offset, value.range.end.offset - value.range.begin.offset)));
      }
      return refuse("");
    case Kind::kNumber:
      if (value.kind == Value::Kind::kNumber) return value.number;
      return refuse(value.kind == Value::Kind::kString ? "leave the quotes out" : "");
    case Kind::kBool:
      if (value.kind == Value::Kind::kBool) return value.boolean;
      return refuse(value.kind == Value::Kind::kString ? "write true or false without quotes" : "");
    case Kind::kList: {
      if (value.kind != Value::Kind::kList) return refuse("write [ … ]");
      Json items = Json::array();
      bool fits = true;
      for (std::size_t i = 0; i < value.list.size(); ++i) {
        auto item = Convert(value.list[i], *type.element, fmt::format("{}[{}]", name, i), diagnostics);
        if (item) {
          items.push_back(std::move(*item));
        } else {
          fits = false;
        }
      }
      return fits ? std::optional<Json>(std::move(items)) : std::nullopt;
    }
    case Kind::kObject:
      if (value.kind != Value::Kind::kObject) return refuse("write { … }");
      return value.ToJson();
    case Kind::kMap: {
      if (value.kind != Value::Kind::kObject) return refuse("write { … }");
      Json items = Json::object();
      bool fits = true;
      for (const ObjectItem& entry : value.object) {
        auto item = Convert(entry.value, *type.element, name + "." + entry.key, diagnostics);
        if (item) {
          items[entry.key] = std::move(*item);
        } else {
          fits = false;
        }
      }
      return fits ? std::optional<Json>(std::move(items)) : std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<Json> Convert(const YamlNode& node, const VariableType& type, const std::string& name,
                            Diagnostics& diagnostics) {
  const auto refuse = [&]() -> std::optional<Json> {
    diagnostics.Error(node.range, WrongType(name, type, DescribeYaml(node)),
                      node.kind == YamlNode::Kind::kNull && type.kind == Kind::kString
                          ? "write \"\" for an empty text, or leave it out"
                          : "");
    return std::nullopt;
  };
  const auto number = [&]() -> std::optional<Json> {
    if (!node.plain) return std::nullopt;
    if (const auto integer = YamlInteger(node)) return Json(*integer);
    if (const auto real = YamlNumber(node)) return Json(*real);
    return std::nullopt;
  };
  switch (type.kind) {
    case Kind::kString:
      if (node.kind == YamlNode::Kind::kScalar) return Json(node.scalar);
      return refuse();
    case Kind::kNumber: {
      auto found = number();
      return found ? found : refuse();
    }
    case Kind::kBool:
      if (const auto boolean = node.plain ? YamlBool(node) : std::nullopt) return Json(*boolean);
      return refuse();
    case Kind::kAny:
    case Kind::kList:
    case Kind::kMap:
    case Kind::kObject:
      break;
  }
  static const VariableType any;
  const VariableType& element = type.element ? *type.element : any;
  const bool list = type.kind == Kind::kList || type.kind == Kind::kAny;
  const bool map = type.kind != Kind::kList;
  if (list && node.kind == YamlNode::Kind::kSequence) {
    Json items = Json::array();
    bool fits = true;
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      auto item = Convert(*node.items[i], element, fmt::format("{}[{}]", name, i), diagnostics);
      fits = fits && item.has_value();
      if (item) items.push_back(std::move(*item));
    }
    return fits ? std::optional<Json>(std::move(items)) : std::nullopt;
  }
  if (map && node.kind == YamlNode::Kind::kMap) {
    Json items = Json::object();
    bool fits = true;
    for (const YamlEntry& entry : node.entries) {
      auto item = Convert(*entry.value, element, name + "." + entry.key, diagnostics);
      fits = fits && item.has_value();
      if (item) items[entry.key] = std::move(*item);
    }
    return fits ? std::optional<Json>(std::move(items)) : std::nullopt;
  }
  if (type.kind == Kind::kAny && node.kind == YamlNode::Kind::kScalar) {
    if (auto found = number()) return found;
    if (const auto boolean = node.plain ? YamlBool(node) : std::nullopt) return Json(*boolean);
    return Json(node.scalar);
  }
  return refuse();
}

std::string ValidationProblem(const VariableDeclaration& declaration, const Json& value) {
  const auto problem = [&](std::string why) {
    return declaration.message.empty() ? std::move(why) : declaration.message;
  };
  if (!declaration.one_of.empty() &&
      std::find(declaration.one_of.begin(), declaration.one_of.end(), value) == declaration.one_of.end()) {
    std::vector<std::string> choices;
    for (const Json& choice : declaration.one_of) choices.push_back(JsonText(choice));
    return problem(fmt::format("it has to be one of {}", fmt::join(choices, ", ")));
  }
  if (!declaration.pattern.empty() && value.is_string()) {
    const std::string& text = value.get_ref<const std::string&>();
    // std::regex recurses for each character.
    constexpr std::size_t kLongest = 4096;
    if (text.size() > kLongest) return problem(fmt::format("it has more than {} characters", kLongest));
    if (!std::regex_match(text, std::regex(declaration.pattern))) {
      return problem(fmt::format("it does not match {}", declaration.pattern));
    }
  }
  if (value.is_number()) {
    const double number = value.get<double>();
    if (declaration.minimum && number < *declaration.minimum) {
      return problem(fmt::format("it has to be at least {}", *declaration.minimum));
    }
    if (declaration.maximum && number > *declaration.maximum) {
      return problem(fmt::format("it may be at most {}", *declaration.maximum));
    }
  }
  return "";
}

std::string JsonText(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return fmt::format("{}", value.get<double>());
  return value.dump();
}

std::string DescribeJson(const Json& value) {
  if (value.is_string()) return "a text";
  if (value.is_number()) return "a number";
  if (value.is_boolean()) return "a boolean";
  if (value.is_array()) return "a list";
  if (value.is_object()) return "a map";
  return "null";
}

}  // namespace adhoc::config
