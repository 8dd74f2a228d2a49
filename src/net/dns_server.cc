#include "net/dns_server.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include "base/error.h"
#include "base/sync.h"
#include "net/reason.h"

namespace adhoc::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Tcp = asio::ip::tcp;
using Udp = asio::ip::udp;

constexpr std::size_t kMaxMessage = 65535;
constexpr int kPortAttempts = 16;
constexpr int kMaxConnections = 128;
constexpr std::chrono::seconds kIdleTimeout{10};
constexpr std::chrono::seconds kResolverTimeout{2};
// Each resolver is asked so many times before the query has failed.
constexpr int kRounds = 2;

// A message as it goes over TCP.
std::string WithLength(const std::string& message) {
  return std::string{static_cast<char>(message.size() >> 8), static_cast<char>(message.size() & 0xFF)} + message;
}

std::size_t LengthOf(const std::array<unsigned char, 2>& bytes) { return std::size_t{bytes[0]} << 8 | bytes[1]; }

// A question to one resolver after the other, until one answers.
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  using Done = std::function<void(std::string answer)>;

  Exchange(asio::io_context& context, std::vector<DnsAddress> resolvers, std::string question, bool over_tcp, Done done)
      : resolvers_(std::move(resolvers)),
        question_(std::move(question)),
        over_tcp_(over_tcp),
        done_(std::move(done)),
        udp_(context),
        tcp_(context),
        timer_(context) {}

  void Start() { AskNext(); }

 private:
  void AskNext() {
    error_code ignored;
    udp_.close(ignored);
    tcp_.close(ignored);
    if (resolvers_.empty() || asked_ == resolvers_.size() * kRounds) return done_("");
    const DnsAddress& resolver = resolvers_[asked_++ % resolvers_.size()];
    error_code failed;
    const auto ip = asio::ip::make_address(resolver.ip, failed);
    if (failed) return AskNext();
    timer_.expires_after(kResolverTimeout);
    timer_.async_wait([self = shared_from_this()](error_code error) {
      if (error) return;
      error_code unused;
      self->udp_.close(unused);
      self->tcp_.close(unused);
    });
    const auto port = static_cast<std::uint16_t>(resolver.port);
    over_tcp_ ? AskTcp({ip, port}) : AskUdp({ip, port});
  }

  void AskUdp(const Udp::endpoint& resolver) {
    // Connected, so that nobody else's datagrams arrive, and a refusal does.
    error_code failed;
    udp_.open(resolver.protocol(), failed);
    if (!failed) udp_.connect(resolver, failed);
    if (!failed) udp_.send(asio::buffer(question_), 0, failed);
    if (failed) return Fail();
    Receive();
  }

  void Receive() {
    answer_.resize(kMaxMessage);
    udp_.async_receive(asio::buffer(answer_), [self = shared_from_this()](error_code error, std::size_t size) {
      if (error) return self->Fail();
      self->answer_.resize(size);
      if (!self->IsAnswered()) return self->Receive();
      self->Finish();
    });
  }

  void AskTcp(const Tcp::endpoint& resolver) {
    tcp_.async_connect(resolver, [self = shared_from_this()](error_code error) {
      if (error) return self->Fail();
      self->framed_ = WithLength(self->question_);
      asio::async_write(self->tcp_, asio::buffer(self->framed_), [self](error_code failed, std::size_t) {
        if (failed) return self->Fail();
        self->ReadTcp();
      });
    });
  }

  void ReadTcp() {
    asio::async_read(tcp_, asio::buffer(length_), [self = shared_from_this()](error_code error, std::size_t) {
      if (error) return self->Fail();
      self->answer_.resize(LengthOf(self->length_));
      asio::async_read(self->tcp_, asio::buffer(self->answer_), [self](error_code failed, std::size_t) {
        failed || !self->IsAnswered() ? self->Fail() : self->Finish();
      });
    });
  }

  bool IsAnswered() const {
    return answer_.size() >= 12 && question_.size() >= 2 && answer_.compare(0, 2, question_, 0, 2) == 0 &&
           (answer_[2] & 0x80) != 0;
  }
  void Fail() {
    timer_.cancel();
    AskNext();
  }
  void Finish() {
    timer_.cancel();
    done_(std::move(answer_));
  }

  const std::vector<DnsAddress> resolvers_;
  const std::string question_;
  const bool over_tcp_;
  const Done done_;
  std::size_t asked_ = 0;
  Udp::socket udp_;
  Tcp::socket tcp_;
  asio::steady_timer timer_;
  std::array<unsigned char, 2> length_{};
  std::string framed_;
  std::string answer_;
};

}  // namespace

