#include "net/dns_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "net/tcp.h"

namespace adhoc::net {
namespace {

// A message as far as the server looks: an id, the bit of an answer, something.
std::string Query(const std::string& text) { return std::string("\x12\x34\x01\x00\0\0\0\0\0\0\0\0", 12) + text; }
std::string Reply(const std::string& text) { return std::string("\x12\x34\x81\x00\0\0\0\0\0\0\0\0", 12) + text; }

// One datagram there, one back; empty when the server refuses or says nothing for a second.
std::string AskUdp(int port, const std::string& query) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(static_cast<std::uint16_t>(port))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval timeout{.tv_sec = 1};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  std::string answer(70000, '\0');
  ssize_t size = -1;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
      ::send(fd, query.data(), query.size(), 0) >= 0) {
    size = ::recv(fd, answer.data(), answer.size(), 0);
  }
  ::close(fd);
  answer.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return answer;
}

std::string Framed(const std::string& message) {
  return std::string{static_cast<char>(message.size() >> 8), static_cast<char>(message.size())} + message;
}

std::string ReadExactly(RawConnection& connection, std::size_t size) {
  std::string data;
  while (data.size() < size) {
    const std::string piece = connection.ReadSome();
    if (piece.empty()) break;
    data += piece;
  }
  return data;
}

DnsVerdict Say(std::string reply) { return {.reply = std::move(reply), .question = "", .finish = nullptr}; }

TEST(DnsServer, AnswersOnUdpAndTcpAtOnePort) {
  const DnsServer server({.port = 0}, [](const DnsQuery& query) {
    return Say(Reply(query.local_ip + (query.over_tcp ? " tcp " : " udp ") + query.bytes.substr(12)));
  });
  EXPECT_EQ(AskUdp(server.port(), Query("a")), Reply("127.0.0.1 udp a"));
  const auto connection = ConnectTcp("127.0.0.1", server.port(), std::chrono::seconds(1));
  // Two queries in a row are answered in their order.
  connection->Write(Framed(Query("b")) + Framed(Query("c")));
  const std::string both = Framed(Reply("127.0.0.1 tcp b")) + Framed(Reply("127.0.0.1 tcp c"));
  EXPECT_EQ(ReadExactly(*connection, both.size()), both);
}

TEST(DnsServer, ListensOnFurtherAddresses) {
  DnsServer server({.port = 0}, [](const DnsQuery& query) { return Say(Reply(query.local_ip)); });
  server.AddAddress({.ip = "127.0.0.9", .port = server.port()});
  server.AddAddress({.ip = "127.0.0.9", .port = server.port()});
  const auto connection = ConnectTcp("127.0.0.9", server.port(), std::chrono::seconds(1));
  connection->Write(Framed(Query("")));
  EXPECT_EQ(ReadExactly(*connection, 2 + 12 + 9).substr(14), "127.0.0.9");
}

TEST(DnsServer, SaysWhoHasThePort) {
  const DnsServer first({.port = 0}, [](const DnsQuery&) { return DnsVerdict(); });
  try {
    const DnsServer second({.port = first.port()}, [](const DnsQuery&) { return DnsVerdict(); });
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("address already in use"), std::string::npos) << error.what();
  }
}

DnsServer::Handler AskOthers() {
  return [](const DnsQuery& query) {
    return DnsVerdict{.reply = "", .question = query.bytes, .finish = [](std::string_view answer) {
                        return answer.empty() ? Reply("nobody") : std::string(answer) + "!";
                      }};
  };
}

TEST(DnsServer, AsksResolversTheWayItWasAsked) {
  const DnsServer resolver({.port = 0},
                           [](const DnsQuery& query) { return Say(Reply(query.over_tcp ? "tcp" : "udp")); });
  const DnsServer server({.port = 0}, AskOthers(), [&] {
    // The first one refuses, the second is none.
    return std::vector<DnsAddress>{{.port = 1}, {.ip = "?"}, {.port = resolver.port()}};
  });
  EXPECT_EQ(AskUdp(server.port(), Query("")), Reply("udp!"));
  const auto connection = ConnectTcp("127.0.0.1", server.port(), std::chrono::seconds(1));
  connection->Write(Framed(Query("")));
  EXPECT_EQ(ReadExactly(*connection, 2 + 12 + 4), Framed(Reply("tcp!")));
}

TEST(DnsServer, FinishesWithoutAnAnswerToo) {
  const DnsServer server({.port = 0}, AskOthers(), [] { return std::vector<DnsAddress>{{.port = 1}}; });
  EXPECT_EQ(AskUdp(server.port(), Query("")), Reply("nobody"));
  const DnsServer alone({.port = 0}, AskOthers(), [] { return std::vector<DnsAddress>(); });
  EXPECT_EQ(AskUdp(alone.port(), Query("")), Reply("nobody"));
}

// A datagram that is not the answer to the question (another id, or no answer) is not passed on.
TEST(DnsServer, TakesOnlyTheAnswerToItsQuestion) {
  const DnsServer stranger({.port = 0}, [](const DnsQuery& query) { return Say("xx" + query.bytes.substr(2)); });
  const DnsServer right({.port = 0}, [](const DnsQuery&) { return Say(Reply("right")); });
  const DnsServer server({.port = 0}, AskOthers(), [&] {
    return std::vector<DnsAddress>{{.port = stranger.port()}, {.port = right.port()}};
  });
  const auto connection = ConnectTcp("127.0.0.1", server.port(), std::chrono::seconds(1));
  connection->Write(Framed(Query("")));
  EXPECT_EQ(ReadExactly(*connection, 2 + 12 + 6), Framed(Reply("right!")));
}

TEST(ResolvConf, NamesItsServers) {
  const auto servers =
      ParseResolvConf("# nameserver 9.9.9.9\nsearch x\nnameserver 10.0.0.2\nnameserver\t::1\nnameserver\n");
  ASSERT_EQ(servers.size(), 2u);
  EXPECT_EQ(servers[0].ip, "10.0.0.2");
  EXPECT_EQ(servers[1].ip, "::1");
  EXPECT_EQ(servers[0].port, 53);
}

}  // namespace
}  // namespace adhoc::net
