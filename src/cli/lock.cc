// adhoc lock: who changes an environment now, and how to free what nobody will release.
#include <fmt/format.h>

#include "base/error.h"
#include "cli/exit_codes.h"
#include "cli/shell.h"
#include "ui/view.h"

namespace adhoc::cli {
namespace {

constexpr const char* kHelp = R"(Show or release the lock of an environment, or of the shared resources.

One command at a time changes an environment. A lock frees itself 30 s after its holder has died; to release one by hand is for
a holder that lives and should not.

  adhoc lock status alpha
  adhoc lock release alpha --force
  adhoc lock status --shared)";

struct Arguments {
  Subject subject;
  bool shared = false;
  bool force = false;
};

std::string KeyOf(const Session& session, const Arguments& arguments) {
  const auto& config = session.config();
  return arguments.shared ? env::SharedLock(config.target.shared) : env::EnvironmentLock(config.environment);
}

Session::Variables VariablesOf(const Arguments& arguments) {
  return arguments.shared ? Session::Variables::kNone : Session::Variables::kIfAny;
}

std::string Describe(const env::LockHolder& holder) {
  const double now = ToSeconds(RealClock().Now());
  return fmt::format("{} (`{}`, pid {} on {}, for {:.0f} s)", holder.who, holder.what, holder.pid, holder.host,
                     std::max(0.0, now - holder.since));
}

int Status(Shell& shell, const Arguments& arguments) {
  Session session(shell.globals, arguments.subject, VariablesOf(arguments));
  const std::string key = KeyOf(session, arguments);
  const auto holder = session.records().Holder(key);
  session.EndView();
  if (shell.globals.json) {
    Json json{{"lock", key}, {"held", holder.has_value()}};
    if (holder) json["holder"] = env::ToJson(*holder);
    PrintJson(json);
  } else if (holder) {
    fmt::print("{} is being changed by {}\n", key, Describe(*holder));
  } else {
    fmt::print("{} is free\n", key);
  }
  return kOk;
}

int Release(Shell& shell, const Arguments& arguments) {
  Session session(shell.globals, arguments.subject, VariablesOf(arguments));
  const std::string key = KeyOf(session, arguments);
  const auto holder = session.records().Holder(key);
  if (holder && !arguments.force) {
    throw Error(fmt::format("{} is being changed by {}", key, Describe(*holder)),
                "end that command; or, when it hangs, release the lock with --force: it stops within 10 s");
  }
  session.records().Break(key);
  session.EndView();
  if (shell.globals.json) {
    PrintJson({{"lock", key}, {"released", holder.has_value()}});
  } else {
    fmt::print("{}\n", holder ? fmt::format("{} is free; {} had it", key, holder->who) : key + " was free");
  }
  return kOk;
}

}  // namespace

void AddLock(CLI::App& app, Shell& shell) {
  CLI::App* lock = app.add_subcommand("lock", kHelp);
  lock->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, int (*run)(Shell&, const Arguments&)) {
    auto arguments = std::make_shared<Arguments>();
    CLI::App* command = lock->add_subcommand(name, help);
    AddEnvironmentArgument(*command, arguments->subject);
    command->add_flag("--shared", arguments->shared, "The lock of the shared resources");
    if (run == Release) command->add_flag("--force", arguments->force, "Also when the holder is alive");
    command->callback(
        [&shell, arguments, run] { shell.action = [&shell, arguments, run] { return run(shell, *arguments); }; });
  };
  add("status", "Who has it, and since when", Status);
  add("release", "Free it", Release);
}

}  // namespace adhoc::cli
