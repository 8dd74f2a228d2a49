#include "env/terraform/export.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "env/names.h"
#include "env/path_packing.h"
#include "env/policies.h"
#include "env/resources/resources.h"
#include "env/terraform/hcl.h"

namespace adhoc::env {
namespace {

constexpr const char* kEnvironmentModule = "ad-hoc-environment";
constexpr const char* kSharedModule = "shared-resources";
using Strings = std::vector<std::string>;

constexpr int kLengthOfGivenSecret = 32;  // only Terraform would ever make one of them anew

// The import blocks of one module.
class Imports {
 public:
  explicit Imports(std::string module) : prefix_("module." + std::move(module) + ".") {}
  void Add(const std::string& resource, const std::string& id) { text_ += HclImport(prefix_ + resource, id) + "\n"; }
  void Add(const std::string& resource, std::string_view key, const std::string& id) {
    Add(HclIndex(resource, key), id);
  }
  // Of a resource with `count`.
  void AddOnly(const std::string& resource, const std::string& id) { Add(resource + "[0]", id); }
  std::string text() const { return text_.substr(0, text_.empty() ? 0 : text_.size() - 1); }

 private:
  const std::string prefix_;
  std::string text_;
};

std::string Head(const Context& context, const std::string& what) {
  const auto& target = context.config().target;
  std::string text = fmt::format("# {}, written by `adhoc export terraform`.\n", what);
  text +=
      "#\n"
      "#   terraform init && terraform apply\n"
      "#\n"
      "# takes what is there into the state and creates nothing; afterwards imports.tf can go. The state is a file in "
      "this\n"
      "# folder until you add a backend.\n";
  if (context.local()) {
    text += fmt::format(
        "#\n# For the local cloud:\n"
        "#   export AWS_ENDPOINT_URL=http://127.0.0.1:{} AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x\n",
        context.endpoint().substr(context.endpoint().rfind(':') + 1));
  }
  text += fmt::format(R"(
terraform {{
  required_version = ">= 1.11"
  required_providers {{
    aws = {{
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }}
  }}
}}

provider "aws" {{
  region              = {}
  allowed_account_ids = [{}]
}}
)",
                      ToHcl(context.region()), ToHcl(target.account));
  return text;
}

std::string ModuleCall(const std::string& name, const std::string& module, const HclAttributes& attributes) {
  return fmt::format("\nmodule \"{}\" {{\n  source = \"./modules/{}\"\n\n{}}}\n", name, module,
                     HclLines(attributes, 2));
}

void RequireNoChanges(const Prepared& prepared, const std::string& what, const std::string& command) {
  if (prepared.plan.empty()) return;
  throw Error(fmt::format("{} is not as its definition says ({}): a configuration of it would not fit", what,
                          prepared.plan.Summary()),
              command);
}

// Of a resource that nothing else made the run read.
std::string ReadAttribute(Context& context, ResourcePtr resource, const std::string& attribute) {
  if (const auto known = context.Find(resource->id())) return (*known)[attribute];
  const auto read = resource->Read(context);
  if (!read) throw Error(resource->id() + " does not exist");
  return (*read)[attribute];
}

// ---- An environment

Json SharedArgument(Context& context) {
  const auto& target = context.config().target;
  const std::string& shared = target.shared;
  const bool is_public = target.tasks_are_public();
  const Json balancer = context.Get("load balancer " + context.load_balancer());
  Json database;
  if (context.config().database) {
    const Json instance = context.Get("database instance " + DatabaseInstanceName(shared));
    database = {{"address", instance["address"]},
                {"port", std::stoi(instance["port"].get<std::string>())},
                {"username", instance["user"]},
                {"secret_arn", instance["secret_arn"]}};
  }
  const int port = target.https ? target.https_port : target.http_port;
  const bool usual = port == (target.https ? 443 : 80);
  return {{"name", shared},
          {"domain", target.domain},
          {"url_scheme", target.https ? "https" : "http"},
          {"url_port", usual ? "" : fmt::format(":{}", port)},
          {"zone_id", context.Get("hosted zone " + target.domain, "id")},
          {"vpc_id", context.Get("vpc " + Join(shared, "vpc"), "id")},
          {"task_subnet_ids", SubnetIds(context, is_public)},
          {"assign_public_ip", is_public},
          {"security_group_id", context.Get(fmt::format("security group {}-ecs-sg", shared), "id")},
          {"listener_arn", context.Get(MainListenerId(target, context.load_balancer()), "arn")},
          {"alb", {{"dns_name", balancer["dns_name"]}, {"zone_id", balancer["zone_id"]}}},
          {"namespace", {{"id", ReadAttribute(context, MakeNamespace(shared), "id")}, {"name", NamespaceName(shared)}}},
          {"execution_role_arn", context.Get(fmt::format("role {}-ecs-execution-role", shared), "arn")},
          {"database", database}};
}

// What services and tasks have in common, with the values that their registered definition has.
Json WorkloadArgument(Context& context, const config::Workload& workload) {
  const Json described =
      context.Get("task definition " + FamilyName(context.environment(), workload.name))["described"];
  const Json& container = described["containerDefinitions"][0];
  Json argument{{"image", container["image"]}, {"cpu", workload.cpu}, {"memory", workload.memory}};
  for (const Json& variable : container.value("environment", Json::array())) {
    argument["environment"][variable["name"].get<std::string>()] = variable["value"];
  }
  for (const auto& [variable, reference] : workload.secrets) {
    const bool is_password = reference.kind == config::Reference::Kind::kDatabasePassword;
    argument["secrets"][variable] = is_password ? std::string(kDatabaseWorkload) : reference.name;
  }
  if (container.contains("dockerLabels")) argument["docker_labels"] = container["dockerLabels"];
  for (const auto& [member, name] : {std::pair{"command", "command"}, std::pair{"entryPoint", "entrypoint"}}) {
    const Json words = container.value(member, Json::array());
    if (!words.empty()) argument[name] = words;
  }
  if (!workload.user.empty()) argument["user"] = workload.user;
  if (!workload.working_directory.empty()) argument["working_directory"] = workload.working_directory;
  if (workload.stop_timeout != 30) argument["stop_timeout"] = workload.stop_timeout;
  if (workload.arm64 && !context.local()) argument["architecture"] = "ARM64";
  return argument;
}

// The paths of the one rule that the module makes for a service.
std::vector<std::string> PathsOf(const config::Service& service) {
  const auto rules = PackPaths(service.paths);
  if (rules.size() > 1) {
    throw Error(fmt::format("{} takes {} listener rules: the module {} makes one for each service", service.name,
                            rules.size(), kEnvironmentModule),
                "join some of its paths with a wildcard");
  }
  return rules.front().empty() ? std::vector<std::string>{"/*"} : rules.front();
}

Json ServiceArgument(Context& context, const config::Service& service) {
  Json argument = WorkloadArgument(context, service);
  if (service.port != 0) argument["port"] = service.port;
  if (service.load_balanced()) argument["paths"] = PathsOf(service);
  if (service.discoverable) argument["discoverable"] = true;
  argument["scale"] = service.scale;
  if (service.platform_version != "LATEST") argument["platform_version"] = service.platform_version;
  if (const auto& scaling = service.autoscaling) {
    argument["autoscaling"] = {{"min", scaling->min}, {"max", scaling->max}, {"cpu", scaling->cpu}};
  }
  argument["spot"] = service.spot && !context.local();
  const auto& check = service.healthcheck;
  Json health = Json::object();
  if (service.load_balanced()) {
    health = {{"path", check.path.empty() ? "/" : check.path},
              {"interval", check.interval},
              {"timeout", check.timeout},
              {"healthy_threshold", check.healthy_threshold},
              {"unhealthy_threshold", check.unhealthy_threshold},
              {"matcher", check.matcher},
              {"grace_period", check.grace_period}};
    argument["deregistration_delay"] = service.deregistration_delay;
  }
  if (!check.command.empty()) health["command"] = check.command;
  if (!health.empty()) argument["healthcheck"] = health;
  argument["minimum_healthy_percent"] = service.deployment.minimum_healthy_percent;
  argument["maximum_percent"] = service.deployment.maximum_percent;
  return argument;
}

std::string EnvironmentImports(Context& context) {
  const config::Config& config = context.config();
  const std::string& env = config.environment;
  Imports imports("environment");
  const auto arn = [&](const std::string& resource) { return context.Get(resource, "arn"); };
  imports.Add("aws_ecs_cluster.this", ClusterName(env));
  imports.Add("aws_ecs_cluster_capacity_providers.this", ClusterName(env));
  imports.Add("aws_iam_role.task", TaskRoleName(env));
  imports.Add("aws_iam_role_policy.task", TaskRoleName(env) + ":adhoc");
  if (config.database) {
    imports.AddOnly("aws_secretsmanager_secret.database", arn("secret " + SecretName(env, kDatabaseWorkload)));
  }
  for (const auto& secret : config.secrets) {
    imports.Add("aws_secretsmanager_secret.generated", secret.name, arn("secret " + SecretName(env, secret.name)));
  }
  if (config.bucket) {
    const std::string bucket = BucketName(config.target.domain, env);
    imports.AddOnly("aws_s3_bucket.this", bucket);
    imports.AddOnly("aws_s3_bucket_public_access_block.this", bucket);
    imports.AddOnly("aws_s3_bucket_cors_configuration.this", bucket);
    if (!config.bucket->public_patterns.empty()) imports.AddOnly("aws_s3_bucket_policy.public", bucket);
  }

  std::vector<std::string> workloads;
  if (config.database) workloads.emplace_back(kDatabaseWorkload);
  for (const auto& service : config.services) workloads.push_back(service.name);
  for (const auto& task : config.tasks) workloads.push_back(task.name);
  for (const auto& workload : workloads) {
    imports.Add("aws_cloudwatch_log_group.this", workload, LogGroupName(env, workload));
    imports.Add("aws_ecs_task_definition.this", workload, arn("task definition " + FamilyName(env, workload)));
  }
  bool is_reachable = false;
  for (const auto& service : config.services) {
    imports.Add("aws_ecs_service.this", service.name, ClusterName(env) + "/" + ServiceName(env, service.name));
    if (service.discoverable) {
      imports.Add("aws_service_discovery_service.this", service.name,
                  context.Get("discovery service " + DiscoveryName(env, service.name), "id"));
    }
    if (service.autoscaling) {
      const std::string name = ServiceName(env, service.name);
      const std::string target = fmt::format("ecs/service/{}/{}/ecs:service:DesiredCount", ClusterName(env), name);
      imports.Add("aws_appautoscaling_target.this", service.name, target);
      imports.Add("aws_appautoscaling_policy.cpu", service.name, fmt::format("{}/{}-cpu", target, name));
    }
    if (!service.load_balanced()) continue;
    is_reachable = true;
    const std::string name = TargetGroupName(env, service.name);
    const bool catch_all = PathsOf(service) == std::vector<std::string>{"/*"};
    imports.Add("aws_lb_target_group.this", service.name, arn("target group " + name));
    imports.Add(catch_all ? "aws_lb_listener_rule.catch_all" : "aws_lb_listener_rule.specific", service.name,
                context.Get("listener rule " + name)["rules"][0]["arn"]);
  }
  if (is_reachable) {
    imports.Add("aws_route53_record.this",
                fmt::format("{}_{}_A", context.Get("hosted zone " + config.target.domain, "id"), config.host));
  }
  return imports.text();
}

// ---- The shared resources

// The ids of a security group's rules, in Terraform's order of thought: one for each peer and port.
class RuleIds {
 public:
  RuleIds(Context& context, const std::string& group)
      : group_(group),
        rules_(context.List("ec2", "DescribeSecurityGroupRules",
                            {{"Filters", Json::array({{{"Name", "group-id"}, {"Values", Json::array({group})}}})}},
                            "SecurityGroupRules")) {}

