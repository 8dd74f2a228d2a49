#include "localcloud/session/ssm_server.h"

#include <gtest/gtest.h>

#include <thread>

#include "localcloud/api/ssm.h"
#include "localcloud/session/shell_work.h"
#include "net/ssm_channel.h"
#include "testing/fake_clock.h"
#include "testing/fake_random.h"
#include "testing/fake_runtime.h"
#include "testing/fake_socket.h"

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

TEST(SessionIdTest, IsTheLastPartOfTheDataChannelsPath) {
  EXPECT_EQ(SessionIdOf("/v1/data-channel/ecs-execute-command-1"), "ecs-execute-command-1");
  EXPECT_EQ(SessionIdOf("/v1/control-channel/x"), "");
}

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
    txn->Put(ssm::kSessions, "session-1",
             {{"Status", "Connecting"},
              {"_kind", ssm::kShell},
              {"_runtime", container_},
              {"_command", "bash -l"},
              {"_token", "secret"}});
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
    testing::FakeSocket::Wire wire;
    testing::FakeSocket agent_end(wire, 0);
    testing::FakeSocket client_end(wire, 1);
    std::jthread serving([&] { server_.Serve("session-1", agent_end); });
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
  MetricStore metrics_{":memory:"};
  Cloud cloud_{.settings = {},
               .store = store_,
               .logs = logs_,
               .metrics = metrics_,
               .clock = RealClock(),
               .random = random_,
               .runtime = runtime_};
  SsmServer server_{cloud_, nullptr};
  std::string container_;
};

TEST_F(ExecSessionTest, RunsTheCommandInATerminalAndTellsItsOutput) {
  exit_code_ = 3;
  const Outcome outcome = Connect("secret");
  EXPECT_TRUE(outcome.handshake_complete);
  EXPECT_EQ(outcome.output, "hello\r\n");
  EXPECT_EQ(outcome.exit_code, "") << "AWS's agent does not tell it either";
  EXPECT_EQ(outcome.closing, "");
  EXPECT_EQ(spec_.argv, (std::vector<std::string>{"bash", "-l"}));
  EXPECT_TRUE(spec_.tty);
  EXPECT_EQ(spec_.user, "0");
  EXPECT_EQ(spec_.columns, 100);
  EXPECT_EQ(spec_.rows, 40);
}

TEST_F(ExecSessionTest, AWrongTokenOrAUsedSessionIsRefused) {
  EXPECT_FALSE(Connect("guess").handshake_complete);
  EXPECT_TRUE(Connect("secret").handshake_complete);
  EXPECT_FALSE(Connect("secret").handshake_complete);
}

TEST_F(ExecSessionTest, WhyACommandCannotBeStartedIsInTheClosingWords) {
  runtime_.EndProcess(container_, 0);
  const Outcome outcome = Connect("secret");
  EXPECT_EQ(outcome.output, "");
  EXPECT_TRUE(outcome.closing.starts_with("Unable to start command: ")) << outcome.closing;
}

}  // namespace
}  // namespace adhoc::localcloud
