#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "env/capacity.h"
#include "env/names.h"
#include "env/plan.h"
#include "env/resources/resources.h"
#include "env/rollout.h"
#include "env/task_runner.h"
#include "env/tasks.h"

namespace adhoc::env {
namespace {

// The answer of an operation of ECS, as soon as it is no longer refused with a text that has these words: the code says
// as much of other mistakes.
Json CallWhileRefused(Context& context, const std::string& what, std::string_view operation, const Json& input,
                      std::string_view words) {
  Json answer;
  context.WaitUntil(what, [&] {
    try {
      answer = context.Call("ecs", operation, input);
      return true;
    } catch (const aws::AwsError& error) {
      if (error.message().find(words) == std::string::npos) throw;
      return false;
    }
  });
  return answer;
}

class Cluster final : public Resource {
 public:
  explicit Cluster(const std::string& env) : Resource("cluster", ClusterName(env)) {}

  std::optional<Json> Read(Context& context) override {
    const Json services = ReadServices(context);
    if (services.is_null()) return std::nullopt;
    if (!services.empty()) return Json{{"arn", services[0]["clusterArn"]}};
    const Json found = context.Call("ecs", "DescribeClusters", {{"clusters", Json::array({name()})}});
    for (const Json& cluster : found.value("clusters", Json::array())) {
      if (cluster.value("status", "") == "ACTIVE") return Json{{"arn", cluster["clusterArn"]}};
    }
    return std::nullopt;
  }

  Json Create(Context& context) override {
    const Json input = {
        {"clusterName", name()},
        {"capacityProviders", Json::array({"FARGATE", "FARGATE_SPOT"})},
        // For scripts whose run-task names no launch type.
        {"defaultCapacityProviderStrategy", Json::array({{{"capacityProvider", "FARGATE"}, {"weight", 1}}})},
        {"tags", LowerCaseTags(context, context.environment())}};
    // The first cluster of an account has ECS make its role, which takes a moment.
    const Json made = CallWhileRefused(context, id() + " to be made", "CreateCluster", input, "service linked role");
    return {{"arn", made["cluster"]["clusterArn"]}};
  }

