#include "localcloud/proxy/access_log_controller.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "localcloud/proxy/access_log.h"
#include "localcloud/proxy/balancer_view.h"

namespace adhoc::localcloud::proxy {
namespace {

namespace fs = std::filesystem;

// What a load balancer's log needs to know.
struct Log {
  fs::path directory;
  std::string bucket;
  std::string prefix;
  std::string ip;
  AccessLogContext context;
};

class Socket {
 public:
  explicit Socket(int fd = -1) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

// As HAProxy names a certificate: SHA-1, upper case hex digits.
std::string Fingerprint(const std::string& pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                      BIO_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr),
                                                                X509_free);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  if (!certificate || X509_digest(certificate.get(), EVP_sha1(), digest, &length) != 1) return "";
  std::string text;
  for (unsigned int i = 0; i < length; ++i) text += fmt::format("{:02X}", digest[i]);
  return text;
}

// By the ARN of their load balancers.
std::map<std::string, Log> ReadLogs(const Store::Transaction& txn, const fs::path& state_dir) {
  std::map<std::string, Log> logs;
  for (const auto& [arn, document] : txn.All(kLoadBalancers)) {
    const Json attributes = document.value("_attributes", Json::object());
    if (attributes.value("access_logs.s3.enabled", "") != "true") continue;
    const std::string id = arn.substr(arn.find("app/"));
    Log log{.directory = DirectoryOf(state_dir, arn),
            .bucket = attributes.value("access_logs.s3.bucket", ""),
            .prefix = attributes.value("access_logs.s3.prefix", ""),
            .ip = "0.0.0.0",
            .context = {.load_balancer = id, .dns_name = document.value("DNSName", "")}};
    if (const Json* holding = txn.Find(kHoldings, arn)) {
      if (const Json* interface = txn.Find("ec2.enis", holding->value("interface", ""))) {
        log.ip = interface->value("PrivateIpAddress", log.ip);
      }
    }
    logs.emplace(arn, std::move(log));
  }
  if (logs.empty()) return logs;
  std::map<std::string, std::string> groups;
  for (const auto& [arn, group] : txn.All(kTargetGroups)) groups["tg-" + group.value("TargetGroupName", "")] = arn;
  for (auto& [arn, log] : logs) log.context.target_groups = groups;
  for (const auto& [arn, listener] : txn.All(kListeners)) {
    const auto log = logs.find(listener.value("LoadBalancerArn", ""));
    if (log == logs.end()) continue;
    for (const char* list : {"Certificates", "_certificates"}) {
      for (const auto& entry : listener.value(list, Json::array())) {
        const std::string certificate_arn = entry.value("CertificateArn", "");
        const Json* certificate = txn.Find(kCertificates, certificate_arn);
        if (certificate == nullptr) continue;
        log->second.context.certificates[Fingerprint(certificate->value("_certificate", ""))] = certificate_arn;
      }
    }
  }
  return logs;
}

// A listening socket in the directory. Its path is named by way of the directory's descriptor: it may be longer than a
// socket's path can be.
Socket Listen(const fs::path& directory) {
  fs::create_directories(directory);
  const Socket parent(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  Socket listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = fmt::format("/proc/self/fd/{}/{}", parent.fd(), kAccessLogSocket);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  unlink(path.c_str());
  if (bind(listener.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener.fd(), 16) != 0) {
    throw Error(fmt::format("cannot receive an access log in {}: {}", directory.string(), std::strerror(errno)));
  }
  return listener;
}

}  // namespace

struct AccessLogController::Impl {
  Impl(Cloud& the_cloud, Deliver the_deliver) : cloud(the_cloud), deliver(std::move(the_deliver)) {
    subscription = cloud.store.Subscribe([stale = stale](const Changes& changed) {
      for (const auto collection : {kLoadBalancers, kListeners, kTargetGroups, kHoldings, kCertificates}) {
        if (changed.contains(collection)) *stale = true;
      }
    });
  }

  struct Connection {
    Socket socket;
    std::string rest;  // of a line that is still arriving
  };
  struct Receiver {
    Log log;
    Socket listener;
    std::vector<Connection> connections;
    std::string entries;
    TimePoint due;  // meaningless without entries
  };

  void Pass(std::chrono::milliseconds patience) {
    if (stale->exchange(false)) Refresh();
    Receive(patience);
    for (auto& [arn, receiver] : receivers) {
      if (!receiver.entries.empty() && receiver.due <= cloud.clock.Now()) Flush(receiver);
    }
  }