  std::string Ingress(int port, const std::string& peer) const {
    return Find([&](const Json& rule) {
      return !rule.value("IsEgress", false) && rule.value("FromPort", 0) == port && PeerOf(rule) == peer;
    });
  }
  std::string Egress() const {
    return Find([](const Json& rule) { return rule.value("IsEgress", false); });
  }

 private:
  static std::string PeerOf(const Json& rule) {
    return rule.value("CidrIpv4", rule.value("ReferencedGroupInfo", Json::object()).value("GroupId", ""));
  }
  std::string Find(const std::function<bool(const Json&)>& matches) const {
    const auto found = std::find_if(rules_.begin(), rules_.end(), matches);
    if (found == rules_.end()) throw Error("a rule of the security group " + group_ + " is missing");
    return (*found)["SecurityGroupRuleId"];
  }

  const std::string group_;
  const Json rules_;
};

std::string DefaultGroup(Context& context, const std::string& vpc) {
  const Json found =
      context.Call("ec2", "DescribeSecurityGroups",
                   {{"Filters", Json::array({{{"Name", "vpc-id"}, {"Values", Json::array({vpc})}},
                                             {{"Name", "group-name"}, {"Values", Json::array({"default"})}}})}});
  return found["SecurityGroups"][0]["GroupId"];
}

void ImportNetwork(Context& context, Imports& imports) {
  const auto& target = context.config().target;
  const std::string& shared = target.shared;
  const auto id = [&](const std::string& resource) { return context.Get(resource, "id"); };
  const std::string vpc = id("vpc " + Join(shared, "vpc"));
  imports.Add("aws_vpc.this", vpc);
  imports.Add("aws_default_security_group.this", DefaultGroup(context, vpc));
  imports.Add("aws_internet_gateway.this", id("internet gateway " + Join(shared, "igw")));
  const auto import_table = [&](const std::string& kind, const std::string& key, const std::string& name, bool route) {
    const std::string table = id("route table " + Join(shared, name));
    const std::string index = key.empty() ? "" : fmt::format("[\"{}\"]", key);
    imports.Add(fmt::format("aws_route_table.{}{}", kind, index), table);
    if (route) imports.Add(fmt::format("aws_route.{}{}", kind, index), table + "_0.0.0.0/0");
  };
  const bool per_zone = target.network.nat == config::NatKind::kPerZone;
  const bool has_endpoints = target.network.nat == config::NatKind::kEndpoints;
  const bool has_nat = target.network.nat != config::NatKind::kNone && !has_endpoints;
  import_table("public", "", "public", true);
  if (!per_zone) import_table("private", "private", "private", has_nat);
  for (int zone = 1; zone <= target.network.zones; ++zone) {
    const std::string key = std::to_string(zone);
    const std::string private_table = per_zone ? "private-" + key : "private";
    if (per_zone) import_table("private", private_table, private_table, true);
    for (const bool is_public : {true, false}) {
      const std::string kind = is_public ? "public" : "private";
      const std::string subnet = id("subnet " + SubnetName({shared, is_public, zone}));
      imports.Add("aws_subnet." + kind, key, subnet);
      imports.Add("aws_route_table_association." + kind, key,
                  subnet + "/" + id("route table " + Join(shared, is_public ? "public" : private_table)));
    }
    if (!has_nat || (!per_zone && zone > 1)) continue;
    imports.Add("aws_eip.nat", key, id(fmt::format("elastic ip {}-nat-{}", shared, zone)));
    imports.Add("aws_nat_gateway.this", key, id(fmt::format("nat gateway {}-nat-{}", shared, zone)));
  }
  if (!has_endpoints) return;
  const std::string group = id(fmt::format("security group {}-endpoints-sg", shared));
  const RuleIds rules(context, group);
  imports.AddOnly("aws_security_group.endpoints", group);
  imports.AddOnly("aws_vpc_security_group_egress_rule.endpoints", rules.Egress());
  imports.AddOnly("aws_vpc_security_group_ingress_rule.endpoints",
                  rules.Ingress(443, id(fmt::format("security group {}-ecs-sg", shared))));
  imports.AddOnly("aws_vpc_endpoint.s3", id(fmt::format("vpc endpoint {}-s3", shared)));
  for (const char* service : {"ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssmmessages"}) {
    std::string name = service;
    std::replace(name.begin(), name.end(), '.', '-');
    imports.Add("aws_vpc_endpoint.interface", service, id(fmt::format("vpc endpoint {}-{}", shared, name)));
  }
}

void ImportGroups(Context& context, Imports& imports) {
  constexpr int kPostgresPort = 5432;
  const auto& target = context.config().target;
  const auto group = [&](const char* suffix) {
    return context.Get(fmt::format("security group {}-{}-sg", target.shared, suffix), "id");
  };
  for (const char* name : {"alb", "ecs"}) {
    imports.Add(std::string("aws_security_group.") + name, group(name));
    imports.Add("aws_vpc_security_group_egress_rule.all", name, RuleIds(context, group(name)).Egress());
  }
  std::vector<int> ports{target.http_port};
  if (target.https) ports.push_back(target.https_port);
  const RuleIds balancer(context, group("alb"));
  for (const auto& cidr : target.network.ingress) {
    for (const int port : ports) {
      imports.Add("aws_vpc_security_group_ingress_rule.alb", fmt::format("{} {}", cidr, port),
                  balancer.Ingress(port, cidr));
    }
  }
  const RuleIds tasks(context, group("ecs"));
  for (const char* peer : {"alb", "ecs"}) {
    imports.Add("aws_vpc_security_group_ingress_rule.ecs", peer, tasks.Ingress(1, group(peer)));
  }
  if (target.bastion) {
    imports.AddOnly("aws_security_group.bastion", group("bastion"));
    imports.AddOnly("aws_vpc_security_group_egress_rule.bastion", RuleIds(context, group("bastion")).Egress());
  }
  if (!context.config().database) return;
  const RuleIds database(context, group("rds"));
  imports.AddOnly("aws_security_group.rds", group("rds"));
  imports.Add("aws_vpc_security_group_egress_rule.all", "rds", database.Egress());
  imports.AddOnly("aws_vpc_security_group_ingress_rule.rds", database.Ingress(kPostgresPort, group("ecs")));
  if (target.bastion) {
    imports.AddOnly("aws_vpc_security_group_ingress_rule.rds_from_bastion",
                    database.Ingress(kPostgresPort, group("bastion")));
  }
}

std::string SharedImports(Context& context) {
  const auto& target = context.config().target;
  const std::string& shared = target.shared;
  Imports imports("shared_resources");
  ImportNetwork(context, imports);
  ImportGroups(context, imports);
  const std::string balancer = LoadBalancerName(shared);
  imports.Add("aws_lb.this", context.Get("load balancer " + balancer, "arn"));
  imports.Add("aws_lb_listener.http", context.Get(fmt::format("listener {}-http", balancer), "arn"));
  if (target.https)
    imports.AddOnly("aws_lb_listener.https", context.Get(fmt::format("listener {}-https", balancer), "arn"));
  if (context.local()) imports.AddOnly("aws_route53_zone.this", context.Get("hosted zone " + target.domain, "id"));
  imports.Add("aws_service_discovery_private_dns_namespace.this",
              fmt::format("{}:{}", context.Get("namespace " + NamespaceName(shared), "id"),
                          context.Get("vpc " + Join(shared, "vpc"), "id")));
  const std::string execution_role = Join(shared, "ecs-execution-role");
  imports.Add("aws_iam_role.execution", execution_role);
  imports.Add("aws_iam_role_policy.execution", execution_role + ":adhoc");
  if (context.config().database) {
    imports.AddOnly("aws_db_subnet_group.this", DatabaseInstanceName(shared));
    imports.AddOnly("aws_db_instance.this", DatabaseInstanceName(shared));
  }
  if (target.bastion) {
    const std::string role = Join(shared, "bastion-role");
    imports.AddOnly("aws_iam_role.bastion", role);
    imports.AddOnly("aws_iam_role_policy.bastion", role + ":adhoc");
    imports.AddOnly("aws_iam_instance_profile.bastion", BastionName(shared));
    imports.AddOnly("aws_instance.bastion", context.Get("instance " + BastionName(shared), "id"));
  }
  return imports.text();
}

}  // namespace