std::vector<DnsAddress> ParseResolvConf(std::string_view text) {
  std::vector<DnsAddress> resolvers;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word;
    std::string ip;
    if (words >> word >> ip && word == "nameserver") resolvers.push_back({.ip = ip});
  }
  return resolvers;
}

std::vector<DnsAddress> MachineResolvers() {
  std::ifstream file("/etc/resolv.conf");
  return ParseResolvConf(std::string(std::istreambuf_iterator<char>(file), {}));
}

struct DnsServer::Impl {
  struct Listener {
    explicit Listener(asio::io_context& context) : udp(context), tcp(context) {}
    Udp::socket udp;
    Tcp::acceptor tcp;
    std::string ip;
    std::string datagram;
    Udp::endpoint sender;
  };
  struct Connection {
    Connection(Tcp::socket accepted, int& all) : socket(std::move(accepted)), timer(socket.get_executor()), count(all) {
      ++count;
    }
    ~Connection() { --count; }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    Tcp::socket socket;
    asio::steady_timer timer;
    std::string ip;
    std::array<unsigned char, 2> length{};
    std::string message;
    int& count;  // of all connections
  };

  Impl(Handler query_handler, Resolvers machine)
      : handler(std::move(query_handler)), resolvers(std::move(machine)), work(context.get_executor()) {}

  // Throws boost's system_error.
  static void Bind(Listener& listener, const asio::ip::address& ip, int port, bool free_bind) {
    const Udp::endpoint endpoint(ip, static_cast<std::uint16_t>(port));
    listener.udp.open(endpoint.protocol());
    listener.tcp.open(Tcp::endpoint(ip, 0).protocol());
    if (free_bind) {
      const int on = 1;
      ::setsockopt(listener.udp.native_handle(), IPPROTO_IP, IP_FREEBIND, &on, sizeof on);
      ::setsockopt(listener.tcp.native_handle(), IPPROTO_IP, IP_FREEBIND, &on, sizeof on);
    }
    listener.tcp.set_option(asio::socket_base::reuse_address(true));
    listener.udp.bind(endpoint);
    listener.tcp.bind(Tcp::endpoint(ip, listener.udp.local_endpoint().port()));
    listener.tcp.listen(asio::socket_base::max_listen_connections);
  }

  void Listen(const DnsAddress& address, bool free_bind) {
    auto locked = bound.lock();
    if (std::find(locked->begin(), locked->end(), address.ip) != locked->end()) return;
    for (int attempt = 1;; ++attempt) {
      auto listener = std::make_shared<Listener>(context);
      try {
        Bind(*listener, asio::ip::make_address(address.ip), address.port, free_bind);
      } catch (const boost::system::system_error& error) {
        const bool in_use = error.code() == asio::error::address_in_use;
        // What the system picked for one protocol may be somebody's in the other.
        if (in_use && address.port == 0 && attempt < kPortAttempts) continue;
        throw Error(
            fmt::format("cannot listen on {}:{}: {}", address.ip, address.port, AsReason(error.code().message())),
            in_use ? fmt::format("see what uses it: ss -lntup 'sport = :{}'", address.port) : "");
      }
      listener->ip = address.ip;
      if (locked->empty()) first_port = listener->udp.local_endpoint().port();
      locked->push_back(address.ip);
      asio::post(context, [this, listener] {
        Receive(listener);
        Accept(listener);
      });
      return;
    }
  }

