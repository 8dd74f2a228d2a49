#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <future>
#include <thread>

#include "net/stream_client.h"
#include "net/transport.h"

namespace adhoc::net {
namespace {

// Serves scripted connections, one after another, each by a function of its file descriptor.
class ScriptedServer {
 public:
  using Script = std::function<void(ScriptedServer&, int)>;

  explicit ScriptedServer(std::vector<Script> scripts) {
    char name[] = "/tmp/adhoc-stream-XXXXXX";
    directory_ = ::mkdtemp(name);
    path_ = directory_ + "/s";
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path_.c_str());
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    thread_ = std::jthread([this, scripts = std::move(scripts)] {
      for (const Script& script : scripts) {
        int connection = ::accept(listener_, nullptr, nullptr);
        if (connection < 0) return;
        ++accepted_;
        script(*this, connection);
        ::close(connection);
      }
    });
  }
  ~ScriptedServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    std::filesystem::remove_all(directory_);
  }

  // One request: everything up to the blank line, and a body of Content-Length.
  static std::string ReadRequest(int connection) {
    std::string text;
    char byte;
    while (!text.ends_with("\r\n\r\n") && ::recv(connection, &byte, 1, 0) == 1) text += byte;
    std::size_t field = text.find("Content-Length: ");
    int length = field == std::string::npos ? 0 : std::atoi(text.c_str() + field + 16);
    for (; length > 0 && ::recv(connection, &byte, 1, 0) == 1; --length) text += byte;
    return text;
  }
  static void Write(int connection, const std::string& text) {
    ::send(connection, text.data(), text.size(), MSG_NOSIGNAL);
  }
  static bool AtEnd(int connection) {
    char byte;
    return ::recv(connection, &byte, 1, 0) <= 0;
  }

  const std::string& path() const { return path_; }
  int accepted() const { return accepted_; }

 private:
  std::string directory_;
  std::string path_;
  int listener_ = -1;
  std::atomic<int> accepted_ = 0;
  std::jthread thread_;
};

using Server = ScriptedServer;

