// Amazon S3: buckets, and what all its operations share. Paths only; the gateway turns bucket.s3.… hosts into paths.
#include <algorithm>
#include <cctype>
#include <map>

#include "localcloud/api/s3_cors.h"
#include "localcloud/api/s3_internal.h"
#include "net/uri.h"

namespace adhoc::localcloud {
namespace s3 {

ApiError Fault(const std::string& code, const std::string& message, Json fields) {
  static const std::map<std::string, int, std::less<>> kStatus = {
      {"AccessDenied", 403},
      {"BucketAlreadyExists", 409},
      {"BucketAlreadyOwnedByYou", 409},
      {"BucketNotEmpty", 409},
      {"ConditionalRequestConflict", 409},
      {"InvalidPartNumber", 416},
      {"InvalidRange", 416},
      {"MethodNotAllowed", 405},
      {"PreconditionFailed", 412},
      {"SignatureDoesNotMatch", 403},
      {"ObjectLockConfigurationNotFoundError", 404},
      {"OwnershipControlsNotFoundError", 404},
      {"ReplicationConfigurationNotFoundError", 404},
      {"ServerSideEncryptionConfigurationNotFoundError", 404}};
  const auto found = kStatus.find(code);
  const int status = found != kStatus.end() ? found->second : StartsWith(code, "NoSuch") ? 404 : 400;
  return {code, message, std::move(fields), status};
}

BlobStore Blobs(Cloud& cloud) { return {cloud.settings.state_dir / "s3", cloud.random}; }

void Discard(Cloud& cloud, Store::Transaction& txn, const Json& holder) {
  const std::string blob = Text(holder, "_blob");
  if (!blob.empty()) txn.Put(kGarbage, blob, {{"at", cloud.Now()}});
}

const Json& GetBucket(const Store::Transaction& txn, const std::string& name) {
  const Json* bucket = txn.Find(kBuckets, name);
  if (bucket == nullptr) throw Fault("NoSuchBucket", "The specified bucket does not exist", {{"BucketName", name}});
  return *bucket;
}

const Json& GetBucket(const Call& call, const std::string& name) { return GetBucket(call.txn, name); }

Json& EditBucket(Call& call) {
  const std::string name = Text(call.input, "Bucket");
  GetBucket(call, name);
  return call.txn.Edit(kBuckets, name);
}

std::string ObjectKey(const std::string& bucket, const std::string& key) { return bucket + "\n" + key; }

Json OwnerOf(const Cloud& cloud) {
  return {{"ID", "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"},
          {"DisplayName", cloud.settings.account}};
}

namespace {

bool IsEveryone(const Json& principal) {
  if (principal.is_string()) return principal == "*";
  if (!principal.is_object() || !principal.contains("AWS")) return false;
  const Json& aws = principal["AWS"];
  return aws == "*" || (aws.is_array() && std::find(aws.begin(), aws.end(), "*") != aws.end());
}

bool AnyMatches(const Json& patterns, std::string_view text, bool ignore_case) {
  const auto matches = [&](const Json& pattern) {
    if (!pattern.is_string()) return false;
    const std::string given = pattern.get<std::string>();
    return ignore_case ? MatchesWildcard(ToLower(given), ToLower(text)) : MatchesWildcard(given, text);
  };
  if (patterns.is_array()) return std::any_of(patterns.begin(), patterns.end(), matches);
  return matches(patterns);
}

// A policy's statements; a single one may stand without the list.
Json StatementsOf(const std::string& policy) {
  const Json document = Json::parse(policy, nullptr, false);
  if (!document.is_object()) return Json::array();
  const Json statements = document.value("Statement", Json::array());
  return statements.is_array() ? statements : Json::array({statements});
}

}  // namespace

bool PolicyAllowsEveryone(const std::string& policy, const std::string& action, const std::string& resource) {
  bool allowed = false;
  for (const auto& statement : StatementsOf(policy)) {
    if (!statement.is_object() || !IsEveryone(statement.value("Principal", Json()))) continue;
    if (!AnyMatches(statement.value("Action", Json()), action, true) ||
        !AnyMatches(statement.value("Resource", Json()), resource, false))
      continue;
    const std::string effect = Text(statement, "Effect");
    // Conditions are not evaluated: one narrows what is allowed, so it allows nothing here; a denial is taken at its
    // word.
    if (effect == "Deny") return false;
    if (effect == "Allow" && !statement.contains("Condition")) allowed = true;
  }
  return allowed;
}

bool PolicyAllowsLogDelivery(const std::string& policy, const std::string& region, const std::string& resource) {
  // Who delivers: a service, before 2022 an account of Elastic Load Balancing's in each region.
  // https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
  static const std::map<std::string, std::string, std::less<>> kAccounts = {
      {"af-south-1", "098369216593"},     {"ap-east-1", "754344448648"},      {"ap-northeast-1", "582318560864"},
      {"ap-northeast-2", "600734575887"}, {"ap-northeast-3", "383597477331"}, {"ap-south-1", "718504428378"},
      {"ap-southeast-1", "114774131450"}, {"ap-southeast-2", "783225319266"}, {"ap-southeast-3", "589379963580"},
      {"ca-central-1", "985666609251"},   {"eu-central-1", "054676820928"},   {"eu-north-1", "897822967062"},
      {"eu-south-1", "635631232127"},     {"eu-west-1", "156460612806"},      {"eu-west-2", "652711504416"},
      {"eu-west-3", "009996457667"},      {"me-south-1", "076674570225"},     {"sa-east-1", "507241528517"},
      {"us-east-1", "127311923021"},      {"us-east-2", "033677994240"},      {"us-west-1", "027434742980"},
      {"us-west-2", "797873946194"}};
  const auto names = [](const Json& principals, const Json& name) {
    return principals == name ||
           (principals.is_array() && std::find(principals.begin(), principals.end(), name) != principals.end());
  };
  const auto is_delivery = [&](const Json& principal) {
    if (IsEveryone(principal)) return true;
    if (!principal.is_object()) return false;
    if (names(principal.value("Service", Json()), "logdelivery.elasticloadbalancing.amazonaws.com")) return true;
    const auto account = kAccounts.find(region);
    const Json accounts = principal.value("AWS", Json());
    return account != kAccounts.end() &&
           (names(accounts, account->second) || names(accounts, "arn:aws:iam::" + account->second + ":root"));
  };
  bool allowed = false;
  for (const auto& statement : StatementsOf(policy)) {
    if (!statement.is_object() || !is_delivery(statement.value("Principal", Json())) ||
        !AnyMatches(statement.value("Action", Json()), "s3:PutObject", true) ||
        !AnyMatches(statement.value("Resource", Json()), resource, false))
      continue;
    // The usual conditions are on what is always so: this account as the source, TLS, the owner's full control.
    const std::string effect = Text(statement, "Effect");
    if (effect == "Deny" && !statement.contains("Condition")) return false;
    if (effect == "Allow") allowed = true;
  }
  return allowed;
}

bool PolicyIsPublic(const std::string& policy) {
  for (const auto& statement : StatementsOf(policy)) {
    if (statement.is_object() && Text(statement, "Effect") == "Allow" &&
        IsEveryone(statement.value("Principal", Json())) && !statement.contains("Condition"))
      return true;
  }
  return false;
}

namespace {

// 20261123T090000Z as seconds; nothing when malformed.
std::optional<double> ParseBasicTime(const std::string& text) {
  std::tm parts{};
  const char* end = strptime(text.c_str(), "%Y%m%dT%H%M%SZ", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return static_cast<double>(timegm(&parts));
}

// A presigned URL is good until its time has run out.
void CheckExpiry(Cloud& cloud, const net::Request& request) {
  if (request.query().find("X-Amz-Expires=") == std::string_view::npos) return;
  std::string date;
  double lifetime = 0;
  for (const auto& [name, value] : net::ParseQuery(request.query())) {
    if (name == "X-Amz-Date") date = value;
    if (name == "X-Amz-Expires") lifetime = std::strtod(value.c_str(), nullptr);
  }
  const auto signed_at = ParseBasicTime(date);
  if (!signed_at || *signed_at + lifetime < cloud.Now()) {
    throw Fault("AccessDenied", "Request has expired",
                {{"X-Amz-Expires", std::to_string(static_cast<long>(lifetime))}});
  }
}

// Whether this is a presigned URL in the old form, Signature Version 2 in the query, which boto3 still makes for
// us-east-1 unless it is told otherwise. Throws when its time has run out.
bool IsPresignedTheOldWay(Cloud& cloud, const net::Request& request) {
  if (request.query().find("AWSAccessKeyId=") == std::string_view::npos) return false;
  std::map<std::string, std::string> query;
  for (auto& [name, value] : net::ParseQuery(request.query())) query[name] = value;
  if (query["AWSAccessKeyId"].empty() || query["Signature"].empty()) return false;
  if (std::strtod(query["Expires"].c_str(), nullptr) < cloud.Now()) {
    throw Fault("AccessDenied", "Request has expired", {{"Expires", query["Expires"]}});
  }
  return true;
}

}  // namespace

void Authorize(Cloud& cloud, const Call& call, const std::string& action, const std::string& bucket_name,
               const std::string& key) {
  if (!call.access_key.empty()) {
    CheckExpiry(cloud, call.http);
    return;
  }
  if (IsPresignedTheOldWay(cloud, call.http)) return;
  const Json& bucket = GetBucket(call, bucket_name);
  const Json& block = Fields(bucket, "_public_access_block");
  const std::string resource = "arn:aws:s3:::" + bucket_name + (key.empty() ? "" : "/" + key);
  if (!Flag(block, "RestrictPublicBuckets") && PolicyAllowsEveryone(Text(bucket, "_policy"), action, resource)) return;
  if (!Flag(block, "IgnorePublicAcls")) {
    const Json* object = key.empty() ? nullptr : call.txn.Find(kObjects, ObjectKey(bucket_name, key));
    const std::string acl = Text(object != nullptr && object->contains("_acl") ? *object : bucket, "_acl");
    if (object != nullptr && action == "s3:GetObject" && StartsWith(Text(*object, "_acl"), "public-read")) return;
    if (key.empty() && action == "s3:ListBucket" && StartsWith(acl, "public-read")) return;
  }
  throw Fault("AccessDenied", "Access Denied");
}

void AddCorsHeaders(const Json& bucket, const net::Request& request, std::string_view method, net::Headers& headers) {
  const auto origin = request.headers.Get("Origin");
  if (!origin) return;
  for (const auto& rule : Items(Fields(bucket, "_cors"), "CORSRules")) {
    const Json& methods = Items(rule, "AllowedMethods");
    if (std::find(methods.begin(), methods.end(), Json(method)) == methods.end()) continue;
    const Json& origins = Items(rule, "AllowedOrigins");
    if (!AnyMatches(origins, *origin, false)) continue;
    const auto asked = request.headers.Get("Access-Control-Request-Headers");
    if (asked) {
      std::string wanted = ToLower(*asked);
      bool all = true;
      for (std::size_t start = 0; start < wanted.size();) {
        const auto comma = std::min(wanted.find(',', start), wanted.size());
        std::string name = wanted.substr(start, comma - start);
        name.erase(std::remove(name.begin(), name.end(), ' '), name.end());
        all = all && (name.empty() || AnyMatches(Items(rule, "AllowedHeaders"), name, true));
        start = comma + 1;
      }
      if (!all) continue;
      headers.Set("Access-Control-Allow-Headers", wanted);
    }
    const bool any = std::find(origins.begin(), origins.end(), "*") != origins.end();
    headers.Set("Access-Control-Allow-Origin", any ? "*" : std::string(*origin));
    if (!any) headers.Set("Access-Control-Allow-Credentials", "true");
    const auto join = [](const Json& list) {
      std::string joined;
      for (const auto& one : list) joined += (joined.empty() ? "" : ", ") + one.get<std::string>();
      return joined;
    };
    headers.Set("Access-Control-Allow-Methods", join(methods));
    if (const Json& exposed = Items(rule, "ExposeHeaders"); !exposed.empty())
      headers.Set("Access-Control-Expose-Headers", join(exposed));
    if (rule.contains("MaxAgeSeconds"))
      headers.Set("Access-Control-Max-Age", std::to_string(Number(rule, "MaxAgeSeconds")));
    headers.Set("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");
    return;
  }
}

void Register(Api& api, Cloud& cloud, Operations operations) { RegisterHandlers(api, cloud, "s3", operations); }

namespace {

bool IsBucketName(const std::string& name) {
  if (name.size() < 3 || name.size() > 63) return false;
  for (const char c : name) {
    if (std::islower(static_cast<unsigned char>(c)) == 0 && std::isdigit(static_cast<unsigned char>(c)) == 0 &&
        c != '-' && c != '.')
      return false;
  }
  const auto alphanumeric = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  const bool is_address =
      std::count(name.begin(), name.end(), '.') == 3 && name.find_first_not_of("0123456789.") == std::string::npos;
  return !is_address && alphanumeric(name.front()) && alphanumeric(name.back()) &&
         name.find("..") == std::string::npos && !StartsWith(name, "xn--") && !StartsWith(name, "sthree-") &&
         !name.ends_with("-s3alias") && !name.ends_with("--ol-s3");
}

Json CreateBucket(Cloud& cloud, Call& call) {
  const std::string name = Text(call.input, "Bucket");
  Authorize(cloud, call, "s3:CreateBucket", name);
  if (!IsBucketName(name))
    throw Fault("InvalidBucketName", "The specified bucket is not valid.", {{"BucketName", name}});
  const std::string region = Text(Fields(call.input, "CreateBucketConfiguration"), "LocationConstraint", "us-east-1");
  if (call.txn.Find(kBuckets, name) != nullptr) {
    // In us-east-1, and only there, asking again for one's own bucket is no error.
    if (region == "us-east-1") return {{"Location", "/" + name}};
    throw Fault("BucketAlreadyOwnedByYou",
                "Your previous request to create the named bucket succeeded and you already own it.",
                {{"BucketName", name}});
  }
  Json bucket{{"Name", name}, {"CreationDate", cloud.Now()}, {"_region", region}};
  // Since April 2023 a bucket is closed to the public until its owner opens it.
  for (const char* setting : {"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"}) {
    bucket["_public_access_block"][setting] = true;
  }
  if (call.input.contains("ACL")) bucket["_acl"] = call.input["ACL"];
  if (call.input.contains("ObjectOwnership")) {
    bucket["_ownership"] = {{"Rules", Json::array({{{"ObjectOwnership", call.input["ObjectOwnership"]}}})}};
  }
  if (Flag(call.input, "ObjectLockEnabledForBucket")) {
    bucket["_object_lock"] = {{"ObjectLockEnabled", "Enabled"}};
    bucket["_versioning"] = {{"Status", "Enabled"}};
  }
  call.txn.Put(kBuckets, name, std::move(bucket));
  return {{"Location", "/" + name}};
}

Json DeleteBucket(Cloud& cloud, Call& call) {
  const std::string name = Text(call.input, "Bucket");
  Authorize(cloud, call, "s3:DeleteBucket", name);
  GetBucket(call, name);
  const std::string prefix = name + "\n";
  for (const auto collection : {kObjects, kVersions}) {
    const auto& all = call.txn.All(collection);
    const auto first = all.lower_bound(prefix);
    if (first != all.end() && StartsWith(first->first, prefix)) {
      throw Fault("BucketNotEmpty",
                  collection == kVersions
                      ? "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
                      : "The bucket you tried to delete is not empty",
                  {{"BucketName", name}});
    }
  }
  for (const auto& [id, upload] : call.txn.All(kUploads)) {
    if (Text(upload, "Bucket") == name)
      throw Fault("BucketNotEmpty", "The bucket you tried to delete is not empty", {{"BucketName", name}});
  }
  call.txn.Erase(kBuckets, name);
  return Json::object();
}

Json HeadBucket(Cloud& cloud, Call& call) {
  const std::string name = Text(call.input, "Bucket");
  const Json& bucket = GetBucket(call, name);
  Authorize(cloud, call, "s3:ListBucket", name);
  net::Response raw;
  raw.headers.Set("x-amz-bucket-region", Text(bucket, "_region"));
  call.raw = std::move(raw);
  return Json::object();
}

Json ListBuckets(Cloud& cloud, Call& call) {
  if (call.access_key.empty()) throw Fault("AccessDenied", "Access Denied");
  Json buckets = Json::array();
  for (const auto& [name, bucket] : call.txn.All(kBuckets)) {
    if (StartsWith(name, Text(call.input, "Prefix"))) {
      buckets.push_back(
          {{"Name", name}, {"CreationDate", bucket["CreationDate"]}, {"BucketRegion", bucket["_region"]}});
    }
  }
  return {{"Buckets", std::move(buckets)}, {"Owner", OwnerOf(cloud)}};
}

Json GetBucketLocation(Cloud& cloud, Call& call) {
  const std::string name = Text(call.input, "Bucket");
  Authorize(cloud, call, "s3:GetBucketLocation", name);
  const std::string region = Text(GetBucket(call, name), "_region");
  return {{"LocationConstraint", region == "us-east-1" ? "" : region}};
}

}  // namespace

void RegisterBuckets(Api& api, Cloud& cloud) {
  Register(api, cloud,
           {{"CreateBucket", CreateBucket},
            {"DeleteBucket", DeleteBucket},
            {"GetBucketLocation", GetBucketLocation},
            {"HeadBucket", HeadBucket},
            {"ListBuckets", ListBuckets}});
}

}  // namespace s3

net::Response AnswerPreflight(Cloud& cloud, const net::Request& request) {
  const std::string path = net::PercentDecode(request.path());
  const std::string name = path.substr(1, path.find('/', 1) - 1);
  net::Response response;
  const auto txn = cloud.store.Begin();
  if (const Json* bucket = txn->Find(s3::kBuckets, name)) {
    s3::AddCorsHeaders(*bucket, request, request.headers.GetOr("Access-Control-Request-Method", ""), response.headers);
  }
  if (response.headers.Has("Access-Control-Allow-Origin")) return response;
  response.status = 403;
  response.headers.Set("Content-Type", "application/xml");
  response.body =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessForbidden</Code><Message>CORSResponse: This CORS "
      "request is not allowed. "
      "This is usually because the evalution of Origin, request method / Access-Control-Request-Method or "
      "Access-Control-Request-Headers are not "
      "whitelisted by the resource's CORS spec.</Message></Error>";
  return response;
}

void RegisterS3(Api& api, Cloud& cloud) {
  s3::RegisterBuckets(api, cloud);
  s3::RegisterConfiguration(api, cloud);
  s3::RegisterListing(api, cloud);
  s3::RegisterMultipart(api, cloud);
  s3::RegisterObjects(api, cloud);
}

}  // namespace adhoc::localcloud
