#include "env/policies.h"

#include <fmt/format.h>

#include <algorithm>

#include "env/names.h"
#include "env/s3_records.h"

namespace adhoc::env {
namespace {

using Words = std::vector<std::string>;

const std::string kOurs(kManagedBy);

// Actions of one service: `ecs` and `RunTask StopTask`.
Words Actions(std::string_view service, std::string_view names) {
  Words actions;
  while (!names.empty()) {
    const auto blank = names.find(' ');
    actions.push_back(fmt::format("{}:{}", service, names.substr(0, blank)));
    names.remove_prefix(blank == std::string_view::npos ? names.size() : blank + 1);
  }
  return actions;
}

Words operator+(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Json Statement(const Words& actions, const Words& resources, const Json& condition = nullptr) {
  Json statement{{"Effect", "Allow"}, {"Action", actions}, {"Resource", resources}};
  if (!condition.is_null()) statement["Condition"] = condition;
  return statement;
}

Json Document(Json statements) { return {{"Version", "2012-10-17"}, {"Statement", std::move(statements)}}; }

Json ResourceTag(std::string_view tag, const std::string& value) {
  return {{"StringEquals", {{fmt::format("aws:ResourceTag/{}", tag), value}}}};
}
Json RequestTag(std::string_view tag, const std::string& value) {
  return {{"StringEquals", {{fmt::format("aws:RequestTag/{}", tag), value}}}};
}

class Policy {
 public:
  explicit Policy(const PolicyScope& scope) : scope_(scope) {}

  void Allow(const char* sid, const Words& actions, const Words& resources, const Json& condition = nullptr) {
    Json statement = Statement(actions, resources, condition);
    statement["Sid"] = sid;
    statements_.push_back(std::move(statement));
  }
  Json Done() && { return Document(std::move(statements_)); }

  std::string Arn(std::string_view service, std::string_view resource) const {
    return fmt::format("arn:aws:{}:{}:{}:{}", service, scope_.region, scope_.account, resource);
  }
  std::string Role(std::string_view name) const { return fmt::format("arn:aws:iam::{}:role/{}", scope_.account, name); }
  std::string ExecutionRole() const { return Role(Join(scope_.shared, "ecs-execution-role")); }
  std::string BastionRole() const { return Role(Join(scope_.shared, "bastion-role")); }
  // The first load balancer, and those that are opened when it is full.
  std::string Balancer(std::string_view kind) const {
    const std::string& arn = scope_.existing.load_balancer;  // …:loadbalancer/app/<name>/<id>
    const std::string path = arn.empty() ? fmt::format("app/{}/*", LoadBalancerName(scope_.shared))
                                         : arn.substr(std::min(arn.find("/app/") + 1, arn.size()));
    // A rule's ARN goes on behind its listener's, and that behind its load balancer's.
    return Arn("elasticloadbalancing", fmt::format("{}/{}{}", kind, path, arn.empty() ? "" : "/*"));
  }
  std::string FurtherBalancer(std::string_view kind) const {
    return Arn("elasticloadbalancing", fmt::format("{}/app/{}-*/*", kind, LoadBalancerName(scope_.shared)));
  }
  std::string RecordsBucket() const { return "arn:aws:s3:::" + RecordsBucketName(scope_.account, scope_.region); }
  Words Repositories() const {
    Words arns;
    for (const auto& repository : scope_.repositories) arns.push_back(Arn("ecr", "repository/" + repository));
    return arns;
  }

  // Records of environments, and the locks.
  void AllowRecords(bool of_environments) {
    Allow("RecordsBucket", {"s3:ListBucket"}, {RecordsBucket()});
    Words objects{RecordsBucket() + "/locks/*"};
    if (of_environments) objects.push_back(RecordsBucket() + "/records/*");
    Allow("RecordsAndLocks", Actions("s3", "GetObject PutObject DeleteObject"), objects);
  }

  // The Terraform state with the names of what exists.
  void AllowState() {
    constexpr std::string_view kS3 = "s3://";
    if (!scope_.existing.state.starts_with(kS3)) return;
    Allow("TerraformState", {"s3:GetObject"}, {"arn:aws:s3:::" + scope_.existing.state.substr(kS3.size())});
  }

  // Whether they are for the domain's names.
  void AllowCertificates() { Allow("ReadCertificate", {"acm:DescribeCertificate"}, {Arn("acm", "certificate/*")}); }

  // Names below the domain, in whatever zone has it.
  void AllowDomain() {
    Allow("ChangeNames", Actions("route53", "ChangeResourceRecordSets"), {"arn:aws:route53:::hostedzone/*"},
          {{"ForAllValues:StringLike",
            {{"route53:ChangeResourceRecordSetsNormalizedRecordNames", "*." + scope_.domain}}}});
  }

 private:
  const PolicyScope& scope_;
  Json statements_ = Json::array();
};

}  // namespace

PolicyScope ScopeOf(const config::Config& config) {
  PolicyScope scope{.account = config.target.account,
                    .region = config.target.region,
                    .shared = config.target.shared,
                    .domain = config.target.domain,
                    .existing = config.target.existing,
                    .boundary = BoundaryArn(config.target),
                    .makes_boundary = config.target.makes_boundary};
  for (const auto& image : config.images) scope.repositories.push_back(image.repository);
  std::sort(scope.repositories.begin(), scope.repositories.end());
  scope.repositories.erase(std::unique(scope.repositories.begin(), scope.repositories.end()), scope.repositories.end());
  return scope;
}

// Without names of statements, as Terraform's modules write them: neither changes what the other made.
Json ExecutionPolicy(const PolicyScope& scope) {
  const Policy policy(scope);
  const std::string& master = scope.existing.database_secret;
  return Document(
      Json::array({Statement({"ecr:GetAuthorizationToken"}, {"*"}),
                   Statement(Actions("ecr", "BatchCheckLayerAvailability BatchGetImage GetDownloadUrlForLayer"),
                             {policy.Arn("ecr", "repository/*")}),
                   Statement(Actions("logs", "CreateLogStream PutLogEvents"), {policy.Arn("logs", "log-group:/ecs/*")}),
                   Statement({"secretsmanager:GetSecretValue"}, {policy.Arn("secretsmanager", "secret:*")},
                             ResourceTag(kManagedByTag, kOurs)),
                   // The master password of the shared database, for the task that makes an environment's own.
                   Statement({"secretsmanager:GetSecretValue"},
                             {master.empty() ? policy.Arn("secretsmanager", "secret:rds!db-*") : master})}));
}

Json TaskPolicy(const PolicyScope& scope, const std::string& environment, bool bucket) {
  Json statements = Json::array({Statement(
      Actions("ssmmessages", "CreateControlChannel CreateDataChannel OpenControlChannel OpenDataChannel"), {"*"})});
  if (bucket) {
    const std::string arn = "arn:aws:s3:::" + BucketName(scope.domain, environment);
    statements.push_back(Statement({"s3:ListBucket"}, {arn}));
    statements.push_back(Statement(Actions("s3", "GetObject PutObject DeleteObject"), {arn + "/*"}));
  }
  return Document(std::move(statements));
}

Json TaskBoundary(const PolicyScope& scope) { return TaskPolicy(scope, "*", true); }

std::string BoundaryArn(const config::Target& target) {
  if (!target.makes_boundary) return target.permissions_boundary;
  return fmt::format("arn:aws:iam::{}:policy/{}", target.account, TaskBoundaryName(target.shared));
}

Json BastionPolicy() {
  return Document(Json::array({Statement(
      Words{"ssm:UpdateInstanceInformation"} +
          Actions("ssmmessages", "CreateControlChannel CreateDataChannel OpenControlChannel OpenDataChannel"),
      {"*"})}));
}

Json SharedPolicy(const PolicyScope& scope) {
  Policy policy(scope);
  const std::string anything = policy.Arn("ec2", "*/*");
  const Json ours = ResourceTag(kEnvironmentTag, scope.shared);
  const Json becomes_ours = RequestTag(kEnvironmentTag, scope.shared);
  const bool own_network = scope.existing.vpc.empty();
  const bool own_balancer = scope.existing.load_balancer.empty();
  const bool own_database = scope.existing.database.empty();
  const auto if_own = [](bool own, Words actions) { return own ? std::move(actions) : Words{}; };

  policy.Allow(
      "Look",
      Actions("ec2",
              "DescribeInstances DescribeRegions DescribeSecurityGroups DescribeSubnets DescribeVpcAttribute "
              "DescribeVpcs") +
          Actions("ec2", "DescribeRouteTables DescribeVpcEndpoints") +
          if_own(own_network,
                 Actions("ec2",
                         "DescribeAddresses DescribeAvailabilityZones DescribeInternetGateways DescribeNatGateways")) +
          Actions("elasticloadbalancing", "DescribeListeners DescribeLoadBalancers") +
          if_own(!own_balancer, Actions("elasticloadbalancing", "DescribeListenerCertificates")) +
          Actions("rds", "DescribeDBInstances") + if_own(own_database, Actions("rds", "DescribeDBSubnetGroups")) +
          if_own(own_balancer, Actions("acm", "ListCertificates")) +
          Actions("route53", "ListHostedZonesByName GetHostedZone") +
          Actions("servicediscovery", "ListNamespaces GetOperation") + Actions("ecs", "ListClusters"),
      {"*"});
  policy.Allow("Environments", {"ecs:DescribeClusters"}, {policy.Arn("ecs", "cluster/" + ClusterName("*"))});
  policy.AllowRecords(false);
  policy.AllowState();

  const Words makes = Actions("ec2", "CreateSecurityGroup") +
                      if_own(own_network, Actions("ec2",
                                                  "AllocateAddress CreateInternetGateway CreateNatGateway "
                                                  "CreateRouteTable CreateSubnet CreateVpc CreateVpcEndpoint"));
  policy.Allow("MakeNetwork", makes, {anything}, becomes_ours);
  policy.Allow(
      "ChangeNetwork",
      Actions("ec2",
              "AuthorizeSecurityGroupIngress DeleteSecurityGroup RevokeSecurityGroupIngress StartInstances "
              "TerminateInstances") +
          if_own(own_network,
                 Actions("ec2",
                         "CreateNatGateway CreateRouteTable CreateSecurityGroup CreateSubnet CreateVpcEndpoint "
                         "AssociateRouteTable AttachInternetGateway CreateRoute DeleteInternetGateway "
                         "DeleteNatGateway DeleteRoute DeleteRouteTable DeleteSubnet DeleteVpc DeleteVpcEndpoints "
                         "DetachInternetGateway DisassociateRouteTable ModifyVpcAttribute ModifyVpcEndpoint "
                         "ReleaseAddress ReplaceRoute ReplaceRouteTableAssociation")),
      {anything}, ours);
  if (own_network) {
    // An endpoint takes its service's public name over in the VPC.
    policy.Allow("EndpointNames", {"route53:AssociateVPCWithHostedZone"}, {"arn:aws:route53:::hostedzone/*"});
  } else {
    policy.Allow("GroupsInVpc", {"ec2:CreateSecurityGroup"}, {policy.Arn("ec2", "vpc/" + scope.existing.vpc)});
  }
  policy.Allow("MakeBastion", {"ec2:RunInstances"}, {policy.Arn("ec2", "instance/*"), policy.Arn("ec2", "volume/*")},
               becomes_ours);
  policy.Allow("PartsOfBastion", {"ec2:RunInstances"},
               {policy.Arn("ec2", "network-interface/*"), policy.Arn("ec2", "security-group/*"),
                policy.Arn("ec2", "subnet/*"), fmt::format("arn:aws:ec2:{}::image/*", scope.region)});
  policy.Allow("BastionImage", {"ssm:GetParameter"},
               {fmt::format("arn:aws:ssm:{}::parameter/aws/service/ami-amazon-linux-latest/*", scope.region)});
  policy.Allow("BastionProfile",
               Actions("iam",
                       "AddRoleToInstanceProfile CreateInstanceProfile DeleteInstanceProfile GetInstanceProfile "
                       "RemoveRoleFromInstanceProfile TagInstanceProfile"),
               {fmt::format("arn:aws:iam::{}:instance-profile/{}", scope.account, BastionName(scope.shared))});
  policy.Allow("PassBastionRole", {"iam:PassRole"}, {policy.BastionRole()},
               {{"StringEquals", {{"iam:PassedToService", "ec2.amazonaws.com"}}}});
  Words create_actions{"RunInstances"};
  for (const auto& action : makes) create_actions.push_back(action.substr(4));
  policy.Allow("TagNetwork", {"ec2:CreateTags"}, {anything},
               {{"StringEquals", {{"ec2:CreateAction", create_actions}}}});

  Words linked_services;
  if (own_balancer) {
    linked_services.push_back("elasticloadbalancing.amazonaws.com");
    policy.Allow("LoadBalancer",
                 Actions("elasticloadbalancing",
                         "AddTags CreateListener CreateLoadBalancer DeleteListener DeleteLoadBalancer ModifyListener"),
                 {policy.Balancer("loadbalancer"), policy.Balancer("listener")});
    policy.Allow("CloseLoadBalancers", {"elasticloadbalancing:DeleteLoadBalancer"},
                 {policy.FurtherBalancer("loadbalancer")}, ours);
  }
  if (own_database) {
    linked_services.push_back("rds.amazonaws.com");
    policy.Allow("Database",
                 Actions("rds", "AddTagsToResource CreateDBInstance DeleteDBInstance ModifyDBInstance StartDBInstance"),
                 {policy.Arn("rds", "db:" + DatabaseInstanceName(scope.shared))});
    policy.Allow("DatabaseSubnets",
                 Actions("rds", "AddTagsToResource CreateDBInstance CreateDBSubnetGroup DeleteDBSubnetGroup"),
                 {policy.Arn("rds", "subgrp:" + DatabaseInstanceName(scope.shared))});
    // RDS makes the master password with the caller's permissions.
    policy.Allow("MasterPassword", Actions("secretsmanager", "CreateSecret TagResource"),
                 {policy.Arn("secretsmanager", "secret:rds!db-*")});
    policy.Allow("MasterPasswordKey", {"kms:DescribeKey"}, {policy.Arn("kms", "key/*")});
  }

  if (own_balancer) {
    policy.Allow("RequestCertificate", Actions("acm", "AddTagsToCertificate RequestCertificate"), {"*"}, becomes_ours);
    policy.Allow("ReadCertificate", Actions("acm", "DescribeCertificate ListTagsForCertificate"),
                 {policy.Arn("acm", "certificate/*")});
    policy.Allow("DeleteCertificate", {"acm:DeleteCertificate"}, {policy.Arn("acm", "certificate/*")}, ours);
    policy.AllowDomain();
  } else {
    policy.AllowCertificates();
  }

  policy.Allow("MakeNamespace", Actions("servicediscovery", "CreatePrivateDnsNamespace TagResource"), {"*"},
               becomes_ours);
  policy.Allow("DeleteNamespace", {"servicediscovery:DeleteNamespace"}, {policy.Arn("servicediscovery", "namespace/*")},
               ours);
  // A namespace is a hosted zone, which Cloud Map makes with the caller's permissions.
  policy.Allow("NamespaceZone", Actions("route53", "CreateHostedZone DeleteHostedZone"), {"*"});

  policy.Allow("Roles",
               Actions("iam", "CreateRole DeleteRole DeleteRolePolicy GetRole GetRolePolicy PutRolePolicy TagRole"),
               {policy.ExecutionRole(), policy.BastionRole()});
  if (!linked_services.empty()) {
    policy.Allow("ServiceLinkedRoles", {"iam:CreateServiceLinkedRole"}, {policy.Role("aws-service-role/*")},
                 {{"StringEquals", {{"iam:AWSServiceName", linked_services}}}});
  }
  return std::move(policy).Done();
}

Json EnvironmentsPolicy(const PolicyScope& scope) {
  Policy policy(scope);
  const Json ours = ResourceTag(kManagedByTag, kOurs);
  const Json becomes_ours = RequestTag(kManagedByTag, kOurs);
  const std::string clusters = ClusterName("*");
  const Json in_clusters{{"ArnLike", {{"ecs:cluster", policy.Arn("ecs", "cluster/" + clusters)}}}};
  const std::string tasks = policy.Arn("ecs", fmt::format("task/{}/*", clusters));
  const bool own_balancer = scope.existing.load_balancer.empty();
  const bool own_network = scope.existing.vpc.empty();

  policy.Allow("Look",
               Actions("ec2", "DescribeSecurityGroups DescribeSubnets DescribeVpcs") +
                   (own_network ? Words{} : Actions("ec2", "DescribeRouteTables DescribeVpcEndpoints")) +
                   Actions("elasticloadbalancing",
                           "DescribeListeners DescribeLoadBalancers DescribeRules DescribeTargetGroupAttributes "
                           "DescribeTargetGroups DescribeTargetHealth") +
                   Actions("elasticloadbalancing", own_balancer ? "DescribeTags" : "DescribeListenerCertificates") +
                   Actions("rds", "DescribeDBInstances") + Actions("servicequotas", "GetServiceQuota") +
                   Actions("route53", "GetHostedZone ListHostedZonesByName ListResourceRecordSets") +
                   Actions("servicediscovery", "ListNamespaces ListServices") + Actions("logs", "DescribeLogGroups") +
                   Actions("secretsmanager", "ListSecrets") +
                   Actions("ecs",
                           "DescribeTaskDefinition ListClusters ListServices ListTaskDefinitionFamilies "
                           "ListTaskDefinitions") +
                   Actions("application-autoscaling", "DescribeScalableTargets DescribeScalingPolicies") +
                   Actions("cloudwatch", "DescribeAlarms"),
               {"*"});
  policy.AllowRecords(true);
  policy.AllowState();

  policy.Allow("MakeCluster", {"ecs:CreateCluster"}, {"*"}, becomes_ours);
  policy.Allow("Clusters", Actions("ecs", "DeleteCluster DescribeClusters ExecuteCommand"),
               {policy.Arn("ecs", "cluster/" + clusters)});
  policy.Allow("Services",
               Actions("ecs", "CreateService DeleteService DescribeServices TagResource UntagResource UpdateService"),
               {policy.Arn("ecs", fmt::format("service/{}/*", clusters))});
  policy.Allow("Tasks", Actions("ecs", "DescribeTasks ExecuteCommand StopTask") + Actions("ssm", "StartSession"),
               {tasks});
  policy.Allow("RunTasks", Actions("ecs", "ListTasks RunTask"), {"*"}, in_clusters);
  policy.Allow("Definitions", Actions("ecs", "DeleteTaskDefinitions DeregisterTaskDefinition RegisterTaskDefinition"),
               {"*"});
  policy.Allow("TagWhatIsMade", {"ecs:TagResource"}, {"*"},
               {{"StringEquals", {{"ecs:CreateAction", Json::array({"CreateCluster", "RegisterTaskDefinition"})}}}});
  policy.Allow("Forward", {"ssm:StartSession"},
               {fmt::format("arn:aws:ssm:{}::document/AWS-StartPortForwardingSession", scope.region)});
  policy.Allow("GoOnForwarding", {"ssm:ResumeSession"}, {policy.Arn("ssm", "session/*")});

  policy.Allow("TaskRoles", Actions("iam", "DeleteRole DeleteRolePolicy GetRole GetRolePolicy TagRole"),
               {policy.Role(TaskRoleName("*"))});
  // What makes a role and says what it may: with the boundary only.
  const bool bounded = !scope.boundary.empty();
  policy.Allow("MakeTaskRoles",
               Actions("iam", "CreateRole PutRolePolicy") + Words(bounded ? 1 : 0, "iam:PutRolePermissionsBoundary"),
               {policy.Role(TaskRoleName("*"))},
               bounded ? Json{{"StringEquals", {{"iam:PermissionsBoundary", scope.boundary}}}} : Json());
  policy.Allow("ExecutionRole", {"iam:GetRole"}, {policy.ExecutionRole()});
  policy.Allow("PassRoles", {"iam:PassRole"}, {policy.Role(TaskRoleName("*")), policy.ExecutionRole()},
               {{"StringEquals", {{"iam:PassedToService", "ecs-tasks.amazonaws.com"}}}});
  policy.Allow(
      "ServiceLinkedRole", {"iam:CreateServiceLinkedRole"}, {policy.Role("aws-service-role/*")},
      {{"StringEquals",
        {{"iam:AWSServiceName", Json::array({"ecs.amazonaws.com", "ecs.application-autoscaling.amazonaws.com"})}}}});

  policy.Allow("Autoscaling",
               Actions("application-autoscaling", "DeregisterScalableTarget PutScalingPolicy RegisterScalableTarget"),
               {policy.Arn("application-autoscaling", "scalable-target/*")});
  // A target tracking policy makes and deletes its alarms with the caller's permissions.
  policy.Allow("AutoscalingAlarms", Actions("cloudwatch", "DeleteAlarms PutMetricAlarm"),
               {policy.Arn("cloudwatch", fmt::format("alarm:TargetTracking-service/{}/*", clusters))});

  policy.Allow("TargetGroups",
               Actions("elasticloadbalancing",
                       "AddTags CreateTargetGroup DeleteTargetGroup ModifyTargetGroup ModifyTargetGroupAttributes"),
               {policy.Arn("elasticloadbalancing", "targetgroup/*")});
  if (!own_balancer) policy.AllowCertificates();
  Words listeners{policy.Balancer("listener")};
  Words rules{policy.Balancer("listener-rule")};
  if (own_balancer) {
    listeners.push_back(policy.FurtherBalancer("listener"));
    rules.push_back(policy.FurtherBalancer("listener-rule"));
    // When the load balancers are full, an environment opens the next one; the last one to leave closes it.
    const Words further{policy.FurtherBalancer("loadbalancer"), policy.FurtherBalancer("listener")};
    policy.Allow("OpenLoadBalancers", Actions("elasticloadbalancing", "AddTags CreateListener CreateLoadBalancer"),
                 further, RequestTag(kEnvironmentTag, scope.shared));
    policy.Allow("KeepLoadBalancers", Actions("elasticloadbalancing", "DeleteLoadBalancer ModifyListener"), further,
                 ResourceTag(kEnvironmentTag, scope.shared));
  }
  policy.Allow("MakeRules", {"elasticloadbalancing:CreateRule"}, listeners);
  policy.Allow("Rules", Actions("elasticloadbalancing", "AddTags DeleteRule ModifyRule"), rules);

  policy.Allow(
      "LogGroups",
      Actions("logs", "CreateLogGroup DeleteLogGroup FilterLogEvents GetLogEvents PutRetentionPolicy TagResource"),
      {policy.Arn("logs", "log-group:/ecs/*")});

  // Of one that is not there the name is all that is known.
  policy.Allow("FindSecrets", {"secretsmanager:DescribeSecret"}, {policy.Arn("secretsmanager", "secret:*/*")});
  policy.Allow("MakeSecrets", Actions("secretsmanager", "CreateSecret TagResource"),
               {policy.Arn("secretsmanager", "secret:*/*")}, becomes_ours);
  policy.Allow(
      "Secrets",
      Actions("secretsmanager", "DeleteSecret GetSecretValue PutSecretValue RestoreSecret TagResource UntagResource"),
      {policy.Arn("secretsmanager", "secret:*/*")}, ours);

  const std::string buckets = "arn:aws:s3:::" + BucketName(scope.domain, "*");
  policy.Allow(
      "Buckets",
      Actions("s3",
              "CreateBucket DeleteBucket DeleteBucketPolicy GetBucketPolicy GetBucketTagging ListBucket "
              "ListBucketMultipartUploads ListBucketVersions PutBucketCORS PutBucketPolicy PutBucketPublicAccessBlock "
              "PutBucketTagging"),
      {buckets});
  policy.Allow("Objects", Actions("s3", "AbortMultipartUpload DeleteObject DeleteObjectVersion"), {buckets + "/*"});

  policy.Allow("MakeNames", Actions("servicediscovery", "CreateService TagResource"), {"*"}, becomes_ours);
  policy.Allow("Names", {"servicediscovery:DeleteService"}, {policy.Arn("servicediscovery", "service/*")}, ours);
  policy.AllowDomain();
  if (!scope.repositories.empty()) {
    policy.Allow("Images", Actions("ecr", "CreateRepository DescribeImages DescribeRepositories"),
                 policy.Repositories());
    // What `docker push` and `podman push` ask the registry for (Amazon ECR User Guide, "IAM permissions for pushing an
    // image").
    policy.Allow("PushImages",
                 Actions("ecr",
                         "BatchCheckLayerAvailability BatchGetImage CompleteLayerUpload InitiateLayerUpload PutImage "
                         "UploadLayerPart"),
                 policy.Repositories());
    policy.Allow("PushLogin", {"ecr:GetAuthorizationToken"}, {"*"});
  }
  return std::move(policy).Done();
}

Json BootstrapPolicy(const PolicyScope& scope) {
  Policy policy(scope);
  policy.Allow(
      "RecordsBucket",
      Actions("s3",
              "CreateBucket DeleteBucket GetBucketPublicAccessBlock GetBucketVersioning GetEncryptionConfiguration "
              "ListBucket ListBucketVersions PutBucketPublicAccessBlock PutBucketTagging PutBucketVersioning "
              "PutEncryptionConfiguration PutLifecycleConfiguration"),
      {policy.RecordsBucket()});
  policy.Allow("Records", Actions("s3", "DeleteObject DeleteObjectVersion"), {policy.RecordsBucket() + "/*"});
  policy.Allow("Lock", Actions("s3", "GetObject PutObject"),
               {policy.RecordsBucket() + "/" + LockObject(kBootstrapLock)});
  if (!scope.repositories.empty()) {
    policy.Allow("Repositories",
                 Actions("ecr",
                         "CreateRepository DeleteRepository DescribeImages DescribeRepositories GetLifecyclePolicy "
                         "PutLifecyclePolicy "
                         "TagResource"),
                 policy.Repositories());
  }
  if (scope.makes_boundary) {
    policy.Allow("TaskBoundary",
                 Actions("iam",
                         "CreatePolicy CreatePolicyVersion DeletePolicy DeletePolicyVersion GetPolicy GetPolicyVersion "
                         "ListPolicyVersions TagPolicy"),
                 {scope.boundary});
  }
  policy.Allow("GitHub",
               Actions("iam",
                       "CreateOpenIDConnectProvider DeleteOpenIDConnectProvider GetOpenIDConnectProvider "
                       "TagOpenIDConnectProvider"),
               {fmt::format("arn:aws:iam::{}:oidc-provider/{}", scope.account, kGithubIssuer)});
  policy.Allow("PipelineRoles",
               Actions("iam",
                       "CreateRole DeleteRole DeleteRolePolicy GetRole GetRolePolicy PutRolePolicy TagRole "
                       "UpdateAssumeRolePolicy"),
               {policy.Role(DeployRoleName(scope.shared)), policy.Role(SharedRoleName(scope.shared))});
  return std::move(policy).Done();
}

}  // namespace adhoc::env
