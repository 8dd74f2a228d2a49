// adhoc run: a one-off task in an environment.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "cli/exit_codes.h"
#include "cli/shell.h"
#include "env/names.h"
#include "env/resources/resources.h"
#include "env/task_runner.h"

namespace adhoc::cli {
namespace {

constexpr const char* kHelp =
    R"(Run a command as a one-off task of the environment: a container of its own, with the image, the variables and the secrets
of a service. Its output is shown, and its exit code is this command's.

  adhoc run alpha -- python3 manage.py createsuperuser --noinput
  adhoc run alpha --as worker -- python3 manage.py shell -c 'print(1)')";

struct Arguments {
  Subject subject;
  std::string as;
  std::vector<std::string> environment;
  std::vector<std::string> command;
};

// The output of the task goes to stdout as it is; everything else to the view.
class TaskOutput final : public events::Sink {
 public:
  TaskOutput(events::Sink& view, bool json) : view_(view), json_(json) {}
  void Emit(const events::Event& event) override {
    const auto* line = std::get_if<events::LogLine>(&event);
    if (line == nullptr || json_) return view_.Emit(event);
    fmt::print("{}\n", line->text);
    std::fflush(stdout);
  }

 private:
  events::Sink& view_;
  const bool json_;
};

// The service whose image and environment a command gets: the one named, else the first that the load balancer leads to
// and that is of an image of ours with before-update tasks (the backend), else the first of an image of ours.
const config::Service& ChooseService(const config::Config& config, const std::string& name) {
  if (!name.empty()) {
    if (const auto* service = config.FindService(name)) return *service;
    std::vector<std::string> names;
    for (const auto& service : config.services) names.push_back(service.name);
    throw Error(fmt::format("there is no service {}", name),
                fmt::format("the services are {}", fmt::join(names, ", ")));
  }
  for (const auto& service : config.services) {
    const bool has_task = std::any_of(config.tasks.begin(), config.tasks.end(), [&](const auto& task) {
      return !task.image.image.empty() && task.image == service.image;
    });
    if (has_task) return service;
  }
  for (const auto& service : config.services) {
    if (!service.image.image.empty()) return service;
  }
  if (config.services.empty()) throw Error("the definition has no services");
  return config.services.front();
}

int Run(Shell& shell, const Arguments& arguments) {
  Session session(shell.globals, arguments.subject, Session::Variables::kIfAny);
  const auto& config = session.config();
  const config::Service& service = ChooseService(config, arguments.as);
  session.EndView();
  TaskOutput output(session.sink(), shell.globals.json);
  const auto context = session.NewContext(&output);
  for (const auto& lookup : env::SharedLookups(config)) {
    if (const auto found = lookup->Read(*context)) context->Publish(lookup->id(), *found);
  }
  const Json running = env::ReadService(*context, env::ServiceName(config.environment, service.name));
  if (running.is_null()) {
    throw Error(fmt::format("environment {} does not exist or has no service {}", config.environment, service.name),
                fmt::format("adhoc up {}", config.environment));
  }
  env::TaskRequest request{.step = "task " + service.name,
                           .workload = service.name,
                           .task_definition = running["taskDefinition"],
                           .command = arguments.command};
  for (const auto& variable : arguments.environment) {
    const auto equals = variable.find('=');
    if (equals == std::string::npos) throw Error(fmt::format("-e {}: not of the form NAME=value", variable));
    request.environment[variable.substr(0, equals)] = variable.substr(equals + 1);
  }
  const env::TaskResult result = env::RunTask(*context, request);
  if (!result.exit_code) {
    throw Error("the task did not start: " + result.stopped_reason,
                env::HintFor(result.stopped_reason, result.last_lines));
  }
  return *result.exit_code;
}

}  // namespace

void AddRun(CLI::App& app, Shell& shell) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("run", kHelp);
  command->add_option("environment", arguments->subject.environment, "The environment's name")->required();
  command->add_option("--as", arguments->as, "The service whose image and environment the command gets");
  // One value each: an option without end would take the `--` in front of the command for its own.
  command->add_option("-e,--env", arguments->environment, "NAME=value for the command; may be repeated")
      ->allow_extra_args(false);
  command->add_option("command", arguments->command, "The command, after --")->required();
  command->callback([&shell, arguments] {
    WithoutSeparator(arguments->command);
    shell.action = [&shell, arguments] { return Run(shell, *arguments); };
  });
}

}  // namespace adhoc::cli
