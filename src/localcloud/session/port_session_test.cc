// Both halves of a port session: the local cloud's agent and the client that `adhoc forward` is made of, over a
// websocket in memory and TCP on the loopback interface.
#include <gtest/gtest.h>

#include <condition_variable>
#include <list>
#include <thread>

#include "base/error.h"
#include "localcloud/api/ssm.h"
#include "localcloud/scheduler/documents.h"
#include "localcloud/session/ssm_server.h"
#include "net/port_forward.h"
#include "net/ssm_client.h"
#include "net/tcp.h"
#include "testing/fake_clock.h"
#include "testing/fake_random.h"
#include "testing/fake_runtime.h"
#include "testing/fake_socket.h"

namespace adhoc::localcloud {
namespace {

using namespace std::chrono_literals;
using testing::FakeSocket;

// Answers each connection with what it sends, and ends when the client has.
class EchoServer {
 public:
  EchoServer()
      : thread_([this](std::stop_token stop) {
          while (const std::shared_ptr<net::RawConnection> connection = listener_.Accept(stop)) {
            ++accepted_;
            connections_.emplace_back([connection](std::stop_token stopped) {
              const std::stop_callback close(stopped, [&] { connection->Close(); });
              while (true) {
                const std::string data = connection->ReadSome();
                if (data.empty() || !connection->Write(data)) break;
              }
              connection->CloseWrite();
            });
          }
        }) {}
  int port() const { return listener_.port(); }
  int accepted() const { return accepted_; }

 private:
  net::TcpListener listener_{"127.0.0.1", 0};
  std::atomic<int> accepted_ = 0;
  std::list<std::jthread> connections_;
  std::jthread thread_;
};

std::string ReadAll(net::RawConnection& connection) {
  std::string all;
  for (std::string data = connection.ReadSome(); !data.empty(); data = connection.ReadSome()) all += data;
  return all;
}

class PortSessionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto txn = store_.Begin();
    txn->Put(ecs::kTasks, "alpha/1",
             {{"containers", Json::array({{{"_id", "container-1"}, {"lastStatus", "RUNNING"}}})}});
    txn->Put(ssm::kSessions, "session-1",
             {{"Status", "Connecting"},
              {"_kind", ssm::kPort},
              {"_task", "alpha/1"},
              {"_runtime", "container-1"},
              {"_host", "database.example"},
              {"_port", 5432},
              {"_local_port", 15432},
              {"_token", "secret"}});
    txn->Commit();
  }

  void TearDown() override {
    Stop();
    server_.Stop();
  }

  // A connection of its own to the agent, as a client makes one.
  net::SsmConnection Connect(const std::string& token) {
    wires_.emplace_back();
    FakeSocket::Wire& wire = wires_.back();
    agents_.emplace_back([this, &wire] {
      FakeSocket agent_end(wire, 0);
      server_.Serve("session-1", agent_end);
      agent_end.Close();
    });
    return {.socket = std::make_unique<FakeSocket>(wire, 1), .token = token};
  }

  // Starts to forward and waits until connections are taken.
  void Forward(net::SsmClient::Resume resume = nullptr) {
    client_ = std::make_unique<net::SsmClient>(Connect("secret"), RealClock(), random_, std::move(resume));
    forward_ = std::make_unique<net::PortForward>(*client_, listener_,
                                                  net::PortForward::Observer{.on_ready = [this](bool) { Note(ready_); },
                                                                             .on_refused = [this] { Note(refused_); }},
                                                  RealClock());
    runner_ = std::jthread([this](std::stop_token stop) { closing_ = forward_->Run(stop); });
    Await(ready_);
  }

  // Ctrl-C.
  void Stop() {
    runner_.request_stop();
    if (runner_.joinable()) runner_.join();
  }

  std::unique_ptr<net::RawConnection> Open() { return net::ConnectTcp("127.0.0.1", listener_.port(), 5s); }

  void Note(Sync<bool>& what) {
    *what.lock() = true;
    noted_.notify_all();
  }
  void Await(Sync<bool>& what) {
    auto state = what.lock();
    ASSERT_TRUE(state.WaitUntil(noted_, {}, std::chrono::steady_clock::now() + 20s, [&] { return *state; }));
  }
  std::string Status() {
    auto txn = store_.Begin();
    return txn->Find(ssm::kSessions, "session-1")->value("Status", "");
  }

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
  EchoServer echo_;
  std::atomic<bool> reachable_ = true;
  SsmServer server_{cloud_, [this](const PortTarget& target) {
                      EXPECT_EQ(target.host, "database.example");
                      EXPECT_EQ(target.port, 5432);
                      if (!reachable_) throw Error("cannot connect to database.example:5432: connection refused");
                      return net::ConnectTcp("127.0.0.1", echo_.port(), 5s);
                    }};
  std::list<FakeSocket::Wire> wires_;
  std::list<std::jthread> agents_;
  net::TcpListener listener_{"127.0.0.1", 0};
  std::condition_variable_any noted_;
  Sync<bool> ready_{false};
  Sync<bool> refused_{false};
  std::unique_ptr<net::SsmClient> client_;
  std::unique_ptr<net::PortForward> forward_;
  std::optional<std::string> closing_;
  std::jthread runner_;
};

