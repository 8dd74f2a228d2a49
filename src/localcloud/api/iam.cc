// AWS IAM: roles, policies, instance profiles, OpenID Connect providers. What is kept is what the other services refer
// to (a task's roles must exist), what tools read back, and what is enforced where that is asked for (iam/authorize.h).
#include <set>

#include "localcloud/api/support.h"
#include "localcloud/iam/evaluate.h"
#include "localcloud/iam/managed_policies.h"
#include "net/uri.h"

namespace adhoc::localcloud {
namespace {

constexpr std::string_view kRoles = "iam.roles";
constexpr std::string_view kPolicies = "iam.policies";
constexpr std::string_view kProfiles = "iam.instance_profiles";
constexpr std::string_view kProviders = "iam.oidc_providers";
constexpr std::string_view kAwsPolicyPrefix = "arn:aws:iam::aws:policy/";

// Why not a list of the real ones: there are a thousand, they change, and a wrong refusal is worse than a missing one.
bool IsAwsManaged(std::string_view arn) { return StartsWith(arn, kAwsPolicyPrefix); }

std::string MakeId(Cloud& cloud, std::string_view prefix) {
  return std::string(prefix) + cloud.random.Pick("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 17);
}

ApiError NoSuchEntity(const std::string& message) { return {"NoSuchEntity", message}; }

void CheckPolicyDocument(const std::string& document) {
  const Json parsed = Json::parse(document, nullptr, false);
  const std::string mistake = parsed.is_discarded() ? "This policy contains invalid Json" : iam::FindMistake(parsed);
  if (!mistake.empty()) throw ApiError("MalformedPolicyDocument", mistake);
}

Json Answer(const Json& items, const Page& page, const char* key) {
  Json output{{key, items}, {"IsTruncated", !page.next.empty()}};
  if (!page.next.empty()) output["Marker"] = page.next;
  return output;
}

Json ListPage(const Call& call, KeyedItems items, const char* key) {
  const Page page =
      TakePage(std::move(items), Number(call.input, "MaxItems", 100), Text(call.input, "Marker"), "ValidationError");
  return Answer(page.items, page, key);
}

// ---- Roles

Json& EditRole(Call& call) {
  const std::string name = Text(call.input, "RoleName");
  if (call.txn.Find(kRoles, name) == nullptr) throw NoSuchEntity("The role with name " + name + " cannot be found.");
  return call.txn.Edit(kRoles, name);
}

const Json& GetRoleDocument(const Call& call) {
  const std::string name = Text(call.input, "RoleName");
  const Json* role = call.txn.Find(kRoles, name);
  if (role == nullptr) throw NoSuchEntity("The role with name " + name + " cannot be found.");
  return *role;
}

// IAM answers documents percent-encoded.
Json RoleAnswer(const Json& role, bool listed = false) {
  Json answer = role;
  answer["AssumeRolePolicyDocument"] = net::PercentEncode(Text(role, "AssumeRolePolicyDocument"));
  if (listed || answer["Tags"].empty()) answer.erase("Tags");
  if (!listed) answer["RoleLastUsed"] = Json::object();
  return answer;
}

void SetBoundary(const Call& call, Json& role, const std::string& arn) {
  if (!IsAwsManaged(arn) && call.txn.Find(kPolicies, arn) == nullptr) {
    throw NoSuchEntity("Scope ARN: " + arn + " does not exist or is not attachable.");
  }
  role["PermissionsBoundary"] = {{"PermissionsBoundaryType", "Policy"}, {"PermissionsBoundaryArn", arn}};
}

std::string BoundaryOf(const Json& role) { return Text(Fields(role, "PermissionsBoundary"), "PermissionsBoundaryArn"); }

Json CreateRole(Cloud& cloud, Call& call) {
  const std::string name = Text(call.input, "RoleName");
  if (call.txn.Find(kRoles, name) != nullptr) {
    throw ApiError("EntityAlreadyExists", "Role with name " + name + " already exists.");
  }
  CheckPolicyDocument(Text(call.input, "AssumeRolePolicyDocument"));
  const std::string path = Text(call.input, "Path", "/");
  Json role{{"Path", path},
            {"RoleName", name},
            {"RoleId", MakeId(cloud, "AROA")},
            {"Arn", cloud.GlobalArn("iam", "role" + path + name)},
            {"CreateDate", cloud.Now()},
            {"AssumeRolePolicyDocument", Text(call.input, "AssumeRolePolicyDocument")},
            {"MaxSessionDuration", Number(call.input, "MaxSessionDuration", 3600)},
            {"Tags", Items(call.input, "Tags")},
            {"_policies", Json::object()},
            {"_attached", Json::array()}};
  CopyMembers(call.input, role, {"Description"});
  if (const std::string boundary = Text(call.input, "PermissionsBoundary"); !boundary.empty()) {
    SetBoundary(call, role, boundary);
  }
  Json answer = RoleAnswer(role);
  answer.erase("RoleLastUsed");
  call.txn.Put(kRoles, name, std::move(role));
  return {{"Role", std::move(answer)}};
}

Json CreateServiceLinkedRole(Cloud& cloud, Call& call) {
  const std::string service = Text(call.input, "AWSServiceName");
  std::string label = service.substr(0, service.find('.'));
  static const std::map<std::string, std::string, std::less<>> kLabels = {
      {"ecs", "ECS"},
      {"elasticloadbalancing", "ElasticLoadBalancing"},
      {"rds", "RDS"},
      {"ecs.application-autoscaling", "ApplicationAutoScaling_ECSService"}};
  const auto full = service.substr(0, service.rfind(".amazonaws.com"));
  if (const auto known = kLabels.find(full); known != kLabels.end()) label = known->second;
  std::string name = "AWSServiceRoleFor" + label;
  if (const std::string suffix = Text(call.input, "CustomSuffix"); !suffix.empty()) name += "_" + suffix;
  if (call.txn.Find(kRoles, name) != nullptr) {
    throw ApiError("InvalidInput",
                   "Service role name " + name + " has been taken in this account, please try a different suffix.");
  }
  const Json trust{
      {"Version", "2012-10-17"},
      {"Statement", {{{"Action", {"sts:AssumeRole"}}, {"Effect", "Allow"}, {"Principal", {{"Service", {service}}}}}}}};
  const std::string path = "/aws-service-role/" + service + "/";
  Json role{{"Path", path},
            {"RoleName", name},
            {"RoleId", MakeId(cloud, "AROA")},
            {"Arn", cloud.GlobalArn("iam", "role" + path + name)},
            {"CreateDate", cloud.Now()},
            {"AssumeRolePolicyDocument", trust.dump()},
            {"MaxSessionDuration", 3600},
            {"Tags", Json::array()},
            {"_policies", Json::object()},
            {"_attached", Json::array()}};
  CopyMembers(call.input, role, {"Description"});
  Json answer = RoleAnswer(role);
  call.txn.Put(kRoles, name, std::move(role));
  return {{"Role", std::move(answer)}};
}

Json DeleteServiceLinkedRole(Cloud& cloud, Call& call) {
  const std::string name = Text(call.input, "RoleName");
  const Json& role = GetRoleDocument(call);
  const std::string task = "task" + Text(role, "Path") + name + "/" + cloud.random.Uuid();
  call.txn.Erase(kRoles, name);
  return {{"DeletionTaskId", task}};
}

Json GetServiceLinkedRoleDeletionStatus(Cloud&, Call&) { return {{"Status", "SUCCEEDED"}}; }

Json GetRole(Cloud&, Call& call) { return {{"Role", RoleAnswer(GetRoleDocument(call))}}; }

Json ListRoles(Cloud&, Call& call) {
  KeyedItems items;
  for (const auto& [name, role] : call.txn.All(kRoles)) {
    if (StartsWith(Text(role, "Path"), Text(call.input, "PathPrefix", "/")))
      items.emplace_back(name, RoleAnswer(role, true));
  }
  return ListPage(call, std::move(items), "Roles");
}

std::vector<std::string> ProfilesOf(const Call& call, const std::string& role) {
  std::vector<std::string> names;
  for (const auto& [name, profile] : call.txn.All(kProfiles)) {
    for (const auto& member : Items(profile, "_roles")) {
      if (member == role) names.push_back(name);
    }
  }
  return names;
}

Json DeleteRole(Cloud&, Call& call) {
  const Json& role = GetRoleDocument(call);
  const std::string name = Text(call.input, "RoleName");
  if (!ProfilesOf(call, name).empty()) {
    throw ApiError("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.");
  }
  if (!Items(role, "_attached").empty())
    throw ApiError("DeleteConflict", "Cannot delete entity, must detach all policies first.");
  if (!Fields(role, "_policies").empty())
    throw ApiError("DeleteConflict", "Cannot delete entity, must delete policies first.");
  call.txn.Erase(kRoles, name);
  return Json::object();
}

Json UpdateRole(Cloud&, Call& call) {
  CopyMembers(call.input, EditRole(call), {"Description", "MaxSessionDuration"});
  return Json::object();
}

Json UpdateRoleDescription(Cloud&, Call& call) {
  Json& role = EditRole(call);
  CopyMembers(call.input, role, {"Description"});
  return {{"Role", RoleAnswer(role)}};
}

Json UpdateAssumeRolePolicy(Cloud&, Call& call) {
  Json& role = EditRole(call);
  CheckPolicyDocument(Text(call.input, "PolicyDocument"));
  role["AssumeRolePolicyDocument"] = Text(call.input, "PolicyDocument");
  return Json::object();
}

Json PutRolePermissionsBoundary(Cloud&, Call& call) {
  SetBoundary(call, EditRole(call), Text(call.input, "PermissionsBoundary"));
  return Json::object();
}

Json DeleteRolePermissionsBoundary(Cloud&, Call& call) {
  EditRole(call).erase("PermissionsBoundary");
  return Json::object();
}

Json TagRole(Cloud&, Call& call) {
  MergeTags(EditRole(call)["Tags"], Items(call.input, "Tags"));
  return Json::object();
}

Json UntagRole(Cloud&, Call& call) {
  RemoveTags(EditRole(call)["Tags"], Items(call.input, "TagKeys"));
  return Json::object();
}

Json ListRoleTags(Cloud&, Call& call) {
  return {{"Tags", Items(GetRoleDocument(call), "Tags")}, {"IsTruncated", false}};
}

// ---- Inline policies

Json PutRolePolicy(Cloud&, Call& call) {
  Json& role = EditRole(call);
  CheckPolicyDocument(Text(call.input, "PolicyDocument"));
  role["_policies"][Text(call.input, "PolicyName")] = Text(call.input, "PolicyDocument");
  return Json::object();
}

Json GetRolePolicy(Cloud&, Call& call) {
  const Json& policies = Fields(GetRoleDocument(call), "_policies");
  const std::string name = Text(call.input, "PolicyName");
  if (!policies.contains(name)) throw NoSuchEntity("The role policy with name " + name + " cannot be found.");
  return {{"RoleName", Text(call.input, "RoleName")},
          {"PolicyName", name},
          {"PolicyDocument", net::PercentEncode(Text(policies, name))}};
}

Json ListRolePolicies(Cloud&, Call& call) {
  KeyedItems items;
  for (const auto& [name, document] : Fields(GetRoleDocument(call), "_policies").items())
    items.emplace_back(name, name);
  return ListPage(call, std::move(items), "PolicyNames");
}

Json DeleteRolePolicy(Cloud&, Call& call) {
  Json& role = EditRole(call);
  const std::string name = Text(call.input, "PolicyName");
  if (role["_policies"].erase(name) == 0) throw NoSuchEntity("The role policy with name " + name + " cannot be found.");
  return Json::object();
}

// ---- Managed policies

int AttachmentCount(const Call& call, const std::string& arn) {
  int count = 0;
  for (const auto& [name, role] : call.txn.All(kRoles)) {
    for (const auto& attached : Items(role, "_attached")) count += attached == arn ? 1 : 0;
  }
  return count;
}

int BoundaryCount(const Call& call, const std::string& arn) {
  int count = 0;
  for (const auto& [name, role] : call.txn.All(kRoles)) count += BoundaryOf(role) == arn ? 1 : 0;
  return count;
}

Json AwsManagedPolicy(const std::string& arn) {
  const auto slash = arn.rfind('/');
  const char* known = iam::AwsManagedDocument(arn);
  const char* everything = iam::AwsManagedDocument("arn:aws:iam::aws:policy/AdministratorAccess");
  return {{"PolicyName", arn.substr(slash + 1)},
          {"PolicyId", "ANPAAWSMANAGEDPOLICY"},
          {"Arn", arn},
          {"Path", arn.substr(kAwsPolicyPrefix.size() - 1, slash - kAwsPolicyPrefix.size() + 2)},
          {"DefaultVersionId", "v1"},
          {"IsAttachable", true},
          {"CreateDate", 1423206000},
          {"UpdateDate", 1423206000},
          {"_versions", {{"v1", {{"Document", known != nullptr ? known : everything}, {"CreateDate", 1423206000}}}}}};
}

Json PolicyDocumentOf(const Call& call) {
  const std::string arn = Text(call.input, "PolicyArn");
  if (const Json* policy = call.txn.Find(kPolicies, arn)) return *policy;
  if (IsAwsManaged(arn)) return AwsManagedPolicy(arn);
  throw NoSuchEntity("Policy " + arn + " was not found.");
}

Json& EditPolicy(Call& call) {
  const std::string arn = Text(call.input, "PolicyArn");
  if (call.txn.Find(kPolicies, arn) == nullptr) {
    if (IsAwsManaged(arn))
      throw ApiError("AccessDenied", "User is not authorized to change the AWS managed policy " + arn, {}, 403);
    throw NoSuchEntity("Policy " + arn + " was not found.");
  }
  return call.txn.Edit(kPolicies, arn);
}

Json PolicyAnswer(const Call& call, Json policy, bool listed = false) {
  policy["AttachmentCount"] = AttachmentCount(call, Text(policy, "Arn"));
  policy["PermissionsBoundaryUsageCount"] = BoundaryCount(call, Text(policy, "Arn"));
  if (listed) {
    policy.erase("Tags");
    policy.erase("Description");
  }
  return policy;
}

Json CreatePolicy(Cloud& cloud, Call& call) {
  const std::string name = Text(call.input, "PolicyName");
  const std::string path = Text(call.input, "Path", "/");
  const std::string arn = cloud.GlobalArn("iam", "policy" + path + name);
  if (call.txn.Find(kPolicies, arn) != nullptr)
    throw ApiError("EntityAlreadyExists",
                   "A policy called " + name + " already exists. Duplicate names are not allowed.");
  CheckPolicyDocument(Text(call.input, "PolicyDocument"));
  Json policy{{"PolicyName", name},
              {"PolicyId", MakeId(cloud, "ANPA")},
              {"Arn", arn},
              {"Path", path},
              {"DefaultVersionId", "v1"},
              {"IsAttachable", true},
              {"CreateDate", cloud.Now()},
              {"UpdateDate", cloud.Now()},
              {"Tags", Items(call.input, "Tags")},
              {"_last_version", 1},
              {"_versions", {{"v1", {{"Document", Text(call.input, "PolicyDocument")}, {"CreateDate", cloud.Now()}}}}}};
  CopyMembers(call.input, policy, {"Description"});
  Json answer = PolicyAnswer(call, policy);
  call.txn.Put(kPolicies, arn, std::move(policy));
  return {{"Policy", std::move(answer)}};
}

Json GetPolicy(Cloud&, Call& call) { return {{"Policy", PolicyAnswer(call, PolicyDocumentOf(call))}}; }

Json ListPolicies(Cloud&, Call& call) {
  KeyedItems items;
  const std::string scope = Text(call.input, "Scope", "All");
  std::set<std::string> arns;
  if (scope != "AWS") {
    for (const auto& [arn, policy] : call.txn.All(kPolicies)) arns.insert(arn);
  }
  if (scope != "Local") {
    for (const auto& [name, role] : call.txn.All(kRoles)) {
      for (const auto& arn : Strings(role, "_attached")) {
        if (IsAwsManaged(arn)) arns.insert(arn);
      }
    }
  }
  for (const auto& arn : arns) {
    const Json* own = call.txn.Find(kPolicies, arn);
    Json answer = PolicyAnswer(call, own != nullptr ? *own : AwsManagedPolicy(arn), true);
    if (Flag(call.input, "OnlyAttached") && answer["AttachmentCount"] == 0) continue;
    if (!StartsWith(Text(answer, "Path"), Text(call.input, "PathPrefix", "/"))) continue;
    items.emplace_back(arn, std::move(answer));
  }
  return ListPage(call, std::move(items), "Policies");
}

Json VersionAnswer(const Json& policy, const std::string& id, bool with_document) {
  const Json& version = policy["_versions"][id];
  Json answer{
      {"VersionId", id}, {"IsDefaultVersion", policy["DefaultVersionId"] == id}, {"CreateDate", version["CreateDate"]}};
  if (with_document) answer["Document"] = net::PercentEncode(Text(version, "Document"));
  return answer;
}

Json GetPolicyVersion(Cloud&, Call& call) {
  const Json policy = PolicyDocumentOf(call);
  const std::string id = Text(call.input, "VersionId");
  if (!policy["_versions"].contains(id)) {
    throw NoSuchEntity("Policy " + Text(policy, "Arn") + " version " + id + " does not exist or is not attachable.");
  }
  return {{"PolicyVersion", VersionAnswer(policy, id, true)}};
}

Json ListPolicyVersions(Cloud&, Call& call) {
  const Json policy = PolicyDocumentOf(call);
  Json versions = Json::array();
  for (const auto& [id, version] : policy["_versions"].items()) versions.push_back(VersionAnswer(policy, id, false));
  return {{"Versions", std::move(versions)}, {"IsTruncated", false}};
}

Json CreatePolicyVersion(Cloud& cloud, Call& call) {
  Json& policy = EditPolicy(call);
  CheckPolicyDocument(Text(call.input, "PolicyDocument"));
  if (policy["_versions"].size() >= 5) {
    throw ApiError("LimitExceeded",
                   "A managed policy can have up to 5 versions. Before you create a new version, you must delete an "
                   "existing version.");
  }
  const std::int64_t number = Number(policy, "_last_version") + 1;
  policy["_last_version"] = number;
  const std::string id = "v" + std::to_string(number);
  policy["_versions"][id] = {{"Document", Text(call.input, "PolicyDocument")}, {"CreateDate", cloud.Now()}};
  if (Flag(call.input, "SetAsDefault")) policy["DefaultVersionId"] = id;
  policy["UpdateDate"] = cloud.Now();
  Json answer = VersionAnswer(policy, id, false);
  return {{"PolicyVersion", std::move(answer)}};
}

Json SetDefaultPolicyVersion(Cloud&, Call& call) {
  Json& policy = EditPolicy(call);
  const std::string id = Text(call.input, "VersionId");
  if (!policy["_versions"].contains(id)) throw NoSuchEntity("Policy version " + id + " was not found.");
  policy["DefaultVersionId"] = id;
  return Json::object();
}

Json DeletePolicyVersion(Cloud&, Call& call) {
  Json& policy = EditPolicy(call);
  const std::string id = Text(call.input, "VersionId");
  if (!policy["_versions"].contains(id)) throw NoSuchEntity("Policy version " + id + " was not found.");
  if (policy["DefaultVersionId"] == id)
    throw ApiError("DeleteConflict", "Cannot delete the default version of a policy.");
  policy["_versions"].erase(id);
  return Json::object();
}

Json DeletePolicy(Cloud&, Call& call) {
  const Json& policy = EditPolicy(call);
  const std::string arn = Text(call.input, "PolicyArn");
  if (AttachmentCount(call, arn) + BoundaryCount(call, arn) > 0)
    throw ApiError("DeleteConflict", "Cannot delete a policy attached to entities.");
  if (policy["_versions"].size() > 1) {
    throw ApiError("DeleteConflict",
                   "This policy has more than one version. Before you delete a policy, you must delete the policy's "
                   "versions. The default version is deleted with the policy.");
  }
  call.txn.Erase(kPolicies, arn);
  return Json::object();
}

Json TagPolicy(Cloud&, Call& call) {
  MergeTags(EditPolicy(call)["Tags"], Items(call.input, "Tags"));
  return Json::object();
}

Json UntagPolicy(Cloud&, Call& call) {
  RemoveTags(EditPolicy(call)["Tags"], Items(call.input, "TagKeys"));
  return Json::object();
}

Json ListPolicyTags(Cloud&, Call& call) {
  return {{"Tags", Items(PolicyDocumentOf(call), "Tags")}, {"IsTruncated", false}};
}

Json AttachRolePolicy(Cloud&, Call& call) {
  Json& role = EditRole(call);
  const std::string arn = Text(call.input, "PolicyArn");
  if (!IsAwsManaged(arn) && call.txn.Find(kPolicies, arn) == nullptr) {
    throw NoSuchEntity("Policy " + arn + " does not exist or is not attachable.");
  }
  Json& attached = role["_attached"];
  if (std::find(attached.begin(), attached.end(), Json(arn)) == attached.end()) attached.push_back(arn);
  return Json::object();
}

Json DetachRolePolicy(Cloud&, Call& call) {
  Json& attached = EditRole(call)["_attached"];
  const std::string arn = Text(call.input, "PolicyArn");
  const auto found = std::find(attached.begin(), attached.end(), Json(arn));
  if (found == attached.end()) throw NoSuchEntity("Policy " + arn + " was not found.");
  attached.erase(found);
  return Json::object();
}

Json ListAttachedRolePolicies(Cloud&, Call& call) {
  KeyedItems items;
  std::vector<std::string> arns = Strings(GetRoleDocument(call), "_attached");
  std::sort(arns.begin(), arns.end());
  for (const auto& arn : arns) {
    items.emplace_back(arn, Json{{"PolicyName", arn.substr(arn.rfind('/') + 1)}, {"PolicyArn", arn}});
  }
  return ListPage(call, std::move(items), "AttachedPolicies");
}

Json ListEntitiesForPolicy(Cloud&, Call& call) {
  const std::string arn = Text(PolicyDocumentOf(call), "Arn");
  const std::string usage = Text(call.input, "PolicyUsageFilter");  // empty: both
  Json roles = Json::array();
  for (const auto& [name, role] : call.txn.All(kRoles)) {
    const Json& attached = Items(role, "_attached");
    const bool allows =
        usage != "PermissionsBoundary" && std::find(attached.begin(), attached.end(), Json(arn)) != attached.end();
    if (allows || (usage != "PermissionsPolicy" && BoundaryOf(role) == arn)) {
      roles.push_back({{"RoleName", name}, {"RoleId", role["RoleId"]}});
    }
  }
  return {{"PolicyGroups", Json::array()},
          {"PolicyUsers", Json::array()},
          {"PolicyRoles", std::move(roles)},
          {"IsTruncated", false}};
}

// ---- Instance profiles

Json ProfileAnswer(const Call& call, const Json& profile) {
  Json answer = profile;
  answer["Roles"] = Json::array();
  for (const auto& name : Strings(profile, "_roles")) {
    if (const Json* role = call.txn.Find(kRoles, name)) answer["Roles"].push_back(RoleAnswer(*role, true));
  }
  return answer;
}

Json& EditProfile(Call& call) {
  const std::string name = Text(call.input, "InstanceProfileName");
  if (call.txn.Find(kProfiles, name) == nullptr) throw NoSuchEntity("Instance Profile " + name + " cannot be found.");
  return call.txn.Edit(kProfiles, name);
}

Json CreateInstanceProfile(Cloud& cloud, Call& call) {
  const std::string name = Text(call.input, "InstanceProfileName");
  if (call.txn.Find(kProfiles, name) != nullptr)
    throw ApiError("EntityAlreadyExists", "Instance Profile " + name + " already exists.");
  const std::string path = Text(call.input, "Path", "/");
  Json profile{{"Path", path},
               {"InstanceProfileName", name},
               {"InstanceProfileId", MakeId(cloud, "AIPA")},
               {"Arn", cloud.GlobalArn("iam", "instance-profile" + path + name)},
               {"CreateDate", cloud.Now()},
               {"Tags", Items(call.input, "Tags")},
               {"_roles", Json::array()}};
  Json answer = ProfileAnswer(call, profile);
  call.txn.Put(kProfiles, name, std::move(profile));
  return {{"InstanceProfile", std::move(answer)}};
}

Json GetInstanceProfile(Cloud&, Call& call) { return {{"InstanceProfile", ProfileAnswer(call, EditProfile(call))}}; }

Json ListInstanceProfiles(Cloud&, Call& call) {
  KeyedItems items;
  for (const auto& [name, profile] : call.txn.All(kProfiles)) items.emplace_back(name, ProfileAnswer(call, profile));
  return ListPage(call, std::move(items), "InstanceProfiles");
}

Json ListInstanceProfilesForRole(Cloud&, Call& call) {
  GetRoleDocument(call);
  KeyedItems items;
  for (const auto& name : ProfilesOf(call, Text(call.input, "RoleName"))) {
    items.emplace_back(name, ProfileAnswer(call, *call.txn.Find(kProfiles, name)));
  }
  return ListPage(call, std::move(items), "InstanceProfiles");
}

Json AddRoleToInstanceProfile(Cloud&, Call& call) {
  Json& profile = EditProfile(call);
  GetRoleDocument(call);
  if (!profile["_roles"].empty())
    throw ApiError("LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1");
  profile["_roles"].push_back(Text(call.input, "RoleName"));
  return Json::object();
}

Json RemoveRoleFromInstanceProfile(Cloud&, Call& call) {
  Json& profile = EditProfile(call);
  const std::string name = Text(call.input, "RoleName");
  if (std::find(profile["_roles"].begin(), profile["_roles"].end(), Json(name)) == profile["_roles"].end()) {
    throw NoSuchEntity("Role with name " + name + " is not in the instance profile.");
  }
  profile["_roles"] = Json::array();
  return Json::object();
}

Json DeleteInstanceProfile(Cloud&, Call& call) {
  if (!EditProfile(call)["_roles"].empty()) {
    throw ApiError("DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.");
  }
  call.txn.Erase(kProfiles, Text(call.input, "InstanceProfileName"));
  return Json::object();
}

Json TagInstanceProfile(Cloud&, Call& call) {
  MergeTags(EditProfile(call)["Tags"], Items(call.input, "Tags"));
  return Json::object();
}

Json UntagInstanceProfile(Cloud&, Call& call) {
  RemoveTags(EditProfile(call)["Tags"], Items(call.input, "TagKeys"));
  return Json::object();
}

Json ListInstanceProfileTags(Cloud&, Call& call) {
  return {{"Tags", Items(EditProfile(call), "Tags")}, {"IsTruncated", false}};
}

// ---- OpenID Connect providers (GitHub Actions)

Json& EditProvider(Call& call) {
  const std::string arn = Text(call.input, "OpenIDConnectProviderArn");
  if (call.txn.Find(kProviders, arn) == nullptr) throw NoSuchEntity("OpenIDConnect Provider not found for arn " + arn);
  return call.txn.Edit(kProviders, arn);
}

Json CreateOpenIDConnectProvider(Cloud& cloud, Call& call) {
  std::string url = Text(call.input, "Url");
  if (!StartsWith(url, "https://")) throw ApiError("ValidationError", "Invalid Open ID Connect Provider URL");
  url = url.substr(8);
  const std::string arn = cloud.GlobalArn("iam", "oidc-provider/" + url);
  if (call.txn.Find(kProviders, arn) != nullptr) {
    throw ApiError("EntityAlreadyExists", "Provider with url https://" + url + " already exists.");
  }
  call.txn.Put(kProviders, arn,
               {{"Url", url},
                {"ClientIDList", Items(call.input, "ClientIDList")},
                {"ThumbprintList", Items(call.input, "ThumbprintList")},
                {"CreateDate", cloud.Now()},
                {"Tags", Items(call.input, "Tags")}});
  return {{"OpenIDConnectProviderArn", arn}, {"Tags", Items(call.input, "Tags")}};
}

Json GetOpenIDConnectProvider(Cloud&, Call& call) { return EditProvider(call); }

Json ListOpenIDConnectProviders(Cloud&, Call& call) {
  Json list = Json::array();
  for (const auto& [arn, provider] : call.txn.All(kProviders)) list.push_back({{"Arn", arn}});
  return {{"OpenIDConnectProviderList", std::move(list)}};
}

Json DeleteOpenIDConnectProvider(Cloud&, Call& call) {
  call.txn.Erase(kProviders, Text(call.input, "OpenIDConnectProviderArn"));
  return Json::object();
}

Json ListAccountAliases(Cloud&, Call&) { return {{"AccountAliases", Json::array()}, {"IsTruncated", false}}; }

}  // namespace

void RegisterIam(Api& api, Cloud& cloud) {
  RegisterHandlers(api, cloud, "iam",
                   {{"AddRoleToInstanceProfile", AddRoleToInstanceProfile, Effect::kRecorded},
                    {"AttachRolePolicy", AttachRolePolicy, Effect::kRecorded},
                    {"CreateInstanceProfile", CreateInstanceProfile, Effect::kRecorded},
                    {"CreateOpenIDConnectProvider", CreateOpenIDConnectProvider, Effect::kRecorded},
                    {"CreatePolicy", CreatePolicy, Effect::kRecorded},
                    {"CreatePolicyVersion", CreatePolicyVersion, Effect::kRecorded},
                    {"CreateRole", CreateRole, Effect::kRecorded},
                    {"CreateServiceLinkedRole", CreateServiceLinkedRole, Effect::kRecorded},
                    {"DeleteInstanceProfile", DeleteInstanceProfile, Effect::kRecorded},
                    {"DeleteOpenIDConnectProvider", DeleteOpenIDConnectProvider, Effect::kRecorded},
                    {"DeletePolicy", DeletePolicy, Effect::kRecorded},
                    {"DeletePolicyVersion", DeletePolicyVersion, Effect::kRecorded},
                    {"DeleteRole", DeleteRole, Effect::kRecorded},
                    {"DeleteRolePermissionsBoundary", DeleteRolePermissionsBoundary, Effect::kRecorded},
                    {"DeleteRolePolicy", DeleteRolePolicy, Effect::kRecorded},
                    {"DeleteServiceLinkedRole", DeleteServiceLinkedRole, Effect::kRecorded},
                    {"DetachRolePolicy", DetachRolePolicy, Effect::kRecorded},
                    {"GetInstanceProfile", GetInstanceProfile},
                    {"GetOpenIDConnectProvider", GetOpenIDConnectProvider},
                    {"GetPolicy", GetPolicy},
                    {"GetPolicyVersion", GetPolicyVersion},
                    {"GetRole", GetRole},
                    {"GetRolePolicy", GetRolePolicy},
                    {"GetServiceLinkedRoleDeletionStatus", GetServiceLinkedRoleDeletionStatus},
                    {"ListAccountAliases", ListAccountAliases},
                    {"ListAttachedRolePolicies", ListAttachedRolePolicies},
                    {"ListEntitiesForPolicy", ListEntitiesForPolicy},
                    {"ListInstanceProfiles", ListInstanceProfiles},
                    {"ListInstanceProfilesForRole", ListInstanceProfilesForRole},
                    {"ListInstanceProfileTags", ListInstanceProfileTags},
                    {"ListOpenIDConnectProviders", ListOpenIDConnectProviders},
                    {"ListPolicies", ListPolicies},
                    {"ListPolicyTags", ListPolicyTags},
                    {"ListPolicyVersions", ListPolicyVersions},
                    {"ListRolePolicies", ListRolePolicies},
                    {"ListRoles", ListRoles},
                    {"ListRoleTags", ListRoleTags},
                    {"PutRolePermissionsBoundary", PutRolePermissionsBoundary, Effect::kRecorded},
                    {"PutRolePolicy", PutRolePolicy, Effect::kRecorded},
                    {"RemoveRoleFromInstanceProfile", RemoveRoleFromInstanceProfile, Effect::kRecorded},
                    {"SetDefaultPolicyVersion", SetDefaultPolicyVersion, Effect::kRecorded},
                    {"TagInstanceProfile", TagInstanceProfile, Effect::kRecorded},
                    {"TagPolicy", TagPolicy, Effect::kRecorded},
                    {"TagRole", TagRole, Effect::kRecorded},
                    {"UntagInstanceProfile", UntagInstanceProfile, Effect::kRecorded},
                    {"UntagPolicy", UntagPolicy, Effect::kRecorded},
                    {"UntagRole", UntagRole, Effect::kRecorded},
                    {"UpdateAssumeRolePolicy", UpdateAssumeRolePolicy, Effect::kRecorded},
                    {"UpdateRole", UpdateRole, Effect::kRecorded},
                    {"UpdateRoleDescription", UpdateRoleDescription, Effect::kRecorded}});
}

}  // namespace adhoc::localcloud
