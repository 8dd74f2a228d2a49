#include "aws/client/credentials.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "aws/client/credential_sources.h"
#include "aws/client/refreshing.h"
#include "aws/client/shared_config.h"
#include "aws/codec/values.h"
#include "base/error.h"
#include "base/text.h"

namespace adhoc::aws {
namespace {

constexpr const char* kHint =
    "aws configure (keys), aws sso login --profile <name> (single sign-on), or set AWS_PROFILE to a profile that has "
    "them";
constexpr int kShortestSession = 900;
constexpr int kLongestSession = 43200;

std::string ValueOf(const Settings& settings, std::string_view name) {
  const auto found = settings.find(name);
  return found == settings.end() ? "" : found->second;
}

class StaticProvider final : public CredentialsProvider {
 public:
  explicit StaticProvider(Credentials credentials) : credentials_(std::move(credentials)) {}
  Credentials Get() override { return credentials_; }
  std::string Source() override { return "given"; }

 private:
  const Credentials credentials_;
};

// Where the shared files are.
struct SharedFiles {
  explicit SharedFiles(const EnvironmentReader& environment)
      : home(environment("HOME").value_or("")),
        config(environment("AWS_CONFIG_FILE").value_or(home + "/.aws/config")),
        credentials(environment("AWS_SHARED_CREDENTIALS_FILE").value_or(home + "/.aws/credentials")) {}

  const std::string home;
  const std::string config;
  const std::string credentials;
};

// The definition's profile is a person's: a machine that does not have it, such as a pipeline's, goes on without.
std::string ProfileInUse(const SharedConfig& shared, const EnvironmentReader& environment,
                         const std::string& preferred) {
  if (const auto profile = environment("AWS_PROFILE")) return *profile;
  if (!preferred.empty() && shared.Has(preferred)) return preferred;
  return environment("AWS_DEFAULT_PROFILE").value_or("default");
}

std::string NameOfRole(std::string_view arn) { return std::string(arn.substr(arn.rfind('/') + 1)); }

// One walk along the chain. Each link gives credentials, says in `tried_` why it has none, or throws when it was meant
// to have some: what somebody set up is not passed over in silence.
class Chain {
 public:
  Chain(const ChainOptions& options, const ChainEdges& edges)
      : options_(options), edges_(edges), files_(edges.environment) {}

  Fetched Find() {
    Fetched found = FindBase();
    if (options_.role.empty()) return found;
    try {
      return AssumeRole({.arn = options_.role, .profile = "", .settings = {}}, found);
    } catch (const AwsError& error) {
      // A role may not assume itself unless its policy says so, and a pipeline has it already.
      if (error.code() != "AccessDenied" || !IsRole(found.credentials)) throw;
      return found;
    }
  }

 private:
  struct Role {
    std::string arn;
    std::string profile;  // that names it; empty: the definition does
    Settings settings;
  };

  Fetched FindBase() {
    const auto config_text = edges_.files(files_.config);
    const auto credentials_text = edges_.files(files_.credentials);
    shared_ =
        MakeSharedConfig(config_text.value_or(""), files_.config, credentials_text.value_or(""), files_.credentials);

    const auto from_environment = edges_.environment("AWS_PROFILE");
    const std::string profile = ProfileInUse(shared_, edges_.environment, options_.profile);
    endpoints_ = EndpointsOf(shared_, profile);
    const bool wanted = !options_.profile.empty() && !from_environment;
    const bool explicit_profile = wanted && shared_.Has(options_.profile);
    if (wanted && !explicit_profile) {
      tried_.push_back(fmt::format("profile {} of the definition is in neither {} nor {}", options_.profile,
                                   files_.config, files_.credentials));
    }
    if (!explicit_profile) {
      if (auto found = FromEnvironment()) return *found;
    }
    if (shared_.Has(profile)) {
      std::vector<std::string> path;
      if (auto found = FromProfile(profile, path, !explicit_profile)) return *found;
    } else {
      tried_.push_back(NoProfile(profile, config_text.has_value(), credentials_text.has_value()));
      if (from_environment && profile != "default")
        throw Error("no AWS credentials: " + Join(tried_, "; "), ProfileHint(profile));
      if (auto found = FromEnvironmentToken()) return *found;
    }
    if (auto found = FromContainer()) return *found;
    std::string why;
    if (auto credentials = FetchInstanceCredentials(*edges_.transport, edges_.environment, why)) {
      return {*credentials, "the role of the EC2 instance"};
    }
    tried_.push_back(why);
    throw Error("no AWS credentials: " + Join(tried_, "; "), kHint);
  }