TerraformExport ExportEnvironment(Context& context, const Prepared& prepared) {
  const config::Config& config = context.config();
  const std::string& env = config.environment;
  RequireNoChanges(prepared, env, "adhoc up " + env);
  Json services = Json::object();
  for (const auto& service : config.services) services[service.name] = ServiceArgument(context, service);
  Json tasks = Json::object();
  Json before = Json::array();
  for (const auto& task : config.tasks) {
    tasks[task.name] = WorkloadArgument(context, task);
    if (task.when == config::Task::When::kBeforeUpdate) before.push_back(task.name);
  }
  Json secrets = Json::object();
  for (const auto& secret : config.secrets) {
    secrets[secret.name] = secret.generate > 0 ? secret.generate : kLengthOfGivenSecret;
  }
  HclAttributes arguments{{"name", env},
                          {"application", config.application},
                          {"database_image", config.database ? Json(config.database->image) : Json()},
                          {"bucket", config.bucket.has_value()},
                          {"public_objects", config.bucket ? config.bucket->public_patterns : Strings{}},
                          {"secrets", secrets},
                          {"before_services", before},
                          {"run_tasks", false},
                          {"generate_secrets", false},
                          {"shared", SharedArgument(context)},
                          {"services", services},
                          {"tasks", tasks}};
  if (const std::string boundary = BoundaryArn(config.target); !boundary.empty()) {
    arguments.emplace_back("permissions_boundary", boundary);
  }
  TerraformExport made{.module = kEnvironmentModule};
  made.files["main.tf"] = Head(context, "The environment " + env) +
                          ModuleCall("environment", kEnvironmentModule, arguments) +
                          "\noutput \"url\" {\n  value = module.environment.url\n}\n";
  made.files["imports.tf"] = EnvironmentImports(context);
  return made;
}

