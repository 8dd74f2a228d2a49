// The agent's side of an ECS Exec session: what `aws ecs execute-command`'s session-manager-plugin, or `adhoc exec`,
// talks to on /v1/data-channel/<session id>. A terminal in the container, run by the container engine.
//
// Beyond AWS's agent it sends the command's exit code: payload type 12 with its digits, before channel_closed, whose
// Output says `exit status <n>` when it isn't 0.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "localcloud/cloud.h"
#include "net/http_server.h"

namespace adhoc::localcloud {

// Serves the session until the command ends or the client goes; returns at once when there is no such session or the
// token is wrong. Each session can be opened once. Call it on a thread of its own.
void ServeExecSession(Cloud& cloud, const std::string& session_id, net::WebSocket& socket);

// The session's id from the path of an upgrade request, or empty.
std::string ExecSessionId(std::string_view path);

// Splits a command as a POSIX shell splits words: quotes and backslashes, nothing else. Throws Error for an open quote.
std::vector<std::string> SplitCommand(std::string_view command);

}  // namespace adhoc::localcloud
