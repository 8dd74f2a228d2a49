#include "env/environment.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "env/existing.h"
#include "env/leftovers.h"
#include "env/names.h"
#include "env/placement.h"
#include "env/policies.h"
#include "env/resources/resources.h"
#include "env/shared.h"

namespace adhoc::env {
namespace {

constexpr int kDatabasePasswordLength = 40;

bool IsUsed(const config::Config& config, const std::string& image) {
  const auto uses = [&](const config::Workload& workload) { return workload.image.image == image; };
  return std::any_of(config.services.begin(), config.services.end(), uses) ||
         std::any_of(config.tasks.begin(), config.tasks.end(), uses);
}

std::string TagOf(const std::string& image_uri) {
  const auto colon = image_uri.rfind(':');
  return colon == std::string::npos || image_uri.find('/', colon) != std::string::npos ? ""
                                                                                       : image_uri.substr(colon + 1);
}

config::Secret DatabaseSecret() {
  return {.name = std::string(kDatabaseWorkload), .generate = kDatabasePasswordLength};
}

// A load balancer after the first is opened, and kept, by the environments that are on it.
void AddLoadBalancer(const Context& context, Resources& resources) {
  const auto& target = context.config().target;
  const std::string& name = context.load_balancer();
  const std::string first = LoadBalancerName(context.shared());
  if (name == first) return;
  resources.push_back(MakeLoadBalancer(name));
  resources.back()->DependsOn("load balancer " + first);
  for (auto& listener : Listeners(target, name)) {
    listener->DependsOn(MainListenerId(target, first));
    resources.push_back(std::move(listener));
  }
}

// They are deleted by an apply that otherwise makes and changes.
void AddLeftovers(Prepared& prepared, Resources leftovers, const char* reason) {
  for (auto& leftover : leftovers) {
    prepared.plan.Add({.id = leftover->id(),
                       .kind = leftover->kind(),
                       .name = leftover->name(),
                       .action = Action::kDelete,
                       .reasons = {reason}});
    prepared.resources.push_back(std::move(leftover));
  }
}

// Of what `bootstrap` made.
void RequireNothingToLose(Context& context) {
  const PolicyScope scope = ScopeOf(context.config());
  const std::string bucket = RecordsBucketName(scope.account, scope.region);
  const auto records = context.CallUnless(
      {"NoSuchBucket"}, "s3", "ListObjectsV2",
      {{"Bucket", bucket}, {"ExpectedBucketOwner", scope.account}, {"Prefix", "records/"}, {"MaxKeys", 1}});
  constexpr const char* kAnyway = "adhoc bootstrap down --force";
  if (records && !records->value("Contents", Json::array()).empty()) {
    throw Error(fmt::format("{} has records of environments", bucket),
                fmt::format("adhoc ls, then adhoc down each; {} forgets them", kAnyway));
  }
  for (const auto& repository : scope.repositories) {
    const auto images =
        context.CallUnless({"RepositoryNotFoundException"}, "ecr", "DescribeImages", {{"repositoryName", repository}});
    if (!images || images->value("imageDetails", Json::array()).empty()) continue;
    throw Error(fmt::format("image repository {} has {} images", repository, images->at("imageDetails").size()),
                fmt::format("{} deletes them", kAnyway));
  }
}

}  // namespace

Resources BootstrapResources(const config::Config& config, const std::string& github) {
  const PolicyScope scope = ScopeOf(config);
  Resources resources;
  resources.push_back(MakeRecordsBucket(scope.account, scope.region));
  for (const auto& repository : scope.repositories) resources.push_back(MakeRepository(repository));
  if (scope.makes_boundary) resources.push_back(MakeTaskBoundary(scope.shared));
  if (!github.empty()) {
    resources.push_back(MakeIdentityProvider());
    resources.push_back(MakeDeployRole(scope.shared, github));
    resources.push_back(MakeSharedRole(scope.shared, github));
  }
  // The lock is in the bucket, which therefore is there before all else and after it.
  for (std::size_t i = 1; i < resources.size(); ++i) resources[i]->DependsOn(resources.front()->id());
  return resources;
}

Resources EnvironmentResources(const Context& context) {
  const config::Config& config = context.config();
  const std::string& env = config.environment;
  Resources resources;
  const auto add = [&](ResourcePtr resource) -> Resource& {
    resources.push_back(std::move(resource));
    return *resources.back();
  };

  // Definitions name these, so that they are compared only when they are read.
  std::vector<std::string> for_definitions{fmt::format("role {}-ecs-execution-role", context.shared())};
  if (config.database) {
    for_definitions.push_back("database instance " + DatabaseInstanceName(context.shared()));
    for_definitions.push_back(add(MakeSecret(env, DatabaseSecret())).id());
  }
  for (const auto& secret : config.secrets) for_definitions.push_back(add(MakeSecret(env, secret)).id());
  for_definitions.push_back(add(MakeTaskRole(env)).id());
  if (config.bucket) add(MakeBucket(BucketName(config.target.domain, env), *config.bucket));
  add(MakeCluster(env));

  const auto image_of = [&](const config::Workload& workload) {
    return workload.image.image.empty() ? workload.image.uri : context.ImageUri(workload.image.image);
  };
  const auto add_definition = [&](ResourcePtr made) {
    for (const auto& dependency : for_definitions) made->DependsOn(dependency);
    return add(std::move(made)).id();
  };

  if (config.database) {
    add(MakeLogGroup(env, std::string(kDatabaseWorkload)));
    add_definition(MakeDatabaseTaskDefinition(env, config.database->image));
    add(MakeDatabase(env));
  }
  // Before-update tasks run one after the other, as they stand in the definition.
  std::map<std::string, std::string> last_task_of_image;
  std::string previous;
  for (const auto& task : config.tasks) {
    add(MakeLogGroup(env, task.name));
    add_definition(MakeTaskDefinition(env, task, 0, {}, image_of(task)));
    if (task.when != config::Task::When::kBeforeUpdate) continue;
    std::vector<std::string> services;
    for (const auto& service : config.services) {
      if (service.image == task.image) services.push_back(service.name);
    }
    Resource& run = add(MakeTaskRun(env, task, services));
    if (config.database) run.DependsOn("database " + DatabaseName(env));
    if (config.bucket) run.DependsOn("bucket " + BucketName(config.target.domain, env));
    if (!previous.empty()) run.DependsOn(previous);
    previous = run.id();
    last_task_of_image[image_of(task)] = run.id();
  }
  bool is_reachable = false;
  const std::string& balancer = context.load_balancer();
  for (const auto& service : config.services) {
    add(MakeLogGroup(env, service.name));
    add_definition(MakeTaskDefinition(env, service, service.port, service.healthcheck, image_of(service)));
    if (service.load_balanced()) {
      is_reachable = true;
      add(MakeTargetGroup(env, service)).DependsOn("vpc " + Join(context.shared(), "vpc"));
      add(MakeListenerRule(env, service, balancer)).DependsOn(MainListenerId(config.target, balancer));
    }
    if (service.discoverable) {
      add(MakeDiscoveryService(env, service.name)).DependsOn("namespace " + NamespaceName(context.shared()));
    }
    Resource& made = add(MakeService(env, service));
    // Compared with what it has, so that they are read before.
    made.DependsOn(fmt::format("security group {}-ecs-sg", context.shared()));
    for (const auto& subnet : SubnetResources(config.target, config.target.tasks_are_public())) made.DependsOn(subnet);
    if (const auto task = last_task_of_image.find(image_of(service)); task != last_task_of_image.end()) {
      made.DependsOn(task->second);
    }
    if (config.database) made.DependsOn("database " + DatabaseName(env));
    if (config.bucket) made.DependsOn("bucket " + BucketName(config.target.domain, env));
    if (service.autoscaling) add(MakeAutoscaling(env, service));
  }
  if (is_reachable) {
    add(MakeRecord(config.host, balancer)).DependsOn("hosted zone " + config.target.domain);
  }
  return resources;
}

Prepared PrepareBootstrap(Context& context, const std::string& github) {
  Prepared prepared;
  prepared.resources = BootstrapResources(context.config(), github);
  prepared.plan = MakePlan(context, {}, prepared.resources);
  return prepared;
}

Prepared PrepareBootstrapDown(Context& context, bool force) {
  if (!force) RequireNothingToLose(context);
  Prepared prepared;
  // Whatever repository the role was made for.
  prepared.resources = BootstrapResources(context.config(), "*/*");
  prepared.plan = MakeDestroyPlan(context, {}, prepared.resources);
  return prepared;
}

Prepared PrepareShared(Context& context) {
  Prepared prepared;
  RequireExisting(context);
  prepared.resources = SharedResources(context.config());
  prepared.plan = MakePlan(context, {}, prepared.resources);
  AddLeftovers(prepared, LeftoverNetwork(context), "the network has another shape");
  AddLeftovers(prepared, LeftoverBastion(context), "the target has no bastion");
  return prepared;
}

Prepared PrepareSharedDown(Context& context) {
  const auto environments = ListEnvironments(context);
  if (!environments.empty()) {
    throw Error(
        fmt::format("the shared resources {} are in use by {}", context.shared(), fmt::join(environments, ", ")),
        fmt::format("adhoc down {}", environments.front()));
  }
  Prepared prepared;
  // A database that the definition no longer has, too.
  config::Config config = context.config();
  if (!config.database && config.target.existing.database.empty()) config.database.emplace();
  prepared.resources = SharedResources(config);
  for (auto leftovers : {LeftoverNetwork, LeftoverBastion}) {
    for (auto& leftover : leftovers(context)) prepared.resources.push_back(std::move(leftover));
  }
  // What the first load balancer stands on the others stand on, too.
  std::vector<std::string> foundations{"certificate *." + context.config().target.domain};
  for (const auto& resource : prepared.resources) {
    if (resource->id() != "load balancer " + LoadBalancerName(context.shared())) continue;
    foundations.insert(foundations.end(), resource->dependencies().begin(), resource->dependencies().end());
  }
  for (const auto& [number, balancer] : LoadBalancersOf(context)) {
    if (number == 1) continue;
    Resource& further = *prepared.resources.emplace_back(MakeLoadBalancer(balancer["LoadBalancerName"]));
    for (const auto& foundation : foundations) further.DependsOn(foundation);
  }
  prepared.plan = MakeDestroyPlan(context, {}, prepared.resources);
  RequireNoWayToDatabase(context);
  return prepared;
}

Prepared PrepareUp(Context& context, const std::optional<Record>& record) {
  Prepared prepared;
  prepared.record = record;
  prepared.versions = DecideVersions(context.config(), record, DeployedTags(context));
  std::map<std::string, std::string> tags;
  for (const auto& [image, version] : prepared.versions) tags[image] = version.tag;
  context.set_image_tags(std::move(tags));
  context.set_load_balancer(Place(context));
  prepared.existing = SharedLookups(context.config());
  prepared.resources = EnvironmentResources(context);
  AddLoadBalancer(context, prepared.resources);
  RequireReachableImages(context.config());
  prepared.plan = MakePlan(context, prepared.existing, prepared.resources);
  RequireWayToDatabase(context);
  if (!prepared.plan.empty()) RequireExistingServes(context);
  // Not families: an old one may still be somebody's one-off task.
  AddLeftovers(prepared, UnneededResources(context, prepared.resources), "it is not in the definition");
  AddLeftovers(prepared, UnneededAutoscaling(context), "the definition says how many tasks run");
  return prepared;
}

Prepared PrepareDown(Context& context) {
  Prepared prepared;
  prepared.existing = SharedLookups(context.config());
  prepared.resources = EnvironmentResources(context);
  // A service that the definition no longer has may have had a name.
  const auto is_namespace = [](const ResourcePtr& resource) { return resource->kind() == "namespace"; };
  if (std::none_of(prepared.existing.begin(), prepared.existing.end(), is_namespace)) {
    prepared.existing.push_back(MakeNamespace(context.shared()));
  }
  for (auto& leftover : RemainingResources(context, prepared.resources)) {
    prepared.resources.push_back(std::move(leftover));
  }
  // A load balancer goes before its rules, and takes them with it: once they are gone, nothing tells any more who left
  // it empty.
  std::vector<std::string> rules;
  for (const auto& resource : prepared.resources) {
    if (resource->kind() == "listener rule") rules.push_back(resource->id());
  }
  for (const auto& name : LeftEmpty(context)) {
    Resource& balancer = *prepared.resources.emplace_back(MakeUnusedLoadBalancer(name));
    for (const auto& rule : rules) balancer.DependsOn(rule);
  }
  prepared.plan = MakeDestroyPlan(context, prepared.existing, prepared.resources);
  return prepared;
}

ApplyResult Up(Context& context, const Prepared& prepared, RecordStore& records) {
  const config::Config& config = context.config();
  if (!prepared.plan.empty()) {
    for (const auto& [image, version] : prepared.versions) {
      if (IsUsed(config, image)) RequireImage(context, image, version.tag);
    }
  }
  const double now = ToSeconds(context.clock().Now());
  Record record = prepared.record.value_or(Record{.name = config.environment, .created_at = now});
  if (record.owner.empty()) record.owner = WhoAmI();
  record.shared = config.target.shared;
  record.application = config.application;
  record.definition = config.directory + "/adhoc.yaml";
  record.url = config.url;
  // There from the first moment, so that `ls` shows what is being made and `down` finds what was cut off.
  records.Put(record);

  const ApplyResult result =
      Apply(context, prepared.plan, prepared.resources, KnownDurations(records, record, config.target.kind));
  for (const auto& [what, seconds] : result.durations) record.durations[what] = seconds;
  record.updated_at = ToSeconds(context.clock().Now());
  if (result.ok()) {
    record.variables = config.variables;
    for (const auto& image : config.images) record.applied_tags[image.name] = image.tag;
    for (const auto& service : config.services) {
      const auto found = context.Find("service " + ServiceName(config.environment, service.name));
      if (found) record.good_revisions[service.name] = found->value("task_definition", "");
    }
  }
  if (!prepared.plan.empty()) {
    record.Remember({.at = record.updated_at, .who = WhoAmI(), .what = "up", .ok = result.ok()});
  }
  records.Put(record);
  return result;
}

Durations KnownDurations(RecordStore& records, const std::optional<Record>& own, config::TargetKind target) {
  Durations known;
  if (own) known = own->durations;
  // In an account each record is a call, and there are experiences for it.
  if (known.empty() && target == config::TargetKind::kLocal) {
    double updated_at = 0;
    for (const Record& record : records.List()) {
      if (record.durations.empty() || record.updated_at < updated_at) continue;
      known = record.durations;
      updated_at = record.updated_at;
    }
  }
  return known;
}

Forecast PredictUp(const Prepared& prepared, RecordStore& records, const config::Config& config) {
  if (prepared.plan.empty()) return {};
  return Predict(prepared.plan, prepared.resources, KnownDurations(records, prepared.record, config.target.kind),
                 config.target.kind);
}

ApplyResult Down(Context& context, const Prepared& prepared, RecordStore& records) {
  // Nobody is left whose requests have to end: targets needn't drain.
  for (const auto& service : context.config().services) {
    const auto group = context.Find("target group " + TargetGroupName(context.environment(), service.name));
    if (!group) continue;
    context.CallUnless(
        {"TargetGroupNotFound"}, "elbv2", "ModifyTargetGroupAttributes",
        {{"TargetGroupArn", (*group)["arn"]},
         {"Attributes", Json::array({{{"Key", "deregistration_delay.timeout_seconds"}, {"Value", "0"}}})}});
  }
  const ApplyResult result =
      Apply(context, prepared.plan, prepared.resources,
            KnownDurations(records, records.Get(context.environment()), context.config().target.kind));
  if (result.ok()) records.Delete(context.environment());
  return result;
}

std::string RequireImage(Context& context, const std::string& image, const std::string& tag) {
  const config::Image* entry = context.config().FindImage(image);
  if (entry == nullptr) throw Error("the definition has no image " + image);
  const auto found =
      context.CallUnless({"ImageNotFoundException", "RepositoryNotFoundException"}, "ecr", "DescribeImages",
                         {{"repositoryName", entry->repository}, {"imageIds", Json::array({{{"imageTag", tag}}})}});
  if (found) return found->at("imageDetails").at(0).value("imageDigest", "");
  std::vector<std::string> tags;
  if (const auto all = context.CallUnless({"RepositoryNotFoundException"}, "ecr", "DescribeImages",
                                          {{"repositoryName", entry->repository}})) {
    for (const Json& detail : all->value("imageDetails", Json::array())) {
      for (const Json& existing : detail.value("imageTags", Json::array())) tags.push_back(existing);
    }
  }
  std::sort(tags.begin(), tags.end());
  throw Error(fmt::format("there is no image {}:{}{}", entry->repository, tag,
                          tags.empty() ? "" : fmt::format("; there are {}", fmt::join(tags, ", "))),
              fmt::format("adhoc image build {} {}", image, tag));
}

std::map<std::string, std::string> DeployedTags(Context& context) {
  std::map<std::string, std::string> tags;
  for (const auto& service : context.config().services) {
    if (service.image.image.empty() || tags.contains(service.image.image)) continue;
    const Json running = ReadService(context, ServiceName(context.environment(), service.name));
    if (running.is_null()) continue;
    const std::string definition = running["taskDefinition"];
    const Json described = context.Call("ecs", "DescribeTaskDefinition", {{"taskDefinition", definition}});
    const std::string tag = TagOf(described["taskDefinition"]["containerDefinitions"][0].value("image", ""));
    if (!tag.empty()) tags[service.image.image] = tag;
  }
  return tags;
}

std::vector<std::string> ListEnvironments(Context& context) {
  static constexpr std::string_view kSuffix = "-cluster";
  std::vector<std::string> clusters;
  for (const Json& arn : context.List("ecs", "ListClusters", Json::object(), "clusterArns")) {
    std::string name = arn.get<std::string>();
    name = name.substr(name.rfind('/') + 1);
    if (name.size() > kSuffix.size() && name.ends_with(kSuffix)) clusters.push_back(name);
  }
  // AWS lists deleted ones for days.
  std::vector<std::string> names;
  constexpr std::size_t kBatch = 100;
  for (std::size_t at = 0; at < clusters.size(); at += kBatch) {
    const Json batch(std::vector(clusters.begin() + at, clusters.begin() + std::min(at + kBatch, clusters.size())));
    const Json described = context.Call("ecs", "DescribeClusters", {{"clusters", batch}});
    for (const Json& cluster : described.value("clusters", Json::array())) {
      if (cluster.value("status", "") != "ACTIVE") continue;
      const std::string name = cluster["clusterName"];
      names.push_back(name.substr(0, name.size() - kSuffix.size()));
    }
  }
  return names;
}

}  // namespace adhoc::env
