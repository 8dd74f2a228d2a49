#include "net/http_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <cstring>
#include <ctime>
#include <list>
#include <thread>

#include "base/error.h"
#include "base/sync.h"
#include "net/beast_websocket.h"
#include "net/http_date.h"
#include "net/reason.h"

namespace adhoc::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Tcp = asio::ip::tcp;
using beast::error_code;

constexpr std::uint32_t kMaxHeaderBytes = 64 << 10;
constexpr std::size_t kPieceBytes = 256 << 10;
constexpr std::size_t kReadBytes = 64 << 10;
constexpr std::chrono::seconds kLingerTimeout{2};

class FileDescriptor {
 public:
  FileDescriptor() = default;
  ~FileDescriptor() { Reset(-1); }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  void Reset(int fd) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

// A request's body as it arrives: in memory, then, when it grows too large, in a file that goes with this object.
class Spool {
 public:
  Spool() = default;
  ~Spool() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // False when the disk doesn't take it.
  bool Add(std::string_view data, const ServerOptions& options) {
    if (path_.empty()) {
      memory_.append(data);
      if (options.spool_directory.empty() || memory_.size() <= options.max_body_in_memory) return true;
      path_ = options.spool_directory + "/body-XXXXXX";
      file_.Reset(::mkostemp(path_.data(), O_CLOEXEC));
      data = memory_;
    }
    while (!data.empty()) {
      const ssize_t written = ::write(file_.get(), data.data(), data.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      data.remove_prefix(static_cast<std::size_t>(written));
    }
    std::string().swap(memory_);
    return true;
  }
  std::string TakeMemory() { return std::move(memory_); }
  const std::string& path() const { return path_; }

 private:
  std::string memory_;
  std::string path_;
  FileDescriptor file_;
};

// Made once a second per thread.
const std::string& CurrentDate() {
  thread_local std::time_t made = 0;
  thread_local std::string text;
  const std::time_t now = std::time(nullptr);
  if (now != made) {
    made = now;
    text = FormatHttpDate(std::chrono::system_clock::from_time_t(now));
  }
  return text;
}

// A line break in a value would let it forge header lines.
void AppendHeader(std::string& head, std::string_view name, std::string_view value) {
  head += name;
  head += ": ";
  for (const char c : value) head += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
  head += "\r\n";
}

bool HasBody(int status) { return status >= 200 && status != 204 && status != 304; }

// The status line and header lines. The server, not the handler, decides how the message is framed.
void FormatHead(std::string& head, const Response& response, std::uint64_t length, bool is_head, bool keep_alive,
                bool http_1_0) {
  head.clear();
  const std::string_view reason = http::obsolete_reason(http::int_to_status(response.status));
  fmt::format_to(std::back_inserter(head), "HTTP/1.1 {} {}\r\n", response.status, reason);
  for (const auto& [name, value] : response.headers) {
    if (EqualsIgnoreCase(name, "Content-Length") || EqualsIgnoreCase(name, "Transfer-Encoding") ||
        EqualsIgnoreCase(name, "Connection")) {
      continue;
    }
    AppendHeader(head, name, value);
  }
  if (!response.headers.Has("Date")) AppendHeader(head, "Date", CurrentDate());
  // A HEAD answer states the length that GET would have, which only the handler may know.
  if (const auto stated = response.headers.Get("Content-Length"); is_head && stated) {
    AppendHeader(head, "Content-Length", *stated);
  } else if (HasBody(response.status)) {
    fmt::format_to(std::back_inserter(head), "Content-Length: {}\r\n", length);
  }
  if (!keep_alive) {
    head += "Connection: close\r\n";
  } else if (http_1_0) {
    head += "Connection: keep-alive\r\n";
  }
  head += "\r\n";
}

Response PlainError(int status, std::string_view text) {
  Response response;
  response.status = status;
  response.headers.Add("Content-Type", "text/plain");
  response.body = std::string(text) + "\n";
  return response;
}

}  // namespace

struct HttpServer::Impl {
  using Acceptor = asio::basic_socket_acceptor<Tcp, asio::io_context::executor_type>;

  // One upgraded connection and the thread that its handler runs on.
  struct Session {
    std::shared_ptr<BeastWebSocket<TcpStream>> socket;
    std::thread thread;
    std::atomic<bool> done = false;
  };

  struct State {
    std::vector<Tcp::endpoint> bound;
    std::list<Session> sessions;
    bool stopping = false;
  };

  class Connection;

