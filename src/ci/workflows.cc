#include "ci/workflows.h"

#include <fmt/format.h>

#include "base/json.h"

namespace adhoc::ci {
namespace {

// What a workflow is about; the rest is the same for all.
struct Workflow {
  std::string title;
  std::vector<std::pair<std::string, std::string>> inputs;  // beside the target: name, description
  std::string group;                                        // of concurrency, after `adhoc-<target>-`
  std::string step;
  std::string command;
  int minutes = 30;
  std::string WorkflowTarget::*role = &WorkflowTarget::role;
  bool on_tags = false;  // also runs when a tag is pushed, which is then the input `tag`
};

std::string Replace(std::string text, const std::vector<std::pair<std::string, std::string>>& values) {
  for (const auto& [name, value] : values) {
    for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at + value.size())) {
      text.replace(at, name.size(), value);
    }
  }
  return text;
}

// An expression that is the target's own value: plain where there is one target, a look-up where there are several.
std::string OfTarget(const WorkflowOptions& options, const std::string& target, std::string WorkflowTarget::*member) {
  if (options.targets.size() == 1) return options.targets.front().*member;
  Json values = Json::object();
  for (const auto& each : options.targets) values[each.name] = each.*member;
  return fmt::format("${{{{ fromJSON('{}')[{}] }}}}", values.dump(), target);
}

std::string Upper(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

constexpr const char* kHead = R"(@WRITTEN@ from adhoc.yaml; run it again when targets or images change.
name: @TITLE@

on:
@PUSH@  workflow_dispatch:
    inputs:
@INPUTS@      target:
        description: Target of adhoc.yaml
        required: true
        type: choice
        default: @DEFAULT@
        options:
@TARGETS@
permissions: {}

# One at a time; all those that come meanwhile wait for it, in their order.
concurrency:
  group: adhoc-@GROUP@
  cancel-in-progress: false
  queue: max

jobs:
  adhoc:
    runs-on: ubuntu-latest
    container: debian:12
    timeout-minutes: @MINUTES@
    permissions:
      contents: read
@ID_TOKEN@    steps:
      - name: Install adhoc
        uses: @ACTION@
@ENGINE@
      - name: Check out
        uses: actions/checkout@v5
@DEPTH@
      - name: Take the credentials of the account
        uses: aws-actions/configure-aws-credentials@v5
        with:
          aws-region: @REGION@
@CREDENTIALS@
      - name: @STEP@
        id: adhoc
@DIRECTORY@        env:
          TARGET: @TARGET@
@ENV@        run: @COMMAND@
)";

std::string Render(const WorkflowOptions& options, const Workflow& workflow) {
  const std::string first = options.targets.front().name;
  // A pushed tag gives no inputs.
  const std::string target = workflow.on_tags ? fmt::format("inputs.target || '{}'", first) : "inputs.target";
  std::string inputs;
  std::string env;
  for (const auto& [name, description] : workflow.inputs) {
    inputs += fmt::format("      {}:\n        description: {}\n        required: true\n        type: string\n", name,
                          description);
    const std::string value = workflow.on_tags && name == "tag" ? "inputs.tag || github.ref_name" : "inputs." + name;
    env += fmt::format("          {}: ${{{{ {} }}}}\n", Upper(name), value);
  }
  std::string targets;
  for (const auto& each : options.targets) targets += fmt::format("          - {}\n", each.name);
  const std::string credentials =
      options.stored_keys ? "          aws-access-key-id: ${{ secrets.AWS_ACCESS_KEY_ID }}\n"
                            "          aws-secret-access-key: ${{ secrets.AWS_SECRET_ACCESS_KEY }}\n"
                          : fmt::format("          role-to-assume: {}\n", OfTarget(options, target, workflow.role));
  return Replace(
      kHead, {{"@WRITTEN@", kWrittenBy},
              {"@TITLE@", workflow.title},
              {"@PUSH@", workflow.on_tags ? "  push:\n    tags: ['v*']\n" : ""},
              {"@INPUTS@", inputs},
              {"@DEFAULT@", first},
              {"@TARGETS@", targets},
              {"@GROUP@", fmt::format("${{{{ {} }}}}-{}", target, workflow.group)},
              {"@MINUTES@", std::to_string(workflow.minutes)},
              {"@ID_TOKEN@",
               options.stored_keys ? "" : "      id-token: write  # for a token that AWS changes into credentials\n"},
              {"@ACTION@", options.action},
              {"@ENGINE@", workflow.on_tags ? "        with:\n          engine: true\n" : ""},
              {"@DEPTH@", workflow.on_tags ? "        with:\n          fetch-depth: 0  # with all tags\n" : ""},
              {"@REGION@", OfTarget(options, target, &WorkflowTarget::region)},
              {"@CREDENTIALS@", credentials},
              {"@STEP@", workflow.step},
              {"@DIRECTORY@",
               options.directory.empty() ? "" : fmt::format("        working-directory: {}\n", options.directory)},
              {"@TARGET@", fmt::format("${{{{ {} }}}}", target)},
              {"@ENV@", env},
              {"@COMMAND@", workflow.command}});
}

}  // namespace

