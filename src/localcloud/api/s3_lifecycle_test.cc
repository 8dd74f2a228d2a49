#include "localcloud/api/s3_lifecycle.h"

#include <gtest/gtest.h>

#include "testing/local_api.h"

namespace adhoc::localcloud {
namespace {

constexpr double kDay = 24 * 3600;
constexpr double kNoon = 20000 * kDay + kDay / 2;

Json Rules(Json rule) {
  rule.update({{"ID", "r"}, {"Status", "Enabled"}});
  return {{"Rules", Json::array({std::move(rule)})}};
}

TEST(Expiry, IsTheMidnightAfterTheDays) {
  const Json object{{"Key", "logs/a"}, {"Size", 500}, {"LastModified", kNoon}};
  const auto expiry = ExpiryOf(Rules({{"Filter", {{"Prefix", "logs/"}}}, {"Expiration", {{"Days", 3}}}}), object);
  ASSERT_TRUE(expiry);
  EXPECT_EQ(expiry->at, 20004 * kDay);
  EXPECT_EQ(ExpirationHeader(*expiry), "expiry-date=\"Tue, 08 Oct 2024 00:00:00 GMT\", rule-id=\"r\"");
  EXPECT_EQ(ExpiryOf(Rules({{"Prefix", ""}, {"Expiration", {{"Date", 20010 * kDay}}}}), object)->at, 20010 * kDay);
}

TEST(Expiry, IsThatOfTheRuleThatComesFirst) {
  const Json lifecycle{
      {"Rules", Json::array({{{"ID", "late"}, {"Status", "Enabled"}, {"Expiration", {{"Days", 9}}}},
                             {{"ID", "soon"}, {"Status", "Enabled"}, {"Expiration", {{"Days", 2}}}},
                             {{"ID", "off"}, {"Status", "Disabled"}, {"Expiration", {{"Days", 1}}}}})}};
  EXPECT_EQ(ExpiryOf(lifecycle, {{"Key", "k"}, {"LastModified", kNoon}})->rule, "soon");
}

TEST(Expiry, FiltersChoose) {
  const Json object{{"Key", "logs/a"},
                    {"Size", 500},
                    {"LastModified", kNoon},
                    {"_tags", Json::array({{{"Key", "keep"}, {"Value", "no"}}, {{"Key", "b"}, {"Value", "c"}}})}};
  const auto applies = [&](const Json& filter) {
    return ExpiryOf(Rules({{"Filter", filter}, {"Expiration", {{"Days", 1}}}}), object).has_value();
  };
  const Json tag{{"Key", "keep"}, {"Value", "no"}};
  EXPECT_TRUE(applies(Json::object()));
  EXPECT_FALSE(applies({{"Prefix", "log/"}}));
  EXPECT_TRUE(applies({{"Tag", tag}}));
  EXPECT_FALSE(applies({{"Tag", {{"Key", "keep"}, {"Value", "yes"}}}}));
  EXPECT_TRUE(applies({{"ObjectSizeGreaterThan", 499}}));
  EXPECT_FALSE(applies({{"ObjectSizeGreaterThan", 500}}));
  EXPECT_FALSE(applies({{"ObjectSizeLessThan", 500}}));
  EXPECT_TRUE(applies({{"And", {{"Prefix", "logs/"}, {"Tags", Json::array({tag})}, {"ObjectSizeLessThan", 501}}}}));
  EXPECT_FALSE(applies({{"And", {{"Prefix", "logs/"}, {"Tags", Json::array({tag, {{"Key", "x"}, {"Value", "y"}}})}}}}));
}

TEST(Expiry, NewerNoncurrentVersionsStay) {
  const Json lifecycle =
      Rules({{"Prefix", ""}, {"NoncurrentVersionExpiration", {{"NoncurrentDays", 2}, {"NewerNoncurrentVersions", 1}}}});
  const Json version{{"Key", "k"}};
  EXPECT_FALSE(NoncurrentExpiryOf(lifecycle, version, kNoon, 0));
  EXPECT_EQ(NoncurrentExpiryOf(lifecycle, version, kNoon, 1)->at, 20003 * kDay);
  EXPECT_FALSE(ExpiryOf(lifecycle, version));
}

struct LifecycleTest : ::testing::Test {
  testing::LocalApi api;
  LifecycleController controller{api.cloud()};