  Impl(const ServerOptions& server_options, Handler request_handler, UpgradeHandler upgrade_handler)
      : options(server_options),
        handler(std::move(request_handler)),
        upgrade(std::move(upgrade_handler)),
        context(std::max(1, server_options.threads)),
        work(context.get_executor()) {}

  void Listen(const ServerOptions::Address& address, bool free_bind);
  void Accept(const std::shared_ptr<Acceptor>& acceptor);
  void Run();
  void StartSession(std::shared_ptr<BeastWebSocket<TcpStream>> socket, Request request);
  void Stop();

  const ServerOptions options;
  const Handler handler;
  const UpgradeHandler upgrade;
  int first_port = 0;
  asio::io_context context;  // owns, through their pending handlers, the acceptors and the connections
  asio::executor_work_guard<asio::io_context::executor_type> work;
  Sync<State> state;
  std::vector<std::thread> threads;
};

// Reads a request, calls the handler, writes the response, and again; every step on the connection's strand.
class HttpServer::Impl::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Impl& server, asio::basic_stream_socket<Tcp, Strand> socket)
      : server_(server), stream_(std::move(socket)) {
    error_code ignored;
    stream_.socket().set_option(Tcp::no_delay(true), ignored);
    const Tcp::endpoint peer = stream_.socket().remote_endpoint(ignored);
    if (!ignored) remote_address_ = peer.address().to_string();
  }

  void Start() {
    asio::dispatch(stream_.get_executor(), beast::bind_front_handler(&Connection::ReadHeader, shared_from_this()));
  }

 private:
  void ReadHeader() {
    parser_.emplace();
    spool_.emplace();
    parser_->header_limit(kMaxHeaderBytes);
    parser_->body_limit(server_.options.max_body_bytes);
    stream_.expires_after(server_.options.idle_timeout);
    http::async_read_header(stream_, buffer_, *parser_,
                            beast::bind_front_handler(&Connection::OnHeader, shared_from_this()));
  }

  void OnHeader(error_code error, std::size_t) {
    if (error) return Refuse(error);
    const auto& message = parser_->get();
    const bool expects = message.version() >= 11 && beast::iequals(message[http::field::expect], "100-continue");
    // A client that already sent some of the body is not waiting.
    if (!expects || parser_->is_done() || buffer_.size() > 0) return ReadBody();
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(stream_, asio::buffer(kContinue), [self = shared_from_this()](error_code failed, std::size_t) {
      if (!failed) self->ReadBody();
    });
  }

  // In steps, so that the time-out is for silence and not for the length of an upload.
  void ReadBody() {
    if (parser_->is_done()) return Handle();
    in_.resize(kReadBytes);
    buffer_.reserve(kReadBytes);  // Beast reads what there is room for, 512 bytes at first
    auto& body = parser_->get().body();
    body.data = in_.data();
    body.size = in_.size();
    stream_.expires_after(server_.options.idle_timeout);
    http::async_read_some(stream_, buffer_, *parser_, [self = shared_from_this()](error_code error, std::size_t) {
      if (error && error != http::error::need_buffer) return self->Refuse(error);
      const std::size_t got = self->in_.size() - self->parser_->get().body().size;
      if (self->spool_->Add({self->in_.data(), got}, self->server_.options)) return self->ReadBody();
      self->response_ = PlainError(507, fmt::format("cannot keep the body: {}", std::strerror(errno)));
      self->keep_alive_ = false;
      self->Write();
    });
  }

  void Handle() {
    http::request<http::buffer_body> message = parser_->release();
    Request request;
    request.method = message.method_string();
    request.target = message.target();
    for (const auto& field : message) request.headers.Add(field.name_string(), field.value());
    request.remote_address = remote_address_;
    if (server_.upgrade && beast::websocket::is_upgrade(message))
      return Upgrade(std::move(message), std::move(request));
    request.body = spool_->TakeMemory();
    request.body_file = spool_->path();

    is_head_ = request.method == "HEAD";
    http_1_0_ = message.version() < 11;
    keep_alive_ = message.keep_alive();
    try {
      response_ = server_.handler(request);
    } catch (const std::exception& error) {
      response_ = PlainError(500, error.what());
    }
    spool_.reset();
    if (response_.delay.count() > 0) return Wait();
    Conclude();
  }

  // No thread waits with it.
  void Wait() {
    stream_.expires_never();
    auto timer = std::make_shared<asio::steady_timer>(stream_.get_executor(), response_.delay);
    timer->async_wait([self = shared_from_this(), timer](error_code) { self->Conclude(); });
  }

  void Conclude() {
    switch (response_.fate) {
      case Response::Fate::kSent:
        return Write();
      case Response::Fate::kConnectionClosed:
        return stream_.close();
      case Response::Fate::kNeverSent:
        stream_.expires_never();
        return Drain();
    }
  }

  void Write() {
    sends_file_ = !response_.file.empty();
    if (sends_file_) {
      file_.Reset(::open(response_.file.c_str(), O_RDONLY | O_CLOEXEC));
      if (file_.get() < 0) {
        response_ = PlainError(500, fmt::format("cannot open a file: {}", std::strerror(errno)));
        sends_file_ = false;
      }
    }
    if (EqualsIgnoreCase(response_.headers.GetOr("Connection", ""), "close")) keep_alive_ = false;
    remaining_ = sends_file_ ? response_.file_length : response_.body.size();
    offset_ = sends_file_ ? response_.file_offset : 0;
    FormatHead(head_, response_, remaining_, is_head_, keep_alive_, http_1_0_);
    if (is_head_ || !HasBody(response_.status)) remaining_ = 0;
    WritePiece(asio::buffer(head_));
  }

  // `first` goes out together with the next piece of the body.
  void WritePiece(asio::const_buffer first) {
    const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, kPieceBytes));
    const char* data = nullptr;
    if (sends_file_ && size > 0) {
      piece_.resize(size);
      const ssize_t got = ::pread(file_.get(), piece_.data(), size, static_cast<off_t>(offset_));
      // Shorter than was promised: only a broken connection can tell the client now.
      if (got != static_cast<ssize_t>(size)) return stream_.close();
      data = piece_.data();
    } else if (size > 0) {
      data = response_.body.data() + offset_;
    }
    offset_ += size;
    remaining_ -= size;
    const std::array<asio::const_buffer, 2> buffers = {first, asio::const_buffer(data, size)};
    stream_.expires_after(server_.options.idle_timeout);
    asio::async_write(stream_, buffers, [self = shared_from_this()](error_code error, std::size_t) {
      if (error) return;
      if (self->remaining_ > 0) return self->WritePiece({});
      self->file_.Reset(-1);
      self->response_ = Response();
      if (self->keep_alive_) return self->ReadHeader();
      self->Linger();
    });
  }

  void Refuse(error_code error) {
    if (error.category() != make_error_code(http::error::end_of_stream).category()) return;  // the network's end of it
    if (error == http::error::end_of_stream || error == http::error::partial_message) return;
    int status = 400;
    if (error == http::error::body_limit) status = 413;
    if (error == http::error::header_limit || error == http::error::buffer_overflow) status = 431;
    response_ = PlainError(status, error.message());
    keep_alive_ = false;
    Write();
  }

  // Closing with unread data makes the kernel reset the connection, which can destroy the response on its way; so read
  // until the client is done with it.
  void Linger() {
    error_code ignored;
    stream_.socket().shutdown(Tcp::socket::shutdown_send, ignored);
    stream_.expires_after(kLingerTimeout);
    Drain();
  }

  void Drain() {
    piece_.resize(kPieceBytes);
    stream_.async_read_some(asio::buffer(piece_), [self = shared_from_this()](error_code error, std::size_t) {
      if (!error) self->Drain();
    });
  }

  void Upgrade(http::request<http::buffer_body> message, Request request) {
    stream_.expires_never();  // the websocket has a timer of its own
    auto socket = std::make_shared<beast::websocket::stream<TcpStream>>(std::move(stream_));
    socket->set_option(beast::websocket::stream_base::timeout::suggested(beast::role_type::server));
    auto held = std::make_shared<http::request<http::buffer_body>>(std::move(message));
    socket->async_accept(
        *held, [self = shared_from_this(), socket, held, request = std::move(request)](error_code error) {
          if (error) return;
          self->server_.StartSession(std::make_shared<BeastWebSocket<TcpStream>>(std::move(*socket)), request);
        });
  }

  Impl& server_;
  TcpStream stream_;
  std::string remote_address_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::buffer_body>> parser_;
  std::optional<Spool> spool_;
  std::string in_;

  Response response_;
  bool is_head_ = false;
  bool http_1_0_ = false;
  bool keep_alive_ = true;
  std::string head_;
  bool sends_file_ = false;
  FileDescriptor file_;
  std::string piece_;
  std::uint64_t offset_ = 0;
  std::uint64_t remaining_ = 0;
};

