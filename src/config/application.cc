#include "config/application.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/text.h"
#include "config/reader.h"
#include "config/rules.h"
#include "config/workloads.h"

namespace adhoc::config {

namespace {

class ApplicationReader {
 public:
  ApplicationReader(const Scope& scope, bool spot_by_default, Diagnostics& diagnostics)
      : reader_(scope, diagnostics), scope_(scope), spot_by_default_(spot_by_default) {}

  Application Read(const YamlNode& root) {
    if (const YamlEntry* entry = root.Find("images")) ReadImages(*entry->value);
    if (const YamlEntry* entry = root.Find("secrets")) ReadSecrets(*entry->value);
    if (const YamlEntry* entry = root.Find("database")) ReadDatabase(*entry->value);
    if (const YamlEntry* entry = root.Find("bucket")) ReadBucket(*entry->value);
    if (const YamlEntry* entry = root.Find("services")) {
      application_.services = ReadServices(*entry->value, reader_, spot_by_default_);
    }
    if (const YamlEntry* entry = root.Find("tasks")) application_.tasks = ReadTasks(*entry->value, reader_);
    return std::move(application_);
  }

 private:
  void ReadImages(const YamlNode& node) {
    if (!reader_.AnyMap(node, "images")) return;
    for (const YamlEntry& entry : node.entries) {
      const std::string name = "images." + entry.key;
      reader_.CheckName(entry, "image", kMaxWorkloadName);
      const YamlNode& body = *entry.value;
      if (!reader_.Map(body, name, {"build", "containerfile", "repository", "tag", "git", "args"})) continue;
      Image image;
      image.name = entry.key;
      image.repository = entry.key;
      reader_.Set(body, name, "build", image.build);
      reader_.Set(body, name, "containerfile", image.containerfile);
      reader_.Set(body, name, "git", image.git);
      if (const YamlEntry* repository = body.Find("repository")) {
        const std::string path = name + ".repository";
        if (auto text = reader_.Text(*repository->value, path)) {
          if (reader_.Accept(*repository->value, path, RepositoryProblem(*text))) image.repository = *text;
        }
      }
      if (const YamlEntry* tag = body.Find("tag")) {
        ReadTag(*tag->value, name + ".tag", image);
      } else {
        reader_.Mistake(entry.key_range, fmt::format("`{}` has no tag", name), "add tag: \"${var.…}\"");
      }
      if (const YamlEntry* args = body.Find("args"); args != nullptr && reader_.AnyMap(*args->value, name + ".args")) {
        for (const YamlEntry& arg : args->value->entries) {
          const std::string path = name + ".args." + arg.key;
          if (auto text = reader_.Text(*arg.value, path)) image.build_args[arg.key] = std::move(*text);
        }
      }
      application_.images.push_back(std::move(image));
    }
  }

  void ReadTag(const YamlNode& node, const std::string& path, Image& image) {
    const auto tag = reader_.Text(node, path);
    if (IsSoleVariable(node)) {
      Diagnostics reported;
      image.tag_variable = EvaluateVariable(node, scope_, Allow::kVariables, reported).variable;
      // ${var.tags.backend} is made by a part of a variable only.
      if (const auto* declaration = scope_.FindVariable(image.tag_variable);
          declaration == nullptr || node.scalar.find(image.tag_variable + ".") != std::string::npos) {
        image.tag_variable.clear();
      }
    }
    if (tag && reader_.Accept(node, path, TagProblem(*tag))) image.tag = *tag;
  }

  void ReadSecrets(const YamlNode& node) {
    if (!reader_.AnyMap(node, "secrets")) return;
    for (const YamlEntry& entry : node.entries) {
      const std::string name = "secrets." + entry.key;
      const std::string problem = VariableNameProblem(entry.key);
      if (!problem.empty()) {
        reader_.Mistake(entry.key_range, fmt::format("`{}` is no name for a secret: {}", entry.key, problem));
      }
      const YamlNode& body = *entry.value;
      if (body.kind == YamlNode::Kind::kScalar) {
        reader_.Mistake(body.range, fmt::format("`{}` has to be a map, found a text", name),
                        "write {generate: 50} for a random value, or {value: \"${var.…}\"}");
        continue;
      }
      if (!reader_.Map(body, name, {"generate", "value"})) continue;
      Secret secret;
      secret.name = entry.key;
      const YamlEntry* generate = body.Find("generate");
      const YamlEntry* value = body.Find("value");
      if ((generate != nullptr) == (value != nullptr)) {
        reader_.Mistake(entry.key_range, fmt::format("`{}` needs either `generate` or `value`", name),
                        "write {generate: 50} for a random value, or {value: \"${var.…}\"}");
        continue;
      }
      if (generate != nullptr) {
        secret.generate = reader_.Integer(*generate->value, name + ".generate", 8, 1024).value_or(0);
      } else {
        ReadSecretValue(*value->value, name + ".value", secret);
      }
      application_.secrets.push_back(std::move(secret));
    }
  }

  void ReadSecretValue(const YamlNode& node, const std::string& path, Secret& secret) {
    if (node.kind != YamlNode::Kind::kScalar) {
      reader_.Mistake(node.range, fmt::format("`{}` has to be a text, found {}", path, DescribeYaml(node)));
      return;
    }
    const Evaluated found = Evaluate(node, scope_, Allow::kSecretValue, reader_.diagnostics());
    if (!found.ok) return;
    if (found.variables.empty()) {
      // Not shown: it may be a real one.
      Range range = node.range;
      range.source = nullptr;
      reader_.Mistake(range, fmt::format("{}: `{}` holds a secret in plain text", node.range.ToString(), path),
                      "write {generate: 50}, or take it from a variable that is set outside of git");
      return;
    }
    application_.secret_variables.insert(found.variables.begin(), found.variables.end());
    if (found.known) secret.value = found.Text();
  }

