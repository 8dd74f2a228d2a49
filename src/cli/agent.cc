#include "cli/agent.h"

#include <fmt/format.h>

#include "base/error.h"
#include "env/names.h"
#include "env/tasks.h"

namespace adhoc::cli {

Json RunningTask(env::Context& context, const std::string& service) {
  const std::string& environment = context.environment();
  const Json tasks = env::TasksOf(context, {{"serviceName", env::ServiceName(environment, service)}});
  if (tasks.empty()) {
    throw Error(fmt::format("no task of {} runs in {}", service, environment),
                fmt::format("adhoc status {}", environment));
  }
  Json task;
  for (const Json& candidate : tasks) {
    if (candidate.value("lastStatus", "") != "RUNNING") continue;
    if (task.is_null() || candidate.value("startedAt", 0.0) > task.value("startedAt", 0.0)) task = candidate;
  }
  if (task.is_null()) {
    throw Error(fmt::format("{} has no running task yet", service), fmt::format("adhoc status {}", environment));
  }
  return task;
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