TerraformExport ExportShared(Context& context, const Prepared& prepared) {
  const config::Config& config = context.config();
  const auto& target = config.target;
  RequireNoChanges(prepared, target.shared, "adhoc shared up");
  if (!target.existing.vpc.empty()) {
    throw Error(fmt::format("{} uses what exists already: the module {} makes all of it", target.shared, kSharedModule),
                "docs/terraform.md says what it makes");
  }
  constexpr const char* kNats[] = {"none", "single", "per_zone", "endpoints"};
  HclAttributes arguments{{"name", target.shared},
                          {"application", config.application},
                          {"domain", target.domain},
                          {"create_hosted_zone", context.local()},
                          {"cidr", target.network.cidr},
                          {"zones", target.network.zones},
                          {"nat", kNats[static_cast<int>(target.network.nat)]},
                          {"ingress_cidrs", target.network.ingress},
                          {"https", target.https},
                          {"http_port", target.http_port}};
  if (target.https) {
    const std::string own = "certificate *." + target.domain;
    arguments.emplace_back("https_port", target.https_port);
    arguments.emplace_back("certificate_arn",
                           target.certificate.empty() ? context.Get(own, "arn") : target.certificate);
  }
  arguments.emplace_back("bastion", target.bastion);
  Json database;
  if (config.database) {
    database = {{"version", config.database->version},
                {"instance_class", config.database->instance_class},
                {"storage", config.database->storage}};
  }
  arguments.emplace_back("database", std::move(database));
  TerraformExport made{.module = kSharedModule};
  made.files["main.tf"] = Head(context, "The shared resources " + target.shared) +
                          ModuleCall("shared_resources", kSharedModule, arguments) +
                          "\noutput \"shared\" {\n  value = module.shared_resources.shared\n}\n";
  made.files["imports.tf"] = SharedImports(context);
  return made;
}

}  // namespace adhoc::env
