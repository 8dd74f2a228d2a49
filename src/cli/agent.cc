#include "cli/agent.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "base/error.h"
#include "env/names.h"
#include "env/tasks.h"

namespace adhoc::cli {
namespace {

constexpr std::chrono::seconds kAgentPatience{30};

Json ContainerOf(const Json& task, const std::string& name) {
  for (const Json& container : task.value("containers", Json::array())) {
    if (container.value("name", "") == name) return container;
  }
  return Json::object();
}

// What ECS knows of the agent of ECS Exec in a service's container; empty when it was never to be there.
Json AgentOf(const Json& task, const std::string& service) {
  for (const Json& agent : ContainerOf(task, service).value("managedAgents", Json::array())) {
    if (agent.value("name", "") == "ExecuteCommandAgent") return agent;
  }
  return Json::object();
}

bool IsAboutTheAgent(const aws::AwsError& error) {
  return error.code() == "TargetNotConnectedException" ||
         (error.code() == "InvalidParameterException" && error.message().find("command agent") != std::string::npos);
}

}  // namespace

Json RunningTask(env::Context& context, const std::string& service) {
  const std::string& environment = context.environment();
  const Json tasks = env::TasksOf(context, {{"serviceName", env::ServiceName(environment, service)}});
  if (tasks.empty()) {
    throw Error(fmt::format("no task of {} runs in {}", service, environment),
                fmt::format("adhoc status {}", environment));
  }
  const auto rank = [&](const Json& candidate) {
    return std::pair(AgentOf(candidate, service).value("lastStatus", "") == "RUNNING",
                     candidate.value("startedAt", 0.0));
  };
  Json task;
  for (const Json& candidate : tasks) {
    if (candidate.value("lastStatus", "") != "RUNNING") continue;
    if (task.is_null() || rank(candidate) > rank(task)) task = candidate;
  }
  if (task.is_null()) {
    throw Error(fmt::format("{} has no running task yet", service), fmt::format("adhoc status {}", environment));
  }
  return task;
}

Json StartExec(env::Context& context, const std::string& service, const std::string& command_line) {
  const std::string& environment = context.environment();
  const std::string renew = fmt::format("a new task: adhoc deploy {}", environment);
  const TimePoint begin = context.clock().Now();
  bool told = false;
  while (true) {
    const Json task = RunningTask(context, service);
    try {
      return context.Call("ecs", "ExecuteCommand",
                          {{"cluster", env::ClusterName(environment)},
                           {"task", task["taskArn"]},
                           {"container", service},
                           {"interactive", true},
                           {"command", command_line}});
    } catch (const aws::AwsError& error) {
      if (!IsAboutTheAgent(error)) throw;
      if (!task.value("enableExecuteCommand", false)) {
        throw Error(fmt::format("the task of {} was started without ECS Exec", service), renew);
      }
      const Json agent = AgentOf(task, service);
      if (agent.value("lastStatus", "") == "STOPPED") {
        const std::string reason = agent.value("reason", "");
        throw Error(fmt::format("the agent of ECS Exec in the task of {} has stopped{}{}", service,
                                reason.empty() ? "" : ": ", reason),
                    renew);
      }
      if (context.clock().Now() - begin >= kAgentPatience) {
        throw Error(
            fmt::format("the agent of ECS Exec in the task of {} is not connected: it is still starting, or its "
                        "role or network does not let it reach Session Manager",
                        service),
            "once more in a moment; " + renew);
      }
      if (!std::exchange(told, true)) {
        context.sink().Emit(
            events::Notice{.text = fmt::format("waiting for the agent of ECS Exec in the task of {}", service)});
      }
    }
    if (!context.clock().SleepFor(context.PauseSince(begin), context.stop())) {
      throw Error("stopped while waiting for the agent of ECS Exec");
    }
  }
}

Json StartPortSession(env::Context& context, const std::string& service, const Json& task, const PortEnd& remote,
                      int local_port) {
  const std::string& environment = context.environment();
  const std::string runtime = ContainerOf(task, service).value("runtimeId", "");
  if (runtime.empty()) {
    throw Error(fmt::format("the container of {} does not run yet", service),
                fmt::format("adhoc status {}", environment));
  }
  const std::string arn = task.at("taskArn");
  Json parameters = {{"portNumber", Json::array({std::to_string(remote.port)})},
                     {"localPortNumber", Json::array({std::to_string(local_port)})}};
  if (!remote.host.empty()) parameters["host"] = Json::array({remote.host});
  const auto started = context.CallUnless(
      {"TargetNotConnected"}, "ssm", "StartSession",
      {{"Target", fmt::format("ecs:{}_{}_{}", env::ClusterName(environment), arn.substr(arn.rfind('/') + 1), runtime)},
       {"DocumentName",
        remote.host.empty() ? "AWS-StartPortForwardingSession" : "AWS-StartPortForwardingSessionToRemoteHost"},
       {"Parameters", parameters}});
  if (!started) {
    throw Error(
        fmt::format("the agent in {}'s task is not connected: the task has just begun, or was started without ECS Exec",
                    service),
        fmt::format("once more in a moment; a new task: adhoc deploy {}", environment));
  }
  return *started;
}

std::unique_ptr<net::SsmClient> OpenSession(env::Context& context, const std::string& id, const std::string& url,
                                            const std::string& token) {
  return std::make_unique<net::SsmClient>(
      net::SsmConnection{.socket = net::ConnectWebSocket(url), .token = token}, context.clock(), context.random(),
      [&context, id] {
        const Json resumed = context.Call("ssm", "ResumeSession", {{"SessionId", id}});
        if (resumed.value("TokenValue", "").empty()) throw Error("the session has ended");
        return net::SsmConnection{.socket = net::ConnectWebSocket(resumed["StreamUrl"]),
                                  .token = resumed["TokenValue"]};
      });
}

}  // namespace adhoc::cli
