// What exec and forward share: the task whose agent they talk to, and the session with it.
#pragma once

#include <memory>
#include <string>

#include "base/json.h"
#include "env/context.h"
#include "net/ssm_client.h"

namespace adhoc::cli {

// The newest running task of a service; one whose agent runs comes before one whose agent is still starting. Throws
// Error when none runs.
Json RunningTask(env::Context& context, const std::string& service);

// ECS Exec in the newest running task. Its agent begins some seconds after the container: waits for it, half a minute
// at most. Throws Error with what to do when it does not come. Returns ExecuteCommand's answer.
Json StartExec(env::Context& context, const std::string& service, const std::string& command_line);

struct PortEnd {
  std::string host;  // as the task sees it; empty: the task itself
  int port = 0;
};
// A session that forwards a port, through this task of the service. Throws Error with what to do when the task's agent
// is not there. Returns StartSession's answer.
Json StartPortSession(env::Context& context, const std::string& service, const Json& task, const PortEnd& remote,
                      int local_port);

// Connects to a session that ExecuteCommand or StartSession made; when the connection breaks, to the same one again.
std::unique_ptr<net::SsmClient> OpenSession(env::Context& context, const std::string& id, const std::string& url,
                                            const std::string& token);

}  // namespace adhoc::cli
