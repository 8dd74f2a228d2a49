// A session that forwards connections to a port, multiplexed with smux where the client can (1.1.70 and later), else
// one after the other.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "base/sync.h"
#include "localcloud/session/agent_session.h"
#include "localcloud/session/task_dialer.h"
#include "net/smux.h"

namespace adhoc::localcloud {

class PortWork final : public SessionWork {
 public:
  PortWork(Cloud& cloud, PortTarget target, int local_port, Dialer dial);
  ~PortWork() override;

  std::string type() const override { return "Port"; }
  Json properties() const override;
  void Start(AgentSession& session, const std::string& client_version) override;
  void OnData(net::SsmPayload type, const std::string& payload) override;
  std::string gone() override;
  void Interrupt() override;
  void End() override;

 private:
  struct Connection {
    std::shared_ptr<std::atomic<bool>> ended;
    std::jthread thread;
  };

  void Accept(std::unique_ptr<net::RawConnection> stream);
  // Nothing, after telling the client, when it cannot be reached.
  std::unique_ptr<net::RawConnection> Dial();
  std::shared_ptr<net::RawConnection> DialOnly();
  void CloseOnly();

  Cloud& cloud_;
  const PortTarget target_;
  const int local_port_;
  const Dialer dial_;
  AgentSession* session_ = nullptr;  // set by Start
  bool multiplexed_ = true;          // set by Start
  net::SmuxSession smux_;
  std::list<Connection> connections_;               // of the reading thread
  Sync<std::shared_ptr<net::RawConnection>> only_;  // without multiplexing: the connection of the moment
  std::jthread only_reader_;
};

}  // namespace adhoc::localcloud
