#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include "base/sync.h"
#include "net/stream_client.h"
#include "net/transport.h"

namespace adhoc::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr std::size_t kMaxIdleConnections = 16;
constexpr std::size_t kPiece = 64 * 1024;

// A connected socket: Beast's SyncReadStream, and blocking writes. Shutdown may be called from any thread.
class Socket {
 public:
  explicit Socket(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) {
      throw TransportError(fmt::format("cannot connect to {}: the path is too long for a socket", path), false, false);
    }
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0 || ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      int error = errno;
      if (fd_ >= 0) ::close(fd_);
      throw TransportError(fmt::format("cannot connect to {}: {}", path, std::strerror(error)), false, false);
    }
  }
  ~Socket() { ::close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  template <typename Buffers>
  std::size_t read_some(const Buffers& buffers) {
    error_code error;
    std::size_t count = read_some(buffers, error);
    if (error) throw boost::system::system_error(error);
    return count;
  }
  template <typename Buffers>
  std::size_t read_some(const Buffers& buffers, error_code& error) {
    asio::mutable_buffer first = *asio::buffer_sequence_begin(buffers);
    if (on_idle && !WaitReadable()) {
      error = asio::error::operation_aborted;
      return 0;
    }
    ssize_t count;
    do {
      count = ::recv(fd_, first.data(), first.size(), 0);
    } while (count < 0 && errno == EINTR);
    if (count > 0) return static_cast<std::size_t>(count);
    error = count == 0 ? error_code(asio::error::eof) : error_code(errno, boost::system::system_category());
    return 0;
  }

  bool WriteAll(std::string_view data) {
    while (!data.empty()) {
      ssize_t count = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return false;
      data.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

  // Whether an idle connection is still good: the server neither closed it nor sent anything unasked.
  bool quiet() const {
    pollfd descriptor{fd_, POLLIN, 0};
    return ::poll(&descriptor, 1, 0) == 0;
  }
  // When set, called whenever a read has waited for `idle`; false ends the read with operation_aborted.
  std::function<bool()> on_idle;
  std::chrono::milliseconds idle{0};

  void ShutdownWrite() { ::shutdown(fd_, SHUT_WR); }
  void Shutdown() { ::shutdown(fd_, SHUT_RDWR); }

 private:
  bool WaitReadable() {
    pollfd descriptor{fd_, POLLIN, 0};
    while (true) {
      int ready = ::poll(&descriptor, 1, static_cast<int>(idle.count()));
      if (ready > 0) return true;
      if (ready < 0 && errno != EINTR) return true;  // the read will tell
      if (ready == 0 && !on_idle()) return false;
    }
  }

  int fd_ = -1;
};

struct Connection {
  explicit Connection(const std::string& path) : socket(path) {}
  Socket socket;
  beast::flat_buffer buffer;  // read but not yet consumed
};

std::string FormatRequest(const Request& request) {
  std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\n", request.method, request.target);
  for (const auto& [name, value] : request.headers) text += fmt::format("{}: {}\r\n", name, value);
  const std::uint64_t length =
      request.body_file.empty() ? request.body.size() : std::filesystem::file_size(request.body_file);
  if (length > 0 || request.method == "POST" || request.method == "PUT") {
    text += fmt::format("Content-Length: {}\r\n", length);
  }
  text += "\r\n";
  text += request.body;
  return text;
}

class HijackedConnection : public RawConnection {
 public:
  explicit HijackedConnection(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}

  std::string ReadSome() override {
    beast::flat_buffer& buffer = connection_->buffer;
    if (buffer.size() > 0) {  // arrived together with the head
      std::string data(static_cast<const char*>(buffer.data().data()), buffer.size());
      buffer.consume(buffer.size());
      return data;
    }
    std::string data(kPiece, '\0');
    error_code error;
    data.resize(connection_->socket.read_some(asio::buffer(data), error));
    return data;
  }
  bool Write(std::string_view data) override { return connection_->socket.WriteAll(data); }
  void CloseWrite() override { connection_->socket.ShutdownWrite(); }
  void Close() override { connection_->socket.Shutdown(); }

 private:
  std::unique_ptr<Connection> connection_;
};

class UnixStreamClient : public StreamClient {
 public:
  explicit UnixStreamClient(std::string path) : path_(std::move(path)) {}

  Response Send(const Request& request) override {
    std::string body;
    auto collect = [&](std::string_view piece) {
      body += piece;
      return true;
    };
    Response response = Exchange(request, collect, std::stop_token(), std::chrono::milliseconds(0));
    if (response.status < 400) response.body = std::move(body);
    return response;
  }

  Response Stream(const Request& request, const std::function<bool(std::string_view)>& on_body, std::stop_token stop,
                  std::chrono::milliseconds idle) override {
    return Exchange(request, on_body, std::move(stop), idle);
  }

  Hijacked Hijack(const Request& request) override {
    Request upgrade = request;
    upgrade.headers.Set("Connection", "Upgrade");
    upgrade.headers.Set("Upgrade", "tcp");
    // Never a reused connection: there would be no telling its late failure from the operation's.
    auto connection = std::make_unique<Connection>(path_);
    if (!connection->socket.WriteAll(FormatRequest(upgrade))) Fail("the connection was closed", true);
    http::response_parser<http::buffer_body> parser;
    Response response = ReadHead(*connection, parser);
    if (response.status == 101 || response.status == 200) {
      return {std::move(response), std::make_unique<HijackedConnection>(std::move(connection))};
    }
    ReadBody(*connection, parser, [&](std::string_view piece) {
      response.body += piece;
      return true;
    });
    return {std::move(response), nullptr};
  }

 private:
  [[noreturn]] void Fail(const std::string& why, bool sent) const {
    throw TransportError(fmt::format("no answer from {}: {}", path_, why), sent, false);
  }

  std::unique_ptr<Connection> TakeIdle() {
    auto idle = idle_.lock();
    while (!idle->empty()) {
      std::unique_ptr<Connection> connection = std::move(idle->back());
      idle->pop_back();
      if (connection->socket.quiet()) return connection;
    }
    return nullptr;
  }

  static bool SendFile(Connection& connection, const std::string& path) {
    if (path.empty()) return true;
    std::ifstream file(path, std::ios::binary);
    std::string piece(kPiece, '\0');
    while (file.read(piece.data(), static_cast<std::streamsize>(piece.size())), file.gcount() > 0) {
      if (!connection.socket.WriteAll(std::string_view(piece).substr(0, static_cast<std::size_t>(file.gcount()))))
        return false;
    }
    return true;
  }

  // The request sent, on an idle connection if the server still takes it there.
  std::unique_ptr<Connection> SendOnSome(const Request& request) {
    std::string text = FormatRequest(request);
    if (std::unique_ptr<Connection> connection = TakeIdle()) {
      if (connection->socket.WriteAll(text) && SendFile(*connection, request.body_file)) return connection;
    }
    auto connection = std::make_unique<Connection>(path_);
    if (!connection->socket.WriteAll(text)) Fail("the connection was closed", true);
    // A server that refuses the rest has answered.
    SendFile(*connection, request.body_file);
    return connection;
  }

  Response ReadHead(Connection& connection, http::response_parser<http::buffer_body>& parser) const {
    parser.header_limit(64 * 1024);
    parser.body_limit(std::numeric_limits<std::uint64_t>::max());
    error_code error;
    http::read_header(connection.socket, connection.buffer, parser, error);
    if (error) Fail(error == http::error::end_of_stream ? "the connection was closed" : error.message(), true);
    Response response;
    response.status = static_cast<int>(parser.get().result_int());
    for (const auto& field : parser.get()) {
      response.headers.Add(std::string_view(field.name_string().data(), field.name_string().size()),
                           std::string_view(field.value().data(), field.value().size()));
    }
    return response;
  }

  // False when `on_body` ended it early.
  bool ReadBody(Connection& connection, http::response_parser<http::buffer_body>& parser,
                const std::function<bool(std::string_view)>& on_body) const {
    std::vector<char> piece(kPiece);
    while (!parser.is_done()) {
      parser.get().body().data = piece.data();
      parser.get().body().size = piece.size();
      error_code error;
      http::read_some(connection.socket, connection.buffer, parser, error);
      std::size_t count = piece.size() - parser.get().body().size;
      if (count > 0 && !on_body(std::string_view(piece.data(), count))) return false;
      if (error == asio::error::operation_aborted) return false;
      if (error && error != http::error::need_buffer) {
        Fail(error == http::error::partial_message ? "the answer was cut off" : error.message(), true);
      }
    }
    return true;
  }

  Response Exchange(const Request& request, const std::function<bool(std::string_view)>& on_body, std::stop_token stop,
                    std::chrono::milliseconds idle) {
    std::unique_ptr<Connection> connection = SendOnSome(request);
    std::optional<std::stop_callback<std::function<void()>>> interrupt;
    interrupt.emplace(stop, [socket = &connection->socket] { socket->Shutdown(); });
    http::response_parser<http::buffer_body> parser;
    Response response;
    try {
      response = ReadHead(*connection, parser);
      bool refused = response.status >= 400;
      if (!refused && idle.count() > 0) {
        connection->socket.idle = idle;
        connection->socket.on_idle = [&] { return on_body(std::string_view()); };
      }
      bool complete =
          (refused || on_body(std::string_view())) && ReadBody(*connection, parser, [&](std::string_view piece) {
            if (!refused) return on_body(piece);
            response.body += piece;
            return true;
          });
      // A body that ends with the connection leaves nothing to reuse.
      if (!complete || !parser.keep_alive()) return response;
    } catch (const TransportError&) {
      if (!stop.stop_requested()) throw;
      return response;
    }
    interrupt.reset();
    connection->socket.on_idle = nullptr;
    if (stop.stop_requested()) return response;  // the connection may have been shut down
    auto reusable = idle_.lock();
    if (reusable->size() < kMaxIdleConnections) reusable->push_back(std::move(connection));
    return response;
  }

  const std::string path_;
  Sync<std::vector<std::unique_ptr<Connection>>> idle_;
};

}  // namespace

std::unique_ptr<StreamClient> MakeUnixSocketClient(const std::string& socket_path) {
  return std::make_unique<UnixStreamClient>(socket_path);
}

}  // namespace adhoc::net
