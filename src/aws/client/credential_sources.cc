#include "aws/client/credential_sources.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

#include "aws/codec/values.h"
#include "base/error.h"

namespace adhoc::aws {
namespace {

constexpr int kContainerAttempts = 3;
constexpr const char* kInstanceService = "http://169.254.169.254";

Json ParseObject(std::string_view text, std::string_view what) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) throw Error(fmt::format("{} is no JSON object", what));
  return json;
}

// Empty when it is missing or no text.
std::string TextOf(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

TimePoint ParseTime(std::string text, std::string_view what) {
  // Older CLIs end their times so.
  if (text.ends_with("UTC")) text.replace(text.size() - 3, 3, "Z");
  try {
    const double seconds = ParseTimestamp(text).get<double>();
    if (seconds > 0 && seconds < 9e9) return FromSeconds(seconds);
  } catch (const std::exception&) {
    // Said below, naming what it is of.
  }
  throw Error(fmt::format("the expiration of {} is no time: {}", what, text));
}

Credentials FromJson(const Json& json, const char* token, std::string_view what) {
  Credentials credentials{TextOf(json, "AccessKeyId"), TextOf(json, "SecretAccessKey"), TextOf(json, token),
                          std::nullopt};
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty()) {
    throw Error(fmt::format("{} has no AccessKeyId and SecretAccessKey", what));
  }
  if (const std::string expiration = TextOf(json, "Expiration"); !expiration.empty()) {
    credentials.expiration = ParseTime(expiration, what);
  }
  return credentials;
}

net::Uri ServiceEndpoint(const EnvironmentReader& environment, const char* variable, const std::string& otherwise) {
  if (const auto url = environment(variable)) return net::Uri::Parse(*url);
  if (const auto url = environment("AWS_ENDPOINT_URL")) return net::Uri::Parse(*url);
  return net::Uri::Parse(otherwise);
}

net::Request RequestTo(const net::Uri& endpoint, std::string method, std::string target) {
  net::Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.headers.Set("Host", endpoint.authority());
  return request;
}

}  // namespace

Credentials ParseProcessOutput(std::string_view text) {
  constexpr std::string_view kWhat = "what it printed";
  const Json json = ParseObject(text, kWhat);
  if (json.value("Version", Json()) != 1) throw Error(fmt::format("{} is not of Version 1", kWhat));
  return FromJson(json, "SessionToken", kWhat);
}

Credentials ParseMetadataAnswer(std::string_view text) {
  const Json json = ParseObject(text, "the answer");
  const std::string code = TextOf(json, "Code");
  if (!code.empty() && code != "Success") throw Error(fmt::format("{}: {}", code, TextOf(json, "Message")));
  return FromJson(json, "Token", "the answer");
}

std::vector<std::string> SplitCommandLine(std::string_view text) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (quote == 0 && (c == ' ' || c == '\t')) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == quote) {
      quote = 0;
    } else if (c == '\\' && quote != '\'' && at + 1 < text.size() &&
               (quote == 0 || text[at + 1] == '"' || text[at + 1] == '\\')) {
      words.back() += text[++at];
    } else {
      words.back() += c;
    }
  }
  if (quote != 0) throw Error(fmt::format("a quote is not closed in `{}`", text));
  return words;
}

bool SsoToken::renewable() const {
  return !TextOf(document, "refreshToken").empty() && !TextOf(document, "clientId").empty() &&
         !TextOf(document, "clientSecret").empty();
}

