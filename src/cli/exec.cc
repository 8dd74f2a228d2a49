// adhoc exec: a command, or a shell, in a running container (ECS Exec), without AWS's session-manager-plugin.
#include "cli/agent.h"
#include "cli/exec_session.h"
#include "cli/shell.h"

namespace adhoc::cli {
namespace {

constexpr const char* kHelp =
    R"(Run a command in a running container, with this terminal. Its exit code is this command's, if the image has
`sh`, which tells it.

  adhoc exec alpha gunicorn -- bash
  adhoc exec alpha gunicorn -- python3 manage.py shell)";

struct Arguments {
  Subject subject;
  std::string service;
  std::vector<std::string> command;
};

int Exec(Shell& shell, const Arguments& arguments) {
  Session session(shell.globals, arguments.subject, Session::Variables::kIfAny);
  session.EndView();
  auto& context = session.context();
  const OpenExec open = [&](const std::string& command_line) {
    const Json stream = StartExec(context, arguments.service, command_line)["session"];
    return OpenSession(context, stream["sessionId"], stream["streamUrl"], stream["tokenValue"]);
  };
  return RunInContainer(open, arguments.command, context.random(), {}, shell.globals.stop);
}

}  // namespace

void AddExec(CLI::App& app, Shell& shell) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("exec", kHelp);
  command->add_option("environment", arguments->subject.environment, "The environment's name")->required();
  command->add_option("service", arguments->service, "The service")->required();
  command->add_option("command", arguments->command, "The command, after --")->required();
  command->callback([&shell, arguments] {
    WithoutSeparator(arguments->command);
    shell.action = [&shell, arguments] { return Exec(shell, *arguments); };
  });
}

}  // namespace adhoc::cli
