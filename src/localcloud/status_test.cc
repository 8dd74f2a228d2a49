#include "localcloud/status.h"

#include <gtest/gtest.h>

#include "testing/local_cloud.h"

namespace adhoc::localcloud {
namespace {

class StatusTest : public ::testing::Test {
 protected:
  StatusTest() { cloud_.runtime().AddImage("localhost/web:1"); }

  Json Call(const char* service, const char* operation, const Json& input) {
    Json answer = api_.Call(service, operation, input);
    cloud_.Settle();
    return answer;
  }

  Json Network() {
    Json subnets = Json::array();
    const Json answer = Call("ec2", "DescribeSubnets", Json::object());
    for (const Json& subnet : answer["Subnets"]) subnets.push_back(subnet["SubnetId"]);
    return {{"awsvpcConfiguration", {{"subnets", subnets}}}};
  }

  Json Status() {
    Json status = Summarize(*api_.store().Begin());
    AddMemory(status, MeasureContainers(cloud_.runtime(), {{"adhoc.instance", api_.cloud().settings.instance}}));
    return status;
  }

  testing::LocalCloud cloud_;
  testing::LocalApi& api_ = cloud_.api();
};

TEST_F(StatusTest, OfANewAccountIsEmpty) {
  const Json none = Json::array();
  EXPECT_EQ(Status(), (Json{{"clusters", none},
                            {"load_balancers", none},
                            {"databases", none},
                            {"buckets", none},
                            {"containers", 0},
                            {"memory_bytes", 0}}));
}

TEST_F(StatusTest, ShowsServicesTasksLoadBalancersAndBucketsWithTheirMemory) {
  Call("ecs", "CreateCluster", {{"clusterName", "alpha"}});
  Call("ecs", "RegisterTaskDefinition",
       {{"family", "web"},
        {"networkMode", "awsvpc"},
        {"requiresCompatibilities", Json::array({"FARGATE"})},
        {"cpu", "256"},
        {"memory", "512"},
        {"containerDefinitions", Json::array({{{"name", "web"}, {"image", "localhost/web:1"}}})}});
  const Json network = Network();
  Call("ecs", "CreateService",
       {{"cluster", "alpha"},
        {"serviceName", "web"},
        {"taskDefinition", "web"},
        {"desiredCount", 2},
        {"launchType", "FARGATE"},
        {"networkConfiguration", network}});
  Call("ecs", "RunTask",
       {{"cluster", "alpha"}, {"taskDefinition", "web"}, {"launchType", "FARGATE"}, {"networkConfiguration", network}});
  const std::string balancer =
      Call("elbv2", "CreateLoadBalancer",
           {{"Name", "front"},
            {"Subnets", network["awsvpcConfiguration"]["subnets"]}})["LoadBalancers"][0]["LoadBalancerArn"];
  for (const int port : {8443, 8080}) {
    Call("elbv2", "CreateListener",
         {{"LoadBalancerArn", balancer},
          {"Protocol", "HTTP"},
          {"Port", port},
          {"DefaultActions",
           Json::array({{{"Type", "fixed-response"}, {"FixedResponseConfig", {{"StatusCode", "404"}}}}})}});
  }
  Call("s3", "CreateBucket", {{"Bucket", "things"}});
  Call("s3", "CreateBucket", {{"Bucket", "nothing"}});
  Call("s3", "PutObject", {{"Bucket", "things"}, {"Key", "a/b"}, {"Body", "12345"}});

  const Json status = Status();
  const Json& cluster = status.at("clusters").at(0);
  EXPECT_EQ(cluster["name"], "alpha");
  const Json& service = cluster["services"].at(0);
  EXPECT_EQ(service["name"], "web");
  EXPECT_EQ(service["task_definition"], "web:1");
  EXPECT_EQ(service["running"], 2);
  EXPECT_EQ(service["desired"], 2);
  EXPECT_EQ(service["containers"], 2);
  EXPECT_EQ(service["memory_bytes"], 64 << 20);
  ASSERT_EQ(cluster["tasks"].size(), 1U) << "those of a service are not repeated";
  EXPECT_EQ(cluster["tasks"][0]["status"], "RUNNING");
  EXPECT_EQ(cluster["tasks"][0]["memory_bytes"], 32 << 20);
  const Json& front = status.at("load_balancers").at(0);
  EXPECT_EQ(front["state"], "active");
  EXPECT_EQ(front["listeners"],
            Json::array({{{"protocol", "HTTP"}, {"port", 8080}, {"url", "http://127.0.0.1:8080"}},
                         {{"protocol", "HTTP"}, {"port", 8443}, {"url", "http://127.0.0.1:8443"}}}));
  EXPECT_EQ(front["containers"], 1);
  EXPECT_EQ(status["buckets"], Json::array({{{"name", "nothing"}, {"objects", 0}, {"bytes", 0}},
                                            {{"name", "things"}, {"objects", 1}, {"bytes", 5}}}));
  EXPECT_EQ(status["containers"], 4);
  EXPECT_EQ(status["memory_bytes"], 4 * (32 << 20));
  EXPECT_GT(ResidentBytes(), 1 << 20);
}

}  // namespace
}  // namespace adhoc::localcloud
