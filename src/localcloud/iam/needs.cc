#include "localcloud/iam/needs.h"

#include <fmt/format.h>

#include <algorithm>

#include "localcloud/api/ec2_internal.h"
#include "localcloud/api/ecs_internal.h"
#include "localcloud/api/support.h"
#include "localcloud/iam/conditions.h"
#include "localcloud/iam/needs_table.h"

namespace adhoc::localcloud::iam {
namespace {

struct Tables {
  std::map<std::string_view, const ServiceRows*> services;
  std::map<std::pair<std::string_view, std::string_view>, const Row*> rows;
};

const Tables& AllTables() {
  static const Tables kTables = [] {
    Tables tables;
    for (const auto& service : AllServiceRows()) {
      tables.services[service.service] = &service;
      for (const auto& row : service.rows) tables.rows[{service.service, row.operation}] = &row;
    }
    return tables;
  }();
  return kTables;
}

// "vpc-0123" → vpc/vpc-0123
std::string Ec2Resource(const std::string& id) {
  const ec2::Kind* best = nullptr;
  for (const auto& kind : ec2::Kinds()) {
    if (StartsWith(id, kind.prefix)) best = &kind;
  }
  return (best == nullptr ? "*" : std::string(best->type)) + "/" + id;
}

// Makes the permissions of one call.
class Needs {
 public:
  Needs(const Cloud& cloud, const Call& call)
      : cloud_(cloud), call_(call), service_(*AllTables().services.at(call.service)) {
    const auto found = AllTables().rows.find({call.service, call.operation.name});
    if (found == AllTables().rows.end())
      throw Error(call.service + " " + call.operation.name + " has no row in needs_table.cc");
    row_ = *found->second;
    ReadRequest();
  }

  std::vector<Permission> All() && {
    if (row_.resources.empty()) return {};
    const std::string action =
        fmt::format("{}:{}", service_.prefix, row_.action.empty() ? row_.operation : row_.action);
    const auto resources = Expand(row_.resources);
    for (const auto& resource : resources.empty() ? std::vector<std::string>{"*"} : resources) Need(action, resource);
    AddTagging();
    if (call_.service == "ecs") AddEcs();
    if (call_.service == "s3") AddS3();
    if (call_.service == "rds") AddRds();
    if (call_.service == "iam" && row_.operation == "AddRoleToInstanceProfile")
      AddPassRole(RoleArn(), "ec2.amazonaws.com");
    if (call_.service == "ec2") AddInstanceProfile();
    if (call_.service == "application-autoscaling") AddAutoScaling();
    AddServiceLinkedRole();
    AddCloudMap();
    AddPrivateDns();
    return std::move(needs_);
  }

 private:
  std::string Input(std::string_view member) const { return Text(call_.input, member); }

  // ---- Resources

  std::string Prefix() const {
    std::string arn(service_.arn);
    for (const auto& [name, value] :
         {std::pair(std::string("{region}"), call_.region), {"{account}", cloud_.settings.account}}) {
      if (const auto at = arn.find(name); at != std::string::npos) arn.replace(at, name.size(), value);
    }
    return arn;
  }

  static void Collect(const Json& value, std::string_view path, std::vector<std::string>& values) {
    const auto dot = path.find('.');
    std::string_view member = path.substr(0, dot);
    const bool list = member.ends_with("[]");
    if (list) member.remove_suffix(2);
    const auto found = value.is_object() ? value.find(member) : value.end();
    if (found == value.end()) return;
    const auto take = [&](const Json& item) {
      if (dot != std::string_view::npos) {
        Collect(item, path.substr(dot + 1), values);
      } else if (item.is_string()) {
        values.push_back(item.get<std::string>());
      }
    };
    if (!list) return take(*found);
    for (const auto& item : *found) take(item);
  }

