#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <map>
#include <utility>

#include "base/error.h"
#include "env/names.h"
#include "env/resources/network_internal.h"
#include "env/resources/resources.h"

namespace adhoc::env {

Json TagSpecifications(const Context& context, std::string_view type, const std::string& name) {
  return Json::array({{{"ResourceType", type}, {"Tags", Tags(context, context.shared(), name)}}});
}

Json ByName(const Context& context, const std::string& name) {
  return {{"Filters", Json::array({{{"Name", "tag:Name"}, {"Values", Json::array({name})}},
                                   {{"Name", "tag:env"}, {"Values", Json::array({context.shared()})}}})}};
}

std::string VpcId(const Context& context) { return context.Get("vpc " + Join(context.shared(), "vpc"), "id"); }

Json ReadNamed(Context& context, const char* operation, const char* list, const std::string& name,
               const Json& filters) {
  const Json all = context.Once(operation, [&] {
    Json wanted = Json::array({{{"Name", "tag:env"}, {"Values", Json::array({context.shared()})}}});
    wanted.insert(wanted.end(), filters.begin(), filters.end());
    const char* member = operation == std::string_view("DescribeNatGateways") ? "Filter" : "Filters";
    return context.Call("ec2", operation, {{member, wanted}});
  });
  Json found;
  for (const Json& one : all.value(list, Json::array())) {
    for (const Json& tag : one.value("Tags", Json::array())) {
      if (tag["Key"] != "Name" || tag["Value"] != name) continue;
      // One that a run which died began to delete does not stand in the way of its successor.
      if (found.is_null() || one.value("State", "") != "deleting") found = one;
    }
  }
  return found;
}

namespace {

// The `index`-th range with `bits` more prefix bits, as Terraform's cidrsubnet.
std::string SubnetCidr(const std::string& cidr, int bits, int index) {
  std::array<unsigned, 5> n{};
  if (std::sscanf(cidr.c_str(), "%u.%u.%u.%u/%u", &n[0], &n[1], &n[2], &n[3], &n[4]) != 5 || n[4] + bits > 28) {
    throw Error(fmt::format("the network {} cannot be divided into subnets", cidr), "use a range from /16 to /20");
  }
  const std::uint32_t base = (n[0] << 24) | (n[1] << 16) | (n[2] << 8) | n[3];
  const unsigned prefix = n[4] + bits;
  const std::uint32_t address = base + (static_cast<std::uint32_t>(index) << (32 - prefix));
  return fmt::format("{}.{}.{}.{}/{}", address >> 24, (address >> 16) & 255, (address >> 8) & 255, address & 255,
                     prefix);
}

class Vpc final : public Resource {
 public:
  explicit Vpc(const std::string& shared) : Resource("vpc", Join(shared, "vpc")) {}

  std::optional<Json> Read(Context& context) override {
    const Json found = context.Call("ec2", "DescribeVpcs", ByName(context, name()));
    if (found.value("Vpcs", Json::array()).empty()) return std::nullopt;
    return Json{{"id", found["Vpcs"][0]["VpcId"]}, {"cidr", found["Vpcs"][0]["CidrBlock"]}};
  }

  std::vector<Difference> Compare(Context& context, const Json& observed, const Plan&) override {
    std::vector<Difference> differences;
    for (const char* attribute : {"enableDnsSupport", "enableDnsHostnames"}) {
      const Json answer =
          context.Call("ec2", "DescribeVpcAttribute", {{"VpcId", observed["id"]}, {"Attribute", attribute}});
      const std::string member =
          attribute == std::string_view("enableDnsSupport") ? "EnableDnsSupport" : "EnableDnsHostnames";
      if (!answer.value(member, Json::object()).value("Value", false)) {
        differences.push_back({.what = attribute, .from = "false", .to = "true"});
      }
    }
    return differences;
  }

  Json Create(Context& context) override {
    const Json made = context.Call("ec2", "CreateVpc",
                                   {{"CidrBlock", context.config().target.network.cidr},
                                    {"TagSpecifications", TagSpecifications(context, "vpc", name())}});
    return Update(context, {{"id", made["Vpc"]["VpcId"]}, {"cidr", made["Vpc"]["CidrBlock"]}});
  }