  void SetUp() override { api.Call("s3", "CreateBucket", {{"Bucket", "logs"}}); }
  void Configure(Json rule) {
    rule.update({{"ID", "r"}, {"Status", "Enabled"}, {"Filter", Json::object()}});
    api.Call("s3", "PutBucketLifecycleConfiguration",
             {{"Bucket", "logs"}, {"LifecycleConfiguration", {{"Rules", Json::array({std::move(rule)})}}}});
  }
  Json Put(const std::string& key) {
    return api.Call("s3", "PutObject", {{"Bucket", "logs"}, {"Key", key}, {"Body", "x"}});
  }
  std::string Head(const std::string& key) {
    return api.ErrorOf("s3", "HeadObject", {{"Bucket", "logs"}, {"Key", key}});
  }
  // As time goes by, the controller runs.
  void PassDays(int days) {
    api.clock().Advance(std::chrono::hours(24 * days));
    controller.Pass();
  }
  std::string Versions() {
    const Json answer = api.Call("s3", "ListObjectVersions", {{"Bucket", "logs"}});
    return std::to_string(answer.value("Versions", Json::array()).size()) + " versions, " +
           std::to_string(answer.value("DeleteMarkers", Json::array()).size()) + " markers";
  }
};

TEST_F(LifecycleTest, ObjectsExpire) {
  Configure({{"Expiration", {{"Days", 2}}}});
  const std::string told = Put("old")["Expiration"];
  EXPECT_EQ(api.Call("s3", "GetObject", {{"Bucket", "logs"}, {"Key", "old"}})["Expiration"], told);
  EXPECT_NE(told.find("00:00:00 GMT\", rule-id=\"r\""), std::string::npos) << told;
  PassDays(1);
  Put("young");
  EXPECT_EQ(Head("old"), "");
  PassDays(2);
  EXPECT_NE(Head("old"), "");
  EXPECT_EQ(Head("young"), "");
  EXPECT_EQ(api.store().Begin()->All("s3.garbage").size(), 1u) << "and so does its file";
}

TEST_F(LifecycleTest, APassSaysWhenTheNextIsDue) {
  EXPECT_EQ(controller.Pass(), std::chrono::hours(1));
  Configure({{"Expiration", {{"Days", 1}}}});
  Put("k");
  PassDays(1);
  // Midnight is less than a day away.
  std::chrono::milliseconds waited{0};
  while (Head("k").empty()) {
    const auto wait = controller.Pass();
    ASSERT_LE(wait, std::chrono::hours(1));
    api.clock().Advance(wait);
    waited += wait;
    ASSERT_LE(waited, std::chrono::hours(25));
    controller.Pass();
  }
}

TEST_F(LifecycleTest, InABucketWithVersionsAMarkerComesFirst) {
  api.Call("s3", "PutBucketVersioning", {{"Bucket", "logs"}, {"VersioningConfiguration", {{"Status", "Enabled"}}}});
  Configure({{"Expiration", {{"Days", 1}}}, {"NoncurrentVersionExpiration", {{"NoncurrentDays", 3}}}});
  Put("k");
  Put("k");
  PassDays(2);
  EXPECT_EQ(Versions(), "2 versions, 1 markers");
  PassDays(2);
  EXPECT_EQ(Versions(), "1 versions, 1 markers");
  PassDays(2);
  EXPECT_EQ(Versions(), "0 versions, 0 markers") << "a marker that is alone goes, too";
}

TEST_F(LifecycleTest, UploadsThatAreNotFinishedAreAborted) {
  Configure({{"AbortIncompleteMultipartUpload", {{"DaysAfterInitiation", 1}}}});
  const Json upload = api.Call("s3", "CreateMultipartUpload", {{"Bucket", "logs"}, {"Key", "big"}});
  EXPECT_EQ(upload["AbortRuleId"], "r");
  EXPECT_TRUE(upload.contains("AbortDate"));
  api.Call("s3", "UploadPart",
           {{"Bucket", "logs"}, {"Key", "big"}, {"UploadId", upload["UploadId"]}, {"PartNumber", 1}, {"Body", "x"}});
  controller.Pass();
  EXPECT_EQ(api.Call("s3", "ListMultipartUploads", {{"Bucket", "logs"}})["Uploads"].size(), 1u);
  PassDays(2);
  EXPECT_TRUE(api.Call("s3", "ListMultipartUploads", {{"Bucket", "logs"}}).value("Uploads", Json::array()).empty());
  EXPECT_TRUE(api.store().Begin()->All("s3.parts").empty());
}

TEST_F(LifecycleTest, RulesAreChecked) {
  const auto error = [&](Json rules) {
    return api.ErrorOf("s3", "PutBucketLifecycleConfiguration",
                       {{"Bucket", "logs"}, {"LifecycleConfiguration", {{"Rules", std::move(rules)}}}});
  };
  const auto rule = [](Json more) {
    more.update({{"Status", "Enabled"}, {"Prefix", ""}});
    return more;
  };
  EXPECT_EQ(error(Json::array({rule({{"Expiration", {{"Days", 0}}}})})), "InvalidArgument");
  EXPECT_EQ(error(Json::array({rule(Json::object())})), "InvalidRequest");
  EXPECT_EQ(error(Json::array({rule({{"Filter", Json::object()}, {"Expiration", {{"Days", 1}}}})})), "MalformedXML");
  EXPECT_EQ(error(Json::array({rule({{"Expiration", {{"Date", kNoon}}}})})), "InvalidArgument");
  const Json twice = rule({{"ID", "same"}, {"Expiration", {{"Days", 1}}}});
  EXPECT_EQ(error(Json::array({twice, twice})), "InvalidArgument");
  EXPECT_EQ(error(Json::array({rule({{"Expiration", {{"Days", 1}}}})})), "");
  const Json kept = api.Call("s3", "GetBucketLifecycleConfiguration", {{"Bucket", "logs"}});
  EXPECT_FALSE(kept["Rules"][0]["ID"].get<std::string>().empty()) << "S3 names a rule that has no name";
}

}  // namespace
}  // namespace adhoc::localcloud
