// The client's half of a Session Manager session, whatever the session is for: it opens the data channel, answers the
// agent's handshake, and goes on with the session when the connection breaks.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "base/sync.h"
#include "net/http_server.h"
#include "net/ssm_channel.h"

namespace adhoc::net {

// Agents before 3.1.1511.0, and clients up to 1.2.331.0, send smux keep-alives in port sessions.
inline constexpr std::string_view kSsmClientVersion = "1.2.707.0";

// Whether `version` is later than `than`, number by number; false when one of them is no version.
bool IsLaterVersion(std::string_view version, std::string_view than);

struct SsmConnection {
  std::unique_ptr<WebSocket> socket;
  std::string token;
};

// Thread-safe, but Run is called once.
class SsmClient {
 public:
  // What the agent's handshake says.
  struct Session {
    std::string type = "Standard_Stream";  // also of agents that begin without a handshake
    Json properties = Json::object();
    std::string agent_version;
  };
  // Called on Run's thread.
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void OnReady(const Session& session) = 0;
    virtual void OnData(SsmPayload type, const std::string& payload) = 0;
  };
  // Makes the next connection when one broke (ssm ResumeSession). Throws Error when that is not possible now.
  using Resume = std::function<SsmConnection()>;

  SsmClient(SsmConnection connection, Clock& clock, Random& random, Resume resume = nullptr);
  ~SsmClient();

  // Until the session is over: returns the agent's closing words, which are empty when there is nothing to say, and
  // after Terminate. Nothing when the connection broke for good.
  std::optional<std::string> Run(Handler& handler);
  // As SsmChannel's. While a connection is being made again, messages wait.
  bool Send(SsmPayload type, std::string_view payload);
  bool SendBulk(SsmPayload type, std::string_view payload);  // not on Run's thread
  void Terminate();

 private:
  bool Write(const std::string& bytes);
  void Open(SsmConnection connection);
  bool Reconnect();
  void Handle(const SsmFrame& frame, Handler& handler);
  Session AnswerHandshake(const std::string& request);
  void BeReady(Handler& handler);

  Clock& clock_;
  Random& random_;
  const Resume resume_;
  const std::string client_id_;
  Sync<std::shared_ptr<WebSocket>> socket_;
  SsmChannel channel_;
  std::stop_source over_;
  // Of Run's thread.
  Session session_;
  bool ready_ = false;
  std::optional<std::string> closed_;
};

}  // namespace adhoc::net
