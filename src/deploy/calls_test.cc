// How often a run asks an account: AWS throttles accounts that are asked too often, and a team's pipelines ask side by
// side.
#include <map>

#include "aws/codec/codec.h"
#include "base/sync.h"
#include "deploy/lifecycle_test.h"
#include "env/s3_records.h"

namespace adhoc::deploy {
namespace {

using Calls = std::map<std::string, int>;  // `ecs.RunTask`: how often

class CountingWire final : public net::Transport {
 public:
  CountingWire(testing::LocalCloud& cloud, Sync<Calls>& calls) : cloud_(cloud), calls_(calls) {}

  net::Response Send(const net::Uri&, const net::Request& request, const net::SendOptions&) override {
    const std::string service = localcloud::ServiceOf(request);
    ++(*calls_.lock())[service + "." + aws::RouteRequest(aws::GetService(service), request)->name];
    return cloud_.Handle(request);
  }

 private:
  testing::LocalCloud& cloud_;
  Sync<Calls>& calls_;
};

// The example under AWS's times, as the program runs it.
TEST_F(Lifecycle, ANewEnvironmentTakesAHundredCallsWithAllItsWaits) {
  constexpr const char* kAccount = "000000000000";
  config_ = config::LoadConfig({.definition = ADHOC_SOURCE_DIR "/examples/ublog/adhoc.yaml",
                                .environment = "alpha",
                                .target = "dev",
                                .variables = ADHOC_SOURCE_DIR "/examples/ublog/envs/alpha.tfvars"});
  config_.target.account = kAccount;
  const auto program = [](const localcloud::ContainerSpec& spec) {
    testing::FakeProcess process;
    const bool one_off =
        spec.labels.contains("adhoc.task") &&
        std::set<std::string>{"migrate", "collectstatic", "database"}.contains(spec.labels.at("adhoc.container"));
    if (one_off) {
      process.exits_after = std::chrono::seconds(3);
      process.lines = {{.text = "begins"}, {.after = std::chrono::seconds(2), .text = "is done"}};
    }
    return process;
  };
  for (const char* image : {"backend:v1.0.0", "frontend:v2.0.0"}) {
    cloud_.runtime().AddImage(fmt::format("{}.dkr.ecr.us-east-1.amazonaws.com/{}", kAccount, image), program);
  }
  for (const char* image : {"redis:7", "postgres:15"}) {
    cloud_.runtime().AddImage(fmt::format("public.ecr.aws/docker/library/{}", image), program);
  }
  cloud_.api().Call("route53", "CreateHostedZone", {{"Name", "dev.example.com"}, {"CallerReference", "1"}});

  Sync<Calls> calls;
  aws::Client client({.endpoint_url = "http://127.0.0.1:4566"},
                     aws::StaticCredentials({.access_key_id = "adhoc", .secret_access_key = "adhoc"}),
                     std::make_shared<CountingWire>(cloud_, calls), cloud_.clock(), random_);
  const auto records = env::OpenS3Records(client, {.account = kAccount, .region = "us-east-1"});
  env::EnsureRecordsBucket(client, {.account = kAccount, .region = "us-east-1"});
  events::Recorder sink;
  {
    env::Context context(client, config_, sink, cloud_.clock(), random_, env::AccountPace());
    const auto prepared = env::PrepareShared(context);
    Expect(env::Apply(context, prepared.plan, prepared.resources));
  }
  cloud_.api().cloud().settings.timing = {.factor = 1};
  const std::jthread heartbeat = cloud_.Heartbeat();
  calls.lock()->clear();
  const TimePoint begin = cloud_.clock().Now();
  {
    env::Context context(client, config_, sink, cloud_.clock(), random_, env::AccountPace());
    context.Call("sts", "GetCallerIdentity");
    const env::Lock lock(*records, env::EnvironmentLock("alpha"), "adhoc up alpha", std::chrono::seconds(0), sink,
                         cloud_.clock(), {});
    const env::Prepared prepared = env::PrepareUp(context, records->Get("alpha"));
    env::PredictUp(prepared, *records, config_);
    Expect(env::Up(context, prepared, *records));
  }
  int sum = 0;
  std::string which;
  for (const auto& [operation, count] : *calls.lock()) {
    sum += count;
    which += fmt::format("\n  {} {}", count, operation);
  }
  const double seconds = ToSeconds(cloud_.clock().Now()) - ToSeconds(begin);
  fmt::print("[  calls   ] {} in {:.0f} s\n", sum, seconds);
  EXPECT_LE(sum, 100) << which;
  EXPECT_LT(seconds, 150) << "three tasks of 33 s one after the other, then services that take 35 s";
}

}  // namespace
}  // namespace adhoc::deploy
