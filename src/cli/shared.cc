// adhoc shared: the shared resources that environments stand on.
#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "ci/github_job.h"
#include "cli/exit_codes.h"
#include "cli/render.h"
#include "cli/shell.h"
#include "env/prices.h"
#include "env/resources/resources.h"
#include "ui/view.h"

namespace adhoc::cli {
namespace {

constexpr const char* kHelp =
    R"(Make, look at or destroy the shared resources: network, load balancer, database instance, names, roles.

On one machine `adhoc up` makes them by itself.

  adhoc shared up
  adhoc shared plan
  adhoc shared down)";

int Up(Shell& shell) {
  Session session(shell.globals, {}, Session::Variables::kNone);
  session.MakeShared();
  session.EndView();
  ci::WriteSummary(fmt::format("### Shared resources {} are ready on {}\n", session.config().target.shared,
                               session.config().target.name));
  fmt::print("{} is ready on {}\n", session.config().target.shared, session.config().target.name);
  if (!session.config().target.bastion) return kOk;
  if (const auto bastion = env::MakeBastion(session.config().target)->Read(session.context())) {
    fmt::print("  aws ssm start-session --target {}\n", (*bastion)["id"].get<std::string>());
  }
  return kOk;
}

int Plan(Shell& shell) {
  Session session(shell.globals, {}, Session::Variables::kNone);
  const env::Prepared prepared = env::PrepareShared(session.context());
  session.EndView();
  const bool costs = session.config().target.kind == config::TargetKind::kAws;
  if (shell.globals.json) {
    Json json = prepared.plan.ToJson();
    if (costs) json["cost"] = env::CostJson(session.config());
    PrintJson(json);
  } else {
    fmt::print("{}{}: {}\n{}", RenderPlan(prepared.plan, ui::UseColour(STDOUT_FILENO)), session.config().target.shared,
               prepared.plan.Summary(), costs ? env::RenderCost(session.config()) : "");
  }
  return kOk;
}

int Down(Shell& shell) {
  Session session(shell.globals, {}, Session::Variables::kNone);
  const std::string& shared = session.config().target.shared;
  const auto lock = session.Hold(env::SharedLock(shared), "adhoc shared down", std::chrono::minutes(10));
  const env::Prepared prepared = env::PrepareSharedDown(session.context());
  const env::ApplyResult result = env::Apply(session.context(), prepared.plan, prepared.resources);
  session.EndView();
  if (!result.ok()) throw Error("the shared resources are not wholly destroyed: " + result.error, result.hint);
  ci::WriteSummary(fmt::format("### Shared resources {} are gone\n", shared));
  fmt::print("{}\n",
             prepared.plan.empty() ? fmt::format("there are no shared resources {}", shared) : shared + " is gone");
  return kOk;
}

}  // namespace

void AddShared(CLI::App& app, Shell& shell) {
  CLI::App* command = app.add_subcommand("shared", kHelp);
  command->require_subcommand(1);
  command->add_subcommand("up", "Make them, or bring them up to date")->callback([&shell] {
    shell.action = [&shell] { return Up(shell); };
  });
  command->add_subcommand("plan", "Show what `shared up` would change, and what it costs")->callback([&shell] {
    shell.action = [&shell] { return Plan(shell); };
  });
  command->add_subcommand("down", "Destroy them; refused while environments exist")->callback([&shell] {
    shell.action = [&shell] { return Down(shell); };
  });
}

}  // namespace adhoc::cli
