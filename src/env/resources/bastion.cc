#include <fmt/format.h>

#include "base/error.h"
#include "env/names.h"
#include "env/resources/resources.h"

namespace adhoc::env {
namespace {

constexpr const char* kType = "t4g.nano";
// Names the newest Amazon Linux 2023, which has Session Manager's agent.
constexpr const char* kImage = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64";
constexpr const char* kRootDevice = "/dev/xvda";

std::string RoleName(const std::string& shared) { return Join(shared, "bastion-role"); }

class InstanceProfile final : public Resource {
 public:
  explicit InstanceProfile(const std::string& shared) : Resource("instance profile", BastionName(shared)) {
    DependsOn("role " + RoleName(shared));
  }

  std::optional<Json> Read(Context& context) override {
    const auto found =
        context.CallUnless({"NoSuchEntity"}, "iam", "GetInstanceProfile", {{"InstanceProfileName", name()}});
    if (!found) return std::nullopt;
    return Json{{"name", name()}, {"has_role", !(*found)["InstanceProfile"].value("Roles", Json::array()).empty()}};
  }

  std::vector<Difference> Compare(Context&, const Json& observed, const Plan&) override {
    if (observed["has_role"] == true) return {};
    return {{.what = "has no role"}};
  }

  Json Create(Context& context) override {
    context.CallUnless({"EntityAlreadyExists"}, "iam", "CreateInstanceProfile",
                       {{"InstanceProfileName", name()}, {"Tags", Tags(context, context.shared())}});
    return Update(context, Json::object());
  }

  Json Update(Context& context, const Json&) override {
    context.CallUnless({"LimitExceeded"}, "iam", "AddRoleToInstanceProfile",
                       {{"InstanceProfileName", name()}, {"RoleName", RoleName(context.shared())}});
    return {{"name", name()}, {"has_role", true}};
  }

  void Delete(Context& context, const Json&) override {
    context.CallUnless({"NoSuchEntity"}, "iam", "RemoveRoleFromInstanceProfile",
                       {{"InstanceProfileName", name()}, {"RoleName", RoleName(context.shared())}});
    context.CallUnless({"NoSuchEntity"}, "iam", "DeleteInstanceProfile", {{"InstanceProfileName", name()}});
  }
};

// No port of it is open and it has no key pair: Session Manager is the way in.
class Bastion final : public Resource {
 public:
  explicit Bastion(const config::Target& target) : Resource("instance", BastionName(target.shared)) {
    DependsOn("instance profile " + name());
    DependsOn(SecurityGroupId());
    for (const auto& subnet : SubnetResources(target, true)) DependsOn(subnet);
    DependsOn("internet gateway " + Join(target.shared, "igw"));
  }

  std::optional<Json> Read(Context& context) override {
    const auto filter = [](const char* filter_name, std::vector<std::string> values) {
      return Json{{"Name", filter_name}, {"Values", std::move(values)}};
    };
    const Json found = context.Call(
        "ec2", "DescribeInstances",
        {{"Filters", Json::array({filter("tag:Name", {name()}), filter("tag:env", {context.shared()}),
                                  filter("instance-state-name",
                                         {"pending", "running", "stopping", "stopped", "shutting-down"})})}});
    const Json reservations = found.value("Reservations", Json::array());
    if (reservations.empty()) return std::nullopt;
    const Json& instance = reservations[0]["Instances"][0];
    return Json{{"id", instance["InstanceId"]}, {"state", instance["State"]["Name"]}};
  }

  std::vector<Difference> Compare(Context&, const Json& observed, const Plan&) override {
    const std::string state = observed["state"];
    if (state == "running") return {};
    return {{.what = "state", .from = state, .to = "running", .replace = state == "shutting-down"}};
  }

  Json Create(Context& context) override {
    const Json made = context.Call("ec2", "RunInstances", Request(context));
    return WaitForState(context, made["Instances"][0]["InstanceId"], "running");
  }

  Json Update(Context& context, const Json& observed) override {
    const std::string instance = observed["id"];
    if (observed["state"] == "stopping") WaitForState(context, instance, "stopped");
    if (observed["state"] != "pending") {
      context.Call("ec2", "StartInstances", {{"InstanceIds", Json::array({instance})}});
    }
    return WaitForState(context, instance, "running");
  }

  void Delete(Context& context, const Json& observed) override {
    context.CallUnless({"InvalidInstanceID.NotFound"}, "ec2", "TerminateInstances",
                       {{"InstanceIds", Json::array({observed["id"]})}});
    WaitForState(context, observed["id"], "terminated");
  }

 private:
  std::string SecurityGroupId() const { return fmt::format("security group {}-sg", name()); }

  Json Request(Context& context) const {
    const Json tags = Tags(context, context.shared(), name());
    return {{"ImageId", context.Call("ssm", "GetParameter", {{"Name", kImage}})["Parameter"]["Value"]},
            {"InstanceType", kType},
            {"MinCount", 1},
            {"MaxCount", 1},
            {"ClientToken", context.random().Uuid()},
            {"IamInstanceProfile", {{"Name", name()}}},
            {"MetadataOptions", {{"HttpTokens", "required"}, {"HttpEndpoint", "enabled"}}},
            {"BlockDeviceMappings", Json::array({{{"DeviceName", kRootDevice}, {"Ebs", {{"Encrypted", true}}}}})},
            {"NetworkInterfaces", Json::array({{{"DeviceIndex", 0},
                                                {"SubnetId", SubnetIds(context, true)[0]},
                                                {"Groups", Json::array({context.Get(SecurityGroupId(), "id")})},
                                                {"AssociatePublicIpAddress", true}}})},
            {"TagSpecifications", Json::array({{{"ResourceType", "instance"}, {"Tags", tags}},
                                               {{"ResourceType", "volume"}, {"Tags", tags}}})}};
  }

  Json WaitForState(Context& context, const std::string& instance, const std::string& wanted) {
    context.WaitUntil(fmt::format("{} to be {}", id(), wanted), [&] {
      // One that was just made may not be known everywhere yet.
      const auto found = context.CallUnless({"InvalidInstanceID.NotFound"}, "ec2", "DescribeInstances",
                                            {{"InstanceIds", Json::array({instance})}});
      if (!found || (*found)["Reservations"].empty()) return wanted == "terminated";
      const Json& document = (*found)["Reservations"][0]["Instances"][0];
      const std::string state = document["State"]["Name"];
      if (state == "terminated" && wanted != state) {
        const std::string reason = document.value("StateReason", Json::object()).value("Message", "no reason given");
        throw Error(fmt::format("{} was terminated: {}", id(), reason));
      }
      context.Progress(id(), state);
      return state == wanted;
    });
    return {{"id", instance}, {"state", wanted}};
  }
};

}  // namespace

ResourcePtr MakeInstanceProfile(const std::string& shared) { return std::make_unique<InstanceProfile>(shared); }
ResourcePtr MakeBastion(const config::Target& target) { return std::make_unique<Bastion>(target); }

}  // namespace adhoc::env
