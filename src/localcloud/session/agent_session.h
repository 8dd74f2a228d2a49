// The agent's half of a Session Manager session, whatever the session is for: the handshake, the connections that it
// lives on one after the other, and its end.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/sync.h"
#include "localcloud/cloud.h"
#include "net/http_server.h"
#include "net/ssm_channel.h"

namespace adhoc::localcloud {

inline constexpr std::string_view kAgentVersion = "3.2.0.0";

class AgentSession;

// What a session does. Made before Run, and called by it.
class SessionWork {
 public:
  virtual ~SessionWork() = default;
  virtual std::string type() const = 0;  // Standard_Stream, Port
  virtual Json properties() const { return Json::object(); }
  // The handshake is complete. Must not block: it is the thread that takes acknowledgements.
  virtual void Start(AgentSession& session, const std::string& client_version) = 0;
  virtual void OnData(net::SsmPayload type, const std::string& payload) = 0;
  // Whether the session has lost what it is about; asked now and then.
  virtual std::string gone() { return ""; }
  // The session is over: whatever blocks, ends. From any thread, also before Start.
  virtual void Interrupt() = 0;
  // After Interrupt. Returns when no thread of the work uses the session any more.
  virtual void End() = 0;
};

// Thread-safe, but Run is called once.
class AgentSession {
 public:
  // `patience`: how long a session waits for its client after a connection broke.
  AgentSession(Cloud& cloud, std::string id, std::chrono::milliseconds patience);

  // Serves until the session is over. `first` is not used after it returned.
  void Run(net::WebSocket& first, SessionWork& work, std::stop_token stop);
  // Goes on with a connection that the client made after another one broke; returns when the session is through with
  // it.
  void Continue(net::WebSocket& next);

  // ---- For the work. SendBulk and Finish not on the thread that calls its OnData.
  bool Send(net::SsmPayload type, std::string_view payload) { return channel_.Send(type, payload); }
  bool SendBulk(net::SsmPayload type, std::string_view payload) { return channel_.SendBulk(type, payload); }
  // Ends the session with these closing words, after what was sent before is there.
  void Finish(const std::string& output);

 private:
  struct Connections {
    std::shared_ptr<net::WebSocket> current;  // its deleter tells who lent it that it is free
    bool over = false;
  };

  bool Write(const std::string& bytes);
  std::shared_ptr<net::WebSocket> AwaitConnection(std::stop_token stop);
  void Lose(const std::shared_ptr<net::WebSocket>& connection);
  void GoOver();
  void Serve(std::stop_token stop);
  bool Handle(const net::SsmFrame& frame);
  void Watch(std::stop_token stop);
  void TellStatus(bool over = false);

  Cloud& cloud_;
  const std::string id_;
  const std::chrono::milliseconds patience_;
  net::SsmChannel channel_;
  Sync<Connections> connections_;
  struct Telling {};
  Sync<Telling> telling_;  // held while writing the status, so that the last one to be written is true
  std::condition_variable_any changed_;
  SessionWork* work_ = nullptr;  // from Run's beginning
  TimePoint started_at_;
  bool ready_ = false;
};

}  // namespace adhoc::localcloud
