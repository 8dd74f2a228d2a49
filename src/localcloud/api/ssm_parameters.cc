// AWS Systems Manager's Parameter Store
// (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html and its neighbours).
#include "localcloud/scheduler/parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/regex.hpp>
#include <functional>

#include "localcloud/api/ec2_catalog.h"
#include "localcloud/api/support.h"

namespace adhoc::localcloud {
namespace {

constexpr std::size_t kMaxVersions = 100;
constexpr std::size_t kMaxLabels = 10;
constexpr int kMaxLevels = 15;
constexpr std::size_t kStandardSize = 4096;
constexpr std::size_t kAdvancedSize = 8192;

ApiError NotFound(const std::string& name) {
  return {"ParameterNotFound", fmt::format("Parameter {} not found.", name)};
}

// AWS's own, which name its machine images.
constexpr std::string_view kPublicPrefix = "/aws/service/";

const Collection& PublicParameters() {
  static const Collection kPublic = [] {
    Collection parameters;
    for (const auto& [name, image] : ec2::ImageParameters()) {
      parameters[name] = {{"Name", name},
                          {"DataType", "text"},
                          {"_versions", Json::array({{{"Version", 1},
                                                      {"Value", image},
                                                      {"Type", "String"},
                                                      {"LastModifiedDate", 1744588800},
                                                      {"Labels", Json::array()}}})}};
    }
    return parameters;
  }();
  return kPublic;
}

// Null when there is none.
const Json* FindParameter(const Call& call, const std::string& name) {
  if (const auto found = PublicParameters().find(name); found != PublicParameters().end()) return &found->second;
  return call.txn.Find(kParameters, name);
}

const Json& Get(const Call& call, const std::string& name) {
  const Json* parameter = FindParameter(call, name);
  if (parameter == nullptr) throw NotFound(name);
  return *parameter;
}

std::string Arn(const Cloud& cloud, const std::string& name) {
  if (StartsWith(name, kPublicPrefix)) return "arn:aws:ssm:" + cloud.settings.region + "::parameter" + name;
  return cloud.Arn("ssm", "parameter" + (StartsWith(name, "/") ? name : "/" + name));
}

// What a caller without WithDecryption sees of a SecureString: something that is not the value.
std::string Sealed(const Json& version) { return Base64Encode("sealed " + Base64Encode(Text(version, "Value"))); }

Json Answer(const Cloud& cloud, const Json& parameter, const Json& version, const std::string& selector, bool decrypt) {
  const std::string name = Text(parameter, "Name");
  const std::string type = Text(version, "Type");
  Json answer{{"Name", name},
              {"Type", type},
              {"Value", type == "SecureString" && !decrypt ? Sealed(version) : Text(version, "Value")},
              {"Version", version["Version"]},
              {"LastModifiedDate", version["LastModifiedDate"]},
              {"ARN", Arn(cloud, name)},
              {"DataType", parameter["DataType"]}};
  if (!selector.empty()) answer["Selector"] = ":" + selector;
  return answer;
}

void CheckName(const std::string& name) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-/";
  if (name.find_first_not_of(kAllowed) != std::string::npos || name.ends_with('/')) {
    throw ApiError(
        "ValidationException",
        "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist of "
        "sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the "
        "following 3 symbols .-_");
  }
  if (name.find('/') != std::string::npos && !StartsWith(name, "/")) {
    throw ApiError("ValidationException", "Parameter name must be a fully qualified name.");
  }
  if (std::count(name.begin(), name.end(), '/') > kMaxLevels) {
    throw ApiError("HierarchyLevelLimitExceededException",
                   fmt::format("A parameter name can have a maximum of {} levels.", kMaxLevels));
  }
  const std::string first = ToLower(StartsWith(name, "/") ? name.substr(1) : name);
  if (StartsWith(first, "aws") || StartsWith(first, "ssm")) {
    throw ApiError("AccessDeniedException", "No access to reserved parameter name: " + name + ".");
  }
}

void CheckPattern(const std::string& pattern, const std::string& value) {
  bool matches = false;
  try {
    matches = boost::regex_match(value, boost::regex(pattern));
  } catch (const std::exception&) {  // no expression, or one that takes too long
    throw ApiError("InvalidAllowedPatternException",
                   "The allowed pattern is not a valid regular expression: " + pattern);
  }
  if (!matches) {
    throw ApiError("ParameterPatternMismatchException",
                   "Parameter value, cannot be validated against allowedPattern: " + pattern);
  }
}

// Makes room for another version. The oldest goes, unless it has a label.
void DropOldest(Json& versions) {
  if (versions.size() < kMaxVersions) return;
  if (!Items(versions[0], "Labels").empty()) {
    throw ApiError(
        "ParameterMaxVersionLimitExceeded",
        fmt::format("The oldest of {} versions has a label; remove it, or move it to another version.", kMaxVersions));
  }
  versions.erase(0);
}

Json Put(Cloud& cloud, Call& call) {
  const std::string name = Text(call.input, "Name");
  const std::string value = Text(call.input, "Value");
  CheckName(name);
  const Json* existing = call.txn.Find(kParameters, name);
  const bool overwrite = Flag(call.input, "Overwrite");
  if (existing != nullptr && !overwrite) {
    throw ApiError(
        "ParameterAlreadyExists",
        "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.");
  }
  if (overwrite && !Items(call.input, "Tags").empty()) {
    throw ApiError(
        "ValidationException",
        "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove "
        "overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or "
        "RemoveTagsFromResource.");
  }
  Json parameter =
      existing != nullptr ? *existing : Json{{"Name", name}, {"_versions", Json::array()}, {"_tags", Json::array()}};
  const std::string type = Text(call.input, "Type", Text(parameter, "Type"));
  if (type.empty()) throw ApiError("ValidationException", "A parameter type is required when you create a parameter.");
  const std::string tier = Text(call.input, "Tier", Text(parameter, "Tier", "Standard"));
  const std::size_t limit = tier == "Advanced" || tier == "Intelligent-Tiering" ? kAdvancedSize : kStandardSize;
  if (value.size() > limit) {
    throw ApiError(
        "ValidationException",
        fmt::format("{} tier parameters support a maximum parameter value of {} characters. To create a larger "
                    "parameter value, upgrade the parameter to use the advanced-parameter tier.",
                    limit == kStandardSize ? "Standard" : "Advanced", limit));
  }
  if (const std::string pattern = Text(call.input, "AllowedPattern", Text(parameter, "AllowedPattern"));
      !pattern.empty()) {
    CheckPattern(pattern, value);
  }
  CopyMembers(call.input, parameter, {"Description", "AllowedPattern", "KeyId"});
  if (type == "SecureString" && !parameter.contains("KeyId")) parameter["KeyId"] = "alias/aws/ssm";
  parameter["Type"] = type;
  parameter["Tier"] = tier == "Intelligent-Tiering" ? (value.size() > kStandardSize ? "Advanced" : "Standard") : tier;
  parameter["DataType"] = Text(call.input, "DataType", Text(parameter, "DataType", "text"));
  MergeTags(parameter["_tags"], Items(call.input, "Tags"));
  Json& versions = parameter["_versions"];
  const std::int64_t number = versions.empty() ? 1 : Number(versions.back(), "Version") + 1;
  DropOldest(versions);
  versions.push_back({{"Version", number},
                      {"Value", value},
                      {"Type", type},
                      {"LastModifiedDate", cloud.Now()},
                      {"LastModifiedUser", cloud.GlobalArn("iam", "root")},
                      {"Labels", Json::array()}});
  Json answer{{"Version", number}, {"Tier", parameter["Tier"]}};
  call.txn.Put(kParameters, name, std::move(parameter));
  return answer;
}

Json GetOne(Cloud& cloud, Call& call) {
  const std::string given = Text(call.input, "Name");
  const ParameterReference reference = ParseParameterReference(given);
  const Json& parameter = Get(call, reference.name);
  const Json* version = FindParameterVersion(parameter, reference.selector);
  if (version == nullptr) {
    throw ApiError("ParameterVersionNotFound",
                   fmt::format("Systems Manager could not find version {} of {}. Verify the version and try again.",
                               reference.selector, reference.name));
  }
  return {{"Parameter", Answer(cloud, parameter, *version, reference.selector, Flag(call.input, "WithDecryption"))}};
}

Json GetSome(Cloud& cloud, Call& call) {
  Json found = Json::array();
  Json invalid = Json::array();
  for (const std::string& name : Strings(call.input, "Names")) {
    const ParameterReference reference = ParseParameterReference(name);
    const Json* parameter = FindParameter(call, reference.name);
    const Json* version = parameter == nullptr ? nullptr : FindParameterVersion(*parameter, reference.selector);
    if (version == nullptr) {
      invalid.push_back(name);
    } else {
      found.push_back(Answer(cloud, *parameter, *version, reference.selector, Flag(call.input, "WithDecryption")));
    }
  }
  return {{"Parameters", std::move(found)}, {"InvalidParameters", std::move(invalid)}};
}

bool IsBelow(const std::string& path, const std::string& name, bool recursive) {
  const std::string prefix = path.ends_with('/') ? path : path + "/";
  return StartsWith(name, prefix) && (recursive || name.find('/', prefix.size()) == std::string::npos);
}

// One of ParameterFilters.
bool Passes(const Json& parameter, const Json& filter) {
  const std::string key = Text(filter, "Key");
  const std::string option = Text(filter, "Option", key == "Path" ? "OneLevel" : "Equals");
  const std::vector<std::string> values = Strings(filter, "Values");
  const auto any = [&](const auto& matches) { return std::any_of(values.begin(), values.end(), matches); };
  const std::string name = Text(parameter, "Name");
  if (key == "Path") return any([&](const std::string& path) { return IsBelow(path, name, option == "Recursive"); });
  if (key == "Label")
    return any([&](const std::string& label) { return FindParameterVersion(parameter, label) != nullptr; });
  if (StartsWith(key, "tag:")) {
    const Json tags = TagMap(Items(parameter, "_tags"));
    const auto tag = tags.find(key.substr(4));
    return tag != tags.end() && (values.empty() || any([&](const std::string& value) { return *tag == value; }));
  }
  if (key != "Name" && key != "Type" && key != "KeyId" && key != "Tier" && key != "DataType") {
    throw ApiError("InvalidFilterKey", "The specified filter key is not valid: " + key);
  }
  const std::string text = Text(parameter, key);
  return any([&](const std::string& value) {
    if (option == "BeginsWith") return StartsWith(text, value);
    if (option == "Contains") return text.find(value) != std::string::npos;
    return text == value;
  });
}

Page Select(const Call& call, const Collection& parameters, std::int64_t limit,
            const std::function<bool(const Json&)>& wanted, const std::function<Json(const Json&)>& answer) {
  const Json& filters = Items(call.input, "ParameterFilters");
  KeyedItems items;
  for (const auto& [name, parameter] : parameters) {
    if (wanted(parameter) && std::all_of(filters.begin(), filters.end(), [&parameter = parameter](const Json& filter) {
          return Passes(parameter, filter);
        })) {
      items.emplace_back(name, answer(parameter));
    }
  }
  return TakePage(std::move(items), Number(call.input, "MaxResults", limit), Text(call.input, "NextToken"),
                  "InvalidNextToken");
}

Json GetByPath(Cloud& cloud, Call& call) {
  const std::string path = Text(call.input, "Path");
  if (!StartsWith(path, "/")) {
    throw ApiError("ValidationException",
                   "The parameter doesn't meet the parameter name requirements. The parameter name must "
                   "begin with a forward slash \"/\".");
  }
  const bool is_public = StartsWith(path, kPublicPrefix.substr(0, kPublicPrefix.size() - 1));
  Page page = Select(
      call, is_public ? PublicParameters() : call.txn.All(kParameters), 10,
      [&](const Json& parameter) { return IsBelow(path, Text(parameter, "Name"), Flag(call.input, "Recursive")); },
      [&](const Json& parameter) {
        return Answer(cloud, parameter, *FindParameterVersion(parameter, ""), "", Flag(call.input, "WithDecryption"));
      });
  Json output{{"Parameters", std::move(page.items)}};
  if (!page.next.empty()) output["NextToken"] = page.next;
  return output;
}

Json Metadata(const Cloud& cloud, const Json& parameter, const Json& version) {
  Json answer{{"ARN", Arn(cloud, Text(parameter, "Name"))}};
  CopyMembers(parameter, answer, {"Name", "KeyId", "Description", "AllowedPattern", "Tier", "DataType"});
  CopyMembers(version, answer, {"Type", "Version", "LastModifiedDate", "LastModifiedUser"});
  answer["Policies"] = Json::array();
  return answer;
}

Json Describe(Cloud& cloud, Call& call) {
  // The older form of filters: only Equals, and by the same keys.
  for (const Json& filter : Items(call.input, "Filters")) call.input["ParameterFilters"].push_back(filter);
  Page page = Select(
      call, call.txn.All(kParameters), 50, [](const Json&) { return true; },
      [&](const Json& parameter) { return Metadata(cloud, parameter, *FindParameterVersion(parameter, "")); });
  Json output{{"Parameters", std::move(page.items)}};
  if (!page.next.empty()) output["NextToken"] = page.next;
  return output;
}

Json History(Cloud& cloud, Call& call) {
  const Json& parameter = Get(call, Text(call.input, "Name"));
  KeyedItems items;
  for (const Json& version : Items(parameter, "_versions")) {
    Json item = Metadata(cloud, parameter, version);
    item.erase("ARN");
    const bool sealed = Text(version, "Type") == "SecureString" && !Flag(call.input, "WithDecryption");
    item["Value"] = sealed ? Sealed(version) : Text(version, "Value");
    item["Labels"] = version["Labels"];
    items.emplace_back(fmt::format("{:019}", Number(version, "Version")), std::move(item));
  }
  Page page = TakePage(std::move(items), Number(call.input, "MaxResults", 50), Text(call.input, "NextToken"),
                       "InvalidNextToken");
  Json output{{"Parameters", std::move(page.items)}};
  if (!page.next.empty()) output["NextToken"] = page.next;
  return output;
}

Json DeleteOne(Cloud&, Call& call) {
  const std::string name = Text(call.input, "Name");
  if (!call.txn.Erase(kParameters, name)) throw NotFound(name);
  return Json::object();
}

Json DeleteSome(Cloud&, Call& call) {
  Json deleted = Json::array();
  Json invalid = Json::array();
  for (const std::string& name : Strings(call.input, "Names")) {
    const bool known = call.txn.Find(kParameters, name) != nullptr;
    if (known) call.txn.Erase(kParameters, name);
    (known ? deleted : invalid).push_back(name);
  }
  return {{"DeletedParameters", std::move(deleted)}, {"InvalidParameters", std::move(invalid)}};
}

// The version that the request names, the latest without.
Json& EditVersion(Call& call) {
  const std::string name = Text(call.input, "Name");
  if (call.txn.Find(kParameters, name) == nullptr) throw NotFound(name);
  Json& versions = call.txn.Edit(kParameters, name)["_versions"];
  const std::int64_t wanted = Number(call.input, "ParameterVersion", Number(versions.back(), "Version"));
  for (Json& version : versions) {
    if (Number(version, "Version") == wanted) return version;
  }
  throw ApiError(
      "ParameterVersionNotFound",
      fmt::format("Systems Manager could not find version {} of {}. Verify the version and try again.", wanted, name));
}

bool IsLabel(const std::string& label) {
  const std::string lower = ToLower(label);
  return !label.empty() && lower.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.-") == std::string::npos &&
         lower[0] != '.' && (lower[0] < '0' || lower[0] > '9') && !StartsWith(lower, "aws") &&
         !StartsWith(lower, "ssm");
}

void RemoveLabel(Json& version, const std::string& label) {
  Json& labels = version["Labels"];
  labels.erase(std::remove(labels.begin(), labels.end(), Json(label)), labels.end());
}

// A label is at one version of a parameter: it moves.
Json Label(Cloud&, Call& call) {
  Json& chosen = EditVersion(call);
  Json invalid = Json::array();
  for (const std::string& label : Strings(call.input, "Labels")) {
    if (!IsLabel(label)) {
      invalid.push_back(label);
      continue;
    }
    for (Json& version : call.txn.Edit(kParameters, Text(call.input, "Name"))["_versions"]) RemoveLabel(version, label);
    chosen["Labels"].push_back(label);
  }
  if (chosen["Labels"].size() > kMaxLabels) {
    throw ApiError("ParameterVersionLabelLimitExceeded",
                   fmt::format("A parameter version can have maximum {} labels.", kMaxLabels));
  }
  return {{"InvalidLabels", std::move(invalid)}, {"ParameterVersion", chosen["Version"]}};
}

Json Unlabel(Cloud&, Call& call) {
  Json& version = EditVersion(call);
  Json removed = Json::array();
  Json invalid = Json::array();
  for (const std::string& label : Strings(call.input, "Labels")) {
    const Json& labels = version["Labels"];
    const bool known = std::find(labels.begin(), labels.end(), Json(label)) != labels.end();
    (known ? removed : invalid).push_back(label);
    RemoveLabel(version, label);
  }
  return {{"RemovedLabels", std::move(removed)}, {"InvalidLabels", std::move(invalid)}};
}

// The tags of the resource that the request names; only parameters are here.
std::string TaggedParameter(const Call& call) {
  const std::string id = Text(call.input, "ResourceId");
  if (Text(call.input, "ResourceType") != "Parameter" || call.txn.Find(kParameters, id) == nullptr) {
    throw ApiError("InvalidResourceId",
                   fmt::format("The resource ID \"{}\" is not valid. Verify the ID and try again.", id));
  }
  return id;
}

Json AddTags(Cloud&, Call& call) {
  MergeTags(call.txn.Edit(kParameters, TaggedParameter(call))["_tags"], Items(call.input, "Tags"));
  return Json::object();
}

Json RemoveTagsFrom(Cloud&, Call& call) {
  RemoveTags(call.txn.Edit(kParameters, TaggedParameter(call))["_tags"], Items(call.input, "TagKeys"));
  return Json::object();
}

Json ListTags(Cloud&, Call& call) {
  return {{"TagList", Items(*call.txn.Find(kParameters, TaggedParameter(call)), "_tags")}};
}

}  // namespace

void RegisterSsmParameters(Api& api, Cloud& cloud) {
  RegisterHandlers(api, cloud, "ssm",
                   {{"AddTagsToResource", AddTags, Effect::kRecorded},
                    {"DeleteParameter", DeleteOne},
                    {"DeleteParameters", DeleteSome},
                    {"DescribeParameters", Describe},
                    {"GetParameter", GetOne},
                    {"GetParameterHistory", History},
                    {"GetParameters", GetSome},
                    {"GetParametersByPath", GetByPath},
                    {"LabelParameterVersion", Label},
                    {"ListTagsForResource", ListTags},
                    {"PutParameter", Put},
                    {"RemoveTagsFromResource", RemoveTagsFrom, Effect::kRecorded},
                    {"UnlabelParameterVersion", Unlabel}});
}

}  // namespace adhoc::localcloud
