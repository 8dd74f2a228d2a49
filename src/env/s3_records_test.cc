#include "env/s3_records.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <future>
#include <thread>

#include "base/error.h"
#include "env/names.h"
#include "testing/fake_random.h"
#include "testing/fake_transport.h"
#include "testing/local_api.h"

namespace adhoc::env {
namespace {

constexpr const char* kAccount = "000000000000";

// Two machines, each with a client of its own, on one S3.
class S3RecordsTest : public ::testing::Test {
 protected:
  std::unique_ptr<aws::Client> MakeClient() {
    auto transport = std::make_shared<testing::FakeTransport>([this](const net::Uri&, const net::Request& request) {
      if (unreachable_) throw net::TransportError("cannot reach s3", false, false);
      // `before_` stands for another machine that is faster between our read and our write.
      if (before_ && request.method == "PUT" && request.path().find("/locks/") != std::string_view::npos)
        std::exchange(before_, {})();
      return api_.Send(request);
    });
    aws::ClientOptions options;
    options.endpoint_url = "http://127.0.0.1:4566";
    options.max_attempts = 1;
    return std::make_unique<aws::Client>(options, aws::StaticCredentials({"A", "S", "", std::nullopt}), transport,
                                         api_.clock(), random_);
  }

  static LockHolder Somebody(const char* host, double since = 1) {
    return {.who = std::string("ada@") + host, .what = "adhoc up alpha", .pid = 1, .host = host, .since = since};
  }

