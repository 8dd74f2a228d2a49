#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>

#include "aws/client/client.h"
#include "base/error.h"
#include "base/sync.h"
#include "ci/github_job.h"
#include "cli/shell.h"
#include "config/definition.h"
#include "config/environment.h"
#include "env/environment.h"
#include "env/existing.h"
#include "env/prices.h"
#include "env/s3_records.h"
#include "net/transport.h"
#include "ui/view.h"

namespace adhoc::cli {
namespace {

std::string FromEnvironment(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

int PortFromEnvironment(const char* name, int otherwise) {
  const std::string text = FromEnvironment(name, "");
  if (text.empty()) return otherwise;
  char* end = nullptr;
  const long port = std::strtol(text.c_str(), &end, 10);
  if (*end != '\0' || port < 1 || port > 65535) throw Error(fmt::format("{} is `{}`: not a port", name, text));
  return static_cast<int>(port);
}

config::LoadOptions LoadOptionsOf(const Globals& globals, const Subject& subject) {
  const std::string here = globals.directory.empty() ? "." : globals.directory;
  config::LoadOptions options{.definition = config::FindDefinition(here),
                              .environment = subject.environment,
                              .target = globals.target,
                              .local_http_port = PortFromEnvironment("ADHOC_HTTP_PORT", 0)};
  const std::string directory = std::filesystem::path(options.definition).parent_path();
  if (options.environment.empty()) options.environment = config::DefaultEnvironmentName(directory);
  // A path given with -f is relative to where the person is; beside the definition is the second guess.
  if (!subject.variables.empty()) {
    options.variables = (std::filesystem::path(here) / subject.variables).string();
    if (!std::filesystem::exists(options.variables) &&
        std::filesystem::exists(std::filesystem::path(directory) / subject.variables)) {
      options.variables = (std::filesystem::path(directory) / subject.variables).string();
    }
  }
  for (const std::string& text : subject.overrides) {
    const auto equals = text.find('=');
    if (equals == std::string::npos) throw Error(fmt::format("--var {}: not of the form name=value", text));
    options.overrides.push_back({.name = text.substr(0, equals), .value = text.substr(equals + 1)});
  }
  return options;
}

// Not stdin, which may be somebody's data: the terminal itself.
std::optional<std::string> AskOnTerminal(const std::string& prompt) {
  std::fstream terminal("/dev/tty", std::ios::in | std::ios::out);
  if (!terminal) return std::nullopt;
  terminal << prompt << std::flush;
  std::string answer;
  if (!std::getline(terminal, answer) || answer.empty()) return std::nullopt;
  return answer;
}

// Where a session's events go, for as long as it lives: the view behind it changes while locks are renewed from
// threads.
class CurrentView final : public events::Sink {
 public:
  explicit CurrentView(std::unique_ptr<events::Sink> view) : view_(std::move(view)) {}
  void Emit(const events::Event& event) override { (*view_.lock())->Emit(event); }
  // The former view ends (a live one restores the terminal) before anything is told to the next one.
  void Replace(const std::function<std::unique_ptr<events::Sink>()>& make) {
    auto view = view_.lock();
    view->reset();
    *view = make();
  }

 private:
  Sync<std::unique_ptr<events::Sink>> view_;
};

std::unique_ptr<events::Sink> MakeView(bool json, ui::Format otherwise) {
  auto view = ui::MakeView(json ? ui::Format::kJson : otherwise, stderr);
  return ci::InGithubJob() ? ci::AnnotateFailures(std::move(view), stderr) : std::move(view);
}

}  // namespace

localcloud::LocalSettings LocalSettingsFromEnvironment() {
  const std::string home = FromEnvironment("HOME", "/root");
  const std::string state = FromEnvironment("XDG_STATE_HOME", home + "/.local/state");
  return {.state_dir =
              std::filesystem::absolute(FromEnvironment("ADHOC_HOME", state + "/adhoc")).lexically_normal().string(),
          .port = PortFromEnvironment("ADHOC_PORT", 4566),
          .dns_port = PortFromEnvironment("ADHOC_DNS_PORT", 0)};
}

struct Session::Impl {
  Globals globals;
  localcloud::LocalSettings local;
  config::Config config;
  std::unique_ptr<CurrentView> view;
  std::shared_ptr<aws::CredentialsProvider> credentials;
  std::unique_ptr<aws::Client> client;
  std::unique_ptr<env::RecordStore> records;
  std::unique_ptr<env::Context> context;
  std::atomic<int> api_calls = 0;
  // Ctrl-C, or a lock that was lost.
  std::stop_source stop;
  std::optional<std::stop_callback<std::function<void()>>> on_interrupt;
};

Session::Session(const Globals& globals, Subject subject, Variables variables) : impl_(std::make_unique<Impl>()) {
  impl_->globals = globals;
  impl_->on_interrupt.emplace(globals.stop, [impl = impl_.get()] { impl->stop.request_stop(); });
  impl_->local = LocalSettingsFromEnvironment();
  impl_->view = std::make_unique<CurrentView>(MakeView(globals.json, ui::DefaultFormat(STDERR_FILENO)));
  std::error_code failed;
  std::filesystem::create_directories(impl_->local.state_dir, failed);
  if (failed) {
    throw Error(fmt::format("cannot make {}: {}", impl_->local.state_dir, failed.message()),
                "set ADHOC_HOME to another folder");
  }
  if (variables == Variables::kNone) subject.environment = "none";
  const config::LoadOptions options = LoadOptionsOf(globals, subject);
  config::CheckEnvironmentName(options.environment);
  const std::string file =
      options.variables.empty()
          ? config::VariablesPath(std::filesystem::path(options.definition).parent_path(), options.environment)
          : options.variables;
  const bool from_file =
      variables == Variables::kRequired || (variables == Variables::kIfAny && std::filesystem::exists(file));
  impl_->config = from_file ? config::LoadConfig(options) : config::LoadConfigWithoutVariables(options, {});
  if (impl_->config.target.kind == config::TargetKind::kLocal) {
    ConnectToLocalCloud();
  } else {
    ConnectToAccount();
  }
  if (!from_file && variables == Variables::kIfAny) {
    if (const auto record = impl_->records->Get(options.environment)) {
      impl_->config = config::LoadConfigWithoutVariables(options, record->variables.get<std::map<std::string, Json>>());
    }
  }
  env::ResolveState(impl_->config, [this](const std::string& place) {
    return env::ReadState(impl_->client.get(), impl_->config, place);
  });
  impl_->context = NewContext();
}

void Session::ConnectToLocalCloud() {
  impl_->records = env::OpenLocalRecords(impl_->local.state_dir + "/records.db", RealClock());
  std::string endpoint = impl_->config.target.endpoint;
  if (endpoint.empty()) {
    localcloud::EnsureLocalCloud(impl_->local, impl_->globals.program, [&](std::string_view text) {
      sink().Emit(events::Notice{.text = std::string(text)});
    });
    endpoint = impl_->local.endpoint();
  }
  impl_->credentials = aws::StaticCredentials({.access_key_id = "adhoc", .secret_access_key = "adhoc"});
  MakeClient(endpoint, net::MakeCurlTransport());
}

void Session::ConnectToAccount() {
  const config::Target& target = impl_->config.target;
  const std::shared_ptr<net::Transport> transport = net::MakeCurlTransport();
  impl_->credentials = aws::DefaultCredentials(
      {.profile = target.profile, .role = target.role, .region = target.region, .ask = AskOnTerminal}, transport);
  MakeClient("", transport);
  // Nothing is read or touched in an account that the definition does not name.
  const Json who = impl_->client->Call("sts", "GetCallerIdentity");
  if (who["Account"] != target.account) {
    throw Error(
        fmt::format("the credentials ({}) are of account {}, but target {} is account {}", impl_->credentials->Source(),
                    who["Account"].get<std::string>(), target.name, target.account),
        "use the credentials or the profile of that account");
  }
  impl_->records = env::OpenS3Records(*impl_->client, {.account = target.account, .region = target.region});
}

void Session::MakeClient(const std::string& endpoint, std::shared_ptr<net::Transport> transport) {
  aws::ClientOptions options{.region = impl_->config.target.region, .endpoint_url = endpoint};
  if (endpoint.empty()) options.profile_endpoints = aws::ReadProfileEndpoints(impl_->config.target.profile);
  impl_->client = std::make_unique<aws::Client>(std::move(options), impl_->credentials, std::move(transport),
                                                RealClock(), SystemRandom());
  impl_->client->set_observer([impl = impl_.get()](const aws::CallRecord& call) {
    ++impl->api_calls;
    if (impl->globals.verbose) {
      fmt::print(stderr, "{} {} {} {:.1f} ms\n", call.service, call.operation, call.status,
                 std::chrono::duration<double, std::milli>(call.elapsed).count());
    }
  });
}

Session::~Session() = default;

const config::Config& Session::config() const { return impl_->config; }
env::Context& Session::context() { return *impl_->context; }
env::RecordStore& Session::records() { return *impl_->records; }
events::Sink& Session::sink() { return *impl_->view; }
const Globals& Session::globals() const { return impl_->globals; }
int Session::api_calls() const { return impl_->api_calls; }

void Session::EndView() {
  impl_->view->Replace([this] { return MakeView(impl_->globals.json, ui::Format::kPlain); });
  impl_->context = NewContext();
}

std::unique_ptr<env::Context> Session::NewContext(events::Sink* sink) {
  const bool local = impl_->config.target.kind == config::TargetKind::kLocal;
  auto context =
      std::make_unique<env::Context>(*impl_->client, impl_->config, sink != nullptr ? *sink : *impl_->view, RealClock(),
                                     SystemRandom(), local ? env::Pace() : env::AccountPace(), impl_->stop.get_token());
  if (local) {
    context->set_endpoint(impl_->config.target.endpoint.empty() ? impl_->local.public_endpoint()
                                                                : impl_->config.target.endpoint);
  }
  return context;
}

std::unique_ptr<env::Lock> Session::Hold(const std::string& key, const std::string& what,
                                         std::chrono::seconds patience) {
  return std::make_unique<env::Lock>(records(), key, what, patience, *impl_->view, RealClock(), impl_->stop.get_token(),
                                     [impl = impl_.get()] { impl->stop.request_stop(); });
}

env::Prepared Session::PrepareUp() {
  const auto record = records().Get(config().environment);
  try {
    return env::PrepareUp(context(), record);
  } catch (const env::SharedMissing&) {
    // On one machine they cost nothing and are made along the way; in an account that is a decision.
    if (config().target.kind != config::TargetKind::kLocal) throw;
  }
  MakeShared();
  return env::PrepareUp(context(), record);
}

void Session::MakeShared() {
  const auto lock = Hold(env::SharedLock(config().target.shared), "adhoc shared up", std::chrono::minutes(10));
  impl_->context = NewContext();
  const auto prepared = env::PrepareShared(context());
  if (!prepared.plan.empty()) {
    sink().Emit(events::Notice{
        .text = fmt::format("Shared resources {}: {}", config().target.shared, prepared.plan.Summary())});
    if (config().target.kind == config::TargetKind::kAws) {
      std::string cost = env::RenderCost(config());
      cost.pop_back();
      sink().Emit(events::Notice{.text = std::move(cost)});
    }
    const env::ApplyResult result = env::Apply(context(), prepared.plan, prepared.resources);
    if (!result.ok()) throw Error("the shared resources are not complete: " + result.error, result.hint);
  }
  impl_->context = NewContext();
}

void AddEnvironmentArgument(CLI::App& command, Subject& subject) {
  command.add_option("environment", subject.environment, "Its name; by default made from the git branch");
}

void AddVariableOptions(CLI::App& command, Subject& subject) {
  command.add_option("-f,--file", subject.variables,
                     "Variables of the environment (default: envs/<environment>.tfvars)");
  command.add_option("--var", subject.overrides, "name=value in place of the file's; may be repeated");
  command
      .add_option("--lock-timeout", subject.lock_timeout_seconds, "Seconds to wait for another command that changes it")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
}

void WithoutSeparator(std::vector<std::string>& command) {
  if (!command.empty() && command.front() == "--") command.erase(command.begin());
}

void PrintJson(const Json& json) { std::cout << json.dump(2, ' ', false, Json::error_handler_t::replace) << std::endl; }

}  // namespace adhoc::cli
