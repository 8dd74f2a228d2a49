#include "localcloud/proxy/http_prober.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <stop_token>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/sync.h"

namespace adhoc::localcloud::proxy {
namespace {

using Monotonic = std::chrono::steady_clock;

// The status of a response whose beginning is `text`; nothing while the status line isn't complete, 0 when it is none.
std::optional<int> ParseStatus(std::string_view text) {
  constexpr std::string_view kBeginning = "HTTP/1.";
  if (text.substr(0, kBeginning.size()) != kBeginning.substr(0, text.size())) return 0;
  if (text.find('\n') == std::string_view::npos) return text.size() > 4096 ? std::optional<int>(0) : std::nullopt;
  if (text.size() < 13 || text[8] != ' ') return 0;
  int status = 0;
  for (const char c : text.substr(9, 3)) {
    if (c < '0' || c > '9') return 0;
    status = status * 10 + (c - '0');
  }
  return status;
}

// A probe under way: connecting, sending, receiving, each without blocking.
class Exchange {
 public:
  Exchange(const ProbeRequest& request, SSL_CTX* tls, std::function<void(const ProbeResult&)> done)
      : deadline_(Monotonic::now() + request.timeout), done_(std::move(done)) {
    // A port is part of Host unless it is the protocol's own.
    const bool usual = request.port == (request.tls ? 443 : 80);
    output_ = fmt::format(
        "GET {} HTTP/1.1\r\nHost: {}{}\r\nConnection: close\r\nUser-Agent: ELB-HealthChecker/2.0\r\nAccept-Encoding: "
        "gzip, "
        "compressed\r\n\r\n",
        request.path, request.ip, usual ? "" : fmt::format(":{}", request.port));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(request.port));
    if (inet_pton(AF_INET, request.ip.c_str(), &address.sin_addr) != 1) return;
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return;
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 && errno != EINPROGRESS) {
      CloseNow();
      return;
    }
    if (request.tls) {
      ssl_ = SSL_new(tls);
      SSL_set_fd(ssl_, fd_);
      SSL_set_connect_state(ssl_);
    }
  }
  ~Exchange() { CloseNow(); }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  Monotonic::time_point deadline() const { return deadline_; }
  pollfd Interest() const { return {fd_, static_cast<short>(wants_write_ ? POLLOUT : POLLIN), 0}; }

  // The result once there is one.
  std::optional<ProbeResult> Advance(short events) {
    if (fd_ < 0) return ProbeResult{};
    if (Monotonic::now() >= deadline_) return ProbeResult{ProbeResult::Kind::kTimedOut, 0};
    if (events == 0) return std::nullopt;
    if (!connected_) {
      int error = 0;
      socklen_t length = sizeof error;
      getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
      if (error == ETIMEDOUT) return ProbeResult{ProbeResult::Kind::kTimedOut, 0};
      if (error != 0) return ProbeResult{};
      connected_ = true;
    }
    for (;;) {
      char buffer[2048];
      const bool sending = !output_.empty();
      const int length = sending ? Write() : Read(buffer, sizeof buffer);
      if (length == kAgain) return std::nullopt;
      if (length <= 0) return ProbeResult{};
      if (sending) {
        output_.erase(0, static_cast<std::size_t>(length));
        wants_write_ = !output_.empty();
        continue;
      }
      input_.append(buffer, static_cast<std::size_t>(length));
      if (const auto status = ParseStatus(input_)) {
        return *status == 0 ? ProbeResult{} : ProbeResult{ProbeResult::Kind::kAnswered, *status};
      }
    }
  }

  void Finish(const ProbeResult& result) {
    CloseNow();
    done_(result);
  }

 private:
  static constexpr int kAgain = -2;

  int Write() {
    if (ssl_ != nullptr) return Outcome(SSL_write(ssl_, output_.data(), static_cast<int>(output_.size())));
    const auto length = send(fd_, output_.data(), output_.size(), MSG_NOSIGNAL);
    return length < 0 && (errno == EAGAIN || errno == EINTR) ? kAgain : static_cast<int>(length);
  }

  int Read(char* buffer, std::size_t size) {
    if (ssl_ != nullptr) return Outcome(SSL_read(ssl_, buffer, static_cast<int>(size)));
    const auto length = recv(fd_, buffer, size, 0);
    return length < 0 && (errno == EAGAIN || errno == EINTR) ? kAgain : static_cast<int>(length);
  }

  int Outcome(int length) {
    if (length > 0) return length;
    const int error = SSL_get_error(ssl_, length);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return -1;
    wants_write_ = error == SSL_ERROR_WANT_WRITE;
    return kAgain;
  }

  void CloseNow() {
    if (ssl_ != nullptr) SSL_free(ssl_);
    ssl_ = nullptr;
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  Monotonic::time_point deadline_;
  std::function<void(const ProbeResult&)> done_;
  int fd_ = -1;
  SSL* ssl_ = nullptr;
  bool connected_ = false;
  bool wants_write_ = true;
  std::string output_;
  std::string input_;
};

class PollingProber : public Prober {
 public:
  PollingProber() : wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), tls_(SSL_CTX_new(TLS_client_method())) {
    if (wake_ < 0 || tls_ == nullptr) throw Error("cannot start health checks: out of resources");
    thread_ = std::jthread([this](std::stop_token stop) { Run(stop); });
  }

  ~PollingProber() override {
    thread_.request_stop();
    Wake();
    thread_.join();
    close(wake_);
    SSL_CTX_free(tls_);
  }

  void Probe(const ProbeRequest& request, std::function<void(const ProbeResult&)> done) override {
    auto exchange = std::make_unique<Exchange>(request, tls_, std::move(done));
    incoming_.lock()->push_back(std::move(exchange));
    Wake();
  }

 private:
  void Wake() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = write(wake_, &one, sizeof one);
  }

  void Run(const std::stop_token& stop) {
    std::vector<std::unique_ptr<Exchange>> exchanges;
    while (!stop.stop_requested()) {
      std::vector<pollfd> interests{{wake_, POLLIN, 0}};
      auto deadline = Monotonic::time_point::max();
      for (const auto& exchange : exchanges) {
        interests.push_back(exchange->Interest());
        deadline = std::min(deadline, exchange->deadline());
      }
      int wait = -1;
      if (!exchanges.empty()) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Monotonic::now()).count();
        wait = static_cast<int>(std::clamp<std::int64_t>(left, 0, 60000));
      }
      poll(interests.data(), interests.size(), wait);
      if ((interests[0].revents & POLLIN) != 0) {
        std::uint64_t count = 0;
        [[maybe_unused]] const auto length = read(wake_, &count, sizeof count);
      }
      std::vector<std::unique_ptr<Exchange>> going_on;
      for (std::size_t i = 0; i < exchanges.size(); ++i) {
        if (const auto result = exchanges[i]->Advance(interests[i + 1].revents)) {
          exchanges[i]->Finish(*result);
        } else {
          going_on.push_back(std::move(exchanges[i]));
        }
      }
      exchanges = std::move(going_on);
      for (auto& exchange : std::exchange(*incoming_.lock(), {})) {
        // One that could not even be started ends here.
        if (const auto result = exchange->Advance(0)) {
          exchange->Finish(*result);
        } else {
          exchanges.push_back(std::move(exchange));
        }
      }
    }
  }

  int wake_;
  SSL_CTX* tls_;
  Sync<std::vector<std::unique_ptr<Exchange>>> incoming_;
  std::jthread thread_;
};

}  // namespace

std::unique_ptr<Prober> MakeHttpProber() { return std::make_unique<PollingProber>(); }

}  // namespace adhoc::localcloud::proxy