  // ARNs of a pattern: several for a list, none when a member is not there.
  std::vector<std::string> ExpandOne(std::string_view pattern) const {
    if (pattern == "*") return {"*"};
    if (pattern.front() == '@') return Function(pattern.substr(1));
    std::vector<std::string> texts = {Prefix()};
    while (!pattern.empty()) {
      const auto open = pattern.find('{');
      for (auto& text : texts) text += pattern.substr(0, open);
      if (open == std::string_view::npos) break;
      const auto close = pattern.find('}', open);
      const std::string_view inside = pattern.substr(open + 1, close - open - 1);
      pattern.remove_prefix(close + 1);
      const auto bar = inside.find('|');
      std::vector<std::string> values;
      Collect(call_.input, inside.substr(0, bar), values);
      if (values.empty() && bar != std::string_view::npos) values.emplace_back(inside.substr(bar + 1));
      std::vector<std::string> longer;
      for (const auto& text : texts) {
        for (const auto& value : values) {
          const bool arn = StartsWith(value, "arn:");
          longer.push_back(!arn ? text + value : pattern.empty() ? value : text + value.substr(value.rfind('/') + 1));
        }
      }
      texts = std::move(longer);
    }
    return texts;
  }

  std::vector<std::string> Expand(std::string_view patterns) const {
    std::vector<std::string> all;
    while (!patterns.empty()) {
      const auto blank = patterns.find(' ');
      for (auto& arn : ExpandOne(patterns.substr(0, blank))) all.push_back(std::move(arn));
      patterns.remove_prefix(blank == std::string_view::npos ? patterns.size() : blank + 1);
    }
    return all;
  }

  std::vector<std::string> Function(std::string_view name) const {
    if (name == "secret") return {SecretArn(Input("SecretId"))};
    if (name == "role") return {RoleArn()};
    if (name == "taskdef") return {TaskDefinitionArn()};
    if (name == "zone") {
      const std::string id = Input("HostedZoneId") + Input("Id") + Input("ResourceId");
      return {Prefix() + "hostedzone/" + id.substr(id.rfind('/') + 1)};
    }
    if (name == "profile") {
      const Json* profile = call_.txn.Find("iam.instance_profiles", Input("InstanceProfileName"));
      return {profile != nullptr ? Text(*profile, "Arn")
                                 : Prefix() + "instance-profile/" + Input("InstanceProfileName")};
    }
    if (name == "provider") {
      const std::string url = Input("Url");
      return {Prefix() + "oidc-provider/" + url.substr(std::min(url.size(), url.find("://") + 3))};
    }
    if (name == "new_listener") return {Reshaped(Input("LoadBalancerArn"), ":loadbalancer/", ":listener/")};
    if (name == "new_rule") return {Reshaped(Input("ListenerArn"), ":listener/", ":listener-rule/")};
    // An image belongs to whoever made it.
    if (name == "image")
      return {fmt::format("arn:aws:ec2:{}::image/{}", call_.region, Text(call_.input, "ImageId", "*"))};
    if (name == "ids") {
      std::vector<std::string> arns;
      for (const auto& id : Strings(call_.input, "Resources")) arns.push_back(Prefix() + Ec2Resource(id));
      return arns;
    }
    if (name == "association") return {Association(Input("AssociationId"))};
    if (name == "mount_target") {
      const Json* target = call_.txn.Find("efs.mounttargets", Input("MountTargetId"));
      return {Prefix() + "file-system/" + (target == nullptr ? "*" : Text(*target, "FileSystemId"))};
    }
    if (name == "efs") {
      const std::string id = Input("ResourceId");
      return {StartsWith(id, "arn:") ? id
                                     : Prefix() + (StartsWith(id, "fsap-") ? "access-point/" : "file-system/") + id};
    }
    if (name == "parameter") return Parameters();
    if (name == "session_target") return SessionTarget();
    throw Error("needs_table.cc: no function @" + std::string(name));
  }

  static std::string Reshaped(std::string arn, std::string_view from, std::string_view to) {
    if (const auto at = arn.find(from); at != std::string::npos) arn.replace(at, from.size(), to);
    return arn + "/*";
  }

  std::string SecretArn(const std::string& id) const {
    if (call_.txn.Find("secretsmanager.secrets", id) != nullptr) return id;
    const std::string prefix = cloud_.Arn("secretsmanager", "secret:");
    const std::string name = StartsWith(id, prefix) ? id.substr(prefix.size()) : id;
    for (const auto& [arn, secret] : call_.txn.All("secretsmanager.secrets")) {
      if (Text(secret, "Name") == name) return arn;
    }
    return prefix + name + "-??????";
  }

  std::string RoleArn() const {
    const Json* role = call_.txn.Find("iam.roles", Input("RoleName"));
    return role != nullptr ? Text(*role, "Arn") : cloud_.GlobalArn("iam", "role/" + Input("RoleName"));
  }

