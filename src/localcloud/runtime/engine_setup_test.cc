#include "localcloud/runtime/engine_setup.h"

#include <gtest/gtest.h>

namespace adhoc::localcloud {
namespace {

PodmanFacts Working() {
  PodmanFacts facts;
  facts.major_version = 4;
  facts.runtime = "crun";
  facts.network_backend = "netavark";
  facts.has_netavark = true;
  facts.has_runc = true;
  facts.open_files = 524288;
  facts.processes = 96365;
  return facts;
}

TEST(InitialTuning, AMachineThatWorksIsLeftAlone) { EXPECT_TRUE(InitialTuning(Working()).empty()); }

TEST(InitialTuning, NamesNeedNetavark) {
  PodmanFacts facts = Working();
  facts.network_backend = "cni";
  EXPECT_EQ(InitialTuning(facts).network_backend, "netavark");
  facts.has_netavark = false;
  EXPECT_EQ(InitialTuning(facts).network_backend, "");
}

TEST(InitialTuning, TheHostsFileIsKeptOutBeforePodman5) {
  PodmanFacts facts = Working();
  facts.hosts_file_has_names = true;
  EXPECT_TRUE(InitialTuning(facts).no_host_names);
  facts.major_version = 5;
  EXPECT_FALSE(InitialTuning(facts).no_host_names);
}

TEST(NextTuning, LimitsAreLoweredWhenTheyMayNotBeRaised) {
  auto next =
      NextTuning({}, "runc: runc create failed: error setting rlimit type 7: operation not permitted", Working());
  ASSERT_TRUE(next);
  EXPECT_EQ(*next, (PodmanTuning{.own_limits = true}));
  EXPECT_EQ(NextTuning(*next, "crun: setrlimit `RLIMIT_NOFILE`: Operation not permitted", Working()), std::nullopt);
}

TEST(NextTuning, RuncIsTriedInPlaceOfCrun) {
  auto next = NextTuning({.own_limits = true}, "crun: unknown version specified", Working());
  ASSERT_TRUE(next);
  EXPECT_EQ(*next, (PodmanTuning{.runtime = "runc", .own_limits = true}));
  EXPECT_EQ(NextTuning(*next, "runc: still not", Working()), std::nullopt);
  PodmanFacts without = Working();
  without.has_runc = false;
  EXPECT_EQ(NextTuning({}, "crun: unknown version specified", without), std::nullopt);
  PodmanFacts already = Working();
  already.runtime = "runc";
  EXPECT_EQ(NextTuning({}, "runc: no", already), std::nullopt);
}

TEST(FormatContainersConf, HoldsOnlyWhatIsNeeded) {
  std::string text = FormatContainersConf({.network_backend = "netavark"}, Working());
  EXPECT_EQ(text.substr(text.find('\n') + 1), "[network]\nnetwork_backend = \"netavark\"\n");
  text = FormatContainersConf({"runc", "netavark", true, true}, Working());
  EXPECT_EQ(text.substr(text.find('\n') + 1),
            "[containers]\n"
            "default_ulimits = [\"nofile=524288:524288\", \"nproc=32768:32768\"]\n"
            "base_hosts_file = \"none\"\n"
            "[engine]\nruntime = \"runc\"\n"
            "[network]\nnetwork_backend = \"netavark\"\n");
}

TEST(HostsFileHasNames, OfOthersOnly) {
  EXPECT_FALSE(
      HostsFileHasNames("127.0.0.1\tlocalhost\n127.0.1.1 box.lan box\n# 10.0.0.1 redis\n::1 ip6-localhost\n", "box"));
  EXPECT_TRUE(HostsFileHasNames("127.0.0.1 localhost redis # mine\n", "box"));
  EXPECT_TRUE(HostsFileHasNames("127.0.0.1 boxes\n", "box"));
}

TEST(EngineSocketPath, AvoidsPathsThatAreTooLongForASocket) {
  EXPECT_EQ(EngineSocketPath("/var/lib/adhoc"), "/var/lib/adhoc/engine.sock");
  std::string elsewhere = EngineSocketPath("/" + std::string(200, 'x'));
  EXPECT_LT(elsewhere.size(), 108u);
  EXPECT_NE(elsewhere, EngineSocketPath("/" + std::string(200, 'y')));
}

}  // namespace
}  // namespace adhoc::localcloud
