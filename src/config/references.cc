#include "config/references.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/text.h"
#include "config/variable_type.h"

namespace adhoc::config {

namespace {

bool IsNamePart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

// A `${…}` in a scalar, not looked into yet.
struct Token {
  std::size_t begin = 0;  // in the scalar's text
  std::size_t end = 0;
  std::string_view inner;
};

// Splits a scalar's text into literals and tokens. `on_literal` and `on_token` are called in order; `on_open` when a
// `${` has no end.
template <typename OnLiteral, typename OnToken, typename OnOpen>
void Scan(std::string_view text, OnLiteral on_literal, OnToken on_token, OnOpen on_open) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t dollar = text.find('$', at);
    if (dollar == std::string_view::npos) break;
    if (text.substr(dollar).starts_with("$${")) {
      on_literal(text.substr(at, dollar - at));
      on_literal(std::string_view("${"));
      at = dollar + 3;
    } else if (text.substr(dollar).starts_with("${")) {
      on_literal(text.substr(at, dollar - at));
      const std::size_t close = text.find('}', dollar);
      if (close == std::string_view::npos) {
        on_open(dollar);
        return;
      }
      on_token(Token{dollar, close + 1, text.substr(dollar + 2, close - dollar - 2)});
      at = close + 1;
    } else {
      on_literal(text.substr(at, dollar + 1 - at));
      at = dollar + 1;
    }
  }
  if (at < text.size()) on_literal(text.substr(at));
}

// The place in the file of a part of a scalar. Exact when the scalar is written on one line without escapes; else the
// part itself is looked for.
Range Locate(const YamlNode& node, std::size_t begin, std::size_t end) {
  const Range& range = node.range;
  if (range.source == nullptr) return range;
  const std::string_view file = range.source->text();
  std::size_t start = range.begin.offset;
  if (start < file.size() && (file[start] == '"' || file[start] == '\'')) ++start;
  const auto at = [&](std::size_t offset) {
    return Range{range.source, range.source->At(offset), range.source->At(offset + (end - begin))};
  };
  if (file.substr(start).starts_with(node.scalar)) return at(start + begin);
  const std::string_view part = std::string_view(node.scalar).substr(begin, end - begin);
  std::size_t earlier = 0;
  for (std::size_t i = node.scalar.find(part); i < begin; i = node.scalar.find(part, i + 1)) ++earlier;
  std::size_t found = file.find(part, start);
  while (earlier-- > 0 && found != std::string_view::npos) found = file.find(part, found + 1);
  // A scalar ends somewhere: what is found far behind it belongs to another.
  if (found == std::string_view::npos || found > start + 4 * node.scalar.size() + 256) return range;
  return at(found);
}

// `a.b.c` as its names, or nothing when it is no such path.
std::optional<std::vector<std::string>> SplitPath(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  std::vector<std::string> path(1);
  for (const char c : text) {
    if (c == '.') {
      path.emplace_back();
    } else if (IsNamePart(c)) {
      path.back() += c;
    } else {
      return std::nullopt;
    }
  }
  if (std::any_of(path.begin(), path.end(), [](const std::string& name) { return name.empty(); })) return std::nullopt;
  return path;
}

std::string Shown(std::string_view inner) {
  constexpr std::size_t kMost = 60;
  std::string shown(inner.substr(0, inner.find('\n')));
  if (shown.size() > kMost) {
    std::size_t end = kMost;
    while ((static_cast<unsigned char>(shown[end]) & 0xC0U) == 0x80U) --end;
    shown.resize(end);
  }
  if (shown.size() < inner.size()) shown += "…";
  return "${" + shown + "}";
}

std::vector<std::string> Prefixed(std::string_view prefix, const std::vector<std::string>& names) {
  std::vector<std::string> all;
  for (const std::string& name : names) all.push_back(fmt::format("${{{}{}}}", prefix, name));
  return all;
}

class Resolver {
 public:
  Resolver(const Scope& scope, Allow allow, Diagnostics& diagnostics)
      : scope_(scope), allow_(allow), diagnostics_(diagnostics) {}

  Evaluated Run(const YamlNode& node) {
    Scan(
        node.scalar, [&](std::string_view literal) { result_.parts.emplace_back(std::string(literal)); },
        [&](const Token& token) { Resolve(node, token); },
        [&](std::size_t at) {
          Mistake(Locate(node, at, at + 2), "this reference has no end: missing `}`",
                  "write $${ for the characters ${");
        });
    return std::move(result_);
  }

