#include "localcloud/iam/authorize.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "aws/model/model.h"
#include "localcloud/api/support.h"
#include "localcloud/iam/conditions.h"
#include "localcloud/iam/managed_policies.h"
#include "localcloud/iam/needs.h"
#include "localcloud/iam/sessions.h"
#include "localcloud/iam/web_identity.h"

namespace adhoc::localcloud::iam {
namespace {

struct Caller {
  Principal principal;
  Policies policies;
  Keys keys;
};

std::optional<Json> ManagedPolicy(const Store::Transaction& txn, const std::string& arn) {
  if (const Json* own = txn.Find("iam.policies", arn)) {
    return Json::parse(Text((*own)["_versions"][Text(*own, "DefaultVersionId")], "Document"), nullptr, false);
  }
  if (const char* document = AwsManagedDocument(arn)) return Json::parse(document);
  spdlog::warn("{} is a policy whose text is not known here: it allows nothing", arn);
  return std::nullopt;
}

// A role as its session `session` has it.
Caller AsRole(const Cloud& cloud, const Store::Transaction& txn, const std::string& role_name,
              const std::string& session_arn, const std::string& id) {
  Caller caller;
  const Json* role = txn.Find("iam.roles", role_name);
  caller.principal = {.account = cloud.settings.account,
                      .arn = session_arn,
                      .role_arn = role == nullptr ? cloud.GlobalArn("iam", "role/" + role_name) : Text(*role, "Arn")};
  caller.keys = {
      {"aws:principalarn", {caller.principal.role_arn}}, {"aws:principaltype", {"AssumedRole"}}, {"aws:userid", {id}}};
  if (role == nullptr) return caller;
  for (const auto& [name, text] : Fields(*role, "_policies").items()) {
    caller.policies.identity.push_back(Json::parse(text.get<std::string>(), nullptr, false));
  }
  for (const auto& arn : Strings(*role, "_attached")) {
    if (auto document = ManagedPolicy(txn, arn)) caller.policies.identity.push_back(std::move(*document));
  }
  if (const std::string boundary = Text(Fields(*role, "PermissionsBoundary"), "PermissionsBoundaryArn");
      !boundary.empty()) {
    caller.policies.boundary = ManagedPolicy(txn, boundary).value_or(Json::object());
  }
  const Json tags = TagMap(Items(*role, "Tags"));
  for (const auto& [key, value] : tags.items()) {
    caller.keys["aws:principaltag/" + ToLower(key)] = {value.get<std::string>()};
  }
  return caller;
}

ApiError Expired(const aws::Service& service) {
  const bool json = service.protocol == aws::Protocol::kJson || service.protocol == aws::Protocol::kCbor;
  return {json ? "ExpiredTokenException" : "ExpiredToken", "The security token included in the request is expired",
          Json::object(), json ? 400 : 403};
}

// `session` is a document of sts.sessions. Nothing for the account's root.
std::optional<Caller> AsSession(const Cloud& cloud, const Store::Transaction& txn, const Json& session) {
  const std::string arn = Text(session, "Arn");
  constexpr std::string_view kAssumed = ":assumed-role/";
  const auto at = arn.find(kAssumed);
  if (at == std::string::npos) return std::nullopt;
  const std::string role = arn.substr(at + kAssumed.size(), arn.rfind('/') - at - kAssumed.size());
  Caller caller = AsRole(cloud, txn, role, arn, Text(session, "AssumedRoleId"));
  if (const auto given = session.find("_session_policies"); given != session.end()) {
    caller.policies.session.emplace();
    for (const auto& text : *given)
      caller.policies.session->push_back(Json::parse(text.get<std::string>(), nullptr, false));
  }
  if (const auto given = session.find("_session_policy_arns"); given != session.end()) {
    if (!caller.policies.session) caller.policies.session.emplace();
    for (const auto& policy : *given) {
      if (auto document = ManagedPolicy(txn, policy)) caller.policies.session->push_back(std::move(*document));
    }
  }
  for (const auto& [key, value] : Fields(session, "_tags").items()) {
    caller.keys["aws:principaltag/" + ToLower(key)] = {value.get<std::string>()};
  }
  return caller;
}

// Nothing for the account's root.
std::optional<Caller> FindCaller(const Cloud& cloud, const Call& call) {
  const Json* session = call.txn.Find("sts.sessions", call.access_key);
  const bool temporary = StartsWith(call.access_key, "ASIA");
  if (session == nullptr && !temporary) return std::nullopt;
  if (session == nullptr || session->value("_expires", 0.0) < cloud.Now()) throw Expired(aws::GetService(call.service));
  return AsSession(cloud, call.txn, *session);
}

void AddGlobalKeys(const Cloud& cloud, const std::string& region, const net::Request& http, Keys& keys) {
  const std::string address = http.remote_address.empty() ? "127.0.0.1" : http.remote_address;
  const Keys global{{"aws:principalaccount", {cloud.settings.account}},
                    {"aws:requestedregion", {region}},
                    {"aws:securetransport", {"false"}},
                    {"aws:sourceip", {address}},
                    {"aws:useragent", {http.headers.GetOr("User-Agent", "")}},
                    {"aws:currenttime", {IsoTime(cloud.Now())}},
                    {"aws:epochtime", {fmt::format("{}", static_cast<std::int64_t>(cloud.Now()))}}};
  keys.insert(global.begin(), global.end());
}

// The policy of the bucket that a permission is about.
std::vector<Json> BucketPolicies(const Store::Transaction& txn, const Permission& permission) {
  constexpr std::string_view kS3 = "arn:aws:s3:::";
  if (!StartsWith(permission.resource, kS3)) return {};
  const std::string name =
      permission.resource.substr(kS3.size(), permission.resource.find('/', kS3.size()) - kS3.size());
  const Json* bucket = txn.Find("s3.buckets", name);
  if (bucket == nullptr || !bucket->contains("_policy")) return {};
  return {Json::parse(Text(*bucket, "_policy"), nullptr, false)};
}

ApiError Denied(const aws::Service& service, const std::string& message) {
  using aws::Protocol;
  switch (service.protocol) {
    case Protocol::kEc2:
      return {"UnauthorizedOperation", "You are not authorized to perform this operation. " + message, Json::object(),
              403};
    case Protocol::kJson:
    case Protocol::kCbor:
      return {"AccessDeniedException", message, Json::object(), 400};
    case Protocol::kRestJson:
      return {"AccessDeniedException", message, Json::object(), 403};
    default:
      return {"AccessDenied", message, Json::object(), 403};
  }
}

// Who may become a role is said by the role; a trust in the whole account leaves it to the caller's own policies.
void AuthorizeAssumeRole(const Cloud& cloud, const Call& call, const Caller* caller, const Watch& watch) {
  const std::string arn = Text(call.input, "RoleArn");
  const Json* role = call.txn.Find("iam.roles", arn.substr(arn.rfind('/') + 1));
  if (role == nullptr || Text(*role, "Arn") != arn) return;  // refused by the handler
  const Json trust = Json::parse(Text(*role, "AssumeRolePolicyDocument"), nullptr, false);
  Permission permission{"sts:" + call.operation.name, arn, {}};
  const aws::Service& service = aws::GetService("sts");
  if (call.operation.name == "AssumeRoleWithWebIdentity") {
    const WebIdentity identity = CheckWebIdentity(cloud, call);
    permission.keys = identity.keys;
    AddGlobalKeys(cloud, call.region, call.http, permission.keys);
    const Principal federated{.federated = identity.provider_arn};
    if (watch) watch(federated, permission);
    if (EffectOf(trust, federated, permission) != Effect::kAllow) {
      throw Denied(service, "Not authorized to perform sts:AssumeRoleWithWebIdentity");
    }
    return;
  }
  if (caller == nullptr) return;
  permission.keys = caller->keys;
  AddGlobalKeys(cloud, call.region, call.http, permission.keys);
  if (watch) watch(caller->principal, permission);
  Principal without_account = caller->principal;
  without_account.account.clear();
  const Effect by_name = EffectOf(trust, without_account, permission);
  const Effect by_account = EffectOf(trust, caller->principal, permission);
  Policies policies = caller->policies;
  if (by_name == Effect::kAllow) policies.resource.push_back(trust);
  const Decision decision = Evaluate(policies, caller->principal, permission);
  if (by_account != Effect::kAllow || !decision.allowed) {
    throw Denied(service, Refusal(caller->principal.arn, permission, decision));
  }
}

}  // namespace

std::string Refusal(const std::string& arn, const Permission& permission, const Decision& decision) {
  const bool s3 = StartsWith(permission.action, "s3:");
  return fmt::format("User: {} is not authorized to perform: {} on resource: {}{}{}{}{}", arn, permission.action,
                     s3 ? "\"" : "", permission.resource, s3 ? "\"" : "", decision.reason.empty() ? "" : " ",
                     decision.reason);
}

void Authorize(const Cloud& cloud, const Call& call, const Watch& watch) {
  if (cloud.settings.iam != Iam::kEnforce) return;
  const auto caller = FindCaller(cloud, call);
  if (call.service == "sts" && StartsWith(call.operation.name, "AssumeRole")) {
    return AuthorizeAssumeRole(cloud, call, caller ? &*caller : nullptr, watch);
  }
  if (!caller) return;
  const aws::Service& service = aws::GetService(call.service);
  if (call.operation.name == "GetSessionToken") {
    throw Denied(service, "Cannot call GetSessionToken with session credentials");
  }
  for (Permission& needed : NeedsOf(cloud, call)) {
    needed.keys.insert(caller->keys.begin(), caller->keys.end());
    AddGlobalKeys(cloud, call.region, call.http, needed.keys);
    if (watch) watch(caller->principal, needed);
    Policies policies = caller->policies;
    policies.resource = BucketPolicies(call.txn, needed);
    const Decision decision = Evaluate(policies, caller->principal, needed);
    if (!decision.allowed) throw Denied(service, Refusal(caller->principal.arn, needed, decision));
  }
}

std::string SessionRefusal(const Cloud& cloud, const Store::Transaction& txn, const Json& session,
                           const net::Request& http, const Permission& permission, const Watch& watch) {
  if (cloud.settings.iam != Iam::kEnforce) return "";
  const auto caller = AsSession(cloud, txn, session);
  if (!caller) return "";
  Permission asked = permission;
  asked.keys.insert(caller->keys.begin(), caller->keys.end());
  AddGlobalKeys(cloud, cloud.settings.region, http, asked.keys);
  if (watch) watch(caller->principal, asked);
  const Decision decision = Evaluate(caller->policies, caller->principal, asked);
  return decision.allowed ? "" : Refusal(caller->principal.arn, asked, decision);
}

Decision RoleMay(const Cloud& cloud, const Store::Transaction& txn, const std::string& role_arn,
                 const Permission& permission) {
  if (cloud.settings.iam != Iam::kEnforce) return {true, ""};
  const Caller caller = AsRole(cloud, txn, role_arn.substr(role_arn.rfind('/') + 1), "", "");
  Permission asked = permission;
  asked.keys.insert(caller.keys.begin(), caller.keys.end());
  return Evaluate(caller.policies, caller.principal, asked);
}

}  // namespace adhoc::localcloud::iam
