#include "config/resolve.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "base/text.h"
#include "config/application.h"
#include "config/yaml.h"

namespace adhoc::config {

namespace {

std::string EnvironmentUrl(const Target& target, const std::string& host) {
  const int port = target.https ? target.https_port : target.http_port;
  const int usual = target.https ? 443 : 80;
  return fmt::format("{}://{}{}", target.https ? "https" : "http", host, port == usual ? "" : fmt::format(":{}", port));
}

template <typename Item>
const Item* FindByName(const std::vector<Item>& items, std::string_view name) {
  const auto found = std::find_if(items.begin(), items.end(), [&](const Item& item) { return item.name == name; });
  return found == items.end() ? nullptr : &*found;
}

}  // namespace

const Image* Config::FindImage(std::string_view name) const { return FindByName(images, name); }
const Service* Config::FindService(std::string_view name) const { return FindByName(services, name); }
const Task* Config::FindTask(std::string_view name) const { return FindByName(tasks, name); }

Config Resolve(const Definition& definition, const TargetDeclaration& target, const std::string& environment,
               const std::map<std::string, Json>& variables, Diagnostics& diagnostics) {
  Config config;
  config.application = definition.name;
  config.environment = environment;
  config.target = target.target;
  config.directory = definition.directory;
  config.host = environment + "." + target.target.domain;
  config.url = EnvironmentUrl(target.target, config.host);

  const EnvironmentFacts facts{environment, config.host, config.url};
  const Scope scope = MakeScope(*definition.root, definition.variables, &variables, &facts);
  Application application = ReadApplication(*definition.root, scope, target.target.spot, diagnostics);
  config.images = std::move(application.images);
  config.secrets = std::move(application.secrets);
  config.services = std::move(application.services);
  config.tasks = std::move(application.tasks);
  config.database = std::move(application.database);
  config.bucket = std::move(application.bucket);

  std::set<std::string> sensitive = std::move(application.secret_variables);
  for (const VariableDeclaration& declaration : definition.variables) {
    if (declaration.sensitive) sensitive.insert(declaration.name);
  }
  for (const auto& [name, value] : variables) {
    if (!sensitive.contains(name)) config.variables[name] = value;
  }
  config.sensitive_variables.assign(sensitive.begin(), sensitive.end());
  return config;
}

namespace {

TargetDeclaration ChooseTarget(const Definition& definition, const LoadOptions& options) {
  TargetDeclaration target = definition.GetTarget(options.target);
  if (options.local_http_port != 0 && target.target.kind == TargetKind::kLocal) {
    target.target.http_port = options.local_http_port;
  }
  return target;
}

}  // namespace

Config LoadConfig(const LoadOptions& options) {
  CheckEnvironmentName(options.environment);
  Diagnostics diagnostics;
  const std::optional<Definition> definition = ParseDefinition(ReadDefinition(options.definition), diagnostics);
  const std::string directory = std::filesystem::path(options.definition).parent_path().string();
  const std::string path =
      options.variables.empty() ? VariablesPath(directory, options.environment) : options.variables;
  if (diagnostics.HasErrors()) {
    // What the values are worth cannot be told, but how they are written can.
    if (std::filesystem::exists(path)) LoadVariables(path, diagnostics);
    diagnostics.ThrowIfErrors();
  }
  const TargetDeclaration target = ChooseTarget(*definition, options);
  const Variables file = LoadVariables(path, diagnostics);
  const std::map<std::string, Json> variables =
      BindVariables(*definition, target, file, options.overrides, path, diagnostics);
  Config config = Resolve(*definition, target, options.environment, variables, diagnostics);
  diagnostics.ThrowIfErrors();
  config.variables_file = path;
  CheckDerivedNames(config);
  return config;
}

Config LoadConfigWithoutVariables(const LoadOptions& options, const std::map<std::string, Json>& recorded) {
  Diagnostics diagnostics;
  std::optional<Definition> definition = ParseDefinition(ReadDefinition(options.definition), diagnostics);
  diagnostics.ThrowIfErrors();
  const auto empty_value = [](const VariableDeclaration& variable) -> Json {
    if (!variable.one_of.empty()) return variable.one_of.front();
    switch (variable.type.kind) {
      case VariableType::Kind::kNumber:
        return variable.minimum.value_or(0);
      case VariableType::Kind::kBool:
        return false;
      case VariableType::Kind::kList:
        return Json::array();
      case VariableType::Kind::kMap:
      case VariableType::Kind::kObject:
        return Json::object();
      case VariableType::Kind::kString:
      case VariableType::Kind::kAny:
        break;
    }
    return "unset";
  };
  for (VariableDeclaration& variable : definition->variables) {
    const auto found = recorded.find(variable.name);
    if (found != recorded.end()) {
      variable.default_value = found->second;
    } else if (!variable.default_value) {
      variable.default_value = empty_value(variable);
    }
  }
  const TargetDeclaration target = ChooseTarget(*definition, options);
  // Refused values don't matter here: nothing is made of them.
  Diagnostics ignored;
  const auto variables = BindVariables(*definition, target, Variables(), {}, "", ignored);
  Config config = Resolve(*definition, target, options.environment, variables, diagnostics);
  diagnostics.ThrowIfErrors();
  return config;
}

}  // namespace adhoc::config
