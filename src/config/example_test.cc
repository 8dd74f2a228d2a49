// What newcomers copy has to be right: the example application, for every environment and target, and the reference.
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

// The blocks of the reference in this language, in order.
std::vector<std::string> Blocks(const std::string& page, const std::string& language) {
  std::vector<std::string> blocks;
  const std::string open = "```" + language + "\n";
  for (std::size_t at = page.find(open); at != std::string::npos; at = page.find(open, at)) {
    at += open.size();
    blocks.push_back(page.substr(at, page.find("```", at) - at));
  }
  return blocks;
}

TEST(Reference, ExamplesAreRight) {
  const std::string page = SourceText::Read(std::string(ADHOC_DOCS) + "/reference/definition.md")->text();
  const std::vector<std::string> yaml = Blocks(page, "yaml");
  const std::vector<std::string> hcl = Blocks(page, "hcl");
  ASSERT_EQ(yaml.size(), 1U);
  ASSERT_EQ(hcl.size(), 2U);
  Diagnostics diagnostics;
  const auto definition = ParseDefinition(SourceText::FromText("adhoc.yaml", yaml[0]), diagnostics);
  ASSERT_EQ(diagnostics.Render(), "");
  const TargetDeclaration& target = definition->GetTarget("");
  const Variables variables = ParseTfvars(SourceText::FromText("envs/alpha.tfvars", hcl[0]), diagnostics);
  const auto bound = BindVariables(*definition, target, variables, {}, "envs/alpha.tfvars", diagnostics);
  const Config config = Resolve(*definition, target, "alpha", bound, diagnostics);
  EXPECT_EQ(config.FindImage("backend")->tag, "v1.0.0");
  const Variables all = ParseTfvars(SourceText::FromText("envs/alpha.tfvars", hcl[1]), diagnostics);
  EXPECT_EQ(all.assignments.size(), 6U);
  EXPECT_EQ(all.Find("welcome")->value.string, "Two lines,\n  the second indented by two.\n");
  EXPECT_EQ(diagnostics.Render(), "");
}

}  // namespace
}  // namespace adhoc::config