  std::string NoProfile(const std::string& profile, bool has_config, bool has_credentials) const {
    if (!has_config && !has_credentials)
      return fmt::format("there is neither {} nor {}", files_.config, files_.credentials);
    return fmt::format("profile {} is in neither {} nor {}", profile, files_.config, files_.credentials);
  }

  std::string ProfileHint(const std::string& profile) const {
    std::vector<std::string> names;
    for (const auto* file : {&shared_.config, &shared_.credentials}) {
      for (const auto& [name, settings] : *file) {
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
      }
    }
    const std::string suggestion = Suggest(profile, names);
    return suggestion.empty() ? fmt::format("aws configure --profile {}", profile) : suggestion;
  }

  std::optional<Fetched> FromEnvironment() {
    const auto key = edges_.environment("AWS_ACCESS_KEY_ID");
    const auto secret = edges_.environment("AWS_SECRET_ACCESS_KEY");
    if (!key) {
      tried_.push_back("AWS_ACCESS_KEY_ID is not set");
      return std::nullopt;
    }
    if (!secret) throw Error("AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY", "set both or neither");
    Credentials credentials{*key, *secret, edges_.environment("AWS_SESSION_TOKEN").value_or(""), std::nullopt};
    if (const auto text = edges_.environment("AWS_CREDENTIAL_EXPIRATION")) {
      try {
        credentials.expiration = FromSeconds(ParseTimestamp(*text).get<double>());
      } catch (const std::exception&) {
        throw Error(fmt::format("AWS_CREDENTIAL_EXPIRATION is no time: {}", *text), "unset it");
      }
      if (*credentials.expiration <= edges_.clock->Now()) {
        throw Error(fmt::format("the keys in the environment ended at {}", *text),
                    "get new ones, or unset AWS_ACCESS_KEY_ID");
      }
    }
    return Fetched{credentials, "the environment"};
  }

  // GitHub's and EKS's way: a token file named by variables.
  std::optional<Fetched> FromEnvironmentToken() {
    const auto file = edges_.environment("AWS_WEB_IDENTITY_TOKEN_FILE");
    const auto role = edges_.environment("AWS_ROLE_ARN");
    if (!file) {
      tried_.push_back("AWS_WEB_IDENTITY_TOKEN_FILE is not set");
      return std::nullopt;
    }
    if (!role) throw Error("AWS_WEB_IDENTITY_TOKEN_FILE is set without AWS_ROLE_ARN", "set both or neither");
    return AssumeWithToken(*role, *file, edges_.environment("AWS_ROLE_SESSION_NAME").value_or(""),
                           "the environment's web identity");
  }

