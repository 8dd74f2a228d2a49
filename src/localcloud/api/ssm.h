// Session Manager's sessions as documents: the API makes them, the data channel's server (localcloud/session) carries
// them out and says what becomes of them.
//
// A document is as DescribeSessions answers it, plus
//   _token              opens the data channel; a new one with each ResumeSession, empty once used
//   _task, _runtime     key of the task, the engine's id of the container
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
  std::string task;      // key
  Json container;        // of the task
  std::string reason;
  Json details = Json::object();  // private fields
};

// Puts a session and answers {SessionId, TokenValue, StreamUrl}. Forgets sessions that ended long ago and those that
// nobody connected to.
Json StartSession(Cloud& cloud, Store::Transaction& txn, SessionTemplate from);

bool IsOver(const Json& session);
// Sets Status, and EndDate when it is over.
void SetStatus(Json& session, std::string_view status, double now);

}  // namespace adhoc::localcloud::ssm
