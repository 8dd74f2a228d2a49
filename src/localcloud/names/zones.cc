#include "localcloud/names/zones.h"

#include <fmt/format.h>

#include <algorithm>

#include "localcloud/api/support.h"
#include "localcloud/names/record_data.h"
#include "localcloud/network/ipv4.h"

namespace adhoc::localcloud {
namespace {

using net::DnsName;

// Route 53 writes what is unusual in a name as \ooo.
constexpr int kOctal = 8;
constexpr const char* kThisMachine = "127.0.0.1";
// Also their names with "dualstack." in front mean a load balancer.
constexpr std::string_view kDualStack = "dualstack";

void SetPolicy(const Json& record, const Settings& settings, RecordSet& set) {
  if (record.contains("Weight")) {
    set.policy = RoutingPolicy::kWeighted;
    set.weight = Number(record, "Weight");
  } else if (Flag(record, "MultiValueAnswer")) {
    set.policy = RoutingPolicy::kMultivalue;
  } else if (record.contains("Failover")) {
    set.policy = RoutingPolicy::kFailover;
    set.preferred = Text(record, "Failover") == "PRIMARY";
  } else if (record.contains("Region")) {
    set.policy = RoutingPolicy::kLatency;
    set.preferred = Text(record, "Region") == settings.region;
  } else if (record.contains("GeoLocation")) {
    set.policy = RoutingPolicy::kGeolocation;
    set.preferred = Text(record["GeoLocation"], "CountryCode") == "*";
  }
}

void AddRecord(const Json& record, const Settings& settings, Zone& zone) {
  const auto name = net::ParseDnsName(Text(record, "Name"), kOctal);
  const auto type = RecordType(Text(record, "Type"));
  if (!name || !type) return;
  RecordSet set{.type = *type, .ttl = static_cast<std::uint32_t>(Number(record, "TTL"))};
  if (record.contains("AliasTarget")) {
    auto target = net::ParseDnsName(Text(record["AliasTarget"], "DNSName"), kOctal);
    if (!target) return;
    if (target->front() == kDualStack) target->erase(target->begin());
    set.alias = std::move(*target);
  }
  for (const Json& value : Items(record, "ResourceRecords")) {
    if (auto data = RecordData(*type, Text(value, "Value"))) set.data.push_back(std::move(*data));
  }
  SetPolicy(record, settings, set);
  zone.Add(*name, std::move(set));
}

std::map<std::string, Zone> ReadHostedZones(const Store::Transaction& txn, const Settings& settings) {
  std::map<std::string, Zone> zones;
  for (const auto& [id, document] : txn.All("route53.zones")) {
    const auto name = net::ParseDnsName(Text(document, "Name"), kOctal);
    if (!name) continue;
    Zone& zone = zones[id];
    zone.name = *name;
    zone.is_private = Flag(Fields(document, "Config"), "PrivateZone");
    for (const Json& vpc : Items(document, "_vpcs")) zone.vpcs.insert(Text(vpc, "VPCId"));
  }
  for (const auto& [key, record] : txn.All("route53.records")) {
    const auto zone = zones.find(key.substr(0, key.find('\n')));
    if (zone != zones.end()) AddRecord(record, settings, zone->second);
  }
  return zones;
}

// The records that Cloud Map makes for a healthy instance (API reference, DnsRecord and RegisterInstance).
void AddInstance(const Json& service, const Json& instance, const DnsName& name, Zone& zone) {
  const Json& attributes = Fields(instance, "Attributes");
  const Json& config = Fields(service, "DnsConfig");
  RecordSet set{
      .policy = Text(config, "RoutingPolicy") == "WEIGHTED" ? RoutingPolicy::kWeighted : RoutingPolicy::kMultivalue,
      .weight = 1};
  DnsName host = name;
  host.insert(host.begin(), Text(instance, "Id"));
  for (const Json& record : Items(config, "DnsRecords")) {
    const auto type = RecordType(Text(record, "Type"));
    if (!type) continue;
    set.type = *type;
    set.ttl = static_cast<std::uint32_t>(Number(record, "TTL"));
    set.data.clear();
    set.alias.clear();
    const auto add = [&](std::uint16_t of_type, const std::string& value) {
      if (auto data = RecordData(of_type, value)) set.data = {std::move(*data)};
    };
    if (*type == net::kDnsA) {
      add(*type, Text(attributes, "AWS_INSTANCE_IPV4"));
      if (const auto alias = net::ParseDnsName(Text(attributes, "AWS_ALIAS_DNS_NAME"))) set.alias = *alias;
    } else if (*type == net::kDnsAaaa) {
      add(*type, Text(attributes, "AWS_INSTANCE_IPV6"));
    } else if (*type == net::kDnsCname) {
      add(*type, Text(attributes, "AWS_INSTANCE_CNAME"));
    } else if (*type == net::kDnsSrv) {
      add(*type, fmt::format("1 1 {} {}", Text(attributes, "AWS_INSTANCE_PORT"), net::DnsKey(host)));
      if (auto address = RecordData(net::kDnsA, Text(attributes, "AWS_INSTANCE_IPV4"))) {
        zone.Add(host, {.type = net::kDnsA, .ttl = set.ttl, .data = {std::move(*address)}});
      }
    }
    if (!set.data.empty() || !set.alias.empty()) zone.Add(name, set);
  }
}

void AddInstances(const Store::Transaction& txn, std::map<std::string, Zone>& zones) {
  const auto& instances = txn.All("servicediscovery.instances");
  for (const auto& [id, service] : txn.All("servicediscovery.services")) {
    const Json* space = txn.Find("servicediscovery.namespaces", Text(service, "NamespaceId"));
    if (space == nullptr || !service.contains("DnsConfig")) continue;
    const auto zone = zones.find(Text(Fields(Fields(*space, "Properties"), "DnsProperties"), "HostedZoneId"));
    const auto name = net::ParseDnsName(Text(service, "_fqdn"));
    if (zone == zones.end() || !name) continue;
    const std::string prefix = id + "/";
    for (auto it = instances.lower_bound(prefix); it != instances.end() && StartsWith(it->first, prefix); ++it) {
      if (Text(it->second, "_health", "HEALTHY") == "HEALTHY") AddInstance(service, it->second, *name, zone->second);
    }
  }
}

void AddHost(Zones& zones, const std::string& name, const Host& host) {
  const auto parsed = net::ParseDnsName(name);
  if (parsed && !host.inside.empty()) zones.hosts[net::DnsKey(*parsed)] = host;
}

void ReadHosts(const Store::Transaction& txn, Zones& zones) {
  for (const auto& [arn, balancer] : txn.All("elbv2.loadbalancers")) {
    const Json* holding = txn.Find("elbv2.holdings", arn);
    const Json* interface = holding == nullptr ? nullptr : txn.Find("ec2.enis", Text(*holding, "interface"));
    if (interface == nullptr) continue;
    const std::string address = Text(*interface, "PrivateIpAddress");
    AddHost(zones, Text(balancer, "DNSName"),
            {address, Text(balancer, "Scheme") == "internal" ? address : kThisMachine});
  }
  for (const auto& [id, instance] : txn.All("rds.instances")) {
    AddHost(zones, Text(instance, "_address"), {Text(instance, "_ip"), Text(instance, "_ip")});
  }
  for (const auto& [id, interface] : txn.All("ec2.enis")) {
    const std::string name = Text(interface, "PrivateDnsName");
    const std::string address = Text(interface, "PrivateIpAddress");
    AddHost(zones, name, {address, address});
    const auto parsed = net::ParseDnsName(name);
    const auto number = ParseIpv4(address);
    if (!parsed || !number) continue;
    zones.reverse[fmt::format("{}.{}.{}.{}.in-addr.arpa.", *number & 0xFF, *number >> 8 & 0xFF, *number >> 16 & 0xFF,
                              *number >> 24)] = *parsed;
  }
}

}  // namespace

void Zone::Add(const DnsName& at, RecordSet set) {
  for (DnsName above = at; above.size() > name.size();) {
    above.erase(above.begin());
    names.try_emplace(net::DnsKey(above));
  }
  names[net::DnsKey(at)].push_back(std::move(set));
}

Zones ReadZones(const Store::Transaction& txn, const Settings& settings) {
  Zones zones;
  auto hosted = ReadHostedZones(txn, settings);
  AddInstances(txn, hosted);
  for (auto& [id, zone] : hosted) zones.zones.push_back(std::move(zone));
  ReadHosts(txn, zones);
  for (const auto& [id, vpc] : txn.All("ec2.vpcs")) {
    if (vpc.contains("_gateway")) zones.gateways[Text(vpc, "_gateway")] = id;
  }
  return zones;
}

bool IsOfZones(std::string_view collection) {
  return collection.starts_with("route53.") || collection.starts_with("servicediscovery.") ||
         collection == "elbv2.loadbalancers" || collection == "elbv2.holdings" || collection == "rds.instances" ||
         collection == "ec2.enis" || collection == "ec2.vpcs";
}

}  // namespace adhoc::localcloud
