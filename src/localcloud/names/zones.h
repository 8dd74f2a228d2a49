// What the local cloud's DNS server knows, read from the documents of Route 53, Cloud Map, load balancers, databases
// and network interfaces. A value; reading is a pure function.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "localcloud/cloud.h"
#include "net/dns_message.h"

namespace adhoc::localcloud {

enum class RoutingPolicy { kSimple, kWeighted, kMultivalue, kFailover, kLatency, kGeolocation };

struct RecordSet {
  std::uint16_t type = net::kDnsA;
  std::uint32_t ttl = 0;
  std::vector<std::string> data;  // of each value
  net::DnsName alias;             // instead of data
  RoutingPolicy policy = RoutingPolicy::kSimple;
  std::int64_t weight = 0;
  // Of several with the same policy: the primary one, the one of this region, the default location.
  bool preferred = false;
};

// Names are keys as DnsKey makes them.
struct Zone {
  net::DnsName name;
  bool is_private = false;
  std::set<std::string> vpcs;
  // A name without sets is there because there are names below it.
  std::map<std::string, std::vector<RecordSet>> names;

  // Of a name in the zone.
  void Add(const net::DnsName& at, RecordSet set);
};

// A name of AWS's own: a load balancer's, a database's, an interface's.
struct Host {
  std::string inside;   // its address for a VPC
  std::string outside;  // and for this machine
};

struct Zones {
  std::vector<Zone> zones;
  std::map<std::string, Host> hosts;
  std::map<std::string, net::DnsName> reverse;  // of 4.1.0.10.in-addr.arpa.
  std::map<std::string, std::string> gateways;  // the address of a VPC's gateway → the VPC
};

Zones ReadZones(const Store::Transaction& txn, const Settings& settings);
// Whether a commit that touched the collection can change what ReadZones returns.
bool IsOfZones(std::string_view collection);

}  // namespace adhoc::localcloud
