// A session that is a terminal in a container: ECS Exec, and StartSession without a document.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "localcloud/runtime/runtime.h"
#include "localcloud/session/agent_session.h"

namespace adhoc::localcloud {

// As AWS's agent it runs the command without a shell, tells no exit code, and why a command cannot be started in the
// Output of channel_closed.
class ShellWork final : public SessionWork {
 public:
  ShellWork(Cloud& cloud, std::string container, std::string command);

  std::string type() const override { return "Standard_Stream"; }
  void Start(AgentSession& session, const std::string& client_version) override;
  void OnData(net::SsmPayload type, const std::string& payload) override;
  void Interrupt() override;
  void End() override;

 private:
  void Resize();

  Cloud& cloud_;
  const std::string container_;
  const std::string command_;
  int columns_ = 0;
  int rows_ = 0;
  std::unique_ptr<ExecSession> exec_;  // made by Start before `output_` begins
  std::atomic<ExecSession*> running_ = nullptr;
  std::jthread output_;
};

// Splits a command as a POSIX shell splits words: quotes and backslashes, nothing else. Throws Error for an open quote.
std::vector<std::string> SplitCommand(std::string_view command);

}  // namespace adhoc::localcloud
