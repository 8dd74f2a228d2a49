// A VPC as a container network, and the addresses in its subnets.
//
// The range that a VPC really has (`_cidr`) is its own, unless the machine or another container network uses that: then
// it is a free one of the same size, and its subnets' `_cidr` are shifted with it. Everything that gets an address in a
// subnet (tasks, load balancers, databases) has a network interface document in `ec2.enis`, so no address is given
// twice.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "localcloud/cloud.h"
#include "localcloud/network/ipv4.h"

namespace adhoc::localcloud {

// What this machine has routes to (/proc/net/route), without the default route.
std::vector<Ipv4Range> MachineRoutes();
// Those and the ranges of all container networks. Asks the engine; when that doesn't answer, routes only.
std::vector<Ipv4Range> UsedRanges(ContainerRuntime& runtime);
std::vector<Ipv4Range> ParseRoutes(std::string_view proc_net_route);

// `wanted` if nothing in `used` overlaps it, else the first free range of that size in 10/8, 172.16/12 or 192.168/16.
Ipv4Range PickRange(const Ipv4Range& wanted, const std::vector<Ipv4Range>& used);

// Sets `_network`, `_cidr` and `_gateway` of a VPC document, and returns the range.
Ipv4Range PlaceVpc(const Settings& settings, Json& vpc, const std::vector<Ipv4Range>& used);
// The range of a subnet with this CidrBlock in a placed VPC.
Ipv4Range PlaceSubnet(const Json& vpc, std::string_view cidr_block);

struct VpcNetwork {
  std::string name;  // for ContainerSpec::network
  std::string gateway;
};
// Makes the VPC's network if it isn't there. Blocks; never call it in a transaction. When the range was taken meanwhile
// and no interface uses it yet, the VPC moves to another one. Throws Error when there is no such VPC, and RuntimeError.
VpcNetwork EnsureVpcNetwork(Cloud& cloud, std::string_view vpc_id);

struct InterfaceSpec {
  std::string subnet_id;
  std::vector<std::string> security_groups;  // empty: the VPC's default group
  std::string description;
  std::string requester;  // amazon-ecs, amazon-elb, amazon-rds
  std::string interface_type = "interface";
  bool public_ip = false;
  Json tags = Json::array();
};
// Puts an interface with the subnet's next free address (one that was given back
// comes last) and returns the document (as DescribeNetworkInterfaces).
// Throws Error `no free address in subnet-…`; the subnet must exist.
Json PutInterface(Cloud& cloud, Store::Transaction& txn, const InterfaceSpec& spec);
// No effect when there is none.
void EraseInterface(Store::Transaction& txn, std::string_view interface_id);

}  // namespace adhoc::localcloud
