// adhoc up: makes an environment, or makes it as its definition and variables say.
#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/exit_codes.h"
#include "cli/render.h"
#include "cli/shell.h"
#include "ui/view.h"

namespace adhoc::cli {
namespace {

constexpr const char* kHelp = R"(Make an environment, or bring it up to date.

Reads adhoc.yaml and envs/<environment>.tfvars, shows what differs from what runs, and changes just that. Running it again
changes nothing. An image that was deployed since the variables were last applied is kept.

  adhoc up alpha
  adhoc up alpha -f envs/alpha.tfvars --var log_level=debug)";

void PrintSummary(const config::Config& config, bool changed) {
  fmt::print("\n{} {} at {}\n", config.environment, changed ? "is up" : "is up to date", config.url);
  for (const std::string& command : WhatToTry(config)) fmt::print("  {}\n", command);
  std::fflush(stdout);
}

int Up(Shell& shell, const Subject& subject) {
  Session session(shell.globals, subject, Session::Variables::kRequired);
  const auto& config = session.config();
  const auto lock = session.Hold(env::EnvironmentLock(config.environment), "adhoc up " + config.environment,
                                 std::chrono::seconds(std::stoi(subject.lock_timeout_seconds)));
  const env::Prepared prepared = session.PrepareUp();
  if (!shell.globals.json) {
    fmt::print(stderr, "{}{}", RenderKept(config, prepared.versions),
               RenderPlan(prepared.plan, ui::UseColour(STDERR_FILENO)));
    fmt::print(stderr, "{}: {}\n", config.environment, prepared.plan.Summary());
    const std::string forecast = RenderForecast(env::PredictUp(prepared, session.records(), config));
    if (!forecast.empty()) fmt::print(stderr, "{}\n", forecast);
  }
  const env::ApplyResult result = env::Up(session.context(), prepared, session.records());
  const bool ok = result.ok();
  session.EndView();
  if (!ok) {
    throw Error(fmt::format("{} is not complete: {}", config.environment, result.error),
                result.hint.empty()
                    ? fmt::format("mend it, then `adhoc up {}` again: it goes on from here", config.environment)
                    : result.hint);
  }
  std::map<std::string, std::string> tags;
  for (const auto& [image, version] : prepared.versions) tags[image] = version.tag;
  WriteJobResult(config, prepared.plan.empty() ? "is up to date" : "is up", tags);
  if (shell.globals.json) {
    PrintJson({{"name", config.environment},
               {"url", config.url},
               {"plan", prepared.plan.ToJson()},
               {"changed", !prepared.plan.empty()}});
  } else {
    PrintSummary(config, !prepared.plan.empty());
  }
  return kOk;
}

}  // namespace

void AddUp(CLI::App& app, Shell& shell) {
  auto subject = std::make_shared<Subject>();
  CLI::App* command = app.add_subcommand("up", kHelp);
  AddEnvironmentArgument(*command, *subject);
  AddVariableOptions(*command, *subject);
  command->callback([&shell, subject] { shell.action = [&shell, subject] { return Up(shell, *subject); }; });
}

}  // namespace adhoc::cli
