// What Cloud Map and Route 53 do: operations that take their time, or that another run has begun.
#include "deploy/account_test.h"
#include "env/resources/resources.h"

namespace adhoc::deploy {
namespace {

using Names = InAnAccount;

TEST_F(Names, AreThereWhenTheirOperationHasEnded) {
  const auto account = Make({}, [](const AwsCall& call, Json& output) {
    if (!call.Is("servicediscovery.GetOperation") || call.number > 2) return;
    output["Operation"]["Status"] = call.number == 1 ? "SUBMITTED" : "PENDING";
    output["Operation"].erase("Targets");
  });
  EXPECT_EQ(SharedUp(account), "");
  EXPECT_EQ(account->asked("servicediscovery.GetOperation"), 3);
  EXPECT_EQ(PlannedSharedChanges(), std::vector<std::string>{});
}

// Cloud Map refuses to begin again, and says under which id it was begun.
TEST_F(Names, ThatARunWhichDiedBeganToMakeOrDeleteAreGoneOnWith) {
  const auto nothing = Inventory();
  const auto begun = [&](const char* operation) {
    return Make([=, this](const AwsCall& call) -> std::optional<net::Response> {
      if (!call.Is(operation)) return std::nullopt;
      const Json id = cloud_.api().Call("servicediscovery", call.operation.name, call.input)["OperationId"];
      return aws::EncodeError(call.service, {.code = "DuplicateRequest",
                                             .message = "The operation is already in progress.",
                                             .fields = {{"DuplicateOperationId", id}}});
    });
  };
  ASSERT_EQ(SharedUp(begun("servicediscovery.CreatePrivateDnsNamespace")), "");
  EXPECT_EQ(PlannedSharedChanges(), std::vector<std::string>{});
  ASSERT_EQ(SharedDown(begun("servicediscovery.DeleteNamespace")), "");
  EXPECT_EQ(Inventory(), nothing);
}

TEST_F(Names, ThatAnotherRunMadeMeanwhileAreTaken) {
  const auto account = Make([this](const AwsCall& call) -> std::optional<net::Response> {
    if (!call.Is("servicediscovery.CreatePrivateDnsNamespace")) return std::nullopt;
    auto& api = cloud_.api();
    const Json id = api.Call("servicediscovery", call.operation.name, call.input)["OperationId"];
    Rest();
    const Json made = api.Call("servicediscovery", "GetOperation", {{"OperationId", id}})["Operation"];
    return aws::EncodeError(call.service, {.code = "NamespaceAlreadyExists",
                                           .message = "It already exists.",
                                           .fields = {{"NamespaceId", made["Targets"]["NAMESPACE"]}}});
  });
  ASSERT_EQ(SharedUp(account), "");
  EXPECT_EQ(PlannedSharedChanges(), std::vector<std::string>{});
  EXPECT_TRUE(Up());
}

// They are deregistered a little later than their tasks are gone.
TEST_F(Names, WithInstancesAreDeletedWhenThoseAreGone) {
  ASSERT_TRUE(SharedUp());
  const auto shared = Inventory();
  ASSERT_TRUE(Up());
  const auto account = Make([](const AwsCall& call) -> std::optional<net::Response> {
    if (!call.Is("servicediscovery.DeleteService") || call.number > 2) return std::nullopt;
    return call.Refusal("ResourceInUse", "Service contains registered instances; delete the instances first");
  });
  EXPECT_EQ(Down(account), "");
  EXPECT_EQ(account->asked("servicediscovery.DeleteService"), 3);
  EXPECT_EQ(Inventory(), shared);
}

// Nothing waits for it: whoever opens the URL at once may have to try again.
TEST_F(Names, TakeAMinuteUntilTheyResolve) {
  config_.target.kind = config::TargetKind::kAws;
  const auto account = Make([](const AwsCall& call) -> std::optional<net::Response> {
    if (!call.Is("route53.ChangeResourceRecordSets")) return std::nullopt;
    return call.Answer({{"ChangeInfo", {{"Id", "/change/C1"}, {"Status", "PENDING"}, {"SubmittedAt", 0}}}});
  });
  EXPECT_EQ(Run(account,
                [&](env::Context& context) {
                  context.Publish("hosted zone " + config_.target.domain, {{"id", "Z1"}});
                  context.Publish("load balancer dev-alb", {{"zone_id", "Z2"}, {"dns_name", "dev-alb.example.com"}});
                  env::MakeRecord("alpha.localhost", "dev-alb")->Create(context);
                }),
            "");
  EXPECT_TRUE(Said("within a minute"));
}

}  // namespace
}  // namespace adhoc::deploy