  void Refresh() {
    const auto logs = ReadLogs(*cloud.store.Begin(), cloud.settings.state_dir);
    for (auto it = receivers.begin(); it != receivers.end();) {
      if (logs.contains(it->first)) {
        ++it;
        continue;
      }
      Take(it->second);
      Flush(it->second);
      it = receivers.erase(it);
    }
    for (const auto& [arn, log] : logs) {
      const auto found = receivers.find(arn);
      if (found != receivers.end()) {
        // Entries go where they belonged when they came.
        if (found->second.log.bucket != log.bucket || found->second.log.prefix != log.prefix) Flush(found->second);
        found->second.log = log;
        continue;
      }
      try {
        receivers.emplace(arn, Receiver{.log = log, .listener = Listen(log.directory)});
      } catch (const std::exception& error) {
        Complain(error.what());
      }
    }
  }

  void Receive(std::chrono::milliseconds patience) {
    std::vector<pollfd> waiting;
    for (const auto& [arn, receiver] : receivers) {
      waiting.push_back({.fd = receiver.listener.fd(), .events = POLLIN, .revents = 0});
      for (const auto& connection : receiver.connections) {
        waiting.push_back({.fd = connection.socket.fd(), .events = POLLIN, .revents = 0});
      }
    }
    if (poll(waiting.data(), waiting.size(), static_cast<int>(patience.count())) <= 0) return;
    for (auto& [arn, receiver] : receivers) Take(receiver);
  }

  // What has arrived.
  void Take(Receiver& receiver) {
    for (;;) {
      Socket accepted(accept4(receiver.listener.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (accepted.fd() < 0) break;
      receiver.connections.push_back({std::move(accepted), ""});
    }
    std::erase_if(receiver.connections, [&](Connection& connection) {
      char buffer[65536];
      for (;;) {
        const ssize_t length = recv(connection.socket.fd(), buffer, sizeof buffer, 0);
        if (length < 0) return errno != EAGAIN && errno != EINTR;
        if (length == 0) return true;
        connection.rest.append(buffer, static_cast<std::size_t>(length));
        std::size_t begin = 0;
        for (std::size_t end; (end = connection.rest.find('\n', begin)) != std::string::npos; begin = end + 1) {
          Add(receiver, std::string_view(connection.rest).substr(begin, end - begin));
        }
        connection.rest.erase(0, begin);
      }
    });
  }

  void Add(Receiver& receiver, std::string_view line) {
    if (line.empty()) return;
    if (receiver.entries.empty()) {
      const double wait = std::max(kSoonest, cloud.settings.timing.factor * kInterval);
      receiver.due = FromSeconds(cloud.Now() + wait);
    }
    receiver.entries += AccessLogEntry(line, receiver.log.context) + "\n";
  }

  void Flush(Receiver& receiver) {
    const std::string entries = std::exchange(receiver.entries, "");
    if (entries.empty()) return;
    const Log& log = receiver.log;
    try {
      deliver(log.bucket,
              AccessLogKey({log.prefix, cloud.settings.account, cloud.settings.region}, log.context.load_balancer,
                           cloud.clock.Now(), log.ip, cloud.random.Pick("abcdefghijklmnopqrstuvwxyz0123456789", 8)),
              Gzip(entries));
      complaint.clear();
    } catch (const std::exception& error) {
      Complain(fmt::format("access log of {}: {}", log.context.load_balancer, error.what()));
    }
  }

  void Complain(const std::string& what) {
    if (what != complaint) spdlog::warn("{}", what);
    complaint = what;
  }

  // Of a file on AWS, and at least, in seconds.
  static constexpr double kInterval = 300;
  static constexpr double kSoonest = 1;

  Cloud& cloud;
  const Deliver deliver;
  // The documents are not those of the last look. Told by the store, which may do so for a last time when we are gone.
  std::shared_ptr<std::atomic<bool>> stale = std::make_shared<std::atomic<bool>>(true);
  Subscription subscription;
  std::map<std::string, Receiver> receivers;  // by ARN of the load balancer
  std::string complaint;                      // the last one
  std::jthread thread;
};

AccessLogController::AccessLogController(Cloud& cloud, Deliver deliver)
    : impl_(std::make_unique<Impl>(cloud, std::move(deliver))) {}

AccessLogController::~AccessLogController() {
  if (impl_->thread.joinable()) {
    impl_->thread.request_stop();
    impl_->thread.join();
  }
  for (auto& [arn, receiver] : impl_->receivers) {
    impl_->Take(receiver);
    impl_->Flush(receiver);
  }
}

void AccessLogController::Start() {
  impl_->thread = std::jthread([this](std::stop_token stop) {
    while (!stop.stop_requested()) {
      try {
        impl_->Pass(std::chrono::milliseconds(200));
        // Nothing to wait for at the sockets.
        if (impl_->receivers.empty()) impl_->cloud.clock.SleepFor(std::chrono::milliseconds(300), stop);
      } catch (const std::exception& error) {
        spdlog::error("access logs: {}", error.what());
        impl_->cloud.clock.SleepFor(std::chrono::seconds(1), stop);
      }
    }
  });
}

void AccessLogController::Pass(std::chrono::milliseconds patience) { impl_->Pass(patience); }

}  // namespace adhoc::localcloud::proxy
