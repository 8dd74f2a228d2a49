// adhoc forward: a port of an environment, on this machine, through Session Manager and without AWS's plugin.
#include <fmt/format.h>

#include <cstdio>
#include <optional>

#include "base/error.h"
#include "cli/agent.h"
#include "cli/exit_codes.h"
#include "cli/forward_plan.h"
#include "cli/shell.h"
#include "env/names.h"
#include "net/port_forward.h"
#include "net/tcp.h"

namespace adhoc::cli {
namespace {

constexpr const char* kHelp = R"(Reach a port inside an environment from this machine, until Ctrl-C.

  adhoc forward alpha 5432                    its database, at 127.0.0.1:5432
  adhoc forward alpha 15432:5432              the same, at port 15432
  adhoc forward alpha gunicorn 8000           a port of a service's newest task
  adhoc forward alpha 16379:redis:6379        a discoverable service
  adhoc forward alpha gunicorn 0:10.0.1.7:80  a host, as the service's task sees it, at any free port)";

constexpr const char* kLoopback = "127.0.0.1";

struct Arguments {
  Subject subject;
  std::vector<std::string> words;  // [SERVICE] SPEC
};

// Where connections end.
struct Destination {
  std::string host;  // empty: the task
  std::string text;  // for people
  int port = 0;
};

Destination FindDestination(env::Context& context, const ForwardPlan& plan, int port) {
  const std::string& environment = context.environment();
  switch (plan.to) {
    case ForwardPlan::To::kTask:
      return {.text = fmt::format("port {} of", port), .port = port};
    case ForwardPlan::To::kHost:
      return {.host = plan.host, .text = fmt::format("{}:{} through", plan.host, port), .port = port};
    case ForwardPlan::To::kService: {
      const std::string host =
          fmt::format("{}.{}", env::DiscoveryName(environment, plan.host), env::NamespaceName(context.shared()));
      return {.host = host, .text = fmt::format("{}:{} through", host, port), .port = port};
    }
    case ForwardPlan::To::kDatabase:
      break;
  }
  const std::string instance = env::DatabaseInstanceName(context.shared());
  const auto described =
      context.CallUnless({"DBInstanceNotFound"}, "rds", "DescribeDBInstances", {{"DBInstanceIdentifier", instance}});
  const Json endpoint = described && !described->value("DBInstances", Json::array()).empty()
                            ? described->at("DBInstances")[0].value("Endpoint", Json::object())
                            : Json::object();
  const std::string host = endpoint.value("Address", "");
  if (host.empty())
    throw Error(fmt::format("the database {} is not there yet", instance), fmt::format("adhoc status {}", environment));
  return {.host = host, .text = fmt::format("the database {} through", host), .port = endpoint.value("Port", port)};
}

// The first service that has a running task.
std::pair<std::string, Json> FindTask(env::Context& context, const std::vector<std::string>& services) {
  std::optional<Error> first;
  for (const std::string& service : services) {
    try {
      return {service, RunningTask(context, service)};
    } catch (const Error& error) {
      if (!first) first = error;
    }
  }
  if (services.size() == 1 && first) throw *first;
  throw Error(fmt::format("no task of {} runs that could be gone through", context.environment()),
              fmt::format("adhoc status {}", context.environment()));
}

int Forward(Shell& shell, const Arguments& arguments) {
  const ForwardSpec spec = ParseForwardSpec(arguments.words.back());
  Session session(shell.globals, arguments.subject, Session::Variables::kIfAny);
  const auto& config = session.config();
  const std::string& environment = config.environment;
  const ForwardPlan plan = PlanForward(config, arguments.words.size() > 1 ? arguments.words.front() : "", spec);
  session.EndView();
  auto& context = session.context();

  std::unique_ptr<net::TcpListener> listener;
  try {
    listener = std::make_unique<net::TcpListener>(kLoopback, spec.local);
  } catch (const Error& error) {
    std::string words = environment;
    if (arguments.words.size() > 1) words += " " + arguments.words.front();
    throw Error(error.what(), fmt::format("another port of this machine: adhoc forward {} {}:{}{}", words,
                                          spec.local < 50000 ? spec.local + 10000 : 0,
                                          spec.host.empty() ? "" : spec.host + ":", spec.remote));
  }
  const Destination destination = FindDestination(context, plan, spec.remote);
  const auto [service, task] = FindTask(context, plan.through);
  const Json started =
      StartPortSession(context, service, task, {.host = destination.host, .port = destination.port}, listener->port());
  const auto client = OpenSession(context, started["SessionId"], started["StreamUrl"], started["TokenValue"]);

  const auto on_ready = [&, service = service, task = task](bool multiplexed) {
    if (shell.globals.json) {
      fmt::print("{}\n", Json{{"address", kLoopback},
                              {"port", listener->port()},
                              {"host", destination.host},
                              {"remotePort", destination.port},
                              {"service", service},
                              {"task", task.at("taskArn")}}
                             .dump());
    } else {
      fmt::print("{}:{} is {} {}; Ctrl-C ends it\n", kLoopback, listener->port(), destination.text, service);
      if (!multiplexed) fmt::print("its agent is old: one connection at a time\n");
      if (plan.to == ForwardPlan::To::kDatabase) {
        fmt::print("psql -h {} -p {} -U {} {}   # the password is in the secret {}\n", kLoopback, listener->port(),
                   env::DatabaseUser(environment), env::DatabaseName(environment),
                   env::SecretName(environment, "database"));
      }
    }
    std::fflush(stdout);
  };
  const auto on_refused = [&, service = service] {
    fmt::print(stderr, "nothing answers at {} {}: the connection was closed\n", destination.text, service);
  };
  net::PortForward forward(*client, *listener, {.on_ready = on_ready, .on_refused = on_refused}, context.clock());
  const auto closing = forward.Run(shell.globals.stop);
  if (shell.globals.stop.stop_requested()) return kOk;
  const std::string again =
      fmt::format("adhoc forward {} {} reaches the task of now", environment, fmt::join(arguments.words, " "));
  if (!closing) throw Error("the session was cut off and could not be resumed", again);
  throw Error(closing->empty() ? "the session was ended at the other side" : "the session ended: " + *closing, again);
}

}  // namespace

void AddForward(CLI::App& app, Shell& shell) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("forward", kHelp);
  command->add_option("environment", arguments->subject.environment, "The environment's name")->required();
  command->add_option("what", arguments->words, "[SERVICE] PORT, LOCAL:REMOTE or LOCAL:HOST:PORT")
      ->required()
      ->expected(1, 2);
  command->callback([&shell, arguments] { shell.action = [&shell, arguments] { return Forward(shell, *arguments); }; });
}

}  // namespace adhoc::cli