  Json Update(Context& context, const Json& observed) override {
    // Cloud Map's private namespaces need both. One attribute a call.
    context.Call("ec2", "ModifyVpcAttribute", {{"VpcId", observed["id"]}, {"EnableDnsSupport", {{"Value", true}}}});
    context.Call("ec2", "ModifyVpcAttribute", {{"VpcId", observed["id"]}, {"EnableDnsHostnames", {{"Value", true}}}});
    return observed;
  }

  void Delete(Context& context, const Json& observed) override {
    context.WaitWhileRefused({"DependencyViolation"}, id() + " to be empty", [&] {
      context.CallUnless({"InvalidVpcID.NotFound"}, "ec2", "DeleteVpc", {{"VpcId", observed["id"]}});
    });
  }
};

class InternetGateway final : public Resource {
 public:
  explicit InternetGateway(const std::string& shared) : Resource("internet gateway", Join(shared, "igw")) {
    DependsOn("vpc " + Join(shared, "vpc"));
  }

  std::optional<Json> Read(Context& context) override {
    const Json found = context.Call("ec2", "DescribeInternetGateways", ByName(context, name()));
    if (found.value("InternetGateways", Json::array()).empty()) return std::nullopt;
    const Json& gateway = found["InternetGateways"][0];
    return Json{{"id", gateway["InternetGatewayId"]},
                {"attached", !gateway.value("Attachments", Json::array()).empty()}};
  }

  std::vector<Difference> Compare(Context&, const Json& observed, const Plan&) override {
    if (observed["attached"] == true) return {};
    return {{.what = "not attached to the VPC"}};
  }

  Json Create(Context& context) override {
    const Json made = context.Call("ec2", "CreateInternetGateway",
                                   {{"TagSpecifications", TagSpecifications(context, "internet-gateway", name())}});
    return Update(context, {{"id", made["InternetGateway"]["InternetGatewayId"]}});
  }

  Json Update(Context& context, const Json& observed) override {
    context.Call("ec2", "AttachInternetGateway", {{"InternetGatewayId", observed["id"]}, {"VpcId", VpcId(context)}});
    return {{"id", observed["id"]}, {"attached", true}};
  }

  void Delete(Context& context, const Json& observed) override {
    if (observed.value("attached", false)) {
      // Refused while public addresses of what was just deleted are still mapped.
      context.WaitWhileRefused({"DependencyViolation"}, id() + " to be without addresses", [&] {
        context.CallUnless({"Gateway.NotAttached"}, "ec2", "DetachInternetGateway",
                           {{"InternetGatewayId", observed["id"]}, {"VpcId", VpcId(context)}});
      });
    }
    context.CallUnless({"InvalidInternetGatewayID.NotFound"}, "ec2", "DeleteInternetGateway",
                       {{"InternetGatewayId", observed["id"]}});
  }
};

class Subnet final : public Resource {
 public:
  explicit Subnet(const SubnetSpec& spec) : Resource("subnet", SubnetName(spec)), spec_(spec) {
    DependsOn("vpc " + Join(spec.shared, "vpc"));
  }

  std::optional<Json> Read(Context& context) override {
    const Json found = ReadNamed(context, "DescribeSubnets", "Subnets", name());
    if (found.is_null()) return std::nullopt;
    return Json{{"id", found["SubnetId"]}};
  }

