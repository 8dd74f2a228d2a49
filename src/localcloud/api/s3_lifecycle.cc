#include "localcloud/api/s3_lifecycle.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "localcloud/api/s3_internal.h"

namespace adhoc::localcloud {
namespace {

constexpr double kDay = 24 * 3600;
constexpr double kSoonest = 1;
constexpr double kIdle = 3600;

// S3 counts whole days and goes on to the next midnight (UTC).
double MidnightAfter(double start, std::int64_t days) {
  return std::ceil((start + static_cast<double>(days) * kDay) / kDay) * kDay;
}

bool HasTag(const Json& object, const Json& wanted) {
  const Json& tags = Items(object, "_tags");
  return std::any_of(tags.begin(), tags.end(), [&](const Json& tag) {
    return Text(tag, "Key") == Text(wanted, "Key") && Text(tag, "Value") == Text(wanted, "Value");
  });
}

// A filter, or the conditions that its And joins.
bool MatchesConditions(const Json& conditions, const Json& thing) {
  const auto size = Number(thing, "Size");
  if (!StartsWith(Text(thing, "Key"), Text(conditions, "Prefix"))) return false;
  if (conditions.contains("ObjectSizeGreaterThan") && size <= Number(conditions, "ObjectSizeGreaterThan")) return false;
  if (conditions.contains("ObjectSizeLessThan") && size >= Number(conditions, "ObjectSizeLessThan")) return false;
  if (conditions.contains("Tag") && !HasTag(thing, conditions["Tag"])) return false;
  const Json& tags = Items(conditions, "Tags");
  return std::all_of(tags.begin(), tags.end(), [&](const Json& tag) { return HasTag(thing, tag); });
}

bool Applies(const Json& rule, const Json& thing) {
  if (Text(rule, "Status") != "Enabled") return false;
  const Json& filter = Fields(rule, "Filter");
  return StartsWith(Text(thing, "Key"), Text(rule, "Prefix")) && MatchesConditions(filter, thing) &&
         MatchesConditions(Fields(filter, "And"), thing);
}

// The earliest that `at(rule)` says of the rules that apply.
template <typename At>
std::optional<Expiry> Earliest(const Json& lifecycle, const Json& thing, At at) {
  std::optional<Expiry> earliest;
  for (const Json& rule : Items(lifecycle, "Rules")) {
    if (!Applies(rule, thing)) continue;
    const std::optional<double> when = at(rule);
    if (when && (!earliest || *when < earliest->at)) earliest = Expiry{*when, Text(rule, "ID")};
  }
  return earliest;
}

ApiError Malformed() {
  return s3::Fault("MalformedXML",
                   "The XML you provided was not well-formed or did not validate against our published schema");
}

void CheckDays(const Json& action, const char* member, const char* of) {
  if (action.contains(member) && Number(action, member) < 1) {
    throw s3::Fault("InvalidArgument", fmt::format("'{}' for {} action must be a positive integer", member, of));
  }
}

}  // namespace

std::optional<Expiry> ExpiryOf(const Json& lifecycle, const Json& object) {
  return Earliest(lifecycle, object, [&](const Json& rule) -> std::optional<double> {
    const Json& expiration = Fields(rule, "Expiration");
    if (expiration.contains("Date")) return expiration["Date"].get<double>();
    if (expiration.contains("Days"))
      return MidnightAfter(object.value("LastModified", 0.0), Number(expiration, "Days"));
    return std::nullopt;
  });
}

std::optional<Expiry> NoncurrentExpiryOf(const Json& lifecycle, const Json& version, double since, std::int64_t newer) {
  return Earliest(lifecycle, version, [&](const Json& rule) -> std::optional<double> {
    const Json& expiration = Fields(rule, "NoncurrentVersionExpiration");
    if (!expiration.contains("NoncurrentDays") || newer < Number(expiration, "NewerNoncurrentVersions")) {
      return std::nullopt;
    }
    return MidnightAfter(since, Number(expiration, "NoncurrentDays"));
  });
}

std::optional<Expiry> MarkerExpiryOf(const Json& lifecycle, const Json& marker) {
  return Earliest(lifecycle, marker, [&](const Json& rule) -> std::optional<double> {
    const Json& expiration = Fields(rule, "Expiration");
    if (Flag(expiration, "ExpiredObjectDeleteMarker")) return marker.value("LastModified", 0.0);
    if (expiration.contains("Days"))
      return MidnightAfter(marker.value("LastModified", 0.0), Number(expiration, "Days"));
    return std::nullopt;
  });
}

std::optional<Expiry> AbortOf(const Json& lifecycle, const Json& upload) {
  return Earliest(lifecycle, upload, [&](const Json& rule) -> std::optional<double> {
    const Json& abort = Fields(rule, "AbortIncompleteMultipartUpload");
    if (!abort.contains("DaysAfterInitiation")) return std::nullopt;
    return MidnightAfter(upload.value("Initiated", 0.0), Number(abort, "DaysAfterInitiation"));
  });
}

std::string ExpirationHeader(const Expiry& expiry) {
  return fmt::format("expiry-date=\"{}\", rule-id=\"{}\"", HttpTime(expiry.at), expiry.rule);
}

void CheckLifecycle(const Json& lifecycle) {
  const Json& rules = Items(lifecycle, "Rules");
  if (rules.empty()) throw Malformed();
  std::set<std::string> ids;
  for (const Json& rule : rules) {
    const std::string id = Text(rule, "ID");
    if (!id.empty() && !ids.insert(id).second) {
      throw s3::Fault("InvalidArgument", "Rule ID must be unique. Found same ID for more than one rule");
    }
    if (rule.contains("Filter") == rule.contains("Prefix")) throw Malformed();
    static constexpr const char* kActions[] = {"Expiration", "NoncurrentVersionExpiration",
                                               "AbortIncompleteMultipartUpload", "Transitions",
                                               "NoncurrentVersionTransitions"};
    if (std::none_of(std::begin(kActions), std::end(kActions), [&](const char* name) { return rule.contains(name); })) {
      throw s3::Fault("InvalidRequest", "At least one action needs to be specified in a rule");
    }
    const Json& expiration = Fields(rule, "Expiration");
    if (rule.contains("Expiration") && expiration.size() != 1) throw Malformed();
    CheckDays(expiration, "Days", "Expiration");
    if (expiration.contains("Date") && std::fmod(expiration["Date"].get<double>(), kDay) != 0) {
      throw s3::Fault("InvalidArgument", "'Date' must be at midnight GMT");
    }
    CheckDays(Fields(rule, "NoncurrentVersionExpiration"), "NoncurrentDays", "NoncurrentVersionExpiration");
    CheckDays(Fields(rule, "AbortIncompleteMultipartUpload"), "DaysAfterInitiation", "AbortIncompleteMultipartUpload");
  }
}

namespace s3 {

void AddExpiration(const Json& bucket, const Json& object, Json& output) {
  if (!bucket.contains("_lifecycle")) return;
  if (const auto expiry = ExpiryOf(bucket["_lifecycle"], object)) output["Expiration"] = ExpirationHeader(*expiry);
}

void AddAbortDate(const Json& bucket, const Json& upload, Json& output) {
  if (!bucket.contains("_lifecycle")) return;
  if (const auto abort = AbortOf(bucket["_lifecycle"], upload)) {
    output["AbortDate"] = abort->at;
    output["AbortRuleId"] = abort->rule;
  }
}

}  // namespace s3

LifecycleController::LifecycleController(Cloud& cloud)
    : cloud_(cloud), thread_("object lifecycle", cloud.store, {std::string(s3::kBuckets)}, [this](std::stop_token) {
        return Pass();
      }) {}

std::chrono::milliseconds LifecycleController::Pass() {
  const double now = cloud_.Now();
  double next = now + kIdle;
  const auto is_due = [&](const std::optional<Expiry>& expiry) {
    if (expiry && expiry->at > now) next = std::min(next, expiry->at);
    return expiry && expiry->at <= now;
  };
  const auto txn = cloud_.store.Begin();
  std::vector<std::pair<std::string, Json>> buckets;
  for (const auto& [name, bucket] : txn->All(s3::kBuckets)) {
    if (bucket.contains("_lifecycle")) buckets.emplace_back(name, bucket["_lifecycle"]);
  }
  int expired = 0;
  for (const auto& [bucket, lifecycle] : buckets) {
    for (const auto& key : s3::KeysOf(*txn, bucket)) {
      // From the oldest one on, so that what is left when the current one's turn comes is what stays.
      auto versions = s3::VersionsOf(*txn, bucket, key);  // newest first, the current one in front
      for (std::size_t i = versions.size(); i-- > 1;) {
        const double since = versions[i - 1].value("LastModified", 0.0);
        if (!is_due(NoncurrentExpiryOf(lifecycle, versions[i], since, static_cast<std::int64_t>(i) - 1))) continue;
        s3::DeleteVersion(cloud_, *txn, bucket, key, Text(versions[i], "VersionId", "null"));
        versions.erase(versions.begin() + static_cast<std::ptrdiff_t>(i));
        ++expired;
      }
      const Json& current = versions.front();
      if (!Flag(current, "_marker")) {
        if (!is_due(ExpiryOf(lifecycle, current))) continue;
        s3::DeleteVersion(cloud_, *txn, bucket, key, "");
        ++expired;
      } else if (versions.size() == 1 && is_due(MarkerExpiryOf(lifecycle, current))) {
        s3::DeleteVersion(cloud_, *txn, bucket, key, Text(current, "VersionId", "null"));
        ++expired;
      }
    }
    std::vector<std::string> aborted;
    for (const auto& [id, upload] : txn->All(s3::kUploads)) {
      if (Text(upload, "Bucket") == bucket && is_due(AbortOf(lifecycle, upload))) aborted.push_back(id);
    }
    for (const auto& id : aborted) s3::EraseUpload(cloud_, *txn, id);
    expired += static_cast<int>(aborted.size());
  }
  if (expired > 0) {
    txn->Commit();
    spdlog::info("{} objects, versions and uploads have expired by their buckets' lifecycle rules", expired);
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::clamp(next - now, kSoonest, kIdle) * 1000));
}

}  // namespace adhoc::localcloud
