#include "localcloud/api/task_endpoint.h"

#include <gtest/gtest.h>

#include "localcloud/scheduler/scheduler.h"
#include "testing/local_api.h"

namespace adhoc::localcloud {
namespace {

using namespace std::chrono_literals;
using testing::LocalApi;

// Tasks that run on a fake engine; their containers' requests come unsigned, as from inside.
class TaskEndpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    api_.runtime().AddImage("backend:1");
    api_.runtime().AddImage(api_.cloud().settings.pause_image);
    const std::string vpc = api_.Call("ec2", "CreateVpc", {{"CidrBlock", "10.0.0.0/16"}})["Vpc"]["VpcId"];
    subnet_ = api_.Call("ec2", "CreateSubnet", {{"VpcId", vpc}, {"CidrBlock", "10.0.1.0/24"}})["Subnet"]["SubnetId"];
    api_.Call("ecs", "CreateCluster", {{"clusterName", "alpha"}});
    api_.Call("logs", "CreateLogGroup", {{"logGroupName", "/ecs/alpha"}});
  }

  // The ARN of a running task of the containers.
  std::string Run(const std::string& role, const Json& containers) {
    Json input{{"family", "web"},
               {"networkMode", "awsvpc"},
               {"requiresCompatibilities", {"FARGATE"}},
               {"cpu", "256"},
               {"memory", "512"},
               {"executionRoleArn", "arn:aws:iam::123456789012:role/execution"},
               {"containerDefinitions", containers}};
    if (!role.empty()) input["taskRoleArn"] = role;
    api_.Call("ecs", "RegisterTaskDefinition", input);
    const Json ran = api_.Call("ecs", "RunTask",
                               {{"cluster", "alpha"},
                                {"taskDefinition", "web"},
                                {"launchType", "FARGATE"},
                                {"tags", Json::array({{{"key", "env"}, {"value", "alpha"}}})},
                                {"networkConfiguration", {{"awsvpcConfiguration", {{"subnets", {subnet_}}}}}}});
    scheduler_.Settle();
    return ran["tasks"][0]["taskArn"];
  }
  static Json Web() {
    return {{"name", "web"},
            {"image", "backend:1"},
            {"memory", 128},
            {"logConfiguration",
             {{"logDriver", "awslogs"},
              {"options",
               {{"awslogs-group", "/ecs/alpha"}, {"awslogs-region", "us-east-1"}, {"awslogs-stream-prefix", "web"}}}}}};
  }

  Json Task(const std::string& arn) { return api_.Document("ecs.tasks", arn.substr(arn.find('/') + 1)); }
  std::map<std::string, std::string> Environment(const std::string& arn, int container = 0) {
    return api_.runtime().SpecOf(Task(arn)["containers"][container]["_id"])->environment;
  }
  net::Response Get(const std::string& target) { return api_.Send({.target = target}); }
  // The document that a container reads at a path below its own metadata URI.
  Json Read(const std::string& arn, const std::string& below) {
    const std::string uri = Environment(arn)["ECS_CONTAINER_METADATA_URI_V4"];
    const std::string prefix = "http://169.254.170.2";
    EXPECT_TRUE(uri.starts_with(prefix)) << uri;
    const net::Response response = Get(uri.substr(prefix.size()) + below);
    EXPECT_EQ(response.status, 200) << response.body;
    return Json::parse(response.body);
  }
  std::string CallerOf(const std::string& access_key) {
    net::Request request{.method = "POST", .body = "Action=GetCallerIdentity&Version=2011-06-15"};
    request.headers.Set("Content-Type", "application/x-www-form-urlencoded");
    request.headers.Set("X-Amz-Date", "20261001T000000Z");
    request.headers.Set("Authorization", "AWS4-HMAC-SHA256 Credential=" + access_key +
                                             "/20261001/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=00");
    return api_.Send(request).body;
  }

  LocalApi api_;
  bool has_route_ = true;
  Scheduler scheduler_{
      api_.cloud(),
      {.start_threads = 0, .stop_threads = 0, .health_threads = 0, .route_metadata = [this] { return has_route_; }}};
  std::string subnet_;
};

