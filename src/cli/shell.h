// What all commands share: the options before the command's name, and the pieces that main.cc wires together.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "config/config.h"
#include "config/resolve.h"
#include "env/context.h"
#include "env/environment.h"
#include "env/record.h"
#include "events/events.h"
#include "localcloud/settings.h"

namespace adhoc::cli {

struct Globals {
  bool json = false;
  bool verbose = false;
  std::string directory;  // -C
  std::string target;
  std::stop_token stop;  // Ctrl-C
  std::string program;   // path of this executable, to start the local cloud with
};

// A command registers itself with its options and help, and puts its work into `action`.
struct Shell {
  Globals globals;
  std::function<int()> action;
};

// One for each file of this folder, in the order of the help.
void AddUp(CLI::App& app, Shell& shell);
void AddPlan(CLI::App& app, Shell& shell);
void AddDeploy(CLI::App& app, Shell& shell);
void AddLs(CLI::App& app, Shell& shell);
void AddStatus(CLI::App& app, Shell& shell);
void AddLogs(CLI::App& app, Shell& shell);
void AddExec(CLI::App& app, Shell& shell);
void AddForward(CLI::App& app, Shell& shell);
void AddRun(CLI::App& app, Shell& shell);
void AddDown(CLI::App& app, Shell& shell);
void AddImage(CLI::App& app, Shell& shell);
void AddShared(CLI::App& app, Shell& shell);
void AddBootstrap(CLI::App& app, Shell& shell);
void AddIam(CLI::App& app, Shell& shell);
void AddLocal(CLI::App& app, Shell& shell);
void AddCi(CLI::App& app, Shell& shell);
void AddLock(CLI::App& app, Shell& shell);
void AddDoctor(CLI::App& app, Shell& shell);
void AddQuota(CLI::App& app, Shell& shell);
void AddExport(CLI::App& app, Shell& shell);

// Which environment a command is about, and how to find its configuration.
struct Subject {
  std::string environment;             // empty: from the git branch
  std::string variables;               // -f
  std::vector<std::string> overrides;  // --var name=value
  std::string lock_timeout_seconds = "600";
};
void AddEnvironmentArgument(CLI::App& command, Subject& subject);
void AddVariableOptions(CLI::App& command, Subject& subject);

// The connected pieces that a command works with. Made after the options are parsed; starts the local cloud when the
// target is local and it does not run.
class Session {
 public:
  enum class Variables {
    kRequired,  // the command makes or changes the environment
    kIfAny,     // it only looks, or destroys: the record's values do as well
    kNone,      // it is not about one environment
  };
  Session(const Globals& globals, Subject subject, Variables variables);
  ~Session();

  const config::Config& config() const;
  env::Context& context();
  env::RecordStore& records();
  events::Sink& sink();
  const Globals& globals() const;
  // Ends the live view, so that results can be printed, and makes a context that has read nothing yet.
  void EndView();
  // Makes a Context that has read nothing yet, for a second look after a change.
  std::unique_ptr<env::Context> NewContext(events::Sink* sink = nullptr);

  // Takes a lock and keeps it. When it is lost, what the context does is stopped as by Ctrl-C.
  std::unique_ptr<env::Lock> Hold(const std::string& key, const std::string& what, std::chrono::seconds patience);

  // env::PrepareUp; on the local target the shared resources are made first when they are missing.
  env::Prepared PrepareUp();
  // Brings the shared resources up to date. Throws Error when something failed.
  void MakeShared();

  int api_calls() const;

 private:
  void ConnectToLocalCloud();
  void ConnectToAccount();
  void MakeClient(const std::string& endpoint, std::shared_ptr<net::Transport> transport);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Settings of the local cloud from ADHOC_HOME, ADHOC_PORT and so on.
localcloud::LocalSettings LocalSettingsFromEnvironment();

// The parser leaves the `--` in front of a command when the command is the last positional.
void WithoutSeparator(std::vector<std::string>& command);

// Prints a document on stdout.
void PrintJson(const Json& json);

}  // namespace adhoc::cli
