// Network interfaces: those of tasks, load balancers and databases, and ones that a caller makes.
#include "localcloud/api/ec2_internal.h"
#include "localcloud/network/vpc_network.h"

namespace adhoc::localcloud::ec2 {
namespace {

Json CreateNetworkInterface(Cloud& cloud, Call& call) {
  const std::string subnet = Text(call.input, "SubnetId");
  Get(call, kSubnets, subnet);
  for (const auto& group : Strings(call.input, "Groups")) Get(call, kSecurityGroups, group);
  Json interface = PutInterface(cloud, call.txn,
                                {.subnet_id = subnet,
                                 .security_groups = Strings(call.input, "Groups"),
                                 .description = Text(call.input, "Description"),
                                 .requester = "",
                                 .tags = TagsFor(call.input, "network-interface")});
  return {{"NetworkInterface", std::move(interface)}};
}

Json DescribeNetworkInterfaces(Cloud&, Call& call) {
  return Describe(call, {.collection = kInterfaces,
                         .ids_input = "NetworkInterfaceIds",
                         .output = "NetworkInterfaces",
                         .filters = {{"group-id", "Groups.GroupId"},
                                     {"group-name", "Groups.GroupName"},
                                     {"attachment.attachment-id", "Attachment.AttachmentId"},
                                     {"attachment.instance-id", "Attachment.InstanceId"},
                                     {"attachment.instance-owner-id", "Attachment.InstanceOwnerId"},
                                     {"attachment.status", "Attachment.Status"},
                                     {"association.public-ip", "Association.PublicIp"},
                                     {"association.allocation-id", "Association.AllocationId"},
                                     {"addresses.private-ip-address", "PrivateIpAddresses.PrivateIpAddress"},
                                     {"addresses.association.public-ip", "PrivateIpAddresses.Association.PublicIp"}}});
}

Json DeleteNetworkInterface(Cloud&, Call& call) {
  const std::string id = Text(call.input, "NetworkInterfaceId");
  if (Text(Get(call, kInterfaces, id), "Status") == "in-use") {
    throw ApiError("InvalidParameterValue", "Network interface '" + id + "' is currently in use.");
  }
  EraseInterface(call.txn, id);
  return Json::object();
}

Json ModifyNetworkInterfaceAttribute(Cloud&, Call& call) {
  Json& interface = Edit(call, kInterfaces, Text(call.input, "NetworkInterfaceId"));
  if (call.input.contains("Description")) interface["Description"] = Text(call.input["Description"], "Value");
  if (call.input.contains("SourceDestCheck"))
    interface["SourceDestCheck"] = Flag(call.input["SourceDestCheck"], "Value");
  if (call.input.contains("Groups")) {
    interface["Groups"] = Json::array();
    for (const auto& group : Strings(call.input, "Groups")) {
      interface["Groups"].push_back(
          {{"GroupId", group}, {"GroupName", Get(call, kSecurityGroups, group)["GroupName"]}});
    }
  }
  return Json::object();
}

}  // namespace

void RegisterInterfaces(Api& api, Cloud& cloud) {
  Register(api, cloud,
           {{"CreateNetworkInterface", CreateNetworkInterface},
            {"DeleteNetworkInterface", DeleteNetworkInterface},
            {"DescribeNetworkInterfaces", DescribeNetworkInterfaces},
            {"ModifyNetworkInterfaceAttribute", ModifyNetworkInterfaceAttribute, Effect::kRecorded}});
}

}  // namespace adhoc::localcloud::ec2
