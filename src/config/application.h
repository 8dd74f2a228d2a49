// The part of the definition that an environment is made of: images, secrets, services, tasks, database, bucket.
// Read twice, by the same code: once when the definition is loaded, with the values of variables unknown, and once for
// an environment. Internal to the config layer. Thread-safe.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/diagnostics.h"
#include "config/config.h"
#include "config/references.h"
#include "config/yaml.h"

namespace adhoc::config {

struct Application {
  std::vector<Image> images;
  std::vector<Secret> secrets;
  std::vector<Service> services;
  std::vector<Task> tasks;
  std::optional<Database> database;
  std::optional<Bucket> bucket;
  std::set<std::string> secret_variables;  // those that are the value of a secret
};

// The scope of a definition: the names of its services, images and secrets. The arguments have to outlive it; variables
// and environment are null while they are unknown.
Scope MakeScope(const YamlNode& root, const std::vector<VariableDeclaration>& declarations,
                const std::map<std::string, Json>* variables, const EnvironmentFacts* environment);

Application ReadApplication(const YamlNode& root, const Scope& scope, bool spot_by_default, Diagnostics& diagnostics);

}  // namespace adhoc::config
