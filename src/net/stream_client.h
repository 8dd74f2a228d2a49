// A blocking HTTP/1.1 client over a unix socket, for servers whose answers are streams or hijacked connections
// (the Docker Engine API). Each call uses a connection of its own unless it completes normally, then it is reused.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "net/http_message.h"

namespace adhoc::net {

// A connection taken over after `101 Switching Protocols`. Read and Write may be used from two threads.
class RawConnection {
 public:
  virtual ~RawConnection() = default;
  virtual std::string ReadSome() = 0;  // empty at the end
  virtual bool Write(std::string_view data) = 0;
  virtual void CloseWrite() = 0;
  virtual void Close() = 0;  // from any thread; unblocks ReadSome
};

// Thread-safe. Throws net::TransportError.
class StreamClient {
 public:
  virtual ~StreamClient() = default;
  virtual Response Send(const Request& request) = 0;
  // Calls `on_body` with each piece of the body as it arrives; returns the response without body when the stream ends,
  // when on_body returns false, or when `stop` is requested (from any thread, at once).
  virtual Response Stream(const Request& request, const std::function<bool(std::string_view)>& on_body,
                          std::stop_token stop) = 0;
  // Sends a request whose body is produced by `next` (empty string ends it), chunked.
  virtual Response Upload(const Request& request, const std::function<std::string()>& next) = 0;
  // Sends an upgrade request. A refusal (any status but 101/200) throws Error with the body's message.
  virtual std::unique_ptr<RawConnection> Hijack(const Request& request) = 0;
};

std::unique_ptr<StreamClient> MakeUnixSocketClient(const std::string& socket_path);

}  // namespace adhoc::net
