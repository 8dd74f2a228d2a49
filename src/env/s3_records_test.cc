#include "env/s3_records.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <future>
#include <thread>

#include "base/error.h"
#include "env/names.h"
#include "net/http_date.h"
#include "testing/fake_random.h"
#include "testing/fake_transport.h"
#include "testing/local_api.h"

namespace adhoc::env {
namespace {

constexpr const char* kAccount = "000000000000";

// Two machines, each with a client of its own, on one S3.
class S3RecordsTest : public ::testing::Test {
 protected:
  // `clock`: the machine's; absent: a right one.
  std::unique_ptr<aws::Client> MakeClient(const std::string& region = "us-east-1", Clock* clock = nullptr) {
    auto transport = std::make_shared<testing::FakeTransport>([this](const net::Uri&, const net::Request& request) {
      if (unreachable_) throw net::TransportError("cannot reach s3", false, false);
      // `before_` stands for another machine that is faster between our read and our write.
      if (before_ && request.method == "PUT" && request.path().find("/locks/") != std::string_view::npos)
        std::exchange(before_, {})();
      if (refuse_) {
        if (const std::string code = refuse_(request); !code.empty()) {
          return net::Response{.status = 409, .body = "<Error><Code>" + code + "</Code></Error>"};
        }
      }
      net::Response response = api_.Send(request);
      response.headers.Set("Date", net::FormatHttpDate(api_.clock().Now()));
      return response;
    });
    aws::ClientOptions options;
    options.region = region;
    options.endpoint_url = "http://127.0.0.1:4566";
    options.max_attempts = 1;
    return std::make_unique<aws::Client>(options, aws::StaticCredentials({"A", "S", "", std::nullopt}), transport,
                                         clock != nullptr ? *clock : api_.clock(), random_);
  }
  // The next `times` requests of this method for a lock meet another one of its key.
  void Conflict(const std::string& method, int times) {
    refuse_ = [method, times](const net::Request& request) mutable {
      if (request.method != method || request.path().find("/locks/") == std::string_view::npos) return "";
      return times-- > 0 ? "ConditionalRequestConflict" : "";
    };
  }

  static LockHolder Somebody(const char* host, double since = 1) {
    return {.who = std::string("ada@") + host, .what = "adhoc up alpha", .pid = 1, .host = host, .since = since};
  }

  testing::LocalApi api_;
  testing::FakeRandom random_;
  std::function<void()> before_;
  std::function<std::string(const net::Request&)> refuse_;  // the code of a 409, or nothing
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

TEST_F(S3RecordsTest, AWriteThatMeetsAnotherIsRepeated) {
  Conflict("PUT", 1);
  EXPECT_FALSE(one_->TryLock("k", Somebody("here")));
  EXPECT_EQ(other_->Holder("k")->who, "ada@here");
  for (int i = 0; i < 2; ++i) {
    api_.clock().Advance(one_->lease() * 2 / 3);
    Conflict("PUT", 3);
    EXPECT_TRUE(one_->Renew("k", Somebody("here")));
    EXPECT_TRUE(other_->Holder("k")) << "the lease is longer, not only ours still";
  }
  Conflict("DELETE", 3);
  one_->Unlock("k", Somebody("here"));
  EXPECT_FALSE(other_->Holder("k"));
}

TEST_F(S3RecordsTest, AWrongClockTakesNobodysLockAndKeepsNone) {
  testing::FakeClock ahead(testing::FakeClock::Sleep::kWaits, api_.clock().Now() + std::chrono::hours(1));
  testing::FakeClock behind(testing::FakeClock::Sleep::kWaits, api_.clock().Now() - std::chrono::hours(1));
  const auto ahead_client = MakeClient("us-east-1", &ahead);
  const auto behind_client = MakeClient("us-east-1", &behind);
  const auto early = OpenS3Records(*ahead_client, bucket_);
  const auto late = OpenS3Records(*behind_client, bucket_);
  one_->TryLock("k", Somebody("here"));
  EXPECT_TRUE(early->Holder("k"));
  EXPECT_TRUE(early->TryLock("k", Somebody("elsewhere")));
  api_.clock().Advance(one_->lease() + std::chrono::seconds(2));
  EXPECT_FALSE(late->Holder("k"));
  EXPECT_FALSE(late->TryLock("k", Somebody("elsewhere")));
  EXPECT_TRUE(late->Holder("k")) << "a lease that it wrote itself lasts as well";
  EXPECT_TRUE(one_->TryLock("k", Somebody("here")));
}

TEST_F(S3RecordsTest, InAnotherRegionTheBucketIsMadeThereAndOnce) {
  const auto client = MakeClient("eu-west-1");
  const RecordsBucket there{kAccount, "eu-west-1"};
  EnsureRecordsBucket(*client, there);
  EXPECT_EQ(api_.Call("s3", "GetBucketLocation", {{"Bucket", there.name()}})["LocationConstraint"], "eu-west-1");
  EnsureRecordsBucket(*client, there);  // S3 says that it is there already: only us-east-1 keeps quiet
  EXPECT_EQ(api_.Call("s3", "GetBucketVersioning", {{"Bucket", there.name()}})["Status"], "Enabled");
}

TEST_F(S3RecordsTest, ABucketOfThisNameThatIsAnotherAccountsIsNotWrittenTo) {
  int written = 0;
  refuse_ = [&](const net::Request& request) {
    const bool makes = request.method == "PUT" && request.path() == "/" + bucket_.name() && request.query().empty();
    if (request.method == "PUT" && !makes) ++written;
    return makes ? "BucketAlreadyExists" : "";
  };
  try {
    EnsureRecordsBucket(*one_client_, bucket_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()), "the records' bucket " + bucket_.name() + " belongs to another account");
    EXPECT_NE(error.hint().find("AWS Support"), std::string::npos);
  }
  EXPECT_EQ(written, 0);
}

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

// A laptop that sleeps, or a network that is away for longer than the lease.
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
