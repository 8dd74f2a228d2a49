// Blocking TCP connections, for programs that relay other programs' bytes.
#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>

#include "net/raw_connection.h"

namespace adhoc::net {

class TcpListener {
 public:
  // Binds and listens at once; port 0: the system picks. Throws Error `cannot listen on 127.0.0.1:5432: address already
  // in use`.
  TcpListener(const std::string& ip, int port);
  ~TcpListener();
  TcpListener(const TcpListener&) = delete;
  TcpListener& operator=(const TcpListener&) = delete;

  int port() const { return port_; }
  // The next connection; nothing when stopped.
  std::unique_ptr<RawConnection> Accept(std::stop_token stop);

 private:
  int fd_ = -1;
  int wake_ = -1;
  int port_ = 0;
};

// Tries the host's addresses one after the other, each for `timeout`. Throws Error `cannot connect to redis:6379:
// connection refused`. In the network namespace of the calling thread.
std::unique_ptr<RawConnection> ConnectTcp(const std::string& host, int port, std::chrono::milliseconds timeout);

}  // namespace adhoc::net
