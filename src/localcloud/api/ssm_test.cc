#include "localcloud/api/ssm.h"

#include <gtest/gtest.h>

#include "localcloud/scheduler/documents.h"
#include "testing/local_api.h"

namespace adhoc::localcloud {
namespace {

using namespace std::chrono_literals;

class SsmTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto txn = api_.store().Begin();
    txn->Put(
        ecs::kTasks, "my_cluster/task1",
        {{"lastStatus", "RUNNING"},
         {"enableExecuteCommand", true},
         {"containers", Json::array({{{"_id", "engine-1"}, {"runtimeId", "task1-77"}, {"lastStatus", "RUNNING"}}})}});
    txn->Commit();
  }
  Json Call(const std::string& operation, const Json& input) { return api_.Call("ssm", operation, input); }
  Json Start(const std::string& document = "", const Json& parameters = nullptr) {
    Json input = {{"Target", kTarget}};
    if (!document.empty()) input["DocumentName"] = document;
    if (!parameters.is_null()) input["Parameters"] = parameters;
    return Call("StartSession", input);
  }
  std::string Refusal(const std::string& operation, const Json& input) {
    try {
      Call(operation, input);
    } catch (const testing::ServiceError& error) {
      return error.code() + ": " + error.what();
    }
    return "";
  }
  std::size_t Count(const std::string& state, const Json& filters = Json::array()) {
    Json input = {{"State", state}};
    if (!filters.empty()) input["Filters"] = filters;
    return Call("DescribeSessions", input)["Sessions"].size();
  }

  static constexpr const char* kTarget = "ecs:my_cluster_task1_task1-77";
  testing::LocalApi api_;
};

TEST_F(SsmTest, APortSessionIsForTheTaskOrForAHostBehindIt) {
  const Json started =
      Start("AWS-StartPortForwardingSession", {{"portNumber", {"8000"}}, {"localPortNumber", {"18000"}}});
  const std::string id = started["SessionId"];
  EXPECT_EQ(started["StreamUrl"], "ws://127.0.0.1:4566/v1/data-channel/" + id + "?role=publish_subscribe");
  EXPECT_FALSE(started["TokenValue"].get<std::string>().empty());
  Json document = api_.Document(ssm::kSessions, id);
  EXPECT_EQ(document["_kind"], ssm::kPort);
  EXPECT_EQ(document["_runtime"], "engine-1");
  EXPECT_EQ(document["_host"], "");
  EXPECT_EQ(document["_port"], 8000);
  EXPECT_EQ(document["_local_port"], 18000);

  const std::string other = Start("AWS-StartPortForwardingSessionToRemoteHost",
                                  {{"host", {"db.example"}}, {"portNumber", {"5432"}}})["SessionId"];
  document = api_.Document(ssm::kSessions, other);
  EXPECT_EQ(document["_host"], "db.example");
  EXPECT_EQ(document["_port"], 5432);
}

TEST_F(SsmTest, AShellIsTheDefaultAndACommandMayBeGiven) {
  const auto command = [&](const Json& started) {
    return api_.Document(ssm::kSessions, started["SessionId"].get<std::string>())["_command"];
  };
  EXPECT_EQ(command(Start()), "/bin/sh");
  EXPECT_EQ(command(Start("AWS-StartInteractiveCommand", {{"command", {"top -d 1"}}})), "top -d 1");
}

TEST_F(SsmTest, ATargetWhoseAgentIsNotThereIsNotConnected) {
  for (const char* target : {"i-0123456789abcdef0", "ecs:my_cluster_task1_other", "ecs:my_cluster_task2_task1-77",
                             "ecs:task1", "ecs:_task1_task1-77", "ecs:__"}) {
    EXPECT_EQ(Refusal("StartSession", {{"Target", target}}),
              "TargetNotConnected: " + std::string(target) + " is not connected.");
  }
  auto txn = api_.store().Begin();
  txn->Edit(ecs::kTasks, "my_cluster/task1")["enableExecuteCommand"] = false;
  txn->Commit();
  EXPECT_EQ(Refusal("StartSession", {{"Target", kTarget}}),
            std::string("TargetNotConnected: ") + kTarget + " is not connected.");
}

