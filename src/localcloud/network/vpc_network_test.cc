#include "localcloud/network/vpc_network.h"

#include <gtest/gtest.h>

#include "testing/fake_clock.h"
#include "testing/fake_random.h"
#include "testing/fake_runtime.h"

namespace adhoc::localcloud {
namespace {

Ipv4Range Range(std::string_view text) { return *Ipv4Range::Parse(text); }

TEST(Routes, AreReadFromProc) {
  const auto routes = ParseRoutes(
      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
      "eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
      "eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n");
  ASSERT_EQ(routes.size(), 1u);
  EXPECT_EQ(routes[0].ToString(), "172.17.0.0/16");
}

TEST(PickRange, KeepsTheWantedRangeUnlessItIsUsed) {
  EXPECT_EQ(PickRange(Range("10.0.0.0/16"), {}).ToString(), "10.0.0.0/16");
  EXPECT_EQ(PickRange(Range("10.0.0.0/16"), {Range("10.0.5.0/24")}).ToString(), "10.1.0.0/16");
  EXPECT_EQ(PickRange(Range("10.0.0.0/16"), {Range("10.0.0.0/8")}).ToString(), "172.16.0.0/16");
  EXPECT_EQ(PickRange(Range("10.0.0.0/24"), {Range("10.0.0.0/16")}).ToString(), "10.1.0.0/24");
  EXPECT_THROW(PickRange(Range("10.0.0.0/16"), {Range("10.0.0.0/8"), Range("172.16.0.0/12"), Range("192.168.0.0/16")}),
               Error);
}

TEST(PlaceVpc, ShiftsItsSubnetsWithIt) {
  Json vpc{{"VpcId", "vpc-1"}, {"CidrBlock", "10.0.0.0/16"}};
  PlaceVpc({.instance = "0badcafe"}, vpc, {Range("10.0.0.0/16")});
  EXPECT_EQ(vpc["_network"], "adhoc-0badcafe-vpc-1");
  EXPECT_EQ(vpc["_cidr"], "10.1.0.0/16");
  EXPECT_EQ(vpc["_gateway"], "10.1.0.1");
  EXPECT_EQ(PlaceSubnet(vpc, "10.0.101.0/24").ToString(), "10.1.101.0/24");
}

struct VpcTest : ::testing::Test {
  testing::FakeClock clock;
  testing::FakeRandom random;
  testing::FakeRuntime runtime{clock};
  Store store{":memory:"};
  LogStore logs{":memory:"};
  MetricStore metrics{":memory:"};
  Cloud cloud{.settings = {.instance = "0badcafe"},
              .store = store,
              .logs = logs,
              .metrics = metrics,
              .clock = clock,
              .random = random,
              .runtime = runtime};

  void SetUp() override {
    const auto txn = store.Begin();
    Json vpc{{"VpcId", "vpc-1"}, {"CidrBlock", "10.213.0.0/16"}};
    PlaceVpc(cloud.settings, vpc, {});
    txn->Put("ec2.vpcs", "vpc-1", vpc);
    txn->Put(
        "ec2.subnets", "subnet-1",
        {{"SubnetId", "subnet-1"}, {"VpcId", "vpc-1"}, {"CidrBlock", "10.213.1.0/28"}, {"_cidr", "10.213.1.0/28"}});
    txn->Commit();
  }
  Json Document(std::string_view collection, std::string_view key) { return *store.Begin()->Find(collection, key); }
};

TEST_F(VpcTest, ItsNetworkIsMadeOnce) {
  EXPECT_EQ(EnsureVpcNetwork(cloud, "vpc-1").name, "adhoc-0badcafe-vpc-1");
  EXPECT_EQ(EnsureVpcNetwork(cloud, "vpc-1").gateway, "10.213.0.1");
  ASSERT_EQ(runtime.ListNetworks({{"adhoc.instance", "0badcafe"}}).size(), 1u);
  EXPECT_EQ(runtime.ListNetworks({})[0].subnet, "10.213.0.0/16");
}

TEST_F(VpcTest, MovesAwayWhenItsRangeWasTakenMeanwhile) {
  runtime.EnsureNetwork({.name = "other", .subnet = "10.213.0.0/16", .gateway = "", .labels = {}, .internal = false});
  EXPECT_NE(EnsureVpcNetwork(cloud, "vpc-1").gateway, "10.213.0.1");
  const Json subnet = Document("ec2.subnets", "subnet-1");
  const Json vpc = Document("ec2.vpcs", "vpc-1");
  EXPECT_TRUE(Range(vpc["_cidr"].get<std::string>()).Contains(Range(subnet["_cidr"].get<std::string>())));
  EXPECT_EQ(subnet["CidrBlock"], "10.213.1.0/28");
}

TEST_F(VpcTest, GivesEachInterfaceAnAddressOfItsOwnUntilNoneIsLeft) {
  const auto txn = store.Begin();
  EXPECT_EQ(PutInterface(cloud, *txn, {.subnet_id = "subnet-1"})["PrivateIpAddress"], "10.213.1.4");
  const Json second = PutInterface(cloud, *txn, {.subnet_id = "subnet-1"});
  EXPECT_EQ(second["PrivateIpAddress"], "10.213.1.5");
  for (int i = 0; i < 9; ++i) PutInterface(cloud, *txn, {.subnet_id = "subnet-1"});
  EXPECT_THROW(PutInterface(cloud, *txn, {.subnet_id = "subnet-1"}), Error);
  EraseInterface(*txn, second["NetworkInterfaceId"].get<std::string>());
  EXPECT_EQ(PutInterface(cloud, *txn, {.subnet_id = "subnet-1"})["PrivateIpAddress"], "10.213.1.5");
}

TEST_F(VpcTest, KnowsTheAddressesOfAStateFromBeforeTheyWereCollected) {
  const auto txn = store.Begin();
  txn->Put("ec2.enis", "eni-1", {{"NetworkInterfaceId", "eni-1"}, {"PrivateIpAddress", "10.213.1.4"}});
  EXPECT_EQ(PutInterface(cloud, *txn, {.subnet_id = "subnet-1"})["PrivateIpAddress"], "10.213.1.5");
}

// A new task at the address of one that had just ended was unreachable until the neighbours forgot the old one.
TEST_F(VpcTest, GivesAnAddressAgainOnlyAfterTheOthers) {
  const auto txn = store.Begin();
  const Json first = PutInterface(cloud, *txn, {.subnet_id = "subnet-1"});
  EraseInterface(*txn, first["NetworkInterfaceId"].get<std::string>());
  EXPECT_NE(PutInterface(cloud, *txn, {.subnet_id = "subnet-1"})["PrivateIpAddress"], first["PrivateIpAddress"]);
}

}  // namespace
}  // namespace adhoc::localcloud
