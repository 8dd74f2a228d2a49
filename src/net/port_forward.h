// The client's half of a port session: connections to a port of this machine continue at the port that the session was
// started for. Several at a time where the agent multiplexes (those later than 3.0.196.0), else one after the other.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/sync.h"
#include "net/smux.h"
#include "net/ssm_client.h"
#include "net/tcp.h"

namespace adhoc::net {

class PortForward final : private SsmClient::Handler {
 public:
  // Called on threads of the session.
  struct Observer {
    std::function<void(bool multiplexed)> on_ready;  // connections are taken from now on
    std::function<void()> on_refused;                // a connection was taken, but nothing answered at the other end
  };

  PortForward(SsmClient& client, TcpListener& listener, Observer observer, Clock& clock);
  ~PortForward() override;

  // Until the session is over, or `stop`. As SsmClient::Run, but empty when stopped. Throws Error when this is no port
  // session.
  std::optional<std::string> Run(std::stop_token stop);

 private:
  struct Connection {
    std::shared_ptr<std::atomic<bool>> ended;
    std::jthread thread;
  };

  void OnReady(const SsmClient::Session& session) override;
  void OnData(SsmPayload type, const std::string& payload) override;
  void AcceptSeveral(std::stop_token stop);
  void AcceptOneByOne(std::stop_token stop);
  void End();

  SsmClient& client_;
  TcpListener& listener_;
  const Observer observer_;
  Clock& clock_;
  bool multiplexed_ = true;  // set by OnReady
  SmuxSession smux_;
  Sync<std::shared_ptr<RawConnection>> only_;  // without multiplexing: the connection of the moment
  std::list<Connection> connections_;          // of the accepting thread
  std::jthread acceptor_;
  std::jthread keeper_;
};

}  // namespace adhoc::net