void HttpServer::Impl::Listen(const ServerOptions::Address& address, bool free_bind) {
  auto acceptor = std::make_shared<Acceptor>(context.get_executor());
  auto locked = state.lock();
  try {
    const Tcp::endpoint endpoint(asio::ip::make_address(address.ip), static_cast<std::uint16_t>(address.port));
    if (std::find(locked->bound.begin(), locked->bound.end(), endpoint) != locked->bound.end()) return;
    acceptor->open(endpoint.protocol());
    acceptor->set_option(asio::socket_base::reuse_address(true));
    if (free_bind) {
      const int on = 1;
      const bool v6 = endpoint.address().is_v6();
      ::setsockopt(acceptor->native_handle(), v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_FREEBIND : IP_FREEBIND, &on,
                   sizeof on);
    }
    acceptor->bind(endpoint);
    acceptor->listen(asio::socket_base::max_listen_connections);
    locked->bound.push_back(acceptor->local_endpoint());
  } catch (const boost::system::system_error& error) {
    std::string hint;
    if (error.code() == asio::error::address_in_use) {
      hint = fmt::format("see what uses it: ss -ltnp 'sport = :{}'", address.port);
    }
    throw Error(fmt::format("cannot listen on {}:{}: {}", address.ip, address.port, AsReason(error.code().message())),
                hint);
  }
  Accept(acceptor);
}

