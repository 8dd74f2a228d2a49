// AWS STS. Credentials it hands out are accepted like any others: the local cloud knows callers, it does not police
// them.
#include "localcloud/api/sts.h"

#include "localcloud/api/support.h"

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
  return {{"Credentials", begun.credentials}, {"AssumedRoleUser", begun.user}, {"PackedPolicySize", 0}};
}

Json AssumeRole(Cloud& cloud, Call& call) { return Assume(cloud, call); }

// The token's claims are read, its signature is not checked: there is no identity provider to ask.
Json AssumeRoleWithWebIdentity(Cloud& cloud, Call& call) {
  const std::string token = Text(call.input, "WebIdentityToken");
  const auto first = token.find('.');
  const auto second = first == std::string::npos ? first : token.find('.', first + 1);
  Json claims;
  if (second != std::string::npos) {
    std::string payload = token.substr(first + 1, second - first - 1);
    for (char& c : payload) c = c == '-' ? '+' : c == '_' ? '/' : c;
    payload.resize((payload.size() + 3) / 4 * 4, '=');
    try {
      claims = Json::parse(Base64Decode(payload), nullptr, false);
    } catch (const std::invalid_argument&) {
      claims = Json();
    }
  }
  if (!claims.is_object()) {
    throw ApiError("InvalidIdentityToken",
                   "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)");
  }
  Json output = Assume(cloud, call);
  output["SubjectFromWebIdentityToken"] = Text(claims, "sub", "unknown");
  output["Provider"] = Text(claims, "iss", "unknown");
  output["Audience"] = Text(claims, "aud", "sts.amazonaws.com");
  return output;
}

Json GetSessionToken(Cloud& cloud, Call& call) {
  return {{"Credentials", MakeCredentials(cloud, Number(call.input, "DurationSeconds", 43200))}};
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
  Json remembered = begun.user;
  remembered["_expires"] = begun.credentials["Expiration"];
  remembered["_secret"] = begun.credentials["SecretAccessKey"];  // what it signs can be checked (s3_post.cc)
  txn.Put("sts.sessions", Text(begun.credentials, "AccessKeyId"), std::move(remembered));
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
