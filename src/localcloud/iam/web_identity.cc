#include "localcloud/iam/web_identity.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "localcloud/api/support.h"
#include "localcloud/iam/conditions.h"

namespace adhoc::localcloud::iam {

Json ClaimsOf(const std::string& token) {
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
  return claims;
}

WebIdentity CheckWebIdentity(const Cloud& cloud, const Call& call) {
  const Json claims = ClaimsOf(Text(call.input, "WebIdentityToken"));
  const std::string issuer = Text(claims, "iss");
  const std::string host = issuer.substr(StartsWith(issuer, "https://") ? 8 : 0);
  WebIdentity identity{.provider_arn = cloud.GlobalArn("iam", "oidc-provider/" + host)};
  const Json* provider = call.txn.Find("iam.oidc_providers", identity.provider_arn);
  if (provider == nullptr) {
    throw ApiError("InvalidIdentityToken",
                   fmt::format("No OpenIDConnect provider found in your account for {}", issuer));
  }
  const auto clients = Strings(*provider, "ClientIDList");
  const auto audiences = StringsOf(claims.value("aud", Json()));
  if (std::none_of(audiences.begin(), audiences.end(), [&](const auto& audience) {
        return std::find(clients.begin(), clients.end(), audience) != clients.end();
      })) {
    throw ApiError("InvalidIdentityToken", "Incorrect token audience");
  }
  if (claims.contains("exp") && claims["exp"].is_number() && claims["exp"].get<double>() < cloud.Now()) {
    throw ApiError("ExpiredTokenException", "Token expired: current date/time must be before the expiration date/time");
  }
  for (const auto& [name, value] : claims.items()) {
    auto texts = StringsOf(value);
    if (!texts.empty()) identity.keys[ToLower(host + ":" + name)] = std::move(texts);
  }
  return identity;
}

}  // namespace adhoc::localcloud::iam