  std::string TaskDefinitionArn() const {
    const std::string reference = Input("taskDefinition");
    const std::string key = ecs::FindTaskDefinition(call_.txn, reference);
    if (!key.empty()) return Prefix() + "task-definition/" + key;
    return StartsWith(reference, "arn:") ? reference : Prefix() + "task-definition/" + reference;
  }

  std::string Association(const std::string& id) const {
    for (const auto& [table, document] : call_.txn.All(ec2::kRouteTables)) {
      for (const auto& association : Items(document, "Associations")) {
        if (Text(association, "RouteTableAssociationId") == id) return Prefix() + "route-table/" + table;
      }
    }
    for (const auto& [address, document] : call_.txn.All(ec2::kAddresses)) {
      if (Text(document, "AssociationId") == id) return Prefix() + "elastic-ip/" + address;
    }
    return "*";
  }

  std::vector<std::string> Parameters() const {
    std::vector<std::string> names = Strings(call_.input, "Names");
    for (const char* member : {"Name", "Path", "ResourceId"}) {
      if (const std::string name = Input(member); !name.empty()) names.push_back(name);
    }
    for (auto& name : names) {
      if (StartsWith(name, "arn:")) continue;
      name = name.substr(0, name.find(':'));
      // AWS's own, which are public, are in no account.
      const std::string prefix =
          StartsWith(name, "/aws/service/") ? fmt::format("arn:aws:ssm:{}::", call_.region) : Prefix();
      name = prefix + "parameter" + (StartsWith(name, "/") ? "" : "/") + name;
    }
    return names;
  }

  // ecs:<cluster>_<task>_<container> or an instance, and the document that says what the session is.
  std::vector<std::string> SessionTarget() const {
    const std::string target = Input("Target");
    std::vector<std::string> arns;
    const auto last = target.rfind('_');
    const auto before = last == std::string::npos ? last : target.rfind('_', last - 1);
    if (StartsWith(target, "ecs:") && before != std::string::npos) {
      arns.push_back(cloud_.Arn(
          "ecs", "task/" + target.substr(4, before - 4) + "/" + target.substr(before + 1, last - before - 1)));
    } else {
      arns.push_back(cloud_.Arn("ec2", "instance/" + target));
    }
    const std::string document = Text(call_.input, "DocumentName", "SSM-SessionManagerRunShell");
    const bool of_aws = StartsWith(document, "AWS-");
    arns.push_back(
        fmt::format("arn:aws:ssm:{}:{}:document/{}", call_.region, of_aws ? "" : cloud_.settings.account, document));
    return arns;
  }

  // ---- Condition keys

  void ReadRequest() {
    for (const char* member : {"Tags", "tags"}) {
      if (call_.input.contains(member)) AddTags(call_.input[member]);
    }
    if (call_.service == "s3") AddTags(Items(Fields(call_.input, "Tagging"), "TagSet"));
    for (const auto& specification : Items(call_.input, "TagSpecifications")) AddTags(Items(specification, "Tags"));
    for (const char* member : {"TagKeys", "tagKeys"}) {
      for (const auto& key : Strings(call_.input, member)) tag_keys_.push_back(key);
    }
    const auto set = [&](const char* key, std::vector<std::string> values) {
      std::erase(values, "");
      if (!values.empty()) keys_[key] = std::move(values);
    };
    if (call_.service == "ecs" && call_.input.contains("cluster")) {
      const std::string cluster = ecs::ClusterName(call_.input);
      set("ecs:cluster", {cloud_.Arn("ecs", "cluster/" + cluster)});
      set("ecs:container-name", {Input("container")});
    }
    if (call_.service == "iam") {
      set("iam:policyarn", {Input("PolicyArn")});
      set("iam:permissionsboundary", {Boundary()});
      set("iam:awsservicename", {Input("AWSServiceName")});
    }
    if (call_.service == "s3") {
      set("s3:prefix", {Input("Prefix")});
      set("s3:delimiter", {Input("Delimiter")});
      set("s3:x-amz-acl", {Input("ACL")});
      set("s3:x-amz-server-side-encryption", {Input("ServerSideEncryption")});
    }
    if (call_.service == "secretsmanager") set("secretsmanager:name", {Input("Name")});
    if (call_.service == "acm") {
      auto domains = Strings(call_.input, "SubjectAlternativeNames");
      domains.push_back(Input("DomainName"));
      set("acm:domainnames", domains);
    }
    if (call_.service == "route53") {
      std::vector<std::string> names;
      std::vector<std::string> types;
      std::vector<std::string> actions;
      for (const auto& change : Items(Fields(call_.input, "ChangeBatch"), "Changes")) {
        const Json& record = Fields(change, "ResourceRecordSet");
        std::string name = ToLower(Text(record, "Name"));
        if (name.ends_with('.')) name.pop_back();
        names.push_back(std::move(name));
        types.push_back(Text(record, "Type"));
        actions.push_back(Text(change, "Action"));
      }
      set("route53:changeresourcerecordsetsnormalizedrecordnames", names);
      set("route53:changeresourcerecordsetsrecordtypes", types);
      set("route53:changeresourcerecordsetsactions", actions);
    }
  }

