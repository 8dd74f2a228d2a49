// AWS STS. Who may assume a role, and what its session may do then, is checked where IAM is enforced (iam/authorize.h).
#include "localcloud/api/sts.h"

#include "localcloud/api/support.h"
#include "localcloud/iam/web_identity.h"

namespace adhoc::localcloud {
namespace {

constexpr std::string_view kKeyAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::string_view kSecretAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

Json MakeCredentials(Cloud& cloud, std::int64_t seconds) {
  return {{"AccessKeyId", "ASIA" + cloud.random.Pick(kKeyAlphabet, 16)},
          {"SecretAccessKey", cloud.random.Pick(kSecretAlphabet, 40)},
          {"SessionToken", cloud.random.Pick(kSecretAlphabet, 200)},
          {"Expiration", cloud.Now() + static_cast<double>(seconds)}};
}

void Remember(Store::Transaction& txn, const Json& credentials, Json session) {
  session["_expires"] = credentials["Expiration"];
  session["_secret"] = credentials["SecretAccessKey"];  // what it signs can be checked (s3_post.cc)
  txn.Put("sts.sessions", Text(credentials, "AccessKeyId"), std::move(session));
}

// 12 digits of arn:aws:iam::123456789012:role/name.
std::string AccountOf(const Cloud& cloud, const std::string& role_arn) {
  return role_arn.size() > 25 ? role_arn.substr(13, 12) : cloud.settings.account;
}

Json GetCallerIdentity(Cloud& cloud, Call& call) {
  const Json* session = call.txn.Find("sts.sessions", call.access_key);
  if (session != nullptr) {
    return {{"UserId", (*session)["AssumedRoleId"]}, {"Account", cloud.settings.account}, {"Arn", (*session)["Arn"]}};
  }
  return {
      {"UserId", cloud.settings.account}, {"Account", cloud.settings.account}, {"Arn", cloud.GlobalArn("iam", "root")}};
}

Json Assume(Cloud& cloud, Call& call) {
  const std::string role_arn = Text(call.input, "RoleArn");
  const std::string session = Text(call.input, "RoleSessionName");
  const std::string name = role_arn.substr(role_arn.rfind('/') + 1);
  const Json* role = call.txn.Find("iam.roles", name);
  const bool ours = StartsWith(role_arn, cloud.GlobalArn("iam", "role/"));
  if (ours && (role == nullptr || Text(*role, "Arn") != role_arn)) {
    throw ApiError("AccessDenied", "Not authorized to perform sts:" + call.operation.name + " on resource: " + role_arn,
                   Json::object(), 403);
  }
  const RoleSession begun =
      BeginRoleSession(cloud, call.txn, role_arn, session, Number(call.input, "DurationSeconds", 3600));
  Json& remembered = call.txn.Edit("sts.sessions", Text(begun.credentials, "AccessKeyId"));
  if (call.input.contains("Policy")) remembered["_session_policies"] = Json::array({call.input["Policy"]});
  for (const auto& policy : Items(call.input, "PolicyArns")) {
    remembered["_session_policy_arns"].push_back(Text(policy, "arn"));
  }
  if (call.input.contains("Tags")) remembered["_tags"] = TagMap(call.input["Tags"]);
  return {{"Credentials", begun.credentials}, {"AssumedRoleUser", begun.user}, {"PackedPolicySize", 0}};
}

Json AssumeRole(Cloud& cloud, Call& call) { return Assume(cloud, call); }

// The token's signature is not checked: there is no identity provider to ask.
Json AssumeRoleWithWebIdentity(Cloud& cloud, Call& call) {
  const Json claims = iam::ClaimsOf(Text(call.input, "WebIdentityToken"));
  Json output = Assume(cloud, call);
  output["SubjectFromWebIdentityToken"] = Text(claims, "sub", "unknown");
  output["Provider"] = Text(claims, "iss", "unknown");
  output["Audience"] = Text(claims, "aud", "sts.amazonaws.com");
  return output;
}

Json GetSessionToken(Cloud& cloud, Call& call) {
  const Json credentials = MakeCredentials(cloud, Number(call.input, "DurationSeconds", 43200));
  Remember(call.txn, credentials, {{"AssumedRoleId", cloud.settings.account}, {"Arn", cloud.GlobalArn("iam", "root")}});
  return {{"Credentials", credentials}};
}

}  // namespace

RoleSession BeginRoleSession(Cloud& cloud, Store::Transaction& txn, const std::string& role_arn,
                             const std::string& session, std::int64_t seconds) {
  const double now = cloud.Now();
  std::vector<std::string> expired;
  for (const auto& [key, document] : txn.All("sts.sessions")) {
    if (document.value("_expires", 0.0) < now) expired.push_back(key);
  }
  for (const auto& key : expired) txn.Erase("sts.sessions", key);

  const std::string name = role_arn.substr(role_arn.rfind('/') + 1);
  const Json* role = txn.Find("iam.roles", name);
  const std::string id = role != nullptr ? Text(*role, "RoleId") : "AROA" + cloud.random.Pick(kKeyAlphabet, 17);
  RoleSession begun;
  begun.user = {{"AssumedRoleId", id + ":" + session},
                {"Arn", "arn:aws:sts::" + AccountOf(cloud, role_arn) + ":assumed-role/" + name + "/" + session}};
  begun.credentials = MakeCredentials(cloud, seconds);
  Remember(txn, begun.credentials, begun.user);
  return begun;
}

void RegisterSts(Api& api, Cloud& cloud) {
  RegisterHandlers(api, cloud, "sts",
                   {{"AssumeRole", AssumeRole},
                    {"AssumeRoleWithWebIdentity", AssumeRoleWithWebIdentity},
                    {"GetCallerIdentity", GetCallerIdentity},
                    {"GetSessionToken", GetSessionToken}});
}

}  // namespace adhoc::localcloud
