// What may be read and changed of an instance by itself: attributes, CPU credits, metadata options, its instance
// profile; and the instance types.
#include <fmt/format.h>

#include <algorithm>

#include "localcloud/api/ec2_catalog.h"
#include "localcloud/api/ec2_internal.h"

namespace adhoc::localcloud::ec2 {
namespace {

constexpr std::string_view kProfiles = "iam.instance_profiles";

Json& EditInstance(Call& call) {
  const std::string id = Text(call.input, "InstanceId");
  RequireInstances(call, {id});
  return call.txn.Edit(kInstances, id);
}

void RequireStopped(const Json& instance) {
  if (StateOf(instance) == "stopped") return;
  throw ApiError("IncorrectInstanceState",
                 "The instance '" + Text(instance, "InstanceId") + "' is not in the 'stopped' state.");
}

// ---- Attributes

Json Valued(Json value) { return {{"Value", std::move(value)}}; }

Json DescribeInstanceAttribute(Cloud&, Call& call) {
  const Json& instance = EditInstance(call);
  const std::string name = Text(call.input, "Attribute");
  const Json& attributes = instance["_attributes"];
  Json output{{"InstanceId", instance["InstanceId"]}};
  if (name == "disableApiTermination") {
    output["DisableApiTermination"] = Valued(attributes["DisableApiTermination"]);
  } else if (name == "disableApiStop") {
    output["DisableApiStop"] = Valued(attributes["DisableApiStop"]);
  } else if (name == "instanceInitiatedShutdownBehavior") {
    output["InstanceInitiatedShutdownBehavior"] = Valued(attributes["InstanceInitiatedShutdownBehavior"]);
  } else if (name == "instanceType") {
    output["InstanceType"] = Valued(instance["InstanceType"]);
  } else if (name == "userData") {
    const std::string data = Text(instance, "_user_data");
    output["UserData"] = data.empty() ? Json::object() : Valued(data);
  } else if (name == "rootDeviceName") {
    output["RootDeviceName"] = Valued(instance["RootDeviceName"]);
  } else if (name == "blockDeviceMapping") {
    output["BlockDeviceMappings"] = instance["BlockDeviceMappings"];
  } else if (name == "groupSet") {
    output["Groups"] = instance["SecurityGroups"];
  } else if (name == "ebsOptimized") {
    output["EbsOptimized"] = Valued(instance["EbsOptimized"]);
  } else if (name == "sourceDestCheck") {
    output["SourceDestCheck"] = Valued(instance["SourceDestCheck"]);
  } else if (name == "enaSupport") {
    output["EnaSupport"] = Valued(instance["EnaSupport"]);
  } else {
    throw ApiError("InvalidParameterValue", "Value (" + name + ") for parameter attribute is invalid.");
  }
  return output;
}

void SetGroups(Call& call, Json& instance, const std::vector<std::string>& ids) {
  Json groups = Json::array();
  for (const auto& id : ids) {
    groups.push_back({{"GroupId", id}, {"GroupName", Get(call, kSecurityGroups, id)["GroupName"]}});
  }
  instance["SecurityGroups"] = groups;
  if (const std::string interface = Text(instance, "_interface"); !interface.empty()) {
    Edit(call, kInterfaces, interface)["Groups"] = std::move(groups);
  }
}

void SetDeviceAttributes(Call& call, Json& instance, const Json& devices) {
  for (const auto& asked : devices) {
    for (auto& mapping : instance["BlockDeviceMappings"]) {
      if (Text(mapping, "DeviceName") != Text(asked, "DeviceName")) continue;
      const bool deletes = Flag(Fields(asked, "Ebs"), "DeleteOnTermination", true);
      mapping["Ebs"]["DeleteOnTermination"] = deletes;
      Edit(call, kVolumes, Text(mapping["Ebs"], "VolumeId"))["Attachments"][0]["DeleteOnTermination"] = deletes;
    }
  }
}

void SetType(Json& instance, const std::string& name) {
  RequireStopped(instance);
  const Json* type = FindInstanceType(name);
  if (type == nullptr || (*type)["ProcessorInfo"]["SupportedArchitectures"][0] != instance["Architecture"]) {
    throw ApiError("InvalidParameterValue", "Invalid value '" + name + "' for InstanceType.");
  }
  instance["InstanceType"] = name;
}

Json ModifyInstanceAttribute(Cloud&, Call& call) {
  Json& instance = EditInstance(call);
  Json input = call.input;
  // The older form, which names one attribute and its value as text.
  if (const std::string name = Text(input, "Attribute"); !name.empty() && input.contains("Value")) {
    std::string member = name;
    member[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(member[0])));
    const std::string value = Text(input, "Value");
    const bool flag = value == "true" || value == "false";
    input[member] = Valued(flag ? Json(value == "true") : Json(value));
    if (member == "UserData") input[member] = Valued(Base64Decode(value));
  }
  for (const char* name : {"DisableApiTermination", "DisableApiStop", "InstanceInitiatedShutdownBehavior"}) {
    if (input.contains(name)) instance["_attributes"][name] = input[name]["Value"];
  }
  for (const char* name : {"SourceDestCheck", "EbsOptimized", "EnaSupport"}) {
    if (!input.contains(name)) continue;
    instance[name] = input[name]["Value"];
    const std::string interface = Text(instance, "_interface");
    if (name == std::string_view("SourceDestCheck") && !interface.empty()) {
      Edit(call, kInterfaces, interface)[name] = instance[name];
    }
  }
  if (input.contains("InstanceType")) SetType(instance, Text(input["InstanceType"], "Value"));
  if (input.contains("UserData")) {
    RequireStopped(instance);
    instance["_user_data"] = Base64Encode(Text(input["UserData"], "Value"));
  }
  if (input.contains("Groups")) SetGroups(call, instance, Strings(input, "Groups"));
  SetDeviceAttributes(call, instance, Items(input, "BlockDeviceMappings"));
  return Json::object();
}

Json ModifyInstanceMetadataOptions(Cloud&, Call& call) {
  Json& instance = EditInstance(call);
  Json& options = instance["MetadataOptions"];
  CopyMembers(call.input, options,
              {"HttpTokens", "HttpPutResponseHopLimit", "HttpEndpoint", "HttpProtocolIpv6", "InstanceMetadataTags"});
  return {{"InstanceId", instance["InstanceId"]}, {"InstanceMetadataOptions", options}};
}

Json SetMonitoring(Call& call, const char* state) {
  const auto ids = Strings(call.input, "InstanceIds");
  RequireInstances(call, ids);
  Json answer = Json::array();
  for (const auto& id : ids) {
    call.txn.Edit(kInstances, id)["Monitoring"] = {{"State", state}};
    answer.push_back({{"InstanceId", id}, {"Monitoring", {{"State", state}}}});
  }
  return {{"InstanceMonitorings", std::move(answer)}};
}
Json MonitorInstances(Cloud&, Call& call) { return SetMonitoring(call, "enabled"); }
Json UnmonitorInstances(Cloud&, Call& call) { return SetMonitoring(call, "disabled"); }

// ---- CPU credits

bool IsBurstable(const Json& instance) {
  const Json* type = FindInstanceType(Text(instance, "InstanceType"));
  return type != nullptr && Flag(*type, "BurstablePerformanceSupported");
}

Json DescribeInstanceCreditSpecifications(Cloud&, Call& call) {
  const auto ids = Strings(call.input, "InstanceIds");
  RequireInstances(call, ids);
  Json specifications = Json::array();
  for (const auto& [id, instance] : call.txn.All(kInstances)) {
    const bool asked = std::find(ids.begin(), ids.end(), id) != ids.end();
    if (!IsBurstable(instance) || (ids.empty() ? Text(instance, "_credits") != "unlimited" : !asked)) continue;
    specifications.push_back({{"InstanceId", id}, {"CpuCredits", instance["_credits"]}});
  }
  return {{"InstanceCreditSpecifications", std::move(specifications)}};
}

Json ModifyInstanceCreditSpecification(Cloud&, Call& call) {
  Json done = Json::array();
  Json failed = Json::array();
  for (const auto& asked : Items(call.input, "InstanceCreditSpecifications")) {
    const std::string id = Text(asked, "InstanceId");
    RequireInstances(call, {id});
    Json& instance = call.txn.Edit(kInstances, id);
    if (!IsBurstable(instance)) {
      failed.push_back({{"InstanceId", id},
                        {"Error",
                         {{"Code", "InstanceCreditSpecification.NotSupported"},
                          {"Message", "The instance type of " + id + " is not burstable."}}}});
      continue;
    }
    instance["_credits"] = Text(asked, "CpuCredits");
    done.push_back({{"InstanceId", id}});
  }
  return {{"SuccessfulInstanceCreditSpecifications", std::move(done)},
          {"UnsuccessfulInstanceCreditSpecifications", std::move(failed)}};
}

// ---- Types

Json DescribeInstanceTypes(Cloud&, Call& call) {
  static const FilterPaths kPaths = {{"processor-info.supported-architecture", "ProcessorInfo.SupportedArchitectures"},
                                     {"supported-usage-class", "SupportedUsageClasses"},
                                     {"supported-root-device-type", "SupportedRootDeviceTypes"}};
  const auto names = Strings(call.input, "InstanceTypes");
  std::vector<std::string> unknown;
  for (const auto& name : names) {
    if (FindInstanceType(name) == nullptr) unknown.push_back(name);
  }
  if (!unknown.empty()) {
    throw ApiError("InvalidInstanceType",
                   fmt::format("The following supplied instance types do not exist: [{}]", fmt::join(unknown, ", ")));
  }
  const aws::Shape* shape = call.operation.output->FindMember("InstanceTypes")->shape->element.shape;
  Json types = Json::array();
  for (const auto& type : InstanceTypes()) {
    if (!names.empty() && std::find(names.begin(), names.end(), Text(type, "InstanceType")) == names.end()) continue;
    if (MatchesFilters(type, Items(call.input, "Filters"), kPaths, "Tags", shape)) types.push_back(type);
  }
  return {{"InstanceTypes", std::move(types)}};
}

Json DescribeInstanceTypeOfferings(Cloud& cloud, Call& call) {
  const std::string location_type = Text(call.input, "LocationType", "region");
  std::vector<std::string> locations{cloud.settings.region};
  if (location_type != "region") {
    locations.clear();
    for (const char zone : {'a', 'b', 'c'}) locations.push_back(cloud.settings.region + zone);
  }
  Json offerings = Json::array();
  for (const auto& type : InstanceTypes()) {
    for (const auto& location : locations) {
      Json offering{{"InstanceType", type["InstanceType"]}, {"LocationType", location_type}, {"Location", location}};
      if (MatchesFilters(offering, Items(call.input, "Filters"), {})) offerings.push_back(std::move(offering));
    }
  }
  return {{"InstanceTypeOfferings", std::move(offerings)}};
}

// ---- Instance profiles

Json AssociationOf(const Json& instance) {
  Json association = instance["_profile"];
  association["InstanceId"] = instance["InstanceId"];
  association["IamInstanceProfile"] = instance["IamInstanceProfile"];
  return association;
}

// The instance with this association.
Json& EditAssociated(Call& call) {
  const std::string id = Text(call.input, "AssociationId");
  for (const auto& [instance_id, instance] : call.txn.All(kInstances)) {
    if (Text(Fields(instance, "_profile"), "AssociationId") == id) return call.txn.Edit(kInstances, instance_id);
  }
  throw ApiError("NoSuchAssociation", "An invalid association-id of '" + id + "' was given");
}

void Associate(Cloud& cloud, Call& call, Json& instance) {
  instance["IamInstanceProfile"] = ProfileOf(call, Fields(call.input, "IamInstanceProfile"));
  instance["_profile"] = {
      {"AssociationId", NewId(cloud, "iip-assoc-")}, {"State", "associated"}, {"Timestamp", cloud.Now()}};
}

Json AssociateIamInstanceProfile(Cloud& cloud, Call& call) {
  Json& instance = EditInstance(call);
  if (instance.contains("_profile")) {
    throw ApiError("IncorrectState", "There is an existing association for instance " + Text(instance, "InstanceId"));
  }
  Associate(cloud, call, instance);
  return {{"IamInstanceProfileAssociation", AssociationOf(instance)}};
}

Json ReplaceIamInstanceProfileAssociation(Cloud& cloud, Call& call) {
  Json& instance = EditAssociated(call);
  Associate(cloud, call, instance);
  return {{"IamInstanceProfileAssociation", AssociationOf(instance)}};
}

Json DisassociateIamInstanceProfile(Cloud&, Call& call) {
  Json& instance = EditAssociated(call);
  Json association = AssociationOf(instance);
  association["State"] = "disassociating";
  instance.erase("_profile");
  instance.erase("IamInstanceProfile");
  return {{"IamInstanceProfileAssociation", std::move(association)}};
}

Json DescribeIamInstanceProfileAssociations(Cloud&, Call& call) {
  const auto ids = Strings(call.input, "AssociationIds");
  Json associations = Json::array();
  for (const auto& [id, instance] : call.txn.All(kInstances)) {
    if (!instance.contains("_profile")) continue;
    Json association = AssociationOf(instance);
    if (!ids.empty() && std::find(ids.begin(), ids.end(), Text(association, "AssociationId")) == ids.end()) continue;
    if (MatchesFilters(association, Items(call.input, "Filters"), {})) associations.push_back(std::move(association));
  }
  return {{"IamInstanceProfileAssociations", std::move(associations)}};
}

}  // namespace

