#include "net/http_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "base/error.h"

namespace adhoc::net {
namespace {

// A client that shows every byte: what libcurl would hide is what these tests are about.
class RawClient {
 public:
  explicit RawClient(int port, const char* ip = "127.0.0.1") : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    ::inet_pton(AF_INET, ip, &address.sin_addr);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    timeval timeout{10, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  }
  ~RawClient() { ::close(fd_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }

  void Send(std::string_view data) {
    while (!data.empty()) {
      const ssize_t sent = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      data.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  // The status line and headers, including the empty line.
  std::string ReadHead() {
    while (true) {
      if (const std::size_t end = pending_.find("\r\n\r\n"); end != std::string::npos) return Take(end + 4);
      if (!Fill()) return Take(pending_.size());
    }
  }

  std::string Read(std::size_t size) {
    while (pending_.size() < size && Fill()) {
    }
    return Take(std::min(size, pending_.size()));
  }

  std::string ReadToEnd() {
    while (Fill()) {
    }
    return Take(pending_.size());
  }

 private:
  bool Fill() {
    char chunk[65536];
    const ssize_t got = ::recv(fd_, chunk, sizeof chunk, 0);
    if (got <= 0) return false;
    pending_.append(chunk, static_cast<std::size_t>(got));
    return true;
  }
  std::string Take(std::size_t size) {
    std::string taken = pending_.substr(0, size);
    pending_.erase(0, size);
    return taken;
  }

  int fd_;
  bool connected_ = false;
  std::string pending_;
};

Response Text(std::string body, int status = 200) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

// Answers with what it was asked.
Response Echo(const Request& request) { return Text(request.method + " " + request.target + " " + request.body); }

bool Contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

TEST(HttpServerTest, AnswersManyRequestsOnOneConnection) {
  HttpServer server({}, Echo);
  RawClient client(server.port());
  for (int i = 0; i < 3; ++i) {
    client.Send("POST /a?b=%20 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz");
    const std::string head = client.ReadHead();
    EXPECT_TRUE(head.starts_with("HTTP/1.1 200 OK\r\n")) << head;
    EXPECT_TRUE(Contains(head, "Content-Length: 17\r\n")) << head;
    EXPECT_TRUE(Contains(head, "Date: ")) << head;
    EXPECT_FALSE(Contains(head, "Connection:")) << head;
    EXPECT_EQ(client.Read(17), "POST /a?b=%20 xyz");
  }
}

TEST(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  HttpServer server({}, Echo);
  RawClient client(server.port());
  client.Send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::string all = client.ReadToEnd();
  const std::size_t first = all.find("GET /1");
  const std::size_t second = all.find("GET /2");
  ASSERT_NE(first, std::string::npos);
  ASSERT_NE(second, std::string::npos);
  EXPECT_LT(first, second);
}

TEST(HttpServerTest, GivesHandlersHeadersAndTheRemoteAddress) {
  HttpServer server({}, [](const Request& request) {
    return Text(request.remote_address + " " + request.headers.GetOr("x-amz-target", "?"));
  });
  RawClient client(server.port());
  client.Send("GET / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: T.Op\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(client.ReadToEnd().ends_with("127.0.0.1 T.Op"));
}

TEST(HttpServerTest, ClosesForHttp10AndWhenAsked) {
  HttpServer server({}, Echo);
  for (const char* request : {"GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"}) {
    RawClient client(server.port());
    client.Send(request);
    const std::string all = client.ReadToEnd();
    EXPECT_TRUE(Contains(all, "Connection: close\r\n")) << all;
    EXPECT_TRUE(all.ends_with("GET / ")) << all;
  }
}

TEST(HttpServerTest, ReadsChunkedBodies) {
  HttpServer server({}, Echo);
  RawClient client(server.port());
  client.Send(
      "PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
      "3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\nTrailer: x\r\n\r\n");
  EXPECT_TRUE(client.ReadToEnd().ends_with("PUT /c abcdefg"));
}

TEST(HttpServerTest, InvitesAClientThatExpects100Continue) {
  HttpServer server({}, Echo);
  RawClient client(server.port());
  client.Send("PUT /e HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.ReadHead(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("ok");
  EXPECT_TRUE(client.ReadHead().starts_with("HTTP/1.1 200 OK"));
  EXPECT_EQ(client.Read(9), "PUT /e ok");
}

TEST(HttpServerTest, ReadsABigBody) {
  HttpServer server({}, [](const Request& request) { return Text(std::to_string(request.body.size())); });
  RawClient client(server.port());
  const std::string body(20 << 20, 'x');
  client.Send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_TRUE(Contains(client.ReadHead(), "200 OK"));
  EXPECT_EQ(client.Read(8), "20971520");
}

TEST(HttpServerTest, RefusesABodyOverTheLimitBeforeItIsSent) {
  ServerOptions options;
  options.max_body_bytes = 10;
  HttpServer server(options, Echo);
  {
    RawClient client(server.port());
    client.Send("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n");
    EXPECT_TRUE(client.ReadHead().starts_with("HTTP/1.1 413 "));
  }
  RawClient client(server.port());
  client.Send("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nabcdefghijk\r\n0\r\n\r\n");
  const std::string all = client.ReadToEnd();
  EXPECT_TRUE(all.starts_with("HTTP/1.1 413 ")) << all;
  EXPECT_TRUE(Contains(all, "Connection: close\r\n")) << all;
}

TEST(HttpServerTest, RefusesWhatIsNotHttp) {
  HttpServer server({}, Echo);
  {
    RawClient client(server.port());
    client.Send("\x16\x03\x01 hello\r\n\r\n");
    EXPECT_TRUE(client.ReadToEnd().starts_with("HTTP/1.1 400 "));
  }
  RawClient client(server.port());
  client.Send("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(70000, 'x') + "\r\n\r\n");
  EXPECT_TRUE(client.ReadToEnd().starts_with("HTTP/1.1 431 "));
}

TEST(HttpServerTest, KeepsAnswersBackWhenAsked) {
  std::promise<void> never;
  HttpServer server({.threads = 1}, [&never](const Request& request) {
    Response response = Text("answer");
    if (request.target == "/late") response.delay = std::chrono::milliseconds(300);
    if (request.target == "/closed") response.fate = Response::Fate::kConnectionClosed;
    if (request.target == "/never") {
      response.fate = Response::Fate::kNeverSent;
      never.set_value();
    }
    return response;
  });
  RawClient silent(server.port());
  silent.Send("GET /never HTTP/1.1\r\nHost: h\r\n\r\n");
  never.get_future().wait();
  RawClient late(server.port());
  late.Send("GET /late HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  RawClient closed(server.port());
  closed.Send("GET /closed HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(closed.ReadToEnd(), "") << "the only thread waits for nobody";
  EXPECT_TRUE(late.ReadToEnd().ends_with("answer"));
}

TEST(HttpServerTest, HeadStatesTheLengthAndSendsNoBody) {
  HttpServer server({}, [](const Request& request) {
    Response response = Text("12345");
    if (request.target == "/stated") {
      response.body.clear();
      response.headers.Set("Content-Length", "4096");
    }
    return response;
  });
  RawClient client(server.port());
  client.Send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(Contains(client.ReadHead(), "Content-Length: 5\r\n"));
  client.Send("HEAD /stated HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::string rest = client.ReadToEnd();
  EXPECT_TRUE(Contains(rest, "Content-Length: 4096\r\n")) << rest;
  EXPECT_TRUE(rest.ends_with("\r\n\r\n")) << rest;
}

TEST(HttpServerTest, NoContentHasNoLength) {
  HttpServer server({}, [](const Request&) { return Text("dropped", 204); });
  RawClient client(server.port());
  client.Send("DELETE / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::string all = client.ReadToEnd();
  EXPECT_TRUE(all.starts_with("HTTP/1.1 204 No Content\r\n")) << all;
  EXPECT_FALSE(Contains(all, "Content-Length")) << all;
  EXPECT_TRUE(all.ends_with("\r\n\r\n")) << all;
}

TEST(HttpServerTest, FramingIsTheServersAndLineBreaksForgeNothing) {
  HttpServer server({}, [](const Request&) {
    Response response = Text("abc");
    response.headers.Add("content-length", "99");
    response.headers.Add("Transfer-Encoding", "chunked");
    response.headers.Add("X-Name", "a\r\nX-Forged: 1");
    return response;
  });
  RawClient client(server.port());
  client.Send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::string all = client.ReadToEnd();
  EXPECT_TRUE(Contains(all, "Content-Length: 3\r\n")) << all;
  EXPECT_FALSE(Contains(all, "99")) << all;
  EXPECT_FALSE(Contains(all, "chunked")) << all;
  EXPECT_FALSE(Contains(all, "\nX-Forged")) << all;
}

TEST(HttpServerTest, AnExceptionIsA500AndTheConnectionLives) {
  HttpServer server({}, [](const Request& request) -> Response {
    if (request.target == "/bad") throw Error("the store is gone");
    return Text("fine");
  });
  RawClient client(server.port());
  client.Send("GET /bad HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(client.ReadHead().starts_with("HTTP/1.1 500 "));
  EXPECT_EQ(client.Read(18), "the store is gone\n");
  client.Send("GET /good HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(client.ReadHead().starts_with("HTTP/1.1 200 "));
}

class FileResponseTest : public testing::Test {
 protected:
  FileResponseTest() {
    for (int i = 0; i < 1000000; ++i) content_ += static_cast<char>('a' + i % 23);
    std::ofstream(path_, std::ios::binary) << content_;
  }
  ~FileResponseTest() override { std::remove(path_.c_str()); }

  Response Part(std::uint64_t offset, std::uint64_t length) const {
    Response response;
    response.file = path_;
    response.file_offset = offset;
    response.file_length = length;
    return response;
  }

  const std::string path_ = testing::TempDir() + "http_server_test." + std::to_string(::getpid());
  std::string content_;
};

TEST_F(FileResponseTest, SendsTheRange) {
  HttpServer server({}, [&](const Request& request) {
    return request.target == "/all" ? Part(0, content_.size()) : Part(300000, 600001);
  });
  RawClient client(server.port());
  client.Send("GET /all HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(Contains(client.ReadHead(), "Content-Length: 1000000\r\n"));
  EXPECT_TRUE(client.Read(1000000) == content_);
  client.Send("GET /part HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(Contains(client.ReadHead(), "Content-Length: 600001\r\n"));
  EXPECT_TRUE(client.Read(600001) == content_.substr(300000, 600001));
  client.Send("HEAD /all HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(client.ReadToEnd().ends_with("\r\n\r\n"));
}

TEST_F(FileResponseTest, AMissingFileIsA500AndAShortOneBreaksTheConnection) {
  HttpServer server({}, [&](const Request& request) {
    Response response = Part(999990, 20);
    if (request.target == "/missing") response.file += ".missing";
    return response;
  });
  RawClient client(server.port());
  client.Send("GET /missing HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(client.ReadHead().starts_with("HTTP/1.1 500 "));
  RawClient other(server.port());
  other.Send("GET /short HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_LT(other.ReadToEnd().size(), 10u);
}

TEST(HttpServerTest, SaysWhyItCannotListen) {
  HttpServer server({}, Echo);
  ServerOptions same;
  same.listen = {{"127.0.0.1", server.port()}};
  try {
    HttpServer second(same, Echo);
    FAIL() << "bound the same port twice";
  } catch (const Error& error) {
    EXPECT_EQ(error.what(), "cannot listen on 127.0.0.1:" + std::to_string(server.port()) + ": address already in use");
    EXPECT_FALSE(error.hint().empty());
  }
  ServerOptions absent;
  absent.listen = {{"192.0.2.1", 0}};
  EXPECT_THROW(HttpServer(absent, Echo), Error);
}

TEST(HttpServerTest, AddsAddressesWhileRunningEvenAbsentOnes) {
  HttpServer server({}, Echo);
  server.AddAddress({"127.0.0.2", server.port()});
  server.AddAddress({"127.0.0.2", server.port()});
  server.AddAddress({"192.0.2.1", server.port()});
  RawClient client(server.port(), "127.0.0.2");
  client.Send("GET /second HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(client.ReadToEnd().ends_with("GET /second "));
  EXPECT_THROW(server.AddAddress({"not an address", 1}), Error);
}

TEST(HttpServerTest, DropsAnIdleConnection) {
  ServerOptions options;
  options.idle_timeout = std::chrono::seconds(1);
  HttpServer server(options, Echo);
  RawClient client(server.port());
  client.Send("GET / HTTP/1.1\r\nHost");
  EXPECT_EQ(client.ReadToEnd(), "");
}

TEST(HttpServerTest, ServesManyConnectionsWithFewThreads) {
  ServerOptions options;
  options.threads = 2;
  std::atomic<int> served = 0;
  HttpServer server(options, [&](const Request& request) {
    ++served;
    return Echo(request);
  });
  std::vector<std::thread> clients;
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([&server] {
      RawClient client(server.port());
      for (int n = 0; n < 50; ++n) {
        client.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        client.ReadHead();
        client.Read(6);
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(served, 800);
}

TEST(HttpServerTest, StopsWithConnectionsOpen) {
  auto server = std::make_unique<HttpServer>(ServerOptions{}, Echo);
  const int port = server->port();
  RawClient idle(port);
  RawClient half(port);
  half.Send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc");
  server.reset();
  EXPECT_EQ(idle.ReadToEnd(), "");
  EXPECT_FALSE(RawClient(port).connected());
}

std::string SocketUrl(const HttpServer& server, std::string_view target = "/") {
  return "ws://127.0.0.1:" + std::to_string(server.port()) + std::string(target);
}

TEST(WebSocketTest, CarriesTextAndBinaryBothWays) {
  HttpServer server({}, Echo, [](const Request& request, WebSocket& socket) {
    socket.Write({false, request.target});
    while (auto message = socket.Read()) socket.Write(*message);
  });
  const auto socket = ConnectWebSocket(SocketUrl(server, "/exec?id=1"));
  EXPECT_EQ(socket->Read().value().data, "/exec?id=1");
  const std::string big(3 << 20, '\0');
  ASSERT_TRUE(socket->Write({true, big}));
  const auto echoed = socket->Read();
  ASSERT_TRUE(echoed);
  EXPECT_TRUE(echoed->binary);
  EXPECT_TRUE(echoed->data == big);
  ASSERT_TRUE(socket->Write({false, "text"}));
  EXPECT_FALSE(socket->Read().value().binary);
}

TEST(WebSocketTest, MoreMessagesThanAreReadAheadArriveInOrder) {
  HttpServer server({}, Echo, [](const Request&, WebSocket& socket) {
    for (int i = 0; i < 500; ++i) socket.Write({false, std::to_string(i)});
  });
  const auto socket = ConnectWebSocket(SocketUrl(server));
  for (int i = 0; i < 500; ++i) {
    const auto message = socket->Read();
    ASSERT_TRUE(message) << i;
    EXPECT_EQ(message->data, std::to_string(i));
  }
  EXPECT_FALSE(socket->Read());
  EXPECT_FALSE(socket->Write({false, "late"}));
}

TEST(WebSocketTest, CloseEndsReadOnBothSides) {
  std::promise<void> ended;
  HttpServer server({}, Echo, [&](const Request&, WebSocket& socket) {
    while (socket.Read()) {
    }
    ended.set_value();
  });
  const auto socket = ConnectWebSocket(SocketUrl(server));
  std::thread reader([&] { EXPECT_FALSE(socket->Read()); });
  socket->Close();
  reader.join();
  EXPECT_EQ(ended.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
}

TEST(WebSocketTest, ReadsAndWritesFromTwoThreads) {
  HttpServer server({}, Echo, [](const Request&, WebSocket& socket) {
    while (auto message = socket.Read()) {
      if (!socket.Write(*message)) return;
    }
  });
  const auto socket = ConnectWebSocket(SocketUrl(server));
  std::thread writer([&] {
    for (int i = 0; i < 300; ++i) ASSERT_TRUE(socket->Write({true, std::string(1000, 'x')}));
  });
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(socket->Read()) << i;
  writer.join();
}

TEST(WebSocketTest, ServerStopsWithOpenSockets) {
  auto server = std::make_unique<HttpServer>(ServerOptions{}, Echo, [](const Request&, WebSocket& socket) {
    while (socket.Read()) {
    }
  });
  const auto socket = ConnectWebSocket(SocketUrl(*server));
  ASSERT_TRUE(socket->Write({false, "x"}));
  std::thread reader([&] { EXPECT_FALSE(socket->Read()); });
  server.reset();
  reader.join();
}

TEST(WebSocketTest, AThrowingHandlerOnlyClosesItsSocket) {
  HttpServer server({}, Echo, [](const Request& request, WebSocket& socket) {
    if (request.target == "/bad") throw Error("no");
    socket.Write({false, "good"});
  });
  EXPECT_FALSE(ConnectWebSocket(SocketUrl(server, "/bad"))->Read());
  EXPECT_EQ(ConnectWebSocket(SocketUrl(server, "/good"))->Read().value().data, "good");
}

TEST(WebSocketTest, SaysWhyItCannotConnect) {
  HttpServer server({}, Echo);  // refuses to upgrade
  EXPECT_THROW(ConnectWebSocket(SocketUrl(server)), Error);
  EXPECT_THROW(ConnectWebSocket("http://127.0.0.1/"), Error);
  try {
    ConnectWebSocket("ws://127.0.0.1:1/x?token=secret");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "cannot open websocket ws://127.0.0.1:1: connection refused");
  }
}

TEST(HttpServerTest, ALargeBodyIsInAFileWhileTheHandlerRuns) {
  const std::string directory = ::testing::TempDir() + "/adhoc-spool-" + std::to_string(::getpid());
  std::filesystem::create_directories(directory);
  ServerOptions options;
  options.max_body_in_memory = 1000;
  options.spool_directory = directory;
  HttpServer server(options, [](const Request& request) {
    std::ifstream file(request.body_file, std::ios::binary);
    const std::string spooled{std::istreambuf_iterator<char>(file), {}};
    return Response{.headers = {},
                    .body = std::to_string(request.body.size()) + " " + std::to_string(spooled.size()) + " " +
                            spooled.substr(0, 1) + spooled.substr(std::min<std::size_t>(spooled.size(), 299'999))};
  });
  for (const auto& [size, answer] : {std::pair{1000, "1000 0 "}, std::pair{300'000, "0 300000 aa"}}) {
    RawClient client(server.port());
    client.Send("PUT / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " + std::to_string(size) +
                "\r\n\r\n" + std::string(static_cast<std::size_t>(size), 'a'));
    EXPECT_TRUE(client.ReadToEnd().ends_with(std::string("\r\n\r\n") + answer)) << size;
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory));
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace adhoc::net
