// What exec and forward share: the task whose agent they talk to, and the session with it.
#pragma once

#include <memory>
#include <string>

#include "base/json.h"
#include "env/context.h"
#include "net/ssm_client.h"

namespace adhoc::cli {

// The newest running task of a service. Throws Error when none runs.
Json RunningTask(env::Context& context, const std::string& service);

// Connects to a session that ExecuteCommand or StartSession made; when the connection breaks, to the same one again.
std::unique_ptr<net::SsmClient> OpenSession(env::Context& context, const std::string& id, const std::string& url,
                                            const std::string& token);

}  // namespace adhoc::cli