Json ProfileOf(const Call& call, const Json& specification) {
  const bool by_arn = specification.contains("Arn");
  const std::string wanted = Text(specification, by_arn ? "Arn" : "Name");
  for (const auto& [name, profile] : call.txn.All(kProfiles)) {
    if (Text(profile, by_arn ? "Arn" : "InstanceProfileName") != wanted) continue;
    if (Items(profile, "_roles").empty()) {
      throw ApiError("InvalidParameterValue",
                     "IAM Instance Profile \"" + Text(profile, "Arn") + "\" has no associated IAM Roles");
    }
    return {{"Arn", profile["Arn"]}, {"Id", profile["InstanceProfileId"]}};
  }
  throw ApiError(
      "InvalidParameterValue",
      fmt::format("Value ({}) for parameter iamInstanceProfile.{} is invalid. Invalid IAM Instance Profile {}", wanted,
                  by_arn ? "arn" : "name", by_arn ? "ARN" : "name"));
}

void RegisterInstanceAttributes(Api& api, Cloud& cloud) {
  Register(api, cloud,
           {{"AssociateIamInstanceProfile", AssociateIamInstanceProfile},
            {"DescribeIamInstanceProfileAssociations", DescribeIamInstanceProfileAssociations},
            {"DescribeInstanceAttribute", DescribeInstanceAttribute},
            {"DescribeInstanceCreditSpecifications", DescribeInstanceCreditSpecifications},
            {"DescribeInstanceTypeOfferings", DescribeInstanceTypeOfferings},
            {"DescribeInstanceTypes", DescribeInstanceTypes},
            {"DisassociateIamInstanceProfile", DisassociateIamInstanceProfile},
            {"ModifyInstanceAttribute", ModifyInstanceAttribute, Effect::kRecorded},
            {"ModifyInstanceCreditSpecification", ModifyInstanceCreditSpecification, Effect::kRecorded},
            {"ModifyInstanceMetadataOptions", ModifyInstanceMetadataOptions, Effect::kRecorded},
            {"MonitorInstances", MonitorInstances, Effect::kRecorded},
            {"ReplaceIamInstanceProfileAssociation", ReplaceIamInstanceProfileAssociation},
            {"UnmonitorInstances", UnmonitorInstances, Effect::kRecorded}});
}

}  // namespace adhoc::localcloud::ec2
