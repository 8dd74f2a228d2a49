// adhoc plan: what `up` would change.
#include <fmt/format.h>
#include <unistd.h>

#include "cli/exit_codes.h"
#include "cli/render.h"
#include "cli/shell.h"
#include "env/prices.h"
#include "ui/view.h"

namespace adhoc::cli {
namespace {

constexpr const char* kHelp =
    R"(Show what `adhoc up` would change, and why: + create, ~ update, ± replace, ▸ run, - delete.

Exits with 0; with --detailed-exitcode, with 2 when there are changes.

  adhoc plan alpha
  adhoc plan alpha --detailed-exitcode --json)";

int Plan(Shell& shell, const Subject& subject, bool detailed) {
  Session session(shell.globals, subject, Session::Variables::kRequired);
  const auto record = session.records().Get(session.config().environment);
  const env::Prepared prepared = [&] {
    try {
      return env::PrepareUp(session.context(), record);
    } catch (const env::SharedMissing&) {
      if (session.config().target.kind != config::TargetKind::kLocal) throw;
    }
    // `up` makes the shared resources, and then everything of the environment.
    env::Prepared all = env::PrepareShared(session.context());
    for (auto& resource : env::EnvironmentResources(session.context())) {
      all.plan.Add({.id = resource->id(),
                    .kind = resource->kind(),
                    .name = resource->name(),
                    .action = env::Action::kCreate,
                    .after = resource->dependencies()});
      all.resources.push_back(std::move(resource));
    }
    return all;
  }();
  session.EndView();
  const env::Forecast forecast = env::PredictUp(prepared, session.records(), session.config());
  const bool costs = session.config().target.kind == config::TargetKind::kAws;
  if (shell.globals.json) {
    Json json = prepared.plan.ToJson();
    json["name"] = session.config().environment;
    json["forecast"] = {{"seconds", forecast.seconds}, {"longest", forecast.longest}, {"critical_path", forecast.path}};
    if (costs) json["shared_cost"] = env::CostJson(session.config());
    PrintJson(json);
  } else {
    fmt::print("{}{}{}: {}\n", RenderKept(session.config(), prepared.versions),
               RenderPlan(prepared.plan, ui::UseColour(STDOUT_FILENO)), session.config().environment,
               prepared.plan.Summary());
    if (const std::string text = RenderForecast(forecast); !text.empty()) fmt::print("{}\n", text);
    if (costs) {
      const std::string text = env::RenderCost(session.config());
      fmt::print("{}, which all environments share: {}\n", session.config().target.shared,
                 text.substr(0, text.find('\n')));
    }
  }
  return detailed && !prepared.plan.empty() ? kChangesPlanned : kOk;
}

}  // namespace

void AddPlan(CLI::App& app, Shell& shell) {
  auto subject = std::make_shared<Subject>();
  auto detailed = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("plan", kHelp);
  command->alias("diff");
  AddEnvironmentArgument(*command, *subject);
  AddVariableOptions(*command, *subject);
  command->add_flag("--detailed-exitcode", *detailed, "Exit with 2 when there are changes");
  command->callback([&shell, subject, detailed] {
    shell.action = [&shell, subject, detailed] { return Plan(shell, *subject, *detailed); };
  });
}

}  // namespace adhoc::cli