  // A path that begins with `var`.
  VariableValue Variable(const std::vector<std::string>& path, const Range& range) {
    VariableValue result;
    const auto fail = [&](std::string summary, std::string hint) {
      diagnostics_.Error(range, std::move(summary), std::move(hint));
      result.ok = false;
      return result;
    };
    std::vector<std::string> names;
    for (const VariableDeclaration& declaration : *scope_.declarations) names.push_back(declaration.name);
    if (path.size() < 2) return fail("`${var}` needs the name of a variable", Suggest("", Prefixed("var.", names)));
    result.variable = path[1];
    const VariableDeclaration* declaration = scope_.FindVariable(path[1]);
    if (declaration == nullptr) {
      std::string hint;
      if (const std::string nearest = Nearest(path[1], names); !nearest.empty()) {
        hint = fmt::format("did you mean `${{var.{}}}`?", nearest);
      } else {
        hint = fmt::format("declare it: variables: {{{}: {{type: string}}}}", path[1]);
      }
      return fail(fmt::format("unknown variable: `{}` is not declared", path[1]), hint);
    }
    if (declaration->sensitive && allow_ != Allow::kSecretValue) {
      return fail(
          fmt::format("`{}` is sensitive: it may be used only as the value of a secret", path[1]),
          fmt::format("declare secrets: {{NAME: {{value: \"${{var.{}}}\"}}}} and use ${{secrets.NAME}}", path[1]));
    }
    const VariableType::Kind kind = declaration->type.kind;
    const bool scalar =
        kind == VariableType::Kind::kString || kind == VariableType::Kind::kNumber || kind == VariableType::Kind::kBool;
    if (path.size() > 2 && scalar) {
      return fail(fmt::format("`{}` is a {}: it has no `{}`", path[1], declaration->type.ToString(), path[2]),
                  fmt::format("write ${{var.{}}}", path[1]));
    }
    if (scope_.variables == nullptr) {
      result.known = false;
      // What the type alone tells, so that a wrong use is found before any environment exists.
      result.value = ExampleOf(declaration->type, path.size() - 2);
      return result;
    }
    const auto found = scope_.variables->find(path[1]);
    if (found == scope_.variables->end()) {
      // Its own mistake is reported where variables are bound.
      result.known = false;
      result.value = ExampleOf(declaration->type, path.size() - 2);
      return result;
    }
    const Json* value = &found->second;
    std::string walked = path[1];
    for (std::size_t i = 2; i < path.size(); ++i) {
      const Json* next = Step(*value, path[i]);
      if (next == nullptr) {
        std::vector<std::string> keys;
        if (value->is_object()) {
          for (const auto& [key, unused] : value->items()) keys.push_back(key);
        }
        return fail(
            fmt::format("the variable `{}` has no `{}`", walked, path[i]),
            value->is_array() ? fmt::format("it has {} items, counted from 0", value->size()) : Suggest(path[i], keys));
      }
      value = next;
      walked += "." + path[i];
    }
    if (value->is_null()) return fail(fmt::format("the variable `{}` is null", walked), "give it a value");
    result.value = *value;
    return result;
  }

 private:
  void Mistake(const Range& range, std::string summary, std::string hint = "") {
    diagnostics_.Error(range, std::move(summary), std::move(hint));
    result_.ok = false;
  }

  static const Json* Step(const Json& value, const std::string& name) {
    if (value.is_object()) {
      const auto found = value.find(name);
      return found == value.end() ? nullptr : &*found;
    }
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
    if (!value.is_array() || error != std::errc{} || end != name.data() + name.size()) return nullptr;
    return index < value.size() ? &value[index] : nullptr;
  }

  // A value of the type's kind; null where the type does not tell.
  static Json ExampleOf(const VariableType& type, std::size_t steps) {
    const VariableType* inner = &type;
    for (; steps > 0 && inner != nullptr; --steps) inner = inner->element.get();
    if (inner == nullptr) return nullptr;
    switch (inner->kind) {
      case VariableType::Kind::kString:
        return "";
      case VariableType::Kind::kNumber:
        return 0;
      case VariableType::Kind::kBool:
        return false;
      case VariableType::Kind::kList:
        return Json::array();
      case VariableType::Kind::kMap:
      case VariableType::Kind::kObject:
        return Json::object();
      case VariableType::Kind::kAny:
        break;
    }
    return nullptr;
  }

  void Resolve(const YamlNode& node, const Token& token) {
    const Range range = Locate(node, token.begin, token.end);
    const auto path = SplitPath(token.inner);
    if (!path) {
      return Mistake(
          range, fmt::format("`{}` is not a reference: only names joined by dots can stand here", Shown(token.inner)),
          "write $${ for the characters ${");
    }
    const std::string& root = path->front();
    if (root == "var") return ResolveVariable(*path, range);
    if (root == "env") return ResolveEnvironment(*path, range);
    if (root == "database") return ResolveDatabase(*path, range);
    if (root == "bucket") return ResolveBucket(*path, range);
    if (root == "image") return ResolveImage(*path, range);
    if (root == "secrets") return ResolveSecret(*path, range);
    if (scope_.services.contains(root)) return ResolveService(*path, range);
    MistakeUnknownRoot(*path, range);
  }