  Json Create(Context& context) override {
    const Json zones = context.Once("zones", [&] {
      return context.Call("ec2", "DescribeAvailabilityZones",
                          {{"Filters", Json::array({{{"Name", "state"}, {"Values", Json::array({"available"})}}})}});
    })["AvailabilityZones"];
    if (static_cast<int>(zones.size()) < spec_.zone) {
      throw Error(fmt::format("{} has only {} availability zones", context.region(), zones.size()),
                  "lower `zones` of the target's network");
    }
    // Public subnets take the first ranges, private ones those from the 10th on: 10.0.0.0/24 …, 10.0.10.0/24 ….
    const int index = (spec_.is_public ? 0 : 10) + spec_.zone - 1;
    const Json made = context.Call("ec2", "CreateSubnet",
                                   {{"VpcId", VpcId(context)},
                                    {"CidrBlock", SubnetCidr(context.config().target.network.cidr, 8, index)},
                                    {"AvailabilityZone", zones[spec_.zone - 1]["ZoneName"]},
                                    {"TagSpecifications", TagSpecifications(context, "subnet", name())}});
    return {{"id", made["Subnet"]["SubnetId"]}};
  }

  void Delete(Context& context, const Json& observed) override {
    context.WaitWhileRefused({"DependencyViolation"}, id() + " to be empty", [&] {
      context.CallUnless({"InvalidSubnetID.NotFound"}, "ec2", "DeleteSubnet", {{"SubnetId", observed["id"]}});
    });
  }

 private:
  const SubnetSpec spec_;
};

class Address final : public Resource {
 public:
  Address(const std::string& shared, int zone) : Resource("elastic ip", fmt::format("{}-nat-{}", shared, zone)) {}

  std::optional<Json> Read(Context& context) override {
    const Json found = ReadNamed(context, "DescribeAddresses", "Addresses", name());
    if (found.is_null()) return std::nullopt;
    return Json{{"id", found["AllocationId"]}};
  }

  Json Create(Context& context) override {
    const Json made =
        context.Call("ec2", "AllocateAddress",
                     {{"Domain", "vpc"}, {"TagSpecifications", TagSpecifications(context, "elastic-ip", name())}});
    return {{"id", made["AllocationId"]}};
  }

  void Delete(Context& context, const Json& observed) override {
    context.CallUnless({"InvalidAllocationID.NotFound"}, "ec2", "ReleaseAddress", {{"AllocationId", observed["id"]}});
  }
};

class NatGateway final : public Resource {
 public:
  NatGateway(const std::string& shared, int zone)
      : Resource("nat gateway", fmt::format("{}-nat-{}", shared, zone)), zone_(zone) {
    DependsOn("elastic ip " + name());
    DependsOn("internet gateway " + Join(shared, "igw"));
    DependsOn("subnet " + SubnetName({.shared = shared, .is_public = true, .zone = zone}));
  }

  std::optional<Json> Read(Context& context) override {
    const Json found =
        ReadNamed(context, "DescribeNatGateways", "NatGateways", name(),
                  Json::array({{{"Name", "state"}, {"Values", Json::array({"pending", "available", "deleting"})}}}));
    if (found.is_null()) return std::nullopt;
    return Json{{"id", found["NatGatewayId"]}, {"state", found["State"]}};
  }

  std::vector<Difference> Compare(Context&, const Json& observed, const Plan&) override {
    if (observed["state"] == "available") return {};
    // One that a destroy left behind on its way out still holds its address.
    return {
        {.what = "state", .from = observed["state"], .to = "available", .replace = observed["state"] == "deleting"}};
  }

  Json Create(Context& context) override {
    const Json made =
        context.Call("ec2", "CreateNatGateway",
                     {{"SubnetId", context.Get("subnet " + SubnetName({context.shared(), true, zone_}), "id")},
                      {"AllocationId", context.Get("elastic ip " + name(), "id")},
                      {"ClientToken", context.random().Uuid()},
                      {"TagSpecifications", TagSpecifications(context, "natgateway", name())}});
    return Update(context, {{"id", made["NatGateway"]["NatGatewayId"]}});
  }

  Json Update(Context& context, const Json& observed) override {
    WaitForState(context, observed["id"], "available");
    return {{"id", observed["id"]}, {"state", "available"}};
  }

  void Delete(Context& context, const Json& observed) override {
    context.CallUnless({"NatGatewayNotFound"}, "ec2", "DeleteNatGateway", {{"NatGatewayId", observed["id"]}});
    WaitForState(context, observed["id"], "deleted");
  }