std::map<std::string, std::string> MakeWorkflows(const WorkflowOptions& options) {
  const std::pair<std::string, std::string> environment{"environment", "Name of the environment"};
  const std::string of_environment = "${{ inputs.environment }}";
  std::map<std::string, Workflow> workflows{
      {"shared_resources_create_update.yml",
       {.title = "Shared resources, create or update",
        .group = "shared",
        .step = "Create or update the shared resources",
        .command = R"(adhoc --target "$TARGET" shared up)",
        .minutes = 60,
        .role = &WorkflowTarget::shared_role}},
      {"shared_resources_destroy.yml",
       {.title = "Shared resources, destroy",
        .group = "shared",
        .step = "Destroy the shared resources",
        .command = R"(adhoc --target "$TARGET" shared down)",
        .minutes = 60,
        .role = &WorkflowTarget::shared_role}},
      {"ad_hoc_env_create_update.yml",
       {.title = "Environment, create or update",
        .inputs = {{"environment", "Name of the environment; the repository has envs/<name>.tfvars"}},
        .group = of_environment,
        .step = "Create or update the environment",
        .command = R"(adhoc --target "$TARGET" up "$ENVIRONMENT")"}},
      {"ad_hoc_env_destroy.yml",
       {.title = "Environment, destroy",
        .inputs = {environment},
        .group = of_environment,
        .step = "Destroy the environment",
        .command = R"(adhoc --target "$TARGET" down "$ENVIRONMENT")"}},
  };
  for (const std::string& image : options.images) {
    workflows[fmt::format("ad_hoc_{}_update.yml", image)] = {
        .title = fmt::format("Environment, update {}", image),
        .inputs = {environment, {"tag", fmt::format("Tag of the {} image to run", image)}},
        .group = of_environment,
        .step = fmt::format("Update {}", image),
        .command = fmt::format(R"(adhoc --target "$TARGET" deploy "$ENVIRONMENT" {} "$TAG")", image)};
  }
  for (const std::string& image : options.built) {
    workflows[fmt::format("ecr_{}.yml", image)] = {
        .title = fmt::format("Image {}, build and push", image),
        .inputs = {{"tag", "Git tag to build, which becomes the image's tag"}},
        .group = fmt::format("image-{}", image),
        .step = fmt::format("Build and push {}", image),
        .command = fmt::format(R"(adhoc --target "$TARGET" image build {} "$TAG")", image),
        .on_tags = true};
  }
  std::map<std::string, std::string> files;
  for (const auto& [file, workflow] : workflows) files[file] = Render(options, workflow);
  return files;
}

}  // namespace adhoc::ci
