#include "localcloud/iam/evaluate.h"

#include <fmt/format.h>

#include <algorithm>

#include "localcloud/api/support.h"
#include "localcloud/iam/conditions.h"

namespace adhoc::localcloud::iam {
namespace {

std::vector<Json> StatementsOf(const Json& document) {
  const auto found = document.find("Statement");
  if (found == document.end()) return {};
  if (found->is_array()) return found->get<std::vector<Json>>();
  return {*found};
}

bool MatchesAction(const Json& patterns, const std::string& action) {
  const auto texts = StringsOf(patterns);
  return std::any_of(texts.begin(), texts.end(),
                     [&](const auto& pattern) { return MatchesWildcard(ToLower(pattern), ToLower(action)); });
}

bool MatchesResource(const Json& patterns, const Permission& permission) {
  const auto texts = StringsOf(patterns);
  return std::any_of(texts.begin(), texts.end(), [&](const auto& text) {
    const auto pattern = ExpandVariables(text, permission.keys);
    return pattern && MatchesWildcard(*pattern, permission.resource);
  });
}

bool NamesPrincipal(const Json& named, const Principal& principal) {
  if (named == "*") return true;
  if (!named.is_object()) return false;
  for (const auto& [kind, values] : named.items()) {
    for (const auto& value : StringsOf(values)) {
      if (value == "*" && kind == "AWS") return true;
      if (kind == "Service" && !principal.service.empty() && value == principal.service) return true;
      if (kind == "Federated" && !principal.federated.empty() && value == principal.federated) return true;
      if (kind != "AWS") continue;
      const std::string& account = principal.account;
      if (!account.empty() && (value == account || value == fmt::format("arn:aws:iam::{}:root", account))) return true;
      if (value == principal.arn || value == principal.role_arn) return true;
    }
  }
  return false;
}

bool Applies(const Json& statement, const Principal& principal, const Permission& permission) {
  if (const auto named = statement.find("Principal"); named != statement.end() && !NamesPrincipal(*named, principal))
    return false;
  if (const auto named = statement.find("NotPrincipal"); named != statement.end() && NamesPrincipal(*named, principal))
    return false;
  if (const auto actions = statement.find("Action"); actions != statement.end()) {
    if (!MatchesAction(*actions, permission.action)) return false;
  } else if (const auto others = statement.find("NotAction");
             others == statement.end() || MatchesAction(*others, permission.action)) {
    return false;
  }
  // A role's trust policy has none: it is about the role.
  if (const auto resources = statement.find("Resource"); resources != statement.end()) {
    if (!MatchesResource(*resources, permission)) return false;
  } else if (const auto others = statement.find("NotResource");
             others != statement.end() && MatchesResource(*others, permission)) {
    return false;
  }
  return Satisfies(statement.value("Condition", Json::object()), permission.keys);
}

Effect EffectOfAll(const std::vector<Json>& documents, const Principal& principal, const Permission& permission) {
  Effect effect = Effect::kNone;
  for (const auto& document : documents) effect = std::max(effect, EffectOf(document, principal, permission));
  return effect;
}

}  // namespace

Effect EffectOf(const Json& document, const Principal& principal, const Permission& permission) {
  Effect effect = Effect::kNone;
  for (const Json& statement : StatementsOf(document)) {
    if (!statement.is_object() || !Applies(statement, principal, permission)) continue;
    effect = std::max(effect, Text(statement, "Effect") == "Deny" ? Effect::kDeny : Effect::kAllow);
  }
  return effect;
}

Decision Evaluate(const Policies& policies, const Principal& principal, const Permission& permission) {
  struct Kind {
    const char* a_name;
    const char* name;
    Effect effect;
    bool needed;  // it has to allow, too
  };
  const Effect resource = EffectOfAll(policies.resource, principal, permission);
  const Kind kinds[] = {
      {"an identity-based policy", "identity-based policy", EffectOfAll(policies.identity, principal, permission),
       resource != Effect::kAllow},  // in the same account one of the two is enough
      {"a resource-based policy", "resource-based policy", resource, false},
      {"a permissions boundary", "permissions boundary",
       policies.boundary ? EffectOf(*policies.boundary, principal, permission) : Effect::kAllow, true},
      {"a session policy", "session policy",
       policies.session ? EffectOfAll(*policies.session, principal, permission) : Effect::kAllow, true},
  };
  for (const auto& kind : kinds) {
    if (kind.effect == Effect::kDeny) return {false, fmt::format("with an explicit deny in {}", kind.a_name)};
  }
  for (const auto& kind : kinds) {
    if (kind.needed && kind.effect == Effect::kNone) {
      return {false, fmt::format("because no {} allows the {} action", kind.name, permission.action)};
    }
  }
  return {true, ""};
}

std::string FindMistake(const Json& document) {
  if (!document.is_object() || !document.contains("Statement")) return "Syntax errors in policy.";
  for (const Json& statement : StatementsOf(document)) {
    if (!statement.is_object()) return "Syntax errors in policy.";
    const std::string effect = Text(statement, "Effect");
    if (effect != "Allow" && effect != "Deny") return "Missing required field Effect";
    if (!statement.contains("Action") && !statement.contains("NotAction")) return "Missing required field Action";
    for (const auto& [name, block] : Fields(statement, "Condition").items()) {
      if (!IsConditionOperator(name)) return "Invalid Condition type : " + name + ".";
      if (!block.is_object()) return "Syntax errors in policy.";
    }
  }
  return "";
}

}  // namespace adhoc::localcloud::iam
