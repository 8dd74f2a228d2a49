// Where credentials come from besides keys that somebody wrote down: programs, single sign-on, the container's and the
// machine's metadata services. Parsers are pure; fetchers throw Error.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "aws/client/endpoint.h"
#include "aws/sign/sigv4.h"
#include "base/clock.h"
#include "base/json.h"
#include "net/transport.h"
#include "net/uri.h"

namespace adhoc::aws {

// What a credential_process prints: `{"Version": 1, "AccessKeyId": …}`.
Credentials ParseProcessOutput(std::string_view text);

// What the metadata services answer: `{"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}`.
Credentials ParseMetadataAnswer(std::string_view text);

// A command line as a POSIX shell splits it, without any expansion. Throws Error when a quote is not closed.
std::vector<std::string> SplitCommandLine(std::string_view text);

// `aws sso login` keeps one of these per session in ~/.aws/sso/cache/<Sha1Hex(session or start URL)>.json.
struct SsoToken {
  std::string access_token;
  TimePoint expires{};
  Json document;  // as it stands in the file

  bool renewable() const;
};
std::string Sha1Hex(std::string_view text);
SsoToken ParseSsoToken(std::string_view text);

struct SsoRole {
  std::string region;
  std::string account;
  std::string role;
};
// SSO's GetRoleCredentials.
Credentials FetchSsoCredentials(net::Transport& transport, const EnvironmentReader& environment, const SsoRole& role,
                                const std::string& access_token);
// SSO OIDC's CreateToken with the refresh token; returns the file's new text.
SsoToken RenewSsoToken(net::Transport& transport, const EnvironmentReader& environment, const std::string& region,
                       const SsoToken& token, Clock& clock);

// AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or …_FULL_URI; nothing when neither is set. Throws Error for an address to
// which keys must not be asked from: plain HTTP to another machine.
std::optional<net::Uri> ContainerEndpoint(const EnvironmentReader& environment);
Credentials FetchContainerCredentials(net::Transport& transport, const net::Uri& endpoint,
                                      const std::string& authorization, Clock& clock);

// IMDSv2 of the EC2 instance. Nothing, with the reason in `why`, when there is no such service or the instance has no
// role.
std::optional<Credentials> FetchInstanceCredentials(net::Transport& transport, const EnvironmentReader& environment,
                                                    std::string& why);

}  // namespace adhoc::aws