std::string Sha1Hex(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

SsoToken ParseSsoToken(std::string_view text) {
  SsoToken token;
  token.document = ParseObject(text, "the cached token");
  token.access_token = TextOf(token.document, "accessToken");
  if (token.access_token.empty()) throw Error("the cached token has no accessToken");
  token.expires = ParseTime(TextOf(token.document, "expiresAt"), "the cached token");
  return token;
}

Credentials FetchSsoCredentials(net::Transport& transport, const EnvironmentReader& environment, const SsoRole& role,
                                const std::string& access_token) {
  const net::Uri endpoint = ServiceEndpoint(environment, "AWS_ENDPOINT_URL_SSO",
                                            fmt::format("https://portal.sso.{}.amazonaws.com", role.region));
  net::Request request = RequestTo(
      endpoint, "GET",
      "/federation/credentials?" + net::FormatQuery({{"role_name", role.role}, {"account_id", role.account}}));
  request.headers.Set("x-amz-sso_bearer_token", access_token);
  const net::Response response = transport.Send(endpoint, request, {});
  if (response.status != 200) {
    const Json body = Json::parse(response.body, nullptr, false);
    const std::string why = body.is_object() ? TextOf(body, "message") : "";
    throw Error(fmt::format("single sign-on refuses role {} of account {}: {} {}", role.role, role.account,
                            response.status, why));
  }
  const Json answer =
      ParseObject(response.body, "the answer of single sign-on").value("roleCredentials", Json::object());
  Credentials credentials{TextOf(answer, "accessKeyId"), TextOf(answer, "secretAccessKey"),
                          TextOf(answer, "sessionToken"), std::nullopt};
  if (credentials.access_key_id.empty()) throw Error("the answer of single sign-on has no accessKeyId");
  if (answer.contains("expiration") && answer["expiration"].is_number()) {
    credentials.expiration = FromSeconds(answer["expiration"].get<double>() / 1000);
  }
  return credentials;
}

SsoToken RenewSsoToken(net::Transport& transport, const EnvironmentReader& environment, const std::string& region,
                       const SsoToken& token, Clock& clock) {
  const net::Uri endpoint =
      ServiceEndpoint(environment, "AWS_ENDPOINT_URL_SSO_OIDC", fmt::format("https://oidc.{}.amazonaws.com", region));
  net::Request request = RequestTo(endpoint, "POST", "/token");
  request.headers.Set("Content-Type", "application/json");
  request.body = Json{{"grantType", "refresh_token"},
                      {"clientId", TextOf(token.document, "clientId")},
                      {"clientSecret", TextOf(token.document, "clientSecret")},
                      {"refreshToken", TextOf(token.document, "refreshToken")}}
                     .dump(-1, ' ', false, Json::error_handler_t::replace);
  const net::Response response = transport.Send(endpoint, request, {});
  if (response.status != 200) throw Error(fmt::format("single sign-on does not renew the token: {}", response.status));
  const Json answer = ParseObject(response.body, "the answer of single sign-on");
  SsoToken renewed = token;
  renewed.access_token = TextOf(answer, "accessToken");
  if (renewed.access_token.empty() || !answer.value("expiresIn", Json()).is_number()) {
    throw Error("the answer of single sign-on has no token");
  }
  renewed.expires = clock.Now() + std::chrono::seconds(answer["expiresIn"].get<long>());
  renewed.document["accessToken"] = renewed.access_token;
  // The CLI writes whole seconds.
  renewed.document["expiresAt"] =
      FormatTimestamp(static_cast<double>(static_cast<long>(ToSeconds(renewed.expires))), TimestampFormat::kIso8601);
  if (const std::string next = TextOf(answer, "refreshToken"); !next.empty()) renewed.document["refreshToken"] = next;
  return renewed;
}

std::optional<net::Uri> ContainerEndpoint(const EnvironmentReader& environment) {
  if (const auto path = environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")) {
    return net::Uri::Parse("http://169.254.170.2" + *path);
  }
  const auto url = environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (!url) return std::nullopt;
  net::Uri endpoint = net::Uri::Parse(*url);
  const std::string& host = endpoint.host;
  const bool near = host == "localhost" || host.starts_with("127.") || host == "::1" || host == "169.254.170.2" ||
                    host == "169.254.170.23" || host == "fd00:ec2::23";
  if (endpoint.scheme != "https" && !near) {
    throw Error(fmt::format("AWS_CONTAINER_CREDENTIALS_FULL_URI is {}: plain HTTP to another machine", *url),
                "use https");
  }
  return endpoint;
}

Credentials FetchContainerCredentials(net::Transport& transport, const net::Uri& endpoint,
                                      const std::string& authorization, Clock& clock) {
  net::Request request = RequestTo(endpoint, "GET", endpoint.target());
  if (!authorization.empty()) request.headers.Set("Authorization", authorization);
  const net::SendOptions options{.connect_timeout = std::chrono::seconds(2), .timeout = std::chrono::seconds(2)};
  for (int attempt = 1;; ++attempt) {
    try {
      const net::Response response = transport.Send(endpoint, request, options);
      if (response.status == 200) return ParseMetadataAnswer(response.body);
      if (response.status < 500 || attempt == kContainerAttempts) {
        throw Error(fmt::format("{} answers {}", endpoint.ToString(), response.status));
      }
    } catch (const net::TransportError&) {
      if (attempt == kContainerAttempts) throw;
    }
    clock.SleepFor(std::chrono::milliseconds(200));
  }
}

std::optional<Credentials> FetchInstanceCredentials(net::Transport& transport, const EnvironmentReader& environment,
                                                    std::string& why) {
  if (environment("AWS_EC2_METADATA_DISABLED").value_or("") == "true") {
    why = "the EC2 metadata service is switched off by AWS_EC2_METADATA_DISABLED";
    return std::nullopt;
  }
  const net::Uri endpoint =
      net::Uri::Parse(environment("AWS_EC2_METADATA_SERVICE_ENDPOINT").value_or(kInstanceService));
  const net::SendOptions options{.connect_timeout = std::chrono::seconds(1), .timeout = std::chrono::seconds(1)};
  try {
    net::Request ask = RequestTo(endpoint, "PUT", "/latest/api/token");
    ask.headers.Set("x-aws-ec2-metadata-token-ttl-seconds", "21600");
    const net::Response token = transport.Send(endpoint, ask, options);
    if (token.status != 200 || token.body.empty()) {
      why = "this is no EC2 instance";
      return std::nullopt;
    }
    const auto get = [&](const std::string& path) {
      net::Request request = RequestTo(endpoint, "GET", path);
      request.headers.Set("x-aws-ec2-metadata-token", token.body);
      return transport.Send(endpoint, request, options);
    };
    const std::string path = "/latest/meta-data/iam/security-credentials/";
    const net::Response roles = get(path);
    const std::string role = roles.status == 200 ? roles.body.substr(0, roles.body.find_first_of("\r\n")) : "";
    if (role.empty()) {
      why = "the EC2 instance has no role";
      return std::nullopt;
    }
    const net::Response answer = get(path + net::PercentEncode(role));
    if (answer.status != 200)
      throw Error(fmt::format("the EC2 metadata service answers {} for role {}", answer.status, role));
    return ParseMetadataAnswer(answer.body);
  } catch (const net::TransportError&) {
    why = "this is no EC2 instance";
    return std::nullopt;
  }
}

}  // namespace adhoc::aws
