#include "env/existing.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "env/existing_certificate.h"
#include "env/existing_network.h"
#include "env/names.h"
#include "env/resources/resources.h"
#include "env/shared.h"

namespace adhoc::env {
namespace {

constexpr const char* kFix = "correct `existing:` of the target in adhoc.yaml";

constexpr std::size_t kMostSubnetsOfTasks = 16;  // Amazon ECS API Reference, AwsVpcConfiguration

[[noreturn]] void Unfit(const std::string& problem, const std::string& hint = kFix) { throw Error(problem, hint); }

// ---- The state

bool IsOutput(const std::string& value) { return value.starts_with("${state."); }

// a.b of ${state.a.b}
std::string PathOf(const std::string& value) {
  constexpr std::size_t kBefore = std::string_view("${state.").size();
  return value.substr(kBefore, value.size() - kBefore - 1);
}

class State {
 public:
  State(std::string place, const std::string& text) : place_(std::move(place)) {
    const Json state = Json::parse(text, nullptr, false);
    if (!state.is_object() || state.value("version", Json()) != 4 || !state.contains("outputs")) {
      throw Error(fmt::format("{} is no state of Terraform that can be read: it has no outputs of version 4", place_),
                  "name the object or file that `terraform state pull` shows");
    }
    for (const auto& [name, output] : state["outputs"].items()) outputs_[name] = output.value("value", Json());
  }

  // The value at a path of names: shared.vpc_id.
  const Json& Get(const std::string& path) const {
    const Json* value = &outputs_;
    std::string walked;
    for (std::size_t at = 0; at <= path.size();) {
      const std::size_t dot = std::min(path.find('.', at), path.size());
      const std::string name = path.substr(at, dot - at);
      if (!value->is_object() || !value->contains(name)) {
        std::vector<std::string> known;
        if (value->is_object()) {
          for (const auto& [key, unused] : value->items()) known.push_back(key);
        }
        throw Error(fmt::format("the state {} has no output {}{}", place_, walked, name),
                    known.empty() ? kFix : Suggest(name, known));
      }
      value = &(*value)[name];
      walked += name + ".";
      at = dot + 1;
    }
    return *value;
  }

  std::string Text(const std::string& value) const {
    if (!IsOutput(value)) return value;
    const Json& found = Get(PathOf(value));
    if (!found.is_string()) {
      throw Error(fmt::format("the output {} of the state {} is no text", PathOf(value), place_), kFix);
    }
    return found;
  }

  std::vector<std::string> Texts(const std::vector<std::string>& values) const {
    std::vector<std::string> texts;
    for (const auto& value : values) {
      if (IsOutput(value) && Get(PathOf(value)).is_array()) {
        for (const Json& item : Get(PathOf(value))) {
          if (!item.is_string())
            throw Error(fmt::format("the output {} of the state {} is no list of texts", PathOf(value), place_), kFix);
          texts.push_back(item);
        }
      } else {
        texts.push_back(Text(value));
      }
    }
    return texts;
  }

