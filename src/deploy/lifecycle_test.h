// Whole runs of the program against a local cloud in this process (testing/local_cloud.h), which a test can cut off at
// any call, send through bad weather, and compare by what they leave.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <set>

#include "config/resolve.h"
#include "deploy/deploy.h"
#include "deploy/images_test.h"
#include "env/environment.h"
#include "testing/fake_random.h"
#include "testing/local_cloud.h"
#include "testing/temporary_folder.h"

namespace adhoc::deploy {

inline constexpr const char* kDefinition = R"(name: shop
shared: dev
domain: localhost
variables:
  tag: {type: string}
images:
  backend: {build: ., repository: backend, tag: "${var.tag}"}
database: {image: "localhost/adhoc/postgres:15"}
bucket: {public: [static/*]}
secrets:
  KEY: {generate: 50}
services:
  redis: {image: "localhost/adhoc/redis:7", port: 6379, discoverable: true, scale: {min: 1, max: 2}}
  web:
    image: backend
    port: 8000
    paths: ["/api/*"]
    healthcheck: {path: /, interval: 5, timeout: 2}
    environment: {HOST: "${database.host}", REDIS: "${redis.address}", BUCKET: "${bucket.name}"}
    secrets: {PASSWORD: "${database.password}", KEY: "${secrets.KEY}"}
tasks:
  migrate: {image: backend, command: [migrate], when: before-update}
targets:
  local: {kind: local}
)";

// The collections that a lifecycle fills, and what names their documents.
inline const std::vector<std::pair<std::string, std::string>> kCollections = {
    {"ecs.clusters", "clusterName"},
    {"ecs.services", "serviceName"},
    {"ecs.taskdefs", "family"},
    {"autoscaling.targets", "ResourceId"},
    {"autoscaling.policies", "PolicyName"},
    {"elbv2.loadbalancers", "LoadBalancerName"},
    {"elbv2.targetgroups", "TargetGroupName"},
    {"elbv2.listeners", "Port"},
    {"elbv2.rules", "Conditions"},
    {"elbv2.targets", "Target/Port"},
    {"ec2.vpcs", "CidrBlock"},
    {"ec2.subnets", "CidrBlock"},
    {"ec2.security_groups", "GroupName"},
    {"ec2.route_tables", "Tags"},
    {"ec2.internet_gateways", "Tags"},
    {"ec2.nat_gateways", "State"},
    {"ec2.addresses", "Domain"},
    {"ec2.vpc_endpoints", "ServiceName"},
    {"servicediscovery.services", "Name"},
    {"servicediscovery.namespaces", "Name"},
    {"rds.instances", "DBInstanceIdentifier"},
    {"secretsmanager.secrets", "Name"},
    {"iam.roles", "RoleName"},
    {"logs.groups", "logGroupName"},
    {"acm.certificates", "DomainName"},
    {"route53.zones", "Name"},
    {"route53.records", "Name"},
    {"s3.buckets", "Name"},
};

// How the process ended; not an Error, so that nothing takes it for an answer.
struct Killed : std::exception {
  const char* what() const noexcept override { return "killed"; }
};

struct Cut {
  int at = 0;  // the call that is the last; 0: none
  bool after_effect = false;
};

// How often, of all requests, something goes wrong on the way.
struct Weather {
  double throttled = 0;
  double server_errors = 0;
  double lost_answers = 0;  // after the effect
};

// The way from one run of the program to the cloud. After the cut nothing gets through any more.
class Wire final : public net::Transport {
 public:
  Wire(testing::LocalCloud& cloud, Cut cut, Weather weather, Random& random)
      : cloud_(cloud), cut_(cut), weather_(weather), random_(random) {}

  net::Response Send(const net::Uri&, const net::Request& request, const net::SendOptions&) override {
    if (dead_) throw Killed();
    double dice = random_.Fraction();
    for (const auto& [share, status] : {std::pair(weather_.throttled, 429), {weather_.server_errors, 500}}) {
      if ((dice -= share) < 0) {
        ++faults_;
        return {.status = status};
      }
    }
    if ((dice -= weather_.lost_answers) < 0) {
      ++faults_;
      cloud_.Handle(request);
      throw net::TransportError("the connection was reset", true, false);
    }
    if (++calls_ == cut_.at) {
      dead_ = true;
      if (cut_.after_effect) cloud_.Handle(request);
      throw Killed();
    }
    net::Response response = cloud_.Handle(request);
    if (dead_) throw Killed();
    return response;
  }

  int calls() const { return calls_; }
  int faults() const { return faults_; }
  bool dead() const { return dead_; }

 private:
  testing::LocalCloud& cloud_;
  const Cut cut_;
  const Weather weather_;
  Random& random_;
  std::atomic<int> calls_ = 0;
  std::atomic<int> faults_ = 0;
  std::atomic<bool> dead_ = false;
};

// A dead process writes no records.
class Records final : public env::RecordStore {
 public:
  explicit Records(env::RecordStore& records) : records_(records) {}
  void Follow(const Wire* wire) { wire_ = wire; }

  std::optional<env::Record> Get(const std::string& environment) override { return records_.Get(environment); }
  std::vector<env::Record> List() override { return records_.List(); }
  void Put(const env::Record& record) override {
    if (!wire_->dead()) records_.Put(record);
  }
  void Delete(const std::string& environment) override {
    if (!wire_->dead()) records_.Delete(environment);
  }
  std::chrono::seconds lease() const override { return records_.lease(); }
  std::optional<env::LockHolder> TryLock(const std::string& key, const env::LockHolder& us) override {
    return records_.TryLock(key, us);
  }
  bool Renew(const std::string& key, const env::LockHolder& us) override { return records_.Renew(key, us); }
  void Unlock(const std::string& key, const env::LockHolder& us) override { records_.Unlock(key, us); }
  std::optional<env::LockHolder> Holder(const std::string& key) override { return records_.Holder(key); }
  void Break(const std::string& key) override { records_.Break(key); }

 private:
  env::RecordStore& records_;
  const Wire* wire_ = nullptr;
};

class Lifecycle : public ::testing::Test {
 protected:
  Lifecycle() {
    folder_.Write("adhoc.yaml", kDefinition);
    folder_.Write("envs/alpha.tfvars", "tag = \"v1\"\n");
    config_ = config::LoadConfig({.definition = folder_.path() / "adhoc.yaml", .environment = "alpha"});
    cloud_.api().Call("ec2", "DescribeVpcs");  // makes the default VPC, which stays
    AddImages(cloud_.runtime());
  }

  // One run of the program. Returns how many calls it made, or nothing when it was killed.
  std::optional<int> Run(Cut cut, const std::function<void(env::Context&)>& work) {
    auto wire = std::make_shared<Wire>(cloud_, cut, weather_, dice_);
    records_.Follow(wire.get());
    aws::Client client({.endpoint_url = "http://127.0.0.1:4566"},
                       aws::StaticCredentials({.access_key_id = "adhoc", .secret_access_key = "adhoc"}), wire,
                       cloud_.clock(), random_);
    events::Recorder sink;
    env::Context context(client, config_, sink, cloud_.clock(), random_, {});
    try {
      work(context);
    } catch (const std::exception& error) {
      faults_ += wire->faults();
      last_error_ = error.what();
      EXPECT_TRUE(wire->dead() || wire->faults() > 0) << error.what();
      return std::nullopt;
    }
    faults_ += wire->faults();
    if (wire->dead()) return std::nullopt;
    return wire->calls();
  }

  static void Expect(const env::ApplyResult& result) {
    if (!result.ok()) throw Error(result.error, result.hint);
  }
  std::optional<int> SharedUp(Cut cut = {}) {
    return Run(cut, [](env::Context& context) {
      const auto prepared = env::PrepareShared(context);
      Expect(env::Apply(context, prepared.plan, prepared.resources));
    });
  }
  std::optional<int> SharedDown(Cut cut = {}) {
    return Run(cut, [](env::Context& context) {
      const auto prepared = env::PrepareSharedDown(context);
      Expect(env::Apply(context, prepared.plan, prepared.resources));
    });
  }
  std::optional<int> Up(Cut cut = {}) {
    return Run(cut, [this](env::Context& context) {
      Expect(env::Up(context, env::PrepareUp(context, records_.Get(config_.environment)), records_));
    });
  }
  std::optional<int> Deploy(const std::string& tag, Cut cut = {}) {
    return Run(cut,
               [&](env::Context& context) { deploy::Deploy(context, records_, {.image = "backend", .tag = tag}); });
  }
  std::optional<int> Down(Cut cut = {}) {
    return Run(cut, [this](env::Context& context) { Expect(env::Down(context, env::PrepareDown(context), records_)); });
  }
  // The ids of what would be changed.
  std::vector<std::string> Planned(const std::function<env::Prepared(env::Context&)>& prepare) {
    std::vector<std::string> changes;
    Run({}, [&](env::Context& context) {
      const env::Prepared prepared = prepare(context);
      for (const auto& change : prepared.plan.changes()) changes.push_back(change.id);
    });
    return changes;
  }
  std::vector<std::string> PlannedChanges() {
    return Planned(
        [this](env::Context& context) { return env::PrepareUp(context, records_.Get(config_.environment)); });
  }
  std::vector<std::string> PlannedSharedChanges() { return Planned(env::PrepareShared); }

  // Lets what a killed run began come to its end: tasks, draining targets, ending services.
  void Rest() {
    for (int i = 0; i < 16; ++i) {
      cloud_.clock().Advance(std::chrono::seconds(4));
      cloud_.Settle();
    }
  }

  // What there is, by name, so that two clouds can be compared.
  std::vector<std::string> Inventory() {
    Rest();
    std::vector<std::string> names;
    const auto txn = cloud_.api().store().Begin();
    for (const auto& [collection, field] : kCollections) {
      for (const auto& [key, document] : txn->All(collection)) {
        if (document.value("status", "") == "INACTIVE" || document.value("State", Json()) == Json("deleted")) continue;
        std::string name = document.value(Json::json_pointer("/" + field), Json()).dump();
        // What RDS calls its secrets ends with a random id.
        if (const auto id = name.find("rds!db-"); id != std::string::npos) name.resize(id + 6);
        names.push_back(fmt::format("{} {}", collection, name));
      }
    }
    for (const auto& [key, task] : txn->All("ecs.tasks")) {
      if (task.value("lastStatus", "") != "STOPPED") {
        names.push_back("task of " + task.value("group", ""));
      }
    }
    names.push_back(fmt::format("{} containers", cloud_.runtime().running()));
    std::sort(names.begin(), names.end());
    return names;
  }

  // Cuts `run` at calls 1 … `calls`, or at some of them. `before` makes the state that it begins from, `check` looks at
  // what came of it.
  void CutEverywhere(const char* what, int calls, const std::function<void()>& before,
                     const std::function<void(Cut)>& run, const std::function<void()>& check, int some = 4) {
    const bool every = std::getenv("ADHOC_EVERY_CUT") != nullptr;
    const int step = every ? 1 : std::max(1, calls / some);
    int survived = 0;
    for (int at = 1; at <= calls; at += step) {
      for (const bool after_effect : {false, true}) {
        SCOPED_TRACE(fmt::format("{} killed at call {} of about {}, {} its effect", what, at, calls,
                                 after_effect ? "after" : "before"));
        before();
        run({.at = at, .after_effect = after_effect});
        check();
        if (HasFailure()) return;
        ++survived;
      }
    }
    fmt::print("[    cuts  ] {}: {} of {} calls, {} cuts survived\n", what, (calls + step - 1) / step, calls, survived);
  }

  const testing::TemporaryFolder folder_;
  config::Config config_;
  testing::LocalCloud cloud_;
  testing::FakeRandom random_;
  std::unique_ptr<env::RecordStore> file_ = env::OpenLocalRecords(folder_.path() / "records.db", cloud_.clock());
  Records records_{*file_};
  Weather weather_;
  testing::FakeRandom dice_{42};
  int faults_ = 0;
  std::string last_error_;
};

}  // namespace adhoc::deploy