 private:
  void WaitForState(Context& context, const std::string& gateway, const std::string& wanted) {
    context.WaitUntil(id() + " to be " + wanted, [&] {
      const auto found = context.CallUnless({"NatGatewayNotFound"}, "ec2", "DescribeNatGateways",
                                            {{"NatGatewayIds", Json::array({gateway})}});
      if (!found || (*found)["NatGateways"].empty()) return wanted == "deleted";
      const Json& state = (*found)["NatGateways"][0];
      if (state["State"] == "failed")
        throw Error(id() + " failed: " + state.value("FailureMessage", "no reason given"));
      return state["State"] == wanted;
    });
  }

  const int zone_;
};

class RouteTable final : public Resource {
 public:
  RouteTable(const std::string& shared, const std::string& suffix, std::string gateway,
             std::vector<std::string> subnets)
      : Resource("route table", Join(shared, suffix)), gateway_(std::move(gateway)), subnets_(std::move(subnets)) {
    DependsOn("vpc " + Join(shared, "vpc"));
    if (!gateway_.empty()) DependsOn(gateway_);
    for (const auto& subnet : subnets_) DependsOn(subnet);
  }

  std::optional<Json> Read(Context& context) override {
    const Json table = ReadNamed(context, "DescribeRouteTables", "RouteTables", name());
    if (table.is_null()) return std::nullopt;
    return Json{{"id", table["RouteTableId"]},
                {"routes", table.value("Routes", Json::array())},
                {"associations", table.value("Associations", Json::array())}};
  }

  std::vector<Difference> Compare(Context& context, const Json& observed, const Plan&) override {
    std::vector<Difference> differences;
    const Json route = DefaultRoute(observed);
    if (gateway_.empty()) {
      if (!route.is_null()) differences.push_back({.what = "default route", .from = TargetOf(route)});
    } else {
      const auto gateway = context.Find(gateway_);  // absent while it is not made yet
      if (!gateway || TargetOf(route) != (*gateway)["id"])
        differences.push_back({.what = "default route", .from = TargetOf(route), .to = gateway_});
    }
    for (const auto& subnet : subnets_) {
      const auto attributes = context.Find(subnet);
      if (!attributes || !IsAssociated(observed, (*attributes)["id"]))
        differences.push_back({.what = "association", .to = subnet});
    }
    return differences;
  }

  Json Create(Context& context) override {
    const Json made = context.Call(
        "ec2", "CreateRouteTable",
        {{"VpcId", VpcId(context)}, {"TagSpecifications", TagSpecifications(context, "route-table", name())}});
    return Update(
        context,
        {{"id", made["RouteTable"]["RouteTableId"]}, {"routes", Json::array()}, {"associations", Json::array()}});
  }

  Json Update(Context& context, const Json& observed) override {
    const Json route = DefaultRoute(observed);
    Json input = {{"RouteTableId", observed["id"]}, {"DestinationCidrBlock", kEverywhere}};
    if (gateway_.empty()) {
      if (!route.is_null()) context.CallUnless({"InvalidRoute.NotFound"}, "ec2", "DeleteRoute", input);
    } else if (const std::string gateway = context.Get(gateway_, "id"); TargetOf(route) != gateway) {
      input[gateway_.starts_with("nat") ? "NatGatewayId" : "GatewayId"] = gateway;
      context.Call("ec2", route.is_null() ? "CreateRoute" : "ReplaceRoute", input);
    }
    for (const auto& subnet : subnets_) {
      const std::string subnet_id = context.Get(subnet, "id");
      if (!IsAssociated(observed, subnet_id)) Associate(context, observed["id"], subnet_id);
    }
    return {{"id", observed["id"]}};
  }

