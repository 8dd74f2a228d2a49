// What a token of an OpenID Connect provider says. Its signature is not checked: there is no provider to ask.
#pragma once

#include <string>

#include "localcloud/api/api.h"
#include "localcloud/iam/evaluate.h"

namespace adhoc::localcloud::iam {

// Throws ApiError InvalidIdentityToken for what is no JSON Web Token.
Json ClaimsOf(const std::string& token);

struct WebIdentity {
  std::string provider_arn;
  Keys keys;  // token.actions.githubusercontent.com:sub, …:aud
};
// Throws ApiError when the account has no such provider, or the token is for somebody else.
WebIdentity CheckWebIdentity(const Cloud& cloud, const Call& call);

}  // namespace adhoc::localcloud::iam
