#include "localcloud/session/ssm_server.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <thread>

#include "base/sync.h"
#include "localcloud/scheduler/documents.h"
#include "net/ssm_channel.h"
#include "testing/fake_clock.h"
#include "testing/fake_random.h"
#include "testing/fake_runtime.h"

namespace adhoc::localcloud {
namespace {

using net::SsmPayload;

TEST(SplitCommandTest, SplitsAsAShellDoes) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {"/bin/bash", {"/bin/bash"}},
      {"  ls   -l\t/tmp ", {"ls", "-l", "/tmp"}},
      {"bash -c 'echo \"$HOME\" | wc'", {"bash", "-c", "echo \"$HOME\" | wc"}},
      {R"(echo "a \"b\" $c" d\ e '' f"g"'h')", {"echo", "a \"b\" $c", "d e", "", "fgh"}},
  };
  for (const auto& [command, words] : cases) EXPECT_EQ(SplitCommand(command), words) << command;
  EXPECT_THROW(SplitCommand("echo 'open"), Error);
  EXPECT_THROW(SplitCommand("  "), Error);
}

TEST(ExecSessionIdTest, IsTheLastPartOfTheDataChannelsPath) {
  EXPECT_EQ(ExecSessionId("/v1/data-channel/ecs-execute-command-1"), "ecs-execute-command-1");
  EXPECT_EQ(ExecSessionId("/v1/control-channel/x"), "");
}

// One end of a connection in memory.
class FakeSocket : public net::WebSocket {
 public:
  struct Queue {
    std::deque<Message> messages;
    bool closed = false;
  };
  struct Wire {
    Sync<Queue> queues[2];
    std::condition_variable_any changed;
  };

  FakeSocket(Wire& wire, int side) : wire_(wire), side_(side) {}

  std::optional<Message> Read() override {
    auto queue = wire_.queues[side_].lock();
    queue.Wait(wire_.changed, std::stop_token(), [&] { return queue->closed || !queue->messages.empty(); });
    if (queue->messages.empty()) return std::nullopt;
    Message message = std::move(queue->messages.front());
    queue->messages.pop_front();
    return message;
  }
  bool Write(const Message& message) override {
    auto queue = wire_.queues[1 - side_].lock();
    if (queue->closed) return false;
    queue->messages.push_back(message);
    wire_.changed.notify_all();
    return true;
  }
  void Close() override {
    for (auto& side : wire_.queues) side.lock()->closed = true;
    wire_.changed.notify_all();
  }

 private:
  Wire& wire_;
  const int side_;
};

class ExecSessionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    runtime_.AddImage("backend:1", testing::FakeProcess{.exec = [this](const ExecSpec& spec) {
                        spec_ = spec;
                        return ExecResult{.exit_code = exit_code_, .output = "hello\r\n", .timed_out = false};
                      }});
    ContainerSpec spec;
    spec.name = "web";
    spec.image = "backend:1";
    container_ = runtime_.Create(spec);
    runtime_.Start(container_);
    auto txn = store_.Begin();
    txn->Put(ecs::kExecSessions, "session-1",
             {{"runtime", container_}, {"command", "bash -l"}, {"token", "secret"}, {"created_at", 0}});
    txn->Commit();
  }

  struct Outcome {
    std::string output;
    std::string exit_code;
    std::string closing;
    bool handshake_complete = false;
  };

  // Connects as the plugin does and reads until the connection ends.
  Outcome Connect(const std::string& token) {
    FakeSocket::Wire wire;
    FakeSocket agent_end(wire, 0);
    FakeSocket client_end(wire, 1);
    std::jthread server([&] { ServeExecSession(cloud_, "session-1", agent_end); });
    net::SsmChannel channel(net::kSsmInput, RealClock(), random_, [&](const std::string& bytes) {
      return client_end.Write({.binary = true, .data = bytes});
    });
    client_end.Write({.binary = false, .data = Json{{"MessageSchemaVersion", "1.0"}, {"TokenValue", token}}.dump()});
    Outcome outcome;
    while (const auto message = client_end.Read()) {
      for (const auto& frame : channel.Receive(message->data)) {
        if (frame.type == net::kSsmChannelClosed) {
          outcome.closing = Json::parse(frame.payload).value("Output", "");
          continue;
        }
        if (frame.payload_type == SsmPayload::kHandshakeRequest) {
          channel.Send(SsmPayload::kSize, R"({"cols":100,"rows":40})");
          channel.Send(
              SsmPayload::kHandshakeResponse,
              R"({"ClientVersion":"1.2.0.0","ProcessedClientActions":[{"ActionType":"SessionType","ActionStatus":1}]})");
        }
        outcome.handshake_complete = outcome.handshake_complete || frame.payload_type == SsmPayload::kHandshakeComplete;
        if (frame.payload_type == SsmPayload::kOutput) outcome.output += frame.payload;
        if (frame.payload_type == SsmPayload::kExitCode) outcome.exit_code = frame.payload;
      }
    }
    return outcome;
  }

  int exit_code_ = 0;
  ExecSpec spec_;
  testing::FakeClock clock_;
  testing::FakeRandom random_;
  testing::FakeRuntime runtime_{clock_};
  Store store_{":memory:"};
  LogStore logs_{":memory:"};
  Cloud cloud_{
      .settings = {}, .store = store_, .logs = logs_, .clock = RealClock(), .random = random_, .runtime = runtime_};
  std::string container_;
};

TEST_F(ExecSessionTest, RunsTheCommandInATerminalAndTellsItsOutputAndExitCode) {
  exit_code_ = 3;
  const Outcome outcome = Connect("secret");
  EXPECT_TRUE(outcome.handshake_complete);
  EXPECT_EQ(outcome.output, "hello\r\n");
  EXPECT_EQ(outcome.exit_code, "3");
  EXPECT_EQ(outcome.closing, "exit status 3");
  EXPECT_EQ(spec_.argv, (std::vector<std::string>{"bash", "-l"}));
  EXPECT_TRUE(spec_.tty);
  EXPECT_EQ(spec_.user, "0");
  EXPECT_EQ(spec_.columns, 100);
  EXPECT_EQ(spec_.rows, 40);
}

TEST_F(ExecSessionTest, SaysNothingMoreWhenTheCommandSucceeded) {
  const Outcome outcome = Connect("secret");
  EXPECT_EQ(outcome.exit_code, "0");
  EXPECT_EQ(outcome.closing, "");
}

TEST_F(ExecSessionTest, AWrongTokenOrAUsedSessionIsRefused) {
  EXPECT_FALSE(Connect("guess").handshake_complete);
  EXPECT_TRUE(Connect("secret").handshake_complete);
  EXPECT_FALSE(Connect("secret").handshake_complete);
}

TEST_F(ExecSessionTest, AContainerThatHasEndedIsToldInTheTerminal) {
  runtime_.EndProcess(container_, 0);
  const Outcome outcome = Connect("secret");
  EXPECT_FALSE(outcome.output.empty());
  EXPECT_EQ(outcome.exit_code, "127");
}

}  // namespace
}  // namespace adhoc::localcloud