  void Receive(const std::shared_ptr<Listener>& listener) {
    listener->datagram.resize(kMaxMessage);
    listener->udp.async_receive_from(asio::buffer(listener->datagram), listener->sender,
                                     [this, listener](error_code error, std::size_t size) {
                                       if (error == asio::error::operation_aborted) return;
                                       if (!error) {
                                         listener->datagram.resize(size);
                                         Decide({std::move(listener->datagram), listener->ip, false},
                                                [listener, sender = listener->sender](const std::string& reply) {
                                                  error_code gone;  // a client that is not there any more
                                                  if (!reply.empty())
                                                    listener->udp.send_to(asio::buffer(reply), sender, 0, gone);
                                                });
                                       }
                                       Receive(listener);
                                     });
  }

  void Accept(const std::shared_ptr<Listener>& listener) {
    listener->tcp.async_accept([this, listener](error_code error, Tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (error) {
        // Out of descriptors, most likely: wait for some to be given back.
        auto timer = std::make_shared<asio::steady_timer>(context, std::chrono::milliseconds(100));
        timer->async_wait([this, listener, timer](error_code) { Accept(listener); });
        return;
      }
      if (connections < kMaxConnections) {
        auto connection = std::make_shared<Connection>(std::move(socket), connections);
        connection->ip = listener->ip;
        Read(connection);
      }
      Accept(listener);
    });
  }

  void Read(const std::shared_ptr<Connection>& connection) {
    connection->timer.expires_after(kIdleTimeout);
    connection->timer.async_wait([connection](error_code error) {
      error_code ignored;
      if (!error) connection->socket.close(ignored);
    });
    asio::async_read(connection->socket, asio::buffer(connection->length), [this, connection](error_code error, auto) {
      if (error) return connection->timer.cancel(), void();
      connection->message.resize(LengthOf(connection->length));
      asio::async_read(connection->socket, asio::buffer(connection->message),
                       [this, connection](error_code failed, auto) {
                         connection->timer.cancel();
                         if (!failed) Answer(connection);
                       });
    });
  }

  // One query after the other, in their order.
  void Answer(const std::shared_ptr<Connection>& connection) {
    Decide({std::move(connection->message), connection->ip, true}, [this, connection](const std::string& reply) {
      if (reply.empty()) return;
      connection->message = WithLength(reply);
      asio::async_write(connection->socket, asio::buffer(connection->message),
                        [this, connection](error_code error, auto) {
                          if (!error) Read(connection);
                        });
    });
  }

  void Decide(const DnsQuery& query, std::function<void(const std::string& reply)> send) {
    DnsVerdict verdict;
    try {
      verdict = handler(query);
    } catch (const std::exception&) {
      // No memory for one query: its client asks again.
    }
    if (verdict.question.empty()) return send(verdict.reply);
    std::make_shared<Exchange>(
        context, resolvers(), verdict.question, query.over_tcp,
        [finish = verdict.finish, send = std::move(send)](const std::string& answer) { send(finish(answer)); })
        ->Start();
  }

  const Handler handler;
  const Resolvers resolvers;
  int connections = 0;
  asio::io_context context{1};  // owns, through their pending handlers, the listeners, connections and exchanges
  asio::executor_work_guard<asio::io_context::executor_type> work;
  Sync<std::vector<std::string>> bound;
  int first_port = 0;
  std::thread thread;
};

DnsServer::DnsServer(const DnsAddress& address, Handler handler, Resolvers resolvers)
    : impl_(std::make_unique<Impl>(std::move(handler), std::move(resolvers))) {
  impl_->Listen(address, false);
  impl_->thread = std::thread([impl = impl_.get()] { impl->context.run(); });
}

DnsServer::~DnsServer() {
  impl_->context.stop();
  impl_->thread.join();
}

int DnsServer::port() const { return impl_->first_port; }

void DnsServer::AddAddress(const DnsAddress& address) { impl_->Listen(address, true); }

}  // namespace adhoc::net
