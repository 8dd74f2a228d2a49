// An HTTP/1.1 server for loopback and container networks: asynchronous connections on a few threads, keep-alive,
// `Expect: 100-continue`, chunked request bodies, websocket upgrades. Handlers run on the server's threads and must be
// quick.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_message.h"

namespace adhoc::net {

// One side of a websocket (RFC 6455). Read and Write may be used from two different threads, each from one at a time.
class WebSocket {
 public:
  struct Message {
    bool binary = false;
    std::string data;
  };
  virtual ~WebSocket() = default;
  // The next message; nothing when the peer closed or Close was called.
  virtual std::optional<Message> Read() = 0;
  // False when the connection is gone.
  virtual bool Write(const Message& message) = 0;
  virtual void Close() = 0;  // from any thread
};

// Connects to a ws:// or wss:// URL. Throws Error. After half of `silence` without a message the other side is pinged,
// which keeps the connection known to whatever is on the way (AWS's NAT gateways forget it after 350 s); after all of
// it without an answer the connection ends.
std::unique_ptr<WebSocket> ConnectWebSocket(const std::string& url,
                                            std::chrono::milliseconds silence = std::chrono::minutes(2));

struct ServerOptions {
  struct Address {
    std::string ip = "127.0.0.1";
    int port = 0;  // 0: the system picks
  };
  std::vector<Address> listen = {Address{}};
  int threads = 4;
  std::uint64_t max_body_bytes = 5ULL << 30;
  // A body that is larger than this goes to a file in `spool_directory`, which must exist; empty: all stay in memory.
  std::size_t max_body_in_memory = 4 << 20;
  std::string spool_directory;
  std::chrono::seconds idle_timeout{75};
};

class HttpServer {
 public:
  using Handler = std::function<Response(const Request&)>;
  // Called for upgrade requests, on a thread of its own; the socket lives until it returns.
  using UpgradeHandler = std::function<void(const Request&, WebSocket&)>;

  // Binds at once; throws Error `cannot listen on 127.0.0.1:4566: address already in use`.
  HttpServer(const ServerOptions& options, Handler handler, UpgradeHandler upgrade = nullptr);
  ~HttpServer();  // stops accepting, closes connections, joins

  int port() const;  // of the first address
  // Listens on a further address while running; idempotent. The address need not exist on the machine yet
  // (IP_FREEBIND).
  void AddAddress(const ServerOptions::Address& address);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace adhoc::net
