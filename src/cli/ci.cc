// adhoc ci init: the GitHub workflows of the application.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.h"
#include "base/process.h"
#include "ci/workflows.h"
#include "cli/exit_codes.h"
#include "cli/shell.h"
#include "config/definition.h"
#include "env/names.h"

namespace adhoc::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHelp =
    R"(Write the GitHub workflows of this application into .github/workflows: create, update and destroy shared resources and
environments, deploy an image, build and push one at a tag.

They take an account's credentials by OIDC from its roles <shared>-deploy-role and <shared>-shared-role, which `adhoc bootstrap up`
makes; with --stored-keys from the repository's secrets AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Files that it wrote before are
written again; others are left alone.

  adhoc ci init --action my-team/adhoc@v1)";

struct Arguments {
  std::string action;
  bool stored_keys = false;
  bool force = false;
};

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

int Init(Shell& shell, const Arguments& arguments) {
  const std::string path = config::FindDefinition(shell.globals.directory.empty() ? "." : shell.globals.directory);
  const config::Definition definition = config::LoadDefinition(path);
  const fs::path folder = fs::canonical(fs::path(path).parent_path().empty() ? "." : fs::path(path).parent_path());
  ci::WorkflowOptions options{.action = arguments.action, .stored_keys = arguments.stored_keys};
  for (const auto& declaration : definition.targets) {
    const config::Target& target = declaration.target;
    if (target.kind != config::TargetKind::kAws) continue;
    const auto at = target.name == definition.default_target ? options.targets.begin() : options.targets.end();
    options.targets.insert(
        at,
        {.name = target.name,
         .shared = target.shared,
         .region = target.region,
         .role = fmt::format("arn:aws:iam::{}:role/{}", target.account, env::DeployRoleName(target.shared)),
         .shared_role = fmt::format("arn:aws:iam::{}:role/{}", target.account, env::SharedRoleName(target.shared))});
  }
  if (options.targets.empty()) {
    throw Error(fmt::format("{} has no target that is an AWS account", path),
                "add one under `targets:`, with `account` and `region` (docs/reference/definition.md)");
  }
  for (const auto& image : definition.images) {
    options.images.push_back(image.name);
    if (!image.build.empty()) options.built.push_back(image.name);
  }
  const ProcessResult top = RunProcess({"git", "-C", folder.string(), "rev-parse", "--show-toplevel"});
  if (top.exit_code != 0) throw Error(fmt::format("{} is in no git repository", folder.string()), "git init");
  const fs::path root = fs::canonical(top.out.substr(0, top.out.find('\n')));
  const std::string relative = folder.lexically_relative(root).string();
  if (relative != ".") options.directory = relative;

  const fs::path workflows = root / ".github" / "workflows";
  const auto files = ci::MakeWorkflows(options);
  // All or none: what is in the way is named before anything is written.
  for (const auto& [name, text] : files) {
    const fs::path file = workflows / name;
    if (arguments.force || !fs::exists(file) || ReadFile(file).starts_with(ci::kWrittenBy)) continue;
    throw Error(fmt::format("{} is there and was not written by adhoc", file.string()),
                "move it away, or --force to overwrite it");
  }
  fs::create_directories(workflows);
  Json written = Json::array();
  for (const auto& [name, text] : files) {
    const fs::path file = workflows / name;
    written.push_back(file.lexically_relative(root).string());
    if (fs::exists(file) && ReadFile(file) == text) continue;
    std::ofstream out(file);
    out << text;
    out.close();
    if (!out) throw Error(fmt::format("cannot write {}", file.string()));
  }
  if (shell.globals.json) {
    PrintJson({{"files", written}});
    return kOk;
  }
  for (const Json& file : written) fmt::print("{}\n", file.get<std::string>());
  fmt::print(stderr,
             "\ncommit and push them to the default branch; then they are buttons on the repository's page Actions\n");
  for (const auto& target : options.targets) {
    if (options.stored_keys) break;
    fmt::print(stderr, "they assume {}; `adhoc --target {} bootstrap up --github OWNER/NAME` makes it\n", target.role,
               target.name);
  }
  return kOk;
}

}  // namespace

void AddCi(CLI::App& app, Shell& shell) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("ci", "Pipelines of the application");
  command->require_subcommand(1);
  CLI::App* init = command->add_subcommand("init", kHelp);
  init->add_option("--action", arguments->action, "The repository of adhoc, which is an action: OWNER/REPOSITORY@REF")
      ->required()
      ->check([](const std::string& text) {
        const auto slash = text.find('/');
        const auto at = text.rfind('@');
        const bool whole = slash != std::string::npos && slash > 0 && at != std::string::npos && at > slash + 1 &&
                           at + 1 < text.size();
        const bool plain = text.find_first_of(" \t\n#:'\"") == std::string::npos;
        return whole && plain ? "" : "not of the form OWNER/REPOSITORY@REF";
      });
  init->add_flag("--stored-keys", arguments->stored_keys, "Keys from the repository's secrets instead of OIDC");
  init->add_flag("--force", arguments->force, "Overwrite files that adhoc did not write");
  init->callback([&shell, arguments] { shell.action = [&shell, arguments] { return Init(shell, *arguments); }; });
}

}  // namespace adhoc::cli