  // That a role gets, or that it has.
  std::string Boundary() const {
    if (row_.operation == "CreateRole" || row_.operation == "PutRolePermissionsBoundary") {
      return Input("PermissionsBoundary");
    }
    const Json* role = call_.txn.Find("iam.roles", Input("RoleName"));
    return role == nullptr ? "" : Text(Fields(*role, "PermissionsBoundary"), "PermissionsBoundaryArn");
  }

  void AddTags(const Json& tags) {
    const auto add = [&](const std::string& key, const std::string& value) {
      request_tags_["aws:requesttag/" + ToLower(key)] = {value};
      tag_keys_.push_back(key);
    };
    for (const auto& [key, tag] : tags.items()) {
      if (tag.is_object()) {
        add(Text(tag, "Key", Text(tag, "key")), Text(tag, "Value", Text(tag, "value")));
      } else if (tag.is_string()) {
        add(key, tag.get<std::string>());
      }
    }
  }

  void Need(std::string action, const std::string& resource, Keys more = {}) {
    Keys keys = keys_;
    // EC2 knows the tags of a request only for what it makes.
    const bool tagged = call_.service != "ec2" || resource.ends_with("/*") || row_.operation.ends_with("Tags");
    if (tagged) {
      keys.insert(request_tags_.begin(), request_tags_.end());
      if (!tag_keys_.empty()) keys["aws:tagkeys"] = tag_keys_;
    }
    for (const auto& [key, value] : ResourceTags(call_.txn, resource)) {
      keys["aws:resourcetag/" + ToLower(key)] = {value};
      keys[fmt::format("{}:resourcetag/{}", service_.prefix, ToLower(key))] = {value};
    }
    keys["aws:resourceaccount"] = {cloud_.settings.account};
    keys.merge(more);
    needs_.push_back({std::move(action), resource, std::move(keys)});
  }

  // ---- Further needs

  void AddTagging() {
    if (request_tags_.empty()) return;
    const std::string by = fmt::format("{}:createaction", service_.prefix);
    if (call_.service == "ec2") {
      if (row_.operation.ends_with("Tags")) return;
      for (const auto& specification : Items(call_.input, "TagSpecifications")) {
        Need("ec2:CreateTags", Prefix() + Text(specification, "ResourceType") + "/*",
             {{by, {std::string(row_.operation)}}});
      }
      return;
    }
    if (row_.tagged.empty()) return;
    std::string action(service_.tag_action);
    if (const auto star = action.find('*'); star != std::string::npos) {
      action.replace(star, 1, row_.operation.substr(std::string_view("Create").size()));
    }
    for (const auto& resource : Expand(row_.tagged)) {
      Need(fmt::format("{}:{}", service_.prefix, action), resource, {{by, {std::string(row_.operation)}}});
    }
  }

  void AddPassRole(const std::string& role, const char* to) {
    if (role.empty()) return;
    const std::string arn = StartsWith(role, "arn:") ? role : cloud_.GlobalArn("iam", "role/" + role);
    Keys keys{{"iam:passedtoservice", {to}}};
    for (const auto& [key, value] : ResourceTags(call_.txn, arn)) keys["iam:resourcetag/" + ToLower(key)] = {value};
    Need("iam:PassRole", arn, std::move(keys));
  }