void HttpServer::Impl::Accept(const std::shared_ptr<Acceptor>& acceptor) {
  acceptor->async_accept(asio::make_strand(context),
                         [this, acceptor](error_code error, asio::basic_stream_socket<Tcp, Strand> socket) {
                           if (!error) {
                             std::make_shared<Connection>(*this, std::move(socket))->Start();
                             return Accept(acceptor);
                           }
                           if (error == asio::error::operation_aborted) return;
                           // Out of descriptors, most likely: wait for some to be given back.
                           auto timer = std::make_shared<asio::steady_timer>(context, std::chrono::milliseconds(100));
                           timer->async_wait([this, acceptor, timer](error_code) { Accept(acceptor); });
                         });
}

void HttpServer::Impl::Run() {
  while (true) {
    try {
      context.run();
      return;
    } catch (const std::exception&) {
      // No memory for one connection's request: that connection is gone with its handler, the others go on.
    }
  }
}

void HttpServer::Impl::StartSession(std::shared_ptr<BeastWebSocket<TcpStream>> socket, Request request) {
  auto locked = state.lock();
  if (locked->stopping) return;
  for (auto session = locked->sessions.begin(); session != locked->sessions.end();) {
    if (session->done) {
      session->thread.join();
      session = locked->sessions.erase(session);
    } else {
      ++session;
    }
  }
  Session& session = locked->sessions.emplace_back();
  session.socket = socket;
  session.thread = std::thread([this, &session, socket, request = std::move(request)] {
    socket->Start();
    try {
      upgrade(request, *socket);
    } catch (const std::exception&) {
      // The boundary of one websocket's work; its peer sees the connection close.
    }
    socket->Close();
    session.done = true;
  });
}

// Websocket handlers first, because their reads and writes need the server's threads.
void HttpServer::Impl::Stop() {
  std::list<Session> sessions;
  {
    auto locked = state.lock();
    locked->stopping = true;
    sessions.splice(sessions.end(), locked->sessions);
  }
  for (Session& session : sessions) session.socket->Close();
  for (Session& session : sessions) session.thread.join();
  for (Session& session : sessions) session.socket->AwaitEnd();
  context.stop();
  for (std::thread& thread : threads) thread.join();
}

HttpServer::HttpServer(const ServerOptions& options, Handler handler, UpgradeHandler upgrade)
    : impl_(std::make_unique<Impl>(options, std::move(handler), std::move(upgrade))) {
  for (const ServerOptions::Address& address : options.listen) impl_->Listen(address, false);
  if (auto state = impl_->state.lock(); !state->bound.empty()) impl_->first_port = state->bound.front().port();
  for (int i = 0; i < std::max(1, options.threads); ++i) {
    impl_->threads.emplace_back([impl = impl_.get()] { impl->Run(); });
  }
}

HttpServer::~HttpServer() { impl_->Stop(); }

int HttpServer::port() const { return impl_->first_port; }

void HttpServer::AddAddress(const ServerOptions::Address& address) { impl_->Listen(address, true); }

}  // namespace adhoc::net