  void ReadDatabase(const YamlNode& node) {
    application_.database.emplace();
    if (node.kind == YamlNode::Kind::kNull) return;
    if (!reader_.Map(node, "database", {"image", "version", "class", "storage", "seed"})) return;
    Database& database = *application_.database;
    if (const YamlEntry* image = node.Find("image")) {
      if (auto uri = reader_.Text(*image->value, "database.image")) {
        if (reader_.Accept(*image->value, "database.image", ImageUriProblem(*uri))) database.image = *uri;
      }
    }
    if (const YamlEntry* version = node.Find("version")) {
      if (auto text = reader_.Text(*version->value, "database.version")) {
        const bool valid = !text->empty() && text->find_first_not_of("0123456789.") == std::string::npos;
        if (reader_.Accept(*version->value, "database.version",
                           valid ? "" : "it is a PostgreSQL version such as 15 or 15.4")) {
          database.version = *text;
        }
      }
    }
    if (const YamlEntry* type = node.Find("class")) {
      if (auto text = reader_.Text(*type->value, "database.class")) {
        if (reader_.Accept(*type->value, "database.class", text->starts_with("db.") ? "" : "it starts with `db.`",
                           "for example db.t4g.micro")) {
          database.instance_class = *text;
        }
      }
    }
    reader_.Set(node, "database", "storage", database.storage, 20, 65536);
    reader_.Set(node, "database", "seed", database.seed);
  }

  void ReadBucket(const YamlNode& node) {
    application_.bucket.emplace();
    if (node.kind == YamlNode::Kind::kNull) return;
    if (!reader_.Map(node, "bucket", {"public"})) return;
    const YamlEntry* patterns = node.Find("public");
    if (patterns == nullptr) return;
    const auto texts = reader_.Texts(*patterns->value, "bucket.public");
    if (!texts) return;
    for (std::size_t i = 0; i < texts->size(); ++i) {
      const std::string& pattern = (*texts)[i];
      const bool listed = patterns->value->kind == YamlNode::Kind::kSequence;
      const YamlNode& at = listed ? *patterns->value->items[i] : *patterns->value;
      std::string problem;
      if (pattern.empty()) problem = "it is empty";
      if (pattern.starts_with('/')) problem = "keys do not start with `/`";
      if (pattern.size() > 512) problem = "it has more than 512 characters";
      if (reader_.Accept(at, fmt::format("bucket.public[{}]", i), problem,
                         pattern.starts_with('/') ? "write " + pattern.substr(1) : "")) {
        application_.bucket->public_patterns.push_back(pattern);
      }
    }
  }

  Reader reader_;
  const Scope& scope_;
  bool spot_by_default_;
  Application application_;
};

// The message without the name of the service or task: `services.web.cpu` → `*.cpu`.
std::string WithoutOwner(const std::string& summary) {
  std::string text = summary;
  for (const std::string_view section : {"`services.", "`tasks."}) {
    for (std::size_t at = text.find(section); at != std::string::npos; at = text.find(section, at + 1)) {
      const std::size_t end = text.find_first_of(".`", at + section.size());
      if (end != std::string::npos) text.replace(at + 1, end - at - 1, "*");
    }
  }
  return text;
}

// What several services take from one anchor is written once, and wrong once: the first of them stands for all.
Diagnostics WithoutRepetitions(const Diagnostics& all) {
  Diagnostics kept;
  std::set<std::pair<std::size_t, std::string>> seen;
  for (const Diagnostic& item : all.items()) {
    if (item.range.known() && !seen.emplace(item.range.begin.offset, WithoutOwner(item.summary)).second) continue;
    kept.Add(item);
  }
  return kept;
}

}  // namespace

Scope MakeScope(const YamlNode& root, const std::vector<VariableDeclaration>& declarations,
                const std::map<std::string, Json>* variables, const EnvironmentFacts* environment) {
  Scope scope;
  scope.declarations = &declarations;
  scope.variables = variables;
  scope.environment = environment;
  scope.database = root.Find("database") != nullptr;
  scope.bucket = root.Find("bucket") != nullptr;
  const auto keys = [&](const char* section) {
    std::vector<std::string> names;
    if (const YamlEntry* entry = root.Find(section)) {
      for (const YamlEntry& item : entry->value->entries) names.push_back(item.key);
    }
    return names;
  };
  scope.images = keys("images");
  scope.secrets = keys("secrets");
  if (const YamlEntry* services = root.Find("services")) {
    for (const YamlEntry& entry : services->value->entries) {
      Scope::ServiceFacts facts;
      if (const YamlEntry* port = entry.value->Find("port")) {
        facts.port_written = true;
        // Its mistakes are reported where the service is read.
        Diagnostics reported;
        facts.port = Reader(scope, reported).Integer(*port->value, "port", 1, 65535);
      }
      if (const YamlEntry* discoverable = entry.value->Find("discoverable")) {
        // Anything but a plain false: what is wrong with it is reported where it is read.
        facts.discoverable = YamlBool(*discoverable->value).value_or(true);
      }
      scope.services[entry.key] = facts;
    }
  }
  return scope;
}

Application ReadApplication(const YamlNode& root, const Scope& scope, bool spot_by_default, Diagnostics& diagnostics) {
  Diagnostics found;
  Application application = ApplicationReader(scope, spot_by_default, found).Read(root);
  diagnostics.Append(WithoutRepetitions(found));
  return application;
}

}  // namespace adhoc::config
