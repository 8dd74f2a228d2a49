// Where an HTTP request leaves the process. The edge that tests replace.
#pragma once

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include "net/http_message.h"
#include "net/uri.h"

namespace adhoc::net {

struct SendOptions {
  std::chrono::milliseconds connect_timeout{3100};
  std::chrono::milliseconds timeout{60000};  // of the whole exchange
};

// No answer arrived: refused, reset, timed out, TLS failure. `sent` tells whether the server may have seen the request.
class TransportError : public std::runtime_error {
 public:
  TransportError(const std::string& message, bool sent, bool timed_out)
      : std::runtime_error(message), sent_(sent), timed_out_(timed_out) {}
  bool sent() const { return sent_; }
  bool timed_out() const { return timed_out_; }

 private:
  bool sent_;
  bool timed_out_;
};

// Thread-safe. Send throws TransportError; any HTTP status is an answer.
class Transport {
 public:
  virtual ~Transport() = default;
  // `origin` gives scheme, host and port; the request's target is sent as it is, byte for byte (it may be signed).
  virtual Response Send(const Uri& origin, const Request& request, const SendOptions& options) = 0;
};

// libcurl: HTTP and HTTPS, proxies from the environment, a pool of kept-alive connections.
std::unique_ptr<Transport> MakeCurlTransport();

}  // namespace adhoc::net