  void Delete(Context& context, const Json&) override {
    // One-off tasks that somebody started are part of the environment.
    for (const Json& task : ListTasks(context)) {
      context.CallUnless({"InvalidParameterException"}, "ecs", "StopTask",
                         {{"cluster", name()}, {"task", task}, {"reason", "the environment is destroyed"}});
    }
    context.WaitUntil(id() + " to be empty", [&] {
      try {
        context.CallUnless({"ClusterNotFoundException"}, "ecs", "DeleteCluster", {{"cluster", name()}});
        return true;
      } catch (const aws::AwsError& error) {
        if (!error.code().starts_with("ClusterContains") && error.code() != "UpdateInProgressException") throw;
        return false;
      }
    });
  }
};

// [{name, value}] in the order of names: ECS keeps the order it was given, which means nothing.
Json Sorted(Json pairs) {
  std::sort(pairs.begin(), pairs.end(), [](const Json& a, const Json& b) { return a["name"] < b["name"]; });
  return pairs;
}

// `…/backend:v1.0.0` → `backend:v1.0.0`
std::string ShortImage(const std::string& image) { return image.substr(image.rfind('/') + 1); }

std::vector<Difference> ComparePairs(std::string_view what, const Json& actual, const Json& wanted, bool show) {
  std::map<std::string, std::string> from;
  std::map<std::string, std::string> to;
  const auto value = [](const Json& pair) { return pair.value("value", pair.value("valueFrom", "")); };
  for (const Json& pair : actual) from[pair["name"]] = value(pair);
  for (const Json& pair : wanted) to[pair["name"]] = value(pair);
  std::vector<Difference> differences;
  for (const auto& [name, text] : to) {
    const auto old = from.find(name);
    if (old != from.end() && old->second == text) continue;
    Difference difference{.what = fmt::format("{} {}", what, name)};
    if (show) {
      difference.from = old == from.end() ? "" : old->second;
      difference.to = text;
    } else {
      difference.what += old == from.end() ? " added" : " changed";
    }
    differences.push_back(std::move(difference));
  }
  for (const auto& [name, text] : from) {
    if (!to.contains(name)) differences.push_back({.what = fmt::format("{} {} removed", what, name)});
  }
  return differences;
}

constexpr const char* kArm = "ARM64";

// Labels of a container with the versions of its secrets, which it reads only when it starts: a new version makes a new
// revision, and so new tasks.
constexpr const char* kSecretLabel = "adhoc.secret.";
constexpr std::string_view kNewVersion = "a new version";  // that the plan makes

std::string ArchitectureOf(const Json& definition) {
  return definition.value("runtimePlatform", Json::object()).value("cpuArchitecture", "X86_64");
}

// How the container that the definition wants differs from the one that is registered.
std::vector<Difference> CompareDefinitions(const Json& actual, const Json& wanted, bool show_values) {
  std::vector<Difference> differences;
  for (const char* key : {"cpu", "memory", "taskRoleArn", "executionRoleArn"}) {
    const std::string from = actual.value(key, "");
    const std::string to = wanted.value(key, "");
    if (from != to) differences.push_back({.what = key, .from = from, .to = to});
  }
  if (ArchitectureOf(actual) != ArchitectureOf(wanted)) {
    differences.push_back({.what = "architecture", .from = ArchitectureOf(actual), .to = ArchitectureOf(wanted)});
  }
  const Json old =
      actual.value("containerDefinitions", Json::array()).empty() ? Json::object() : actual["containerDefinitions"][0];
  const Json& container = wanted["containerDefinitions"][0];
  const std::string from_image = old.value("image", "");
  if (from_image != container["image"]) {
    differences.push_back({.what = "image", .from = ShortImage(from_image), .to = ShortImage(container["image"])});
  }
  for (const char* key : {"environment", "secrets"}) {
    const bool shown = show_values && std::string_view(key) == "environment";
    for (auto& difference :
         ComparePairs(key, old.value(key, Json::array()), container.value(key, Json::array()), shown)) {
      differences.push_back(std::move(difference));
    }
  }
  // A definition of Terraform's has none, and one of an earlier version, of secrets that may not have changed.
  const Json labels = old.value("dockerLabels", Json::object());
  for (const auto& [label, version] : container.value("dockerLabels", std::map<std::string, std::string>())) {
    if (labels.value(label, version == kNewVersion ? "" : version) == version) continue;
    differences.push_back({.what = "value of the secret " + label.substr(std::string_view(kSecretLabel).size())});
  }
  for (const char* key : {"command", "entryPoint", "user", "workingDirectory", "stopTimeout", "healthCheck"}) {
    const Json from = old.value(key, Json());
    const Json to = container.value(key, Json());
    // An empty list is what ECS makes of none.
    if (from == to || (to.is_null() && from.empty())) continue;
    differences.push_back(
        {.what = key, .from = from.is_null() ? "" : from.dump(), .to = to.is_null() ? "none" : to.dump()});
  }
  for (const auto& [what, member] : {std::pair{"port", "portMappings"}, std::pair{"log", "logConfiguration"}}) {
    const Json from = old.value(member, Json());
    const Json to = container.value(member, Json());
    const auto essence = [&](const Json& value) -> Json {
      if (value.is_array()) return value.empty() ? Json() : value[0].value("containerPort", Json());
      return value.is_object() ? value.value("options", Json()) : Json();
    };
    if (essence(from) != essence(to))
      differences.push_back({.what = what, .from = essence(from).dump(), .to = essence(to).dump()});
  }
  return differences;
}

class TaskDefinition final : public Resource {
 public:
  struct Spec {
    config::Workload workload;
    int port = 0;
    config::HealthCheck health_check;
    std::string image;
    bool is_database = false;  // the engine's own task, with the master secret
  };

  TaskDefinition(const std::string& env, Spec spec)
      : Resource("task definition", FamilyName(env, spec.workload.name)), env_(env), spec_(std::move(spec)) {}

  std::optional<Json> Read(Context& context) override {
    if (!MayExist(context)) return std::nullopt;
    const auto latest =
        context.CallUnless({"ClientException"}, "ecs", "DescribeTaskDefinition", {{"taskDefinition", name()}});
    if (!latest || (*latest)["taskDefinition"].value("status", "") != "ACTIVE") return std::nullopt;
    return Attributes((*latest)["taskDefinition"]);
  }

