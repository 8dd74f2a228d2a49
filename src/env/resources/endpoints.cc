// VPC endpoints: how private subnets reach AWS's services without a NAT gateway
// (https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html and the guides of the other services).
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "env/names.h"
#include "env/resources/network_internal.h"
#include "env/resources/resources.h"

namespace adhoc::env {
namespace {

std::string EndpointName(const std::string& shared, std::string service) {
  std::replace(service.begin(), service.end(), '.', '-');
  return Join(shared, service);
}

class Endpoint : public Resource {
 public:
  std::optional<Json> Read(Context& context) override {
    const Json found = ReadNamed(
        context, "DescribeVpcEndpoints", "VpcEndpoints", name(),
        Json::array({{{"Name", "vpc-endpoint-state"}, {"Values", Json::array({"pending", "available", "deleting"})}}}));
    if (found.is_null()) return std::nullopt;
    return Json{{"id", found["VpcEndpointId"]}, {"state", found["State"]}, {"described", found}};
  }

  std::vector<Difference> Compare(Context& context, const Json& observed, const Plan&) override {
    if (observed["state"] == "deleting") {
      return {{.what = "state", .from = "deleting", .to = "available", .replace = true}};
    }
    std::vector<Difference> differences;
    if (observed["state"] != "available")
      differences.push_back({.what = "state", .from = observed["state"], .to = "available"});
    for (const Part& part : Parts(context, observed["described"])) {
      for (const auto& id : part.Missing()) differences.push_back({.what = part.what, .to = id});
      for (const auto& id : part.Unwanted()) differences.push_back({.what = part.what, .from = id});
    }
    if (!HasDns(observed["described"])) differences.push_back({.what = "private DNS", .from = "off", .to = "on"});
    return differences;
  }

  Json Create(Context& context) override {
    Json input = Input(context);
    input["VpcId"] = VpcId(context);
    input["ServiceName"] = fmt::format("com.amazonaws.{}.{}", context.region(), service_);
    input["ClientToken"] = context.random().Uuid();
    input["TagSpecifications"] = TagSpecifications(context, "vpc-endpoint", name());
    const Json made = context.Call("ec2", "CreateVpcEndpoint", input);
    const Json attributes = {{"id", made["VpcEndpoint"]["VpcEndpointId"]}};
    WaitForState(context, attributes, "available");
    return attributes;
  }

  Json Update(Context& context, const Json& observed) override {
    Json input{{"VpcEndpointId", observed["id"]}};
    for (const Part& part : Parts(context, observed["described"])) {
      if (const auto ids = part.Missing(); !ids.empty()) input[fmt::format("Add{}", part.member)] = ids;
      if (const auto ids = part.Unwanted(); !ids.empty()) input[fmt::format("Remove{}", part.member)] = ids;
    }
    if (!HasDns(observed["described"])) input["PrivateDnsEnabled"] = true;
    if (input.size() > 1) context.Call("ec2", "ModifyVpcEndpoint", input);
    WaitForState(context, observed, "available");
    return observed;
  }

  void Delete(Context& context, const Json& observed) override {
    const Json failures =
        context.Call("ec2", "DeleteVpcEndpoints", {{"VpcEndpointIds", Json::array({observed["id"]})}})["Unsuccessful"];
    for (const Json& failure : failures.is_array() ? failures : Json::array()) {
      const Json& error = failure["Error"];
      if (error.value("Code", "") != "InvalidVpcEndpointId.NotFound")
        throw Error(fmt::format("{} was not deleted: {}", id(), error.value("Message", "no reason given")));
    }
    WaitForState(context, observed, "deleted");
  }

 protected:
  Endpoint(const std::string& shared, const std::string& service)
      : Resource("vpc endpoint", EndpointName(shared, service)), service_(service) {
    DependsOn("vpc " + Join(shared, "vpc"));
  }

  // What it is in, or has: resources' ids as AWS calls them.
  struct Part {
    std::string what;    // subnet
    std::string member;  // SubnetIds, of Create; of Modify with Add and Remove
    std::vector<std::string> wanted;
    std::vector<std::string> actual;

    std::vector<std::string> Missing() const { return Without(wanted, actual); }
    std::vector<std::string> Unwanted() const { return Without(actual, wanted); }

