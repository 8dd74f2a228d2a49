// The client's side of a websocket.
#include <fmt/format.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <thread>

#include "base/error.h"
#include "net/beast_websocket.h"
#include "net/http_server.h"
#include "net/reason.h"
#include "net/uri.h"

namespace adhoc::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Tcp = asio::ip::tcp;

constexpr std::chrono::seconds kHandshakeTimeout{30};

// A websocket with the thread that runs its operations.
class ClientWebSocket final : public WebSocket {
 public:
  ClientWebSocket(const Uri& uri, std::chrono::milliseconds silence)
      : silence_(silence), tls_(asio::ssl::context::tls_client), work_(context_.get_executor()) {
    runner_ = std::thread([this] { context_.run(); });
    try {
      Connect(uri);
    } catch (...) {
      Join();
      throw;
    }
  }

  ~ClientWebSocket() override {
    socket_->Close();
    Join();
  }

  std::optional<Message> Read() override { return socket_->Read(); }
  bool Write(const Message& message) override { return socket_->Write(message); }
  void Close() override { socket_->Close(); }

 private:
  void Connect(const Uri& uri) {
    Tcp::resolver resolver(context_);
    const auto endpoints = resolver.resolve(uri.host, std::to_string(uri.port));
    if (uri.scheme == "ws") {
      beast::websocket::stream<TcpStream> stream(asio::make_strand(context_));
      ConnectTcp(beast::get_lowest_layer(stream), endpoints);
      Upgrade(std::move(stream), uri);
    } else {
      tls_.set_default_verify_paths();
      tls_.set_verify_mode(asio::ssl::verify_peer);
      beast::websocket::stream<beast::ssl_stream<TcpStream>> stream(asio::make_strand(context_), tls_);
      beast::ssl_stream<TcpStream>& tls = stream.next_layer();
      tls.set_verify_callback(asio::ssl::host_name_verification(uri.host));
      if (!SSL_set_tlsext_host_name(tls.native_handle(), uri.host.c_str())) throw Error("cannot set the server name");
      ConnectTcp(beast::get_lowest_layer(stream), endpoints);
      tls.async_handshake(asio::ssl::stream_base::client, asio::use_future).get();
      Upgrade(std::move(stream), uri);
    }
  }

  static void ConnectTcp(TcpStream& tcp, const Tcp::resolver::results_type& endpoints) {
    tcp.expires_after(kHandshakeTimeout);  // covers the TLS handshake too
    tcp.async_connect(endpoints, asio::use_future).get();
    tcp.socket().set_option(Tcp::no_delay(true));
  }

  template <typename Stream>
  void Upgrade(beast::websocket::stream<Stream> stream, const Uri& uri) {
    beast::get_lowest_layer(stream).expires_never();  // the websocket has a timer of its own
    stream.set_option(beast::websocket::stream_base::timeout{
        .handshake_timeout = kHandshakeTimeout, .idle_timeout = silence_, .keep_alive_pings = true});
    stream.async_handshake(uri.authority(), uri.target(), asio::use_future).get();
    auto socket = std::make_shared<BeastWebSocket<Stream>>(std::move(stream));
    socket->Start();
    socket_ = std::move(socket);
  }

  void Join() {
    work_.reset();  // lets the closing handshake finish
    runner_.join();
  }

  const std::chrono::milliseconds silence_;
  asio::io_context context_;
  asio::ssl::context tls_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::thread runner_;
  std::shared_ptr<WebSocket> socket_;
};

}  // namespace

std::unique_ptr<WebSocket> ConnectWebSocket(const std::string& url, std::chrono::milliseconds silence) {
  const Uri uri = Uri::Parse(url);
  if (uri.scheme != "ws" && uri.scheme != "wss") {
    throw Error(fmt::format("cannot open websocket {}: the scheme must be ws or wss", url));
  }
  try {
    return std::make_unique<ClientWebSocket>(uri, silence);
  } catch (const boost::system::system_error& error) {
    throw Error(fmt::format("cannot open websocket {}://{}: {}", uri.scheme, uri.authority(),
                            AsReason(error.code().message())));
  }
}

}  // namespace adhoc::net
