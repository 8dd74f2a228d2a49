// EC2's instances, their images and volumes. The instance controller runs them.
#include <fmt/format.h>

#include <algorithm>

#include "localcloud/api/ec2_catalog.h"
#include "localcloud/api/ec2_internal.h"
#include "localcloud/network/vpc_network.h"
#include "localcloud/runtime/runtime.h"

namespace adhoc::localcloud::ec2 {
namespace {

constexpr std::size_t kMaxUserData = 16 << 10;
constexpr std::int64_t kMaxInstances = 20;

std::string UserTransition(const Cloud& cloud) {
  std::string at = IsoTime(cloud.Now()).substr(0, 19);
  at[10] = ' ';
  return "User initiated (" + at + " GMT)";
}

// ---- RunInstances

// What RunInstances says of the first network interface, where it says it there.
const Json& PrimaryInterface(const Json& input) {
  static const Json kNone = Json::object();
  const Json& interfaces = Items(input, "NetworkInterfaces");
  return interfaces.empty() ? kNone : interfaces.front();
}

std::string AskedSubnet(const Json& input) {
  return Text(PrimaryInterface(input), "SubnetId", Text(input, "SubnetId"));
}

std::string SubnetFor(const Call& call) {
  if (const std::string asked = AskedSubnet(call.input); !asked.empty()) return asked;
  const std::string zone = Text(Fields(call.input, "Placement"), "AvailabilityZone");
  for (const auto& [id, subnet] : call.txn.All(kSubnets)) {
    if (Flag(subnet, "DefaultForAz") && (zone.empty() || Text(subnet, "AvailabilityZone") == zone)) return id;
  }
  throw ApiError("MissingInput", "No subnets found for the default VPC. Please specify a subnet.");
}

std::vector<std::string> GroupsFor(const Call& call, const std::string& vpc) {
  std::vector<std::string> groups = Strings(PrimaryInterface(call.input), "Groups");
  if (groups.empty()) groups = Strings(call.input, "SecurityGroupIds");
  for (const auto& name : Strings(call.input, "SecurityGroups")) {
    std::string found;
    for (const auto& id : IdsWith(call.txn, kSecurityGroups, "GroupName", name)) {
      if (Text(*call.txn.Find(kSecurityGroups, id), "VpcId") == vpc) found = id;
    }
    if (found.empty()) {
      throw ApiError("InvalidGroup.NotFound", "The security group '" + name + "' does not exist in VPC '" + vpc + "'");
    }
    groups.push_back(found);
  }
  for (const auto& group : groups) {
    if (Text(Get(call, kSecurityGroups, group), "VpcId") != vpc) {
      throw ApiError("InvalidParameter",
                     "Security group " + group + " and the subnet of the instance belong to different networks.");
    }
  }
  return groups;
}

const Json& ImageFor(const Json& input) {
  const std::string id = Text(input, "ImageId");
  if (id.empty()) throw ApiError("MissingParameter", "The request must contain the parameter ImageId");
  if (!StartsWith(id, "ami-")) throw ApiError("InvalidAMIID.Malformed", "Invalid id: \"" + id + "\"");
  const Json* image = FindImage(id);
  if (image == nullptr) throw ApiError("InvalidAMIID.NotFound", "The image id '[" + id + "]' does not exist");
  return *image;
}

const Json& TypeFor(const Json& input, const Json& image) {
  const std::string name = Text(input, "InstanceType", "t3.micro");
  const Json* type = FindInstanceType(name);
  if (type == nullptr) {
    throw ApiError("Unsupported", "The local cloud has no instance type " + name +
                                      "; DescribeInstanceTypes lists those "
                                      "that it has.");
  }
  const std::string architecture = (*type)["ProcessorInfo"]["SupportedArchitectures"][0];
  if (const std::string of_image = Text(image, "Architecture"); of_image != architecture) {
    throw ApiError("InvalidParameterValue",
                   fmt::format("The architecture '{}' of the specified instance type does not match the architecture "
                               "'{}' of the specified AMI. Specify an instance type and an AMI that have matching "
                               "architectures, and try again. You can use 'describe-instance-types' or "
                               "'describe-images' to discover the architecture of the instance type or AMI.",
                               architecture, of_image));
  }
  return *type;
}

// The image's devices as the request changes them, with further ones that it names.
Json DevicesFor(const Json& input, const Json& image) {
  Json devices = image["BlockDeviceMappings"];
  for (const auto& asked : Items(input, "BlockDeviceMappings")) {
    const auto found = std::find_if(devices.begin(), devices.end(), [&](const Json& device) {
      return Text(device, "DeviceName") == Text(asked, "DeviceName");
    });
    if (asked.contains("NoDevice")) {
      if (found != devices.end()) devices.erase(found);
    } else if (found != devices.end()) {
      (*found)["Ebs"].update(Fields(asked, "Ebs"));
    } else {
      devices.push_back({{"DeviceName", asked["DeviceName"]}, {"Ebs", Fields(asked, "Ebs")}});
      Json& ebs = devices.back()["Ebs"];
      if (!ebs.contains("DeleteOnTermination")) ebs["DeleteOnTermination"] = true;
    }
  }
  return devices;
}

// Puts the volume of a device, and returns the mapping as an instance shows it.
Json AttachVolume(Cloud& cloud, Call& call, const Json& instance, const Json& device) {
  const std::string id = NewId(cloud, "vol-");
  const Json& ebs = device["Ebs"];
  const std::string type = Text(ebs, "VolumeType", "gp2");
  const bool keeps = !Flag(ebs, "DeleteOnTermination", true);
  Json volume{{"VolumeId", id},
              {"VolumeType", type},
              {"Size", Number(ebs, "VolumeSize", 8)},
              {"SnapshotId", Text(ebs, "SnapshotId")},
              {"AvailabilityZone", instance["Placement"]["AvailabilityZone"]},
              {"State", "in-use"},
              {"CreateTime", cloud.Now()},
              {"Encrypted", Flag(ebs, "Encrypted")},
              {"MultiAttachEnabled", false},
              {"Attachments", Json::array({{{"VolumeId", id},
                                            {"InstanceId", instance["InstanceId"]},
                                            {"Device", device["DeviceName"]},
                                            {"State", "attached"},
                                            {"AttachTime", cloud.Now()},
                                            {"DeleteOnTermination", !keeps}}})},
              {"Tags", TagsFor(call.input, "volume")}};
  if (type == "gp3") volume["Throughput"] = Number(ebs, "Throughput", 125);
  if (type == "gp3" || type == "gp2") volume["Iops"] = Number(ebs, "Iops", type == "gp3" ? 3000 : 100);
  if (type == "io1" || type == "io2") volume["Iops"] = Number(ebs, "Iops", 100);
  if (volume["Encrypted"] == true) {
    volume["KmsKeyId"] = Text(ebs, "KmsKeyId", cloud.Arn("kms", "key/00000000-0000-0000-0000-00000000eb50"));
  }
  call.txn.Put(kVolumes, id, std::move(volume));
  return {{"DeviceName", device["DeviceName"]},
          {"Ebs",
           {{"VolumeId", id}, {"Status", "attached"}, {"AttachTime", cloud.Now()}, {"DeleteOnTermination", !keeps}}}};
}

// The instance's interface: its document belongs to `ec2.enis`, and a part of it is shown with the instance.
Json AttachInterface(Cloud& cloud, Call& call, Json& instance, const std::string& subnet,
                     const std::vector<std::string>& groups) {
  const Json& asked = PrimaryInterface(call.input);
  const bool is_public =
      Flag(asked, "AssociatePublicIpAddress", Flag(Get(call, kSubnets, subnet), "MapPublicIpOnLaunch"));
  const Json made = PutInterface(cloud, call.txn,
                                 {.subnet_id = subnet,
                                  .security_groups = groups,
                                  .description = Text(asked, "Description"),
                                  .requester = "",
                                  .public_ip = is_public,
                                  .tags = TagsFor(call.input, "network-interface")});
  Json& interface = call.txn.Edit(kInterfaces, Text(made, "NetworkInterfaceId"));
  interface["Status"] = "in-use";
  interface["Attachment"] = {{"AttachmentId", NewId(cloud, "eni-attach-")},
                             {"AttachTime", cloud.Now()},
                             {"DeleteOnTermination", true},
                             {"DeviceIndex", 0},
                             {"NetworkCardIndex", 0},
                             {"InstanceId", instance["InstanceId"]},
                             {"InstanceOwnerId", cloud.settings.account},
                             {"Status", "attached"}};
  instance["_interface"] = interface["NetworkInterfaceId"];
  instance["PrivateIpAddress"] = interface["PrivateIpAddress"];
  instance["PrivateDnsName"] = interface["PrivateDnsName"];
  instance["SecurityGroups"] = interface["Groups"];
  if (is_public) instance["PublicIpAddress"] = interface["Association"]["PublicIp"];
  return interface;
}

Json InterfaceOf(const Call& call, const Json& instance) {
  const Json* found = call.txn.Find(kInterfaces, Text(instance, "_interface"));
  if (found == nullptr) return Json::array();
  Json shown = Json::object();
  CopyMembers(*found, shown,
              {"Association", "Attachment", "Description", "Groups", "MacAddress", "NetworkInterfaceId", "OwnerId",
               "PrivateDnsName", "PrivateIpAddress", "PrivateIpAddresses", "SourceDestCheck", "Status", "SubnetId",
               "VpcId", "InterfaceType"});
  shown["Ipv6Addresses"] = Json::array();
  return Json::array({std::move(shown)});
}

Json MetadataOptions(const Json& input) {
  Json options{{"State", "applied"},        {"HttpTokens", "optional"},       {"HttpPutResponseHopLimit", 1},
               {"HttpEndpoint", "enabled"}, {"HttpProtocolIpv6", "disabled"}, {"InstanceMetadataTags", "disabled"}};
  options.update(Fields(input, "MetadataOptions"));
  return options;
}

std::string CheckUserData(const std::string& text) {
  try {
    if (Base64Decode(text).size() <= kMaxUserData) return text;
  } catch (const std::invalid_argument&) {
    throw ApiError("InvalidParameterValue", "Invalid BASE64 encoding of user data.");
  }
  throw ApiError("InvalidParameterValue", "User data is limited to 16384 bytes");
}

Json MakeInstance(Cloud& cloud, Call& call, const std::string& reservation, std::int64_t index) {
  const Json& input = call.input;
  const Json& image = ImageFor(input);
  const Json& type = TypeFor(input, image);
  const std::string subnet_id = SubnetFor(call);
  const Json subnet = Get(call, kSubnets, subnet_id);
  const std::string id = NewId(cloud, "i-");
  const bool burstable = Flag(type, "BurstablePerformanceSupported");
  Json instance{
      {"InstanceId", id},
      {"ImageId", image["ImageId"]},
      {"InstanceType", type["InstanceType"]},
      {"Architecture", image["Architecture"]},
      {"State", StateDocument("pending")},
      {"StateTransitionReason", ""},
      {"AmiLaunchIndex", index},
      {"LaunchTime", cloud.Now()},
      {"Placement", {{"AvailabilityZone", subnet["AvailabilityZone"]}, {"GroupName", ""}, {"Tenancy", "default"}}},
      {"Monitoring", {{"State", Flag(Fields(input, "Monitoring"), "Enabled") ? "enabled" : "disabled"}}},
      {"SubnetId", subnet_id},
      {"VpcId", subnet["VpcId"]},
      {"PublicDnsName", ""},
      {"RootDeviceName", image["RootDeviceName"]},
      {"RootDeviceType", "ebs"},
      {"VirtualizationType", "hvm"},
      {"Hypervisor", "xen"},
      {"EnaSupport", true},
      {"EbsOptimized", Flag(input, "EbsOptimized")},
      {"SourceDestCheck", true},
      {"ProductCodes", Json::array()},
      {"ClientToken", Text(input, "ClientToken")},
      {"CpuOptions",
       {{"CoreCount", type["VCpuInfo"]["DefaultCores"]},
        {"ThreadsPerCore", type["VCpuInfo"]["DefaultThreadsPerCore"]}}},
      {"CapacityReservationSpecification", {{"CapacityReservationPreference", "open"}}},
      {"HibernationOptions", {{"Configured", false}}},
      {"EnclaveOptions", {{"Enabled", false}}},
      {"MaintenanceOptions", {{"AutoRecovery", "default"}}},
      {"MetadataOptions", MetadataOptions(input)},
      {"PrivateDnsNameOptions", subnet["PrivateDnsNameOptionsOnLaunch"]},
      {"BootMode", image["BootMode"]},
      {"PlatformDetails", "Linux/UNIX"},
      {"UsageOperation", "RunInstances"},
      {"UsageOperationUpdateTime", cloud.Now()},
      {"Tags", TagsFor(input, "instance")},
      {"_reservation", reservation},
      {"_due_at", cloud.DueAt(Slow::kInstanceStart)},
      {"_user_data", CheckUserData(Text(input, "UserData"))},
      {"_credits", Text(Fields(input, "CreditSpecification"), "CpuCredits", burstable ? "unlimited" : "standard")},
      {"_attributes",
       {{"DisableApiTermination", Flag(input, "DisableApiTermination")},
        {"DisableApiStop", Flag(input, "DisableApiStop")},
        {"InstanceInitiatedShutdownBehavior", Text(input, "InstanceInitiatedShutdownBehavior", "stop")}}}};
  if (const std::string key = Text(input, "KeyName"); !key.empty()) {
    if (IdsWith(call.txn, kKeyPairs, "KeyName", key).empty()) {
      throw ApiError("InvalidKeyPair.NotFound", "The key pair '" + key + "' does not exist");
    }
    instance["KeyName"] = key;
  }
  if (const Json& profile = Fields(input, "IamInstanceProfile"); !profile.empty()) {
    instance["IamInstanceProfile"] = ProfileOf(call, profile);
    instance["_profile"] = {
        {"AssociationId", NewId(cloud, "iip-assoc-")}, {"State", "associated"}, {"Timestamp", cloud.Now()}};
  }
  AttachInterface(cloud, call, instance, subnet_id, GroupsFor(call, Text(subnet, "VpcId")));
  instance["BlockDeviceMappings"] = Json::array();
  for (const auto& device : DevicesFor(input, image)) {
    instance["BlockDeviceMappings"].push_back(AttachVolume(cloud, call, instance, device));
  }
  call.txn.Put(kInstances, id, instance);
  return instance;
}

Json Shown(const Call& call, const Json& instance) {
  Json answer = instance;
  answer["NetworkInterfaces"] = InterfaceOf(call, instance);
  return answer;
}

void RefuseWhatIsNotHere(const Json& input) {
  for (const char* member : {"LaunchTemplate", "InstanceMarketOptions", "PrivateIpAddress"}) {
    if (input.contains(member)) {
      throw ApiError("UnsupportedOperation", std::string("The local cloud does not take ") + member + ".");
    }
  }
  if (Items(input, "NetworkInterfaces").size() > 1 || PrimaryInterface(input).contains("NetworkInterfaceId")) {
    throw ApiError("UnsupportedOperation", "The local cloud gives an instance one network interface, a new one.");
  }
}

Json RunInstances(Cloud& cloud, Call& call) {
  RefuseWhatIsNotHere(call.input);
  const std::int64_t least = Number(call.input, "MinCount", 1);
  const std::int64_t count = Number(call.input, "MaxCount", 1);
  if (least < 1 || least > count) {
    throw ApiError("InvalidParameterValue", "Invalid value for min or max count: minCount may not exceed maxCount.");
  }
  if (count > kMaxInstances) {
    throw ApiError("InstanceLimitExceeded",
                   fmt::format("The local cloud starts {} instances at a time.", kMaxInstances));
  }
  const std::string reservation = NewId(cloud, "r-");
  Json instances = Json::array();
  for (std::int64_t i = 0; i < count; ++i) {
    instances.push_back(Shown(call, MakeInstance(cloud, call, reservation, i)));
  }
  return {{"ReservationId", reservation},
          {"OwnerId", cloud.settings.account},
          {"Groups", Json::array()},
          {"Instances", std::move(instances)}};
}

// The network first, because making it may move a VPC that nothing has an address in.
std::any MakeNetwork(Cloud& cloud, const Json& input) {
  std::string vpc;
  {
    const auto txn = cloud.store.Begin();
    if (const Json* subnet = txn->Find(kSubnets, AskedSubnet(input))) vpc = Text(*subnet, "VpcId");
  }
  try {
    if (!vpc.empty()) EnsureVpcNetwork(cloud, vpc);
  } catch (const Error&) {
    // The instance stays pending, and the controller says why.
  }
  return {};
}

// ---- Reading

Json DescribeInstances(Cloud& cloud, Call& call) {
  static const FilterPaths kPaths = {
      {"availability-zone", "Placement.AvailabilityZone"},
      {"tenancy", "Placement.Tenancy"},
      {"instance-state-name", "State.Name"},
      {"dns-name", "PublicDnsName"},
      {"ip-address", "PublicIpAddress"},
      {"reservation-id", "_reservation"},
      {"instance.group-id", "SecurityGroups.GroupId"},
      {"instance.group-name", "SecurityGroups.GroupName"},
      {"iam-instance-profile.arn", "IamInstanceProfile.Arn"},
      {"iam-instance-profile.id", "IamInstanceProfile.Id"},
      {"block-device-mapping.volume-id", "BlockDeviceMappings.Ebs.VolumeId"},
      {"block-device-mapping.device-name", "BlockDeviceMappings.DeviceName"},
      {"network-interface.network-interface-id", "NetworkInterfaces.NetworkInterfaceId"},
      {"network-interface.subnet-id", "NetworkInterfaces.SubnetId"},
      {"network-interface.vpc-id", "NetworkInterfaces.VpcId"},
      {"network-interface.addresses.private-ip-address", "NetworkInterfaces.PrivateIpAddresses.PrivateIpAddress"},
      {"network-interface.group-id", "NetworkInterfaces.Groups.GroupId"},
      {"metadata-options.http-tokens", "MetadataOptions.HttpTokens"},
      {"metadata-options.http-endpoint", "MetadataOptions.HttpEndpoint"}};
  const auto ids = Strings(call.input, "InstanceIds");
  RequireInstances(call, ids);
  const aws::Shape* shape = call.operation.output->FindMember("Reservations")
                                ->shape->element.shape->FindMember("Instances")
                                ->shape->element.shape;
  std::map<std::string, Json> reservations;
  for (const auto& [id, instance] : call.txn.All(kInstances)) {
    if (!ids.empty() && std::find(ids.begin(), ids.end(), id) == ids.end()) continue;
    Json shown = Shown(call, instance);
    if (!MatchesFilters(shown, Items(call.input, "Filters"), kPaths, "Tags", shape)) continue;
    Json& reservation = reservations[Text(instance, "_reservation")];
    if (reservation.is_null()) {
      reservation = {{"ReservationId", instance["_reservation"]},
                     {"OwnerId", cloud.settings.account},
                     {"Groups", Json::array()},
                     {"Instances", Json::array()}};
    }
    reservation["Instances"].push_back(std::move(shown));
  }
  KeyedItems items(reservations.begin(), reservations.end());
  Page page = TakePage(std::move(items), Number(call.input, "MaxResults", 1000), Text(call.input, "NextToken"),
                       "InvalidParameterValue");
  Json output{{"Reservations", std::move(page.items)}};
  if (!page.next.empty()) output["NextToken"] = page.next;
  return output;
}

Json StatusOf(const Cloud& cloud, const Json& instance) {
  Json summary{{"Status", "not-applicable"}};
  if (StateOf(instance) == "running") {
    const bool passed = instance.value("_checks_until", 0.0) <= cloud.Now();
    summary = {{"Status", passed ? "ok" : "initializing"},
               {"Details", {{{"Name", "reachability"}, {"Status", passed ? "passed" : "initializing"}}}}};
  }
  return {{"InstanceId", instance["InstanceId"]},
          {"AvailabilityZone", instance["Placement"]["AvailabilityZone"]},
          {"InstanceState", instance["State"]},
          {"InstanceStatus", summary},
          {"SystemStatus", summary},
          {"Events", Json::array()}};
}

Json DescribeInstanceStatus(Cloud& cloud, Call& call) {
  static const FilterPaths kPaths = {{"instance-state-name", "InstanceState.Name"},
                                     {"instance-status.status", "InstanceStatus.Status"},
                                     {"system-status.status", "SystemStatus.Status"}};
  const auto ids = Strings(call.input, "InstanceIds");
  RequireInstances(call, ids);
  const bool all = Flag(call.input, "IncludeAllInstances");
  KeyedItems found;
  for (const auto& [id, instance] : call.txn.All(kInstances)) {
    if (!ids.empty() && std::find(ids.begin(), ids.end(), id) == ids.end()) continue;
    if (!all && StateOf(instance) != "running") continue;
    Json status = StatusOf(cloud, instance);
    if (MatchesFilters(status, Items(call.input, "Filters"), kPaths)) found.emplace_back(id, std::move(status));
  }
  Page page = TakePage(std::move(found), Number(call.input, "MaxResults", 1000), Text(call.input, "NextToken"),
                       "InvalidParameterValue");
  Json output{{"InstanceStatuses", std::move(page.items)}};
  if (!page.next.empty()) output["NextToken"] = page.next;
  return output;
}

// ---- States

using ChangeState = void (*)(Cloud&, Json& instance);

// `output` tells of each instance what it was and what it is.
Json ChangeStates(Cloud& cloud, Call& call, const char* output, const ChangeState& change) {
  const auto ids = Strings(call.input, "InstanceIds");
  RequireInstances(call, ids);
  Json changes = Json::array();
  for (const auto& id : ids) {
    Json& instance = call.txn.Edit(kInstances, id);
    const Json before = instance["State"];
    change(cloud, instance);
    changes.push_back({{"InstanceId", id}, {"PreviousState", before}, {"CurrentState", instance["State"]}});
  }
  return {{output, std::move(changes)}};
}

[[noreturn]] void ThrowState(const Json& instance, const char* done) {
  throw ApiError("IncorrectInstanceState", fmt::format("The instance '{}' is not in a state from which it can be {}.",
                                                       Text(instance, "InstanceId"), done));
}

void RefuseProtected(const Json& instance, const char* attribute, const char* wire, const char* done) {
  if (!Flag(instance["_attributes"], attribute)) return;
  throw ApiError("OperationNotPermitted",
                 fmt::format("The instance '{}' may not be {}. Modify its '{}' instance attribute and try again.",
                             Text(instance, "InstanceId"), done, wire));
}

void Begin(Cloud& cloud, Json& instance, std::string_view state, Slow what) {
  SetState(instance, state);
  instance["_due_at"] = cloud.DueAt(what);
  instance.erase("_restart");
}

void TellUserInitiated(const Cloud& cloud, Json& instance) {
  instance["StateTransitionReason"] = UserTransition(cloud);
  instance["StateReason"] = {{"Code", "Client.UserInitiatedShutdown"},
                             {"Message", "Client.UserInitiatedShutdown: User initiated shutdown"}};
}

Json StartInstances(Cloud& cloud, Call& call) {
  return ChangeStates(cloud, call, "StartingInstances", [](Cloud& cloud, Json& instance) {
    const std::string state = StateOf(instance);
    if (state == "running" || state == "pending") return;
    if (state != "stopped") ThrowState(instance, "started");
    Begin(cloud, instance, "pending", Slow::kInstanceStart);
    instance["LaunchTime"] = cloud.Now();
    instance["StateTransitionReason"] = "";
    instance.erase("StateReason");
  });
}

Json StopInstances(Cloud& cloud, Call& call) {
  return ChangeStates(cloud, call, "StoppingInstances", [](Cloud& cloud, Json& instance) {
    const std::string state = StateOf(instance);
    if (state == "stopped" || state == "stopping") return;
    if (state != "running") ThrowState(instance, "stopped");
    RefuseProtected(instance, "DisableApiStop", "disableApiStop", "stopped");
    Begin(cloud, instance, "stopping", Slow::kInstanceStop);
    TellUserInitiated(cloud, instance);
  });
}

Json TerminateInstances(Cloud& cloud, Call& call) {
  return ChangeStates(cloud, call, "TerminatingInstances", [](Cloud& cloud, Json& instance) {
    const std::string state = StateOf(instance);
    if (state == "terminated" || state == "shutting-down") return;
    RefuseProtected(instance, "DisableApiTermination", "disableApiTermination", "terminated");
    Begin(cloud, instance, "shutting-down", Slow::kInstanceTerminate);
    TellUserInitiated(cloud, instance);
  });
}

Json RebootInstances(Cloud&, Call& call) {
  const auto ids = Strings(call.input, "InstanceIds");
  RequireInstances(call, ids);
  for (const auto& id : ids) {
    Json& instance = call.txn.Edit(kInstances, id);
    if (StateOf(instance) != "running") ThrowState(instance, "rebooted");
    instance["_restart"] = true;
  }
  return Json::object();
}

// ---- Images, types, volumes

bool IsOwnedBy(const Json& image, const std::string& owner) {
  return Text(image, "OwnerId") == owner || (!owner.empty() && Text(image, "ImageOwnerAlias") == owner);
}

Json DescribeImages(Cloud&, Call& call) {
  static const FilterPaths kPaths = {{"owner-alias", "ImageOwnerAlias"},
                                     {"is-public", "Public"},
                                     {"block-device-mapping.volume-type", "BlockDeviceMappings.Ebs.VolumeType"},
                                     {"block-device-mapping.device-name", "BlockDeviceMappings.DeviceName"},
                                     {"block-device-mapping.snapshot-id", "BlockDeviceMappings.Ebs.SnapshotId"}};
  const auto ids = Strings(call.input, "ImageIds");
  const auto owners = Strings(call.input, "Owners");
  for (const auto& id : ids) ImageFor({{"ImageId", id}});
  const aws::Shape* shape = call.operation.output->FindMember("Images")->shape->element.shape;
  Json images = Json::array();
  for (const auto& image : Images()) {
    if (!ids.empty() && std::find(ids.begin(), ids.end(), Text(image, "ImageId")) == ids.end()) continue;
    if (!owners.empty() &&
        std::none_of(owners.begin(), owners.end(), [&](const auto& owner) { return IsOwnedBy(image, owner); })) {
      continue;
    }
    if (MatchesFilters(image, Items(call.input, "Filters"), kPaths, "Tags", shape)) images.push_back(image);
  }
  return {{"Images", std::move(images)}};
}

Json DescribeVolumes(Cloud&, Call& call) {
  return Describe(call, {.collection = kVolumes,
                         .ids_input = "VolumeIds",
                         .output = "Volumes",
                         .filters = {{"status", "State"},
                                     {"attachment.instance-id", "Attachments.InstanceId"},
                                     {"attachment.device", "Attachments.Device"},
                                     {"attachment.status", "Attachments.State"},
                                     {"attachment.delete-on-termination", "Attachments.DeleteOnTermination"}}});
}

Json DeleteVolume(Cloud&, Call& call) {
  const std::string id = Text(call.input, "VolumeId");
  if (const Json& attachments = Items(Get(call, kVolumes, id), "Attachments"); !attachments.empty()) {
    throw ApiError("VolumeInUse",
                   "Volume " + id + " is currently attached to " + Text(attachments.front(), "InstanceId"));
  }
  call.txn.Erase(kVolumes, id);
  return Json::object();
}

}  // namespace

void RequireInstances(const Call& call, const std::vector<std::string>& ids) {
  std::vector<std::string> missing;
  for (const auto& id : ids) {
    if (!StartsWith(id, "i-")) throw ApiError("InvalidInstanceID.Malformed", "Invalid id: \"" + id + "\"");
    if (call.txn.Find(kInstances, id) == nullptr) missing.push_back(id);
  }
  if (missing.empty()) return;
  throw ApiError("InvalidInstanceID.NotFound",
                 fmt::format("The instance ID{0} '{1}' do{2} not exist", missing.size() == 1 ? "" : "s",
                             fmt::join(missing, ", "), missing.size() == 1 ? "es" : ""));
}

void RegisterInstances(Api& api, Cloud& cloud) {
  Register(api, cloud,
           {{"DeleteVolume", DeleteVolume, Effect::kRecorded},
            {"DescribeImages", DescribeImages},
            {"DescribeInstances", DescribeInstances},
            {"DescribeInstanceStatus", DescribeInstanceStatus},
            {"DescribeVolumes", DescribeVolumes},
            {"RebootInstances", RebootInstances},
            {"RunInstances", RunInstances},
            {"StartInstances", StartInstances},
            {"StopInstances", StopInstances},
            {"TerminateInstances", TerminateInstances}});
  api.SetPrepare("ec2", "RunInstances",
                 [&cloud](const Json& input, const net::Request&) { return MakeNetwork(cloud, input); });
}

}  // namespace adhoc::localcloud::ec2
