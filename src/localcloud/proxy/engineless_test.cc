#include "localcloud/proxy/engineless.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "localcloud/proxy/haproxy_config.h"
#include "testing/temporary_folder.h"

namespace adhoc::localcloud::proxy {
namespace {

TEST(EnginelessHaproxy, HasTakenOverWhatIsWrittenForIt) {
  testing::TemporaryFolder folder;
  const auto cli = MakeEnginelessHaproxyCli();
  EXPECT_THROW(cli->Run(folder.path(), "show proc"), Error);
  EXPECT_EQ(LiveVersion(*cli, folder.path()), "");

  LoadBalancerModel model;
  model.target_groups["tg"] = {.name = "web", .servers = {{.ip = "10.0.1.5", .port = 80, .weight = 7}}};
  model.listeners.push_back(
      {.port = 80,
       .rules = {{.name = "default",
                  .actions = Json::array(
                      {{{"Type", "forward"},
                        {"ForwardConfig",
                         {{"TargetGroups", Json::array({{{"TargetGroupArn", "tg"}, {"Weight", 1}}})}}}}})}}});
  const HaproxyConfig config = RenderHaproxyConfig(model, "/run/adhoc");
  ASSERT_EQ(config.backends.at("tg-web").servers.size(), 1u);
  folder.Write("haproxy.cfg", config.text);
  EXPECT_EQ(LiveVersion(*cli, folder.path()), config.version);
  EXPECT_TRUE(ApplyServers(*cli, folder.path(), config.backends));

  HaproxyConfig other = config;
  other.backends.at("tg-web").servers["t10_0_1_6-80"] = {"10.0.1.6:80", 100};
  EXPECT_FALSE(ApplyServers(*cli, folder.path(), other.backends)) << "not written yet";
}

}  // namespace
}  // namespace adhoc::localcloud::proxy
