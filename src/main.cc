// The program: parses the command line, runs one command, and turns what went wrong into a message and an exit code.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stop_token>
#include <thread>

#include "base/diagnostics.h"
#include "base/error.h"
#include "ci/github_job.h"
#include "cli/exit_codes.h"
#include "cli/shell.h"
#include "ui/view.h"

namespace {

using namespace adhoc;  // NOLINT(google-build-using-namespace): this file wires everything together

constexpr const char* kHelp = R"(Short-lived, complete copies of a web application, on AWS ECS or on this machine.

  adhoc up alpha                     make the environment alpha, or bring it up to date
  adhoc deploy alpha backend v1.1.0  roll out another version
  adhoc down alpha                   destroy it without a trace)";

// The first SIGINT or SIGTERM asks the command to end in good order; the second ends it now.
class Interrupts {
 public:
  Interrupts() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    std::thread([this] {
      int signal = 0;
      sigwait(&signals_, &signal);
      source_.request_stop();
      sigwait(&signals_, &signal);
      _exit(cli::kInterrupted);
    }).detach();
  }
  std::stop_token token() const { return source_.get_token(); }

 private:
  sigset_t signals_{};
  std::stop_source source_;
};

// In a GitHub job: annotations, at the lines of the files where they are known, and the summary.
void ReportToJob(const std::exception& exception, const std::string& hint) {
  const auto* diagnostics = dynamic_cast<const DiagnosticsError*>(&exception);
  if (diagnostics != nullptr) {
    const char* workspace = std::getenv("GITHUB_WORKSPACE");
    for (const Diagnostic& item : diagnostics->diagnostics().items()) {
      std::string file =
          item.range.known() ? std::filesystem::absolute(item.range.source->name()).lexically_normal().string() : "";
      if (workspace != nullptr && !file.empty())
        file = std::filesystem::path(file).lexically_relative(workspace).string();
      const auto level = item.severity == Severity::kError ? ci::Level::kError : ci::Level::kWarning;
      fmt::print(stderr, "{}\n",
                 ci::Command({.level = level,
                              .message = item.summary,
                              .file = file,
                              .line = item.range.begin.line,
                              .column = item.range.begin.column}));
    }
  } else {
    const std::string message = hint.empty() ? exception.what() : fmt::format("{}\ntry: {}", exception.what(), hint);
    fmt::print(stderr, "{}\n", ci::Command({.title = "adhoc", .message = message}));
  }
  const std::string text = diagnostics != nullptr ? diagnostics->diagnostics().Render() : exception.what();
  ci::WriteSummary(
      fmt::format("### Failed\n\n````\n{}\n````\n{}", text, hint.empty() ? "" : fmt::format("\nTry: {}\n", hint)));
}

int Report(const std::exception& exception, const cli::Globals& globals) {
  const auto* error = dynamic_cast<const Error*>(&exception);
  const std::string hint = error == nullptr ? "" : error->hint();
  if (globals.json) {
    cli::PrintJson({{"error", exception.what()}, {"hint", hint}});
  } else if (const auto* diagnostics = dynamic_cast<const DiagnosticsError*>(&exception)) {
    fmt::print(stderr, "{}", diagnostics->diagnostics().Render(ui::UseColour(STDERR_FILENO)));
  } else {
    fmt::print(stderr, "{} {}\n", ui::Styled("error:", ui::Style::kRed, ui::UseColour(STDERR_FILENO)),
               exception.what());
    if (!hint.empty())
      fmt::print(stderr, "  {} {}\n", ui::Styled("try:", ui::Style::kBold, ui::UseColour(STDERR_FILENO)), hint);
  }
  if (ci::InGithubJob()) ReportToJob(exception, hint);
  return globals.stop.stop_requested() ? cli::kInterrupted : cli::kFailed;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  static Interrupts* const interrupts = new Interrupts;  // its thread outlives main

  CLI::App app(kHelp, "adhoc");
  app.require_subcommand(1);
  app.set_version_flag("--version", ADHOC_VERSION);
  cli::Shell shell;
  shell.globals.stop = interrupts->token();
  shell.globals.program = std::filesystem::read_symlink("/proc/self/exe").string();
  app.add_flag("--json", shell.globals.json, "Results as JSON on stdout, events as JSON lines on stderr");
  app.add_flag("-v,--verbose", shell.globals.verbose, "Show each AWS call on stderr");
  app.add_option("-C,--directory", shell.globals.directory,
                 "Look for adhoc.yaml here instead of in the current folder");
  app.add_option("--target", shell.globals.target, "Target of the definition to work on");
  app.fallthrough();
  try {
    for (const auto add : {cli::AddUp,    cli::AddPlan,   cli::AddDeploy,    cli::AddLs,    cli::AddStatus,
                           cli::AddLogs,  cli::AddExec,   cli::AddForward,   cli::AddRun,   cli::AddDown,
                           cli::AddImage, cli::AddShared, cli::AddBootstrap, cli::AddIam,   cli::AddLocal,
                           cli::AddCi,    cli::AddLock,   cli::AddDoctor,    cli::AddQuota, cli::AddExport}) {
      add(app, shell);
    }
    app.parse(argc, argv);
    return shell.action();
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? cli::kOk : cli::kUsage;
  } catch (const std::exception& exception) {
    return Report(exception, shell.globals);
  }
}