  std::vector<Difference> Compare(Context& context, const Json& observed, const Plan& plan) override {
    Json wanted = Wanted(context);
    for (const auto& [name, reference] : spec_.workload.secrets) {
      const std::string secret = "secret " + SecretName(env_, reference.name);
      if (reference.kind != config::Reference::Kind::kSecret || plan.ActionOf(secret) == Action::kNone) continue;
      wanted["containerDefinitions"][0]["dockerLabels"][kSecretLabel + reference.name] = kNewVersion;
    }
    return CompareDefinitions(observed["described"], wanted, context.config().sensitive_variables.empty());
  }

  Json Create(Context& context) override {
    const Json made = context.Call("ecs", "RegisterTaskDefinition", Wanted(context));
    return Attributes(made["taskDefinition"]);
  }

  Json Update(Context& context, const Json&) override { return Create(context); }

  void Delete(Context& context, const Json&) override {
    const Json revisions = context.List("ecs", "ListTaskDefinitions", {{"familyPrefix", name()}, {"status", "ACTIVE"}},
                                        "taskDefinitionArns");
    for (const Json& arn : revisions) context.Call("ecs", "DeregisterTaskDefinition", {{"taskDefinition", arn}});
    Json inactive = context.List("ecs", "ListTaskDefinitions", {{"familyPrefix", name()}, {"status", "INACTIVE"}},
                                 "taskDefinitionArns");
    constexpr std::size_t kBatch = 10;
    for (std::size_t at = 0; at < inactive.size(); at += kBatch) {
      Json batch = Json::array();
      for (std::size_t i = at; i < std::min(at + kBatch, inactive.size()); ++i) batch.push_back(inactive[i]);
      context.Call("ecs", "DeleteTaskDefinitions", {{"taskDefinitions", batch}});
    }
  }

 private:
  // One call tells it of all families of an environment that is new.
  bool MayExist(Context& context) const {
    if (!ReadServices(context).empty()) return true;
    const Json families = context.Once("families", [&] {
      return context.List("ecs", "ListTaskDefinitionFamilies", {{"familyPrefix", env_ + "-"}, {"status", "ACTIVE"}},
                          "families");
    });
    return std::find(families.begin(), families.end(), Json(name())) != families.end();
  }

  static Json Attributes(const Json& described) {
    return {{"arn", described["taskDefinitionArn"]},
            {"image", described["containerDefinitions"][0]["image"]},
            {"described", described},
            {"_result", fmt::format("revision {}", described["revision"].get<int>())}};
  }

  std::string Resolve(Context& context, const config::Reference& reference) const {
    using Kind = config::Reference::Kind;
    const std::string instance = "database instance " + DatabaseInstanceName(context.shared());
    switch (reference.kind) {
      case Kind::kDatabaseHost:
        return context.Get(instance, "address");
      case Kind::kDatabasePort:
        return context.Get(instance, "port");
      case Kind::kDatabaseName:
        return DatabaseName(env_);
      case Kind::kDatabaseUser:
        return DatabaseUser(env_);
      case Kind::kServiceAddress:
        return fmt::format("{}.{}", DiscoveryName(env_, reference.name), NamespaceName(context.shared()));
      case Kind::kBucketName:
        return BucketName(context.config().target.domain, env_);
      case Kind::kBucketUrl: {
        const std::string bucket = BucketName(context.config().target.domain, env_);
        if (context.local()) return fmt::format("{}/{}", context.endpoint(), bucket);
        return fmt::format("https://{}.s3.{}.amazonaws.com", bucket, context.region());
      }
      case Kind::kImage:
        return context.ImageUri(reference.name);
      case Kind::kDatabasePassword:  // by secrets only, which have ARNs instead of values
      case Kind::kSecret:
        break;
    }
    throw Error(reference.ToString() + " can only be used in `secrets:`");
  }

  std::string SecretArn(Context& context, const config::Reference& reference) const {
    if (reference.kind == config::Reference::Kind::kDatabasePassword) {
      return ArnOf(context, kDatabaseWorkload) + ":password::";
    }
    return ArnOf(context, reference.name);
  }

