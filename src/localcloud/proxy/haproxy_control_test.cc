#include "localcloud/proxy/haproxy_control.h"

#include <gtest/gtest.h>

namespace adhoc::localcloud::proxy {
namespace {

// As HAProxy 2.6 answers.
constexpr const char* kProcesses =
    "#<PID>          <type>          <reloads>       <uptime>        <version>      \n"
    "7               master          2 [failed: 0]   0d00h00m12s     2.6.12-1+deb12u4\n"
    "# workers\n"
    "31              worker          0               0d00h00m01s     2.6.12-1+deb12u4\n"
    "# old workers\n"
    "9               worker          2               0d00h00m12s     2.6.12-1+deb12u4\n"
    "24              worker          1               0d00h00m06s     2.6.12-1+deb12u4\n"
    "# programs\n\n";

constexpr const char* kServers =
    "1\n"
    "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight\n"
    "3 tg-web 1 t10_0_1_5-80 10.0.1.5 2 0 100 1 1 1 0 0 0 0 0 0 - 80 - 0 0 - - 0\n"
    "3 tg-web 2 t10_0_1_6-80 10.0.1.6 0 1 100 1 1 1 0 0 0 0 0 0 - 80 - 0 0 - - 0\n\n";

using Backends = std::map<std::string, HaproxyConfig::Backend>;
using List = std::vector<std::string>;

TEST(HaproxyControlTest, FindsTheWorkerInCharge) {
  EXPECT_EQ(ParseWorker(kProcesses), "31");
  EXPECT_EQ(ParseWorker(""), "");
  EXPECT_EQ(ParseWorker("7 master 1 [failed: 1]\n# workers\n# old workers\n9 worker 2 0d 2.6\n"), "");
}

TEST(HaproxyControlTest, ReadsServers) {
  const ServerStates states = ParseServers(kServers);
  EXPECT_EQ(states, (ServerStates{{"tg-web", {{"t10_0_1_5-80", {true, 100}}, {"t10_0_1_6-80", {false, 100}}}}}));
}

TEST(HaproxyControlTest, AddsAndTakesOut) {
  const Backends wanted{{"tg-web", {{{"t10_0_1_7-80", {"10.0.1.7:80"}}}}}};
  const Commands commands = ServerCommands(wanted, ParseServers(kServers));
  EXPECT_EQ(commands.additions, (List{"add server tg-web/t10_0_1_7-80 10.0.1.7:80 weight 100",
                                      "set server tg-web/t10_0_1_7-80 state ready"}));
  EXPECT_EQ(commands.removals, (List{"set server tg-web/t10_0_1_5-80 state maint", "del server tg-web/t10_0_1_6-80"}));
}

TEST(HaproxyControlTest, BringsAServerBack) {
  const Backends wanted{{"tg-web", {{{"t10_0_1_5-80", {"10.0.1.5:80"}}, {"t10_0_1_6-80", {"10.0.1.6:80"}}}}}};
  const Commands commands = ServerCommands(wanted, ParseServers(kServers));
  EXPECT_EQ(commands.additions, List{"set server tg-web/t10_0_1_6-80 state ready"});
  EXPECT_TRUE(commands.removals.empty());
}

TEST(HaproxyControlTest, ChangesWeights) {
  const Backends wanted{{"tg-web", {{{"t10_0_1_5-80", {"10.0.1.5:80", 7}}, {"t10_0_1_7-80", {"10.0.1.7:80", 1}}}}}};
  EXPECT_EQ(ServerCommands(wanted, ParseServers(kServers)).additions,
            (List{"set server tg-web/t10_0_1_5-80 weight 7", "add server tg-web/t10_0_1_7-80 10.0.1.7:80 weight 1",
                  "set server tg-web/t10_0_1_7-80 state ready"}));
}

TEST(HaproxyControlTest, LeavesBackendsAloneThatItWasNotAskedAbout) {
  const Commands commands = ServerCommands({}, ParseServers(kServers));
  EXPECT_TRUE(commands.additions.empty() && commands.removals.empty());
}

// A HAProxy that refuses every command.
class Stubborn : public HaproxyCli {
 public:
  std::string Run(const std::filesystem::path&, const std::string& command) override {
    commands.push_back(command);
    if (command == "show proc") return kProcesses;
    return command.ends_with("show servers state") ? kServers : "No.";
  }
  List commands;
};

TEST(HaproxyControlTest, TakesNothingOutUntilTheNewServersAreIn) {
  Stubborn cli;
  EXPECT_FALSE(ApplyServers(cli, "/d", {{"tg-web", {{{"t10_0_1_7-80", {"10.0.1.7:80"}}}}}}));
  for (const auto& command : cli.commands) EXPECT_EQ(command.find("maint"), std::string::npos) << command;
}

TEST(HaproxyControlTest, ComparesOnlyServersThatTakeRequests) {
  const ServerStates states = ParseServers(kServers);
  EXPECT_TRUE(HasServers({{"tg-web", {{{"t10_0_1_5-80", {""}}}}}}, states));
  EXPECT_FALSE(HasServers({{"tg-web", {{{"t10_0_1_6-80", {""}}}}}}, states));
  EXPECT_FALSE(HasServers({{"tg-web", {}}}, states));
  EXPECT_TRUE(HasServers({{"tg-other", {}}}, states));
  EXPECT_FALSE(HasServers({{"tg-other", {{{"t1", {""}}}}}}, states));
}

}  // namespace
}  // namespace adhoc::localcloud::proxy