 private:
  const std::string place_;
  Json outputs_ = Json::object();
};

// ---- Whether things fit

const config::Existing& ExistingOf(const Context& context) { return context.config().target.existing; }

void Warn(Context& context, const Finding& finding) {
  context.sink().Emit(
      events::Notice{.level = events::Notice::Level::kWarning, .text = finding.problem, .hint = finding.hint});
}

bool IsDenial(const aws::AwsError& error) {
  return error.code() == "UnauthorizedOperation" || error.code().starts_with("AccessDenied");
}

// What one list of AWS's has; nothing when whoever runs this may not ask, as with a policy of an earlier version.
std::optional<Json> ListIfAllowed(Context& context, const char* service, const char* operation, const Json& input,
                                  const char* list) {
  try {
    return context.List(service, operation, input, list);
  } catch (const aws::AwsError& error) {
    if (!IsDenial(error)) throw;
    return std::nullopt;
  }
}

void RequireVpc(Context& context) {
  const std::string& vpc = ExistingOf(context).vpc;
  const Json found = DescribeExistingVpc(context);
  if (found.is_null()) Unfit(fmt::format("there is no VPC {} in {}", vpc, context.region()));
  // Cloud Map's private namespaces need both.
  for (const auto& [attribute, member] :
       {std::pair("enableDnsSupport", "EnableDnsSupport"), std::pair("enableDnsHostnames", "EnableDnsHostnames")}) {
    const Json answer = context.Call("ec2", "DescribeVpcAttribute", {{"VpcId", vpc}, {"Attribute", attribute}});
    if (answer.value(member, Json::object()).value("Value", false)) continue;
    Unfit(
        fmt::format("VPC {} has no {}: names of services would not resolve", vpc, attribute),
        fmt::format("aws ec2 modify-vpc-attribute --vpc-id {} --{}", vpc,
                    attribute == std::string_view("enableDnsSupport") ? "enable-dns-support" : "enable-dns-hostnames"));
  }
  // One of our own would be forgotten, and its security groups taken for those of the other VPC.
  const auto own = MakeVpc(context.shared())->Read(context);
  if (own && (*own)["id"] != vpc) {
    Unfit(fmt::format("{} has a VPC of its own, {}, so that VPC {} cannot be used", context.shared(),
                      (*own)["id"].get<std::string>(), vpc),
          fmt::format("adhoc shared down before `existing:` is added, or another name as `shared:`", context.shared()));
  }
}

// `use` says what needs them: "the load balancer".
void RequireSubnets(Context& context, bool is_public, std::size_t min_zones, const char* use) {
  const auto& subnets = is_public ? ExistingOf(context).public_subnets : ExistingOf(context).private_subnets;
  const char* key = is_public ? "public_subnets" : "private_subnets";
  const Json found = DescribeExistingSubnets(context, is_public);
  std::set<std::string> zones;
  std::set<std::string> ids;
  for (const Json& subnet : found) {
    const std::string id = subnet["SubnetId"];
    ids.insert(id);
    zones.insert(subnet.value("AvailabilityZone", ""));
    if (subnet.value("VpcId", "") == ExistingOf(context).vpc) continue;
    Unfit(fmt::format("{} of {} is in VPC {}, not in {}", id, key, subnet.value("VpcId", ""), ExistingOf(context).vpc));
  }
  for (const auto& id : subnets.ids) {
    if (!ids.contains(id)) Unfit(fmt::format("there is no subnet {} of {}", id, key));
  }
  if (ids.empty()) Unfit(fmt::format("no subnet of {} has the tags of {}", ExistingOf(context).vpc, key));
  if (ids.size() > kMostSubnetsOfTasks && context.config().target.tasks_are_public() == is_public) {
    Unfit(fmt::format("{} are {} subnets, and a task takes {} at most", key, ids.size(), kMostSubnetsOfTasks),
          fmt::format("name some of them by their ids, or give {} tags that fewer have", key));
  }
  if (zones.size() < min_zones) {
    Unfit(fmt::format("{} are in {} availability zone{}, and {} needs {}", key, zones.size(),
                      zones.size() == 1 ? "" : "s", use, min_zones));
  }
}

void RequireLoadBalancer(Context& context) {
  const auto& target = context.config().target;
  const std::string& arn = target.existing.load_balancer;
  const Json found = DescribeExistingLoadBalancer(context);
  if (found.is_null()) Unfit(fmt::format("there is no load balancer {}", arn));
  const std::string name = found.value("LoadBalancerName", arn);
  if (found.value("Type", "") != "application") {
    Unfit(fmt::format("load balancer {} is of type {}, not application", name, found.value("Type", "")));
  }
  if (found.value("VpcId", "") != target.existing.vpc) {
    Unfit(fmt::format("load balancer {} is in VPC {}, not in {}", name, found.value("VpcId", ""), target.existing.vpc));
  }
  if (found.value("SecurityGroups", Json::array()).empty()) {
    Unfit(fmt::format("load balancer {} has no security group that tasks could let in", name));
  }
  if (found.value("Scheme", "") == "internal") {
    Warn(context,
         {.works = true,
          .problem = fmt::format("load balancer {} is internal: environments are reached from within VPC {}, or "
                                 "a network that is connected to it",
                                 name, target.existing.vpc),
          .hint = "name one whose scheme is internet-facing if they are for others, too"});
  }
  const int port = target.https ? target.https_port : target.http_port;
  const char* protocol = target.https ? "HTTPS" : "HTTP";
  const Json listeners = ListenersOf(context, arn);
  const bool listens = std::any_of(listeners.begin(), listeners.end(), [&](const Json& listener) {
    return listener.value("Port", 0) == port && listener.value("Protocol", "") == protocol;
  });
  if (!listens) {
    Unfit(fmt::format("load balancer {} has no {} listener on port {} for the rules of environments", name, protocol,
                      port),
          fmt::format("give it one whose certificate is for *.{}", target.domain));
  }
}

void RequireDatabase(Context& context) {
  const auto& existing = ExistingOf(context);
  const Json found = DescribeExistingDatabase(context);
  if (found.is_null())
    Unfit(fmt::format("there is no database instance {} in {}", existing.database, context.region()));
  if (found.value("Engine", "") != "postgres") {
    Unfit(fmt::format("database instance {} is of engine {}, not postgres", existing.database,
                      found.value("Engine", "")));
  }
  const std::string vpc = found.value("DBSubnetGroup", Json::object()).value("VpcId", "");
  if (vpc != existing.vpc) {
    Unfit(fmt::format("database instance {} is in VPC {}, not in {}", existing.database, vpc, existing.vpc));
  }
  if (const std::string status = found.value("DBInstanceStatus", ""); !TakesConnections(status)) {
    Unfit(fmt::format("database instance {} is {}", existing.database, status),
          status == "stopped" ? "aws rds start-db-instance --db-instance-identifier " + existing.database
                              : "wait until it is available");
  }
  if (MasterSecretOf(existing, found).empty()) {
    Unfit(fmt::format("RDS does not manage the master password of {}", existing.database),
          "add secret: with the ARN of a secret whose JSON has it as `password`");
  }
}

// ---- Whether it serves: certificates for the names of environments, routes for their tasks

ListenerCertificate ReadCertificate(Context& context, const std::string& arn) {
  ListenerCertificate certificate{.arn = arn, .status = "", .names = {}};
  if (arn.find(":acm:") == std::string::npos) return certificate;
  try {
    const Json found = context.Call("acm", "DescribeCertificate", {{"CertificateArn", arn}})["Certificate"];
    certificate.status = found.value("Status", "");
    certificate.names = found.value("SubjectAlternativeNames", std::vector<std::string>{found.value("DomainName", "")});
  } catch (const aws::AwsError& error) {
    if (!IsDenial(error)) throw;
  }
  return certificate;
}

// As a rule the listener's default certificate is the one, which takes one call.
std::vector<Finding> JudgeCertificatesFor(Context& context, const std::string& host) {
  const auto& target = context.config().target;
  if (target.existing.load_balancer.empty() || !target.https) return {};
  for (const Json& listener : ListenersOf(context, target.existing.load_balancer)) {
    if (listener.value("Port", 0) != target.https_port) continue;
    const std::string arn = listener["ListenerArn"];
    const std::string balancer = DescribeExistingLoadBalancer(context).value("LoadBalancerName", "");
    std::vector<ListenerCertificate> known;
    const auto judge = [&] { return JudgeCertificates(known, host, balancer, arn); };
    for (const Json& described : listener.value("Certificates", Json::array())) {
      known.push_back(ReadCertificate(context, described["CertificateArn"]));
      if (!judge()) return {};
    }
    const auto more =
        ListIfAllowed(context, "elbv2", "DescribeListenerCertificates", {{"ListenerArn", arn}}, "Certificates");
    if (!more) known.push_back({.arn = "those besides the default one", .status = "", .names = {}});
    for (const Json& described : more.value_or(Json::array())) {
      if (described.value("IsDefault", false)) continue;
      known.push_back(ReadCertificate(context, described["CertificateArn"]));
      if (!judge()) return {};
    }
    return {*judge()};
  }
  return {};
}

// What tasks on Fargate cannot be started without.
std::vector<std::string> ServicesForTasks(const config::Config& config) {
  std::vector<std::string> services{"ecr.api", "ecr.dkr", "s3", "logs"};
  if (config.database || !config.secrets.empty()) services.emplace_back("secretsmanager");
  return services;
}

// In the order of the definition, so that each run names the same one.
std::vector<std::string> IdsOfSubnets(Context& context, bool is_public) {
  const auto& named = is_public ? ExistingOf(context).public_subnets.ids : ExistingOf(context).private_subnets.ids;
  if (!named.empty()) return named;
  std::set<std::string> ids;
  for (const Json& subnet : DescribeExistingSubnets(context, is_public)) ids.insert(subnet["SubnetId"]);
  return {ids.begin(), ids.end()};
}

struct NetworkJudgement {
  std::vector<Finding> findings;
  std::string closed;  // a subnet of tasks that reaches VPC endpoints only; or empty
};

NetworkJudgement JudgeNetwork(Context& context) {
  const auto& target = context.config().target;
  NetworkJudgement judgement;
  const auto note = [&](std::optional<Finding> finding) {
    if (finding) judgement.findings.push_back(std::move(*finding));
  };
  const auto list = [&](const char* operation, const char* what) {
    auto found = ListIfAllowed(
        context, "ec2", operation,
        {{"Filters", Json::array({{{"Name", "vpc-id"}, {"Values", Json::array({target.existing.vpc})}}})}}, what);
    if (!found) {
      note(Finding{.works = true,
                   .problem = fmt::format("whether subnets of {} lead where they have to was not looked at: ec2:{} is "
                                          "not allowed",
                                          target.existing.vpc, operation),
                   .hint = "adhoc iam policy shared prints what is needed"});
    }
    return found;
  };
  const auto tables = list("DescribeRouteTables", "RouteTables");
  if (!tables) return judgement;
  if (!target.existing.public_subnets.empty() && target.existing.load_balancer.empty()) {
    for (const auto& id : IdsOfSubnets(context, true)) {
      note(JudgeReach(id, FindWayOut(*tables, id), "the load balancer"));
    }
  }
  const bool is_public = target.tasks_are_public();
  std::optional<Json> endpoints;
  for (const auto& id : IdsOfSubnets(context, is_public)) {
    const WayOut way = FindWayOut(*tables, id);
    std::vector<std::string> missing;
    if (NeedsEndpoints(way, is_public)) {
      if (!endpoints) endpoints = list("DescribeVpcEndpoints", "VpcEndpoints");
      if (!endpoints) return judgement;
      const auto without = [&](const std::vector<std::string>& services) {
        return WithoutEndpoint(*endpoints, context.region(), way.table, services);
      };
      missing = without(ServicesForTasks(context.config()));
      if (missing.empty() && way.kind != WayOut::Kind::kSomeRanges && judgement.closed.empty()) {
        judgement.closed = id;
        if (!without({"ssmmessages"}).empty()) {
          note(Finding{.works = true,
                       .problem = fmt::format("`adhoc exec` and `forward` find no way to tasks in {}: the VPC has no "
                                              "endpoint of ssmmessages",
                                              id),
                       .hint = "make one if you need them"});
        }
      }
    }
    note(JudgeTasks(id, way, is_public, missing));
  }
  return judgement;
}

// Refuses what cannot work.
void Require(const std::vector<Finding>& findings) {
  for (const Finding& finding : findings) {
    if (!finding.works) Unfit(finding.problem, finding.hint);
  }
}

// ---- Whether security groups let in whom they have to

std::string IngressCommand(const char* verb, const std::string& group, int port, const std::string& source) {
  return fmt::format("aws ec2 {}-security-group-ingress --group-id {} --protocol tcp --port {} --source-group {}", verb,
                     group, port, source);
}

bool IsForPort(const Json& permission, int port) {
  const std::string protocol = permission.value("IpProtocol", "");
  if (protocol == "-1") return true;
  return protocol == "tcp" && permission.value("FromPort", 0) <= port && port <= permission.value("ToPort", 65535);
}

struct Opening {
  bool is_open = false;  // by a rule for one of the sources, or for any range of addresses, which may be theirs
  std::string by;        // the group that has a rule for one of the sources
};

Opening FindOpening(const Json& groups, int port, const std::vector<std::string>& sources) {
  Opening opening;
  for (const Json& group : groups) {
    for (const Json& permission : group.value("IpPermissions", Json::array())) {
      if (!IsForPort(permission, port)) continue;
      for (const Json& pair : permission.value("UserIdGroupPairs", Json::array())) {
        if (std::find(sources.begin(), sources.end(), pair.value("GroupId", "")) == sources.end()) continue;
        opening.by = group["GroupId"];
        opening.is_open = true;
      }
      for (const char* ranges : {"IpRanges", "Ipv6Ranges", "PrefixListIds"}) {
        opening.is_open = opening.is_open || !permission.value(ranges, Json::array()).empty();
      }
    }
  }
  return opening;
}

struct Way {
  std::string tasks;  // their security group; empty: there is nothing to say yet
  std::string group;  // of the database: the one whose rule it is, or the first
  int port = 0;
  Opening opening;
};

Way FindWay(Context& context) {
  Way way;
  if (ExistingOf(context).database.empty() || !context.config().database) return way;
  const auto tasks = context.Find(fmt::format("security group {}-ecs-sg", context.shared()));
  const Json database = DescribeExistingDatabase(context);
  if (!tasks || database.is_null() || database.value("VpcSecurityGroups", Json::array()).empty()) return way;
  way.tasks = (*tasks)["id"];
  way.port = database.value("Endpoint", Json::object()).value("Port", 5432);
  Json ids = Json::array();
  for (const Json& one : database["VpcSecurityGroups"]) ids.push_back(one["VpcSecurityGroupId"]);
  const Json found = context.Call("ec2", "DescribeSecurityGroups", {{"GroupIds", ids}});
  way.opening = FindOpening(found["SecurityGroups"], way.port, {way.tasks});
  way.group = way.opening.by.empty() ? ids[0].get<std::string>() : way.opening.by;
  return way;
}

// Of the load balancer that environments are on: the existing one, or the first of our own, as which the others are.
std::vector<std::string> GroupsOfLoadBalancer(Context& context) {
  const bool own = ExistingOf(context).load_balancer.empty();
  for (const Json& balancer : AllLoadBalancers(context)) {
    const std::string name = balancer.value(own ? "LoadBalancerName" : "LoadBalancerArn", "");
    if (name != (own ? LoadBalancerName(context.shared()) : ExistingOf(context).load_balancer)) continue;
    return balancer.value("SecurityGroups", std::vector<std::string>());
  }
  return {};
}

// Of an existing group: our own has its rules from us.
void RequireWayToTasks(Context& context) {
  const std::string& tasks = ExistingOf(context).security_group;
  if (tasks.empty()) return;
  const Json group = DescribeExistingSecurityGroup(context);
  if (group.is_null()) return;  // `shared up` says so
  const auto require = [&](const config::Service& service, const char* who, const std::vector<std::string>& sources) {
    if (sources.empty() || FindOpening(Json::array({group}), service.port, sources).is_open) return;
    throw Error(fmt::format("{} cannot reach {}: its security group {} does not let {} in at port {}", who,
                            service.name, tasks, sources[0], service.port),
                IngressCommand("authorize", tasks, service.port, sources[0]));
  };
  for (const auto& service : context.config().services) {
    if (service.load_balanced()) require(service, "the load balancer", GroupsOfLoadBalancer(context));
    if (service.discoverable) require(service, "other services", {tasks});
  }
}

}  // namespace

void ResolveState(config::Config& config, const std::function<std::string(const std::string& place)>& read) {
  config::Existing& existing = config.target.existing;
  if (existing.state.empty()) return;
  const State state(existing.state, read(existing.state));
  for (std::string* value : {&existing.vpc, &existing.security_group, &existing.load_balancer, &existing.database,
                             &existing.database_secret}) {
    *value = state.Text(*value);
  }
  for (config::ExistingSubnets* subnets : {&existing.public_subnets, &existing.private_subnets}) {
    subnets->ids = state.Texts(subnets->ids);
  }
}

std::string ReadState(aws::Client* client, const config::Config& config, const std::string& place) {
  constexpr std::string_view kS3 = "s3://";
  if (!IsInS3(place)) {
    const std::filesystem::path path = std::filesystem::path(config.directory) / place;
    std::ifstream file(path);
    if (!file) throw Error(fmt::format("cannot read the state {}", path.string()), kFix);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  if (client == nullptr) {
    throw Error(fmt::format("the names of what exists are in {}, and nothing is called to read it", place),
                "write the names themselves into `existing:`, or name a file as the state");
  }
  const auto slash = place.find('/', kS3.size());
  try {
    return client
        ->Call("s3", "GetObject",
               {{"Bucket", place.substr(kS3.size(), slash - kS3.size())}, {"Key", place.substr(slash + 1)}})
        .value("Body", "");
  } catch (const aws::AwsError& error) {
    if (error.code() != "NoSuchKey" && error.code() != "NoSuchBucket") throw;
    throw Error(fmt::format("there is no state {}", place), kFix);
  }
}

void RequireExisting(Context& context) {
  const auto& target = context.config().target;
  const auto& existing = target.existing;
  if (existing.vpc.empty()) return;
  RequireVpc(context);
  const bool has_database = context.config().database.has_value();
  const bool own_database = has_database && existing.database.empty();
  if (!existing.public_subnets.empty()) {
    if (existing.load_balancer.empty()) {
      RequireSubnets(context, true, 2, "the load balancer");
    } else {
      RequireSubnets(context, true, own_database && target.database_is_public() ? 2 : 1, "the database");
    }
  }
  if (!existing.private_subnets.empty()) RequireSubnets(context, false, own_database ? 2 : 1, "the database");
  if (!existing.security_group.empty()) {
    const Json group = DescribeExistingSecurityGroup(context);
    if (group.is_null()) Unfit(fmt::format("there is no security group {}", existing.security_group));
    if (group.value("VpcId", "") != existing.vpc) {
      Unfit(fmt::format("security group {} is in VPC {}, not in {}", existing.security_group, group.value("VpcId", ""),
                        existing.vpc));
    }
  }
  if (!existing.load_balancer.empty()) RequireLoadBalancer(context);
  if (has_database && !existing.database.empty()) RequireDatabase(context);
  auto findings = JudgeCertificatesFor(context, "*." + target.domain);
  for (auto& finding : JudgeNetwork(context).findings) findings.push_back(std::move(finding));
  Require(findings);
  for (const Finding& finding : findings) Warn(context, finding);
}

void RequireExistingServes(Context& context) {
  const config::Config& config = context.config();
  if (config.target.existing.vpc.empty()) return;
  const bool is_reachable = std::any_of(config.services.begin(), config.services.end(),
                                        [](const auto& service) { return service.load_balanced(); });
  if (is_reachable) Require(JudgeCertificatesFor(context, config.host));
  RequireWayToTasks(context);
  const NetworkJudgement network = JudgeNetwork(context);
  Require(network.findings);
  if (!network.closed.empty()) {
    RequireReachableImages(config, fmt::format("{}, with VPC endpoints only,", network.closed),
                           "route it to a NAT gateway");
  }
}

void RequireWayToDatabase(Context& context) {
  const Way way = FindWay(context);
  if (way.tasks.empty() || way.opening.is_open) return;
  throw Error(fmt::format("tasks cannot reach the database {}: its security group {} does not let {} in at port {}",
                          ExistingOf(context).database, way.group, way.tasks, way.port),
              IngressCommand("authorize", way.group, way.port, way.tasks));
}

void RequireNoWayToDatabase(Context& context) {
  const Way way = FindWay(context);
  if (way.tasks.empty() || way.opening.by.empty() || !ExistingOf(context).security_group.empty()) return;
  throw Error(fmt::format("{} cannot be deleted: the database {} lets it in with a rule of {}", way.tasks,
                          ExistingOf(context).database, way.group),
              IngressCommand("revoke", way.group, way.port, way.tasks));
}

Json DescribeExistingVpc(Context& context) {
  return context.Once("existing vpc", [&]() -> Json {
    const auto found = context.CallUnless({"InvalidVpcID.NotFound"}, "ec2", "DescribeVpcs",
                                          {{"VpcIds", Json::array({ExistingOf(context).vpc})}});
    if (!found || found->value("Vpcs", Json::array()).empty()) return nullptr;
    return (*found)["Vpcs"][0];
  });
}

Json DescribeExistingSubnets(Context& context, bool is_public) {
  return context.Once(is_public ? "existing public subnets" : "existing private subnets", [&] {
    const auto& subnets = is_public ? ExistingOf(context).public_subnets : ExistingOf(context).private_subnets;
    Json filters = Json::array();
    const auto filter = [&](const std::string& name, const Json& values) {
      filters.push_back({{"Name", name}, {"Values", values}});
    };
    if (!subnets.ids.empty()) {
      filter("subnet-id", subnets.ids);
    } else {
      filter("vpc-id", Json::array({ExistingOf(context).vpc}));
      for (const auto& [tag, value] : subnets.tags) filter("tag:" + tag, Json::array({value}));
    }
    return context.Call("ec2", "DescribeSubnets", {{"Filters", filters}}).value("Subnets", Json::array());
  });
}

Json DescribeExistingSecurityGroup(Context& context) {
  return context.Once("existing security group", [&]() -> Json {
    const auto found = context.CallUnless({"InvalidGroup.NotFound"}, "ec2", "DescribeSecurityGroups",
                                          {{"GroupIds", Json::array({ExistingOf(context).security_group})}});
    if (!found || found->value("SecurityGroups", Json::array()).empty()) return nullptr;
    return (*found)["SecurityGroups"][0];
  });
}

Json DescribeExistingLoadBalancer(Context& context) {
  for (const Json& balancer : AllLoadBalancers(context)) {
    if (balancer.value("LoadBalancerArn", "") == ExistingOf(context).load_balancer) return balancer;
  }
  return nullptr;
}

Json DescribeExistingDatabase(Context& context) {
  return context.Once("existing database", [&]() -> Json {
    const auto found = context.CallUnless({"DBInstanceNotFound"}, "rds", "DescribeDBInstances",
                                          {{"DBInstanceIdentifier", ExistingOf(context).database}});
    if (!found || found->value("DBInstances", Json::array()).empty()) return nullptr;
    return (*found)["DBInstances"][0];
  });
}

std::string MasterSecretOf(const config::Existing& existing, const Json& database) {
  if (!existing.database_secret.empty()) return existing.database_secret;
  return database.value("MasterUserSecret", Json::object()).value("SecretArn", "");
}

}  // namespace adhoc::env