  // `path`: the profiles that led here, to find circles.
  std::optional<Fetched> FromProfile(const std::string& name, std::vector<std::string>& path,
                                     bool environment_too = false) {
    const Settings settings = shared_.Profile(name);
    const std::string role = ValueOf(settings, "role_arn");
    const bool self = !path.empty() && path.back() == name;  // a profile may be its own source when it has keys
    path.push_back(name);
    const std::string what = "profile " + name;
    try {
      if (!self && !role.empty() && settings.contains("web_identity_token_file")) {
        return AssumeWithToken(role, ValueOf(settings, "web_identity_token_file"),
                               ValueOf(settings, "role_session_name"), what);
      }
      if (!self && !role.empty()) {
        return AssumeRole({.arn = role, .profile = name, .settings = settings}, FromSourceOf(name, settings, path));
      }
      if (environment_too) {
        if (auto found = FromEnvironmentToken()) return found;
      }
      if (settings.contains("sso_session") || settings.contains("sso_start_url")) return FromSso(name, settings);
      if (auto found = StaticKeys(settings)) return Fetched{*found, what};
      if (const std::string command = ValueOf(settings, "credential_process"); !command.empty()) {
        return Fetched{FromProcess(command), what + ", credential_process"};
      }
    } catch (const AwsError&) {
      throw;  // names what was called
    } catch (const Error&) {
      RethrowWithContext(what);
    }
    if (settings.contains("login_session")) {
      throw Error(fmt::format("{}: its keys are of aws login, which adhoc does not read", what),
                  fmt::format("eval \"$(aws configure export-credentials --profile {} --format env)\"", name));
    }
    tried_.push_back(what + " has no keys, role, single sign-on or credential_process");
    return std::nullopt;
  }

  std::optional<Credentials> StaticKeys(const Settings& settings) const {
    const std::string key = ValueOf(settings, "aws_access_key_id");
    const std::string secret = ValueOf(settings, "aws_secret_access_key");
    if (key.empty() && secret.empty()) return std::nullopt;
    if (key.empty() || secret.empty()) {
      throw Error("one of aws_access_key_id and aws_secret_access_key is missing", "set both or neither");
    }
    return Credentials{key, secret, ValueOf(settings, "aws_session_token"), std::nullopt};
  }

  Fetched FromSourceOf(const std::string& name, const Settings& settings, std::vector<std::string>& path) {
    const std::string source = ValueOf(settings, "source_profile");
    const std::string kind = ValueOf(settings, "credential_source");
    if (!source.empty() && !kind.empty())
      throw Error("source_profile and credential_source are both set", "remove one of them");
    if (source.empty() && kind.empty()) {
      throw Error("role_arn is set without source_profile or credential_source",
                  "add source_profile = <the profile that may assume the role>");
    }
    if (!kind.empty()) {
      std::string why;
      if (kind == "Environment") {
        if (auto found = FromEnvironment()) return *found;
      } else if (kind == "EcsContainer") {
        if (auto found = FromContainer()) return *found;
      } else if (kind == "Ec2InstanceMetadata") {
        if (auto found = FetchInstanceCredentials(*edges_.transport, edges_.environment, why)) {
          return {*found, "the role of the EC2 instance"};
        }
        tried_.push_back(why);
      } else {
        throw Error(fmt::format("unknown credential_source: {}", kind),
                    Suggest(kind, {"Environment", "EcsContainer", "Ec2InstanceMetadata"}));
      }
      throw Error(fmt::format("credential_source {} has none: {}", kind, tried_.back()));
    }
    if (!shared_.Has(source))
      throw Error(fmt::format("its source_profile {} does not exist", source), ProfileHint(source));
    const bool circle = std::find(path.begin(), path.end(), source) != path.end();
    if (circle && !(source == name && StaticKeys(shared_.Profile(source)))) {
      throw Error(fmt::format("source_profile leads in a circle: {} → {}", Join(path, " → "), source), "break it");
    }
    if (auto found = FromProfile(source, path)) return *found;
    throw Error(fmt::format("its source_profile {} has no credentials", source));
  }

  Credentials FromProcess(const std::string& command) {
    const std::vector<std::string> argv = SplitCommandLine(command);
    if (argv.empty()) throw Error("credential_process is empty");
    const ProcessResult result = edges_.run(argv);
    if (result.exit_code != 0) {
      std::string reason = result.err.substr(0, result.err.find_last_not_of(" \r\n") + 1);
      reason = reason.substr(reason.rfind('\n') + 1);
      throw Error(
          fmt::format("credential_process exited with {}{}{}", result.exit_code, reason.empty() ? "" : ": ", reason),
          "run it by hand: " + command);
    }
    try {
      return ParseProcessOutput(result.out);
    } catch (const Error&) {
      RethrowWithContext("credential_process " + argv.front());
    }
  }