  // A secret that the plan will make has no ARN yet; the difference to what is registered is what counts then.
  std::string ArnOf(Context& context, std::string_view secret) const {
    const auto found = context.Find("secret " + SecretName(env_, secret));
    return found ? (*found)["arn"].get<std::string>() : "(a new secret)";
  }

  std::string RoleArn(Context& context, const std::string& role) const {
    const auto found = context.Find("role " + role);
    return found ? (*found)["arn"].get<std::string>() : "(a new role)";
  }

  Json Wanted(Context& context) const {
    const auto& workload = spec_.workload;
    const auto lookup = [&](const config::Reference& reference) { return Resolve(context, reference); };
    const auto resolve_all = [&](const std::vector<config::Template>& templates) {
      Json texts = Json::array();
      for (const auto& text : templates) texts.push_back(text.Resolve(lookup));
      return texts;
    };
    Json container = {{"name", workload.name},
                      {"image", spec_.image},
                      {"essential", true},
                      {"stopTimeout", workload.stop_timeout},
                      {"logConfiguration",
                       {{"logDriver", "awslogs"},
                        {"options",
                         {{"awslogs-group", LogGroupName(env_, workload.name)},
                          {"awslogs-region", context.region()},
                          {"awslogs-stream-prefix", workload.name},
                          // An application does not stand still when CloudWatch does.
                          {"mode", "non-blocking"},
                          {"max-buffer-size", "25m"}}}}}};
    if (!workload.command.empty()) container["command"] = resolve_all(workload.command);
    if (!workload.entrypoint.empty()) container["entryPoint"] = resolve_all(workload.entrypoint);
    if (!workload.user.empty()) container["user"] = workload.user;
    if (!workload.working_directory.empty()) container["workingDirectory"] = workload.working_directory;
    if (spec_.port != 0) {
      container["portMappings"] =
          Json::array({{{"containerPort", spec_.port}, {"hostPort", spec_.port}, {"protocol", "tcp"}}});
    }
    if (const auto& check = spec_.health_check; !check.command.empty()) {
      container["healthCheck"] = {{"command", check.command},
                                  {"interval", check.interval},
                                  {"timeout", check.timeout},
                                  {"retries", check.unhealthy_threshold}};
      if (check.grace_period > 0) container["healthCheck"]["startPeriod"] = check.grace_period;
    }

    Json environment = Json::array();
    for (const auto& [name, value] : workload.environment) {
      environment.push_back({{"name", name}, {"value", value.Resolve(lookup)}});
    }
    Json secrets = Json::array();
    for (const auto& [name, reference] : workload.secrets) {
      secrets.push_back({{"name", name}, {"valueFrom", SecretArn(context, reference)}});
      if (reference.kind != config::Reference::Kind::kSecret) continue;
      const auto secret = context.Find("secret " + SecretName(env_, reference.name));
      container["dockerLabels"][kSecretLabel + reference.name] = secret ? secret->value("version", "") : "";
    }
    if (spec_.is_database) {
      const Json instance = context.Get("database instance " + DatabaseInstanceName(context.shared()));
      for (const auto& [name, value] : std::map<std::string, std::string>{{"PGHOST", instance["address"]},
                                                                          {"PGPORT", instance["port"]},
                                                                          {"PGUSER", instance["user"]},
                                                                          {"PGDATABASE", "postgres"},
                                                                          {"DB_NAME", DatabaseName(env_)},
                                                                          {"DB_USER", DatabaseUser(env_)}}) {
        environment.push_back({{"name", name}, {"value", value}});
      }
      secrets.push_back(
          {{"name", "PGPASSWORD"}, {"valueFrom", instance["secret_arn"].get<std::string>() + ":password::"}});
      secrets.push_back({{"name", "DB_PASSWORD"}, {"valueFrom", ArnOf(context, kDatabaseWorkload) + ":password::"}});
    }
    if (!environment.empty()) container["environment"] = Sorted(environment);
    if (!secrets.empty()) container["secrets"] = Sorted(secrets);

    Json definition{{"family", name()},
                    {"networkMode", "awsvpc"},
                    {"requiresCompatibilities", Json::array({"FARGATE"})},
                    {"cpu", std::to_string(workload.cpu)},
                    {"memory", std::to_string(workload.memory)},
                    {"executionRoleArn", RoleArn(context, Join(context.shared(), "ecs-execution-role"))},
                    {"taskRoleArn", RoleArn(context, TaskRoleName(env_))},
                    {"containerDefinitions", Json::array({container})},
                    {"tags", LowerCaseTags(context, env_)}};
    if (workload.arm64 && !context.local()) {
      definition["runtimePlatform"] = {{"cpuArchitecture", kArm}, {"operatingSystemFamily", "LINUX"}};
    }
    return definition;
  }

