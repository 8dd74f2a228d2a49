#include "config/definition.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <utility>

#include "base/text.h"
#include "config/application.h"
#include "config/reader.h"
#include "config/rules.h"
#include "config/variable_type.h"
#include "config/yaml.h"

namespace adhoc::config {

namespace {

constexpr std::size_t kMaxApplicationName = 32;
// `{shared}-…` has to fit in a load balancer's name.
constexpr std::size_t kMaxSharedName = 20;
constexpr std::size_t kMaxTargetName = 32;

class DefinitionReader {
 public:
  DefinitionReader(const YamlNode& root, Definition& definition, Diagnostics& diagnostics)
      : root_(root), definition_(definition), diagnostics_(diagnostics), reader_(scope_, diagnostics) {
    scope_.declarations = &definition_.variables;
  }

  void Read() {
    CheckKeys();
    definition_.name = Name("name", kMaxApplicationName).value_or("");
    if (root_.Find("name") == nullptr) {
      reader_.Mistake(Top(), "the definition has no `name`", "add name: with the name of the application");
    }
    if (const YamlEntry* services = root_.Find("services");
        services == nullptr || services->value->kind == YamlNode::Kind::kNull) {
      reader_.Mistake(services == nullptr ? Top() : services->key_range, "the definition has no services",
                      "add `services:` with what has to run");
    }
    if (const YamlEntry* variables = root_.Find("variables")) ReadVariables(*variables->value);
    shared_ = Name("shared", kMaxSharedName).value_or("dev");
    if (const YamlEntry* domain = root_.Find("domain"))
      domain_ = ReadDomain(*domain->value, "domain").value_or("localhost");
    ReadTargets();
    ReadDefaultTarget();

    const Scope scope = MakeScope(root_, definition_.variables, nullptr, nullptr);
    Application application = ReadApplication(root_, scope, false, diagnostics_);
    definition_.images = std::move(application.images);
    for (const Service& service : application.services) definition_.service_names.push_back(service.name);
    for (const Task& task : application.tasks) definition_.task_names.push_back(task.name);
  }

 private:
  // Where a missing key is reported.
  Range Top() const { return root_.entries.empty() ? root_.range : root_.entries.front().key_range; }

  void CheckKeys() {
    const std::vector<std::string> keys = {"name",     "shared", "domain",  "default_target", "variables", "images",
                                           "database", "bucket", "secrets", "services",       "tasks",     "targets"};
    YamlNode known = root_;
    // As in Compose: a place for anchors.
    std::erase_if(known.entries, [](const YamlEntry& entry) { return entry.key.starts_with("x-"); });
    reader_.Map(known, "adhoc.yaml", keys);
  }

  // Targets and names are the same for every environment, so nothing in them can refer to a variable.
  std::optional<std::string> Literal(const YamlNode& node, const std::string& name) {
    if (node.kind != YamlNode::Kind::kScalar) {
      reader_.Mistake(node.range, fmt::format("`{}` has to be a text, found {}", name, DescribeYaml(node)));
      return std::nullopt;
    }
    if (node.scalar.find("${") != std::string::npos) {
      reader_.Mistake(node.range, fmt::format("`{}` cannot hold references", name), "write the value itself");
      return std::nullopt;
    }
    return node.scalar;
  }

  std::optional<std::string> Name(const char* key, std::size_t max_length) {
    const YamlEntry* entry = root_.Find(key);
    if (entry == nullptr) return std::nullopt;
    auto text = Literal(*entry->value, key);
    if (!text || !reader_.Accept(*entry->value, key, NameProblem(*text, max_length))) return std::nullopt;
    return text;
  }

  std::optional<std::string> ReadDomain(const YamlNode& node, const std::string& name) {
    auto text = Literal(node, name);
    if (!text || !reader_.Accept(node, name, DomainProblem(*text))) return std::nullopt;
    return text;
  }

  // ---- variables

  void ReadVariables(const YamlNode& node) {
    if (node.kind == YamlNode::Kind::kNull || !reader_.AnyMap(node, "variables")) return;
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
      definition_.variables.push_back(std::move(variable));
    }
  }