  Fetched FromSso(const std::string& name, const Settings& settings) {
    const std::string session = ValueOf(settings, "sso_session");
    Settings place = settings;
    if (!session.empty()) {
      const auto found = shared_.sso_sessions.find(session);
      if (found == shared_.sso_sessions.end()) {
        throw Error(fmt::format("there is no [sso-session {}] in {}", session, files_.config),
                    "aws configure sso-session");
      }
      place.insert(found->second.begin(), found->second.end());
    }
    for (const char* key : {"sso_start_url", "sso_region", "sso_account_id", "sso_role_name"}) {
      if (ValueOf(place, key).empty())
        throw Error(fmt::format("{} is missing", key), "aws configure sso --profile " + name);
    }
    const std::string login = "aws sso login --profile " + name;
    const std::string cache_key = session.empty() ? ValueOf(place, "sso_start_url") : session;
    const std::string file = fmt::format("{}/.aws/sso/cache/{}.json", files_.home, Sha1Hex(cache_key));
    const auto text = edges_.files(file);
    if (!text) throw Error("nobody has logged in to single sign-on on this machine yet", login);
    SsoToken token = ParseSsoToken(*text);
    const SsoRole role{.region = ValueOf(place, "sso_region"),
                       .account = ValueOf(place, "sso_account_id"),
                       .role = ValueOf(place, "sso_role_name")};
    if (RefreshTime(edges_.clock->Now(), token.expires) <= edges_.clock->Now() && token.renewable()) {
      try {
        token = RenewSsoToken(*edges_.transport, edges_.environment, role.region, token, *edges_.clock);
        edges_.write(file, token.document.dump(-1, ' ', false, Json::error_handler_t::replace));
      } catch (const std::exception&) {
        // The login itself is over; the old token may still do for a while.
      }
    }
    if (token.expires <= edges_.clock->Now()) throw Error("the single sign-on login has expired", login);
    try {
      return {FetchSsoCredentials(*edges_.transport, edges_.environment, role, token.access_token),
              fmt::format("profile {}, single sign-on", name)};
    } catch (const net::TransportError& error) {
      throw Error(error.what());
    }
  }

  std::optional<Fetched> FromContainer() {
    const auto endpoint = ContainerEndpoint(edges_.environment);
    if (!endpoint) {
      tried_.push_back("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not set");
      return std::nullopt;
    }
    std::string authorization = edges_.environment("AWS_CONTAINER_AUTHORIZATION_TOKEN").value_or("");
    if (const auto file = edges_.environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")) {
      const auto text = edges_.files(*file);
      if (!text) throw Error("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE does not exist: " + *file);
      authorization = text->substr(0, text->find_first_of("\r\n"));
    }
    try {
      return Fetched{FetchContainerCredentials(*edges_.transport, *endpoint, authorization, *edges_.clock),
                     "the container's role"};
    } catch (const std::exception&) {
      RethrowWithContext("the container's credentials");
    }
  }

  Fetched AssumeWithToken(const std::string& role, const std::string& file, const std::string& session,
                          const std::string& what) {
    const auto token = edges_.files(file);
    if (!token || token->empty())
      throw Error(fmt::format("the web identity token {} does not exist or is empty", file));
    const std::string text = token->substr(0, token->find_last_not_of(" \r\n") + 1);
    const Json answer = Sts(Credentials{})
                            ->Call("sts", "AssumeRoleWithWebIdentity",
                                   {{"RoleArn", role},
                                    {"RoleSessionName", session.empty() ? SessionName() : session},
                                    {"WebIdentityToken", text}});
    return {FromAnswer(answer), fmt::format("{}, role {}", what, NameOfRole(role))};
  }

