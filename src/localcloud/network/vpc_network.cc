#include "localcloud/network/vpc_network.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

#include "base/error.h"
#include "localcloud/runtime/runtime.h"

namespace adhoc::localcloud {
namespace {

// AWS keeps a subnet's first four addresses (network, router, DNS, future use) and its last one.
constexpr std::uint32_t kReservedAtStart = 4;
constexpr std::string_view kAddresses =
    "ec2.interface_addresses";  // which interface has an address, so that nobody has to look

bool IsFree(const Ipv4Range& range, const std::vector<Ipv4Range>& used) {
  return std::none_of(used.begin(), used.end(), [&](const Ipv4Range& other) { return range.Overlaps(other); });
}

Ipv4Range RangeOf(const Json& document, const char* key) {
  const auto range = Ipv4Range::Parse(document.at(key).get<std::string>());
  if (!range) throw Error("not an address range: " + document.at(key).get<std::string>());
  return *range;
}

bool HasInterfaces(const Store::Transaction& txn, std::string_view vpc_id) {
  const auto& interfaces = txn.All("ec2.enis");
  return std::any_of(interfaces.begin(), interfaces.end(),
                     [&](const auto& entry) { return entry.second.value("VpcId", "") == vpc_id; });
}

std::string DefaultGroup(const Store::Transaction& txn, const std::string& vpc_id) {
  for (const auto& [id, group] : txn.All("ec2.security_groups")) {
    if (group.value("VpcId", "") == vpc_id && group.value("GroupName", "") == "default") return id;
  }
  return "";
}

}  // namespace

std::vector<Ipv4Range> ParseRoutes(std::string_view proc_net_route) {
  std::vector<Ipv4Range> routes;
  std::istringstream lines{std::string(proc_net_route)};
  std::string line;
  std::getline(lines, line);  // the heading
  while (std::getline(lines, line)) {
    std::istringstream fields(line);
    std::string interface;
    std::string gateway;
    std::string flags, references, uses, metric;
    std::uint32_t destination = 0;
    std::uint32_t mask = 0;
    if (!(fields >> interface >> std::hex >> destination >> gateway >> flags >> references >> uses >> metric >> mask)) {
      continue;
    }
    if (mask == 0) continue;
    routes.push_back({__builtin_bswap32(destination), __builtin_popcount(mask)});
  }
  return routes;
}

std::vector<Ipv4Range> MachineRoutes() {
  std::ifstream file("/proc/net/route");
  return ParseRoutes(std::string(std::istreambuf_iterator<char>(file), {}));
}

std::vector<Ipv4Range> UsedRanges(ContainerRuntime& runtime) {
  std::vector<Ipv4Range> used = MachineRoutes();
  try {
    for (const auto& network : runtime.ListNetworks({})) {
      if (const auto range = Ipv4Range::Parse(network.subnet)) used.push_back(*range);
    }
  } catch (const RuntimeError&) {
    // EnsureVpcNetwork meets the conflict, if there is one, when the engine is back.
  }
  return used;
}

Ipv4Range PickRange(const Ipv4Range& wanted, const std::vector<Ipv4Range>& used) {
  if (IsFree(wanted, used)) return wanted;
  static const Ipv4Range kPrivate[] = {{0x0A000000, 8}, {0xAC100000, 12}, {0xC0A80000, 16}};
  for (const auto& block : kPrivate) {
    if (wanted.prefix < block.prefix) continue;
    // Neighbouring small ranges would be found one by one; steps of at least a /16 find a free one soon enough.
    const std::uint32_t step = std::max<std::uint32_t>(wanted.size(), wanted.prefix > 24 ? 256 : wanted.size());
    for (std::uint64_t base = block.base; base + wanted.size() <= std::uint64_t{block.base} + block.size();
         base += step) {
      const Ipv4Range candidate{static_cast<std::uint32_t>(base), wanted.prefix};
      if (IsFree(candidate, used)) return candidate;
    }
  }
  throw Error("no free address range for a VPC: the machine uses all private ranges");
}

Ipv4Range PlaceVpc(const Settings& settings, Json& vpc, const std::vector<Ipv4Range>& used) {
  const Ipv4Range range = PickRange(RangeOf(vpc, "CidrBlock"), used);
  vpc["_network"] = "adhoc-" + settings.instance + "-" + vpc.at("VpcId").get<std::string>();
  vpc["_cidr"] = range.ToString();
  vpc["_gateway"] = FormatIpv4(range.base + 1);
  return range;
}

Ipv4Range PlaceSubnet(const Json& vpc, std::string_view cidr_block) {
  const auto subnet = Ipv4Range::Parse(cidr_block);
  if (!subnet) throw Error("not an address range: " + std::string(cidr_block));
  return {RangeOf(vpc, "_cidr").base + (subnet->base - RangeOf(vpc, "CidrBlock").base), subnet->prefix};
}

VpcNetwork EnsureVpcNetwork(Cloud& cloud, std::string_view vpc_id) {
  for (int attempt = 0;; ++attempt) {
    Json vpc;
    {
      const auto txn = cloud.store.Begin();
      const Json* found = txn->Find("ec2.vpcs", vpc_id);
      if (found == nullptr) throw Error("there is no VPC " + std::string(vpc_id));
      vpc = *found;
    }
    const VpcNetwork network{vpc.at("_network").get<std::string>(), vpc.at("_gateway").get<std::string>()};
    try {
      cloud.runtime.EnsureNetwork(
          {.name = network.name,
           .subnet = vpc.at("_cidr").get<std::string>(),
           .gateway = network.gateway,
           .labels = {{"adhoc.instance", cloud.settings.instance}, {"adhoc.vpc", std::string(vpc_id)}},
           .internal = false});
      return network;
    } catch (const RuntimeError& error) {
      if (error.kind() != RuntimeErrorKind::kAddressInUse || attempt == 3) throw;
    }
    std::vector<Ipv4Range> used = UsedRanges(cloud.runtime);
    used.push_back(RangeOf(vpc, "_cidr"));
    const auto txn = cloud.store.Begin();
    if (txn->Find("ec2.vpcs", vpc_id) == nullptr) continue;
    if (HasInterfaces(*txn, vpc_id)) {
      throw Error("cannot make the network of " + std::string(vpc_id) + ": " + vpc.at("_cidr").get<std::string>() +
                      " is used by something else on this machine",
                  "remove the other network, or destroy and create the shared resources again");
    }
    Json& moved = txn->Edit("ec2.vpcs", vpc_id);
    PlaceVpc(cloud.settings, moved, used);
    std::vector<std::string> subnets;
    for (const auto& [id, subnet] : txn->All("ec2.subnets")) {
      if (subnet.value("VpcId", "") == vpc_id) subnets.push_back(id);
    }
    for (const auto& id : subnets) {
      Json& subnet = txn->Edit("ec2.subnets", id);
      subnet["_cidr"] = PlaceSubnet(moved, subnet.at("CidrBlock").get<std::string>()).ToString();
    }
    txn->Commit();
  }
}

Json PutInterface(Cloud& cloud, Store::Transaction& txn, const InterfaceSpec& spec) {
  const Json* subnet = txn.Find("ec2.subnets", spec.subnet_id);
  if (subnet == nullptr) throw Error("there is no subnet " + spec.subnet_id);
  const Ipv4Range range = RangeOf(*subnet, "_cidr");
  if (txn.All(kAddresses).empty()) {  // a state from before there was this collection
    for (const auto& [id, other] : txn.All("ec2.enis")) txn.Put(kAddresses, other.value("PrivateIpAddress", ""), id);
  }
  // The next one round the subnet, not the lowest: the machine and the load balancer remember for a minute which
  // container had an address, and send to a new one at that address nothing that arrives.
  const std::uint32_t first = range.base + kReservedAtStart;
  const std::uint32_t count = range.size() - kReservedAtStart - 1;
  const auto turn = static_cast<std::uint32_t>(txn.NextNumber("ec2.addresses of " + spec.subnet_id) - 1);
  const auto address_of = [&](std::uint32_t tried) { return first + (turn + tried) % count; };
  std::uint32_t tried = 0;
  while (tried < count && txn.Find(kAddresses, FormatIpv4(address_of(tried))) != nullptr) ++tried;
  if (tried == count)
    throw Error("no free address in " + spec.subnet_id + ": all of " + range.ToString() + " are used");
  const std::uint32_t address = address_of(tried);

  const std::string vpc_id = subnet->at("VpcId").get<std::string>();
  const std::string ip = FormatIpv4(address);
  const std::string id = "eni-" + cloud.random.Hex(17);
  std::vector<std::string> groups = spec.security_groups;
  if (groups.empty()) {
    if (std::string group = DefaultGroup(txn, vpc_id); !group.empty()) groups.push_back(std::move(group));
  }
  Json group_list = Json::array();
  for (const auto& group : groups) {
    const Json* document = txn.Find("ec2.security_groups", group);
    group_list.push_back(
        {{"GroupId", group}, {"GroupName", document == nullptr ? group : document->value("GroupName", group)}});
  }
  const std::string dns = [&] {
    std::string name = "ip-" + ip;
    std::replace(name.begin(), name.end(), '.', '-');
    return name + ".ec2.internal";
  }();
  std::string mac = "02";
  for (int i = 0; i < 5; ++i) mac += ":" + cloud.random.Hex(2);
  Json primary{{"Primary", true}, {"PrivateIpAddress", ip}, {"PrivateDnsName", dns}};
  Json interface {
    {"NetworkInterfaceId", id}, {"SubnetId", spec.subnet_id}, {"VpcId", vpc_id},
        {"AvailabilityZone", subnet->value("AvailabilityZone", "")}, {"Description", spec.description},
        {"InterfaceType", spec.interface_type}, {"MacAddress", mac}, {"OwnerId", cloud.settings.account},
        {"PrivateIpAddress", ip}, {"PrivateDnsName", dns}, {"Groups", group_list},
        {"RequesterManaged", !spec.requester.empty()}, {"SourceDestCheck", true},
        {"Status", spec.requester.empty() ? "available" : "in-use"}, {
      "TagSet", spec.tags
    }
  };
  if (!spec.requester.empty()) {
    interface["RequesterId"] = spec.requester;
    interface["Attachment"] = {{"AttachmentId", "eni-attach-" + cloud.random.Hex(17)},
                               {"AttachTime", cloud.Now()},
                               {"DeleteOnTermination", true},
                               {"DeviceIndex", 1},
                               {"InstanceOwnerId", spec.requester},
                               {"Status", "attached"}};
  }
  if (spec.public_ip) {
    // Reachable only on paper: TEST-NET-3, so that nobody mistakes it for somebody's machine.
    const std::string address_text = "203.0.113." + std::to_string(1 + cloud.random.Next() % 254);
    interface["Association"] = {{"PublicIp", address_text}, {"IpOwnerId", "amazon"}, {"PublicDnsName", ""}};
    primary["Association"] = interface["Association"];
  }
  interface["PrivateIpAddresses"] = Json::array({primary});
  txn.Put("ec2.enis", id, interface);
  txn.Put(kAddresses, ip, id);
  return interface;
}

void EraseInterface(Store::Transaction& txn, std::string_view interface_id) {
  const Json* interface = txn.Find("ec2.enis", interface_id);
  if (interface == nullptr) return;
  txn.Erase(kAddresses, interface->value("PrivateIpAddress", ""));
  txn.Erase("ec2.enis", interface_id);
}

}  // namespace adhoc::localcloud