  void ReadVariable(const YamlNode& body, const std::string& name, VariableDeclaration& variable) {
    // `x:` alone declares a text that every environment has to set.
    if (body.kind == YamlNode::Kind::kNull) return;
    if (!reader_.Map(
            body, name,
            {"type", "default", "description", "sensitive", "pattern", "one_of", "minimum", "maximum", "message"})) {
      return;
    }
    if (const YamlEntry* type = body.Find("type")) {
      if (auto text = Literal(*type->value, name + ".type")) {
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
      variable.description = Literal(*text->value, name + ".description").value_or("");
    }
    if (const YamlEntry* text = body.Find("message")) {
      variable.message = Literal(*text->value, name + ".message").value_or("");
    }
    if (const YamlEntry* flag = body.Find("sensitive")) {
      variable.sensitive = reader_.Boolean(*flag->value, name + ".sensitive").value_or(true);
    }
    ReadValidation(body, name, variable);
    if (const YamlEntry* value = body.Find("default")) {
      variable.default_value = ReadValue(*value->value, variable, name + ".default");
      if (variable.sensitive && variable.default_value) {
        reader_.Mistake(value->key_range,
                        fmt::format("`{}` is sensitive: a default would put it in git", variable.name),
                        "leave `default` out");
      }
    }
  }

  void ReadValidation(const YamlNode& body, const std::string& name, VariableDeclaration& variable) {
    if (const YamlEntry* pattern = body.Find("pattern")) {
      if (auto text = Literal(*pattern->value, name + ".pattern")) {
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
          if (auto value = Convert(*item, variable.type, name + ".one_of", diagnostics_))
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

  std::optional<Json> ReadValue(const YamlNode& node, const VariableDeclaration& variable, const std::string& name) {
    if (node.kind == YamlNode::Kind::kNull) {
      reader_.Mistake(node.range, fmt::format("`{}` has no value", name),
                      "leave it out for a variable that every environment has to set, or write \"\" for an empty text");
      return std::nullopt;
    }
    auto value = Convert(node, variable.type, name, diagnostics_);
    if (!value) return std::nullopt;
    reader_.Accept(node, name, ValidationProblem(variable, *value));
    return value;
  }

  // ---- targets

  void ReadTargets() {
    const YamlEntry* targets = root_.Find("targets");
    if (targets != nullptr && targets->value->kind != YamlNode::Kind::kNull &&
        reader_.AnyMap(*targets->value, "targets")) {
      for (const YamlEntry& entry : targets->value->entries) ReadTarget(entry);
    }
    if (!definition_.targets.empty()) return;
    TargetDeclaration local;
    local.target.name = "local";
    local.target.shared = shared_;
    local.target.domain = domain_;
    definition_.targets.push_back(std::move(local));
  }

  void ReadTarget(const YamlEntry& entry) {
    const std::string name = "targets." + entry.key;
    if (const std::string problem = NameProblem(entry.key, kMaxTargetName); !problem.empty()) {
      reader_.Mistake(entry.key_range, fmt::format("`{}` is no name for a target: {}", entry.key, problem));
    }
    TargetDeclaration declaration;
    Target& target = declaration.target;
    target.name = entry.key;
    target.shared = shared_;
    target.domain = domain_;
    declaration.range = entry.key_range;
    YamlNode empty;
    empty.kind = YamlNode::Kind::kMap;
    const YamlNode& body = entry.value->kind == YamlNode::Kind::kNull ? empty : *entry.value;
    if (!reader_.AnyMap(body, name)) return;

    const YamlEntry* kind = body.Find("kind");
    target.kind = entry.key == "local" ? TargetKind::kLocal : TargetKind::kAws;
    if (kind != nullptr) {
      const std::string text = Literal(*kind->value, name + ".kind").value_or("");
      if (text == "local") {
        target.kind = TargetKind::kLocal;
      } else if (text == "aws") {
        target.kind = TargetKind::kAws;
      } else if (!text.empty()) {
        reader_.Mistake(kind->value->range, fmt::format("unknown kind of target: `{}`", text),
                        Suggest(text, {"local", "aws"}));
        return;
      }
    } else if (entry.key != "local") {
      reader_.Mistake(entry.key_range, fmt::format("`{}` has no kind", name), "add kind: aws or kind: local");
    }
    const bool aws = target.kind == TargetKind::kAws;
    CheckTargetKeys(body, name, aws);
    ReadCommon(body, name, target, declaration);
    if (aws) {
      ReadAws(entry, body, name, target);
    } else {
      ReadLocal(body, name, target);
    }
    definition_.targets.push_back(std::move(declaration));
  }

  void CheckTargetKeys(const YamlNode& body, const std::string& name, bool aws) {
    const std::vector<std::string> common = {"kind", "shared", "domain", "variables", "network", "spot", "region"};
    const std::vector<std::string> only_aws = {"account", "profile", "role", "certificate", "hosted_zone"};
    const std::vector<std::string> only_local = {"endpoint", "http_port", "https_port", "https"};
    std::vector<std::string> keys = common;
    keys.insert(keys.end(), (aws ? only_aws : only_local).begin(), (aws ? only_aws : only_local).end());
    const std::vector<std::string>& other = aws ? only_local : only_aws;
    YamlNode rest = body;
    std::erase_if(rest.entries, [&](const YamlEntry& entry) {
      if (std::find(other.begin(), other.end(), entry.key) == other.end()) return false;
      reader_.Mistake(entry.key_range,
                      fmt::format("`{}.{}` is for {} targets only", name, entry.key, aws ? "local" : "AWS"),
                      "remove it");
      return true;
    });
    reader_.Map(rest, name, keys);
  }

  void ReadCommon(const YamlNode& body, const std::string& name, Target& target, TargetDeclaration& declaration) {
    if (const YamlEntry* shared = body.Find("shared")) {
      if (auto text = Literal(*shared->value, name + ".shared")) {
        if (reader_.Accept(*shared->value, name + ".shared", NameProblem(*text, kMaxSharedName))) target.shared = *text;
      }
    }
    if (const YamlEntry* domain = body.Find("domain")) {
      if (auto text = ReadDomain(*domain->value, name + ".domain")) target.domain = *text;
    }
    if (const YamlEntry* region = body.Find("region")) {
      if (auto text = Literal(*region->value, name + ".region")) {
        static const std::regex pattern("[a-z]{2}(-[a-z]+)+-[0-9]");
        const bool valid = text->size() < 32 && std::regex_match(*text, pattern);
        if (reader_.Accept(*region->value, name + ".region", valid ? "" : fmt::format("`{}` is no region", *text),
                           "for example us-east-1")) {
          target.region = *text;
        }
      }
    }
    target.spot = target.kind == TargetKind::kAws;
    if (const YamlEntry* spot = body.Find("spot")) {
      target.spot = reader_.Boolean(*spot->value, name + ".spot").value_or(target.spot);
    }
    if (const YamlEntry* network = body.Find("network"))
      ReadNetwork(*network->value, name + ".network", target.network);
    if (const YamlEntry* variables = body.Find("variables")) ReadTargetVariables(*variables->value, name, declaration);
  }

  void ReadTargetVariables(const YamlNode& node, const std::string& name, TargetDeclaration& declaration) {
    if (node.kind == YamlNode::Kind::kNull || !reader_.AnyMap(node, name + ".variables")) return;
    for (const YamlEntry& entry : node.entries) {
      const VariableDeclaration* variable = definition_.FindVariable(entry.key);
      if (variable == nullptr) {
        std::vector<std::string> names;
        for (const VariableDeclaration& known : definition_.variables) names.push_back(known.name);
        reader_.Mistake(entry.key_range, fmt::format("unknown variable: `{}` is not declared", entry.key),
                        Suggest(entry.key, names));
        continue;
      }
      if (variable->sensitive) {
        reader_.Mistake(entry.key_range, fmt::format("`{}` is sensitive: a value here would put it in git", entry.key),
                        "remove it");
        continue;
      }
      const std::string path = fmt::format("{}.variables.{}", name, entry.key);
      if (auto value = ReadValue(*entry.value, *variable, path)) {
        declaration.variables.push_back({entry.key, std::move(*value), entry.key_range});
      }
    }
  }

  void ReadNetwork(const YamlNode& node, const std::string& name, Network& network) {
    if (!reader_.Map(node, name, {"cidr", "zones", "nat", "ingress"})) return;
    if (const YamlEntry* cidr = node.Find("cidr")) {
      if (auto text = Literal(*cidr->value, name + ".cidr")) {
        // Room for a public and a private subnet in each zone, of at least 16 addresses.
        if (reader_.Accept(*cidr->value, name + ".cidr", CidrProblem(*text, 16, 24))) network.cidr = *text;
      }
    }
    if (const YamlEntry* zones = node.Find("zones")) {
      network.zones = reader_.Integer(*zones->value, name + ".zones", 2, 6).value_or(network.zones);
    }
    if (const YamlEntry* nat = node.Find("nat")) {
      const std::string text = Literal(*nat->value, name + ".nat").value_or("");
      if (text == "none") {
        network.nat = NatKind::kNone;
      } else if (text == "per-zone") {
        network.nat = NatKind::kPerZone;
      } else if (!text.empty() && text != "single") {
        reader_.Mistake(nat->value->range, fmt::format("`{}.nat` is not valid: `{}` is unknown", name, text),
                        Suggest(text, {"single", "per-zone", "none"}));
      }
    }
    if (const YamlEntry* ingress = node.Find("ingress")) {
      if (const auto list = reader_.Texts(*ingress->value, name + ".ingress")) {
        network.ingress.clear();
        for (std::size_t i = 0; i < list->size(); ++i) {
          if (reader_.Accept(*ingress->value->items[i], fmt::format("{}.ingress[{}]", name, i),
                             CidrProblem((*list)[i], 0, 32))) {
            network.ingress.push_back((*list)[i]);
          }
        }
        if (list->empty()) {
          reader_.Mistake(ingress->value->range,
                          fmt::format("`{}.ingress` is empty: nobody could reach an environment", name),
                          "leave it out to let everybody in");
        }
      }
    }
  }

  void ReadAws(const YamlEntry& entry, const YamlNode& body, const std::string& name, Target& target) {
    target.account.clear();
    target.http_port = 80;
    target.https_port = 443;
    target.https = true;
    for (const char* key : {"region", "account"}) {
      if (body.Find(key) == nullptr) {
        reader_.Mistake(entry.key_range, fmt::format("`{}` has no {}", name, key),
                        std::string_view(key) == "account"
                            ? "add account: with the 12 digits of the account, so that no other one is ever touched"
                            : "add region: us-east-1");
      }
    }
    if (const YamlEntry* account = body.Find("account")) {
      if (auto text = Literal(*account->value, name + ".account")) {
        const bool valid = text->size() == 12 && text->find_first_not_of("0123456789") == std::string::npos;
        if (reader_.Accept(*account->value, name + ".account", valid ? "" : "an account's number has 12 digits",
                           "write it in quotes: \"111122223333\"")) {
          target.account = *text;
        }
      }
    }
    const auto arn = [&](const char* key, const char* service, std::string& value) {
      const YamlEntry* found = body.Find(key);
      if (found == nullptr) return;
      auto text = Literal(*found->value, fmt::format("{}.{}", name, key));
      if (!text) return;
      const std::regex pattern(fmt::format("arn:aws[a-z-]*:{}:[a-z0-9-]*:[0-9]{{12}}:.+", service));
      const bool valid = text->size() < 2048 && std::regex_match(*text, pattern);
      if (reader_.Accept(*found->value, fmt::format("{}.{}", name, key),
                         valid ? "" : fmt::format("it is not an ARN of {}", service))) {
        value = *text;
      }
    };
    arn("role", "iam", target.role);
    arn("certificate", "acm", target.certificate);
    if (const YamlEntry* profile = body.Find("profile")) {
      target.profile = Literal(*profile->value, name + ".profile").value_or("");
    }
    if (const YamlEntry* zone = body.Find("hosted_zone")) {
      target.hosted_zone = Literal(*zone->value, name + ".hosted_zone").value_or("");
    }
    if (target.domain == "localhost" || target.domain.find('.') == std::string::npos) {
      const YamlEntry* domain = body.Find("domain");
      reader_.Mistake(domain != nullptr ? domain->value->range : entry.key_range,
                      fmt::format("`{}` needs a domain of its own: `{}` cannot be registered", name, target.domain),
                      "add domain: dev.example.com");
    }
  }

  void ReadLocal(const YamlNode& body, const std::string& name, Target& target) {
    if (const YamlEntry* port = body.Find("http_port")) {
      target.http_port = reader_.Integer(*port->value, name + ".http_port", 1, 65535).value_or(target.http_port);
    }
    if (const YamlEntry* port = body.Find("https_port")) {
      target.https_port = reader_.Integer(*port->value, name + ".https_port", 1, 65535).value_or(target.https_port);
      if (target.https_port == target.http_port) {
        reader_.Mistake(port->value->range,
                        fmt::format("`{}.https_port` and `http_port` are both {}", name, target.http_port));
      }
    }
    if (const YamlEntry* https = body.Find("https")) {
      target.https = reader_.Boolean(*https->value, name + ".https").value_or(false);
    }
    if (const YamlEntry* endpoint = body.Find("endpoint")) {
      if (auto text = Literal(*endpoint->value, name + ".endpoint")) {
        const bool valid = text->starts_with("http://") || text->starts_with("https://");
        if (reader_.Accept(*endpoint->value, name + ".endpoint", valid ? "" : "it is not a URL",
                           "for example http://127.0.0.1:4566")) {
          target.endpoint = *text;
        }
      }
    }
  }

  void ReadDefaultTarget() {
    std::vector<std::string> names;
    for (const TargetDeclaration& target : definition_.targets) names.push_back(target.target.name);
    definition_.default_target =
        std::find(names.begin(), names.end(), "local") != names.end() ? "local" : names.front();
    const YamlEntry* entry = root_.Find("default_target");
    if (entry == nullptr) return;
    const auto text = Literal(*entry->value, "default_target");
    if (!text) return;
    if (std::find(names.begin(), names.end(), *text) == names.end()) {
      reader_.Mistake(entry->value->range, fmt::format("unknown target `{}`", *text), Suggest(*text, names));
      return;
    }
    definition_.default_target = *text;
  }

  const YamlNode& root_;
  Definition& definition_;
  Diagnostics& diagnostics_;
  Scope scope_;  // of places without services and secrets
  Reader reader_;
  std::string shared_;
  std::string domain_ = "localhost";
};

}  // namespace

const VariableDeclaration* Definition::FindVariable(std::string_view variable) const {
  const auto found = std::find_if(variables.begin(), variables.end(),
                                  [&](const VariableDeclaration& declaration) { return declaration.name == variable; });
  return found == variables.end() ? nullptr : &*found;
}

const TargetDeclaration& Definition::GetTarget(std::string_view target) const {
  const std::string_view wanted = target.empty() ? std::string_view(default_target) : target;
  std::vector<std::string> names;
  for (const TargetDeclaration& declaration : targets) {
    if (declaration.target.name == wanted) return declaration;
    names.push_back(declaration.target.name);
  }
  throw Error(fmt::format("unknown target `{}`: the definition has no such target", wanted), Suggest(wanted, names));
}

const Image& Definition::GetImage(std::string_view image) const {
  std::vector<std::string> names;
  for (const Image& known : images) {
    if (known.name == image) return known;
    names.push_back(known.name);
  }
  throw Error(fmt::format("unknown image `{}`: the definition has no such image", image), Suggest(image, names));
}

std::optional<Definition> ParseDefinition(std::shared_ptr<const SourceText> source, Diagnostics& diagnostics) {
  Definition definition;
  definition.directory = std::filesystem::path(source->name()).parent_path().string();
  if (definition.directory.empty()) definition.directory = ".";
  definition.source = source;
  definition.root = ParseYaml(source, diagnostics);
  if (definition.root == nullptr) return std::nullopt;
  if (definition.root->kind != YamlNode::Kind::kMap) {
    diagnostics.Error(definition.root->range, "the definition has to be a map, found " + DescribeYaml(*definition.root),
                      "start with name: and services:");
    return std::nullopt;
  }
  DefinitionReader(*definition.root, definition, diagnostics).Read();
  return definition;
}

std::shared_ptr<const SourceText> ReadDefinition(const std::string& path) {
  if (!std::filesystem::exists(path)) {
    throw Error(fmt::format("no definition: {} does not exist", path),
                "write one; docs/reference/definition.md describes it");
  }
  return SourceText::Read(path);
}

Definition LoadDefinition(const std::string& path) {
  Diagnostics diagnostics;
  std::optional<Definition> definition = ParseDefinition(ReadDefinition(path), diagnostics);
  diagnostics.ThrowIfErrors();
  return std::move(*definition);
}

std::string FindDefinition(const std::string& directory) {
  namespace fs = std::filesystem;
  for (fs::path folder = fs::absolute(directory);; folder = folder.parent_path()) {
    if (fs::exists(folder / "adhoc.yaml"))
      return (fs::relative(folder / "adhoc.yaml", fs::absolute(directory))).string();
    if (folder == folder.parent_path()) break;
  }
  throw Error(fmt::format("no definition: neither {} nor a folder above it has an adhoc.yaml",
                          fs::absolute(directory).string()),
              "go to the application's repository, or name the file with --file");
}

}  // namespace adhoc::config
