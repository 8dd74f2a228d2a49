// What `adhoc quota` reads in an account.
#include "deploy/account_test.h"
#include "env/quota.h"

namespace adhoc::deploy {
namespace {

class Quotas : public InAnAccount {
 protected:
  // The one whose name begins so; all of none where there is none.
  env::Quota Read(const std::shared_ptr<Account>& account, const std::string& name) {
    env::Quota found;
    EXPECT_EQ(Run(account,
                  [&](env::Context& context) {
                    for (env::Quota& quota : env::ReadQuotas(context)) {
                      if (quota.name.starts_with(name)) found = std::move(quota);
                    }
                  }),
              "");
    return found;
  }
};

TEST_F(Quotas, AddressesAreThoseOfTheSubnetsOfTasks) {
  ASSERT_TRUE(SharedUp());
  const std::string kAddresses = "Addresses in the subnets of tasks";
  const env::Quota before = Read(Make({}), kAddresses);
  EXPECT_EQ(before.limit, config_.target.network.zones * 251) << "AWS keeps five of each subnet";
  EXPECT_EQ(before.per_environment, 3) << "redis, which may be scaled to two, and web";
  ASSERT_TRUE(Up());
  EXPECT_EQ(Read(Make({}), kAddresses).used, before.used + 2);
  ASSERT_TRUE(Down());
  Rest();
  EXPECT_EQ(Read(Make({}), kAddresses).used, before.used);
}

// Of a quota that nobody has raised, the account's own value may not be known.
std::optional<net::Response> KnowsDefaultsOnly(const AwsCall& call) {
  if (!call.Is("service-quotas.GetServiceQuota")) return std::nullopt;
  return call.Refusal("NoSuchResourceException", "The request failed because the specified resource does not exist.");
}

TEST_F(Quotas, AreAwssDefaultsWhereTheAccountHasNoneOfItsOwn) {
  ASSERT_TRUE(SharedUp());
  config_.target.kind = config::TargetKind::kAws;
  const env::Quota vcpus = Read(Make(KnowsDefaultsOnly), "Fargate On-Demand vCPU");
  EXPECT_TRUE(vcpus.is_default);
  EXPECT_EQ(vcpus.limit, 6);
}

TEST_F(Quotas, ThatAreDefaultsOpenTheNextLoadBalancerToo) {
  ASSERT_TRUE(SharedUp());
  const auto account = Make(KnowsDefaultsOnly, [](const AwsCall& call, Json& output) {
    if (!call.Is("elbv2.DescribeRules") || call.input.value("ListenerArn", "").find("/dev-alb/") == std::string::npos)
      return;
    for (int i = 1; i <= 100; ++i) {
      output["Rules"].push_back({{"RuleArn", fmt::format("arn:aws:elasticloadbalancing:rule/{}", i)},
                                 {"Priority", std::to_string(i)},
                                 {"IsDefault", false},
                                 {"Conditions", Json::array()},
                                 {"Actions", Json::array()}});
    }
  });
  EXPECT_EQ(Up(account), "");
  EXPECT_EQ(account->asked("service-quotas.GetServiceQuota"), 1);
  EXPECT_EQ(cloud_.api().ErrorOf("elbv2", "DescribeLoadBalancers", {{"Names", {"dev-alb-2"}}}), "");
}

// PostgreSQL's, which bind before most others.
TEST_F(Quotas, ConnectionsOfTheDatabaseAreWhatEnvironmentsHaveHad) {
  ASSERT_TRUE(SharedUp());
  ASSERT_TRUE(Up());
  config_.target.kind = config::TargetKind::kAws;
  const auto with = [&](const Json& maxima) {
    return Make([=](const AwsCall& call) -> std::optional<net::Response> {
      if (!call.Is("cloudwatch.GetMetricStatistics")) return std::nullopt;
      EXPECT_EQ(call.input["MetricName"], "DatabaseConnections");
      EXPECT_EQ(call.input["Dimensions"], Json::array({{{"Name", "DBInstanceIdentifier"}, {"Value", "dev-rds"}}}));
      Json points = Json::array();
      for (const Json& maximum : maxima) points.push_back({{"Timestamp", 0}, {"Maximum", maximum}, {"Unit", "Count"}});
      return call.Answer({{"Label", "DatabaseConnections"}, {"Datapoints", points}});
    });
  };
  const env::Quota connections = Read(with({3.0, 9.0, 4.0}), "Connections to dev-rds");
  EXPECT_EQ(connections.limit, 112) << "of one GiB";
  EXPECT_EQ(connections.used, 9);
  EXPECT_EQ(connections.per_environment, 9) << "there is one";
  EXPECT_EQ(connections.Fits(), 11);
  EXPECT_EQ(Read(with(Json::array()), "Connections to dev-rds").name, "") << "nobody knows what one takes";
  const auto denied = Make([](const AwsCall& call) -> std::optional<net::Response> {
    if (!call.Is("cloudwatch.GetMetricStatistics")) return std::nullopt;
    return call.Refusal("AccessDenied", "User is not authorized to perform: cloudwatch:GetMetricStatistics", 403);
  });
  EXPECT_EQ(Read(denied, "Connections to dev-rds").name, "");
}

}  // namespace
}  // namespace adhoc::deploy