  const std::string env_;
  const Spec spec_;
};

void DeleteService(Context& context, const std::string& env, const std::string& name) {
  const std::string cluster = ClusterName(env);
  context.CallUnless({"ServiceNotFoundException", "ClusterNotFoundException", "ServiceNotActiveException"}, "ecs",
                     "DeleteService", {{"cluster", cluster}, {"service", name}, {"force", true}});
  // Until its last task has stopped: what the tasks use is deleted next.
  ServiceWatch watch(context, name);
  context.WaitUntil("service " + name + " to be gone", [&] {
    if (!watch.Look().empty()) return false;
    // Not what somebody runs of its definition: that ends with the cluster.
    const Json tasks = TasksOf(context, {{"family", name}});
    return std::none_of(tasks.begin(), tasks.end(),
                        [&](const Json& task) { return task.value("group", "") == "service:" + name; });
  });
}

}  // namespace

Json ReadServices(Context& context) {
  return context.Once("services", [&] {
    const Json described = DescribeServices(context, true);
    if (described.is_null()) return described;
    Json active = Json::array();
    for (const Json& service : described) {
      if (service.value("status", "") == "ACTIVE") active.push_back(service);
    }
    return active;
  });
}

Json ReadService(Context& context, const std::string& name) {
  for (const Json& service : ReadServices(context)) {
    if (service.value("serviceName", "") == name) return service;
  }
  return {};
}

namespace {

class Service final : public Resource {
 public:
  Service(const std::string& env, const config::Service& service)
      : Resource("service", ServiceName(env, service.name)), env_(env), service_(service) {
    DependsOn("cluster " + ClusterName(env));
    DependsOn("log group " + LogGroupName(env, service.name));
    DependsOn(Definition());
    if (service.load_balanced()) DependsOn("listener rule " + TargetGroupName(env, service.name));
    if (service.discoverable) DependsOn("discovery service " + DiscoveryName(env, service.name));
  }

  std::optional<Json> Read(Context& context) override {
    const Json service = ReadService(context, name());
    if (service.is_null()) return std::nullopt;
    return Json{{"arn", service["serviceArn"]}, {"task_definition", service["taskDefinition"]}, {"described", service}};
  }

