#include "env/s3_records.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/sync.h"
#include "env/names.h"

namespace adhoc::env {
namespace {

constexpr int kKeptVersionDays = 90;
constexpr int kTries = 5;

std::string RecordKey(const std::string& environment) { return "records/" + environment + ".json"; }

struct Object {
  std::string text;
  std::string etag;
  double modified = 0;
};

class S3Records final : public RecordStore {
 public:
  S3Records(aws::Client& client, RecordsBucket bucket) : client_(client), bucket_(std::move(bucket)) {}

  std::optional<Record> Get(const std::string& environment) override {
    const auto object = Read(RecordKey(environment));
    if (!object) return std::nullopt;
    return RecordFromJson(Parse(RecordKey(environment), object->text));
  }

  std::vector<Record> List() override {
    std::vector<Record> records;
    Json listed;
    try {
      Json input = Place();
      input["Prefix"] = "records/";
      listed = client_.List("s3", "ListObjectsV2", input, "Contents");
    } catch (const aws::AwsError& error) {
      if (error.code() != "NoSuchBucket") throw;
      return records;
    }
    for (const Json& item : listed) {
      const std::string key = item["Key"];
      if (const auto object = Read(key)) records.push_back(RecordFromJson(Parse(key, object->text)));
    }
    return records;
  }

  // Under the environment's lock, so unconditional: the last writer is the only one.
  void Put(const Record& record) override { Write(RecordKey(record.name), ToJson(record).dump(2), {}); }

  void Delete(const std::string& environment) override { Erase(RecordKey(environment), ""); }

  std::optional<LockHolder> TryLock(const std::string& key, const LockHolder& us) override {
    for (int attempt = 1; attempt <= kTries; ++attempt) {
      if (WriteLock(key, us, {{"IfNoneMatch", "*"}})) return std::nullopt;
      // Somebody has it, or our own first try arrived without its answer: read who it is.
      const auto held = Read(LockObject(key));
      if (!held) continue;
      const LockHolder holder = HolderOf(key, *held);
      if (!SameHolder(holder, us) && !IsGone(holder, Now())) return holder;
      if (WriteLock(key, us, {{"IfMatch", held->etag}})) return std::nullopt;
    }
    throw Error(fmt::format("the lock of {} changes hands too fast", key), "try again in a moment");
  }

  // Longer than on one machine: each renewal is a call.
  std::chrono::seconds lease() const override { return std::chrono::seconds(90); }

  bool Renew(const std::string& key, const LockHolder& us) override {
    // As we wrote it last, it is still ours.
    if (const std::string etag = Written(key); !etag.empty() && WriteLock(key, us, {{"IfMatch", etag}})) return true;
    const auto held = Read(LockObject(key));
    if (!held || !SameHolder(HolderOf(key, *held), us)) return false;
    if (WriteLock(key, us, {{"IfMatch", held->etag}})) return true;
    const auto now = Read(LockObject(key));
    return now && SameHolder(HolderOf(key, *now), us);
  }

  void Unlock(const std::string& key, const LockHolder& us) override {
    if (const std::string etag = Written(key); !etag.empty() && Erase(LockObject(key), etag)) return Forget(key);
    const auto held = Read(LockObject(key));
    if (held && SameHolder(HolderOf(key, *held), us)) Erase(LockObject(key), held->etag);
    Forget(key);
  }

  std::optional<LockHolder> Holder(const std::string& key) override {
    const auto held = Read(LockObject(key));
    if (!held) return std::nullopt;
    LockHolder holder = HolderOf(key, *held);
    if (IsGone(holder, Now())) return std::nullopt;
    return holder;
  }

  void Break(const std::string& key) override { Erase(LockObject(key), ""); }

 private:
  Json Place() const { return {{"Bucket", bucket_.name()}, {"ExpectedBucketOwner", bucket_.account}}; }

  double Now() const { return ToSeconds(client_.ServerTime()); }

  static Json Parse(const std::string& key, const std::string& text) {
    Json json = Json::parse(text, nullptr, false);
    if (!json.is_object())
      throw Error(fmt::format("{} of the records is damaged", key), "restore an older version of the object");
    return json;
  }

  // The lease counts from S3's time of the write.
  LockHolder HolderOf(const std::string& key, const Object& object) const {
    LockHolder holder = HolderFromJson(Parse(LockObject(key), object.text));
    holder.expires = object.modified + static_cast<double>(lease().count());
    return holder;
  }

  std::optional<Object> Read(const std::string& key) {
    Json input = Place();
    input["Key"] = key;
    try {
      const Json found = client_.Call("s3", "GetObject", input);
      return Object{found.value("Body", ""), found.value("ETag", ""), found.value("LastModified", 0.0)};
    } catch (const aws::AwsError& error) {
      if (error.code() != "NoSuchKey" && error.code() != "NoSuchBucket") throw;
      return std::nullopt;
    }
  }

  void Forget(const std::string& key) { written_.lock()->erase(key); }

  std::string Written(const std::string& key) {
    auto written = written_.lock();
    const auto found = written->find(key);
    return found == written->end() ? "" : found->second;
  }

