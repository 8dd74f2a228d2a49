// The agent's side of Session Manager: what AWS's session-manager-plugin, `adhoc exec` and `adhoc forward` talk to on
// /v1/data-channel/<session id>.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/sync.h"
#include "localcloud/cloud.h"
#include "localcloud/session/agent_session.h"
#include "localcloud/session/task_dialer.h"
#include "net/http_server.h"

namespace adhoc::localcloud {

// Thread-safe.
class SsmServer {
 public:
  // `patience`: how long a session waits for its client after a connection broke.
  SsmServer(Cloud& cloud, Dialer dial, std::chrono::milliseconds patience = std::chrono::seconds(60));

  // Sessions of a server that was killed are over; call it before any is served.
  void EndEarlierSessions();
  // Serves a session's connection until the session ends or goes on with another connection; returns at once when there
  // is no such session or the token is wrong. A token is good once. Call it on a thread of its own.
  void Serve(const std::string& session_id, net::WebSocket& socket);
  // Ends all sessions, and refuses new ones.
  void Stop();

 private:
  using Live = std::map<std::string, std::shared_ptr<AgentSession>>;

  std::unique_ptr<SessionWork> MakeWork(const Json& session) const;

  Cloud& cloud_;
  const Dialer dial_;
  const std::chrono::milliseconds patience_;
  Sync<Live> live_;
  std::stop_source stop_;
};

// The session's id from the path of an upgrade request, or empty.
std::string SessionIdOf(std::string_view path);

}  // namespace adhoc::localcloud