  std::vector<Difference> Compare(Context& context, const Json& observed, const Plan& plan) override {
    const Json& actual = observed["described"];
    std::vector<Difference> differences;
    const std::string current = observed["task_definition"];
    const auto revision = [](const std::string& arn) { return arn.substr(arn.rfind(':') + 1); };
    if (plan.ActionOf(Definition()) != Action::kNone) {
      differences.push_back({.what = "revision", .from = revision(current), .to = "a new one"});
    } else if (const auto definition = context.Find(Definition()); definition && (*definition)["arn"] != current) {
      differences.push_back({.what = "revision", .from = revision(current), .to = revision((*definition)["arn"])});
    }
    // How many run of one that is scaled by what they use is nobody's mistake.
    if (!service_.autoscaling && actual.value("desiredCount", 0) != service_.scale) {
      differences.push_back({.what = "desired count",
                             .from = std::to_string(actual.value("desiredCount", 0)),
                             .to = std::to_string(service_.scale)});
    }
    if (const std::string provider = WantedProvider(context, actual); ProviderOf(actual) != provider) {
      differences.push_back({.what = "capacity", .from = ProviderOf(actual), .to = provider});
    }
    if (HasOtherPlatform(actual)) {
      differences.push_back(
          {.what = "platform version", .from = actual.value("platformVersion", ""), .to = service_.platform_version});
    }
    const Json limits = actual.value("deploymentConfiguration", Json::object());
    for (const auto& [key, wanted] : {std::pair{"minimumHealthyPercent", service_.deployment.minimum_healthy_percent},
                                      std::pair{"maximumPercent", service_.deployment.maximum_percent}}) {
      if (limits.value(key, 0) != wanted) {
        differences.push_back(
            {.what = key, .from = std::to_string(limits.value(key, 0)), .to = std::to_string(wanted)});
      }
    }
    if (service_.load_balanced() &&
        actual.value("healthCheckGracePeriodSeconds", 0) != service_.healthcheck.grace_period) {
      differences.push_back({.what = "health check grace period",
                             .from = std::to_string(actual.value("healthCheckGracePeriodSeconds", 0)),
                             .to = std::to_string(service_.healthcheck.grace_period)});
    }
    if (HasOtherNetwork(context, actual)) differences.push_back({.what = "network"});
    if (HasOtherName(context, actual)) {
      differences.push_back(
          {.what = "name", .to = service_.discoverable ? DiscoveryName(env_, service_.name) : "none"});
    }
    if (IsBehindLoadBalancer(actual) != service_.load_balanced()) {
      differences.push_back(
          {.what = "load balancer", .to = service_.load_balanced() ? context.load_balancer() : "none"});
    }
    if (plan.ActionOf("target group " + name()) == Action::kReplace || HasOtherTargetGroup(context, actual)) {
      differences.push_back({.what = "target group", .replace = true});
    }
    if (differences.empty() && JudgeRollout(actual, current).phase != RolloutState::Phase::kDone) {
      differences.push_back({.what = "rollout", .from = JudgeRollout(actual, current).message, .to = "complete"});
    }
    return differences;
  }

  Json Create(Context& context) override {
    Json input = Common(context, true);
    input.update({{"serviceName", name()},
                  {"schedulingStrategy", "REPLICA"},
                  {"platformVersion", service_.platform_version},
                  {"clientToken", context.random().Hex(32)},
                  {"propagateTags", "SERVICE"},
                  {"tags", LowerCaseTags(context, env_)}});
    if (service_.spot) {
      input["capacityProviderStrategy"] = StrategyOf(kSpot);
    } else {
      input["launchType"] = "FARGATE";
    }
    if (service_.load_balanced()) input["loadBalancers"] = LoadBalancers(context);
    if (service_.discoverable) input["serviceRegistries"] = Registries(context);
    // One of this name, of a run that was cut off, has to be gone first.
    const Json made = CallWhileRefused(context, id() + " to have drained", "CreateService", input, "still Draining");
    return Finish(context, made["service"]);
  }

  Json Update(Context& context, const Json& observed) override {
    const std::string before = observed["task_definition"];
    const std::string wanted = context.Get(Definition(), "arn");
    Json input = Common(context, false);
    input["service"] = name();
    if (const std::string provider = WantedProvider(context, observed["described"]);
        ProviderOf(observed["described"]) != provider) {
      input["capacityProviderStrategy"] = StrategyOf(provider == kSpot ? kSpot : kOnDemand);
      input["forceNewDeployment"] = true;  // ECS wants it said
    }
    const Json& actual = observed["described"];
    if (HasOtherPlatform(actual)) input["platformVersion"] = service_.platform_version;
    if (IsBehindLoadBalancer(actual) != service_.load_balanced()) input["loadBalancers"] = LoadBalancers(context);
    if (HasOtherName(context, actual)) input["serviceRegistries"] = Registries(context);
    // A deployment that failed is tried again only when asked for.
    const Json deployments = observed["described"].value("deployments", Json::array());
    const bool failed = std::any_of(deployments.begin(), deployments.end(), [](const Json& deployment) {
      return deployment.value("rolloutState", "") == "FAILED" && deployment.value("status", "") == "PRIMARY";
    });
    if (failed) input["forceNewDeployment"] = true;
    const Json updated = context.Call("ecs", "UpdateService", input);
    try {
      return Finish(context, updated["service"]);
    } catch (const Error& error) {
      if (wanted == before || context.stop().stop_requested()) throw;
      // The former revision goes on serving; the one that does not run must not be the family's latest, from which
      // scripts and the next deploy start.
      context.CallAnyway("ecs", "UpdateService",
                         {{"cluster", ClusterName(env_)}, {"service", name()}, {"taskDefinition", before}});
      context.CallAnyway("ecs", "DeregisterTaskDefinition", {{"taskDefinition", wanted}});
      throw Error(fmt::format("{}; the previous version still serves", error.what()), error.hint());
    }
  }

