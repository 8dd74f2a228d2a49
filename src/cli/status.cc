// adhoc status: what an environment is and does now.
#include "env/status.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/exit_codes.h"
#include "cli/shell.h"
#include "ui/view.h"

namespace adhoc::cli {
namespace {

constexpr const char* kHelp =
    R"(Show an environment: its URL, its owner, and its services with counts, versions and health.

  adhoc status alpha
  adhoc status alpha --json)";

int Status(Shell& shell, const Subject& subject) {
  Session session(shell.globals, subject, Session::Variables::kIfAny);
  const auto record = session.records().Get(session.config().environment);
  const env::Status status = env::ReadStatus(session.context(), record);
  session.EndView();
  const double now = ToSeconds(RealClock().Now());
  if (shell.globals.json) {
    PrintJson(env::ToJson(status, now));
    return kOk;
  }
  if (status.state == "absent" && !record) {
    throw Error("there is no environment " + status.name,
                fmt::format("adhoc up {}, or adhoc ls to see those that exist", status.name));
  }
  const bool colour = ui::UseColour(STDOUT_FILENO);
  fmt::print("{}  {}  {}\n", ui::Styled(status.name, ui::Style::kBold, colour), status.state, status.url);
  std::string about = fmt::format("on {}", status.shared);
  if (!status.owner.empty())
    about += fmt::format(", made by {} {} ago", status.owner, ui::Ago(now - status.created_at));
  fmt::print("{}\n\n", about);
  std::vector<std::vector<std::string>> rows{{"SERVICE", "RUNNING", "IMAGE", "REVISION", "HEALTH"}};
  for (const auto& service : status.services) {
    rows.push_back({service.name, fmt::format("{}/{}", service.running, service.desired), service.image,
                    std::to_string(service.revision), service.health});
  }
  fmt::print("{}", ui::Table(rows));
  for (const auto& service : status.services) {
    if (service.health == "healthy" || service.health == "stopped" || service.last_event.empty()) continue;
    fmt::print("\n{}: {}\n  try: adhoc logs {} {}\n", service.name, service.last_event, status.name, service.name);
  }
  return kOk;
}

}  // namespace

void AddStatus(CLI::App& app, Shell& shell) {
  auto subject = std::make_shared<Subject>();
  CLI::App* command = app.add_subcommand("status", kHelp);
  AddEnvironmentArgument(*command, *subject);
  command->add_option("-f,--file", subject->variables, "Variables of the environment");
  command->callback([&shell, subject] { shell.action = [&shell, subject] { return Status(shell, *subject); }; });
}

}  // namespace adhoc::cli
