// The example application is what newcomers copy: its definition has to be right for every environment and target.
#include <gtest/gtest.h>

#include <filesystem>

#include "config/resolve.h"

namespace adhoc::config {
namespace {

TEST(Example, LoadsForEveryEnvironmentAndTarget) {
  const std::filesystem::path folder = std::filesystem::path(ADHOC_EXAMPLES) / "ublog";
  const Definition definition = LoadDefinition(folder / "adhoc.yaml");
  int loaded = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "envs")) {
    if (entry.path().extension() != ".tfvars") continue;
    for (const TargetDeclaration& target : definition.targets) {
      LoadOptions options;
      options.definition = folder / "adhoc.yaml";
      options.environment = entry.path().stem();
      options.target = target.target.name;
      try {
        const Config config = LoadConfig(options);
        EXPECT_NE(config.FindService("gunicorn"), nullptr);
        EXPECT_NE(config.FindTask("migrate"), nullptr);
        EXPECT_FALSE(config.FindImage("backend")->tag.empty());
        ++loaded;
      } catch (const DiagnosticsError& error) {
        ADD_FAILURE() << error.diagnostics().Render();
      }
    }
  }
  EXPECT_GE(loaded, 4);
}

}  // namespace
}  // namespace adhoc::config
