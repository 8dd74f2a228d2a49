// DB subnet groups and parameter groups. The parameters are kept and answered; PostgreSQL here runs with its own.
#include <algorithm>
#include <set>

#include "localcloud/api/ec2_internal.h"
#include "localcloud/api/rds_internal.h"
#include "localcloud/database/documents.h"

namespace adhoc::localcloud::rds {

using namespace database;  // NOLINT(google-build-using-namespace): the names of the collections

namespace {

// ---- Subnet groups

// The members that come from the subnets. Throws InvalidSubnet, DBSubnetGroupDoesNotCoverEnoughAZs.
void SetSubnets(const Call& call, Json& group, const std::vector<std::string>& ids) {
  Json subnets = Json::array();
  std::set<std::string> zones;
  std::set<std::string> vpcs;
  for (const auto& id : ids) {
    const Json* subnet = call.txn.Find(ec2::kSubnets, id);
    if (subnet == nullptr) {
      throw ApiError("InvalidParameterValue", "Some input subnets in :[" + id + "] are invalid.");
    }
    const std::string zone = Text(*subnet, "AvailabilityZone");
    zones.insert(zone);
    vpcs.insert(Text(*subnet, "VpcId"));
    subnets.push_back({{"SubnetIdentifier", id},
                       {"SubnetAvailabilityZone", {{"Name", zone}}},
                       {"SubnetOutpost", Json::object()},
                       {"SubnetStatus", "Active"}});
  }
  if (vpcs.size() > 1) throw ApiError("InvalidSubnet", "Subnets are not all in the same VPC.");
  if (zones.size() < 2) {
    throw ApiError(
        "DBSubnetGroupDoesNotCoverEnoughAZs",
        "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage: " +
            (zones.empty() ? "" : *zones.begin()) + ". Add subnets to cover at least 2 AZs.");
  }
  group["VpcId"] = *vpcs.begin();
  group["Subnets"] = std::move(subnets);
}

Json NewSubnetGroup(Cloud& cloud, const std::string& name, const std::string& description) {
  return {{"DBSubnetGroupName", name},         {"DBSubnetGroupDescription", description},
          {"SubnetGroupStatus", "Complete"},   {"DBSubnetGroupArn", cloud.Arn("rds", "subgrp:" + name)},
          {"SupportedNetworkTypes", {"IPV4"}}, {"_tags", Json::array()}};
}

void PutDefaultSubnetGroup(Cloud& cloud, Call& call) {
  ec2::EnsureDefaults(cloud, call.txn);
  std::vector<std::string> subnets;
  for (const auto& [id, subnet] : call.txn.All(ec2::kSubnets)) {
    const Json* vpc = call.txn.Find(ec2::kVpcs, Text(subnet, "VpcId"));
    if (vpc != nullptr && Flag(*vpc, "IsDefault") && Flag(subnet, "DefaultForAz")) subnets.push_back(id);
  }
  if (subnets.empty()) return;
  Json group = NewSubnetGroup(cloud, "default", "default");
  SetSubnets(call, group, subnets);
  call.txn.Put(kSubnetGroups, "default", std::move(group));
}

Json CreateSubnetGroup(Cloud& cloud, Call& call) {
  const std::string name = ToLower(Text(call.input, "DBSubnetGroupName"));
  if (name.empty() || name == "default") {
    throw ApiError("InvalidParameterValue", "The parameter DBSubnetGroupName is not a valid identifier.");
  }
  if (call.txn.Find(kSubnetGroups, name) != nullptr) {
    throw ApiError("DBSubnetGroupAlreadyExists", "The DB subnet group '" + name + "' already exists.");
  }
  Json group = NewSubnetGroup(cloud, name, Text(call.input, "DBSubnetGroupDescription"));
  SetSubnets(call, group, Strings(call.input, "SubnetIds"));
  group["_tags"] = Items(call.input, "Tags");
  Json answer = group;
  call.txn.Put(kSubnetGroups, name, std::move(group));
  return {{"DBSubnetGroup", std::move(answer)}};
}

Json DescribeSubnetGroups(Cloud& cloud, Call& call) {
  if (const std::string name = ToLower(Text(call.input, "DBSubnetGroupName")); !name.empty()) {
    return {{"DBSubnetGroups", Json::array({GetSubnetGroup(cloud, call, name)})}};
  }
  KeyedItems items;
  for (const auto& [name, group] : call.txn.All(kSubnetGroups)) items.emplace_back(name, group);
  return Paged(call, std::move(items), "DBSubnetGroups");
}

Json ModifySubnetGroup(Cloud& cloud, Call& call) {
  const std::string name = ToLower(Text(call.input, "DBSubnetGroupName"));
  const std::string vpc = Text(GetSubnetGroup(cloud, call, name), "VpcId");
  const auto ids = Strings(call.input, "SubnetIds");
  Json& group = call.txn.Edit(kSubnetGroups, name);
  for (const auto& subnet : group["Subnets"]) {
    const std::string id = Text(subnet, "SubnetIdentifier");
    if (std::find(ids.begin(), ids.end(), id) != ids.end()) continue;
    for (const auto& [identifier, instance] : call.txn.All(kInstances)) {
      if (Text(instance, "_subnet") == id && Text(Fields(instance, "DBSubnetGroup"), "DBSubnetGroupName") == name) {
        throw ApiError("SubnetAlreadyInUse",
                       "The specified subnet " + id + " is in use by database instance " + identifier + ".");
      }
    }
  }
  SetSubnets(call, group, ids);
  if (Text(group, "VpcId") != vpc) {
    throw ApiError("InvalidSubnet", "The new Subnets are not in the same Vpc as the existing subnet group");
  }
  CopyMembers(call.input, group, {"DBSubnetGroupDescription"});
  return {{"DBSubnetGroup", group}};
}

Json DeleteSubnetGroup(Cloud& cloud, Call& call) {
  const std::string name = ToLower(Text(call.input, "DBSubnetGroupName"));
  GetSubnetGroup(cloud, call, name);
  for (const auto& [id, instance] : call.txn.All(kInstances)) {
    if (Text(Fields(instance, "DBSubnetGroup"), "DBSubnetGroupName") == name) {
      throw ApiError("InvalidDBSubnetGroupStateFault", "Cannot delete the subnet group '" + name +
                                                           "' because at least one database instance: " + id +
                                                           " is still using it.");
    }
  }
  call.txn.Erase(kSubnetGroups, name);
  return Json::object();
}

// ---- Parameter groups

Json& EditParameterGroup(Call& call) {
  const std::string name = ToLower(Text(call.input, "DBParameterGroupName"));
  if (call.txn.Find(kParameterGroups, name) == nullptr) {
    throw ApiError("DBParameterGroupNotFound", "DBParameterGroup not found: " + name);
  }
  return call.txn.Edit(kParameterGroups, name);
}

Json NewParameterGroup(Cloud& cloud, const std::string& name, const std::string& family,
                       const std::string& description) {
  return {{"DBParameterGroupName", name},  {"DBParameterGroupFamily", family},
          {"Description", description},    {"DBParameterGroupArn", cloud.Arn("rds", "pg:" + name)},
          {"_parameters", Json::object()}, {"_tags", Json::array()}};
}

Json CreateParameterGroup(Cloud& cloud, Call& call) {
  const std::string name = ToLower(Text(call.input, "DBParameterGroupName"));
  if (call.txn.Find(kParameterGroups, name) != nullptr) {
    throw ApiError("DBParameterGroupAlreadyExists", "Parameter group " + name + " already exists");
  }
  Json group =
      NewParameterGroup(cloud, name, Text(call.input, "DBParameterGroupFamily"), Text(call.input, "Description"));
  group["_tags"] = Items(call.input, "Tags");
  Json answer = group;
  call.txn.Put(kParameterGroups, name, std::move(group));
  return {{"DBParameterGroup", std::move(answer)}};
}

Json DescribeParameterGroups(Cloud& cloud, Call& call) {
  const std::string wanted = ToLower(Text(call.input, "DBParameterGroupName"));
  KeyedItems items;
  for (const auto& [name, group] : call.txn.All(kParameterGroups)) items.emplace_back(name, group);
  const std::string version = ResolveVersion(cloud.settings, "");
  const std::string family = "postgres" + version.substr(0, version.find('.'));
  items.emplace_back("default." + family,
                     NewParameterGroup(cloud, "default." + family, family, "Default parameter group for " + family));
  std::sort(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  if (!wanted.empty()) {
    std::erase_if(items, [&](const auto& item) { return item.first != wanted; });
    if (items.empty()) throw ApiError("DBParameterGroupNotFound", "DBParameterGroup not found: " + wanted);
  }
  return Paged(call, std::move(items), "DBParameterGroups");
}

Json DescribeParameters(Cloud&, Call& call) {
  KeyedItems items;
  if (!StartsWith(Text(call.input, "DBParameterGroupName"), "default.")) {
    for (const auto& [name, value] : EditParameterGroup(call)["_parameters"].items()) {
      items.emplace_back(
          name, Json{{"ParameterName", name}, {"ParameterValue", value}, {"Source", "user"}, {"IsModifiable", true}});
    }
  }
  return Paged(call, std::move(items), "Parameters");
}

Json ModifyParameterGroup(Cloud&, Call& call) {
  Json& group = EditParameterGroup(call);
  for (const auto& parameter : Items(call.input, "Parameters")) {
    group["_parameters"][Text(parameter, "ParameterName")] = Text(parameter, "ParameterValue");
  }
  return {{"DBParameterGroupName", group["DBParameterGroupName"]}};
}

Json DeleteParameterGroup(Cloud&, Call& call) {
  const std::string name = Text(EditParameterGroup(call), "DBParameterGroupName");
  for (const auto& [id, instance] : call.txn.All(kInstances)) {
    for (const auto& used : Items(instance, "DBParameterGroups")) {
      if (Text(used, "DBParameterGroupName") != name) continue;
      throw ApiError("InvalidDBParameterGroupState",
                     "One or more database instances are still members of this parameter group " + name +
                         ", so the group cannot be deleted");
    }
  }
  call.txn.Erase(kParameterGroups, name);
  return Json::object();
}

}  // namespace

const Json& GetSubnetGroup(Cloud& cloud, Call& call, const std::string& name) {
  if (name == "default" && call.txn.Find(kSubnetGroups, name) == nullptr) PutDefaultSubnetGroup(cloud, call);
  const Json* group = call.txn.Find(kSubnetGroups, name);
  if (group == nullptr) throw ApiError("DBSubnetGroupNotFoundFault", "DB subnet group '" + name + "' does not exist.");
  return *group;
}

void RegisterGroups(Api& api, Cloud& cloud) {
  RegisterHandlers(api, cloud, "rds",
                   {{"CreateDBParameterGroup", CreateParameterGroup, Effect::kRecorded},
                    {"CreateDBSubnetGroup", CreateSubnetGroup},
                    {"DeleteDBParameterGroup", DeleteParameterGroup, Effect::kRecorded},
                    {"DeleteDBSubnetGroup", DeleteSubnetGroup},
                    {"DescribeDBParameterGroups", DescribeParameterGroups},
                    {"DescribeDBParameters", DescribeParameters},
                    {"DescribeDBSubnetGroups", DescribeSubnetGroups},
                    {"ModifyDBParameterGroup", ModifyParameterGroup, Effect::kRecorded},
                    {"ModifyDBSubnetGroup", ModifySubnetGroup}});
}

}  // namespace adhoc::localcloud::rds