  testing::LocalApi api_;
  testing::FakeRandom random_;
  std::function<void()> before_;
  std::atomic<bool> unreachable_ = false;
  std::unique_ptr<aws::Client> one_client_ = MakeClient();
  std::unique_ptr<aws::Client> other_client_ = MakeClient();
  const RecordsBucket bucket_{kAccount, "us-east-1"};
  std::unique_ptr<RecordStore> one_ = OpenS3Records(*one_client_, bucket_);
  std::unique_ptr<RecordStore> other_ = OpenS3Records(*other_client_, bucket_);
};

TEST_F(S3RecordsTest, RecordsComeBackAsTheyWere) {
  EXPECT_FALSE(one_->Get("alpha"));
  EXPECT_TRUE(one_->List().empty());
  one_->Delete("alpha");
  Record record{.name = "alpha", .shared = "dev", .owner = "ada@host", .created_at = 12.5};
  record.variables = {{"log_level", "info"}};
  one_->Put(record);
  ASSERT_TRUE(other_->Get("alpha"));
  EXPECT_EQ(ToJson(*other_->Get("alpha")), ToJson(record));
  other_->Put({.name = "beta"});
  EXPECT_EQ(one_->List().size(), 2U);
  one_->Delete("alpha");
  EXPECT_FALSE(other_->Get("alpha"));
}

TEST_F(S3RecordsTest, TheBucketIsPrivateEncryptedAndVersioned) {
  one_->TryLock("environment alpha", Somebody("here"));
  const Json at{{"Bucket", bucket_.name()}};
  EXPECT_EQ(bucket_.name(), "adhoc-records-000000000000-us-east-1");
  EXPECT_EQ(api_.Call("s3", "GetBucketVersioning", at)["Status"], "Enabled");
  const Json blocked = api_.Call("s3", "GetPublicAccessBlock", at)["PublicAccessBlockConfiguration"];
  EXPECT_TRUE(std::all_of(blocked.begin(), blocked.end(), [](const Json& value) { return value == true; }));
  EXPECT_EQ(
      api_.Call(
          "s3", "GetBucketEncryption",
          at)["ServerSideEncryptionConfiguration"]["Rules"][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"],
      "AES256");
}

// As after a `kill -9` between CreateBucket and its settings.
TEST_F(S3RecordsTest, ABucketWhoseMakingWasCutOffIsCompleted) {
  api_.Call("s3", "CreateBucket", {{"Bucket", bucket_.name()}});
  EXPECT_FALSE(one_->TryLock("environment alpha", Somebody("here")));
  EXPECT_EQ(api_.Call("s3", "GetBucketVersioning", {{"Bucket", bucket_.name()}})["Status"], "Enabled");
}

TEST_F(S3RecordsTest, ALockHasOneHolderUntilItIsReleased) {
  EXPECT_FALSE(one_->Holder("environment alpha"));
  EXPECT_FALSE(one_->TryLock("environment alpha", Somebody("elsewhere")));
  const auto holder = other_->TryLock("environment alpha", Somebody("here"));
  ASSERT_TRUE(holder);
  EXPECT_EQ(holder->who, "ada@elsewhere");
  EXPECT_EQ(other_->Holder("environment alpha")->who, "ada@elsewhere");
  EXPECT_FALSE(other_->TryLock("environment beta", Somebody("here")));
  other_->Unlock("environment alpha", Somebody("here"));  // not theirs to release
  EXPECT_TRUE(other_->TryLock("environment alpha", Somebody("here")));
  EXPECT_FALSE(one_->TryLock("environment alpha", Somebody("elsewhere")));  // ours already
  one_->Unlock("environment alpha", Somebody("elsewhere"));
  EXPECT_FALSE(other_->TryLock("environment alpha", Somebody("here")));
}

TEST_F(S3RecordsTest, OfTwoAtOnceOneWins) {
  one_->TryLock("environment other", Somebody("here"));  // the bucket is there
  before_ = [this] { EXPECT_FALSE(other_->TryLock("environment alpha", Somebody("elsewhere"))); };
  const auto holder = one_->TryLock("environment alpha", Somebody("here"));
  ASSERT_TRUE(holder);
  EXPECT_EQ(holder->who, "ada@elsewhere");
}

TEST_F(S3RecordsTest, OfTwoThatFindAnExpiredLeaseOneWins) {
  one_->TryLock("k", Somebody("gone"));
  api_.clock().Advance(one_->lease() + std::chrono::seconds(1));
  EXPECT_FALSE(one_->Holder("k"));
  before_ = [this] { EXPECT_FALSE(other_->TryLock("k", Somebody("elsewhere"))); };
  EXPECT_EQ(one_->TryLock("k", Somebody("here"))->who, "ada@elsewhere");
}

TEST_F(S3RecordsTest, ARenewedLeaseLasts) {
  one_->TryLock("k", Somebody("here"));
  for (int i = 0; i < 4; ++i) {
    api_.clock().Advance(one_->lease() * 2 / 3);
    EXPECT_TRUE(one_->Renew("k", Somebody("here")));
    EXPECT_TRUE(other_->TryLock("k", Somebody("elsewhere")));
  }
}

TEST_F(S3RecordsTest, ALostLeaseIsNotRenewed) {
  one_->TryLock("k", Somebody("here"));
  api_.clock().Advance(one_->lease() + std::chrono::seconds(1));
  EXPECT_FALSE(other_->TryLock("k", Somebody("elsewhere")));
  EXPECT_FALSE(one_->Renew("k", Somebody("here")));
  one_->Unlock("k", Somebody("here"));
  EXPECT_EQ(one_->Holder("k")->who, "ada@elsewhere");
  other_->Break("k");
  EXPECT_FALSE(other_->Renew("k", Somebody("elsewhere")));
  EXPECT_FALSE(one_->Holder("k"));
}

// A laptop that sleeps, or a network that is away for longer than the lease.
// Else the last thing that `bootstrap down` does would be to make the bucket again.
TEST_F(S3RecordsTest, ALockWhoseBucketIsGoneIsLost) {
  EXPECT_FALSE(one_->TryLock(kBootstrapLock, Somebody("here")));
  const Json at{{"Bucket", bucket_.name()}};
  const Json versions = api_.Call("s3", "ListObjectVersions", at)["Versions"];
  ASSERT_EQ(versions.size(), 1U);
  EXPECT_EQ(versions[0]["Key"], LockObject(kBootstrapLock));
  Json lock = at;
  lock.update({{"Key", versions[0]["Key"]}, {"VersionId", versions[0]["VersionId"]}});
  api_.Call("s3", "DeleteObject", lock);
  EXPECT_FALSE(one_->Renew(kBootstrapLock, Somebody("here")));
  api_.Call("s3", "DeleteBucket", at);
  EXPECT_FALSE(one_->Renew(kBootstrapLock, Somebody("here")));
  one_->Unlock(kBootstrapLock, Somebody("here"));
  EXPECT_EQ(api_.ErrorOf("s3", "GetBucketVersioning", at), "NoSuchBucket");
}

TEST_F(S3RecordsTest, ACommandIsToldWhenItsLockIsLost) {
  events::Recorder sink;
  std::promise<void> lost;
  const Lock lock(*one_, "k", "adhoc up alpha", std::chrono::seconds(0), sink, api_.clock(), {},
                  [&] { lost.set_value(); });
  unreachable_ = true;
  const auto told = lost.get_future();
  while (told.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    api_.clock().Advance(std::chrono::seconds(10));
    std::this_thread::yield();
  }
  const auto events = sink.events();
  ASSERT_FALSE(events.empty());
  const auto* notice = std::get_if<events::Notice>(&events.back());
  ASSERT_NE(notice, nullptr);
  EXPECT_EQ(notice->level, events::Notice::Level::kError);
  EXPECT_NE(notice->text.find("the lock of k is lost"), std::string::npos) << notice->text;
  unreachable_ = false;
}

}  // namespace
}  // namespace adhoc::env