TEST_F(PortSessionTest, ForwardsSeveralConnectionsAtATime) {
  Forward();
  EXPECT_EQ(Status(), "Connected");
  const auto one = Open();
  const auto two = Open();
  EXPECT_TRUE(two->Write("two"));
  EXPECT_EQ(two->ReadSome(), "two");
  EXPECT_TRUE(one->Write("one"));
  EXPECT_EQ(one->ReadSome(), "one");
  one->CloseWrite();
  EXPECT_EQ(one->ReadSome(), "") << "the server's end arrives";
  EXPECT_TRUE(two->Write("still"));
  EXPECT_EQ(two->ReadSome(), "still");
  EXPECT_EQ(echo_.accepted(), 2);
  Stop();
  EXPECT_EQ(two->ReadSome(), "") << "Ctrl-C ends what is open";
  EXPECT_EQ(closing_, "");
  agents_.clear();
  EXPECT_EQ(Status(), "Terminated");
}

TEST_F(PortSessionTest, CarriesMoreThanAllWindowsTogether) {
  Forward();
  const auto connection = Open();
  std::string sent;
  for (int i = 0; i < 8 << 20; ++i) sent += static_cast<char>(i * 2654435761U >> 13);
  std::jthread writer([&] {
    connection->Write(sent);
    connection->CloseWrite();
  });
  EXPECT_TRUE(ReadAll(*connection) == sent);
}

TEST_F(PortSessionTest, TellsWhenNothingAnswersAtTheOtherEnd) {
  Forward();
  reachable_ = false;
  const auto connection = Open();
  EXPECT_EQ(connection->ReadSome(), "");
  Await(refused_);
  reachable_ = true;
  const auto next = Open();
  EXPECT_TRUE(next->Write("again"));
  EXPECT_EQ(next->ReadSome(), "again");
}

TEST_F(PortSessionTest, EndsWithTheTask) {
  Forward();
  {
    auto txn = store_.Begin();
    txn->Edit(ecs::kTasks, "alpha/1")["containers"][0]["lastStatus"] = "STOPPED";
    txn->Commit();
  }
  runner_.join();
  EXPECT_EQ(closing_, "the task alpha/1 has stopped");
}

TEST_F(PortSessionTest, EndsWhenSomebodyTerminatesIt) {
  Forward();
  {
    auto txn = store_.Begin();
    txn->Edit(ssm::kSessions, "session-1")["Status"] = "Terminating";
    txn->Commit();
  }
  runner_.join();
  EXPECT_EQ(closing_, "");
  agents_.clear();
  EXPECT_EQ(Status(), "Terminated");
}

