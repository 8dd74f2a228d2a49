// A DNS server on UDP and TCP (RFC 1035, RFC 7766) for loopback and container networks. It moves messages; what they
// say is its handler's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace adhoc::net {

struct DnsAddress {
  std::string ip = "127.0.0.1";
  int port = 53;
};

struct DnsQuery {
  std::string bytes;
  std::string local_ip;  // where it came in
  bool over_tcp = false;
};

// What a query leads to: a reply, or a question to other resolvers whose answer is made into the reply.
struct DnsVerdict {
  std::string reply;                                           // empty: none
  std::string question;                                        // a message for the resolvers; empty: no question
  std::function<std::string(std::string_view answer)> finish;  // with nothing when none of them answered
};

// The `nameserver` lines of a resolv.conf.
std::vector<DnsAddress> ParseResolvConf(std::string_view text);
// Those of this machine at the moment.
std::vector<DnsAddress> MachineResolvers();

class DnsServer {
 public:
  // Called on the server's one thread, so it must be quick.
  using Handler = std::function<DnsVerdict(const DnsQuery&)>;
  using Resolvers = std::function<std::vector<DnsAddress>()>;

  // Binds at once; port 0: one that is free for both. Throws Error `cannot listen on 127.0.0.1:4553: address already in
  // use`.
  DnsServer(const DnsAddress& address, Handler handler, Resolvers resolvers = MachineResolvers);
  ~DnsServer();
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;

  int port() const;  // of the first address
  // Listens on a further address while running; idempotent. The address need not exist on the machine yet
  // (IP_FREEBIND).
  void AddAddress(const DnsAddress& address);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace adhoc::net
