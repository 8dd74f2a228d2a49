// The local cloud's DNS: what net::DnsServer asks for each query. Names of the local cloud are answered from its
// documents; a VPC's other questions go to this machine's resolvers, and this machine's own are refused, as Route 53's
// servers refuse what is in no zone of theirs.
#pragma once

#include <memory>
#include <optional>

#include "base/sync.h"
#include "localcloud/cloud.h"
#include "localcloud/names/zones.h"
#include "net/dns_server.h"

namespace adhoc::localcloud {

// Pure: what to do with a query of that VPC (empty: of this machine).
net::DnsVerdict DecideQuery(const net::DnsQuery& query, const Zones& zones, const std::string& vpc, Random& random);

// Thread-safe.
class NameServer {
 public:
  explicit NameServer(Cloud& cloud);

  net::DnsVerdict Handle(const net::DnsQuery& query);

 private:
  // Nothing: a commit has touched what it is read from.
  using Known = Sync<std::shared_ptr<const Zones>>;

  Cloud& cloud_;
  const std::shared_ptr<Known> known_ = std::make_shared<Known>();
  Subscription subscription_;
};

}  // namespace adhoc::localcloud
