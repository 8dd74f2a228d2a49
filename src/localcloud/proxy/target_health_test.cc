#include "localcloud/proxy/target_health.h"

#include <gtest/gtest.h>

namespace adhoc::localcloud::proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr ProbeResult kOk{ProbeResult::Kind::kAnswered, 200};
constexpr ProbeResult kBadGateway{ProbeResult::Kind::kAnswered, 502};
constexpr ProbeResult kTimeout{ProbeResult::Kind::kTimedOut, 0};
constexpr ProbeResult kRefused{ProbeResult::Kind::kFailed, 0};

class TargetHealthTest : public ::testing::Test {
 protected:
  // Waits until the next probe is due and runs it.
  void Probe(const ProbeResult& result) {
    now_ = std::max(now_, health_.next_probe());
    health_.Started(now_);
    health_.Finished(result, check_, now_);
  }
  double elapsed() const { return ToSeconds(now_) - ToSeconds(begin_); }

  HealthCheck check_{.interval = seconds(30), .timeout = seconds(5), .initial_interval = milliseconds(250)};
  TimePoint begin_ = FromSeconds(1000);
  TimePoint now_ = begin_;
  TargetHealth health_{begin_};
};

TEST_F(TargetHealthTest, OnePassMakesANewTargetHealthy) {
  EXPECT_EQ(health_.Document()["Reason"], "Elb.RegistrationInProgress");
  health_.Started(now_);
  EXPECT_TRUE(health_.probing());
  EXPECT_EQ(health_.Document()["Reason"], "Elb.InitialHealthChecking");
  health_.Finished(kOk, check_, now_);
  EXPECT_EQ(health_.Document(), Json({{"State", "healthy"}}));
  EXPECT_EQ(health_.next_probe(), begin_ + seconds(30));
}

TEST_F(TargetHealthTest, ANewTargetIsProbedQuicklyUntilItPasses) {
  for (int i = 0; i < 20; ++i) Probe(kRefused);
  EXPECT_EQ(health_.state(), TargetState::kInitial);
  EXPECT_LT(elapsed(), 5);
  Probe(kOk);
  EXPECT_EQ(health_.state(), TargetState::kHealthy);
}

TEST_F(TargetHealthTest, FailuresOfANewTargetCountAtTheConfiguredPace) {
  while (health_.state() == TargetState::kInitial && elapsed() < 1000) Probe(kRefused);
  EXPECT_EQ(health_.state(), TargetState::kUnhealthy);
  EXPECT_NEAR(elapsed(), 60, 1);
  EXPECT_EQ(health_.next_probe() - now_, seconds(30));
}

TEST_F(TargetHealthTest, EachKindOfFailureHasItsReason) {
  const auto after = [&](const ProbeResult& result) {
    health_ = TargetHealth(now_, {{"State", "healthy"}});
    Probe(result);
    EXPECT_EQ(health_.state(), TargetState::kHealthy);
    Probe(result);
    return health_.Document();
  };
  EXPECT_EQ(after(kBadGateway), Json({{"State", "unhealthy"},
                                      {"Reason", "Target.ResponseCodeMismatch"},
                                      {"Description", "Health checks failed with these codes: [502]"}}));
  EXPECT_EQ(after(kTimeout),
            Json({{"State", "unhealthy"}, {"Reason", "Target.Timeout"}, {"Description", "Request timed out"}}));
  EXPECT_EQ(
      after(kRefused),
      Json({{"State", "unhealthy"}, {"Reason", "Target.FailedHealthChecks"}, {"Description", "Health checks failed"}}));
}

TEST_F(TargetHealthTest, AnUnhealthyTargetNeedsTheWholeThresholdInARow) {
  health_ =
      TargetHealth(now_, {{"State", "unhealthy"}, {"Reason", "Target.Timeout"}, {"Description", "Request timed out"}});
  EXPECT_EQ(health_.Document()["Reason"], "Target.Timeout");
  for (int i = 0; i < 4; ++i) Probe(kOk);
  Probe(kTimeout);
  for (int i = 0; i < 4; ++i) Probe(kOk);
  EXPECT_EQ(health_.state(), TargetState::kUnhealthy);
  Probe(kOk);
  EXPECT_EQ(health_.state(), TargetState::kHealthy);
}

TEST_F(TargetHealthTest, OneFailureBetweenPassesDoesNoHarm) {
  health_ = TargetHealth(now_, {{"State", "healthy"}});
  for (int i = 0; i < 10; ++i) {
    Probe(kRefused);
    Probe(kOk);
  }
  EXPECT_EQ(health_.state(), TargetState::kHealthy);
}

TEST(MatchesStatusTest, ListsAndRanges) {
  EXPECT_TRUE(MatchesStatus("200", 200));
  EXPECT_FALSE(MatchesStatus("200", 201));
  EXPECT_TRUE(MatchesStatus("200-299,404", 204));
  EXPECT_TRUE(MatchesStatus("200-299,404", 404));
  EXPECT_FALSE(MatchesStatus("200-299,404", 302));
  EXPECT_FALSE(MatchesStatus("", 200));
}

}  // namespace
}  // namespace adhoc::localcloud::proxy
