#include "aws/client/waiter.h"

#include <gtest/gtest.h>

#include "aws/client/jmespath.h"

namespace adhoc::aws {
namespace {

using State = WaiterVerdict::State;

const Waiter& Get(const char* service, const char* name) { return GetService(service).waiters.at(name); }

WaiterVerdict Judge(const char* service, const char* name, const char* output) {
  return JudgeObservation(Get(service, name), {200, Json::parse(output), ""});
}

TEST(WaiterTest, TasksStoppedNeedsAllOfThem) {
  EXPECT_EQ(Judge("ecs", "TasksStopped", R"({"tasks":[{"lastStatus":"STOPPED"},{"lastStatus":"RUNNING"}]})").state,
            State::kRetry);
  EXPECT_EQ(Judge("ecs", "TasksStopped", R"({"tasks":[{"lastStatus":"STOPPED"},{"lastStatus":"STOPPED"}]})").state,
            State::kSuccess);
  EXPECT_EQ(Judge("ecs", "TasksStopped", R"({"tasks":[]})").state, State::kRetry);
}

TEST(WaiterTest, TasksRunningFailsWhenOneStops) {
  const WaiterVerdict verdict =
      Judge("ecs", "TasksRunning", R"({"tasks":[{"lastStatus":"PENDING"},{"lastStatus":"STOPPED"}]})");
  EXPECT_EQ(verdict.state, State::kFailure);
  EXPECT_EQ(verdict.reason, R"(tasks[].lastStatus is ["PENDING","STOPPED"])");
  EXPECT_EQ(Judge("ecs", "TasksRunning", R"({"failures":[{"reason":"MISSING"}]})").reason,
            R"(failures[].reason is ["MISSING"])");
}

TEST(WaiterTest, ServicesStableComparesCounts) {
  EXPECT_EQ(Judge("ecs", "ServicesStable",
                  R"({"services":[{"status":"ACTIVE","deployments":[{}],"runningCount":1,"desiredCount":1}]})")
                .state,
            State::kSuccess);
  EXPECT_EQ(Judge("ecs", "ServicesStable",
                  R"({"services":[{"status":"ACTIVE","deployments":[{},{}],"runningCount":1,"desiredCount":1}]})")
                .state,
            State::kRetry);
  EXPECT_EQ(Judge("ecs", "ServicesStable", R"({"services":[{"status":"DRAINING"}]})").state, State::kFailure);
}

TEST(WaiterTest, AnErrorMayBeSuccessRetryOrUnexpected) {
  const Waiter& deleted = Get("rds", "DBInstanceDeleted");
  EXPECT_EQ(JudgeObservation(deleted, {404, {}, "DBInstanceNotFound"}).state, State::kSuccess);
  EXPECT_EQ(JudgeObservation(deleted, {403, {}, "AccessDenied"}).state, State::kUnexpectedError);
  EXPECT_EQ(JudgeObservation(Get("s3", "BucketExists"), {404, {}, "404"}).state, State::kRetry);
  EXPECT_EQ(JudgeObservation(Get("s3", "BucketExists"), {200, Json::object(), ""}).state, State::kSuccess);
  EXPECT_EQ(JudgeObservation(Get("s3", "BucketNotExists"), {404, {}, "404"}).state, State::kSuccess);
}

TEST(WaiterTest, ABooleanErrorMatcherMeansAnyOrNone) {
  Waiter waiter;
  waiter.acceptors = Json::parse(R"([{"matcher":"error","expected":false,"state":"success"},
                                     {"matcher":"error","expected":true,"state":"retry"}])");
  EXPECT_EQ(JudgeObservation(waiter, {200, Json::object(), ""}).state, State::kSuccess);
  EXPECT_EQ(JudgeObservation(waiter, {400, Json::object(), "Any"}).state, State::kRetry);
}

TEST(WaiterTest, EveryEmbeddedExpressionIsUnderstood) {
  int expressions = 0;
  for (const std::string& name : EmbeddedServices()) {
    const Service& service = GetService(name);
    for (const auto& [waiter_name, waiter] : service.waiters) {
      for (const Json& acceptor : waiter.acceptors) {
        if (!acceptor.contains("argument")) continue;
        EXPECT_NO_THROW(JmesSearch(acceptor["argument"].get<std::string>(), Json::object()))
            << name << " " << waiter_name;
        ++expressions;
      }
    }
    for (const auto& [operation, paginator] : service.paginators) {
      for (const auto& list : {paginator.output_token, paginator.result_keys}) {
        for (const std::string& expression : list) {
          EXPECT_NO_THROW(JmesSearch(expression, Json::object())) << name << " " << operation;
          ++expressions;
        }
      }
    }
  }
  EXPECT_GT(expressions, 100);
}

TEST(WaiterTest, SaysWhatItSeesWhileItWaits) {
  EXPECT_EQ(DescribeObservation(Get("ecs", "TasksStopped"),
                                {200, Json::parse(R"({"tasks":[{"lastStatus":"RUNNING"}]})"), ""}),
            R"(tasks[].lastStatus is ["RUNNING"])");
  EXPECT_EQ(DescribeObservation(Get("s3", "BucketExists"), {404, {}, "404"}), "the answer is 404");
}

}  // namespace
}  // namespace adhoc::aws
