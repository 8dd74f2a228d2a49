// A blocking HTTP/1.1 client over a unix socket, for servers whose answers are streams or hijacked connections
// (the Docker Engine API). Each call uses a connection of its own; one whose exchange completed normally is reused.
// There is no time limit: an answer may take as long as the operation it reports.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "net/http_message.h"
#include "net/raw_connection.h"

namespace adhoc::net {

// Thread-safe. Throws net::TransportError.
class StreamClient {
 public:
  struct Hijacked {
    Response response;
    std::unique_ptr<RawConnection> connection;
  };

  virtual ~StreamClient() = default;
  virtual Response Send(const Request& request) = 0;
  // Calls `on_body` with an empty piece when the head has arrived and whenever nothing has arrived for `idle` (0:
  // never), and with each piece of the body as it arrives; returns the response without body when the stream ends, when
  // on_body returns false, or when `stop` is requested (from any thread, at once). A status of 400 or more is not
  // streamed: its body is in the response.
  virtual Response Stream(const Request& request, const std::function<bool(std::string_view)>& on_body,
                          std::stop_token stop, std::chrono::milliseconds idle = std::chrono::milliseconds(0)) = 0;
  // Sends an upgrade request (adds the Connection and Upgrade fields). With any status but 101 and 200 `connection` is
  // absent and the response tells why.
  virtual Hijacked Hijack(const Request& request) = 0;
};

std::unique_ptr<StreamClient> MakeUnixSocketClient(const std::string& socket_path);

}  // namespace adhoc::net