TEST(UnixStreamClient, ReadsALengthedAndAChunkedBodyOnOneConnection) {
  std::string first_request;
  Server server({[&](Server&, int c) {
    first_request = Server::ReadRequest(c);
    Server::Write(c, "HTTP/1.1 201 Created\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello");
    Server::ReadRequest(c);
    Server::Write(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    Server::Write(c, "10\r\n0123456789abcdef\r\n0\r\n\r\n");
    Server::AtEnd(c);
  }});
  {
    auto client = MakeUnixSocketClient(server.path());
    Request request;
    request.method = "POST";
    request.target = "/v1.41/containers/create?name=a";
    request.headers.Set("Content-Type", "application/json");
    request.body = "{}";
    Response response = client->Send(request);
    EXPECT_EQ(response.status, 201);
    EXPECT_EQ(response.body, "hello");
    EXPECT_EQ(response.headers.GetOr("x-a", ""), "b");
    EXPECT_EQ(client->Send(Request{}).body, "abc0123456789abcdef");
    EXPECT_EQ(server.accepted(), 1);
  }
  EXPECT_EQ(first_request,
            "POST /v1.41/containers/create?name=a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            "Content-Length: 2\r\n\r\n{}");
}

TEST(UnixStreamClient, ABodyMayEndWithTheConnection) {
  Server server({[](Server&, int c) {
    Server::ReadRequest(c);
    Server::Write(c, "HTTP/1.0 200 OK\r\n\r\nuntil the end");
  }});
  EXPECT_EQ(MakeUnixSocketClient(server.path())->Send(Request{}).body, "until the end");
}

TEST(UnixStreamClient, AConnectionTheServerClosedIsNotUsedAgain) {
  std::promise<void> closed;
  Server server({[](Server&, int c) {
                   Server::ReadRequest(c);
                   Server::Write(c, "HTTP/1.1 204 No Content\r\n\r\n");
                 },
                 [](Server&, int c) {
                   Server::ReadRequest(c);
                   Server::Write(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                 }});
  auto client = MakeUnixSocketClient(server.path());
  EXPECT_EQ(client->Send(Request{}).status, 204);
  while (server.accepted() < 1) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // until the close has arrived
  EXPECT_EQ(client->Send(Request{}).body, "ok");
}

TEST(UnixStreamClient, AStreamIsHandedOverAsItArrivesAndEndsWhenStopped) {
  std::promise<void> seen;
  Server server({[&](Server&, int c) {
    Server::ReadRequest(c);
    Server::Write(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    Server::Write(c, "4\r\ntick\r\n");
    EXPECT_TRUE(Server::AtEnd(c));
  }});
  auto client = MakeUnixSocketClient(server.path());
  std::stop_source stop;
  std::vector<std::string> pieces;
  std::jthread stopper([&] {
    seen.get_future().get();
    stop.request_stop();
  });
  Response response = client->Stream(
      Request{},
      [&](std::string_view piece) {
        pieces.emplace_back(piece);
        if (piece == "tick") seen.set_value();
        return true;
      },
      stop.get_token());
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(pieces, (std::vector<std::string>{"", "tick"}));
}

TEST(UnixStreamClient, ASilentStreamCanBeLeft) {
  Server server({[](Server&, int c) {
    Server::ReadRequest(c);
    Server::Write(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntick\r\n");
    EXPECT_TRUE(Server::AtEnd(c));
  }});
  std::vector<std::string> pieces;
  Response response = MakeUnixSocketClient(server.path())
                          ->Stream(
                              Request{},
                              [&](std::string_view piece) {
                                pieces.emplace_back(piece);
                                return pieces.size() < 4;
                              },
                              {}, std::chrono::milliseconds(5));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(pieces, (std::vector<std::string>{"", "tick", "", ""}));
}

TEST(UnixStreamClient, ARefusalOfAStreamIsInTheResponse) {
  Server server({[](Server&, int c) {
    Server::ReadRequest(c);
    Server::Write(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone");
  }});
  Response response = MakeUnixSocketClient(server.path())
                          ->Stream(Request{}, [](std::string_view) -> bool { throw std::logic_error("called"); }, {});
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body, "gone");
}

TEST(UnixStreamClient, AHijackedConnectionKeepsWhatCameWithTheHead) {
  std::string request;
  Server server({[&](Server&, int c) {
    request = Server::ReadRequest(c);
    Server::Write(c, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly");
    std::string input(3, '\0');
    ::recv(c, input.data(), 3, MSG_WAITALL);
    EXPECT_TRUE(Server::AtEnd(c));
    Server::Write(c, "got " + input);
  }});
  auto hijacked = MakeUnixSocketClient(server.path())->Hijack(Request{});
  ASSERT_TRUE(hijacked.connection);
  EXPECT_EQ(hijacked.connection->ReadSome(), "early");
  EXPECT_TRUE(hijacked.connection->Write("abc"));
  hijacked.connection->CloseWrite();
  EXPECT_EQ(hijacked.connection->ReadSome(), "got abc");
  EXPECT_EQ(hijacked.connection->ReadSome(), "");
  EXPECT_NE(request.find("Upgrade: tcp\r\n"), std::string::npos);
}

TEST(UnixStreamClient, ARefusedHijackTellsWhy) {
  Server server({[](Server&, int c) {
    Server::ReadRequest(c);
    Server::Write(c, "HTTP/1.1 409 Conflict\r\nContent-Length: 3\r\n\r\nwhy");
  }});
  auto hijacked = MakeUnixSocketClient(server.path())->Hijack(Request{});
  EXPECT_FALSE(hijacked.connection);
  EXPECT_EQ(hijacked.response.status, 409);
  EXPECT_EQ(hijacked.response.body, "why");
}

TEST(UnixStreamClient, NoAnswerIsATransportError) {
  Server server({[](Server&, int c) { Server::ReadRequest(c); },
                 [](Server&, int c) {
                   Server::ReadRequest(c);
                   Server::Write(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
                 },
                 [](Server&, int c) {
                   Server::ReadRequest(c);
                   Server::Write(c, "SSH-2.0-OpenSSH\r\n\r\n");
                 }});
  auto client = MakeUnixSocketClient(server.path());
  for (int i = 0; i < 3; ++i) {
    try {
      client->Send(Request{});
      ADD_FAILURE() << i;
    } catch (const TransportError& error) {
      EXPECT_TRUE(error.sent());
    }
  }
  try {
    MakeUnixSocketClient("/nonexistent/socket")->Send(Request{});
    ADD_FAILURE();
  } catch (const TransportError& error) {
    EXPECT_FALSE(error.sent());
    EXPECT_STREQ(error.what(), "cannot connect to /nonexistent/socket: No such file or directory");
  }
}

}  // namespace
}  // namespace adhoc::net
