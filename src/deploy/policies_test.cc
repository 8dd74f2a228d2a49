// The policies that `adhoc iam policy` prints, tried: every command runs on a local cloud that enforces them, as a
// session of a role that has exactly its policy, and what each call needed is written down. From that follows that no
// action, resource or value of a condition could be taken away.
#include "env/policies.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <mutex>
#include <set>

#include "aws/codec/codec.h"
#include "aws/sign/sigv4.h"
#include "base/sync.h"
#include "config/resolve.h"
#include "deploy/deploy.h"
#include "deploy/images_test.h"
#include "env/environment.h"
#include "env/existing.h"
#include "env/names.h"
#include "env/resources/resources.h"
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

  // Why ECS could not start a task of the family; empty when it could.
  std::string StopReasonOf(const char* family) {
    const Json web = First("ecs", "DescribeServices", "services",
                           {{"cluster", "alpha-cluster"}, {"services", Json::array({"alpha-web"})}});
    const Json task = First("ecs", "RunTask", "tasks",
                            {{"cluster", "alpha-cluster"},
                             {"taskDefinition", family},
                             {"networkConfiguration", web["networkConfiguration"]}});
    Rest();
    const Json now = First("ecs", "DescribeTasks", "tasks",
                           {{"cluster", "alpha-cluster"}, {"tasks", Json::array({task["taskArn"]})}});
    const std::string reason = now.value("stoppedReason", "");
    if (reason.empty()) {
      EXPECT_EQ(now["lastStatus"], "RUNNING") << family;
      Alter("ecs", "StopTask", {{"cluster", "alpha-cluster"}, {"task", task["taskArn"]}});
    }
    // One that has run to its end was started.
    return reason.starts_with("Essential container") ? "" : reason;
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
    if (config_.target.existing.database.empty()) {
      Alter("rds", "StopDBInstance", {{"DBInstanceIdentifier", config_.target.shared + "-rds"}});
    }
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

  // As `docker push` does with containers of containerd, and podman but for the first look.
  void Push(const std::string& token, const std::string& tag, const std::string& repository = "backend") {
    const std::string place = fmt::format("/v2/{}/", repository);
    const auto send = [&](const std::string& method, const std::string& path, const std::string& body,
                          std::vector<int> expected) {
      const net::Response response =
          cloud_.Handle({.method = method,
                         .target = place + path,
                         .headers = {{"Host", "127.0.0.1:4566"}, {"Authorization", "Basic " + token}},
                         .body = body});
      if (std::find(expected.begin(), expected.end(), response.status) == expected.end()) {
        throw Error(fmt::format("{} {}: {} {}", method, path, response.status, response.body));
      }
      return response;
    };
    send("HEAD", "manifests/" + tag, "", {404});
    const auto blob = [&](const std::string& data) {
      const std::string digest = "sha256:" + aws::Sha256Hex(data);
      if (send("HEAD", "blobs/" + digest, "", {200, 404}).status == 200) return digest;
      std::string upload = send("POST", "blobs/uploads/", "", {202}).headers.GetOr("Location", "");
      upload = upload.substr(place.size());
      send("PATCH", upload, data, {202});
      send("PUT", upload + "?digest=" + digest, "", {201});
      return digest;
    };
    const Json manifest{{"schemaVersion", 2},
                        {"config", {{"digest", blob("config " + tag)}, {"size", 1}}},
                        {"layers", Json::array({{{"digest", blob("layer")}, {"size", 1}}})}};
    send("PUT", "manifests/" + tag, manifest.dump(), {201});
  }

  // Every command about an environment, between shared resources that are there.
  std::vector<std::string> RunEnvironment() {
    std::vector<std::string> errors;
    const auto note = [&](const char* command, const std::string& error) {
      if (!error.empty()) errors.push_back(fmt::format("{}: {}", command, error));
    };
    note("lock", Lock(env::EnvironmentLock("alpha")));
    note("image build", Run([this](env::Context& context, env::RecordStore&) {
           context.CallUnless({"RepositoryNotFoundException"}, "ecr", "DescribeRepositories",
                              {{"repositoryNames", Json::array({"backend"})}});
           context.CallUnless({"RepositoryAlreadyExistsException"}, "ecr", "CreateRepository",
                              {{"repositoryName", "backend"}});
           const Json token =
               context.Call("ecr", "GetAuthorizationToken")["authorizationData"][0]["authorizationToken"];
           Push(token, "v3");
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
    const char* bucket = "dev-localhost-alpha-bucket";
    Alter("s3", "PutObject", {{"Bucket", bucket}, {"Key", "media/x"}, {"Body", "x"}});
    Alter("s3", "CreateMultipartUpload", {{"Bucket", bucket}, {"Key", "media/large"}});
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
    if (config_.target.makes_boundary) {
      // Of before there was a boundary.
      const Json trust = {{"Statement",
                           {{{"Effect", "Allow"},
                             {"Principal", {{"Service", "ecs-tasks.amazonaws.com"}}},
                             {"Action", "sts:AssumeRole"}}}}};
      Alter("iam", "CreateRole", {{"RoleName", "alpha-task-role"}, {"AssumeRolePolicyDocument", trust.dump()}});
    }
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

  // A statement without one of its actions, of its resources, or of the values that a condition allows; and what is
  // missing.
  static std::vector<std::pair<std::string, Json>> WithOneThingLess(const Json& statement) {
    std::vector<std::pair<std::string, Json>> variants;
    const auto shorten = [&](const Json::json_pointer& list) {
      for (std::size_t i = 0; i < statement[list].size(); ++i) {
        Json variant = statement;
        variant[list].erase(i);
        variants.emplace_back(statement[list][i].get<std::string>(), std::move(variant));
      }
    };
    shorten(Json::json_pointer("/Action"));
    // Of a single one all actions are.
    if (statement["Resource"].size() > 1) shorten(Json::json_pointer("/Resource"));
    const Json conditions = statement.value("Condition", Json::object());
    for (const auto& [name, keys] : conditions.items()) {
      for (const auto& [key, values] : keys.items()) {
        if (values.is_array()) shorten(Json::json_pointer("/Condition") / name / key);
      }
    }
    return variants;
  }

  // Nothing could be left out of any statement.
  void ExpectTight(const Json& policy) {
    const Principal nobody;
    const Json& statements = policy["Statement"];
    std::map<std::size_t, std::vector<const Permission*>> only;  // what one statement alone allows
    for (const Permission& needed : needed_) {
      std::vector<std::size_t> allowing;
      for (std::size_t i = 0; i < statements.size(); ++i) {
        if (EffectOf({{"Statement", statements[i]}}, nobody, needed) == Effect::kAllow) allowing.push_back(i);
      }
      EXPECT_FALSE(allowing.empty()) << needed.action << " on " << needed.resource;
      if (allowing.size() == 1) only[allowing.front()].push_back(&needed);
    }
    std::size_t parts = 0;
    for (std::size_t i = 0; i < statements.size(); ++i) {
      for (const auto& [missing, variant] : WithOneThingLess(statements[i])) {
        ++parts;
        const bool refused = std::any_of(only[i].begin(), only[i].end(),
                                         [&, less = Json{{"Statement", variant}}](const Permission* needed) {
                                           return EffectOf(less, nobody, *needed) != Effect::kAllow;
                                         });
        EXPECT_TRUE(refused) << statements[i].value("Sid", std::to_string(i)) << " could be without " << missing;
      }
    }
    fmt::print("[  policy  ] {} statements, {} parts, {} characters; {} permissions were asked for\n",
               statements.size(), parts, policy.dump().size(), needed_.size());
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

TEST_F(Policies, WithABoundaryTheyNeedExactlyTheirPolicyToo) {
  config_.target.makes_boundary = true;
  access_key_ = "root";
  EXPECT_EQ(Apply([](env::Context& context) { return env::PrepareBootstrap(context, ""); }), "");
  EXPECT_EQ(Apply(env::PrepareShared), "");
  const Json policy = env::EnvironmentsPolicy(Scope());
  EXPECT_LE(policy.dump().size(), env::kInlinePoliciesLimit);
  Become("environments", policy);
  EXPECT_EQ(RunEnvironment(), std::vector<std::string>{});
  ExpectTight(policy);
  EXPECT_EQ(Up(), "");
  EXPECT_EQ(First("iam", "ListEntitiesForPolicy", "PolicyRoles", {{"PolicyArn", Scope().boundary}})["RoleName"],
            "alpha-task-role");
  access_key_ = "root";
  const std::string in_use = Run(
      [](env::Context& context, env::RecordStore&) { env::MakeTaskBoundary("dev")->Delete(context, Json::object()); });
  EXPECT_EQ(in_use, "policy dev-task-boundary limits the tasks of environments that are there");
}

TEST_F(Policies, WithoutItsPolicyABoundaryIsMissing) {
  config_.target.makes_boundary = true;
  MakeRecordsBucket();
  EXPECT_EQ(Apply(env::PrepareShared), "");
  EXPECT_NE(Up().find("role alpha-task-role cannot be made: there is no policy "
                      "arn:aws:iam::000000000000:policy/dev-task-boundary for its permissions boundary"),
            std::string::npos);
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

// As ECS, its agent and the application use them.
TEST_F(Policies, TasksNeedExactlyTheirRolesPolicies) {
  MakeRecordsBucket();
  EXPECT_EQ(Apply(env::PrepareShared), "");
  EXPECT_EQ(Up(), "");
  const auto put = [&](const char* role, const Json& policy) {
    Alter("iam", "PutRolePolicy", {{"RoleName", role}, {"PolicyName", "adhoc"}, {"PolicyDocument", policy.dump()}});
  };
  // Each of the policies with one thing less, which has to matter.
  const auto expect_needed = [&](const char* role, const Json& policy, const std::function<bool()>& works) {
    EXPECT_TRUE(works()) << role;
    for (std::size_t i = 0; i < policy["Statement"].size(); ++i) {
      for (const auto& [missing, variant] : WithOneThingLess(policy["Statement"][i])) {
        Json less = policy;
        less["Statement"][i] = variant;
        put(role, less);
        EXPECT_FALSE(works()) << role << " could be without " << missing << " in statement " << i;
      }
    }
    put(role, policy);
    EXPECT_TRUE(works()) << role;
  };
  expect_needed("dev-ecs-execution-role", env::ExecutionPolicy(Scope()),
                [&] { return StopReasonOf("alpha-web").empty() && StopReasonOf("alpha-database").empty(); });

  const Json task = env::TaskPolicy(Scope(), "alpha", true);
  Json channels = task;
  Json objects = task;
  objects["Statement"].erase(0);
  while (channels["Statement"].size() > 1) channels["Statement"].erase(1);
  const Json tasks = api().Call("ecs", "ListTasks", {{"cluster", "alpha-cluster"}, {"serviceName", "alpha-web"}});
  expect_needed("alpha-task-role", channels, [&] {
    return api().ErrorOf("ecs", "ExecuteCommand",
                         {{"cluster", "alpha-cluster"},
                          {"task", tasks["taskArns"][0]},
                          {"interactive", true},
                          {"command", "sh"}}) == "";
  });

  Become("application", objects);
  api().set_access_key(access_key_);
  const auto use = [&](const std::string& bucket) {
    const Json object{{"Bucket", bucket}, {"Key", "media/x"}};
    std::vector<std::string> errors;
    for (const char* operation : {"PutObject", "GetObject", "DeleteObject"}) {
      errors.push_back(api().ErrorOf("s3", operation, object));
    }
    errors.push_back(api().ErrorOf("s3", "ListObjectsV2", {{"Bucket", bucket}}));
    return errors;
  };
  EXPECT_EQ(use("dev-localhost-alpha-bucket"), std::vector<std::string>(4, ""));
  ExpectTight(objects);
  EXPECT_EQ(use("dev-localhost-beta-bucket"), std::vector<std::string>(4, "AccessDenied"));
  api().set_access_key("root");
}

// Beside what it is for: an environment's own, of this domain and these repositories.
TEST_F(Policies, WhatIsSomebodyElsesIsRefused) {
  MakeRecordsBucket();
  EXPECT_EQ(Apply(env::PrepareShared), "");
  const std::string account = "000000000000";
  const std::string role = fmt::format("arn:aws:iam::{}:role/", account);
  const Json trust = {
      {"Statement",
       {{{"Effect", "Allow"}, {"Principal", {{"Service", "ecs-tasks.amazonaws.com"}}}, {"Action", "sts:AssumeRole"}}}}};
  const Json statement{{"Effect", "Allow"}, {"Action", "*"}, {"Resource", "*"}};
  const std::string everything = Json{{"Statement", Json::array({statement})}}.dump();
  Alter("iam", "CreateRole", {{"RoleName", "admin"}, {"AssumeRolePolicyDocument", trust.dump()}});
  Alter("ecs", "CreateCluster", {{"clusterName", "theirs"}});
  Alter("secretsmanager", "CreateSecret", {{"Name", "theirs/KEY"}, {"SecretString", "x"}});
  Alter("s3", "CreateBucket", {{"Bucket", "theirs"}});
  Alter("logs", "CreateLogGroup", {{"logGroupName", "/aws/theirs"}});
  Alter("ecr", "CreateRepository", {{"repositoryName", "theirs"}});
  const std::string zone = First("route53", "ListHostedZonesByName", "HostedZones")["Id"];
  const std::string balancer = First("elbv2", "DescribeLoadBalancers", "LoadBalancers")["LoadBalancerArn"];
  const Json task{{"family", "alpha-web"},
                  {"taskRoleArn", role + "admin"},
                  {"containerDefinitions", Json::array({{{"name", "web"}, {"image", "x"}}})}};
  const Json record{{"Name", "www.example.com"},
                    {"Type", "A"},
                    {"TTL", 60},
                    {"ResourceRecords", Json::array({{{"Value", "192.0.2.1"}}})}};
  struct Attempt {
    const char* service;
    const char* operation;
    Json input;
  };
  const std::vector<Attempt> attempts{
      {"iam", "CreateRole", {{"RoleName", "other"}, {"AssumeRolePolicyDocument", trust.dump()}}},
      {"iam", "PutRolePolicy", {{"RoleName", "admin"}, {"PolicyName", "adhoc"}, {"PolicyDocument", everything}}},
      // Itself, and what ECS starts its tasks with.
      {"iam", "PutRolePolicy", {{"RoleName", "environments"}, {"PolicyName", "p"}, {"PolicyDocument", everything}}},
      {"iam",
       "PutRolePolicy",
       {{"RoleName", "dev-ecs-execution-role"}, {"PolicyName", "adhoc"}, {"PolicyDocument", everything}}},
      {"iam",
       "AttachRolePolicy",
       {{"RoleName", "alpha-task-role"}, {"PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess"}}},
      {"iam", "CreateServiceLinkedRole", {{"AWSServiceName", "autoscaling.amazonaws.com"}}},
      {"ecs", "RegisterTaskDefinition", task},
      {"ecs", "DeleteCluster", {{"cluster", "theirs"}}},
      {"ecs", "CreateCluster", {{"clusterName", "untagged-cluster"}}},
      {"ecs", "RunTask", {{"cluster", "theirs"}, {"taskDefinition", "alpha-web"}}},
      {"secretsmanager", "GetSecretValue", {{"SecretId", "theirs/KEY"}}},
      {"secretsmanager", "DeleteSecret", {{"SecretId", "theirs/KEY"}}},
      {"s3", "ListObjectsV2", {{"Bucket", "theirs"}}},
      {"s3", "DeleteBucket", {{"Bucket", "theirs"}}},
      {"s3", "DeleteBucket", {{"Bucket", env::RecordsBucketName(account, "us-east-1")}}},
      {"logs", "DeleteLogGroup", {{"logGroupName", "/aws/theirs"}}},
      {"ecr", "PutImage", {{"repositoryName", "theirs"}, {"imageManifest", "{}"}, {"imageTag", "v1"}}},
      {"ecr", "DeleteRepository", {{"repositoryName", "backend"}}},
      {"elbv2", "DeleteLoadBalancer", {{"LoadBalancerArn", balancer}}},
      {"rds", "DeleteDBInstance", {{"DBInstanceIdentifier", "dev-rds"}, {"SkipFinalSnapshot", true}}},
      {"cloudwatch", "DeleteAlarms", {{"AlarmNames", Json::array({"theirs"})}}},
      {"route53",
       "ChangeResourceRecordSets",
       {{"HostedZoneId", zone},
        {"ChangeBatch", {{"Changes", Json::array({{{"Action", "CREATE"}, {"ResourceRecordSet", record}}})}}}}}};
  Become("environments", env::EnvironmentsPolicy(Scope()));
  for (const Attempt& attempt : attempts) {
    api().set_access_key(access_key_);
    const std::string error = api().ErrorOf(attempt.service, attempt.operation, attempt.input);
    api().set_access_key("root");
    EXPECT_TRUE(error.starts_with("AccessDenied")) << attempt.operation << " " << attempt.input << ": " << error;
  }
  const std::string token = [&] {
    api().set_access_key(access_key_);
    const Json given = api().Call("ecr", "GetAuthorizationToken")["authorizationData"][0]["authorizationToken"];
    api().set_access_key("root");
    return given.get<std::string>();
  }();
  try {
    Push(token, "v1", "theirs");
    ADD_FAILURE() << "pushed";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("403"), std::string::npos) << error.what();
  }
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
  config_.target.makes_boundary = true;
  const Json policy = env::BootstrapPolicy(Scope());
  Become("bootstrap", policy);
  const auto up = [](env::Context& context) { return env::PrepareBootstrap(context, "shop/web"); };
  const auto down = [](env::Context& context) { return env::PrepareBootstrapDown(context, false); };
  const auto forced = [](env::Context& context) { return env::PrepareBootstrapDown(context, true); };
  EXPECT_EQ(Lock(env::kBootstrapLock), "");
  EXPECT_EQ(Apply(up), "");
  EXPECT_EQ(Run([&](env::Context& context, env::RecordStore&) { EXPECT_TRUE(Plan(context, up).empty()); }), "");
  // Somebody opened and changed things.
  const std::string bucket = "adhoc-records-000000000000-us-east-1";
  Alter("s3", "PutBucketVersioning", {{"Bucket", bucket}, {"VersioningConfiguration", {{"Status", "Suspended"}}}});
  Alter("ecr", "DeleteLifecyclePolicy", {{"repositoryName", "backend"}});
  Alter("iam", "UpdateAssumeRolePolicy",
        {{"RoleName", "dev-deploy-role"},
         {"PolicyDocument", R"({"Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}]})"}});
  for (int i = 0; i < 4; ++i) {  // as many as IAM keeps
    Alter("iam", "CreatePolicyVersion",
          {{"PolicyArn", Scope().boundary},
           {"PolicyDocument", R"({"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]})"},
           {"SetAsDefault", true}});
  }
  EXPECT_EQ(Apply(up), "");
  EXPECT_EQ(last_.plan.Count(env::Action::kUpdate), 4) << last_.plan.Summary();
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
  config_.target.makes_boundary = true;
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
