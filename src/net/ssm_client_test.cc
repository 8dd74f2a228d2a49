#include "net/ssm_client.h"

#include <gtest/gtest.h>

#include <thread>

#include "testing/fake_random.h"
#include "testing/fake_socket.h"

namespace adhoc::net {
namespace {

using testing::FakeSocket;

TEST(IsLaterVersionTest, ComparesNumbers) {
  EXPECT_TRUE(IsLaterVersion("3.0.1390.0", "3.0.196.0"));
  EXPECT_TRUE(IsLaterVersion("3.1", "3.0.196.0"));
  EXPECT_TRUE(IsLaterVersion("10.0.0.0", "9.9.9.9"));
  EXPECT_FALSE(IsLaterVersion("3.0.196.0", "3.0.196.0"));
  EXPECT_FALSE(IsLaterVersion("2.3.722.0", "3.0.196.0"));
  for (const char* nonsense : {"", "three", "3.0.x", "3..0"}) {
    EXPECT_FALSE(IsLaterVersion(nonsense, "0.0.0.0")) << nonsense;
    EXPECT_FALSE(IsLaterVersion("9.0.0.0", nonsense)) << nonsense;
  }
}

// The client, and this test as its agent.
class SsmClientTest : public ::testing::Test, protected SsmClient::Handler {
 protected:
  SsmClientTest() : runner_([this] { closing_ = client_.Run(*this); }) {
    EXPECT_EQ(Json::parse(agent_end_.Read().value().data)["TokenValue"], "secret");
  }

  void OnReady(const SsmClient::Session& session) override { events_ += "ready:" + session.type + " "; }
  void OnData(SsmPayload, const std::string& payload) override { events_ += payload + " "; }

  // The client's next message of this kind.
  std::string Await(SsmPayload type) {
    while (const auto message = agent_end_.Read()) {
      for (const auto& frame : agent_.Receive(message->data)) {
        if (frame.payload_type == type) return frame.payload;
      }
    }
    return "";
  }
  // Ends the session; what was told to the handler before.
  std::string Close() {
    agent_.SendClosed("session-1", "the end");
    runner_.join();
    EXPECT_EQ(closing_, "the end");
    return events_;
  }

  testing::FakeRandom random_;
  FakeSocket::Wire wire_;
  FakeSocket agent_end_{wire_, 0};
  SsmChannel agent_{kSsmOutput, RealClock(), random_,
                    [this](const std::string& bytes) { return agent_end_.Write({.binary = true, .data = bytes}); }};
  SsmClient client_{{.socket = std::make_unique<FakeSocket>(wire_, 1), .token = "secret"}, RealClock(), random_};
  std::string events_;
  std::optional<std::string> closing_;
  std::jthread runner_;
};

TEST_F(SsmClientTest, AnOldAgentBeginsWithoutAHandshake) {
  agent_.Send(SsmPayload::kOutput, "# ");
  agent_.Send(SsmPayload::kOutput, "more");
  EXPECT_EQ(Close(), "ready:Standard_Stream #  more ");
}

TEST_F(SsmClientTest, EncryptionIsDeclinedAndTheSessionsTypeTaken) {
  agent_.Send(SsmPayload::kHandshakeRequest,
              R"({"AgentVersion": "3.2.0.0", "RequestedClientActions": [
                   {"ActionType": "KMSEncryption", "ActionParameters": {"KMSKeyId": "key"}},
                   {"ActionType": "SessionType", "ActionParameters": {"SessionType": "Port", "Properties": {}}}]})");
  const Json actions = Json::parse(Await(SsmPayload::kHandshakeResponse))["ProcessedClientActions"];
  ASSERT_EQ(actions.size(), 2u);
  EXPECT_EQ(actions[0]["ActionType"], "KMSEncryption");
  EXPECT_EQ(actions[0]["ActionStatus"], 3) << "unsupported";
  EXPECT_EQ(actions[1]["ActionType"], "SessionType");
  EXPECT_EQ(actions[1]["ActionStatus"], 1) << "done";
  agent_.Send(SsmPayload::kHandshakeComplete, "{}");
  EXPECT_EQ(Close(), "ready:Port ");
}

}  // namespace
}  // namespace adhoc::net