  bool WriteLock(const std::string& key, const LockHolder& us, const Json& condition) {
    const auto made = Write(LockObject(key), ToJson(us).dump(2), condition);
    if (!made) return false;
    (*written_.lock())[key] = made->value("ETag", "");
    // A bucket whose making was cut off has no versions yet: that is set last.
    if (!made->contains("VersionId")) EnsureRecordsBucket(client_, bucket_);
    return true;
  }

  // The answer; nothing when the condition does not hold.
  std::optional<Json> Write(const std::string& key, const std::string& text, const Json& condition) {
    Json input = Place();
    input.update({{"Key", key}, {"Body", text}, {"ContentType", "application/json"}});
    if (!condition.is_null()) input.update(condition);
    bool made = false;
    for (int attempt = 1;; ++attempt) {
      try {
        return client_.Call("s3", "PutObject", input);
      } catch (const aws::AwsError& error) {
        const bool gone = error.code() == "NoSuchBucket" || error.code() == "NoSuchKey";
        const bool renews = input.contains("IfMatch");
        if (error.code() == "NoSuchBucket" && !renews && !std::exchange(made, true)) {
          EnsureRecordsBucket(client_, bucket_);
          continue;
        }
        // Another conditional request for the key was under way: which of them came first tells the next answer.
        const bool undecided = error.code() == "ConditionalRequestConflict";
        if (undecided && attempt < kTries) continue;
        // 404: it was deleted since it was read.
        const bool lost = undecided || error.code() == "PreconditionFailed" || (gone && renews);
        if (!lost) throw;
        return std::nullopt;
      }
    }
  }

  // False when it is no longer what has this ETag.
  bool Erase(const std::string& key, const std::string& etag) {
    Json input = Place();
    input["Key"] = key;
    if (!etag.empty()) input["IfMatch"] = etag;
    for (int attempt = 1;; ++attempt) {
      try {
        client_.Call("s3", "DeleteObject", input);
        return true;
      } catch (const aws::AwsError& error) {
        const bool undecided = error.code() == "ConditionalRequestConflict";  // as in Write
        if (undecided && attempt < kTries) continue;
        if (undecided || error.code() == "PreconditionFailed") return false;
        if (error.code() != "NoSuchBucket" && error.code() != "NoSuchKey") throw;
        return true;
      }
    }
  }

  aws::Client& client_;
  const RecordsBucket bucket_;
  Sync<std::map<std::string, std::string>> written_;  // locks of ours: key → ETag
};

}  // namespace

std::string LockObject(std::string key) {
  for (char& c : key) c = c == ' ' ? '/' : c;
  return "locks/" + key + ".json";
}

std::string RecordsBucket::name() const { return RecordsBucketName(account, region); }

void EnsureRecordsBucket(aws::Client& client, const RecordsBucket& bucket) {
  Json make{{"Bucket", bucket.name()}};
  if (bucket.region != "us-east-1") make["CreateBucketConfiguration"] = {{"LocationConstraint", bucket.region}};
  try {
    client.Call("s3", "CreateBucket", make);
  } catch (const aws::AwsError& error) {
    if (error.code() == "BucketAlreadyExists") {
      throw Error(fmt::format("the records' bucket {} belongs to another account", bucket.name()),
                  "somebody has taken the name: ask AWS Support; nothing was written to it");
    }
    if (error.code() != "BucketAlreadyOwnedByYou") throw;
  }
  const auto set = [&](const char* operation, const char* member, const Json& value) {
    client.Call("s3", operation, {{"Bucket", bucket.name()}, {"ExpectedBucketOwner", bucket.account}, {member, value}});
  };
  set("PutPublicAccessBlock", "PublicAccessBlockConfiguration",
      {{"BlockPublicAcls", true},
       {"IgnorePublicAcls", true},
       {"BlockPublicPolicy", true},
       {"RestrictPublicBuckets", true}});
  set("PutBucketEncryption", "ServerSideEncryptionConfiguration",
      {{"Rules", Json::array({{{"ApplyServerSideEncryptionByDefault", {{"SSEAlgorithm", "AES256"}}}}})}});
  // Locks come and go: without this their old versions would pile up.
  set("PutBucketLifecycleConfiguration", "LifecycleConfiguration",
      {{"Rules", Json::array({{{"ID", "old-versions"},
                               {"Status", "Enabled"},
                               {"Filter", {{"Prefix", ""}}},
                               {"Expiration", {{"ExpiredObjectDeleteMarker", true}}},
                               {"NoncurrentVersionExpiration", {{"NoncurrentDays", kKeptVersionDays}}}}})}});
  set("PutBucketTagging", "Tagging", {{"TagSet", Json::array({{{"Key", kManagedByTag}, {"Value", kManagedBy}}})}});
  set("PutBucketVersioning", "VersioningConfiguration", {{"Status", "Enabled"}});
}

std::unique_ptr<RecordStore> OpenS3Records(aws::Client& client, RecordsBucket bucket) {
  return std::make_unique<S3Records>(client, std::move(bucket));
}

}  // namespace adhoc::env
