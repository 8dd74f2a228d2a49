// A bucket's sub-resources. Most are kept and given back as they are; those that mean something here are the policy,
// the public access block, CORS, versioning and ACLs.
#include "localcloud/api/s3_internal.h"
#include "localcloud/api/s3_lifecycle.h"
#include "localcloud/api/s3_website.h"

namespace adhoc::localcloud::s3 {
namespace {

// One sub-resource: what Put takes, what Get answers.
struct SubResource {
  const char* name;  // of the private field and in Put…, Get…, Delete…
  Effect effect;
  const char* put;  // operations; null when there is none
  const char* get;
  const char* erase;
  const char* input;         // the member of Put's input
  const char* output;        // the member of Get's output that is the document; null: its members are the output's
  const char* missing_code;  // null: an empty answer
  const char* missing_text;
  void (*check)(const Json& document) = nullptr;  // throws ApiError
};

const SubResource kSubResources[] = {
    {"_accelerate", Effect::kRecorded, "PutBucketAccelerateConfiguration", "GetBucketAccelerateConfiguration", nullptr,
     "AccelerateConfiguration", nullptr, nullptr, nullptr},
    {"_cors", Effect::kReal, "PutBucketCors", "GetBucketCors", "DeleteBucketCors", "CORSConfiguration", nullptr,
     "NoSuchCORSConfiguration", "The CORS configuration does not exist"},
    {"_lifecycle", Effect::kReal, nullptr, "GetBucketLifecycleConfiguration", "DeleteBucketLifecycle", nullptr, nullptr,
     "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"},
    {"_logging", Effect::kRecorded, "PutBucketLogging", "GetBucketLogging", nullptr, "BucketLoggingStatus", nullptr,
     nullptr, nullptr},
    {"_notification", Effect::kRecorded, "PutBucketNotificationConfiguration", "GetBucketNotificationConfiguration",
     nullptr, "NotificationConfiguration", nullptr, nullptr, nullptr},
    {"_object_lock", Effect::kRecorded, "PutObjectLockConfiguration", "GetObjectLockConfiguration", nullptr,
     "ObjectLockConfiguration", "ObjectLockConfiguration", "ObjectLockConfigurationNotFoundError",
     "Object Lock configuration does not exist for this bucket"},
    {"_public_access_block", Effect::kReal, "PutPublicAccessBlock", "GetPublicAccessBlock", "DeletePublicAccessBlock",
     "PublicAccessBlockConfiguration", "PublicAccessBlockConfiguration", "NoSuchPublicAccessBlockConfiguration",
     "The public access block configuration was not found"},
    {"_replication", Effect::kRecorded, "PutBucketReplication", "GetBucketReplication", "DeleteBucketReplication",
     "ReplicationConfiguration", "ReplicationConfiguration", "ReplicationConfigurationNotFoundError",
     "The replication configuration was not found"},
    {"_tagging", Effect::kRecorded, "PutBucketTagging", "GetBucketTagging", "DeleteBucketTagging", "Tagging", nullptr,
     "NoSuchTagSet", "The TagSet does not exist"},
    {"_versioning", Effect::kReal, "PutBucketVersioning", "GetBucketVersioning", nullptr, "VersioningConfiguration",
     nullptr, nullptr, nullptr},
    {"_website", Effect::kReal, "PutBucketWebsite", "GetBucketWebsite", "DeleteBucketWebsite", "WebsiteConfiguration",
     nullptr, "NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration", CheckWebsite},
};

void RegisterSubResource(Api& api, Cloud& cloud, const SubResource& sub) {
  if (sub.put != nullptr) {
    const auto put = [&cloud, &sub](Call& call) -> Json {
      Authorize(cloud, call, std::string("s3:") + sub.put, Text(call.input, "Bucket"));
      Json document = call.input.value(sub.input, Json::object());
      if (sub.check != nullptr) sub.check(document);
      EditBucket(call)[sub.name] = std::move(document);
      return Json::object();
    };
    api.On("s3", sub.put, put, sub.effect);
  }
  api.On("s3", sub.get, [&cloud, &sub](Call& call) -> Json {
    const std::string name = Text(call.input, "Bucket");
    Authorize(cloud, call, std::string("s3:") + sub.get, name);
    const Json& bucket = GetBucket(call, name);
    if (!bucket.contains(sub.name)) {
      if (sub.missing_code == nullptr) return Json::object();
      throw Fault(sub.missing_code, sub.missing_text, {{"BucketName", name}});
    }
    if (sub.output == nullptr) return bucket[sub.name];
    return {{sub.output, bucket[sub.name]}};
  });
  if (sub.erase != nullptr) {
    const auto erase = [&cloud, &sub](Call& call) -> Json {
      Authorize(cloud, call, std::string("s3:") + sub.erase, Text(call.input, "Bucket"));
      EditBucket(call).erase(sub.name);
      return Json::object();
    };
    api.On("s3", sub.erase, erase, sub.effect);
  }
}

// ---- The policy

Json PutBucketPolicy(Cloud& cloud, Call& call) {
  const std::string name = Text(call.input, "Bucket");
  Authorize(cloud, call, "s3:PutBucketPolicy", name);
  Json& bucket = EditBucket(call);
  const std::string policy = Text(call.input, "Policy");
  const Json parsed = Json::parse(policy, nullptr, false);
  if (!parsed.is_object()) throw Fault("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'");
  if (!parsed.contains("Statement")) throw Fault("MalformedPolicy", "Missing required field Statement");
  if (Flag(Fields(bucket, "_public_access_block"), "BlockPublicPolicy") && PolicyIsPublic(policy)) {
    throw Fault(
        "AccessDenied",
        "User is not authorized to perform: s3:PutBucketPolicy on resource: \"arn:aws:s3:::" + name +
            "\" because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.");
  }
  bucket["_policy"] = policy;
  return Json::object();
}

const std::string NeedPolicy(Cloud& cloud, const Call& call) {
  const std::string name = Text(call.input, "Bucket");
  Authorize(cloud, call, "s3:GetBucketPolicy", name);
  const Json& bucket = GetBucket(call, name);
  if (!bucket.contains("_policy"))
    throw Fault("NoSuchBucketPolicy", "The bucket policy does not exist", {{"BucketName", name}});
  return Text(bucket, "_policy");
}

Json GetBucketPolicy(Cloud& cloud, Call& call) { return {{"Policy", NeedPolicy(cloud, call)}}; }

Json GetBucketPolicyStatus(Cloud& cloud, Call& call) {
  return {{"PolicyStatus", {{"IsPublic", PolicyIsPublic(NeedPolicy(cloud, call))}}}};
}

Json DeleteBucketPolicy(Cloud& cloud, Call& call) {
  Authorize(cloud, call, "s3:DeleteBucketPolicy", Text(call.input, "Bucket"));
  EditBucket(call).erase("_policy");
  return Json::object();
}

// ---- Lifecycle rules

Json PutBucketLifecycleConfiguration(Cloud& cloud, Call& call) {
  Authorize(cloud, call, "s3:PutLifecycleConfiguration", Text(call.input, "Bucket"));
  Json lifecycle = Fields(call.input, "LifecycleConfiguration");
  CheckLifecycle(lifecycle);
  for (Json& rule : lifecycle["Rules"]) {
    if (Text(rule, "ID").empty()) rule["ID"] = Base64Encode(cloud.random.Hex(36));
  }
  EditBucket(call)["_lifecycle"] = std::move(lifecycle);
  return Json::object();
}

// ---- What every bucket has, set or not

Json DefaultEncryption() {
  return {{"Rules", Json::array({{{"ApplyServerSideEncryptionByDefault", {{"SSEAlgorithm", "AES256"}}},
                                  {"BucketKeyEnabled", false}}})}};
}

Json PutBucketEncryption(Cloud& cloud, Call& call) {
  Authorize(cloud, call, "s3:PutEncryptionConfiguration", Text(call.input, "Bucket"));
  EditBucket(call)["_encryption"] = call.input["ServerSideEncryptionConfiguration"];
  return Json::object();
}

Json GetBucketEncryption(Cloud& cloud, Call& call) {
  const std::string name = Text(call.input, "Bucket");
  Authorize(cloud, call, "s3:GetEncryptionConfiguration", name);
  return {{"ServerSideEncryptionConfiguration", GetBucket(call, name).value("_encryption", DefaultEncryption())}};
}

Json DeleteBucketEncryption(Cloud& cloud, Call& call) {
  Authorize(cloud, call, "s3:PutEncryptionConfiguration", Text(call.input, "Bucket"));
  EditBucket(call).erase("_encryption");
  return Json::object();
}

Json PutBucketOwnershipControls(Cloud& cloud, Call& call) {
  Authorize(cloud, call, "s3:PutBucketOwnershipControls", Text(call.input, "Bucket"));
  EditBucket(call)["_ownership"] = call.input["OwnershipControls"];
  return Json::object();
}

Json GetBucketOwnershipControls(Cloud& cloud, Call& call) {
  const std::string name = Text(call.input, "Bucket");
  Authorize(cloud, call, "s3:GetBucketOwnershipControls", name);
  const Json& bucket = GetBucket(call, name);
  if (Flag(bucket, "_ownership_erased")) {
    throw Fault("OwnershipControlsNotFoundError", "The bucket ownership controls were not found",
                {{"BucketName", name}});
  }
  const Json enforced{{"Rules", Json::array({{{"ObjectOwnership", "BucketOwnerEnforced"}}})}};
  return {{"OwnershipControls", bucket.value("_ownership", enforced)}};
}

Json DeleteBucketOwnershipControls(Cloud& cloud, Call& call) {
  Authorize(cloud, call, "s3:PutBucketOwnershipControls", Text(call.input, "Bucket"));
  Json& bucket = EditBucket(call);
  bucket.erase("_ownership");
  bucket["_ownership_erased"] = true;
  return Json::object();
}

Json GetBucketRequestPayment(Cloud& cloud, Call& call) {
  const std::string name = Text(call.input, "Bucket");
  Authorize(cloud, call, "s3:GetBucketRequestPayment", name);
  return {{"Payer", GetBucket(call, name).value("_payer", "BucketOwner")}};
}

Json PutBucketRequestPayment(Cloud& cloud, Call& call) {
  Authorize(cloud, call, "s3:PutBucketRequestPayment", Text(call.input, "Bucket"));
  EditBucket(call)["_payer"] = Text(Fields(call.input, "RequestPaymentConfiguration"), "Payer", "BucketOwner");
  return Json::object();
}

// ---- ACLs: the canned ones

Json AclAnswer(const Cloud& cloud, const std::string& acl) {
  const Json owner = OwnerOf(cloud);
  const Json grantee{{"ID", owner["ID"]}, {"DisplayName", owner["DisplayName"]}, {"Type", "CanonicalUser"}};
  Json grants = Json::array({{{"Grantee", grantee}, {"Permission", "FULL_CONTROL"}}});
  const Json everyone{{"Type", "Group"}, {"URI", "http://acs.amazonaws.com/groups/global/AllUsers"}};
  if (StartsWith(acl, "public-read")) grants.push_back({{"Grantee", everyone}, {"Permission", "READ"}});
  if (acl == "public-read-write") grants.push_back({{"Grantee", everyone}, {"Permission", "WRITE"}});
  return {{"Owner", owner}, {"Grants", std::move(grants)}};
}

void CheckAclAllowed(const Json& bucket, const Json& input) {
  const std::string acl = Text(input, "ACL", "private");
  if (Flag(Fields(bucket, "_public_access_block"), "BlockPublicAcls") && StartsWith(acl, "public-")) {
    throw Fault("AccessDenied",
                "User is not authorized to perform: s3:PutBucketAcl because public ACLs are prevented by the "
                "BlockPublicAcls setting in S3 Block Public Access.");
  }
}

Json PutBucketAcl(Cloud& cloud, Call& call) {
  Authorize(cloud, call, "s3:PutBucketAcl", Text(call.input, "Bucket"));
  Json& bucket = EditBucket(call);
  CheckAclAllowed(bucket, call.input);
  bucket["_acl"] = Text(call.input, "ACL", "private");
  return Json::object();
}

Json GetBucketAcl(Cloud& cloud, Call& call) {
  const std::string name = Text(call.input, "Bucket");
  Authorize(cloud, call, "s3:GetBucketAcl", name);
  return AclAnswer(cloud, Text(GetBucket(call, name), "_acl", "private"));
}

const std::string NeedObject(const Call& call) {
  const std::string bucket = Text(call.input, "Bucket");
  const std::string key = Text(call.input, "Key");
  GetBucket(call, bucket);
  if (FindVersion(call.txn, bucket, key, "") == nullptr)
    throw Fault("NoSuchKey", "The specified key does not exist.", {{"Key", key}});
  return ObjectKey(bucket, key);
}

Json PutObjectAcl(Cloud& cloud, Call& call) {
  Authorize(cloud, call, "s3:PutObjectAcl", Text(call.input, "Bucket"), Text(call.input, "Key"));
  const std::string key = NeedObject(call);
  CheckAclAllowed(GetBucket(call, Text(call.input, "Bucket")), call.input);
  call.txn.Edit(kObjects, key)["_acl"] = Text(call.input, "ACL", "private");
  return Json::object();
}

Json GetObjectAcl(Cloud& cloud, Call& call) {
  Authorize(cloud, call, "s3:GetObjectAcl", Text(call.input, "Bucket"), Text(call.input, "Key"));
  return AclAnswer(cloud, Text(*call.txn.Find(kObjects, NeedObject(call)), "_acl", "private"));
}

}  // namespace

void RegisterConfiguration(Api& api, Cloud& cloud) {
  for (const auto& sub : kSubResources) RegisterSubResource(api, cloud, sub);
  Register(api, cloud,
           {{"DeleteBucketEncryption", DeleteBucketEncryption, Effect::kRecorded},
            {"DeleteBucketOwnershipControls", DeleteBucketOwnershipControls, Effect::kRecorded},
            {"DeleteBucketPolicy", DeleteBucketPolicy},
            {"GetBucketAcl", GetBucketAcl},
            {"GetBucketEncryption", GetBucketEncryption},
            {"GetBucketOwnershipControls", GetBucketOwnershipControls},
            {"GetBucketPolicy", GetBucketPolicy},
            {"GetBucketPolicyStatus", GetBucketPolicyStatus},
            {"GetBucketRequestPayment", GetBucketRequestPayment},
            {"GetObjectAcl", GetObjectAcl},
            {"PutBucketAcl", PutBucketAcl},
            {"PutBucketEncryption", PutBucketEncryption, Effect::kRecorded},
            {"PutBucketOwnershipControls", PutBucketOwnershipControls, Effect::kRecorded},
            {"PutBucketLifecycleConfiguration", PutBucketLifecycleConfiguration},
            {"PutBucketPolicy", PutBucketPolicy},
            {"PutBucketRequestPayment", PutBucketRequestPayment, Effect::kRecorded},
            {"PutObjectAcl", PutObjectAcl}});
}

}  // namespace adhoc::localcloud::s3
