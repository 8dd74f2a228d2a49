#include "localcloud/proxy/http_prober.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <thread>

namespace adhoc::localcloud::proxy {
namespace {

using std::chrono::milliseconds;

// Accepts one connection, reads until the end of the request and answers with these bytes.
class OneShotServer {
 public:
  explicit OneShotServer(std::string answer, bool hang = false) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (bind(fd_, reinterpret_cast<sockaddr*>(&address), length) != 0 || listen(fd_, 4) != 0) abort();
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    if (hang) return;
    thread_ = std::jthread([this, answer = std::move(answer)] {
      const int peer = accept(fd_, nullptr, nullptr);
      char buffer[1024];
      while (request_.find("\r\n\r\n") == std::string::npos) {
        const auto got = recv(peer, buffer, sizeof buffer, 0);
        if (got <= 0) break;
        request_.append(buffer, static_cast<std::size_t>(got));
      }
      for (const char c : answer) send(peer, &c, 1, MSG_NOSIGNAL);  // in the smallest pieces
      close(peer);
    });
  }
  ~OneShotServer() {
    shutdown(fd_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    close(fd_);
  }
  int port() const { return port_; }
  std::string request() {
    thread_.join();
    return request_;
  }

 private:
  int fd_;
  int port_ = 0;
  std::string request_;
  std::jthread thread_;
};

ProbeResult Probe(const ProbeRequest& request) {
  const auto prober = MakeHttpProber();
  std::promise<ProbeResult> promise;
  prober->Probe(request, [&](const ProbeResult& result) { promise.set_value(result); });
  return promise.get_future().get();
}

TEST(HttpProberTest, AsksAsAnAlbDoes) {
  OneShotServer server("HTTP/1.1 204 No Content\r\n\r\n");
  const ProbeResult result =
      Probe({.ip = "127.0.0.1", .port = server.port(), .path = "/health?x=1", .timeout = milliseconds(5000)});
  EXPECT_EQ(result.kind, ProbeResult::Kind::kAnswered);
  EXPECT_EQ(result.status, 204);
  const std::string request = server.request();
  EXPECT_TRUE(
      request.starts_with("GET /health?x=1 HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) + "\r\n"))
      << request;
  EXPECT_NE(request.find("\r\nUser-Agent: ELB-HealthChecker/2.0\r\n"), std::string::npos);
}

TEST(HttpProberTest, ARefusedConnectionFails) {
  int port = 0;
  {
    OneShotServer gone("", true);
    port = gone.port();
  }
  EXPECT_EQ(Probe({.ip = "127.0.0.1", .port = port, .timeout = milliseconds(5000)}).kind, ProbeResult::Kind::kFailed);
  EXPECT_EQ(Probe({.ip = "not an address", .port = port, .timeout = milliseconds(5000)}).kind,
            ProbeResult::Kind::kFailed);
}

TEST(HttpProberTest, SilenceTimesOut) {
  OneShotServer server("", true);
  EXPECT_EQ(Probe({.ip = "127.0.0.1", .port = server.port(), .timeout = milliseconds(50)}).kind,
            ProbeResult::Kind::kTimedOut);
}

TEST(HttpProberTest, SomethingElseThanHttpFails) {
  for (const char* answer : {"", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 abc\r\n", "HTTP/1.1\r\n", "HTTP/1.1 200"}) {
    OneShotServer server(answer);
    EXPECT_EQ(Probe({.ip = "127.0.0.1", .port = server.port(), .timeout = milliseconds(5000)}).kind,
              ProbeResult::Kind::kFailed)
        << answer;
  }
}

TEST(HttpProberTest, EndsWithProbesUnderWay) {
  OneShotServer server("", true);
  bool called = false;
  {
    const auto prober = MakeHttpProber();
    prober->Probe({.ip = "127.0.0.1", .port = server.port(), .timeout = std::chrono::hours(1)},
                  [&](const ProbeResult&) { called = true; });
  }
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace adhoc::localcloud::proxy