TEST_F(TaskEndpointTest, ATaskIsDescribedToItsContainers) {
  Json sidecar = Web();
  sidecar["name"] = "sidecar";
  sidecar["essential"] = false;
  sidecar["dockerLabels"] = {{"team", "blue"}};
  const std::string arn = Run("arn:aws:iam::123456789012:role/task", Json::array({Web(), sidecar}));
  const Json task = Read(arn, "/task");
  EXPECT_EQ(task["Cluster"], "arn:aws:ecs:us-east-1:123456789012:cluster/alpha");
  EXPECT_EQ(task["TaskARN"], arn);
  EXPECT_EQ(task["Family"], "web");
  EXPECT_EQ(task["Revision"], "1");
  EXPECT_EQ(task["DesiredStatus"], "RUNNING");
  EXPECT_EQ(task["KnownStatus"], "RUNNING");
  EXPECT_EQ(task["Limits"], (Json{{"CPU", 0.25}, {"Memory", 512}}));
  EXPECT_EQ(task["LaunchType"], "FARGATE");
  EXPECT_EQ(task["AvailabilityZone"], "us-east-1a");
  EXPECT_FALSE(task.contains("TaskTags"));
  ASSERT_EQ(task["Containers"].size(), 2u);
  EXPECT_EQ(task["Containers"][1]["Labels"]["team"], "blue");
  EXPECT_EQ(task["Containers"][1]["Labels"]["com.amazonaws.ecs.container-name"], "sidecar");

  const Json self = Read(arn, "");
  EXPECT_EQ(self, task["Containers"][0]);
  EXPECT_EQ(self["Name"], "web");
  EXPECT_EQ(self["DockerId"], Task(arn)["containers"][0]["runtimeId"]);
  EXPECT_EQ(self["ContainerARN"], Task(arn)["containers"][0]["containerArn"]);
  EXPECT_EQ(self["Limits"], (Json{{"CPU", 2}, {"Memory", 128}}));
  EXPECT_EQ(self["LogOptions"]["awslogs-stream"], "web/web/" + arn.substr(arn.rfind('/') + 1));
  const Json network = self["Networks"][0];
  EXPECT_EQ(network["NetworkMode"], "awsvpc");
  EXPECT_EQ(network["IPv4Addresses"], Json::array({Task(arn)["_ip"]}));
  EXPECT_TRUE(network["IPv4SubnetCIDRBlock"].get<std::string>().ends_with("/24"));
  EXPECT_TRUE(network["SubnetGatewayIpv4Address"].get<std::string>().ends_with("/24"));

  EXPECT_EQ(Read(arn, "/taskWithTags")["TaskTags"], (Json{{"env", "alpha"}}));
}

TEST_F(TaskEndpointTest, VersionThreeKnowsLess) {
  const std::string arn = Run("", Json::array({Web()}));
  const std::string uri = Environment(arn)["ECS_CONTAINER_METADATA_URI"];
  const Json task = Json::parse(Get(uri.substr(std::string("http://169.254.170.2").size()) + "/task").body);
  EXPECT_EQ(task["Cluster"], "alpha");
  EXPECT_FALSE(task["Containers"][0].contains("LogDriver"));
}

TEST_F(TaskEndpointTest, StatsHaveWhatRatesAreMadeOf) {
  const std::string arn = Run("", Json::array({Web()}));
  EXPECT_EQ(Read(arn, "/stats")["precpu_stats"]["cpu_usage"]["total_usage"], 0);
  api_.clock().Advance(10s);
  const Json stats = Read(arn, "/task/stats")[Task(arn)["containers"][0]["runtimeId"].get<std::string>()];
  const auto used = [&](const char* when) { return stats[when]["cpu_usage"]["total_usage"].get<std::int64_t>(); };
  EXPECT_EQ(used("cpu_stats") - used("precpu_stats"), 100'000'000) << "a hundredth of a CPU for ten seconds";
  const auto system = [&](const char* when) { return stats[when]["system_cpu_usage"].get<std::int64_t>(); };
  const std::int64_t cpus = stats["cpu_stats"]["online_cpus"];
  EXPECT_NEAR(static_cast<double>(system("cpu_stats") - system("precpu_stats")), 1e10 * static_cast<double>(cpus), 1e4);
}

