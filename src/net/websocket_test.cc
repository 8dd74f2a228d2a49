// What keeps an idle session alive where something on the way forgets silent connections.
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <thread>

#include "net/http_server.h"

namespace adhoc::net {
namespace {

namespace asio = boost::asio;
namespace websocket = boost::beast::websocket;
using namespace std::chrono_literals;
using Tcp = asio::ip::tcp;

TEST(WebSocketClientTest, ASilentConnectionIsPinged) {
  asio::io_context context;
  Tcp::acceptor acceptor(context, {asio::ip::make_address("127.0.0.1"), 0});
  const std::string url = "ws://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
  int pings = 0;
  std::jthread server([&] {
    websocket::stream<Tcp::socket> stream(acceptor.accept());
    stream.accept();
    stream.control_callback([&](websocket::frame_type kind, auto) {
      if (kind != websocket::frame_type::ping || ++pings != 2) return;
      stream.text(true);
      stream.write(asio::buffer(std::string("alive")));
    });
    boost::beast::flat_buffer buffer;
    boost::beast::error_code ended;
    stream.read(buffer, ended);
  });
  const auto socket = ConnectWebSocket(url, 100ms);
  EXPECT_EQ(socket->Read().value().data, "alive");
  socket->Close();
}

TEST(WebSocketClientTest, AConnectionWhoseOtherSideIsGoneEnds) {
  asio::io_context context;
  Tcp::acceptor acceptor(context, {asio::ip::make_address("127.0.0.1"), 0});
  const std::string url = "ws://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
  std::jthread server([&](std::stop_token stop) {
    websocket::stream<Tcp::socket> stream(acceptor.accept());
    stream.accept();
    while (!stop.stop_requested()) std::this_thread::sleep_for(10ms);  // answers nothing, not even pings
  });
  const auto socket = ConnectWebSocket(url, 100ms);
  EXPECT_FALSE(socket->Read());
}

}  // namespace
}  // namespace adhoc::net
