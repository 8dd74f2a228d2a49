#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "net/http_server.h"
#include "net/transport.h"

namespace adhoc::net {
namespace {

using namespace std::string_literals;

// A server that answers with the request line, headers and body that it received.
class CurlTransportTest : public testing::Test {
 protected:
  static Response Describe(const Request& request) {
    Response response;
    response.body = request.method + " " + request.target + "\n";
    for (const auto& [name, value] : request.headers) response.body += name + ": " + value + "\n";
    response.body += "\n" + request.body;
    return response;
  }

  static Uri Origin(int port) { return Uri::Parse("http://127.0.0.1:" + std::to_string(port)); }

  Response Send(const Request& request) { return transport_->Send(Origin(server_.port()), request, {}); }

  HttpServer server_{{}, Describe};
  std::unique_ptr<Transport> transport_ = MakeCurlTransport();
};

TEST_F(CurlTransportTest, SendsTheTargetByteForByte) {
  for (const char* target :
       {"/", "/?policy", "/a/../b//./c%2e%2E?x=%20&y=+&z=a/b:c@d", "/b?q=%E1%88%B4&&a=b=c", "/k!$'()*,;=:@~", "/?"}) {
    Request request;
    request.target = target;
    const std::string body = Send(request).body;
    EXPECT_EQ(body.substr(0, body.find('\n')), std::string("GET ") + target);
  }
}

TEST_F(CurlTransportTest, SendsTheHeadersAndAddsNone) {
  Request request;
  request.method = "POST";
  request.headers = {{"Host", "signed.example"}, {"X-Empty", ""}, {"X-Two", "1"}, {"X-Two", "2"}};
  request.body = std::string("a\0b", 3);
  EXPECT_EQ(Send(request).body,
            "POST /\nHost: signed.example\nX-Empty: \nX-Two: 1\nX-Two: 2\nContent-Length: 3\n\na\0b"s);
}

TEST_F(CurlTransportTest, SendsEveryMethod) {
  for (const char* method : {"GET", "PUT", "POST", "DELETE", "PATCH"}) {
    for (const std::string body : {"", "data"}) {
      Request request;
      request.method = method;
      request.body = body;
      const std::string seen = Send(request).body;
      EXPECT_TRUE(seen.starts_with(std::string(method) + " /\n")) << seen;
      EXPECT_TRUE(seen.ends_with("\n\n" + body)) << seen;
    }
  }
  Request head;
  head.method = "HEAD";
  const Response response = Send(head);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "");
  EXPECT_TRUE(response.headers.Has("Content-Length"));
}

TEST_F(CurlTransportTest, ABigBodyGoesAndComesWhole) {
  Request request;
  request.method = "PUT";
  request.body.assign(5 << 20, 'x');
  EXPECT_TRUE(Send(request).body.ends_with(request.body));
}

TEST_F(CurlTransportTest, AnyStatusIsAnAnswer) {
  HttpServer server({}, [](const Request& request) {
    Response response;
    response.status = std::stoi(request.target.substr(1));
    response.headers.Add("Location", "/elsewhere");
    response.headers.Add("X-Id", " padded ");
    return response;
  });
  for (const int status : {204, 307, 404, 503}) {
    Request request;
    request.target = "/" + std::to_string(status);
    const Response response = transport_->Send(Origin(server.port()), request, {});
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.headers.Get("x-id"), "padded");
  }
}

TEST_F(CurlTransportTest, WhatAHandleWasToldIsForgottenAfterTheCall) {
  Request put;
  put.method = "PUT";
  put.headers.Add("X-Old", "1");
  put.body = "old";
  Send(put);
  EXPECT_EQ(Send({}).body.find("old"), std::string::npos);
  EXPECT_EQ(Send({}).body.find("Old"), std::string::npos);
  EXPECT_TRUE(Send({}).body.starts_with("GET /\n"));
}

TEST_F(CurlTransportTest, ThreadsShareTheTransport) {
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 25; ++n) {
        Request request;
        request.target = "/" + std::to_string(i * 100 + n);
        if (Send(request).body.starts_with("GET " + request.target + "\n")) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 200);
}

TEST_F(CurlTransportTest, SurvivesTheServersRestart) {
  ServerOptions options;
  auto first = std::make_unique<HttpServer>(options, Describe);
  const int port = first->port();
  EXPECT_EQ(transport_->Send(Origin(port), {}, {}).status, 200);
  first.reset();
  options.listen = {{"127.0.0.1", port}};
  HttpServer second(options, Describe);
  EXPECT_EQ(transport_->Send(Origin(port), {}, {}).status, 200);  // on a new connection, the kept one is dead
}

TEST_F(CurlTransportTest, ARefusedConnectionWasNotSent) {
  int port = 0;
  { port = HttpServer({}, Describe).port(); }
  try {
    transport_->Send(Origin(port), {}, {});
    FAIL();
  } catch (const TransportError& error) {
    EXPECT_EQ(error.what(), "cannot reach http://127.0.0.1:" + std::to_string(port) + ": connection refused");
    EXPECT_FALSE(error.sent());
    EXPECT_FALSE(error.timed_out());
  }
}

TEST_F(CurlTransportTest, AnUnknownNameWasNotSent) {
  try {
    transport_->Send(Uri::Parse("http://nowhere.invalid:1"), {}, {});
    FAIL();
  } catch (const TransportError& error) {
    EXPECT_STREQ(error.what(), "cannot reach http://nowhere.invalid:1: its name cannot be resolved");
    EXPECT_FALSE(error.sent());
  }
}

TEST_F(CurlTransportTest, AnAnswerThatIsLateWasSent) {
  std::mutex gate;
  std::unique_lock closed(gate);
  HttpServer server({}, [&](const Request& request) {
    std::lock_guard wait(gate);
    return Describe(request);
  });
  SendOptions options;
  options.timeout = std::chrono::milliseconds(50);
  try {
    transport_->Send(Origin(server.port()), {}, options);
    ADD_FAILURE();
  } catch (const TransportError& error) {
    EXPECT_TRUE(std::string(error.what()).ends_with(": no answer within 50 ms")) << error.what();
    EXPECT_TRUE(error.sent());
    EXPECT_TRUE(error.timed_out());
  }
  closed.unlock();
}

TEST_F(CurlTransportTest, LoopbackIgnoresProxies) {
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  EXPECT_EQ(Send({}).status, 200);
  ::unsetenv("http_proxy");
}

}  // namespace
}  // namespace adhoc::net
