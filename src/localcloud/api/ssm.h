// Session Manager's sessions as documents: the API makes them, the data channel's server (localcloud/session) carries
// them out and says what becomes of them.
//
// A document is as DescribeSessions answers it, plus
//   _token              opens the data channel; a new one with each ResumeSession, empty once used
//   _task, _machine     key of the task or id of the EC2 instance that it is with
//   _runtime            the engine's id of the container
//   _kind               kShell: _command; kPort: _host (empty: the task itself), _port, _local_port
// Status: Connecting → Connected ⇄ Disconnected → (Terminating, asked for) → Terminated.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "localcloud/cloud.h"

namespace adhoc::localcloud::ssm {

inline constexpr std::string_view kSessions = "ssm.sessions";  // by SessionId
inline constexpr const char* kShell = "shell";
inline constexpr const char* kPort = "port";

struct SessionTemplate {
  std::string id_prefix;
  const char* kind = kShell;
  std::string document;  // name of the SSM document
  std::string target;    // ecs:<cluster>_<task id>_<runtime id>, or an instance's id
  std::string task;      // key, or
  std::string machine;   // an EC2 instance's id
  std::string runtime;   // the engine's id of the container
  std::string reason;
  Json details = Json::object();  // private fields
};

// Puts a session and answers {SessionId, TokenValue, StreamUrl}. Forgets sessions that ended long ago and those that
// nobody connected to.
Json StartSession(Cloud& cloud, Store::Transaction& txn, SessionTemplate from);

// As StartSession takes it for a task's container.
std::string TaskTarget(const std::string& task, const Json& container);
// The EC2 instance, when its agent would be connected: it runs, and has an instance profile. Null otherwise.
const Json* FindConnectedInstance(const Store::Transaction& txn, std::string_view id);
// Whether StartSession finds the target connected.
bool IsConnected(const Store::Transaction& txn, const std::string& target);

bool IsOver(const Json& session);
// Sets Status, and EndDate when it is over.
void SetStatus(Json& session, std::string_view status, double now);

}  // namespace adhoc::localcloud::ssm