  void MistakeUnknownRoot(const std::vector<std::string>& path, const Range& range) {
    std::vector<std::string> roots = ReferenceRoots();
    for (const auto& [name, unused] : scope_.services) roots.push_back(name);
    std::vector<std::string> variables;
    for (const VariableDeclaration& declaration : *scope_.declarations) variables.push_back(declaration.name);
    const std::string nearest = Nearest(path.front(), roots);
    std::string hint;
    if (path.size() == 1 && scope_.FindVariable(path.front()) != nullptr) {
      hint = fmt::format("did you mean `${{var.{}}}`?", path.front());
    } else if (!nearest.empty() && nearest != path.front()) {
      std::string meant = nearest;
      for (std::size_t i = 1; i < path.size(); ++i) meant += "." + path[i];
      hint = fmt::format("did you mean `${{{}}}`?", meant);
    } else {
      hint = "a reference starts with one of: " + Join(roots);
    }
    Mistake(range, fmt::format("unknown reference: `${{{}}}`", Join(path, ".")), hint);
  }

  void ResolveVariable(const std::vector<std::string>& path, const Range& range) {
    const VariableValue found = Variable(path, range);
    if (path.size() > 1) result_.variables.insert(path[1]);
    if (!found.ok) {
      result_.ok = false;
      return;
    }
    if (found.value.is_structured()) {
      return Mistake(
          range,
          fmt::format("`${{{}}}` is {}: only a text, number or boolean can stand in a text", Join(path, "."),
                      DescribeJson(found.value)),
          found.value.is_object() ? fmt::format("take one of its values: ${{{}.KEY}}", Join(path, ".")) : "");
    }
    if (allow_ == Allow::kSecrets) return MistakeNotSecret(range);
    if (!found.known) {
      result_.known = false;
      return;
    }
    result_.parts.emplace_back(JsonText(found.value));
  }

  // The one name after a root, which has to be one of `names`.
  bool Member(const std::vector<std::string>& path, const Range& range, const std::vector<std::string>& names) {
    if (path.size() == 2 && std::find(names.begin(), names.end(), path[1]) != names.end()) return true;
    const std::string prefix = path[0] + ".";
    const std::string word = path.size() > 1 ? path[1] : "";
    const std::string nearest = Nearest(word, names);
    Mistake(range, fmt::format("unknown reference: `${{{}}}`", Join(path, ".")),
            nearest.empty() ? (names.empty() ? fmt::format("no {} are declared", path[0])
                                             : "use one of: " + Join(Prefixed(prefix, names)))
                            : fmt::format("did you mean `${{{}{}}}`?", prefix, nearest));
    return false;
  }

  void ResolveEnvironment(const std::vector<std::string>& path, const Range& range) {
    if (!Member(path, range, {"name", "host", "url"})) return;
    if (allow_ == Allow::kSecrets) return MistakeNotSecret(range);
    if (scope_.environment == nullptr) {
      result_.known = false;
      return;
    }
    const EnvironmentFacts& facts = *scope_.environment;
    result_.parts.emplace_back(path[1] == "name" ? facts.name : path[1] == "host" ? facts.host : facts.url);
  }

  void MistakeNotSecret(const Range& range) {
    Mistake(range, "this is not a secret",
            "put it in `environment:`; `secrets:` takes ${secrets.NAME} and ${database.password}");
  }

  bool AllowsResource(const std::vector<std::string>& path, const Range& range) {
    if (allow_ == Allow::kResources) return true;
    if (allow_ == Allow::kSecrets) {
      MistakeNotSecret(range);
    } else {
      Mistake(range,
              fmt::format("`${{{}}}` cannot stand here: it is known only once the environment exists", Join(path, ".")),
              "here only ${var.…} and ${env.…} can stand");
    }
    return false;
  }

  void Keep(Reference::Kind kind, const Range& range, std::string name = "") {
    result_.parts.emplace_back(Reference{kind, std::move(name), range});
  }

