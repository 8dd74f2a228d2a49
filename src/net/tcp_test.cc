#include "net/tcp.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/error.h"

namespace adhoc::net {
namespace {

using namespace std::chrono_literals;

struct Joined {
  TcpListener listener{"127.0.0.1", 0};
  std::unique_ptr<RawConnection> client = ConnectTcp("127.0.0.1", listener.port(), 5s);
  std::unique_ptr<RawConnection> server = listener.Accept({});
};

TEST(TcpTest, CarriesBytesBothWaysUntilEachSideHasFinished) {
  Joined joined;
  EXPECT_TRUE(joined.client->Write("question"));
  joined.client->CloseWrite();
  EXPECT_EQ(joined.server->ReadSome(), "question");
  EXPECT_EQ(joined.server->ReadSome(), "");
  EXPECT_TRUE(joined.server->Write("answer"));
  EXPECT_EQ(joined.client->ReadSome(), "answer");
}

TEST(TcpTest, CloseEndsAReadOnAnotherThread) {
  Joined joined;
  std::jthread closer([&] { joined.client->Close(); });
  EXPECT_EQ(joined.client->ReadSome(), "");
}

TEST(TcpTest, SaysWhyItCannotListenOrConnect) {
  int port = 0;
  {
    const TcpListener listener("127.0.0.1", 0);
    port = listener.port();
    try {
      const TcpListener second("127.0.0.1", port);
      FAIL() << "two listeners on one port";
    } catch (const Error& error) {
      EXPECT_EQ(error.what(), "cannot listen on 127.0.0.1:" + std::to_string(port) + ": address already in use");
    }
  }
  try {
    ConnectTcp("127.0.0.1", port, 1s);
    FAIL() << "nobody listens";
  } catch (const Error& error) {
    EXPECT_EQ(error.what(), "cannot connect to 127.0.0.1:" + std::to_string(port) + ": connection refused");
  }
}

TEST(TcpTest, AcceptEndsWhenStoppedAndWorksAgainAfterwards) {
  TcpListener listener("127.0.0.1", 0);
  std::jthread acceptor([&](std::stop_token stop) { EXPECT_EQ(listener.Accept(stop), nullptr); });
  acceptor.request_stop();
  acceptor.join();
  const auto client = ConnectTcp("127.0.0.1", listener.port(), 5s);
  EXPECT_NE(listener.Accept({}), nullptr);
}

TEST(RelayTest, CopiesBothWaysAndPassesTheEndsOn) {
  Joined left;
  Joined right;
  bool answered = false;
  std::jthread relay([&] { answered = Relay(*left.server, *right.client); });
  EXPECT_TRUE(left.client->Write("ping"));
  left.client->CloseWrite();
  EXPECT_EQ(right.server->ReadSome(), "ping");
  EXPECT_EQ(right.server->ReadSome(), "");
  EXPECT_TRUE(right.server->Write("pong"));
  EXPECT_EQ(left.client->ReadSome(), "pong");
  right.server->CloseWrite();
  EXPECT_EQ(left.client->ReadSome(), "");
  relay.join();
  EXPECT_TRUE(answered);
}

TEST(RelayTest, DoesNotWaitForeverForAnEndThatOnlyListens) {
  Joined left;
  Joined right;
  std::jthread relay([&] { EXPECT_FALSE(Relay(*left.server, *right.client, 20ms)); });
  left.client->CloseWrite();  // and the right one never says anything
  relay.join();
  EXPECT_EQ(right.server->ReadSome(), "");
}

}  // namespace
}  // namespace adhoc::net