  // An instance's role is passed with its profile.
  void AddInstanceProfile() {
    const Json& profile = Fields(call_.input, "IamInstanceProfile");
    if (profile.empty()) return;
    const std::string arn = Text(profile, "Arn");
    const Json* found = call_.txn.Find("iam.instance_profiles", Text(profile, "Name", arn.substr(arn.rfind('/') + 1)));
    if (found == nullptr) return;  // refused by the handler
    for (const auto& role : Strings(*found, "_roles")) {
      const Json* document = call_.txn.Find("iam.roles", role);
      if (document != nullptr) AddPassRole(Text(*document, "Arn"), "ec2.amazonaws.com");
    }
  }

  void AddEcs() {
    constexpr const char* kTasks = "ecs-tasks.amazonaws.com";
    if (row_.operation == "RegisterTaskDefinition") {
      AddPassRole(Input("taskRoleArn"), kTasks);
      AddPassRole(Input("executionRoleArn"), kTasks);
    }
    if (row_.operation == "RunTask") {
      const Json& overrides = Fields(call_.input, "overrides");
      const std::string key = ecs::FindTaskDefinition(call_.txn, Input("taskDefinition"));
      const Json* definition = key.empty() ? nullptr : call_.txn.Find("ecs.taskdefs", key);
      for (const char* member : {"taskRoleArn", "executionRoleArn"}) {
        AddPassRole(Text(overrides, member, definition == nullptr ? "" : Text(*definition, member)), kTasks);
      }
    }
  }

  void AddS3() {
    const std::string bucket = Prefix() + Input("Bucket");
    const bool versioned = !Input("VersionId").empty();
    for (auto& need : needs_) {
      const auto at = need.action.find("Object");
      if (versioned && at != std::string::npos && row_.operation.find("Object") != std::string_view::npos) {
        need.action.insert(at + std::string_view("Object").size(), "Version");
      }
    }
    if (row_.operation == "DeleteObjects") {
      for (const auto& object : Items(Fields(call_.input, "Delete"), "Objects")) {
        if (object.contains("VersionId")) Need("s3:DeleteObjectVersion", bucket + "/" + Text(object, "Key"));
      }
    }
    if (row_.operation == "CopyObject" || row_.operation == "UploadPartCopy") {
      std::string source = Input("CopySource");
      if (StartsWith(source, "/")) source.erase(0, 1);
      const auto version = source.find("?versionId=");
      Need(version == std::string::npos ? "s3:GetObject" : "s3:GetObjectVersion", Prefix() + source.substr(0, version));
    }
    if (row_.operation == "GetObjectAttributes") Need("s3:GetObject", bucket + "/" + Input("Key"));
    const bool writes = row_.action == "PutObject" || row_.operation == "PutObject";
    if (writes && !Input("Tagging").empty()) Need("s3:PutObjectTagging", bucket + "/" + Input("Key"));
    if (writes && !Input("ACL").empty()) Need("s3:PutObjectAcl", bucket + "/" + Input("Key"));
    // Who may not list the bucket is not told either that an object is missing.
    const bool reads = row_.operation == "GetObject" || row_.operation == "HeadObject";
    const std::string key = Input("Bucket") + "\n" + Input("Key");
    if (reads && !versioned && call_.txn.Find("s3.objects", key) == nullptr) Need("s3:ListBucket", bucket);
  }

  void AddRds() {
    if (row_.operation != "CreateDBInstance" || !Flag(call_.input, "ManageMasterUserPassword")) return;
    // RDS makes the secret with the caller's permissions.
    Need("kms:DescribeKey", cloud_.Arn("kms", "key/*"));
    const std::string secret = cloud_.Arn("secretsmanager", "secret:rds!db-*");
    Need("secretsmanager:CreateSecret", secret);
    Need("secretsmanager:TagResource", secret);
  }

