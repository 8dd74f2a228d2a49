// `adhoc exec` with the local cloud's agent, which tells no exit code, as AWS's does not, and with agents of this test.
#include "cli/exec_session.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <list>
#include <thread>

#include "base/error.h"
#include "base/process.h"
#include "cli/exit_codes.h"
#include "cli/exit_marks.h"
#include "localcloud/api/ssm.h"
#include "localcloud/session/ssm_server.h"
#include "testing/fake_clock.h"
#include "testing/fake_random.h"
#include "testing/fake_runtime.h"
#include "testing/fake_socket.h"

namespace adhoc::cli {
namespace {

using net::SsmPayload;
using testing::FakeSocket;

// A file in memory that a session writes to.
class Output {
 public:
  ~Output() { close(fd_); }
  int fd() const { return fd_; }
  std::string text() const {
    std::string text(static_cast<std::size_t>(lseek(fd_, 0, SEEK_CUR)), '\0');
    EXPECT_EQ(pread(fd_, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    return text;
  }

 private:
  const int fd_ = memfd_create("output", MFD_CLOEXEC);
};

class ExecTest : public ::testing::Test {
 protected:
  ExecTest() { EXPECT_EQ(pipe(keys_), 0); }
  ~ExecTest() override {
    close(keys_[0]);
    close(keys_[1]);
  }

  // The exit code, or -1 with the error's text in error_.
  int Run(const OpenExec& open, const std::vector<std::string>& command) {
    try {
      return RunInContainer(open, command, random_, {.in = keys_[0], .out = out_.fd(), .err = err_.fd()},
                            stop_.get_token());
    } catch (const Error& error) {
      error_ = error.what();
      hint_ = error.hint();
      return -1;
    }
  }

  std::unique_ptr<net::SsmClient> Connect(const std::function<void(net::WebSocket&)>& agent, const std::string& token) {
    FakeSocket::Wire& wire = wires_.emplace_back();
    agents_.emplace_back([agent, &wire] {
      FakeSocket agent_end(wire, 0);
      agent(agent_end);
      agent_end.Close();
    });
    return std::make_unique<net::SsmClient>(
        net::SsmConnection{.socket = std::make_unique<FakeSocket>(wire, 1), .token = token}, RealClock(), random_);
  }

  testing::FakeRandom random_;
  int keys_[2] = {-1, -1};
  Output out_;
  Output err_;
  std::stop_source stop_;
  std::string error_;
  std::string hint_;
  std::list<FakeSocket::Wire> wires_;
  std::list<std::jthread> agents_;
};

// With the local cloud's agent. What is run in a container is run on this machine.
class ExecInTheLocalCloudTest : public ExecTest {
 protected:
  ExecInTheLocalCloudTest() {
    runtime_.AddImage("backend:1", testing::FakeProcess{.exec = [this](const localcloud::ExecSpec& spec) {
                        if (!has_shell_ && spec.argv[0] == "sh") {
                          throw localcloud::RuntimeError(localcloud::RuntimeErrorKind::kCommandNotFound,
                                                         "exec: \"sh\": executable file not found in $PATH");
                        }
                        const ProcessResult result = RunProcess(spec.argv);
                        return localcloud::ExecResult{.exit_code = result.exit_code, .output = result.out + result.err};
                      }});
    localcloud::ContainerSpec spec;
    spec.name = "web";
    spec.image = "backend:1";
    container_ = runtime_.Create(spec);
    runtime_.Start(container_);
  }

  OpenExec Open() {
    return [this](const std::string& command) {
      const std::string id = "session-" + std::to_string(++opened_);
      auto txn = store_.Begin();
      txn->Put(localcloud::ssm::kSessions, id,
               {{"Status", "Connecting"},
                {"_kind", localcloud::ssm::kShell},
                {"_runtime", container_},
                {"_command", command},
                {"_token", "secret"}});
      txn->Commit();
      return Connect([this, id](net::WebSocket& socket) { server_.Serve(id, socket); }, "secret");
    };
  }

  bool has_shell_ = true;
  int opened_ = 0;
  testing::FakeClock clock_;
  testing::FakeRuntime runtime_{clock_};
  localcloud::Store store_{":memory:"};
  localcloud::LogStore logs_{":memory:"};
  localcloud::MetricStore metrics_{":memory:"};
  localcloud::Cloud cloud_{.settings = {},
                           .store = store_,
                           .logs = logs_,
                           .metrics = metrics_,
                           .clock = RealClock(),
                           .random = random_,
                           .runtime = runtime_};
  localcloud::SsmServer server_{cloud_, nullptr};
  std::string container_;
};

TEST_F(ExecInTheLocalCloudTest, TheExitCodeIsTheCommands) {
  EXPECT_EQ(Run(Open(), {"sh", "-c", "echo out; exit 3"}), 3) << error_;
  EXPECT_EQ(out_.text(), "out\n");
  EXPECT_EQ(Run(Open(), {"true"}), 0) << error_;
  EXPECT_EQ(Run(Open(), {"false"}), 1) << error_;
  EXPECT_EQ(err_.text(), "");
  EXPECT_EQ(opened_, 3) << "one session each";
}

TEST_F(ExecInTheLocalCloudTest, WithoutAShellTheCommandRunsAndItsExitCodeIsSaidToBeUnknown) {
  has_shell_ = false;
  EXPECT_EQ(Run(Open(), {"echo", "hello"}), -1);
  EXPECT_EQ(out_.text(), "hello\n") << "and nothing of the attempt with a shell";
  EXPECT_NE(error_.find("its exit code is not known"), std::string::npos) << error_;
  EXPECT_NE(hint_.find("adhoc run"), std::string::npos);
}

TEST_F(ExecInTheLocalCloudTest, WhyACommandCannotBeStartedIsSaid) {
  has_shell_ = false;
  runtime_.EndProcess(container_, 0);
  EXPECT_EQ(Run(Open(), {"true"}), -1);
  EXPECT_NE(error_.find("the session ended: Unable to start command: "), std::string::npos) << error_;
}

// Agents that this test speaks for.
class ExecWithAnAgentTest : public ExecTest {
 protected:
  // What an agent says after the handshake: payloads, and the closing words.
  struct Script {
    std::vector<std::pair<SsmPayload, std::string>> payloads;
    std::optional<std::string> closing = "";  // nothing: the connection breaks
  };
  // `script` gets the word of the marks; it is empty when the command comes without them.
  OpenExec Agent(const std::function<Script(const std::string& word)>& script) {
    return [this, script](const std::string& command) {
      commands_.push_back(command);
      std::string word;
      if (command.starts_with("'sh' '-c' ")) {
        word = command.substr(command.find("]adhoc;") + 7);
        word.resize(word.find(';'));
      }
      return Connect(
          [this, said = script(word)](net::WebSocket& socket) {
            net::SsmChannel channel(net::kSsmOutput, RealClock(), random_, [&](const std::string& bytes) {
              return socket.Write({.binary = true, .data = bytes});
            });
            channel.Send(SsmPayload::kHandshakeRequest, "{}");
            channel.Send(SsmPayload::kHandshakeComplete, "{}");
            for (const auto& [type, payload] : said.payloads) channel.Send(type, payload);
            while (!channel.idle()) {
              const auto message = socket.Read();
              if (!message) return;
              if (message->binary) channel.Receive(message->data);
            }
            if (said.closing) channel.SendClosed("session-1", *said.closing);
            // The client ends the connection when it has read what is for it.
            while (said.closing && socket.Read()) {
            }
          },
          "secret");
    };
  }
  static std::pair<SsmPayload, std::string> Mark(const std::string& word, const std::string& text) {
    return {SsmPayload::kOutput, "\033]adhoc;" + word + ";" + text + "\a"};
  }

  std::vector<std::string> commands_;
};

TEST_F(ExecWithAnAgentTest, ThatTellsTheExitCodeTheAgentIsRight) {
  const int code = Run(Agent([](const std::string& word) {
                         return Script{{Mark(word, "begin"), Mark(word, "1"), {SsmPayload::kExitCode, "3"}}};
                       }),
                       {"false"});
  EXPECT_EQ(code, 3) << error_;
}

TEST_F(ExecWithAnAgentTest, ItsClosingWordsAreToldOnStderr) {
  const int code = Run(Agent([](const std::string& word) {
                         return Script{{Mark(word, "begin"), {SsmPayload::kOutput, "hello"}, Mark(word, "0")},
                                       "the log group is gone\n"};
                       }),
                       {"true"});
  EXPECT_EQ(code, 0) << error_;
  EXPECT_EQ(out_.text(), "hello");
  EXPECT_EQ(err_.text(), "the log group is gone\n");
}

TEST_F(ExecWithAnAgentTest, ASessionThatEndsBeforeTheCommandIsNoSuccess) {
  // Somebody ended it, or twenty minutes passed without a key.
  EXPECT_EQ(Run(Agent([](const std::string& word) {
                  return Script{{Mark(word, "begin")}, "Session timed out"};
                }),
                {"bash"}),
            -1);
  EXPECT_EQ(error_, "the session ended: Session timed out");
  EXPECT_EQ(Run(Agent([](const std::string& word) { return Script{{Mark(word, "begin")}}; }), {"bash"}), -1);
  EXPECT_EQ(error_, "the session was ended before the command told its exit code");
  EXPECT_EQ(commands_.size(), 2u) << "what began is not begun once more";
}

TEST_F(ExecWithAnAgentTest, WhoseConnectionBreaksNothingIsRunTwice) {
  EXPECT_EQ(Run(Agent([](const std::string&) { return Script{{}, std::nullopt}; }), {"bash"}), -1);
  EXPECT_EQ(error_, "the session was cut off");
  EXPECT_EQ(commands_.size(), 1u);
}

// The closing overtakes what was said before it.
TEST_F(ExecWithAnAgentTest, WhoseFirstMarkIsLostNothingIsRunTwice) {
  EXPECT_EQ(Run(Agent([](const std::string&) { return Script{{}, "Session terminated"}; }), {"bash"}), -1);
  EXPECT_EQ(error_, "the session ended: Session terminated");
  EXPECT_EQ(Run(Agent([](const std::string&) { return Script{}; }), {"bash"}), -1);
  EXPECT_EQ(error_, "the session was ended before the command told its exit code");
  EXPECT_EQ(commands_.size(), 2u);
}

TEST_F(ExecWithAnAgentTest, ThatFindsNoShellTheCommandIsSentAsItIs) {
  const std::string refused = "Unable to start command: Failed to start pty: exec: \"sh\": not found";
  const int code = Run(Agent([&](const std::string& word) {
                         if (!word.empty()) return Script{{{SsmPayload::kExitCode, "127"}}, refused};
                         return Script{{{SsmPayload::kOutput, "hello"}, {SsmPayload::kExitCode, "4"}}};
                       }),
                       {"/app", "it's"});
  EXPECT_EQ(code, 4) << error_;
  EXPECT_EQ(out_.text(), "hello");
  EXPECT_EQ(err_.text(), "") << "nobody has to know";
  ASSERT_EQ(commands_.size(), 2u);
  EXPECT_EQ(commands_[1], R"('/app' 'it'\''s')");
}

TEST_F(ExecWithAnAgentTest, InterruptedItIsNoSuccess) {
  const OpenExec open = Agent([](const std::string& word) { return Script{{Mark(word, "begin")}, std::nullopt}; });
  stop_.request_stop();
  EXPECT_EQ(Run(open, {"bash"}), kInterrupted);
}

}  // namespace
}  // namespace adhoc::cli
