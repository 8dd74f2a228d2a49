// adhoc local interrupt: Fargate Spot takes its capacity back.
#include <fmt/format.h>

#include <memory>

#include "cli/exit_codes.h"
#include "cli/local.h"
#include "cli/shell.h"
#include "ui/view.h"

namespace adhoc::cli {
namespace {

constexpr const char* kHelp =
    R"(Interrupt a service's tasks as Fargate Spot does when it takes its capacity back.

  adhoc local interrupt alpha gunicorn

Each task gets SIGTERM, SIGKILL its stopTimeout later, and ends with stopCode SpotInterruption; the scheduler replaces it. Where
the service has tasks on FARGATE_SPOT only these are interrupted, else all of them.)";

struct Arguments {
  std::string environment;
  std::string service;
};

int Interrupt(const Shell& shell, const Arguments& arguments) {
  const std::string cluster = arguments.environment + "-cluster";
  const std::string service = arguments.environment + "-" + arguments.service;
  const Json answer = CallLocalCloud("POST", "/_adhoc/interrupt", {{"cluster", cluster}, {"service", service}});
  if (shell.globals.json) {
    PrintJson(answer);
    return kOk;
  }
  for (const Json& arn : answer.at("tasks")) {
    const std::string task = arn;
    fmt::print("interrupted task {} of {}\n", task.substr(task.rfind('/') + 1), service);
  }
  fmt::print("they are replaced; watch it: adhoc status {}\n", arguments.environment);
  return kOk;
}

}  // namespace

void AddLocalInterrupt(CLI::App& local, Shell& shell) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = local.add_subcommand("interrupt", kHelp);
  command->add_option("environment", arguments->environment, "The environment's name")->required();
  command->add_option("service", arguments->service, "The service's name in adhoc.yaml")->required();
  command->callback(
      [&shell, arguments] { shell.action = [&shell, arguments] { return Interrupt(shell, *arguments); }; });
}

}  // namespace adhoc::cli
