// adhoc local: the local cloud, AWS's APIs on this machine.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <filesystem>

#include "base/error.h"
#include "cli/exit_codes.h"
#include "cli/local.h"
#include "cli/shell.h"
#include "localcloud/runtime/engine_setup.h"
#include "localcloud/server.h"
#include "localcloud/settings.h"
#include "net/transport.h"

namespace adhoc::cli {
namespace {

constexpr const char* kHelp =
    R"(The local cloud: a server on this machine that speaks AWS's APIs and really runs what they describe.

Commands start it by themselves. Any AWS client can use it:

  export AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_ACCESS_KEY_ID=adhoc AWS_SECRET_ACCESS_KEY=adhoc AWS_DEFAULT_REGION=us-east-1
  aws ecs list-clusters

Its DNS server answers the names that were made in it:

  dig @127.0.0.1 -p 4553 redis.dev-sd-ns

ADHOC_HOME is the folder of its state, ADHOC_PORT its port, ADHOC_DNS_PORT its DNS server's, ADHOC_HTTP_PORT the load
balancer's.)";

int Start(Shell& shell, const localcloud::LocalSettings& settings) {
  localcloud::EnsureLocalCloud(settings, shell.globals.program,
                               [](std::string_view text) { fmt::print(stderr, "{}\n", text); });
  fmt::print("{}\n", settings.endpoint());
  return kOk;
}

int Serve(Shell& shell, const localcloud::LocalSettings& settings) {
  spdlog::set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
  spdlog::flush_on(spdlog::level::info);
  const localcloud::Server server(settings, RealClock(), SystemRandom());
  spdlog::info("the local cloud listens on 127.0.0.1:{}, its state is in {}", server.port(), settings.state_dir);
  while (!shell.globals.stop.stop_requested()) RealClock().SleepFor(std::chrono::hours(1), shell.globals.stop);
  spdlog::info("stopping; containers go on running");
  return kOk;
}

int Stop() {
  const auto settings = LocalSettingsFromEnvironment();
  fmt::print("{}\n", localcloud::StopLocalCloud(settings)
                         ? "stopped; environments go on running, without what the APIs do for them"
                         : "the local cloud does not run");
  return kOk;
}

int Reset() {
  const auto settings = LocalSettingsFromEnvironment();
  const auto probe = localcloud::ProbeLocalCloud(settings);
  if (probe.state == localcloud::Probe::State::kOurs && probe.health["engine"].value("state", "") == "ready") {
    // The containers go first: a server that is about to end waits for those that it was stopping.
    CallLocalCloud("POST", "/_adhoc/reset");
  }
  localcloud::StopLocalCloud(settings);
  if (std::filesystem::exists(settings.state_dir)) localcloud::RemoveEverything(settings);
  std::error_code ignored;
  std::filesystem::remove_all(settings.state_dir, ignored);
  fmt::print("the local cloud is empty: its containers, networks and {} are gone\n", settings.state_dir);
  return kOk;
}

// `eval "$(adhoc local engine)"` lets a shell use the same container engine in the same way.
int Engine() {
  const auto settings = LocalSettingsFromEnvironment();
  std::filesystem::create_directories(settings.state_dir);
  const auto engine =
      localcloud::PrepareEngine({.state_dir = settings.state_dir,
                                 .on_progress = [](std::string_view text) { fmt::print(stderr, "{}\n", text); }});
  fmt::print("export ADHOC_CONTAINER_ENGINE={}\n", engine.engine);
  for (const auto& [name, value] : engine.variables) fmt::print("export {}='{}'\n", name, value);
  return kOk;
}

void AddServerOptions(CLI::App& command, localcloud::LocalSettings& settings) {
  command.add_option("--dns-port", settings.dns_port, "Port of its DNS server on 127.0.0.1 [4553, or a free one]")
      ->check(CLI::Range(1, 65535));
  command.add_option("--account", settings.account, "Account number, 12 digits; kept with the state [000000000000]");
  command.add_option("--region", settings.region, "Region; kept with the state [us-east-1]");
  command.add_option_function<std::string>(
      "--timing", [&settings](const std::string& text) { settings.timing = localcloud::ParseTiming(text); },
      "How long slow things take: instant, aws, or a fraction of AWS's time such as aws:0.05 [instant]");
  command
      .add_option_function<std::string>(
          "--runtime", [&settings](const std::string& text) { settings.engineless = text == "none"; },
          "engine, or none: the APIs alone, whose tasks only seem to run [engine]")
      ->check(CLI::IsMember({"engine", "none"}));
  command.add_option_function<std::string>(
      "--iam", [&settings](const std::string& text) { settings.iam = localcloud::ParseIam(text); },
      "Whether IAM's policies are enforced for the sessions of roles: off, enforce [off]");
}

}  // namespace

Json CallLocalCloud(const std::string& method, const std::string& path, const Json& body) {
  const auto settings = LocalSettingsFromEnvironment();
  if (localcloud::ProbeLocalCloud(settings).state != localcloud::Probe::State::kOurs) {
    throw Error("the local cloud does not run", "adhoc local start");
  }
  net::Request request{.method = method, .target = path, .body = body.is_null() ? "" : body.dump()};
  request.headers.Set("Host", fmt::format("127.0.0.1:{}", settings.port));
  const net::Response response = net::MakeCurlTransport()->Send(net::Uri::Parse(settings.endpoint()), request, {});
  const Json answer = Json::parse(response.body, nullptr, false);
  if (response.status != 200 || answer.is_discarded()) {
    if (!answer.is_object())
      throw Error(fmt::format("the local cloud answered {} with {}: {}", path, response.status, response.body));
    throw Error(answer.value("error", ""), answer.value("hint", ""));
  }
  return answer;
}

void AddLocal(CLI::App& app, Shell& shell) {
  CLI::App* command = app.add_subcommand("local", kHelp);
  command->require_subcommand(1);
  auto settings = std::make_shared<localcloud::LocalSettings>(LocalSettingsFromEnvironment());
  CLI::App* start = command->add_subcommand("start", "Start it in the background, unless it runs");
  AddServerOptions(*start, *settings);
  start->callback([&shell, settings] { shell.action = [&shell, settings] { return Start(shell, *settings); }; });
  command->add_subcommand("stop", "Stop it; containers go on running")->callback([&shell] { shell.action = Stop; });
  AddLocalStatus(*command, shell);
  command->add_subcommand("reset", "Stop it and remove everything that it ever made")->callback([&shell] {
    shell.action = Reset;
  });
  command->add_subcommand("engine", "Print the shell variables with which it uses the container engine")
      ->callback([&shell] { shell.action = Engine; });
  AddLocalOperations(*command, shell);
  AddLocalInterrupt(*command, shell);
  AddLocalCapacity(*command, shell);
  AddLocalChaos(*command, shell);
  CLI::App* run = command->add_subcommand("run", "Run it in the foreground");
  run->add_option("--state-dir", settings->state_dir, "Folder of its state")->capture_default_str();
  run->add_option("--port", settings->port, "Port on 127.0.0.1")->capture_default_str();
  AddServerOptions(*run, *settings);
  run->callback([&shell, settings] { shell.action = [&shell, settings] { return Serve(shell, *settings); }; });
}

}  // namespace adhoc::cli