  void ResolveDatabase(const std::vector<std::string>& path, const Range& range) {
    if (!Member(path, range, {"host", "port", "name", "user", "password"})) return;
    if (!scope_.database) {
      return Mistake(range, fmt::format("`${{{}}}`: the definition has no database", Join(path, ".")),
                     "add `database: {}` to the definition");
    }
    if (path[1] == "password") {
      if (allow_ == Allow::kSecrets) return Keep(Reference::Kind::kDatabasePassword, range);
      return Mistake(range, "`${database.password}` may be used only in `secrets:`",
                     "move this line from `environment:` to `secrets:`");
    }
    if (!AllowsResource(path, range)) return;
    Keep(path[1] == "host"   ? Reference::Kind::kDatabaseHost
         : path[1] == "port" ? Reference::Kind::kDatabasePort
         : path[1] == "name" ? Reference::Kind::kDatabaseName
                             : Reference::Kind::kDatabaseUser,
         range);
  }

  void ResolveBucket(const std::vector<std::string>& path, const Range& range) {
    if (!Member(path, range, {"name", "url"})) return;
    if (!scope_.bucket) {
      return Mistake(range, fmt::format("`${{{}}}`: the definition has no bucket", Join(path, ".")),
                     "add `bucket: {}` to the definition");
    }
    if (!AllowsResource(path, range)) return;
    Keep(path[1] == "name" ? Reference::Kind::kBucketName : Reference::Kind::kBucketUrl, range);
  }

  void ResolveImage(const std::vector<std::string>& path, const Range& range) {
    if (!Member(path, range, scope_.images) || !AllowsResource(path, range)) return;
    Keep(Reference::Kind::kImage, range, path[1]);
  }

  void ResolveSecret(const std::vector<std::string>& path, const Range& range) {
    if (!Member(path, range, scope_.secrets)) return;
    if (allow_ == Allow::kSecrets) return Keep(Reference::Kind::kSecret, range, path[1]);
    Mistake(range, fmt::format("`${{{}}}` may be used only in `secrets:` of a service or task", Join(path, ".")),
            "move this line from `environment:` to `secrets:`");
  }

  void ResolveService(const std::vector<std::string>& path, const Range& range) {
    if (!Member(path, range, {"address", "port"})) return;
    const Scope::ServiceFacts& service = scope_.services.find(path[0])->second;
    if (path[1] == "port") {
      if (!service.port_written) {
        return Mistake(range, fmt::format("the service `{}` has no port", path[0]),
                       fmt::format("add `port:` to the service `{}`", path[0]));
      }
      if (allow_ == Allow::kSecrets) return MistakeNotSecret(range);
      if (service.port) {
        result_.parts.emplace_back(std::to_string(*service.port));
      } else {
        result_.known = false;
      }
      return;
    }
    if (!service.discoverable) {
      return Mistake(range, fmt::format("the service `{}` has no address: it is not discoverable", path[0]),
                     fmt::format("add `discoverable: true` to the service `{}`", path[0]));
    }
    if (!AllowsResource(path, range)) return;
    Keep(Reference::Kind::kServiceAddress, range, path[0]);
  }

  const Scope& scope_;
  Allow allow_;
  Diagnostics& diagnostics_;
  Evaluated result_;
};

// The path of the one reference that the scalar consists of, or nothing.
std::optional<std::vector<std::string>> SolePath(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::kScalar) return std::nullopt;
  std::optional<std::vector<std::string>> path;
  bool sole = true;
  int tokens = 0;
  Scan(
      node.scalar, [&](std::string_view literal) { sole = sole && literal.empty(); },
      [&](const Token& token) {
        ++tokens;
        path = SplitPath(token.inner);
      },
      [&](std::size_t) { sole = false; });
  return sole && tokens == 1 ? path : std::nullopt;
}

}  // namespace

const VariableDeclaration* Scope::FindVariable(std::string_view name) const {
  const auto found = std::find_if(declarations->begin(), declarations->end(),
                                  [&](const VariableDeclaration& declaration) { return declaration.name == name; });
  return found == declarations->end() ? nullptr : &*found;
}

const std::vector<std::string>& ReferenceRoots() {
  static const std::vector<std::string> roots = {"var", "env", "database", "bucket", "image", "secrets"};
  return roots;
}

std::string Evaluated::Text() const { return Template(parts).ToString(); }

Evaluated Evaluate(const YamlNode& node, const Scope& scope, Allow allow, Diagnostics& diagnostics) {
  return Resolver(scope, allow, diagnostics).Run(node);
}

bool IsSoleVariable(const YamlNode& node) {
  const auto path = SolePath(node);
  return path && path->front() == "var";
}

VariableValue EvaluateVariable(const YamlNode& node, const Scope& scope, Allow allow, Diagnostics& diagnostics) {
  return Resolver(scope, allow, diagnostics).Variable(*SolePath(node), node.range);
}

}  // namespace adhoc::config