  void Delete(Context& context, const Json& observed) override {
    // What was read may have gone to another table meanwhile.
    const auto found = context.CallUnless({"InvalidRouteTableID.NotFound"}, "ec2", "DescribeRouteTables",
                                          {{"RouteTableIds", Json::array({observed["id"]})}});
    if (!found) return;
    for (const Json& association : (*found)["RouteTables"][0].value("Associations", Json::array())) {
      if (association.value("Main", false)) continue;
      context.CallUnless({"InvalidAssociationID.NotFound"}, "ec2", "DisassociateRouteTable",
                         {{"AssociationId", association["RouteTableAssociationId"]}});
    }
    context.CallUnless({"InvalidRouteTableID.NotFound"}, "ec2", "DeleteRouteTable", {{"RouteTableId", observed["id"]}});
  }

 private:
  static constexpr const char* kEverywhere = "0.0.0.0/0";

  static Json DefaultRoute(const Json& observed) {
    for (const Json& route : observed["routes"]) {
      if (route.value("DestinationCidrBlock", "") == kEverywhere) return route;
    }
    return nullptr;
  }
  static std::string TargetOf(const Json& route) {
    if (route.is_null()) return "";
    return route.value("NatGatewayId", route.value("GatewayId", "something else"));
  }
  // A subnet has one route table: in a network that changes its shape, it comes from another one.
  static void Associate(Context& context, const Json& table, const std::string& subnet) {
    if (context.CallUnless({"Resource.AlreadyAssociated"}, "ec2", "AssociateRouteTable",
                           {{"RouteTableId", table}, {"SubnetId", subnet}})) {
      return;
    }
    const Json found = context.Call(
        "ec2", "DescribeRouteTables",
        {{"Filters", Json::array({{{"Name", "association.subnet-id"}, {"Values", Json::array({subnet})}}})}});
    for (const Json& other : found["RouteTables"]) {
      for (const Json& association : other["Associations"]) {
        if (association.value("SubnetId", "") != subnet) continue;
        context.Call("ec2", "ReplaceRouteTableAssociation",
                     {{"AssociationId", association["RouteTableAssociationId"]}, {"RouteTableId", table}});
      }
    }
  }
  static bool IsAssociated(const Json& observed, const std::string& subnet) {
    const Json& associations = observed["associations"];
    return std::any_of(associations.begin(), associations.end(),
                       [&](const Json& association) { return association.value("SubnetId", "") == subnet; });
  }

  const std::string gateway_;
  const std::vector<std::string> subnets_;
};

}  // namespace

std::string SubnetName(const SubnetSpec& spec) {
  return fmt::format("{}-{}-{}", spec.shared, spec.is_public ? "public" : "private", spec.zone);
}

std::vector<std::string> SubnetResources(const config::Target& target, bool is_public) {
  if (!target.existing.vpc.empty())
    return {fmt::format("subnets {}-{}", target.shared, is_public ? "public" : "private")};
  std::vector<std::string> resources;
  for (int zone = 1; zone <= target.network.zones; ++zone) {
    resources.push_back("subnet " + SubnetName({target.shared, is_public, zone}));
  }
  return resources;
}

Json SubnetIds(const Context& context, bool is_public) {
  Json ids = Json::array();
  for (const auto& resource : SubnetResources(context.config().target, is_public)) {
    const Json attributes = context.Get(resource);
    if (attributes.contains("id")) ids.push_back(attributes["id"]);
    for (const Json& id : attributes.value("ids", Json::array())) ids.push_back(id);
  }
  return ids;
}

ResourcePtr MakeVpc(const std::string& shared) { return std::make_unique<Vpc>(shared); }
ResourcePtr MakeInternetGateway(const std::string& shared) { return std::make_unique<InternetGateway>(shared); }
ResourcePtr MakeSubnet(const SubnetSpec& spec) { return std::make_unique<Subnet>(spec); }
ResourcePtr MakeAddress(const std::string& shared, int zone) { return std::make_unique<Address>(shared, zone); }
ResourcePtr MakeNatGateway(const std::string& shared, int zone) { return std::make_unique<NatGateway>(shared, zone); }
ResourcePtr MakeRouteTable(const std::string& shared, const std::string& suffix, const std::string& gateway_id,
                           std::vector<std::string> subnet_ids) {
  return std::make_unique<RouteTable>(shared, suffix, gateway_id, std::move(subnet_ids));
}

}  // namespace adhoc::env