TEST_F(SsmTest, RefusesDocumentsAndParametersThatItDoesNotKnow) {
  const auto refusal = [&](const char* document, const Json& parameters) {
    return Refusal("StartSession", {{"Target", kTarget}, {"DocumentName", document}, {"Parameters", parameters}});
  };
  EXPECT_EQ(refusal("AWS-Nothing", Json::object()), "InvalidDocument: Document with name AWS-Nothing does not exist.");
  const char* port = "AWS-StartPortForwardingSession";
  EXPECT_TRUE(refusal(port, {{"portNumber", {"http"}}}).starts_with("InvalidParameters: "));
  EXPECT_TRUE(refusal(port, {{"portNumber", {"0"}}}).starts_with("InvalidParameters: "));
  EXPECT_TRUE(refusal(port, {{"portNumber", {"70000"}}}).starts_with("InvalidParameters: "));
  EXPECT_TRUE(refusal(port, {{"host", {"db"}}}).starts_with("InvalidParameters: "));
  EXPECT_TRUE(refusal("AWS-StartPortForwardingSessionToRemoteHost", {{"portNumber", {"1"}}})
                  .starts_with("InvalidParameters: "));
}

TEST_F(SsmTest, SessionsAreActiveUntilTheyAreTerminated) {
  const std::string id = Start()["SessionId"];
  api_.clock().Advance(1s);
  Start();
  EXPECT_EQ(Count("Active"), 2u);
  EXPECT_EQ(Count("Active", Json::array({{{"key", "SessionId"}, {"value", id}}})), 1u);
  EXPECT_EQ(Count("Active", Json::array({{{"key", "Target"}, {"value", "ecs:other"}}})), 0u);
  EXPECT_EQ(Call("TerminateSession", {{"SessionId", id}})["SessionId"], id);
  EXPECT_EQ(Count("Active"), 1u);
  const Json over = Call("DescribeSessions", {{"State", "History"}})["Sessions"];
  ASSERT_EQ(over.size(), 1u);
  EXPECT_EQ(over[0]["Status"], "Terminated");
  EXPECT_TRUE(over[0].contains("EndDate"));
  EXPECT_FALSE(over[0].contains("_token"));
}

TEST_F(SsmTest, WhatIsServedIsAskedToEnd) {
  const std::string id = Start()["SessionId"];
  auto txn = api_.store().Begin();
  txn->Edit(ssm::kSessions, id)["Status"] = "Connected";
  txn->Commit();
  Call("TerminateSession", {{"SessionId", id}});
  EXPECT_EQ(api_.Document(ssm::kSessions, id)["Status"], "Terminating");
  EXPECT_FALSE(Call("ResumeSession", {{"SessionId", id}}).contains("TokenValue"));
}

TEST_F(SsmTest, ResumingGivesAnotherToken) {
  const Json started = Start();
  const Json resumed = Call("ResumeSession", {{"SessionId", started["SessionId"]}});
  EXPECT_EQ(resumed["StreamUrl"], started["StreamUrl"]);
  EXPECT_NE(resumed["TokenValue"], started["TokenValue"]);
  EXPECT_EQ(Refusal("ResumeSession", {{"SessionId", "nothing"}}),
            "DoesNotExistException: Session nothing does not exist.");
}

TEST_F(SsmTest, ForgetsSessionsThatNobodyConnectedTo) {
  const std::string id = Start()["SessionId"];
  api_.clock().Advance(21min);
  Start();
  EXPECT_TRUE(api_.Document(ssm::kSessions, id).is_null());
}

}  // namespace
}  // namespace adhoc::localcloud
