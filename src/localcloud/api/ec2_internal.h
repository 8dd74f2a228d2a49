// What EC2's files share: collections, not-found errors, tags, filters and the Describe loop.
//
// Documents have the shape that Describe answers. Interfaces keep their tags in TagSet, everything else in Tags.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "localcloud/api/support.h"
#include "localcloud/instances/documents.h"

namespace adhoc::localcloud::ec2 {

inline constexpr std::string_view kVpcs = "ec2.vpcs";
inline constexpr std::string_view kSubnets = "ec2.subnets";
inline constexpr std::string_view kInterfaces = "ec2.enis";
inline constexpr std::string_view kSecurityGroups = "ec2.security_groups";
inline constexpr std::string_view kRules = "ec2.security_group_rules";
inline constexpr std::string_view kRouteTables = "ec2.route_tables";
inline constexpr std::string_view kInternetGateways = "ec2.internet_gateways";
inline constexpr std::string_view kNatGateways = "ec2.nat_gateways";
inline constexpr std::string_view kAddresses = "ec2.addresses";
inline constexpr std::string_view kAcls = "ec2.network_acls";
inline constexpr std::string_view kDhcpOptions = "ec2.dhcp_options";
inline constexpr std::string_view kEndpoints = "ec2.vpc_endpoints";
inline constexpr std::string_view kKeyPairs = "ec2.key_pairs";
// Networks of deleted VPCs, until the cleaner has removed them: key the network's name.
inline constexpr std::string_view kAbandonedNetworks = "ec2.abandoned_networks";

// A kind of resource: where it is kept and what is said when one is missing.
struct Kind {
  std::string_view collection;
  std::string_view type;       // as in TagSpecifications and DescribeTags: vpc, natgateway
  std::string_view prefix;     // of its ids: vpc-
  std::string_view not_found;  // the error's code
  std::string_view noun;       // "The <noun> '<id>' does not exist"
  const char* id_member;       // VpcId
  const char* tags_member = "Tags";
};
const std::vector<Kind>& Kinds();
const Kind& KindOf(std::string_view collection);

std::string NewId(Cloud& cloud, std::string_view prefix);
// Throw the kind's not-found error.
const Json& Get(const Call& call, std::string_view collection, std::string_view id);
Json& Edit(Call& call, std::string_view collection, std::string_view id);
[[noreturn]] void ThrowDependency(std::string_view noun, std::string_view id);

// The tags that a create call asks for.
Json TagsFor(const Json& input, std::string_view type);

// The values at a member path: "VpcId", "Attachments[].VpcId".
std::vector<std::string> FieldValues(const Json& document, std::string_view path);

using FilterPaths = std::map<std::string, std::string, std::less<>>;  // filter name → member path
// Whether the document satisfies all of [{Name, Values}]: tag:<key>, tag-key, tag-value, those in `paths`, and every
// top-level member (of the document, or of `shape`) by its hyphenated name. Values may hold wildcards. Throws
// InvalidParameterValue for any other filter.
bool MatchesFilters(const Json& document, const Json& filters, const FilterPaths& paths,
                    const char* tags_member = "Tags", const aws::Shape* shape = nullptr);

struct DescribeSpec {
  std::string_view collection;
  const char* ids_input;
  const char* output;
  FilterPaths filters = {};
  const char* filters_input = "Filters";
  std::function<Json(const Call&, const Json&)> answer = {};  // what is shown of a document; default: the document
};
Json Describe(Call& call, const DescribeSpec& spec);

// ---- Each file's part of the table of operations.
using Operations = std::initializer_list<Registration>;
void Register(Api& api, Cloud& cloud, Operations operations);
void RegisterVpcs(Api& api, Cloud& cloud);
void RegisterSecurityGroups(Api& api, Cloud& cloud);
void RegisterRouting(Api& api, Cloud& cloud);
void RegisterEndpoints(Api& api, Cloud& cloud);
void RegisterInterfaces(Api& api, Cloud& cloud);
void RegisterInstances(Api& api, Cloud& cloud);
void RegisterInstanceAttributes(Api& api, Cloud& cloud);
void RegisterKeyPairs(Api& api, Cloud& cloud);
void RegisterTags(Api& api, Cloud& cloud);

// ---- Across files.
// What every VPC has from the start.
void CreateMainRouteTable(Cloud& cloud, Store::Transaction& txn, const Json& vpc);
void CreateDefaultSecurityGroup(Cloud& cloud, Store::Transaction& txn, const Json& vpc);
void CreateDefaultAcl(Cloud& cloud, Store::Transaction& txn, const Json& vpc);
void AssociateDefaultAcl(Cloud& cloud, Store::Transaction& txn, const Json& subnet);
void RemoveRulesOf(Store::Transaction& txn, std::string_view group_id);
// A fresh account's default VPC with its subnets, gateway and route, if this account has never had one.
void EnsureDefaults(Cloud& cloud, Store::Transaction& txn);
// Lets time-driven states move on: NAT gateways and VPC endpoints pending → available, deleting → deleted.
void Settle(Cloud& cloud, Store::Transaction& txn);
void SettleEndpoints(Cloud& cloud, Store::Transaction& txn);  // its part
// What ModifyInstanceAttribute and RunInstances say of an instance profile: {Arn, Id}. Throws InvalidParameterValue.
Json ProfileOf(const Call& call, const Json& specification);
// Throws InvalidInstanceID.NotFound for all of those that are missing.
void RequireInstances(const Call& call, const std::vector<std::string>& ids);
// Every id in a collection whose documents have this value.
std::vector<std::string> IdsWith(const Store::Transaction& txn, std::string_view collection, const char* member,
                                 std::string_view value);

}  // namespace adhoc::localcloud::ec2