  Fetched AssumeRole(const Role& role, const Fetched& source) {
    Json input{{"RoleArn", role.arn}};
    const std::string session = ValueOf(role.settings, "role_session_name");
    if (!session.empty()) input["RoleSessionName"] = session;
    if (const std::string id = ValueOf(role.settings, "external_id"); !id.empty()) input["ExternalId"] = id;
    if (const std::string seconds = ValueOf(role.settings, "duration_seconds"); !seconds.empty()) {
      const int number =
          seconds.find_first_not_of("0123456789") == std::string::npos && seconds.size() < 6 ? std::stoi(seconds) : 0;
      if (number < kShortestSession || number > kLongestSession) {
        throw Error(fmt::format("duration_seconds is {}", seconds),
                    fmt::format("use {} to {}", kShortestSession, kLongestSession));
      }
      input["DurationSeconds"] = number;
    }
    const std::string what = role.profile.empty() ? source.source : "profile " + role.profile;
    const std::string title = fmt::format("{}, role {}", what, NameOfRole(role.arn));
    const std::string device = ValueOf(role.settings, "mfa_serial");
    std::string cache;
    if (!device.empty()) {
      input["SerialNumber"] = device;
      // The AWS CLI's cache, under the CLI's own key: a code is asked for once an hour, not once a command.
      cache = fmt::format("{}/.aws/cli/cache/{}.json", files_.home, Sha1Hex(PythonDump(input)));
      if (auto kept = FromCache(cache)) return {*kept, title};
      const auto code = options_.ask ? options_.ask(fmt::format("MFA code of {}: ", device)) : std::nullopt;
      if (!code)
        throw Error(
            fmt::format("role {} needs an MFA code, and there is no terminal to ask on", NameOfRole(role.arn)),
            fmt::format("aws sts get-caller-identity --profile {}: its answer is kept for this, too", role.profile));
      input["TokenCode"] = *code;
    }
    if (session.empty()) input["RoleSessionName"] = SessionName();
    const Json answer = Sts(source.credentials)->Call("sts", "AssumeRole", input);
    const Credentials credentials = FromAnswer(answer);
    if (!cache.empty()) {
      Json kept = answer;
      kept["Credentials"]["Expiration"] = FormatTimestamp(
          static_cast<double>(static_cast<long>(ToSeconds(*credentials.expiration))), TimestampFormat::kIso8601);
      edges_.write(cache, kept.dump());
    }
    return {credentials, title};
  }

  // As Python's json.dumps with sort_keys: botocore's cache is named after it.
  static std::string PythonDump(const Json& input) {
    std::string text = "{";
    for (const auto& [name, value] : input.items()) {
      text += fmt::format("{}\"{}\": {}", text.size() > 1 ? ", " : "", name, value.dump());
    }
    return text + "}";
  }

  std::optional<Credentials> FromCache(const std::string& file) const {
    const auto text = edges_.files(file);
    if (!text) return std::nullopt;
    try {
      const Json kept = Json::parse(*text);
      Json answer = kept;
      answer["Credentials"]["Expiration"] = ParseTimestamp(kept["Credentials"]["Expiration"].get<std::string>());
      const Credentials credentials = FromAnswer(answer);
      if (RefreshTime(edges_.clock->Now(), *credentials.expiration) > edges_.clock->Now()) return credentials;
    } catch (const std::exception&) {
      // Somebody else's or a damaged file: asked anew.
    }
    return std::nullopt;
  }

  bool IsRole(const Credentials& credentials) {
    const std::string arn = Sts(credentials)->Call("sts", "GetCallerIdentity")["Arn"];
    const std::string account = options_.role.substr(0, options_.role.rfind(':')).substr(options_.role.rfind(':') - 12);
    return arn.find(fmt::format("{}:assumed-role/{}/", account, NameOfRole(options_.role))) != std::string::npos;
  }