TEST_F(TaskEndpointTest, CredentialsAreTheTaskRoles) {
  const std::string arn = Run("arn:aws:iam::123456789012:role/task", Json::array({Web()}));
  const auto environment = Environment(arn);
  EXPECT_FALSE(environment.contains("AWS_ACCESS_KEY_ID"));
  const std::string uri = environment.at("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const Json first = Json::parse(Get(uri).body);
  EXPECT_EQ(first["RoleArn"], "arn:aws:iam::123456789012:role/task");
  EXPECT_FALSE(first["Token"].get<std::string>().empty());
  EXPECT_TRUE(first["Expiration"].get<std::string>().ends_with("Z"));
  const std::string identity = CallerOf(first["AccessKeyId"]);
  EXPECT_NE(identity.find("arn:aws:sts::123456789012:assumed-role/task/" + arn.substr(arn.rfind('/') + 1)),
            std::string::npos)
      << identity;

  EXPECT_EQ(Json::parse(Get(uri).body), first);
  api_.clock().Advance(5h + 1min);
  const Json renewed = Json::parse(Get(uri).body);
  EXPECT_NE(renewed["AccessKeyId"], first["AccessKeyId"]);
  EXPECT_GT(renewed["Expiration"], first["Expiration"]);
  EXPECT_NE(CallerOf(first["AccessKeyId"]).find("assumed-role"), std::string::npos) << "not over yet";
}

TEST_F(TaskEndpointTest, OneTaskDoesNotSeeAnothersCredentials) {
  const std::string role = "arn:aws:iam::123456789012:role/task";
  const std::string one = Environment(Run(role, Json::array({Web()})))["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"];
  const std::string two = Environment(Run(role, Json::array({Web()})))["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"];
  EXPECT_NE(one, two);
  EXPECT_NE(Json::parse(Get(one).body)["AccessKeyId"], Json::parse(Get(two).body)["AccessKeyId"]);
  const net::Response guessed = Get("/v2/credentials/00000000-0000-4000-8000-000000000000");
  EXPECT_EQ(guessed.status, 400);
  EXPECT_EQ(Json::parse(guessed.body)["code"], "InvalidIdInRequest");
  EXPECT_EQ(Json::parse(Get("/v2/credentials/").body)["code"], "NoIdInRequest");
  EXPECT_EQ(Get("/v4/00000000000000000000000000000000").status, 404);
  EXPECT_EQ(Get("/v4/").status, 404);
}

TEST_F(TaskEndpointTest, CredentialsEndWithTheTask) {
  const std::string arn = Run("arn:aws:iam::123456789012:role/task", Json::array({Web()}));
  const std::string uri = Environment(arn)["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"];
  api_.Call("ecs", "StopTask", {{"cluster", "alpha"}, {"task", arn}});
  scheduler_.Settle();
  EXPECT_EQ(Get(uri).status, 400);
}

TEST_F(TaskEndpointTest, WithoutARoleThereAreNoCredentials) {
  const auto environment = Environment(Run("", Json::array({Web()})));
  EXPECT_FALSE(environment.contains("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"));
  EXPECT_FALSE(environment.contains("AWS_ACCESS_KEY_ID"));
  EXPECT_TRUE(environment.contains("ECS_CONTAINER_METADATA_URI_V4"));
}

TEST_F(TaskEndpointTest, WithoutARouteTheKeysAreFixed) {
  has_route_ = false;
  const std::string arn = Run("arn:aws:iam::123456789012:role/task", Json::array({Web()}));
  const auto environment = Environment(arn);
  EXPECT_FALSE(environment.contains("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"));
  EXPECT_EQ(environment.at("AWS_ACCESS_KEY_ID"), "adhoc-task");
  const std::string gateway = "http://" + Task(arn)["_gateway"].get<std::string>() + ":4566";
  EXPECT_TRUE(environment.at("ECS_CONTAINER_METADATA_URI_V4").starts_with(gateway + "/v4/"));
}

TEST_F(TaskEndpointTest, LeavesOtherRequestsAlone) {
  // A key that begins like the endpoint's paths, in a bucket of the host name.
  net::Request request{.target = "/v4/photo.jpg"};
  request.headers.Set("Host", "album.s3.localhost:4566");
  EXPECT_NE(api_.Send(request).body.find("NoSuchBucket"), std::string::npos);
}

}  // namespace
}  // namespace adhoc::localcloud