  void Delete(Context& context, const Json&) override { DeleteService(context, env_, name()); }

 private:
  std::string Definition() const { return "task definition " + FamilyName(env_, service_.name); }

  // Spot, unless it was moved to on-demand a short while ago.
  std::string WantedProvider(Context& context, const Json& actual) const {
    return service_.spot && !WasMovedToOnDemand(actual, context.clock().Now()) ? kSpot : kOnDemand;
  }

  bool HasOtherPlatform(const Json& actual) const {
    return actual.value("platformVersion", "LATEST") != service_.platform_version;
  }

  Json LoadBalancers(Context& context) const {
    if (!service_.load_balanced()) return Json::array();
    return Json::array({{{"targetGroupArn", context.Get("target group " + name(), "arn")},
                         {"containerName", service_.name},
                         {"containerPort", service_.port}}});
  }
  Json Registries(Context& context) const {
    if (!service_.discoverable) return Json::array();
    return Json::array({{{"registryArn", context.Get("discovery service " + name(), "arn")}}});
  }

  static bool IsBehindLoadBalancer(const Json& actual) { return !actual.value("loadBalancers", Json::array()).empty(); }

  // Than the one under which the definition lets it be found.
  bool HasOtherName(const Context& context, const Json& actual) const {
    const Json registries = actual.value("serviceRegistries", Json::array());
    if (registries.empty() == service_.discoverable) return true;
    const auto wanted = context.Find("discovery service " + name());
    return service_.discoverable && wanted && registries[0].value("registryArn", "") != (*wanted)["arn"];
  }

  bool HasOtherNetwork(Context& context, const Json& actual) const {
    Json wanted;
    try {
      wanted = NetworkConfiguration(context)["awsvpcConfiguration"];
    } catch (const Error&) {
      return false;  // what is missing of the shared resources is said elsewhere
    }
    const Json network =
        actual.value("networkConfiguration", Json::object()).value("awsvpcConfiguration", Json::object());
    const auto same_set = [&](const char* member) {
      Json a = wanted[member];
      Json b = network.value(member, Json::array());
      std::sort(a.begin(), a.end());
      std::sort(b.begin(), b.end());
      return a == b;
    };
    return !same_set("subnets") || !same_set("securityGroups") ||
           network.value("assignPublicIp", "DISABLED") != wanted["assignPublicIp"];
  }

  bool HasOtherTargetGroup(Context& context, const Json& actual) const {
    const auto group = context.Find("target group " + name());
    if (!service_.load_balanced() || !group || !IsBehindLoadBalancer(actual)) return false;
    for (const Json& balancer : actual.value("loadBalancers", Json::array())) {
      if (balancer.value("targetGroupArn", "") == (*group)["arn"]) return false;
    }
    return true;
  }

  Json Common(Context& context, bool is_new) const {
    Json input = {{"cluster", ClusterName(env_)},
                  {"taskDefinition", context.Get(Definition(), "arn")},
                  {"deploymentConfiguration",
                   {{"minimumHealthyPercent", service_.deployment.minimum_healthy_percent},
                    {"maximumPercent", service_.deployment.maximum_percent},
                    {"deploymentCircuitBreaker", {{"enable", true}, {"rollback", true}}}}},
                  {"networkConfiguration", NetworkConfiguration(context)},
                  {"enableExecuteCommand", true}};
    if (!service_.autoscaling || is_new) input["desiredCount"] = service_.scale;
    if (service_.load_balanced()) input["healthCheckGracePeriodSeconds"] = service_.healthcheck.grace_period;
    return input;
  }

  Json Finish(Context& context, const Json& service) {
    WaitForRollout(context, {.step = id(), .service = service_.name, .task_definition = service["taskDefinition"]});
    return {{"arn", service["serviceArn"]}, {"task_definition", service["taskDefinition"]}};
  }