  // What it does to a service and to alarms has to be allowed to the caller, too, whatever its own role may
  // (Application Auto Scaling User Guide, "Permissions required for API actions on target services and CloudWatch").
  void AddAutoScaling() {
    const std::string resource = Input("ResourceId");
    if (row_.operation == "RegisterScalableTarget") {
      for (const char* action : {"ecs:DescribeServices", "ecs:UpdateService"})
        Need(action, cloud_.Arn("ecs", resource));
    }
    const bool puts = row_.operation == "PutScalingPolicy";
    const bool tracks = puts && call_.input.contains("TargetTrackingScalingPolicyConfiguration");
    if (!tracks && row_.operation != "DeleteScalingPolicy" && row_.operation != "DeregisterScalableTarget") return;
    std::vector<std::string> replaced;
    for (const auto& [arn, policy] : call_.txn.All("autoscaling.policies")) {
      const std::string name = Input("PolicyName");
      if (Text(policy, "ResourceId") != resource || (!name.empty() && Text(policy, "PolicyName") != name)) continue;
      for (const Json& alarm : Items(policy, "Alarms")) replaced.push_back(Text(alarm, "AlarmARN"));
    }
    if (tracks || !replaced.empty()) Need("cloudwatch:DescribeAlarms", cloud_.Arn("cloudwatch", "alarm:*"));
    for (const auto& alarm : replaced) Need("cloudwatch:DeleteAlarms", alarm);
    if (tracks) {
      Need("cloudwatch:PutMetricAlarm", cloud_.Arn("cloudwatch", fmt::format("alarm:TargetTracking-{}-*", resource)));
    }
  }

  // The first one of its kind makes its service's role in the account.
  void AddServiceLinkedRole() {
    struct Maker {
      std::string_view service;
      std::string_view operation;
      const char* principal;
      const char* role;
    };
    static constexpr Maker kMakers[] = {
        {"application-autoscaling", "RegisterScalableTarget", "ecs.application-autoscaling.amazonaws.com",
         "AWSServiceRoleForApplicationAutoScaling_ECSService"},
        {"ecs", "CreateCluster", "ecs.amazonaws.com", "AWSServiceRoleForECS"},
        {"elbv2", "CreateLoadBalancer", "elasticloadbalancing.amazonaws.com", "AWSServiceRoleForElasticLoadBalancing"},
        {"rds", "CreateDBInstance", "rds.amazonaws.com", "AWSServiceRoleForRDS"}};
    for (const auto& maker : kMakers) {
      if (maker.service != call_.service || maker.operation != row_.operation) continue;
      if (call_.txn.Find("iam.roles", maker.role) != nullptr) continue;
      Need("iam:CreateServiceLinkedRole",
           cloud_.GlobalArn("iam", fmt::format("role/aws-service-role/{}/{}", maker.principal, maker.role)),
           {{"iam:awsservicename", {maker.principal}}});
    }
  }

  // A private namespace is a hosted zone, which Cloud Map makes with the caller's permissions.
  void AddCloudMap() {
    if (call_.service != "servicediscovery") return;
    if (row_.operation == "CreatePrivateDnsNamespace") {
      for (const char* action :
           {"route53:CreateHostedZone", "route53:ListHostedZonesByName", "ec2:DescribeVpcs", "ec2:DescribeRegions"}) {
        Need(action, "*");
      }
      Need("route53:GetHostedZone", "arn:aws:route53:::hostedzone/*");
    }
    const bool in_dns = row_.operation == "CreateService" && call_.input.contains("DnsConfig");
    if (in_dns) Need("route53:GetHostedZone", "arn:aws:route53:::hostedzone/*");
    if (row_.operation == "DeleteNamespace") {
      const Json* space = call_.txn.Find("servicediscovery.namespaces", Input("Id"));
      if (space != nullptr && Text(*space, "Type") == "DNS_PRIVATE") {
        Need("route53:DeleteHostedZone", "arn:aws:route53:::hostedzone/*");
      }
    }
  }

  // The name of the service becomes the endpoint's own in the VPC, with the caller's permissions.
  void AddPrivateDns() {
    if (call_.service != "ec2" || row_.operation != "CreateVpcEndpoint") return;
    if (Input("VpcEndpointType") != "Interface" || !Flag(call_.input, "PrivateDnsEnabled", true)) return;
    Need("route53:AssociateVPCWithHostedZone", "arn:aws:route53:::hostedzone/*");
  }

  const Cloud& cloud_;
  const Call& call_;
  const ServiceRows& service_;
  Row row_;
  Keys keys_;  // of the request
  Keys request_tags_;
  std::vector<std::string> tag_keys_;
  std::vector<Permission> needs_;
};

}  // namespace

std::vector<Permission> NeedsOf(const Cloud& cloud, const Call& call) { return Needs(cloud, call).All(); }

}  // namespace adhoc::localcloud::iam
