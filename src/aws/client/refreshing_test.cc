#include "aws/client/refreshing.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "testing/fake_clock.h"

namespace adhoc::aws {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

TEST(RefreshTimeTest, IsEarlyEnoughForAnyLifetime) {
  const TimePoint now = FromSeconds(1000000);
  EXPECT_EQ(RefreshTime(now, now + hours(12)), now + hours(12) - minutes(15));
  EXPECT_EQ(RefreshTime(now, now + hours(1)), now + minutes(45));
  EXPECT_EQ(RefreshTime(now, now + minutes(15)), now + std::chrono::seconds(675));
  EXPECT_EQ(RefreshTime(now, now), now);
}

class RefreshingTest : public ::testing::Test {
 protected:
  std::unique_ptr<CredentialsProvider> Provider(Duration lifetime) {
    return Refreshing(
        [this, lifetime]() -> Fetched {
          ++fetches_;
          if (broken_) throw Error("no answer", "look");
          return {{"K" + std::to_string(fetches_), "S", "T",
                   clock_.Now() + std::chrono::duration_cast<TimePoint::duration>(lifetime)},
                  "test"};
        },
        clock_);
  }

  testing::FakeClock clock_;
  std::atomic<int> fetches_ = 0;
  std::atomic<bool> broken_ = false;
};

TEST_F(RefreshingTest, RenewsBeforeTheEnd) {
  const auto provider = Provider(hours(1));
  EXPECT_EQ(provider->Get().access_key_id, "K1");
  EXPECT_EQ(provider->Source(), "test");
  clock_.Advance(minutes(44));
  EXPECT_EQ(provider->Get().access_key_id, "K1");
  clock_.Advance(minutes(1));
  EXPECT_EQ(provider->Get().access_key_id, "K2");
}

TEST_F(RefreshingTest, KeepsTheOldOnesWhileTheyLast) {
  const auto provider = Provider(hours(1));
  provider->Get();
  broken_ = true;
  clock_.Advance(minutes(50));
  EXPECT_EQ(provider->Get().access_key_id, "K1");
  EXPECT_EQ(provider->Get().access_key_id, "K1");
  EXPECT_EQ(fetches_, 2);  // not at every call
  clock_.Advance(minutes(10));
  try {
    provider->Get();
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "the AWS session has ended and cannot be renewed: no answer");
    EXPECT_EQ(error.hint(), "look");
  }
  broken_ = false;
  EXPECT_EQ(provider->Get().access_key_id, "K4");
}

TEST_F(RefreshingTest, FetchesOnceForManyThreads) {
  const auto provider = Provider(hours(1));
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { EXPECT_EQ(provider->Get().access_key_id, "K1"); });
  threads.clear();
  EXPECT_EQ(fetches_, 1);
}

TEST_F(RefreshingTest, FailsWhenTheFirstTimeFails) {
  broken_ = true;
  EXPECT_THROW(Provider(hours(1))->Get(), Error);
}

}  // namespace
}  // namespace adhoc::aws