TEST_F(PortSessionTest, GoesOnWithAnotherConnectionWhenOneBreaks) {
  int resumed = 0;
  Forward([&] {
    ++resumed;
    auto txn = store_.Begin();
    txn->Edit(ssm::kSessions, "session-1")["_token"] = "next";
    txn->Commit();
    return Connect("next");
  });
  const auto connection = Open();
  EXPECT_TRUE(connection->Write("before"));
  EXPECT_EQ(connection->ReadSome(), "before");
  FakeSocket(wires_.front(), 0).Close();
  EXPECT_TRUE(connection->Write("after"));
  EXPECT_EQ(connection->ReadSome(), "after");
  EXPECT_EQ(resumed, 1);
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (Status() != "Connected" && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(Status(), "Connected");
}

TEST_F(PortSessionTest, TriesAgainWhenThereIsNoOtherConnectionAtFirst) {
  int asked = 0;
  Forward([&] {
    if (++asked < 3) throw Error("cannot reach the service");
    auto txn = store_.Begin();
    txn->Edit(ssm::kSessions, "session-1")["_token"] = "next";
    txn->Commit();
    return Connect("next");
  });
  const auto connection = Open();
  EXPECT_TRUE(connection->Write("before"));
  EXPECT_EQ(connection->ReadSome(), "before");
  FakeSocket(wires_.front(), 0).Close();
  EXPECT_TRUE(connection->Write("after"));
  EXPECT_EQ(connection->ReadSome(), "after");
  EXPECT_EQ(asked, 3);
}

TEST_F(PortSessionTest, IsCutOffWhereNoConnectionCanFollow) {
  Forward();
  FakeSocket(wires_.front(), 0).Close();
  runner_.join();
  EXPECT_EQ(closing_, std::nullopt);
}

// An agent that carries one connection at a time, its bytes as they are.
TEST_F(PortSessionTest, OldAgentsGetOneConnectionAfterTheOther) {
  FakeSocket::Wire& wire = wires_.emplace_back();
  FakeSocket agent_end(wire, 0);
  net::SsmChannel agent(net::kSsmOutput, RealClock(), random_,
                        [&](const std::string& bytes) { return agent_end.Write({.binary = true, .data = bytes}); });
  agent.Send(net::SsmPayload::kHandshakeRequest,
             R"({"AgentVersion": "3.0.196.0", "RequestedClientActions": [
                  {"ActionType": "SessionType", "ActionParameters": {"SessionType": "Port", "Properties": {}}}]})");
  agent.Send(net::SsmPayload::kHandshakeComplete, "{}");
  const auto await = [&](net::SsmPayload type) {
    while (const auto message = agent_end.Read()) {
      if (!message->binary) continue;
      for (const auto& frame : agent.Receive(message->data)) {
        if (frame.payload_type == type) return frame.payload;
      }
    }
    return std::string();
  };
  client_ = std::make_unique<net::SsmClient>(
      net::SsmConnection{.socket = std::make_unique<FakeSocket>(wire, 1), .token = "secret"}, RealClock(), random_);
  bool multiplexed = true;
  const net::PortForward::Observer observer{.on_ready = [&](bool can) {
    multiplexed = can;
    Note(ready_);
  }};
  forward_ = std::make_unique<net::PortForward>(*client_, listener_, observer, RealClock());
  runner_ = std::jthread([this](std::stop_token stop) { closing_ = forward_->Run(stop); });
  await(net::SsmPayload::kHandshakeResponse);
  Await(ready_);
  EXPECT_FALSE(multiplexed);
  for (const char* text : {"first", "second"}) {
    const auto connection = Open();
    EXPECT_TRUE(connection->Write(text));
    EXPECT_EQ(await(net::SsmPayload::kOutput), text) << "as it is";
    agent.Send(net::SsmPayload::kOutput, std::string("answer to ") + text);
    EXPECT_EQ(connection->ReadSome(), std::string("answer to ") + text);
    connection->CloseWrite();
    EXPECT_EQ(net::DecodeSsmFlag(await(net::SsmPayload::kFlag)), net::kSsmDisconnectFromPort);
  }
  Stop();
}

// What an old plugin does: one connection at a time, its bytes as they are.
TEST_F(PortSessionTest, ServesClientsThatDoNotMultiplexOneByOne) {
  net::SsmConnection connection = Connect("secret");
  net::SsmChannel channel(net::kSsmInput, RealClock(), random_, [&](const std::string& bytes) {
    return connection.socket->Write({.binary = true, .data = bytes});
  });
  connection.socket->Write({.binary = false, .data = Json{{"TokenValue", "secret"}}.dump()});
  const auto await = [&](net::SsmPayload type) {
    while (const auto message = connection.socket->Read()) {
      for (const auto& frame : channel.Receive(message->data)) {
        if (frame.payload_type == type) return frame.payload;
      }
    }
    return std::string();
  };
  const Json request = Json::parse(await(net::SsmPayload::kHandshakeRequest));
  const Json parameters = request["RequestedClientActions"][0]["ActionParameters"];
  EXPECT_EQ(parameters["SessionType"], "Port");
  EXPECT_EQ(parameters["Properties"], (Json{{"portNumber", "5432"},
                                            {"localPortNumber", "15432"},
                                            {"type", "LocalPortForwarding"},
                                            {"host", "database.example"}}));
  channel.Send(net::SsmPayload::kHandshakeResponse, R"({"ClientVersion":"1.1.50.0"})");
  await(net::SsmPayload::kHandshakeComplete);
  for (const char* text : {"first", "second"}) {
    channel.Send(net::SsmPayload::kOutput, text);
    EXPECT_EQ(await(net::SsmPayload::kOutput), text);
    channel.Send(net::SsmPayload::kFlag, net::EncodeSsmFlag(net::kSsmDisconnectFromPort));
  }
  channel.Send(net::SsmPayload::kFlag, net::EncodeSsmFlag(net::kSsmTerminateSession));
  agents_.clear();
  EXPECT_EQ(echo_.accepted(), 2);
}

}  // namespace
}  // namespace adhoc::localcloud
