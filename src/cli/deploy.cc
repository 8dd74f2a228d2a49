// adhoc deploy: a new image in an existing environment.
#include "deploy/deploy.h"

#include <fmt/format.h>

#include "base/error.h"
#include "cli/exit_codes.h"
#include "cli/render.h"
#include "cli/shell.h"

namespace adhoc::cli {
namespace {

constexpr const char* kHelp = R"(Roll out another tag of an image, with nothing else changed.

New revisions are registered, before-update tasks (migrate) run first with their logs shown, then the services are rolled
without downtime. It succeeds when the new version is healthy; otherwise the previous one goes on serving, and it says why.

  adhoc deploy alpha backend v1.1.0)";

struct Arguments {
  Subject subject;
  std::string image;
  std::string tag;
};

int Deploy(Shell& shell, const Arguments& arguments) {
  Session session(shell.globals, arguments.subject, Session::Variables::kIfAny);
  const auto& config = session.config();
  const auto lock =
      session.Hold(env::EnvironmentLock(config.environment),
                   fmt::format("adhoc deploy {} {} {}", config.environment, arguments.image, arguments.tag),
                   std::chrono::seconds(std::stoi(arguments.subject.lock_timeout_seconds)));
  const deploy::Result result =
      deploy::Deploy(session.context(), session.records(), {.image = arguments.image, .tag = arguments.tag});
  session.EndView();
  WriteJobResult(config, fmt::format("runs {} {}", arguments.image, arguments.tag),
                 env::DeployedTags(session.context()));
  if (shell.globals.json) {
    PrintJson({{"name", config.environment},
               {"image", arguments.image},
               {"tag", arguments.tag},
               {"previous_tag", result.previous_tag},
               {"services", result.services},
               {"url", config.url}});
  } else if (result.services.empty()) {
    fmt::print("{} already runs {} {}: nothing to do\n", config.environment, arguments.image, arguments.tag);
  } else {
    fmt::print("\n{} runs {} {} at {}\n", config.environment, arguments.image, arguments.tag, config.url);
  }
  return kOk;
}

}  // namespace

void AddDeploy(CLI::App& app, Shell& shell) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("deploy", kHelp);
  command->add_option("environment", arguments->subject.environment, "The environment's name")->required();
  command->add_option("image", arguments->image, "An entry of the definition's `images:`")->required();
  command->add_option("tag", arguments->tag, "The image's tag, which `adhoc image build` made")->required();
  AddVariableOptions(*command, arguments->subject);
  command->callback([&shell, arguments] { shell.action = [&shell, arguments] { return Deploy(shell, *arguments); }; });
}

}  // namespace adhoc::cli