  const std::string env_;
  const config::Service service_;
};

// A task of the definition that runs before services are updated (migrate).
class TaskRun final : public Resource {
 public:
  TaskRun(const std::string& env, const config::Task& task, std::vector<std::string> services)
      : Resource("task", FamilyName(env, task.name)), task_(task), services_(std::move(services)) {
    DependsOn("cluster " + ClusterName(env));
    DependsOn("log group " + LogGroupName(env, task.name));
    DependsOn("task definition " + FamilyName(env, task.name));
    for (const auto& service : services_) DependsOn("task definition " + FamilyName(env, service));
  }

  // It leaves nothing in the cloud to be found: that it has to run is seen from what it is run for.
  std::optional<Json> Read(Context&) override { return Json::object(); }

  std::vector<Difference> Compare(Context& context, const Json&, const Plan& plan) override {
    std::vector<Difference> differences;
    if (plan.ActionOf(Definition()) != Action::kNone) differences.push_back({.what = "its revision is new"});
    for (const auto& service : services_) {
      const Json observed = ReadService(context, ServiceName(context.environment(), service));
      if (observed.is_null()) {
        differences.push_back({.what = fmt::format("before {} starts", service)});
        continue;
      }
      const std::string family = "task definition " + FamilyName(context.environment(), service);
      const auto definition = context.Find(family);
      if (plan.ActionOf(family) != Action::kNone ||
          (definition && (*definition)["arn"] != observed["taskDefinition"])) {
        differences.push_back({.what = fmt::format("before {} is updated", service)});
      }
    }
    return differences;
  }

  Action UpdateAction() const override { return Action::kRun; }
  Json Create(Context& context) override { return Update(context, Json::object()); }

  Json Update(Context& context, const Json&) override {
    RunTaskOrThrow(context,
                   {.step = id(), .workload = task_.name, .task_definition = context.Get(Definition(), "arn")});
    return {{"_result", "exit code 0"}};
  }

  void Delete(Context&, const Json&) override {}

 private:
  std::string Definition() const { return "task definition " + name(); }

  const config::Task task_;
  const std::vector<std::string> services_;
};

class ForeignService final : public Resource {
 public:
  ForeignService(const std::string& env, const std::string& name) : Resource("service", name), env_(env) {}
  std::optional<Json> Read(Context& context) override {
    const Json service = DescribeService(context, name());
    if (service.empty()) return std::nullopt;
    return Json::object();
  }
  Json Create(Context&) override { throw Error(id() + " is not in the definition"); }
  void Delete(Context& context, const Json&) override {
    StopScaling(context, env_, name());
    DeleteService(context, env_, name());
  }

 private:
  const std::string env_;
};

}  // namespace

ResourcePtr MakeCluster(const std::string& env) { return std::make_unique<Cluster>(env); }

ResourcePtr MakeTaskDefinition(const std::string& env, const config::Workload& workload, int port,
                               const config::HealthCheck& health_check, const std::string& image) {
  return std::make_unique<TaskDefinition>(
      env, TaskDefinition::Spec{.workload = workload, .port = port, .health_check = health_check, .image = image});
}

ResourcePtr MakeDatabaseTaskDefinition(const std::string& env, const std::string& image) {
  config::Workload workload;
  workload.name = kDatabaseWorkload;
  workload.cpu = 256;
  workload.memory = 512;
  return std::make_unique<TaskDefinition>(
      env, TaskDefinition::Spec{.workload = workload, .image = image, .is_database = true});
}

ResourcePtr MakeService(const std::string& env, const config::Service& service) {
  return std::make_unique<Service>(env, service);
}

ResourcePtr MakeTaskRun(const std::string& env, const config::Task& task, std::vector<std::string> services) {
  return std::make_unique<TaskRun>(env, task, std::move(services));
}

ResourcePtr MakeForeignService(const std::string& env, const std::string& name) {
  return std::make_unique<ForeignService>(env, name);
}

ResourcePtr MakeForeignFamily(const std::string& env, const std::string& family) {
  config::Workload workload;
  workload.name = family.substr(env.size() + 1);
  return std::make_unique<TaskDefinition>(env, TaskDefinition::Spec{.workload = workload});
}

}  // namespace adhoc::env
