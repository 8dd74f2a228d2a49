// Amazon EFS: file systems, mount targets, access points. Their bytes are directories (files/file_systems.h).
#include <any>
#include <functional>

#include "localcloud/api/support.h"
#include "localcloud/files/file_systems.h"
#include "localcloud/network/vpc_network.h"

namespace adhoc::localcloud {
namespace {

using Sizes = std::map<std::string, std::int64_t>;

[[noreturn]] void Refuse(const std::string& code, const std::string& message, Json fields = Json::object()) {
  fields["ErrorCode"] = code;
  throw ApiError(code, message, fields);
}

struct Kind {
  const char* collection;
  const char* not_found;
  const char* name;
};
constexpr Kind kFileSystem{kFileSystems, "FileSystemNotFound", "File system"};
constexpr Kind kMountTarget{kMountTargets, "MountTargetNotFound", "Mount target"};
constexpr Kind kAccessPoint{kAccessPoints, "AccessPointNotFound", "Access point"};

const Json& Require(const Call& call, const Kind& kind, const std::string& id) {
  const Json* found = call.txn.Find(kind.collection, id);
  if (found == nullptr) Refuse(kind.not_found, std::string(kind.name) + " '" + id + "' does not exist.");
  return *found;
}

// Ids and ARNs are taken everywhere.
std::string IdOf(const Json& input, const char* member) {
  const std::string text = Text(input, member);
  return text.substr(text.rfind('/') + 1);
}

void SetName(Json& document) {
  const Json tags = TagMap(Items(document, "Tags"));
  if (tags.contains("Name")) {
    document["Name"] = tags["Name"];
  } else {
    document.erase("Name");
  }
}

int CountOf(const Call& call, const std::string& file_system, const char* collection) {
  int count = 0;
  for (const auto& [id, document] : call.txn.All(collection)) {
    count += Text(document, "FileSystemId") == file_system ? 1 : 0;
  }
  return count;
}

// A page of the documents that `matches`; `limit` and `token` name the input's members.
Json Describe(const Call& call, const Kind& kind, const std::function<bool(const Json&)>& matches, const char* output,
              const char* limit, const char* token, const char* next) {
  KeyedItems items;
  for (const auto& [id, document] : call.txn.All(kind.collection)) {
    if (matches(document)) items.emplace_back(id, document);
  }
  Page page = TakePage(std::move(items), Number(call.input, limit, 100), Text(call.input, token), "BadRequest");
  Json answer{{output, std::move(page.items)}};
  if (!page.next.empty()) answer[next] = page.next;
  return answer;
}

Json CreateFileSystem(Cloud& cloud, Call& call) {
  const std::string token = Text(call.input, "CreationToken");
  for (const auto& [id, document] : call.txn.All(kFileSystems)) {
    if (Text(document, "CreationToken") != token) continue;
    Refuse("FileSystemAlreadyExists", "File system '" + id + "' already exists with creation token '" + token + "'",
           {{"FileSystemId", id}});
  }
  const std::string id = "fs-" + cloud.random.Hex(17);
  Json document{{"OwnerId", cloud.settings.account},
                {"CreationToken", token},
                {"FileSystemId", id},
                {"FileSystemArn", cloud.Arn("elasticfilesystem", "file-system/" + id)},
                {"CreationTime", cloud.Now()},
                {"LifeCycleState", "available"},
                {"NumberOfMountTargets", 0},
                {"SizeInBytes", {{"Value", 0}, {"ValueInIA", 0}, {"ValueInStandard", 0}}},
                {"PerformanceMode", Text(call.input, "PerformanceMode", "generalPurpose")},
                {"ThroughputMode", Text(call.input, "ThroughputMode", "bursting")},
                {"Encrypted", Flag(call.input, "Encrypted")},
                {"Tags", Items(call.input, "Tags")}};
  CopyMembers(call.input, document, {"KmsKeyId", "ProvisionedThroughputInMibps", "AvailabilityZoneName"});
  SetName(document);
  call.txn.Put(kFileSystems, id, document);
  return document;
}

Json DescribeFileSystems(Cloud&, Call& call) {
  const std::string id = IdOf(call.input, "FileSystemId");
  const std::string token = Text(call.input, "CreationToken");
  if (!id.empty()) Require(call, kFileSystem, id);
  const auto matches = [&](const Json& document) {
    return (id.empty() || Text(document, "FileSystemId") == id) &&
           (token.empty() || Text(document, "CreationToken") == token);
  };
  Json answer = Describe(call, kFileSystem, matches, "FileSystems", "MaxItems", "Marker", "NextMarker");
  const Sizes& sizes = std::any_cast<const Sizes&>(call.prepared);
  for (Json& document : answer["FileSystems"]) {
    const std::string each = document["FileSystemId"];
    document["NumberOfMountTargets"] = CountOf(call, each, kMountTargets);
    const auto size = sizes.find(each);
    if (size != sizes.end()) {
      document["SizeInBytes"] = {{"Value", size->second}, {"ValueInIA", 0}, {"ValueInStandard", size->second}};
    }
  }
  return answer;
}

Json DeleteFileSystem(Cloud&, Call& call) {
  const std::string id = IdOf(call.input, "FileSystemId");
  Require(call, kFileSystem, id);
  if (CountOf(call, id, kMountTargets) > 0) {
    Refuse("FileSystemInUse", "File system '" + id + "' has mount targets; delete them first.");
  }
  std::vector<std::string> access_points;
  for (const auto& [key, document] : call.txn.All(kAccessPoints)) {
    if (Text(document, "FileSystemId") == id) access_points.push_back(key);
  }
  for (const auto& key : access_points) call.txn.Erase(kAccessPoints, key);
  call.txn.Erase(kFileSystems, id);
  return Json::object();
}

Json CreateMountTarget(Cloud& cloud, Call& call) {
  const std::string file_system = IdOf(call.input, "FileSystemId");
  Require(call, kFileSystem, file_system);
  const std::string subnet_id = Text(call.input, "SubnetId");
  const Json* subnet = call.txn.Find("ec2.subnets", subnet_id);
  if (subnet == nullptr) Refuse("SubnetNotFound", "The subnet ID '" + subnet_id + "' does not exist.");
  for (const auto& [key, other] : call.txn.All(kMountTargets)) {
    if (Text(other, "FileSystemId") != file_system) continue;
    if (Text(other, "AvailabilityZoneName") == Text(*subnet, "AvailabilityZone")) {
      Refuse("MountTargetConflict", "mount target already exists in this AZ");
    }
    if (Text(other, "VpcId") != Text(*subnet, "VpcId")) {
      Refuse("MountTargetConflict", "requested subnet for new mount target is not in the same VPC as existing ones");
    }
  }
  const std::string id = "fsmt-" + cloud.random.Hex(17);
  const Json interface = PutInterface(cloud, call.txn,
                                      {.subnet_id = subnet_id,
                                       .security_groups = Strings(call.input, "SecurityGroups"),
                                       .description = "EFS mount target for " + file_system + " (" + id + ")",
                                       .requester = "amazon-efs"});
  Json document{{"OwnerId", cloud.settings.account},
                {"MountTargetId", id},
                {"FileSystemId", file_system},
                {"SubnetId", subnet_id},
                {"LifeCycleState", "available"},
                {"IpAddress", interface["PrivateIpAddress"]},
                {"NetworkInterfaceId", interface["NetworkInterfaceId"]},
                {"AvailabilityZoneId", Text(*subnet, "AvailabilityZoneId")},
                {"AvailabilityZoneName", Text(*subnet, "AvailabilityZone")},
                {"VpcId", Text(*subnet, "VpcId")}};
  call.txn.Put(kMountTargets, id, document);
  return document;
}

Json DescribeMountTargets(Cloud&, Call& call) {
  const std::string id = Text(call.input, "MountTargetId");
  std::string file_system = IdOf(call.input, "FileSystemId");
  if (const std::string point = IdOf(call.input, "AccessPointId"); !point.empty()) {
    file_system = Text(Require(call, kAccessPoint, point), "FileSystemId");
  }
  if (!id.empty()) Require(call, kMountTarget, id);
  if (!file_system.empty()) Require(call, kFileSystem, file_system);
  const auto matches = [&](const Json& document) {
    return (id.empty() || Text(document, "MountTargetId") == id) &&
           (file_system.empty() || Text(document, "FileSystemId") == file_system);
  };
  return Describe(call, kMountTarget, matches, "MountTargets", "MaxItems", "Marker", "NextMarker");
}

Json DescribeMountTargetSecurityGroups(Cloud&, Call& call) {
  const Json& target = Require(call, kMountTarget, Text(call.input, "MountTargetId"));
  Json groups = Json::array();
  if (const Json* interface = call.txn.Find("ec2.enis", Text(target, "NetworkInterfaceId"))) {
    for (const Json& group : Items(*interface, "Groups")) groups.push_back(group["GroupId"]);
  }
  return {{"SecurityGroups", groups}};
}

Json DeleteMountTarget(Cloud&, Call& call) {
  const std::string id = Text(call.input, "MountTargetId");
  EraseInterface(call.txn, Text(Require(call, kMountTarget, id), "NetworkInterfaceId"));
  call.txn.Erase(kMountTargets, id);
  return Json::object();
}

Json CreateAccessPoint(Cloud& cloud, Call& call) {
  const std::string file_system = IdOf(call.input, "FileSystemId");
  Require(call, kFileSystem, file_system);
  const std::string token = Text(call.input, "ClientToken");
  for (const auto& [id, document] : call.txn.All(kAccessPoints)) {
    if (Text(document, "ClientToken") != token) continue;
    Refuse("AccessPointAlreadyExists", "Access point already exists: " + id, {{"AccessPointId", id}});
  }
  const std::string id = "fsap-" + cloud.random.Hex(17);
  Json document{{"ClientToken", token},
                {"AccessPointId", id},
                {"AccessPointArn", cloud.Arn("elasticfilesystem", "access-point/" + id)},
                {"FileSystemId", file_system},
                {"RootDirectory", {{"Path", "/"}}},
                {"OwnerId", cloud.settings.account},
                {"LifeCycleState", "available"},
                {"Tags", Items(call.input, "Tags")}};
  CopyMembers(call.input, document, {"PosixUser"});
  document["RootDirectory"].update(Fields(call.input, "RootDirectory"));
  SetName(document);
  call.txn.Put(kAccessPoints, id, document);
  return document;
}

Json DescribeAccessPoints(Cloud&, Call& call) {
  const std::string id = IdOf(call.input, "AccessPointId");
  const std::string file_system = IdOf(call.input, "FileSystemId");
  if (!id.empty()) Require(call, kAccessPoint, id);
  if (!file_system.empty()) Require(call, kFileSystem, file_system);
  const auto matches = [&](const Json& document) {
    return (id.empty() || Text(document, "AccessPointId") == id) &&
           (file_system.empty() || Text(document, "FileSystemId") == file_system);
  };
  return Describe(call, kAccessPoint, matches, "AccessPoints", "MaxResults", "NextToken", "NextToken");
}

Json DeleteAccessPoint(Cloud&, Call& call) {
  const std::string id = IdOf(call.input, "AccessPointId");
  Require(call, kAccessPoint, id);
  call.txn.Erase(kAccessPoints, id);
  return Json::object();
}

// A file system or an access point.
Json& Tagged(Call& call) {
  const std::string id = IdOf(call.input, "ResourceId");
  const Kind& kind = StartsWith(id, "fsap-") ? kAccessPoint : kFileSystem;
  Require(call, kind, id);
  return call.txn.Edit(kind.collection, id);
}

Json TagResource(Cloud&, Call& call) {
  Json& document = Tagged(call);
  MergeTags(document["Tags"], Items(call.input, "Tags"));
  SetName(document);
  return Json::object();
}

Json UntagResource(Cloud&, Call& call) {
  Json& document = Tagged(call);
  RemoveTags(document["Tags"], Items(call.input, "TagKeys"));
  SetName(document);
  return Json::object();
}

Json ListTagsForResource(Cloud&, Call& call) { return {{"Tags", Items(Tagged(call), "Tags")}}; }

Json DescribeLifecycleConfiguration(Cloud&, Call& call) {
  return {{"LifecyclePolicies", Items(Require(call, kFileSystem, IdOf(call.input, "FileSystemId")), "_lifecycle")}};
}

Json PutLifecycleConfiguration(Cloud&, Call& call) {
  const std::string id = IdOf(call.input, "FileSystemId");
  Require(call, kFileSystem, id);
  call.txn.Edit(kFileSystems, id)["_lifecycle"] = Items(call.input, "LifecyclePolicies");
  return {{"LifecyclePolicies", Items(call.input, "LifecyclePolicies")}};
}

}  // namespace

void RegisterEfs(Api& api, Cloud& cloud) {
  RegisterHandlers(api, cloud, "efs",
                   {{"CreateAccessPoint", CreateAccessPoint},
                    {"CreateFileSystem", CreateFileSystem},
                    {"CreateMountTarget", CreateMountTarget},
                    {"DeleteAccessPoint", DeleteAccessPoint},
                    {"DeleteFileSystem", DeleteFileSystem},
                    {"DeleteMountTarget", DeleteMountTarget},
                    {"DescribeAccessPoints", DescribeAccessPoints},
                    {"DescribeFileSystems", DescribeFileSystems},
                    {"DescribeLifecycleConfiguration", DescribeLifecycleConfiguration},
                    {"DescribeMountTargetSecurityGroups", DescribeMountTargetSecurityGroups},
                    {"DescribeMountTargets", DescribeMountTargets},
                    {"ListTagsForResource", ListTagsForResource},
                    {"PutLifecycleConfiguration", PutLifecycleConfiguration},
                    {"TagResource", TagResource},
                    {"UntagResource", UntagResource}});
  // Their sizes are counted on disk, before the transaction.
  api.SetPrepare("efs", "DescribeFileSystems", [&cloud](const Json& input, const net::Request&) -> std::any {
    std::vector<std::string> ids;
    {
      const auto txn = cloud.store.Begin();
      const std::string wanted = IdOf(input, "FileSystemId");
      for (const auto& [id, document] : txn->All(kFileSystems)) {
        if (wanted.empty() || wanted == id) ids.push_back(id);
      }
    }
    Sizes sizes;
    for (const auto& id : ids) sizes[id] = FileSystemBytes(cloud.settings, id);
    return sizes;
  });
}

}  // namespace adhoc::localcloud
