#include "config/definition.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/text.h"
#include "config/application.h"
#include "config/reader.h"
#include "config/rules.h"
#include "config/targets.h"
#include "config/variables.h"
#include "config/yaml.h"

namespace adhoc::config {

namespace {

constexpr std::size_t kMaxApplicationName = 32;

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
    if (const YamlEntry* variables = root_.Find("variables")) {
      definition_.variables = ReadVariables(*variables->value, reader_);
    }
    TargetDefaults defaults{Name("shared", kMaxSharedName).value_or("dev"), "localhost"};
    if (const YamlEntry* domain = root_.Find("domain")) {
      defaults.domain = ReadDomain(*domain->value, "domain", reader_).value_or(defaults.domain);
    }
    const YamlEntry* targets = root_.Find("targets");
    definition_.targets = ReadTargets(targets == nullptr ? nullptr : targets->value.get(), defaults, reader_);
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

  std::optional<std::string> Name(const char* key, std::size_t max_length) {
    const YamlEntry* entry = root_.Find(key);
    if (entry == nullptr) return std::nullopt;
    auto text = reader_.Literal(*entry->value, key);
    if (!text || !reader_.Accept(*entry->value, key, NameProblem(*text, max_length))) return std::nullopt;
    return text;
  }

  void ReadDefaultTarget() {
    std::vector<std::string> names;
    for (const TargetDeclaration& target : definition_.targets) names.push_back(target.target.name);
    definition_.default_target =
        std::find(names.begin(), names.end(), "local") != names.end() ? "local" : names.front();
    const YamlEntry* entry = root_.Find("default_target");
    if (entry == nullptr) return;
    const auto text = reader_.Literal(*entry->value, "default_target");
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
    if (fs::exists(folder / "adhoc.yaml")) return fs::proximate(folder / "adhoc.yaml").string();
    if (folder == folder.parent_path()) break;
  }
  throw Error(fmt::format("no definition: neither {} nor a folder above it has an adhoc.yaml",
                          fs::absolute(directory).string()),
              "go to the application's repository, or name the file with --file");
}

}  // namespace adhoc::config
