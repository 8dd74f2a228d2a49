// AWS Secrets Manager. A secret's document holds its versions: `_versions{id: {SecretString | SecretBinary, stages[],
// created}}`. RDS and the scheduler read and write the same documents, through secrets.h.
#include <algorithm>

#include "localcloud/api/secrets.h"
#include "localcloud/api/support.h"

namespace adhoc::localcloud {
namespace {

constexpr std::string_view kSecrets = "secretsmanager.secrets";
constexpr const char* kCurrent = "AWSCURRENT";
constexpr const char* kPrevious = "AWSPREVIOUS";

ApiError NotFound() { return {"ResourceNotFoundException", "Secrets Manager can't find the specified secret."}; }

// An ARN, an ARN without its random suffix, or a name.
std::string ArnOf(Cloud& cloud, const Store::Transaction& txn, const std::string& id) {
  if (txn.Find(kSecrets, id) != nullptr) return id;
  const std::string prefix = cloud.Arn("secretsmanager", "secret:");
  const std::string name = StartsWith(id, prefix) ? id.substr(prefix.size()) : id;
  for (const auto& [arn, secret] : txn.All(kSecrets)) {
    if (Text(secret, "Name") == name) return arn;
  }
  throw NotFound();
}

Json& Edit(Cloud& cloud, Call& call, bool even_deleted = false) {
  const std::string arn = ArnOf(cloud, call.txn, Text(call.input, "SecretId"));
  Json& secret = call.txn.Edit(kSecrets, arn);
  if (!even_deleted && secret.contains("DeletedDate")) {
    throw ApiError("InvalidRequestException",
                   "You can't perform this operation on the secret because it was marked for deletion.");
  }
  return secret;
}

bool HasStage(const Json& version, std::string_view stage) {
  const Json& stages = Items(version, "stages");
  return std::find(stages.begin(), stages.end(), Json(stage)) != stages.end();
}

void RemoveStage(Json& version, std::string_view stage) {
  Json kept = Json::array();
  for (const auto& one : version["stages"]) {
    if (one != stage) kept.push_back(one);
  }
  version["stages"] = std::move(kept);
}

std::string VersionWith(const Json& secret, std::string_view stage) {
  for (const auto& [id, version] : Fields(secret, "_versions").items()) {
    if (HasStage(version, stage)) return id;
  }
  return "";
}

// Moves a stage to a version; AWSCURRENT leaves AWSPREVIOUS behind. Versions without stages are dropped, as AWS does in
// time.
void MoveStage(Json& secret, const std::string& to, const std::string& stage) {
  Json& versions = secret["_versions"];
  const std::string from = VersionWith(secret, stage);
  if (from == to) return;
  if (!from.empty()) RemoveStage(versions[from], stage);
  versions[to]["stages"].push_back(stage);
  if (stage == kCurrent && !from.empty()) {
    for (auto& [id, version] : versions.items()) RemoveStage(version, kPrevious);
    versions[from]["stages"].push_back(kPrevious);
  }
  std::vector<std::string> deprecated;
  for (const auto& [id, version] : versions.items()) {
    if (Items(version, "stages").empty()) deprecated.push_back(id);
  }
  for (const auto& id : deprecated) versions.erase(id);
}

bool SameValue(const Json& a, const Json& b) {
  return a.value("SecretString", Json()) == b.value("SecretString", Json()) &&
         a.value("SecretBinary", Json()) == b.value("SecretBinary", Json());
}

// Adds a version from SecretString or SecretBinary; returns its id.
std::string AddVersion(Cloud& cloud, Json& secret, const Json& input, const std::vector<std::string>& stages) {
  const std::string id =
      Text(input, "ClientRequestToken").empty() ? cloud.random.Uuid() : Text(input, "ClientRequestToken");
  Json& versions = secret["_versions"];
  if (versions.contains(id)) {
    if (SameValue(versions[id], input)) return id;
    throw ApiError("ResourceExistsException", "You can't use ClientRequestToken " + id +
                                                  " because that value is already in use for a version of secret " +
                                                  Text(secret, "ARN") + ".");
  }
  Json version{{"stages", Json::array()}, {"created", cloud.Now()}};
  CopyMembers(input, version, {"SecretString", "SecretBinary"});
  versions[id] = std::move(version);
  for (const auto& stage : stages) MoveStage(secret, id, stage);
  secret["LastChangedDate"] = cloud.Now();
  return id;
}

Json Identity(const Json& secret) { return {{"ARN", secret["ARN"]}, {"Name", secret["Name"]}}; }

Json StagesOf(const Json& secret) {
  Json stages = Json::object();
  for (const auto& [id, version] : Fields(secret, "_versions").items()) stages[id] = version["stages"];
  return stages;
}

// A secret marked for deletion goes when its time has come.
void Expire(Cloud& cloud, Store::Transaction& txn) {
  std::vector<std::string> gone;
  for (const auto& [arn, secret] : txn.All(kSecrets)) {
    if (secret.contains("_delete_at") && secret["_delete_at"].get<double>() <= cloud.Now()) gone.push_back(arn);
  }
  for (const auto& arn : gone) txn.Erase(kSecrets, arn);
}

Json Create(Cloud& cloud, Call& call) {
  Expire(cloud, call.txn);
  const std::string name = Text(call.input, "Name");
  for (const auto& [arn, secret] : call.txn.All(kSecrets)) {
    if (Text(secret, "Name") != name) continue;
    if (secret.contains("DeletedDate")) {
      throw ApiError("InvalidRequestException",
                     "You can't create this secret because a secret with this name is already scheduled for deletion.");
    }
    throw ApiError("ResourceExistsException", "The operation failed because the secret " + name + " already exists.");
  }
  Json secret = NewSecret(cloud, name);
  CopyMembers(call.input, secret, {"Description", "KmsKeyId"});
  secret["Tags"] = Items(call.input, "Tags");
  Json output = Identity(secret);
  if (call.input.contains("SecretString") || call.input.contains("SecretBinary")) {
    output["VersionId"] = AddVersion(cloud, secret, call.input, {kCurrent});
  }
  call.txn.Put(kSecrets, Text(output, "ARN"), std::move(secret));
  return output;
}

Json GetValue(Cloud& cloud, Call& call) {
  const Json& secret = Edit(cloud, call);
  const std::string stage = Text(call.input, "VersionStage", Text(call.input, "VersionId").empty() ? kCurrent : "");
  const std::string id =
      Text(call.input, "VersionId").empty() ? VersionWith(secret, stage) : Text(call.input, "VersionId");
  const Json& versions = Fields(secret, "_versions");
  if (!versions.contains(id) || (!stage.empty() && !HasStage(versions[id], stage))) {
    throw ApiError("ResourceNotFoundException",
                   stage.empty() ? "Secrets Manager can't find the specified secret value for VersionId: " + id
                                 : "Secrets Manager can't find the specified secret value for staging label: " + stage);
  }
  Json output = Identity(secret);
  output["VersionId"] = id;
  output["VersionStages"] = versions[id]["stages"];
  output["CreatedDate"] = versions[id]["created"];
  CopyMembers(versions[id], output, {"SecretString", "SecretBinary"});
  return output;
}

Json PutValue(Cloud& cloud, Call& call) {
  Json& secret = Edit(cloud, call);
  if (!call.input.contains("SecretString") && !call.input.contains("SecretBinary")) {
    throw ApiError("InvalidRequestException", "You must provide either SecretString or SecretBinary.");
  }
  std::vector<std::string> stages = Strings(call.input, "VersionStages");
  if (stages.empty()) stages.push_back(kCurrent);
  Json output = Identity(secret);
  const std::string id = AddVersion(cloud, secret, call.input, stages);
  output["VersionId"] = id;
  output["VersionStages"] = secret["_versions"][id]["stages"];
  return output;
}

Json Update(Cloud& cloud, Call& call) {
  Json& secret = Edit(cloud, call);
  CopyMembers(call.input, secret, {"Description", "KmsKeyId"});
  Json output = Identity(secret);
  if (call.input.contains("SecretString") || call.input.contains("SecretBinary")) {
    output["VersionId"] = AddVersion(cloud, secret, call.input, {kCurrent});
  }
  secret["LastChangedDate"] = cloud.Now();
  return output;
}

Json DescribeSecret(Cloud& cloud, Call& call) {
  const Json& secret = Edit(cloud, call, true);
  Json output = secret;
  output["VersionIdsToStages"] = StagesOf(secret);
  return output;
}

// Values match as prefixes, ignoring case except for tags; one that begins with '!' must not match.
bool MatchesFilter(const Json& secret, const Json& filter) {
  const std::string key = Text(filter, "Key");
  std::vector<std::string> fields;
  if (key == "name" || key == "all") fields.push_back(Text(secret, "Name"));
  if (key == "description" || key == "all") fields.push_back(Text(secret, "Description"));
  if (key == "owning-service") fields.push_back(Text(secret, "OwningService"));
  if (key == "primary-region") fields.push_back(Text(secret, "PrimaryRegion"));
  for (const auto& tag : Items(secret, "Tags")) {
    if (key == "tag-key" || key == "all") fields.push_back(Text(tag, "Key"));
    if (key == "tag-value" || key == "all") fields.push_back(Text(tag, "Value"));
  }
  const bool exact_case = StartsWith(key, "tag-") || key == "name";
  for (auto value : Strings(filter, "Values")) {
    const bool negated = StartsWith(value, "!");
    if (negated) value.erase(0, 1);
    const bool found = std::any_of(fields.begin(), fields.end(), [&](const std::string& field) {
      return exact_case ? StartsWith(field, value) : StartsWith(ToLower(field), ToLower(value));
    });
    if (found != negated) return true;
  }
  return false;
}

Json List(Cloud& cloud, Call& call) {
  Expire(cloud, call.txn);
  KeyedItems items;
  for (const auto& [arn, secret] : call.txn.All(kSecrets)) {
    if (secret.contains("DeletedDate") && !Flag(call.input, "IncludePlannedDeletion")) continue;
    const Json& filters = Items(call.input, "Filters");
    if (!std::all_of(filters.begin(), filters.end(),
                     [&secret = secret](const Json& filter) { return MatchesFilter(secret, filter); }))
      continue;
    Json entry = secret;
    entry["SecretVersionsToStages"] = StagesOf(secret);
    items.emplace_back(arn, std::move(entry));
  }
  Page page = TakePage(std::move(items), Number(call.input, "MaxResults", 100), Text(call.input, "NextToken"),
                       "InvalidNextTokenException");
  Json output{{"SecretList", std::move(page.items)}};
  if (!page.next.empty()) output["NextToken"] = page.next;
  return output;
}

Json Delete(Cloud& cloud, Call& call) {
  const bool force = Flag(call.input, "ForceDeleteWithoutRecovery");
  if (force && call.input.contains("RecoveryWindowInDays")) {
    throw ApiError("InvalidParameterException",
                   "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.");
  }
  const auto days = Number(call.input, "RecoveryWindowInDays", 30);
  if (days < 7 || days > 30) {
    throw ApiError("InvalidParameterException",
                   "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).");
  }
  Json& secret = Edit(cloud, call, force);
  Json output = Identity(secret);
  if (force) {
    output["DeletionDate"] = cloud.Now();
    call.txn.Erase(kSecrets, Text(output, "ARN"));
    return output;
  }
  const double at = cloud.Now() + static_cast<double>(days) * 86400;
  secret["DeletedDate"] = cloud.Now();
  secret["_delete_at"] = at;
  output["DeletionDate"] = at;
  return output;
}

Json Restore(Cloud& cloud, Call& call) {
  Json& secret = Edit(cloud, call, true);
  secret.erase("DeletedDate");
  secret.erase("_delete_at");
  return Identity(secret);
}

Json Tag(Cloud& cloud, Call& call) {
  MergeTags(Edit(cloud, call)["Tags"], Items(call.input, "Tags"));
  return Json::object();
}

Json Untag(Cloud& cloud, Call& call) {
  RemoveTags(Edit(cloud, call)["Tags"], Items(call.input, "TagKeys"));
  return Json::object();
}

Json ListVersions(Cloud& cloud, Call& call) {
  const Json& secret = Edit(cloud, call, true);
  Json output = Identity(secret);
  output["Versions"] = Json::array();
  for (const auto& [id, version] : Fields(secret, "_versions").items()) {
    output["Versions"].push_back(
        {{"VersionId", id}, {"VersionStages", version["stages"]}, {"CreatedDate", version["created"]}});
  }
  return output;
}

Json UpdateStage(Cloud& cloud, Call& call) {
  Json& secret = Edit(cloud, call);
  const std::string stage = Text(call.input, "VersionStage");
  const std::string from = Text(call.input, "RemoveFromVersionId");
  const std::string to = Text(call.input, "MoveToVersionId");
  const std::string holder = VersionWith(secret, stage);
  for (const auto& id : {from, to}) {
    if (!id.empty() && !secret["_versions"].contains(id)) {
      throw ApiError("ResourceNotFoundException",
                     "Secrets Manager can't find the specified secret value for VersionId: " + id);
    }
  }
  if (!holder.empty() && holder != from && holder != to) {
    throw ApiError("InvalidParameterException",
                   "The parameter RemoveFromVersionId can't be empty. Staging label " + stage +
                       " is currently attached to version " + holder +
                       ", so you must explicitly reference that version in RemoveFromVersionId.");
  }
  if (to.empty()) {
    RemoveStage(secret["_versions"][from], stage);
  } else {
    MoveStage(secret, to, stage);
  }
  return Identity(secret);
}

Json PutPolicy(Cloud& cloud, Call& call) {
  Json& secret = Edit(cloud, call);
  if (!Json::parse(Text(call.input, "ResourcePolicy"), nullptr, false).is_object()) {
    throw ApiError("MalformedPolicyDocumentException", "This resource policy contains invalid Json.");
  }
  secret["_policy"] = Text(call.input, "ResourcePolicy");
  return Identity(secret);
}

Json GetPolicy(Cloud& cloud, Call& call) {
  const Json& secret = Edit(cloud, call);
  Json output = Identity(secret);
  if (secret.contains("_policy")) output["ResourcePolicy"] = secret["_policy"];
  return output;
}

Json DeletePolicy(Cloud& cloud, Call& call) {
  Json& secret = Edit(cloud, call);
  secret.erase("_policy");
  return Identity(secret);
}

Json GetRandomPassword(Cloud& cloud, Call& call) {
  const auto length = Number(call.input, "PasswordLength", 32);
  const std::string excluded = Text(call.input, "ExcludeCharacters");
  struct Class {
    const char* exclude_flag;
    std::string characters;
  };
  std::vector<Class> classes = {{"ExcludeLowercase", "abcdefghijklmnopqrstuvwxyz"},
                                {"ExcludeUppercase", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
                                {"ExcludeNumbers", "0123456789"},
                                {"ExcludePunctuation", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"}};
  std::vector<std::string> alphabets;
  for (const auto& one : classes) {
    if (Flag(call.input, one.exclude_flag)) continue;
    std::string kept;
    for (const char c : one.characters) {
      if (excluded.find(c) == std::string::npos) kept += c;
    }
    if (!kept.empty()) alphabets.push_back(std::move(kept));
  }
  if (Flag(call.input, "IncludeSpace")) alphabets.emplace_back(" ");
  if (alphabets.empty() || length < static_cast<std::int64_t>(alphabets.size())) {
    throw ApiError("InvalidParameterException", "The password length is too short or all characters are excluded.");
  }
  std::string all;
  std::string password;
  for (const auto& alphabet : alphabets) {
    all += alphabet;
    if (Flag(call.input, "RequireEachIncludedType", true)) password += cloud.random.Pick(alphabet, 1);
  }
  password += cloud.random.Pick(all, static_cast<int>(length) - static_cast<int>(password.size()));
  for (std::size_t i = password.size() - 1; i > 0; --i) std::swap(password[i], password[cloud.random.Next() % (i + 1)]);
  return {{"RandomPassword", password}};
}

}  // namespace

Json NewSecret(Cloud& cloud, std::string_view name) {
  static constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  return {{"ARN", cloud.Arn("secretsmanager", "secret:" + std::string(name) + "-" + cloud.random.Pick(kAlphabet, 6))},
          {"Name", name},
          {"CreatedDate", cloud.Now()},
          {"LastChangedDate", cloud.Now()},
          {"Tags", Json::array()},
          {"_versions", Json::object()}};
}

void SetSecretString(Cloud& cloud, Json& secret, const std::string& value) {
  AddVersion(cloud, secret, {{"SecretString", value}}, {kCurrent});
}

void RegisterSecretsManager(Api& api, Cloud& cloud) {
  RegisterHandlers(api, cloud, "secretsmanager",
                   {{"CreateSecret", Create},
                    {"DeleteResourcePolicy", DeletePolicy, Effect::kRecorded},
                    {"DeleteSecret", Delete},
                    {"DescribeSecret", DescribeSecret},
                    {"GetRandomPassword", GetRandomPassword},
                    {"GetResourcePolicy", GetPolicy},
                    {"GetSecretValue", GetValue},
                    {"ListSecrets", List},
                    {"ListSecretVersionIds", ListVersions},
                    {"PutResourcePolicy", PutPolicy, Effect::kRecorded},
                    {"PutSecretValue", PutValue},
                    {"RestoreSecret", Restore},
                    {"TagResource", Tag},
                    {"UntagResource", Untag},
                    {"UpdateSecret", Update},
                    {"UpdateSecretVersionStage", UpdateStage}});
}

}  // namespace adhoc::localcloud
