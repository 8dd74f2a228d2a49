// RDS, for PostgreSQL: engine versions, tags, and what its files share. The instances are made real by the database
// controller.
#include <algorithm>
#include <charconv>

#include "localcloud/api/rds_internal.h"
#include "localcloud/database/documents.h"

namespace adhoc::localcloud {
namespace rds {

using namespace database;  // NOLINT(google-build-using-namespace): the names of the collections

namespace {

// What RDS answers when only the major version is asked for.
constexpr std::pair<int, int> kDefaultMinor[] = {{13, 20}, {14, 17}, {15, 12}, {16, 8}, {17, 4}};
constexpr int kDefaultMajor = 15;

int MinorOf(int major) {
  for (const auto& [known, minor] : kDefaultMinor) {
    if (known == major) return minor;
  }
  return 1;
}

int LeadingNumber(std::string_view text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Json DescribeEngineVersions(Cloud& cloud, Call& call) {
  if (Text(call.input, "Engine", "postgres") != "postgres") return {{"DBEngineVersions", Json::array()}};
  const int image = MajorVersion(cloud.settings);
  const int major = image == 0 ? kDefaultMajor : image;
  const std::string asked = Text(call.input, "EngineVersion");
  const std::string family = "postgres" + std::to_string(major);
  const bool default_only = Flag(call.input, "DefaultOnly");
  KeyedItems items;
  for (int minor = 1; minor <= MinorOf(major); ++minor) {
    const std::string version = std::to_string(major) + "." + std::to_string(minor);
    if (!asked.empty() && asked != version && asked != std::to_string(major)) continue;
    if (default_only && minor != MinorOf(major)) continue;
    if (const std::string wanted = Text(call.input, "DBParameterGroupFamily"); !wanted.empty() && wanted != family)
      continue;
    // Keys in the order of the numbers: "09" before "10".
    items.emplace_back((minor < 10 ? "0" : "") + std::to_string(minor),
                       Json{{"Engine", "postgres"},
                            {"EngineVersion", version},
                            {"MajorEngineVersion", std::to_string(major)},
                            {"DBParameterGroupFamily", family},
                            {"DBEngineDescription", "PostgreSQL"},
                            {"DBEngineVersionDescription", "PostgreSQL " + version},
                            {"Status", "available"},
                            {"SupportsReadReplica", false},
                            {"SupportsLogExportsToCloudwatchLogs", false},
                            {"ValidUpgradeTarget", Json::array()},
                            {"TagList", Json::array()}});
  }
  return Paged(call, std::move(items), "DBEngineVersions");
}

Json AddTags(Cloud& cloud, Call& call) {
  MergeTags(TagsOf(cloud, call, Text(call.input, "ResourceName")), Items(call.input, "Tags"));
  return Json::object();
}

Json RemoveTagsFrom(Cloud& cloud, Call& call) {
  RemoveTags(TagsOf(cloud, call, Text(call.input, "ResourceName")), Items(call.input, "TagKeys"));
  return Json::object();
}

Json ListTags(Cloud& cloud, Call& call) { return {{"TagList", TagsOf(cloud, call, Text(call.input, "ResourceName"))}}; }

}  // namespace

Json Paged(const Call& call, KeyedItems items, const char* output) {
  Page page = TakePage(std::move(items), Number(call.input, "MaxRecords", 100), Text(call.input, "Marker"),
                       "InvalidParameterValue");
  Json answer{{output, std::move(page.items)}};
  if (!page.next.empty()) answer["Marker"] = page.next;
  return answer;
}

int MajorVersion(const Settings& settings) {
  const std::string& image = settings.postgres_image;
  const auto colon = image.rfind(':');
  if (colon == std::string::npos || image.find('/', colon) != std::string::npos) return 0;
  return LeadingNumber(std::string_view(image).substr(colon + 1));
}

std::string ResolveVersion(const Settings& settings, const std::string& asked) {
  const int image = MajorVersion(settings);
  const int major = asked.empty() ? (image == 0 ? kDefaultMajor : image) : LeadingNumber(asked);
  const bool well_formed = asked.find_first_not_of("0123456789.") == std::string::npos;
  if (!well_formed || major == 0 || (image != 0 && major != image)) {
    std::string message = "Cannot find version " + asked + " for postgres";
    if (image != 0 && major != image) {
      message += " (the local cloud runs " + settings.postgres_image + ")";
    }
    throw ApiError("InvalidParameterCombination", message);
  }
  if (asked.find('.') != std::string::npos) return asked;
  return std::to_string(major) + "." + std::to_string(MinorOf(major));
}

Json& TagsOf(Cloud& cloud, Call& call, const std::string& arn) {
  const std::string prefix = cloud.Arn("rds", "");
  const std::string rest = StartsWith(arn, prefix) ? arn.substr(prefix.size()) : "";
  const auto colon = rest.find(':');
  const std::string kind = rest.substr(0, colon);
  const std::string name = colon == std::string::npos ? "" : rest.substr(colon + 1);
  if (kind == "db") {
    if (call.txn.Find(kInstances, name) == nullptr) {
      throw ApiError("DBInstanceNotFound", "DBInstance " + name + " not found.");
    }
    return call.txn.Edit(kInstances, name)["TagList"];
  }
  if (kind == "subgrp") {
    GetSubnetGroup(cloud, call, name);
    return call.txn.Edit(kSubnetGroups, name)["_tags"];
  }
  if (kind == "pg") {
    if (call.txn.Find(kParameterGroups, name) == nullptr) {
      throw ApiError("DBParameterGroupNotFound", "DBParameterGroup not found: " + name, Json::object(), 404);
    }
    return call.txn.Edit(kParameterGroups, name)["_tags"];
  }
  throw ApiError("InvalidParameterValue", "The specified resource name does not match an RDS resource in this region.");
}

}  // namespace rds

void RegisterRds(Api& api, Cloud& cloud) {
  RegisterHandlers(api, cloud, "rds",
                   {{"AddTagsToResource", rds::AddTags},
                    {"DescribeDBEngineVersions", rds::DescribeEngineVersions},
                    {"ListTagsForResource", rds::ListTags},
                    {"RemoveTagsFromResource", rds::RemoveTagsFrom}});
  rds::RegisterGroups(api, cloud);
  rds::RegisterInstances(api, cloud);
}

}  // namespace adhoc::localcloud
