// What S3 does to an environment's bucket.
#include "deploy/account_test.h"
#include "env/resources/resources.h"
#include "env/s3_records.h"

namespace adhoc::deploy {
namespace {

constexpr const char* kBucket = "localhost-alpha-bucket";

class ABucket : public InAnAccount {
 protected:
  void Put(const std::string& key) {
    cloud_.api().Call("s3", "PutObject", {{"Bucket", kBucket}, {"Key", key}, {"Body", ""}});
  }
  std::string Warnings() const {
    std::string all;
    for (const auto& event : sink_.events()) {
      const auto* notice = std::get_if<events::Notice>(&event);
      if (notice != nullptr && notice->level == events::Notice::Level::kWarning) all += notice->text + "\n";
    }
    return all;
  }
  std::string Head() { return cloud_.api().ErrorOf("s3", "HeadBucket", {{"Bucket", kBucket}}); }
};

// S3 deletes no bucket that has any of them.
TEST_F(ABucket, WithOldVersionsMarkersAndUnfinishedUploadsGoes) {
  ASSERT_TRUE(SharedUp());
  const auto shared = Inventory();
  ASSERT_TRUE(Up());
  auto& api = cloud_.api();
  Put("media/before");
  api.Call("s3", "PutBucketVersioning", {{"Bucket", kBucket}, {"VersioningConfiguration", {{"Status", "Enabled"}}}});
  Put("media/x");
  Put("media/x");
  Put("media/gone");
  api.Call("s3", "DeleteObject", {{"Bucket", kBucket}, {"Key", "media/gone"}});
  for (const char* key : {"media/large", "media/larger"}) {
    api.Call("s3", "CreateMultipartUpload", {{"Bucket", kBucket}, {"Key", key}});
  }
  ASSERT_TRUE(Down()) << last_error_;
  EXPECT_EQ(Head(), "NoSuchBucket");
  EXPECT_EQ(Inventory(), shared);
}

// A part that arrived while its upload was aborted.
TEST_F(ABucket, ThatIsNotEmptyYetIsEmptiedAgain) {
  ASSERT_TRUE(SharedUp());
  ASSERT_TRUE(Up());
  const auto account = Make([](const AwsCall& call) -> std::optional<net::Response> {
    if (!call.Is("s3.DeleteBucket") || call.number > 2) return std::nullopt;
    return call.Refusal("BucketNotEmpty", "The bucket you tried to delete is not empty", 409);
  });
  EXPECT_EQ(Down(account), "");
  EXPECT_EQ(account->asked("s3.ListMultipartUploads"), 3);
  EXPECT_EQ(account->asked("s3.ListObjectVersions"), 3);
  EXPECT_EQ(Head(), "NoSuchBucket");
}

// S3 lists and deletes a thousand at a time.
TEST_F(ABucket, WithMoreThanAThousandObjectsGoes) {
  ASSERT_TRUE(SharedUp());
  ASSERT_TRUE(Up());
  for (int i = 0; i <= 1000; ++i) Put(fmt::format("media/{}", i));
  const auto account = Make({}, [](const AwsCall& call, Json&) {
    if (!call.Is("s3.DeleteObjects")) return;
    EXPECT_LE(call.input["Delete"]["Objects"].size(), 1000U);
  });
  EXPECT_EQ(Down(account), "");
  EXPECT_EQ(account->asked("s3.DeleteObjects"), 2);
  EXPECT_EQ(Head(), "NoSuchBucket");
}

// Uploads are listed a thousand at a time, too.
TEST_F(ABucket, WhoseUploadsTakeMoreThanAPageGoes) {
  ASSERT_TRUE(SharedUp());
  ASSERT_TRUE(Up());
  for (const char* key : {"media/a", "media/b"}) {
    cloud_.api().Call("s3", "CreateMultipartUpload", {{"Bucket", kBucket}, {"Key", key}});
  }
  const auto account = Make({}, [](const AwsCall& call, Json& output) {
    if (!call.Is("s3.ListMultipartUploads")) return;
    Json& uploads = output["Uploads"];
    if (call.number == 1) {
      ASSERT_EQ(uploads.size(), 2U);
      uploads.erase(1);
      output.update(
          {{"IsTruncated", true}, {"NextKeyMarker", "media/a"}, {"NextUploadIdMarker", uploads[0]["UploadId"]}});
    } else {
      EXPECT_EQ(call.input.value("KeyMarker", ""), "media/a");
      EXPECT_TRUE(call.input.contains("UploadIdMarker"));
    }
  });
  EXPECT_EQ(Down(account), "");
  EXPECT_EQ(account->asked("s3.ListMultipartUploads"), 2);
  EXPECT_EQ(Head(), "NoSuchBucket");
}

// A role that an earlier version made may delete objects only.
TEST_F(ABucket, GoesWithThePolicyOfAnEarlierVersion) {
  ASSERT_TRUE(SharedUp());
  const auto deny = [](const AwsCall& call) -> std::optional<net::Response> {
    if (!call.Is("s3.ListMultipartUploads") && !call.Is("s3.ListObjectVersions")) return std::nullopt;
    return call.Refusal("AccessDenied", "Access Denied", 403);
  };
  ASSERT_TRUE(Up());
  cloud_.api().Call("s3", "PutObject", {{"Bucket", kBucket}, {"Key", "media/a"}, {"Body", "x"}});
  EXPECT_EQ(Down(Make(deny)), "");
  EXPECT_EQ(Head(), "NoSuchBucket");

  ASSERT_TRUE(Up());
  cloud_.api().Call("s3", "CreateMultipartUpload", {{"Bucket", kBucket}, {"Key", "media/b"}});
  EXPECT_NE(Down(Make(deny)).find("has old versions of objects or unfinished uploads"), std::string::npos);
  EXPECT_NE(hint_.find("adhoc bootstrap up"), std::string::npos) << hint_;
  EXPECT_EQ(Down(Make({})), "");
}

// Their names are the world's.
TEST_F(ABucket, OfAnotherAccountOrRegionIsNamedAndLeft) {
  ASSERT_TRUE(SharedUp());
  const auto shared = Inventory();
  const auto bucket = config_.bucket;
  for (const int status : {403, 301, 400}) {
    const auto account = Make([&](const AwsCall& call) -> std::optional<net::Response> {
      if (!call.Is("s3.HeadBucket")) return std::nullopt;
      return net::Response{.status = status};
    });
    EXPECT_NE(Up(account).find("bucket localhost-alpha-bucket is another account's or region's"), std::string::npos);
    EXPECT_NE(hint_.find("names of buckets are the world's"), std::string::npos) << hint_;
    EXPECT_EQ(account->asked("ecs.CreateCluster"), 0);
    // The definition has it only now.
    config_.bucket.reset();
    ASSERT_TRUE(Up());
    config_.bucket = bucket;
    EXPECT_EQ(Down(account), "");
    EXPECT_EQ(account->asked("s3.DeleteBucket"), 0);
    EXPECT_NE(Warnings().find("or may not be looked at, and stays"), std::string::npos) << Warnings();
    EXPECT_EQ(Inventory(), shared);
  }
  // Somebody was faster.
  const auto account = Make([](const AwsCall& call) -> std::optional<net::Response> {
    if (!call.Is("s3.CreateBucket")) return std::nullopt;
    return call.Refusal("BucketAlreadyExists", "The requested bucket name is not available.", 409);
  });
  EXPECT_NE(Up(account).find("is another account's or region's"), std::string::npos);
}

// S3 wants the region's name, but in us-east-1, and refuses a bucket that is there, but in us-east-1.
TEST_F(ABucket, IsMadeInItsRegionHoweverOften) {
  const auto account = Make({});
  aws::Client client({.region = "eu-west-1", .endpoint_url = "http://127.0.0.1:4566"},
                     aws::StaticCredentials({.access_key_id = "adhoc", .secret_access_key = "adhoc"}), account,
                     cloud_.clock(), random_);
  env::Context context(client, config_, sink_, cloud_.clock(), random_, pace_);
  const auto bucket = env::MakeBucket(kBucket, config::Bucket{});
  bucket->Create(context);
  bucket->Create(context);
  EXPECT_EQ(account->asked("s3.CreateBucket"), 2);
  EXPECT_EQ(cloud_.api().Call("s3", "GetBucketLocation", {{"Bucket", kBucket}})["LocationConstraint"], "eu-west-1");
  EXPECT_EQ(
      cloud_.api().ErrorOf("s3", "CreateBucket",
                           {{"Bucket", kBucket}, {"CreateBucketConfiguration", {{"LocationConstraint", "eu-west-1"}}}}),
      "BucketAlreadyOwnedByYou");
  const env::RecordsBucket records{.account = "000000000000", .region = "eu-west-1"};
  env::EnsureRecordsBucket(client, records);
  env::EnsureRecordsBucket(client, records);
  EXPECT_EQ(cloud_.api().Call("s3", "GetBucketLocation", {{"Bucket", records.name()}})["LocationConstraint"],
            "eu-west-1");
}

// As DeleteObjects answers: 200, and errors inside.
TEST_F(ABucket, OfRecordsWhoseObjectsStaySaysWhich) {
  const env::RecordsBucket records{.account = "000000000000", .region = "us-east-1"};
  const auto account = Make([](const AwsCall& call) -> std::optional<net::Response> {
    if (!call.Is("s3.DeleteObjects")) return std::nullopt;
    return call.Answer(
        {{"Errors",
          Json::array({{{"Key", "records/alpha.json"}, {"Code", "AccessDenied"}, {"Message", "Access Denied"}}})}});
  });
  const std::string error = Run(account, [&](env::Context& context) {
    env::EnsureRecordsBucket(context.client(), records);
    context.Call("s3", "PutObject", {{"Bucket", records.name()}, {"Key", "records/alpha.json"}, {"Body", "{}"}});
    env::MakeRecordsBucket(records.account, records.region)->Delete(context, Json());
  });
  EXPECT_NE(error.find("cannot be emptied: records/alpha.json: Access Denied"), std::string::npos) << error;
  EXPECT_EQ(account->asked("s3.DeleteBucket"), 0);
}

}  // namespace
}  // namespace adhoc::deploy
