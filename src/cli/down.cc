// adhoc down: destroys an environment without a trace.
#include <fmt/format.h>

#include "base/error.h"
#include "ci/github_job.h"
#include "cli/exit_codes.h"
#include "cli/render.h"
#include "cli/shell.h"

namespace adhoc::cli {
namespace {

constexpr const char* kHelp =
    R"(Destroy an environment: containers, database and role, bucket, names, rules, target groups, logs, task definitions.

Succeeds when there is nothing left to destroy. Its variables file is not needed and not touched.

  adhoc down alpha)";

int Down(Shell& shell, const Subject& subject) {
  Session session(shell.globals, subject, Session::Variables::kIfAny);
  const auto& config = session.config();
  const auto lock = session.Hold(env::EnvironmentLock(config.environment), "adhoc down " + config.environment,
                                 std::chrono::seconds(std::stoi(subject.lock_timeout_seconds)));
  const env::Prepared prepared = env::PrepareDown(session.context());
  if (!shell.globals.json) fmt::print(stderr, "{}: {}\n", config.environment, prepared.plan.Summary());
  const env::ApplyResult result = env::Down(session.context(), prepared, session.records());
  session.EndView();
  if (!result.ok()) {
    throw Error(fmt::format("{} is not wholly destroyed: {}", config.environment, result.error),
                result.hint.empty() ? fmt::format("adhoc down {} goes on from here", config.environment) : result.hint);
  }
  ci::WriteSummary(fmt::format("### {} is gone\n", config.environment));
  if (shell.globals.json) {
    PrintJson({{"name", config.environment}, {"destroyed", result.done}});
  } else {
    fmt::print("{}\n", prepared.plan.empty()
                           ? fmt::format("there is no environment {}: nothing to destroy", config.environment)
                           : fmt::format("{} is gone", config.environment));
  }
  return kOk;
}

}  // namespace

void AddDown(CLI::App& app, Shell& shell) {
  auto subject = std::make_shared<Subject>();
  CLI::App* command = app.add_subcommand("down", kHelp);
  command->alias("destroy");
  AddEnvironmentArgument(*command, *subject);
  AddVariableOptions(*command, *subject);
  command->callback([&shell, subject] { shell.action = [&shell, subject] { return Down(shell, *subject); }; });
}

}  // namespace adhoc::cli
