#include "net/tcp.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <functional>
#include <utility>

#include "base/error.h"
#include "net/reason.h"

namespace adhoc::net {
namespace {

constexpr std::size_t kPiece = 32 * 1024;
constexpr int kBacklog = 64;

std::string Reason(int error) { return AsReason(std::strerror(error)); }

class TcpConnection final : public RawConnection {
 public:
  explicit TcpConnection(int fd) : fd_(fd) {
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  ~TcpConnection() override { ::close(fd_); }
  TcpConnection(const TcpConnection&) = delete;
  TcpConnection& operator=(const TcpConnection&) = delete;

  std::string ReadSome() override {
    std::string data(kPiece, '\0');
    ssize_t count;
    do {
      count = ::recv(fd_, data.data(), data.size(), 0);
    } while (count < 0 && errno == EINTR);
    data.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return data;
  }
  bool Write(std::string_view data) override {
    while (!data.empty()) {
      const ssize_t count = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return false;
      data.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  void CloseWrite() override { ::shutdown(fd_, SHUT_WR); }
  void Close() override { ::shutdown(fd_, SHUT_RDWR); }

 private:
  const int fd_;
};

// Zero, or errno.
int ConnectWithin(int fd, const sockaddr* address, socklen_t length, std::chrono::milliseconds timeout) {
  if (::connect(fd, address, length) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd descriptor{fd, POLLOUT, 0};
  int ready;
  do {
    ready = ::poll(&descriptor, 1, static_cast<int>(timeout.count()));
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof(error);
  if (ready < 0 || ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

}  // namespace

TcpListener::TcpListener(const std::string& ip, int port) {
  const auto fail = [&](int error) {
    const std::string reason = Reason(error);
    if (fd_ >= 0) ::close(fd_);
    throw Error(fmt::format("cannot listen on {}:{}: {}", ip, port, reason));
  };
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::inet_pton(AF_INET, ip.c_str(), &address.sin_addr) != 1) fail(EINVAL);
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd_ < 0) fail(errno);
  const int on = 1;
  ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  socklen_t length = sizeof(address);
  if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), length) != 0 || ::listen(fd_, kBacklog) != 0 ||
      ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    fail(errno);
  }
  port_ = ntohs(address.sin_port);
  wake_ = ::eventfd(0, EFD_CLOEXEC);
  if (wake_ < 0) fail(errno);
}

TcpListener::~TcpListener() {
  ::close(fd_);
  ::close(wake_);
}

std::unique_ptr<RawConnection> TcpListener::Accept(std::stop_token stop) {
  const std::stop_callback wake(stop, [this] { ::eventfd_write(wake_, 1); });
  while (!stop.stop_requested()) {
    std::array<pollfd, 2> descriptors{pollfd{fd_, POLLIN, 0}, pollfd{wake_, POLLIN, 0}};
    ::poll(descriptors.data(), descriptors.size(), -1);
    if (descriptors[1].revents != 0) {
      // Of this stop, or of one that came when an earlier Accept had just returned.
      eventfd_t count = 0;
      ::eventfd_read(wake_, &count);
      continue;
    }
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) return std::make_unique<TcpConnection>(fd);
  }
  return nullptr;
}

std::unique_ptr<RawConnection> ConnectTcp(const std::string& host, int port, std::chrono::milliseconds timeout) {
  const auto error_text = [&](const std::string& reason) {
    return fmt::format("cannot connect to {}:{}: {}", host, port, reason);
  };
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); error != 0) {
    throw Error(error_text(AsReason(::gai_strerror(error))));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, ::freeaddrinfo);
  int error = EADDRNOTAVAIL;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    const int fd = ::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
      error = errno;
      continue;
    }
    const int failed = ConnectWithin(fd, address->ai_addr, address->ai_addrlen, timeout);
    if (failed == 0) {
      ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK);
      return std::make_unique<TcpConnection>(fd);
    }
    ::close(fd);
    // What the first address says is the reason to tell, unless it had none that a person could use.
    if (error == EADDRNOTAVAIL) error = failed;
  }
  throw Error(error_text(Reason(error)));
}

}  // namespace adhoc::net