   private:
    static std::vector<std::string> Without(std::vector<std::string> ids, const std::vector<std::string>& others) {
      std::erase_if(ids, [&](const auto& id) { return std::find(others.begin(), others.end(), id) != others.end(); });
      return ids;
    }
  };
  // `described` may be null.
  virtual std::vector<Part> Parts(Context& context, const Json& described) = 0;
  virtual Json Input(Context& context) = 0;
  virtual bool HasDns(const Json&) const { return true; }

  // Those that are not made yet have no id: while planning, their names stand in.
  static std::vector<std::string> Ids(const Context& context, const std::vector<std::string>& resources) {
    std::vector<std::string> ids;
    for (const auto& resource : resources) {
      const auto found = context.Find(resource);
      ids.push_back(found ? (*found)["id"].get<std::string>() : resource);
    }
    return ids;
  }

 private:
  void WaitForState(Context& context, const Json& attributes, const std::string& wanted) {
    context.WaitUntil(id() + " to be " + wanted, [&] {
      const auto found = context.CallUnless({"InvalidVpcEndpointId.NotFound"}, "ec2", "DescribeVpcEndpoints",
                                            {{"VpcEndpointIds", Json::array({attributes["id"]})}});
      if (!found || (*found)["VpcEndpoints"].empty()) return wanted == "deleted";
      const Json& endpoint = (*found)["VpcEndpoints"][0];
      const std::string state = endpoint.value("State", "");
      if (state == "failed" || state == "rejected") {
        throw Error(fmt::format("{} {}: {}", id(), state,
                                endpoint.value("LastError", Json::object()).value("Message", "no reason given")));
      }
      return state == wanted;
    });
  }

  const std::string service_;
};

class InterfaceEndpoint final : public Endpoint {
 public:
  InterfaceEndpoint(const std::string& shared, const std::string& service, std::vector<std::string> subnets,
                    std::string group)
      : Endpoint(shared, service), subnets_(std::move(subnets)), group_(std::move(group)) {
    for (const auto& subnet : subnets_) DependsOn(subnet);
    DependsOn(group_);
  }

 private:
  std::vector<Part> Parts(Context& context, const Json& described) override {
    Part subnets{.what = "subnet", .member = "SubnetIds", .wanted = Ids(context, subnets_), .actual = {}};
    Part groups{.what = "security group", .member = "SecurityGroupIds", .wanted = Ids(context, {group_}), .actual = {}};
    for (const Json& id : described.value("SubnetIds", Json::array())) subnets.actual.push_back(id);
    for (const Json& group : described.value("Groups", Json::array())) groups.actual.push_back(group["GroupId"]);
    return {subnets, groups};
  }
  Json Input(Context& context) override {
    return {{"VpcEndpointType", "Interface"},
            {"SubnetIds", Ids(context, subnets_)},
            {"SecurityGroupIds", Ids(context, {group_})},
            {"PrivateDnsEnabled", true}};
  }
  bool HasDns(const Json& described) const override { return described.value("PrivateDnsEnabled", false); }

  const std::vector<std::string> subnets_;
  const std::string group_;
};

class GatewayEndpoint final : public Endpoint {
 public:
  GatewayEndpoint(const std::string& shared, const std::string& service, std::string table)
      : Endpoint(shared, service), table_(std::move(table)) {
    DependsOn(table_);
  }

 private:
  std::vector<Part> Parts(Context& context, const Json& described) override {
    Part tables{.what = "route table", .member = "RouteTableIds", .wanted = Ids(context, {table_}), .actual = {}};
    for (const Json& id : described.value("RouteTableIds", Json::array())) tables.actual.push_back(id);
    return {tables};
  }
  Json Input(Context& context) override {
    return {{"VpcEndpointType", "Gateway"}, {"RouteTableIds", Ids(context, {table_})}};
  }

  const std::string table_;
};

}  // namespace

ResourcePtr MakeInterfaceEndpoint(const std::string& shared, const std::string& service,
                                  std::vector<std::string> subnets, const std::string& group) {
  return std::make_unique<InterfaceEndpoint>(shared, service, std::move(subnets), group);
}
ResourcePtr MakeGatewayEndpoint(const std::string& shared, const std::string& service, const std::string& table) {
  return std::make_unique<GatewayEndpoint>(shared, service, table);
}

}  // namespace adhoc::env
