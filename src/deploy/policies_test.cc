// The policies that `adhoc iam policy` prints, tried: every command runs on a local cloud that enforces them, as a
// session of a role that has exactly its policy, and what each call needed is written down. From that follows that no
// action of a policy is unused, and that no part of it could be taken away.
#include "env/policies.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <mutex>
#include <set>

#include "aws/codec/codec.h"
#include "base/sync.h"
#include "config/resolve.h"
#include "deploy/deploy.h"
#include "deploy/images_test.h"
#include "env/environment.h"
#include "env/existing.h"
#include "env/s3_records.h"
#include "env/status.h"
#include "testing/fake_random.h"
#include "testing/local_cloud.h"
#include "testing/temporary_folder.h"

namespace adhoc::deploy {
namespace {

using localcloud::iam::Effect;
using localcloud::iam::EffectOf;
using localcloud::iam::Permission;
using localcloud::iam::Principal;

constexpr const char* kDefinition = R"(name: shop
shared: dev
domain: dev.localhost
variables:
  tag: {type: string}
  mode: {type: string, default: plain}
images:
  backend: {build: ., repository: backend, tag: "${var.tag}"}
database: {image: "localhost/adhoc/postgres:15"}
bucket: {public: [static/*]}
secrets:
  KEY: {generate: 50}
  MODE: {value: "${var.mode}"}
services:
  redis: {image: "localhost/adhoc/redis:7", port: 6379, discoverable: true}
  web:
    image: backend
    port: 8000
    paths: ["/api/*"]
    scale: {min: 1, max: 2, cpu: 60}
    healthcheck: {path: /, interval: 5, timeout: 2}
    environment: {HOST: "${database.host}", REDIS: "${redis.address}", BUCKET: "${bucket.name}"}
    secrets: {PASSWORD: "${database.password}", KEY: "${secrets.KEY}", MODE: "${secrets.MODE}"}
tasks:
  migrate: {image: backend, command: [migrate], when: before-update}
targets:
  local: {kind: local}
)";

// Service → operation → members of its requests.
using Calls = std::map<std::string, std::map<std::string, std::set<std::string>>>;

// The way to the cloud, where what is called is written down.
class Wire final : public net::Transport {
 public:
  Wire(testing::LocalCloud& cloud, Sync<Calls>& calls) : cloud_(cloud), calls_(calls) {}
  net::Response Send(const net::Uri&, const net::Request& request, const net::SendOptions&) override {
    const std::string name = localcloud::ServiceOf(request);
    const aws::Service& service = aws::GetService(name);
    const aws::Operation* operation = aws::RouteRequest(service, request);
    if (operation == nullptr) throw Error("no operation of " + name);
    const Json input = aws::DecodeRequest(service, *operation, request);
    {
      auto calls = calls_.lock();
      auto& members = (*calls)[name][operation->name];
      for (const auto& [member, value] : input.items()) members.insert(member);
    }
    return cloud_.Handle(request);
  }

 private:
  testing::LocalCloud& cloud_;
  Sync<Calls>& calls_;
};

std::string PageOf(const Calls& calls) {
  std::string page = R"(# The calls that the engine makes

Every operation that a whole life of an account needs, by botocore's name of its service, with the members of its requests:
`bootstrap`, `shared`, `up`, `deploy`, `logs`, `exec`, `forward`, `down`. Written by a test that runs them
(`src/deploy/policies_test.cc`); what they need to be allowed is `adhoc iam policy`.
)";
  for (const auto& [service, operations] : calls) {
    page += fmt::format("\n## {}\n\n| operation | members |\n| --- | --- |\n", service);
    for (const auto& [operation, members] : operations) {
      page += fmt::format("| `{}` | {} |\n", operation, fmt::join(members, ", "));
    }
  }
  return page;
}

class Policies : public ::testing::Test {
 protected:
  Policies() {
    folder_.Write("adhoc.yaml", kDefinition);
    folder_.Write("envs/alpha.tfvars", "tag = \"v1\"\n");
    Load();
    AddImages(cloud_.runtime());
    cloud_.api().EnforceIam([this](const Principal&, const Permission& needed) {
      const std::lock_guard lock(mutex_);
      needed_.push_back(needed);
    });
  }

  void Load() {
    const config::Target before = config_.target;
    config_ = config::LoadConfig({.definition = folder_.path() / "adhoc.yaml", .environment = "alpha"});
    if (!before.shared.empty()) config_.target = before;
    config_.target.https = true;
    config_.target.bastion = true;
  }
  env::PolicyScope Scope() const { return env::ScopeOf(config_); }
  testing::LocalApi& api() { return cloud_.api(); }

  // Commands are run by a role that has this policy, and nothing else, from now on.
  void Become(const std::string& name, const Json& policy) {
    const Json trust = {
        {"Version", "2012-10-17"},
        {"Statement", {{{"Effect", "Allow"}, {"Principal", {{"AWS", "*"}}}, {"Action", "sts:AssumeRole"}}}}};
    api().ErrorOf("iam", "CreateRole", {{"RoleName", name}, {"AssumeRolePolicyDocument", trust.dump()}});
    api().Call("iam", "PutRolePolicy", {{"RoleName", name}, {"PolicyName", "p"}, {"PolicyDocument", policy.dump()}});
    access_key_ = api().Call("sts", "AssumeRole",
                             {{"RoleArn", "arn:aws:iam::000000000000:role/" + name},
                              {"RoleSessionName", "ci"},
                              {"DurationSeconds", 43200}})["Credentials"]["AccessKeyId"];
    needed_.clear();
  }

  // One run of the program. Returns the error, or "".
  std::string Run(const std::function<void(env::Context&, env::RecordStore&)>& work) {
    aws::Client client({.endpoint_url = "http://127.0.0.1:4566"},
                       aws::StaticCredentials({.access_key_id = access_key_, .secret_access_key = "adhoc"}),
                       std::make_shared<Wire>(cloud_, calls_), cloud_.clock(), random_);
    const auto records = env::OpenS3Records(client, {.account = "000000000000", .region = "us-east-1"});
    events::Recorder sink;
    env::Context context(client, config_, sink, cloud_.clock(), random_, {});
    try {
      work(context, *records);
      return "";
    } catch (const std::exception& error) {
      return error.what();
    }
  }
  std::string Apply(const std::function<env::Prepared(env::Context&)>& prepare) {
    return Run([&](env::Context& context, env::RecordStore&) {
      Expect(env::Apply(context, Plan(context, prepare), last_.resources));
    });
  }
  const env::Plan& Plan(env::Context& context, const std::function<env::Prepared(env::Context&)>& prepare) {
    last_ = prepare(context);
    return last_.plan;
  }
  static void Expect(const env::ApplyResult& result) {
    if (!result.ok()) throw Error(result.error, result.hint);
  }
  std::string Up() {
    return Run([](env::Context& context, env::RecordStore& records) {
      Expect(env::Up(context, env::PrepareUp(context, records.Get("alpha")), records));
    });
  }
  std::string Lock(const std::string& key) {
    return Run([&](env::Context&, env::RecordStore& records) {
      const env::LockHolder us{.who = "somebody", .what = "adhoc", .pid = 1, .host = "here"};
      if (records.Holder(key) || records.TryLock(key, us) || !records.Renew(key, us)) {
        throw Error("the lock is taken");
      }
      records.Unlock(key, us);
    });
  }
  void Rest() {
    for (int i = 0; i < 16; ++i) {
      cloud_.clock().Advance(std::chrono::seconds(4));
      cloud_.Settle();
    }
  }
  void MakeRecordsBucket() {
    access_key_ = "root";
    EXPECT_EQ(Run([](env::Context& context, env::RecordStore&) {
                env::EnsureRecordsBucket(context.client(), {.account = "000000000000", .region = "us-east-1"});
              }),
              "");
  }

  // As somebody else, or by hand.
  void Alter(std::string_view service, std::string_view operation, const Json& input) {
    EXPECT_EQ(api().ErrorOf(service, operation, input), "") << operation;
  }
  Json First(std::string_view service, std::string_view operation, const char* list,
             const Json& input = Json::object()) {
    return api().Call(service, operation, input)[list][0];
  }
  std::string ListenerArn(const std::string& balancer = "dev-alb") {
    const std::string arn = First("elbv2", "DescribeLoadBalancers", "LoadBalancers",
                                  {{"Names", Json::array({balancer})}})["LoadBalancerArn"];
    const Json listeners = api().Call("elbv2", "DescribeListeners", {{"LoadBalancerArn", arn}})["Listeners"];
    for (const Json& listener : listeners) {
      if (listener["Protocol"] == "HTTPS") return listener["ListenerArn"];
    }
    return "";
  }

  static Json Elsewhere() {
    return Json::array(
        {{{"Type", "redirect"},
          {"RedirectConfig", {{"Protocol", "HTTPS"}, {"Host", "elsewhere"}, {"StatusCode", "HTTP_302"}}}}});
  }
  // With rules of somebody else.
  void FillLoadBalancer() {
    // On AWS the account's first load balancer has made this.
    api().Call("iam", "CreateServiceLinkedRole", {{"AWSServiceName", "elasticloadbalancing.amazonaws.com"}});
    const std::string listener = ListenerArn();
    for (int i = 0; i < 100; ++i) {
      Alter("elbv2", "CreateRule",
            {{"ListenerArn", listener},
             {"Priority", 1000 + i},
             {"Conditions", Json::array({{{"Field", "path-pattern"}, {"Values", Json::array({"/x"})}}})},
             {"Actions", Elsewhere()}});
    }
  }

  // As an `up` of alpha that died then.
  void OpenLoadBalancer() {
    const Json first = First("elbv2", "DescribeLoadBalancers", "LoadBalancers");
    Json subnets = Json::array();
    for (const Json& zone : first["AvailabilityZones"]) subnets.push_back(zone["SubnetId"]);
    Alter("elbv2", "CreateLoadBalancer",
          {{"Name", "dev-alb-2"},
           {"Subnets", subnets},
           {"Tags", Json::array({{{"Key", "env"}, {"Value", "dev"}}, {{"Key", "opened-for"}, {"Value", "alpha"}}})}});
  }

  void ExpectInUse() {
    Alter("ecs", "CreateCluster", {{"clusterName", "beta-cluster"}});
    EXPECT_NE(Apply(env::PrepareSharedDown).find("in use by beta"), std::string::npos);
    Alter("ecs", "DeleteCluster", {{"cluster", "beta-cluster"}});
  }

  // Every command about shared resources. The errors that were met.
  std::vector<std::string> RunShared() {
    std::vector<std::string> errors;
    const auto note = [&](const std::string& error) {
      if (!error.empty()) errors.push_back(error);
    };
    note(Lock(env::SharedLock("dev")));
    note(Apply(env::PrepareShared));
    if (!errors.empty()) return errors;
    ExpectInUse();
    const Json group =
        First("ec2", "DescribeSecurityGroups", "SecurityGroups",
              {{"Filters", Json::array({{{"Name", "group-name"}, {"Values", {config_.target.shared + "-ecs-sg"}}}})}});
    Alter("ec2", "AuthorizeSecurityGroupIngress",
          {{"GroupId", group["GroupId"]},
           {"IpPermissions", Json::array({{{"IpProtocol", "tcp"},
                                           {"FromPort", 22},
                                           {"ToPort", 22},
                                           {"IpRanges", Json::array({{{"CidrIp", "0.0.0.0/0"}}})}}})}});
    const Json certificates = api().Call("acm", "ListCertificates");
    Alter("elbv2", "ModifyListener", {{"ListenerArn", ListenerArn()}, {"DefaultActions", Elsewhere()}});
    const Json bastion = First(
        "ec2", "DescribeInstances", "Reservations",
        {{"Filters", Json::array({{{"Name", "tag:Name"},
                                   {"Values", {config_.target.shared + "-bastion"}}}})}})["Instances"][0]["InstanceId"];
    Alter("ec2", "StopInstances", {{"InstanceIds", Json::array({bastion})}});
    Rest();
    if (!config_.target.existing.vpc.empty()) {
      note(Apply(env::PrepareShared));
      note(Apply(env::PrepareSharedDown));
      return errors;
    }
    // Other shapes of the network, each of which comes from the one before.
    const auto nat = config_.target.network.nat;
    for (const auto shape : {config::NatKind::kEndpoints, config::NatKind::kPerZone, nat}) {
      config_.target.network.nat = shape;
      note(Apply(env::PrepareShared));
      if (shape == config::NatKind::kEndpoints) {
        const Json endpoint = First("ec2", "DescribeVpcEndpoints", "VpcEndpoints",
                                    {{"Filters", Json::array({{{"Name", "tag:Name"}, {"Values", {"dev-logs"}}}})}});
        Alter("ec2", "ModifyVpcEndpoint",
              {{"VpcEndpointId", endpoint["VpcEndpointId"]},
               {"RemoveSubnetIds", Json::array({endpoint["SubnetIds"][0]})}});
        note(Apply(env::PrepareShared));
      }
    }
    // A gateway that is another one than the route's.
    const Json gateway = First("ec2", "DescribeNatGateways", "NatGateways",
                               {{"Filter", Json::array({{{"Name", "state"}, {"Values", {"available"}}}})}});
    Alter("ec2", "DeleteNatGateway", {{"NatGatewayId", gateway["NatGatewayId"]}});
    Rest();
    note(Apply(env::PrepareShared));
    OpenLoadBalancer();
    note(Apply(env::PrepareSharedDown));
    return errors;
  }

  // What a team has: a VPC with subnets and endpoints, a load balancer with an HTTPS listener, PostgreSQL, a Terraform
  // state. The listener has the domain's certificate besides another one.
  void UseWhatExists() {
    access_key_ = "root";
    config_.target.existing = {};
    config_.target.network.nat = config::NatKind::kEndpoints;
    EXPECT_EQ(Apply(env::PrepareShared), "");
    const Json other =
        api().Call("acm", "RequestCertificate", {{"DomainName", "shop.example.com"}, {"ValidationMethod", "EMAIL"}});
    const std::string listener = ListenerArn();
    const Json domains = First("elbv2", "DescribeListeners", "Listeners",
                               {{"ListenerArns", Json::array({listener})}})["Certificates"][0]["CertificateArn"];
    Alter("elbv2", "ModifyListener",
          {{"ListenerArn", listener}, {"Certificates", Json::array({{{"CertificateArn", other["CertificateArn"]}}})}});
    Alter("elbv2", "AddListenerCertificates",
          {{"ListenerArn", listener}, {"Certificates", Json::array({{{"CertificateArn", domains}}})}});
    std::map<std::string, Json> known;
    EXPECT_EQ(Run([&](env::Context& context, env::RecordStore&) {
                for (const auto& resource : env::PrepareShared(context).resources) {
                  known[resource->id()] = context.Find(resource->id()).value_or(Json());
                }
              }),
              "");
    config_.target.shared = "qa";
    config_.target.existing.state = "s3://states/dev.tfstate";
    const Json outputs = {
        {"vpc", {{"value", known["vpc dev-vpc"]["id"]}}},
        {"balancer", {{"value", known["load balancer dev-alb"]["arn"]}}},
        {"database", {{"value", {{"id", "dev-rds"}, {"secret", known["database instance dev-rds"]["secret_arn"]}}}}},
        {"public", {{"value", {known["subnet dev-public-1"]["id"], known["subnet dev-public-2"]["id"]}}}},
        {"private", {{"value", {known["subnet dev-private-1"]["id"], known["subnet dev-private-2"]["id"]}}}}};
    Alter("s3", "CreateBucket", {{"Bucket", "states"}});
    Alter("s3", "PutObject",
          {{"Bucket", "states"}, {"Key", "dev.tfstate"}, {"Body", Json{{"version", 4}, {"outputs", outputs}}.dump()}});
    Resolve();
    // Whoever may reach the database from elsewhere in the network.
    const Json group = First("ec2", "DescribeSecurityGroups", "SecurityGroups",
                             {{"Filters", Json::array({{{"Name", "group-name"}, {"Values", {"dev-rds-sg"}}}})}});
    Alter("ec2", "AuthorizeSecurityGroupIngress",
          {{"GroupId", group["GroupId"]},
           {"IpPermissions", Json::array({{{"IpProtocol", "tcp"},
                                           {"FromPort", 5432},
                                           {"ToPort", 5432},
                                           {"IpRanges", Json::array({{{"CidrIp", "10.0.0.0/16"}}})}}})}});
  }
  // As a session does at its beginning.
  void Resolve() {
    config_.target.existing = {.state = "s3://states/dev.tfstate",
                               .vpc = "${state.vpc}",
                               .public_subnets = {.ids = {"${state.public}"}, .tags = {}},
                               .private_subnets = {.ids = {"${state.private}"}, .tags = {}},
                               .security_group = "",
                               .load_balancer = "${state.balancer}",
                               .database = "${state.database.id}",
                               .database_secret = "${state.database.secret}"};
    EXPECT_EQ(Run([&](env::Context& context, env::RecordStore&) {
                env::ResolveState(config_, [&](const std::string& place) {
                  return env::ReadState(&context.client(), config_, place);
                });
              }),
              "");
  }

  // Every command about an environment, between shared resources that are there.
  std::vector<std::string> RunEnvironment() {
    std::vector<std::string> errors;
    const auto note = [&](const char* command, const std::string& error) {
      if (!error.empty()) errors.push_back(fmt::format("{}: {}", command, error));
    };
    note("lock", Lock(env::EnvironmentLock("alpha")));
    note("image build", Run([](env::Context& context, env::RecordStore&) {
           context.CallUnless({"RepositoryAlreadyExistsException"}, "ecr", "CreateRepository",
                              {{"repositoryName", "backend"}});
         }));
    note("up", Up());
    if (!errors.empty()) return errors;
    note("ls", Run([](env::Context& context, env::RecordStore& records) {
           records.List();
           env::ListEnvironments(context);
         }));

    // Another value of a variable, another health check, a rule and a bucket that somebody changed.
    folder_.Write("envs/alpha.tfvars", "tag = \"v1\"\nmode = \"other\"\n");
    Load();
    config_.services.back().healthcheck.path = "/healthy";
    config_.services.back().autoscaling.reset();
    config_.bucket->public_patterns.clear();
    const Json rules = api().Call("elbv2", "DescribeRules", {{"ListenerArn", ListenerArn()}})["Rules"];
    for (const Json& rule : rules) {
      if (rule["IsDefault"] == true) continue;
      Alter("elbv2", "ModifyRule",
            {{"RuleArn", rule["RuleArn"]},
             {"Conditions", Json::array({{{"Field", "path-pattern"}, {"Values", {"/elsewhere/*"}}}})}});
    }
    note("up, changed", Up());
    note("deploy", Run([](env::Context& context, env::RecordStore& records) {
           deploy::Deploy(context, records, {.image = "backend", .tag = "v2"});
         }));
    Rest();
    note("logs, exec and forward", Run([](env::Context& context, env::RecordStore&) {
           context.Call("logs", "FilterLogEvents", {{"logGroupName", "/ecs/alpha/web"}});
           const Json tasks =
               context.Call("ecs", "ListTasks", {{"cluster", "alpha-cluster"}, {"serviceName", "alpha-web"}});
           const std::string arn = tasks["taskArns"][0];
           const Json task =
               context.Call("ecs", "DescribeTasks", {{"cluster", "alpha-cluster"}, {"tasks", {arn}}})["tasks"][0];
           context.Call("ecs", "ExecuteCommand",
                        {{"cluster", "alpha-cluster"}, {"task", arn}, {"interactive", true}, {"command", "sh"}});
           const std::string id = arn.substr(arn.rfind('/') + 1);
           const Json session = context.Call(
               "ssm", "StartSession",
               {{"Target",
                 fmt::format("ecs:alpha-cluster_{}_{}", id, task["containers"][0]["runtimeId"].get<std::string>())},
                {"DocumentName", "AWS-StartPortForwardingSession"},
                {"Parameters", {{"portNumber", {"8000"}}}}});
           context.Call("ssm", "ResumeSession", {{"SessionId", session["SessionId"]}});
         }));
    note("status",
         Run([](env::Context& context, env::RecordStore& records) { env::ReadStatus(context, records.Get("alpha")); }));
    // Somebody's task still runs.
    const Json web = First("ecs", "DescribeServices", "services",
                           {{"cluster", "alpha-cluster"}, {"services", Json::array({"alpha-web"})}});
    Alter("ecs", "RunTask",
          {{"cluster", "alpha-cluster"},
           {"taskDefinition", web["taskDefinition"]},
           {"networkConfiguration", web["networkConfiguration"]}});
    Rest();
    const auto down = [&] {
      return Run([](env::Context& context, env::RecordStore& records) {
        Expect(env::Down(context, env::PrepareDown(context), records));
      });
    };
    Alter("s3", "PutObject", {{"Bucket", "dev-localhost-alpha-bucket"}, {"Key", "media/x"}, {"Body", "x"}});
    note("down", down());
    Rest();
    // Of an earlier environment of this name: scheduled for deletion.
    Alter("secretsmanager", "CreateSecret",
          {{"Name", "alpha/KEY"},
           {"SecretString", "x"},
           {"Tags", Json::array({{{"Key", "managed-by"}, {"Value", "adhoc"}}})}});
    Alter("secretsmanager", "DeleteSecret", {{"SecretId", "alpha/KEY"}});
    // Of a run that died then.
    Alter("ecs", "CreateCluster",
          {{"clusterName", "alpha-cluster"}, {"capacityProviders", {"FARGATE", "FARGATE_SPOT"}}});
    // Without room on Fargate Spot, and on the load balancer.
    for (auto& service : config_.services) service.spot = true;
    cloud_.SetCapacity("FARGATE_SPOT", false);
    const bool existing = !config_.target.existing.load_balancer.empty();
    if (!existing) FillLoadBalancer();
    note("up, again", Up());
    if (!errors.empty()) return errors;
    config_.bucket.reset();
    if (existing) {
      note("down, again", down());
      FillLoadBalancer();
      EXPECT_NE(Up().find("does not fit: the existing load balancer dev-alb has no room"), std::string::npos);
      return errors;
    }
    Alter("elbv2", "ModifyListener", {{"ListenerArn", ListenerArn("dev-alb-2")}, {"DefaultActions", Elsewhere()}});
    note("up, once more", Up());
    note("down, again", down());
    // One that was opened, and not used.
    OpenLoadBalancer();
    note("down, cut off", down());
    return errors;
  }

  // No statement, and no action of one, could be left out; no action is unused.
  void ExpectTight(const Json& policy) {
    const Principal nobody;
    std::set<std::string> used;
    std::set<std::pair<std::size_t, std::string>> vital;
    const Json& statements = policy["Statement"];
    for (const Permission& needed : needed_) {
      used.insert(needed.action);
      std::vector<std::size_t> allowing;
      for (std::size_t i = 0; i < statements.size(); ++i) {
        if (EffectOf({{"Statement", statements[i]}}, nobody, needed) == Effect::kAllow) allowing.push_back(i);
      }
      EXPECT_FALSE(allowing.empty()) << needed.action << " on " << needed.resource;
      if (allowing.size() == 1) vital.insert({allowing.front(), needed.action});
    }
    std::size_t actions = 0;
    for (std::size_t i = 0; i < statements.size(); ++i) {
      // What `docker push` asks a registry for, which the local one does not check; and what the caller has to be
      // allowed for a policy to have its alarms.
      const std::string sid = statements[i].value("Sid", "");
      if (sid.starts_with("Push") || sid == "AutoscalingAlarms") continue;
      for (const std::string action : statements[i]["Action"]) {
        ++actions;
        EXPECT_TRUE(used.contains(action)) << action << " is never used";
        EXPECT_TRUE(vital.contains({i, action}))
            << statements[i].value("Sid", std::to_string(i)) << " could be without " << action;
      }
    }
    fmt::print("[  policy  ] {} statements, {} actions, {} characters; {} permissions were asked for\n",
               statements.size(), actions, policy.dump().size(), needed_.size());
  }

  const testing::TemporaryFolder folder_;
  config::Config config_;
  testing::LocalCloud cloud_;
  testing::FakeRandom random_;
  std::string access_key_;
  env::Prepared last_;
  std::mutex mutex_;
  std::vector<Permission> needed_;
  Sync<Calls> calls_;
};

TEST_F(Policies, SharedResourcesNeedExactlyTheirPolicy) {
  MakeRecordsBucket();
  const Json policy = env::SharedPolicy(Scope());
  Become("shared", policy);
  EXPECT_EQ(RunShared(), std::vector<std::string>{});
  ExpectTight(policy);
}

TEST_F(Policies, EnvironmentsNeedExactlyTheirPolicy) {
  MakeRecordsBucket();
  EXPECT_EQ(Apply(env::PrepareShared), "");
  const Json policy = env::EnvironmentsPolicy(Scope());
  Become("environments", policy);
  EXPECT_EQ(RunEnvironment(), std::vector<std::string>{});
  ExpectTight(policy);
}

// The policies are narrower by all that is not made or changed.
TEST_F(Policies, WithWhatExistsTheyAreNarrower) {
  MakeRecordsBucket();
  UseWhatExists();
  const Json shared = env::SharedPolicy(Scope());
  EXPECT_LT(shared.dump().size(), env::SharedPolicy({.account = "000000000000", .region = "us-east-1"}).dump().size());
  Become("shared", shared);
  Resolve();
  EXPECT_EQ(RunShared(), std::vector<std::string>{});
  ExpectTight(shared);

  access_key_ = "root";
  EXPECT_EQ(Apply(env::PrepareShared), "");
  const Json environments = env::EnvironmentsPolicy(Scope());
  Become("environments", environments);
  Resolve();
  EXPECT_EQ(RunEnvironment(), std::vector<std::string>{});
  ExpectTight(environments);
}

// A role with the policy of a version that looked at less goes on working.
TEST_F(Policies, WhatExistsIsUsedWithoutALookAtIt) {
  MakeRecordsBucket();
  UseWhatExists();
  const auto without_looks = [](Json policy) {
    std::size_t left_out = 0;
    for (Json& statement : policy["Statement"]) {
      Json& actions = statement["Action"];
      for (const char* look : {"ec2:DescribeRouteTables", "elasticloadbalancing:DescribeListenerCertificates",
                               "acm:DescribeCertificate"}) {
        const auto found = std::find(actions.begin(), actions.end(), Json(look));
        if (found == actions.end()) continue;
        actions.erase(found);
        ++left_out;
      }
      if (actions.empty()) actions.push_back("sts:GetCallerIdentity");
    }
    EXPECT_EQ(left_out, 3u);
    return policy;
  };
  Become("shared", without_looks(env::SharedPolicy(Scope())));
  Resolve();
  EXPECT_EQ(Apply(env::PrepareShared), "");
  Become("environments", without_looks(env::EnvironmentsPolicy(Scope())));
  EXPECT_EQ(Up(), "");
}

// A refusal reaches the person as AWS's text.
TEST_F(Policies, WithoutAStatementACommandSaysWhatIsMissing) {
  MakeRecordsBucket();
  Json policy = env::SharedPolicy(Scope());
  Json& statements = policy["Statement"];
  for (std::size_t i = 0; i < statements.size(); ++i) {
    if (statements[i]["Sid"] == "Roles") statements.erase(i);
  }
  Become("shared", policy);
  const auto errors = RunShared();
  ASSERT_FALSE(errors.empty());
  EXPECT_NE(errors.front().find(
                "arn:aws:sts::000000000000:assumed-role/shared/ci is not authorized to perform: iam:GetRole on "
                "resource: arn:aws:iam::000000000000:role/dev-ecs-execution-role"),
            std::string::npos)
      << errors.front();
}

TEST_F(Policies, BootstrapNeedsExactlyItsPolicyAndItsRoleDeploys) {
  const Json policy = env::BootstrapPolicy(Scope());
  Become("bootstrap", policy);
  const auto up = [](env::Context& context) { return env::PrepareBootstrap(context, "shop/web"); };
  const auto down = [](env::Context& context) { return env::PrepareBootstrapDown(context, false); };
  const auto forced = [](env::Context& context) { return env::PrepareBootstrapDown(context, true); };
  EXPECT_EQ(Apply(up), "");
  EXPECT_EQ(Run([&](env::Context& context, env::RecordStore&) { EXPECT_TRUE(Plan(context, up).empty()); }), "");
  // Somebody opened and changed things.
  const std::string bucket = "adhoc-records-000000000000-us-east-1";
  Alter("s3", "PutBucketVersioning", {{"Bucket", bucket}, {"VersioningConfiguration", {{"Status", "Suspended"}}}});
  Alter("ecr", "DeleteLifecyclePolicy", {{"repositoryName", "backend"}});
  Alter("iam", "UpdateAssumeRolePolicy",
        {{"RoleName", "dev-deploy-role"},
         {"PolicyDocument", R"({"Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}]})"}});
  EXPECT_EQ(Apply(up), "");
  EXPECT_EQ(last_.plan.Count(env::Action::kUpdate), 3) << last_.plan.Summary();
  const std::vector<Permission> needed = needed_;

  // GitHub's token of this repository becomes the role, and that can do everything; another repository's can't.
  const auto assume = [&](const std::string& subject, const char* role = "dev-deploy-role") {
    const std::string claims = Json{
        {"iss", "https://token.actions.githubusercontent.com"},
        {"aud", "sts.amazonaws.com"},
        {"sub", subject}}.dump();
    std::string token = "e30.";
    static constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned value = 0;
    int bits = 0;
    for (const unsigned char c : claims) {
      value = value << 8 | c;
      for (bits += 8; bits >= 6; bits -= 6) token += kAlphabet[value >> (bits - 6) & 63];
    }
    if (bits > 0) token += kAlphabet[value << (6 - bits) & 63];
    return Json{{"RoleArn", fmt::format("arn:aws:iam::000000000000:role/{}", role)},
                {"RoleSessionName", "GitHubActions"},
                {"DurationSeconds", 3600},
                {"WebIdentityToken", token + ".c2ln"}};
  };
  EXPECT_EQ(api().ErrorOf("sts", "AssumeRoleWithWebIdentity", assume("repo:shop/other:ref:refs/heads/main")),
            "AccessDenied");
  EXPECT_EQ(api().ErrorOf("sts", "AssumeRoleWithWebIdentity", assume("repo:shop@12/web@34:ref:refs/heads/main")), "");
  const auto become = [&](const char* role) {
    access_key_ = api().Call("sts", "AssumeRoleWithWebIdentity",
                             assume("repo:shop/web:ref:refs/heads/main", role))["Credentials"]["AccessKeyId"];
  };
  become("dev-shared-role");
  EXPECT_EQ(Apply(env::PrepareShared), "");
  become("dev-deploy-role");
  EXPECT_EQ(Up(), "");

  Become("bootstrap", policy);
  needed_ = needed;
  EXPECT_NE(Apply(down).find("has records of environments"), std::string::npos);
  const std::string bootstrap_key = access_key_;
  access_key_ = "root";
  EXPECT_EQ(Run([](env::Context& context, env::RecordStore& records) {
              Expect(env::Down(context, env::PrepareDown(context), records));
            }),
            "");
  access_key_ = bootstrap_key;
  EXPECT_NE(Apply(down).find("image repository backend has 2 images"), std::string::npos);
  EXPECT_EQ(Apply(forced), "");
  EXPECT_EQ(Run([&](env::Context& context, env::RecordStore&) { EXPECT_TRUE(Plan(context, down).empty()); }), "");
  std::erase_if(needed_, [](const Permission& one) { return one.action.starts_with("sts:"); });
  ExpectTight(policy);
}

// With ADHOC_ACCEPT set, the page is written instead of compared.
TEST_F(Policies, ThePageOfCallsIsUpToDate) {
  access_key_ = "root";
  EXPECT_EQ(Apply([](env::Context& context) { return env::PrepareBootstrap(context, "shop/web"); }), "");
  EXPECT_EQ(RunShared(), std::vector<std::string>{});
  EXPECT_EQ(Apply(env::PrepareShared), "");
  EXPECT_EQ(RunEnvironment(), std::vector<std::string>{});
  Rest();
  EXPECT_EQ(Apply(env::PrepareSharedDown), "");
  EXPECT_EQ(Apply([](env::Context& context) { return env::PrepareBootstrapDown(context, true); }), "");
  const std::string page = PageOf(*calls_.lock());
  const std::string path = ADHOC_SOURCE_DIR "/docs/reference/aws-calls.md";
  if (std::getenv("ADHOC_ACCEPT") != nullptr) {
    std::ofstream(path) << page;
    GTEST_SKIP() << "accepted as " << path;
  }
  std::ifstream file(path);
  const std::string written{std::istreambuf_iterator<char>(file), {}};
  EXPECT_TRUE(page == written) << path << " is stale: ADHOC_ACCEPT=1 with this test writes it";
}

TEST_F(Policies, FitIntoIamsLimits) {
  for (const Json& policy :
       {env::SharedPolicy(Scope()), env::EnvironmentsPolicy(Scope()), env::BootstrapPolicy(Scope())}) {
    EXPECT_LE(policy.dump().size(), env::kInlinePoliciesLimit);
    std::set<std::string> names;
    for (const Json& statement : policy["Statement"]) {
      EXPECT_TRUE(names.insert(statement["Sid"]).second) << statement["Sid"] << " is there twice";
    }
  }
}

}  // namespace
}  // namespace adhoc::deploy
