// The EC2 instances whose agent is connected to Systems Manager.
#include <algorithm>

#include "localcloud/api/ssm.h"
#include "localcloud/api/support.h"
#include "localcloud/instances/documents.h"

namespace adhoc::localcloud {
namespace ssm {
namespace {

constexpr const char* kAgentVersion = "3.3.2299.0";

Json Information(const Cloud& cloud, const Json& instance) {
  return {{"InstanceId", instance["InstanceId"]},
          {"PingStatus", "Online"},
          {"LastPingDateTime", cloud.Now()},
          {"AgentVersion", kAgentVersion},
          {"IsLatestVersion", true},
          {"PlatformType", "Linux"},
          {"PlatformName", "Debian GNU/Linux"},
          {"PlatformVersion", "12"},
          {"ResourceType", "EC2Instance"},
          {"IPAddress", instance["PrivateIpAddress"]},
          {"ComputerName", instance["PrivateDnsName"]},
          {"SourceId", instance["InstanceId"]},
          {"SourceType", "AWS::EC2::Instance"}};
}

bool Passes(const Json& information, const Json& instance, const std::string& key,
            const std::vector<std::string>& values) {
  const auto is_one_of = [&](const std::string& text) {
    return std::find(values.begin(), values.end(), text) != values.end();
  };
  if (key == "InstanceIds") return is_one_of(Text(information, "InstanceId"));
  if (key == "PlatformTypes") return is_one_of(Text(information, "PlatformType"));
  if (key == "PingStatus" || key == "ResourceType" || key == "AgentVersion") return is_one_of(Text(information, key));
  if (StartsWith(key, "tag:")) {
    const Json tags = TagMap(Items(instance, "Tags"));
    return tags.contains(key.substr(4)) && is_one_of(Text(tags, key.substr(4)));
  }
  if (key == "tag-key") {
    const Json tags = TagMap(Items(instance, "Tags"));
    return std::any_of(values.begin(), values.end(), [&](const auto& name) { return tags.contains(name); });
  }
  if (key == "IamRole" || key == "ActivationIds" || key == "AssociationStatus") return false;  // of other machines
  throw ApiError("InvalidFilterKey", "The specified key is not valid: " + key);
}

Json DescribeInstanceInformation(Cloud& cloud, Call& call) {
  KeyedItems items;
  for (const auto& [id, instance] : call.txn.All(ec2::kInstances)) {
    if (FindConnectedInstance(call.txn, id) == nullptr) continue;
    Json information = Information(cloud, instance);
    bool passes = true;
    for (const auto& filter : Items(call.input, "Filters")) {
      passes = passes && Passes(information, instance, Text(filter, "Key"), Strings(filter, "Values"));
    }
    for (const auto& filter : Items(call.input, "InstanceInformationFilterList")) {
      passes = passes && Passes(information, instance, Text(filter, "key"), Strings(filter, "valueSet"));
    }
    if (passes) items.emplace_back(id, std::move(information));
  }
  Page page = TakePage(std::move(items), Number(call.input, "MaxResults", 50), Text(call.input, "NextToken"),
                       "InvalidNextToken");
  Json output{{"InstanceInformationList", std::move(page.items)}};
  if (!page.next.empty()) output["NextToken"] = page.next;
  return output;
}

Json GetConnectionStatus(Cloud&, Call& call) {
  const std::string target = Text(call.input, "Target");
  return {{"Target", target}, {"Status", IsConnected(call.txn, target) ? "connected" : "notconnected"}};
}

}  // namespace
}  // namespace ssm

void RegisterSsmInstances(Api& api, Cloud& cloud) {
  RegisterHandlers(api, cloud, "ssm",
                   {{"DescribeInstanceInformation", ssm::DescribeInstanceInformation},
                    {"GetConnectionStatus", ssm::GetConnectionStatus}});
}

}  // namespace adhoc::localcloud
