// adhoc bootstrap: what an account needs before its first shared resources (S10).
#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <functional>

#include "base/error.h"
#include "cli/exit_codes.h"
#include "cli/render.h"
#include "cli/shell.h"
#include "env/names.h"
#include "env/s3_records.h"
#include "ui/view.h"

namespace adhoc::cli {
namespace {

constexpr const char* kHelp =
    R"(Make what an account needs before its first shared resources: the bucket of records and locks, the image repositories of
the definition, and for the pipelines of a GitHub repository the role that they deploy with. Run it once, as somebody who may
make roles (adhoc iam policy bootstrap); again when the definition's images change.

  adhoc bootstrap plan --github my-team/shop
  adhoc bootstrap up --github my-team/shop
  adhoc bootstrap down)";

struct Arguments {
  std::string github;
  bool yes = false;
  bool force = false;
};

// Two at once take turns: the second plans again what the first has left. The lock lies in the bucket, which is made
// with it.
env::ApplyResult ApplyAlone(Session& session, const char* what,
                            const std::function<env::Prepared(env::Context&)>& prepare) {
  const auto lock = session.Hold(env::kBootstrapLock, what, std::chrono::minutes(10));
  const auto context = session.NewContext();
  const env::Prepared prepared = prepare(*context);
  return env::Apply(*context, prepared.plan, prepared.resources);
}

// The terminal, not stdin, which may be somebody's data.
void Confirm(const std::string& question) {
  std::fstream terminal("/dev/tty", std::ios::in | std::ios::out);
  if (!terminal) throw Error("not confirmed: there is no terminal to ask on", "--yes");
  terminal << question << " [y/N] " << std::flush;
  std::string answer;
  std::getline(terminal, answer);
  if (answer != "y" && answer != "yes") throw Error("nothing was changed");
}

void RequireAccount(const Session& session) {
  if (session.config().target.kind == config::TargetKind::kAws) return;
  throw Error(fmt::format("target {} is on this machine and needs no bootstrap", session.config().target.name),
              "name a target of kind aws with --target, or `adhoc up`");
}

void Show(const Session& session, const env::Prepared& prepared) {
  if (session.globals().json) return;
  const auto& target = session.config().target;
  fmt::print("{}account {} in {}: {}\n", RenderPlan(prepared.plan, ui::UseColour(STDOUT_FILENO)), target.account,
             target.region, prepared.plan.Summary());
}

int Plan(Shell& shell, const Arguments& arguments) {
  Session session(shell.globals, {}, Session::Variables::kNone);
  RequireAccount(session);
  const env::Prepared prepared = env::PrepareBootstrap(session.context(), arguments.github);
  session.EndView();
  if (shell.globals.json) PrintJson(prepared.plan.ToJson());
  Show(session, prepared);
  return kOk;
}

int Up(Shell& shell, const Arguments& arguments) {
  Session session(shell.globals, {}, Session::Variables::kNone);
  RequireAccount(session);
  const auto& target = session.config().target;
  const env::Prepared prepared = env::PrepareBootstrap(session.context(), arguments.github);
  if (!prepared.plan.empty()) {
    Show(session, prepared);
    if (!arguments.yes) Confirm(fmt::format("Make this in account {}?", target.account));
    const env::ApplyResult result = ApplyAlone(session, "adhoc bootstrap up", [&](env::Context& context) {
      return env::PrepareBootstrap(context, arguments.github);
    });
    if (!result.ok()) throw Error("the bootstrap is not complete: " + result.error, result.hint);
  }
  session.EndView();
  const std::string role = fmt::format("arn:aws:iam::{}:role/{}", target.account, env::DeployRoleName(target.shared));
  if (shell.globals.json) {
    PrintJson({{"account", target.account},
               {"bucket", env::RecordsBucketName(target.account, target.region)},
               {"role", arguments.github.empty() ? Json() : Json(role)},
               {"changes", prepared.plan.ToJson()["changes"]}});
    return kOk;
  }
  fmt::print("account {} is ready for {}\n", target.account, target.shared);
  if (!arguments.github.empty()) {
    fmt::print(stderr, "  pipelines of {} deploy as {}: adhoc ci init writes them\n", arguments.github, role);
  }
  fmt::print(stderr, "  adhoc --target {} shared up\n", target.name);
  return kOk;
}

int Down(Shell& shell, const Arguments& arguments) {
  Session session(shell.globals, {}, Session::Variables::kNone);
  RequireAccount(session);
  const auto& target = session.config().target;
  const env::Prepared prepared = env::PrepareBootstrapDown(session.context(), arguments.force);
  if (!prepared.plan.empty()) {
    Show(session, prepared);
    if (!arguments.yes) Confirm(fmt::format("Delete this from account {}?", target.account));
    const env::ApplyResult result = ApplyAlone(session, "adhoc bootstrap down", [&](env::Context& context) {
      return env::PrepareBootstrapDown(context, arguments.force);
    });
    if (!result.ok()) throw Error("not everything is deleted: " + result.error, result.hint);
  }
  session.EndView();
  if (shell.globals.json) {
    PrintJson({{"account", target.account}, {"changes", prepared.plan.ToJson()["changes"]}});
  } else {
    fmt::print("{}\n", prepared.plan.empty() ? fmt::format("there is nothing of adhoc in account {}", target.account)
                                             : fmt::format("account {} is as it was before", target.account));
  }
  return kOk;
}

}  // namespace

void AddBootstrap(CLI::App& app, Shell& shell) {
  CLI::App* command = app.add_subcommand("bootstrap", kHelp);
  command->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, int (*run)(Shell&, const Arguments&)) {
    auto arguments = std::make_shared<Arguments>();
    CLI::App* added = command->add_subcommand(name, help);
    if (run != Down) {
      added->add_option("--github", arguments->github, "Repository whose pipelines may deploy: OWNER/NAME")
          ->check([](const std::string& text) {
            const auto slash = text.find('/');
            const bool two = slash != std::string::npos && slash > 0 && slash + 1 < text.size() &&
                             text.find('/', slash + 1) == std::string::npos;
            // What is more than a name would be a pattern in the role's trust.
            const bool plain =
                text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./") ==
                std::string::npos;
            return two && plain ? "" : "not of the form OWNER/NAME";
          });
    }
    if (run != Plan) added->add_flag("-y,--yes", arguments->yes, "Without asking");
    if (run == Down) added->add_flag("--force", arguments->force, "Also images, and the records of environments");
    added->callback(
        [&shell, arguments, run] { shell.action = [&shell, arguments, run] { return run(shell, *arguments); }; });
  };
  add("up", "Make it, or bring it up to date", Up);
  add("plan", "Show what `bootstrap up` would change", Plan);
  add("down", "Delete it; refused while there are images or records", Down);
}

}  // namespace adhoc::cli
