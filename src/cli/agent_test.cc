// The agent of ECS Exec in an account: there some seconds after its container, or not at all.
#include "cli/agent.h"

#include <gtest/gtest.h>

#include "deploy/account_test.h"

namespace adhoc::cli {
namespace {

using deploy::AwsCall;

constexpr const char* kNotThere =
    "The execute command failed because execute command was not enabled when the task was run or the execute command "
    "agent isn’t running. Wait and try again or run a new task with execute command enabled and try again.";

class AgentInAnAccount : public deploy::InAnAccount {
 protected:
  void SetUp() override {
    ASSERT_TRUE(SharedUp());
    ASSERT_TRUE(Up());
  }

  std::string Exec(const std::shared_ptr<deploy::Account>& account) {
    const TimePoint begin = cloud_.clock().Now();
    const std::string error = Run(account, [&](env::Context& context) { answer_ = StartExec(context, "web", "true"); });
    waited_ = cloud_.clock().Now() - begin;
    return error;
  }

  Json answer_;
  Duration waited_{0};
};

TEST_F(AgentInAnAccount, ThatIsStillStartingIsWaitedFor) {
  for (const auto& [code, message] : {std::pair("InvalidParameterException", kNotThere),
                                      {"TargetNotConnectedException", "The target is not connected."}}) {
    const auto account = Make([&](const AwsCall& call) -> std::optional<net::Response> {
      if (!call.Is("ecs.ExecuteCommand") || call.number > 2) return std::nullopt;
      return call.Refusal(code, message);
    });
    EXPECT_EQ(Exec(account), "") << code;
    EXPECT_EQ(account->asked("ecs.ExecuteCommand"), 3);
    EXPECT_FALSE(answer_["session"]["tokenValue"].get<std::string>().empty());
  }
}

TEST_F(AgentInAnAccount, ThatDoesNotComeIsNotWaitedForLong) {
  const auto account = Make([&](const AwsCall& call) -> std::optional<net::Response> {
    if (!call.Is("ecs.ExecuteCommand")) return std::nullopt;
    return call.Refusal("TargetNotConnectedException", "The target is not connected.");
  });
  EXPECT_NE(Exec(account).find("the agent of ECS Exec in the task of web is not connected"), std::string::npos);
  EXPECT_NE(hint_.find("adhoc deploy alpha"), std::string::npos);
  EXPECT_GE(waited_, std::chrono::seconds(30));
  EXPECT_LE(waited_, std::chrono::seconds(40));
}

TEST_F(AgentInAnAccount, ThatWillNeverComeIsNotWaitedFor) {
  const auto refuse = [&](const AwsCall& call) -> std::optional<net::Response> {
    if (!call.Is("ecs.ExecuteCommand")) return std::nullopt;
    return call.Refusal("InvalidParameterException", kNotThere);
  };
  const auto without = Make(refuse, [](const AwsCall& call, Json& output) {
    if (!call.Is("ecs.DescribeTasks")) return;
    for (Json& task : output["tasks"]) task["enableExecuteCommand"] = false;
  });
  EXPECT_EQ(Exec(without), "the task of web was started without ECS Exec");
  EXPECT_EQ(without->asked("ecs.ExecuteCommand"), 1);
  const auto stopped = Make(refuse, [](const AwsCall& call, Json& output) {
    if (!call.Is("ecs.DescribeTasks")) return;
    for (Json& task : output["tasks"]) {
      task["containers"][0]["managedAgents"] = Json::array(
          {{{"name", "ExecuteCommandAgent"}, {"lastStatus", "STOPPED"}, {"reason", "no room on the disk"}}});
    }
  });
  EXPECT_EQ(Exec(stopped), "the agent of ECS Exec in the task of web has stopped: no room on the disk");
  EXPECT_EQ(stopped->asked("ecs.ExecuteCommand"), 1);
}

TEST_F(AgentInAnAccount, OtherRefusalsAreToldAsTheyAre) {
  const auto account = Make([&](const AwsCall& call) -> std::optional<net::Response> {
    if (!call.Is("ecs.ExecuteCommand")) return std::nullopt;
    return call.Refusal("AccessDeniedException", "not authorized to perform: ecs:ExecuteCommand");
  });
  EXPECT_NE(Exec(account).find("not authorized to perform: ecs:ExecuteCommand"), std::string::npos);
  EXPECT_EQ(account->asked("ecs.ExecuteCommand"), 1);
}

TEST_F(AgentInAnAccount, ATaskWhoseAgentRunsComesBeforeANewerOne) {
  cloud_.api().Call("ecs", "UpdateService",
                    {{"cluster", "alpha-cluster"}, {"service", "alpha-web"}, {"desiredCount", 2}});
  Rest();
  std::string newest;
  Json task;
  const auto find = [&](bool agent_starts) {
    const auto account = Make({}, [&](const AwsCall& call, Json& output) {
      if (!call.Is("ecs.DescribeTasks")) return;
      EXPECT_EQ(output["tasks"].size(), 2u);
      for (Json& one : output["tasks"]) {
        if (agent_starts && one["taskArn"] == newest)
          one["containers"][0]["managedAgents"][0]["lastStatus"] = "PENDING";
      }
    });
    EXPECT_EQ(Run(account, [&](env::Context& context) { task = RunningTask(context, "web"); }), "");
    return task["taskArn"].get<std::string>();
  };
  newest = find(false);
  EXPECT_NE(find(true), newest);
}

TEST_F(AgentInAnAccount, OfForwardThatIsNotThereIsSaid) {
  const auto account = Make([&](const AwsCall& call) -> std::optional<net::Response> {
    if (!call.Is("ssm.StartSession")) return std::nullopt;
    return call.Refusal("TargetNotConnected", "ecs:alpha-cluster_1_2 is not connected.");
  });
  const std::string error = Run(account, [&](env::Context& context) {
    StartPortSession(context, "web", RunningTask(context, "web"), {.host = "", .port = 8000}, 18000);
  });
  EXPECT_EQ(error,
            "the agent in web's task is not connected: the task has just begun, or was started without ECS Exec");
  EXPECT_EQ(hint_, "once more in a moment; a new task: adhoc deploy alpha");
}

TEST_F(AgentInAnAccount, ForwardNamesTheTaskAndTheDocument) {
  Json input;
  const auto account = Make([&](const AwsCall& call) -> std::optional<net::Response> {
    if (call.Is("ssm.StartSession")) input = call.input;
    return std::nullopt;
  });
  const auto start = [&](const PortEnd& remote) {
    return Run(account, [&](env::Context& context) {
      answer_ = StartPortSession(context, "web", RunningTask(context, "web"), remote, 18000);
    });
  };
  EXPECT_EQ(start({.host = "", .port = 8000}), "");
  EXPECT_TRUE(input["Target"].get<std::string>().starts_with("ecs:alpha-cluster_")) << input;
  EXPECT_EQ(input["DocumentName"], "AWS-StartPortForwardingSession");
  EXPECT_FALSE(answer_["TokenValue"].get<std::string>().empty());
  EXPECT_EQ(start({.host = "database.example", .port = 5432}), "");
  EXPECT_EQ(input["DocumentName"], "AWS-StartPortForwardingSessionToRemoteHost");
  EXPECT_EQ(input["Parameters"],
            (Json{{"portNumber", {"5432"}}, {"localPortNumber", {"18000"}}, {"host", {"database.example"}}}));
}

}  // namespace
}  // namespace adhoc::cli