  static Credentials FromAnswer(const Json& answer) {
    const Json& made = answer.at("Credentials");
    return {made.at("AccessKeyId"), made.at("SecretAccessKey"), made.at("SessionToken"),
            FromSeconds(made.at("Expiration").get<double>())};
  }

  // Who did it, for CloudTrail.
  std::string SessionName() const {
    std::string name = "adhoc-";
    for (const char c : edges_.environment("USER").value_or("unknown")) {
      const bool allowed = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_';
      if (allowed && name.size() < 64) name += c;
    }
    return name;
  }

  std::unique_ptr<Client> Sts(const Credentials& credentials) const {
    ClientOptions options;
    options.region = options_.region.empty() ? "us-east-1" : options_.region;
    options.profile_endpoints = endpoints_;
    return std::make_unique<Client>(options, StaticCredentials(credentials), edges_.transport, *edges_.clock,
                                    *edges_.random);
  }

  const ChainOptions& options_;
  const ChainEdges& edges_;
  const SharedFiles files_;
  SharedConfig shared_;
  ProfileEndpoints endpoints_;
  std::vector<std::string> tried_;
};

std::optional<std::string> ReadFile(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return std::nullopt;
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

// Whole or not at all, and from its first byte for the owner only.
void WriteFile(const std::string& path, const std::string& text) {
  std::error_code failed;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), failed);
  const std::string draft = fmt::format("{}.{}", path, getpid());
  const int file = open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) return;
  const bool written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(file);
  if (written) std::filesystem::rename(draft, path, failed);
  if (!written || failed) std::filesystem::remove(draft, failed);
}

}  // namespace

std::unique_ptr<CredentialsProvider> StaticCredentials(Credentials credentials) {
  return std::make_unique<StaticProvider>(std::move(credentials));
}

std::unique_ptr<CredentialsProvider> CredentialsFrom(ChainOptions options, ChainEdges edges) {
  Clock& clock = *edges.clock;
  return Refreshing([options = std::move(options), edges = std::move(edges)] { return Chain(options, edges).Find(); },
                    clock);
}

ProfileEndpoints EndpointsOf(const SharedConfig& shared, std::string_view profile) {
  const Settings settings = shared.Profile(profile);
  ProfileEndpoints endpoints;
  if (ValueOf(settings, "ignore_configured_endpoint_urls") == "true") return endpoints;
  if (const std::string url = ValueOf(settings, "endpoint_url"); !url.empty()) endpoints[""] = url;
  const auto services = shared.services.find(ValueOf(settings, "services"));
  if (services == shared.services.end()) return endpoints;
  constexpr std::string_view kEnd = ".endpoint_url";
  for (const auto& [name, url] : services->second) {
    if (name.ends_with(kEnd) && !url.empty()) endpoints[name.substr(0, name.size() - kEnd.size())] = url;
  }
  return endpoints;
}

ProfileEndpoints ReadProfileEndpoints(const std::string& preferred) {
  const EnvironmentReader environment = ProcessEnvironment();
  const SharedFiles files(environment);
  const SharedConfig shared = MakeSharedConfig(ReadFile(files.config).value_or(""), files.config,
                                               ReadFile(files.credentials).value_or(""), files.credentials);
  return EndpointsOf(shared, ProfileInUse(shared, environment, preferred));
}

std::unique_ptr<CredentialsProvider> DefaultCredentials(ChainOptions options,
                                                        std::shared_ptr<net::Transport> transport) {
  return CredentialsFrom(std::move(options),
                         {.environment = ProcessEnvironment(),
                          .files = ReadFile,
                          .write = WriteFile,
                          .run = [](const std::vector<std::string>& argv) { return RunProcess(argv); },
                          .transport = std::move(transport),
                          .clock = &RealClock(),
                          .random = &SystemRandom()});
}

}  // namespace adhoc::aws
