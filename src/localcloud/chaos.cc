#include "localcloud/chaos.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "localcloud/api/support.h"

namespace adhoc::localcloud {
namespace {

constexpr std::array<std::pair<std::string_view, FaultKind>, 6> kKinds = {{{"throttling", FaultKind::kThrottling},
                                                                           {"server-error", FaultKind::kServerError},
                                                                           {"timeout", FaultKind::kTimeout},
                                                                           {"drop", FaultKind::kDrop},
                                                                           {"lost-answer", FaultKind::kLostAnswer},
                                                                           {"delay", FaultKind::kDelay}}};
constexpr double kMaxDelayMs = 3600e3;

std::string_view KindName(FaultKind kind) {
  return std::find_if(kKinds.begin(), kKinds.end(), [kind](const auto& entry) { return entry.second == kind; })->first;
}

FaultKind ParseKind(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& [text, kind] : kKinds) {
    if (text == name) return kind;
    names.emplace_back(text);
  }
  throw Error(fmt::format("there is no fault `{}`", name), Suggest(name, names));
}

std::pair<std::string, std::string> SplitPattern(std::string_view pattern) {
  const auto colon = pattern.find(':');
  if (colon == std::string_view::npos) return {ToLower(pattern), "*"};
  return {ToLower(pattern.substr(0, colon)), ToLower(pattern.substr(colon + 1))};
}

bool ServiceMatches(std::string_view pattern, std::string_view service) {
  if (MatchesWildcard(pattern, service)) return true;
  const auto& summaries = aws::EmbeddedServiceSummaries();
  return std::any_of(summaries.begin(), summaries.end(), [&](const aws::ServiceSummary& summary) {
    return summary.name == service && MatchesWildcard(pattern, summary.signing_name);
  });
}

// A pattern that nothing can match is a spelling mistake.
void CheckPattern(const std::string& text) {
  const auto [service_pattern, operation_pattern] = SplitPattern(text);
  std::vector<std::string> operations;
  for (const std::string& service : aws::EmbeddedServices()) {
    if (!ServiceMatches(service_pattern, service)) continue;
    for (const auto& [name, operation] : aws::GetService(service).operations) {
      if (MatchesWildcard(operation_pattern, ToLower(name))) return;
      operations.push_back(name);
    }
  }
  if (operations.empty()) {
    throw Error(fmt::format("`{}` matches no service", text), Suggest(service_pattern, aws::EmbeddedServices()));
  }
  const std::string near = Nearest(text.substr(text.find(':') + 1), operations);
  throw Error(fmt::format("`{}` matches no operation", text),
              near.empty() ? "" : fmt::format("did you mean `{}`?", near));
}

void CheckMembers(const Json& object, const std::vector<std::string>& known) {
  if (!object.is_object())
    throw Error("the faults are no JSON object", R"({"rules": [{"match": ["ecs:*"], "fault": "throttling"}]})");
  for (const auto& [name, value] : object.items()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw Error(fmt::format("there is no member `{}` of a fault", name), Suggest(name, known));
    }
  }
}

double NumberWithin(const Json& object, const char* name, double otherwise, double min, double max) {
  if (!object.contains(name)) return otherwise;
  const Json& value = object[name];
  if (!value.is_number() || value.get<double>() < min || value.get<double>() > max) {
    throw Error(fmt::format("{} is {}: not a number from {} to {}", name, value.dump(), min, max));
  }
  return value.get<double>();
}

ChaosRule ParseRule(const Json& object) {
  // The last two are in what Show gives, which may be sent back.
  CheckMembers(object, {"match", "fault", "probability", "delay_ms", "limit", "matched", "hit"});
  ChaosRule rule;
  if (!object.contains("fault") || !object["fault"].is_string())
    throw Error("a rule has no fault", "\"fault\": \"throttling\"");
  rule.fault.kind = ParseKind(object["fault"]);
  rule.match = Strings(object, "match");
  if (rule.match.empty()) throw Error("a rule has nothing to match", "\"match\": [\"*:*\"] is every call");
  for (const std::string& pattern : rule.match) CheckPattern(pattern);
  rule.probability = NumberWithin(object, "probability", 1, 0, 1);
  rule.limit = static_cast<std::int64_t>(NumberWithin(object, "limit", 0, 0, 1e9));
  rule.fault.delay =
      std::chrono::milliseconds(static_cast<std::int64_t>(NumberWithin(object, "delay_ms", 0, 0, kMaxDelayMs)));
  if (rule.fault.kind == FaultKind::kDelay && rule.fault.delay.count() == 0) {
    throw Error("a delay of no length", "\"delay_ms\": 500");
  }
  return rule;
}

std::uint64_t Mix(std::uint64_t z) {  // splitmix64
  z += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace

bool ChaosRule::Matches(std::string_view service, std::string_view operation) const {
  const std::string lower = ToLower(operation);
  return std::any_of(match.begin(), match.end(), [&](const std::string& pattern) {
    const auto [service_pattern, operation_pattern] = SplitPattern(pattern);
    return MatchesWildcard(operation_pattern, lower) && ServiceMatches(service_pattern, service);
  });
}

ChaosPlan ParseChaos(const Json& document) {
  CheckMembers(document, {"seed", "rules"});
  ChaosPlan plan;
  plan.seed = static_cast<std::uint64_t>(NumberWithin(document, "seed", 1, 0, 1e15));
  if (document.contains("rules") && !document["rules"].is_array()) throw Error("rules is no list");
  for (const Json& rule : Items(document, "rules")) plan.rules.push_back(ParseRule(rule));
  return plan;
}

double ChaosDraw(std::uint64_t seed, std::size_t rule, std::string_view operation, std::uint64_t call) {
  std::uint64_t hash = Mix(seed) ^ rule;
  for (const char c : operation) hash = Mix(hash ^ static_cast<unsigned char>(c));
  return static_cast<double>(Mix(hash ^ call) >> 11) * 0x1.0p-53;
}

void Chaos::Set(ChaosPlan plan) {
  auto state = state_.lock();
  state->plan = std::move(plan);
  state->counts.assign(state->plan.rules.size(), {});
  active_ = !state->plan.rules.empty();
}

Json Chaos::Show() {
  auto state = state_.lock();
  Json rules = Json::array();
  for (std::size_t i = 0; i < state->plan.rules.size(); ++i) {
    const ChaosRule& rule = state->plan.rules[i];
    std::uint64_t matched = 0;
    for (const auto& [operation, calls] : state->counts[i].calls) matched += calls;
    rules.push_back({{"match", rule.match},
                     {"fault", KindName(rule.fault.kind)},
                     {"probability", rule.probability},
                     {"delay_ms", rule.fault.delay.count()},
                     {"limit", rule.limit},
                     {"matched", matched},
                     {"hit", state->counts[i].hits}});
  }
  return {{"seed", state->plan.seed}, {"rules", std::move(rules)}};
}

std::optional<Fault> Chaos::Next(std::string_view service, std::string_view operation) {
  if (!active_) return std::nullopt;
  auto state = state_.lock();
  for (std::size_t i = 0; i < state->plan.rules.size(); ++i) {
    const ChaosRule& rule = state->plan.rules[i];
    Counts& counts = state->counts[i];
    if (!rule.Matches(service, operation) || (rule.limit > 0 && counts.hits >= rule.limit)) continue;
    const std::string name = fmt::format("{}:{}", service, operation);
    if (ChaosDraw(state->plan.seed, i, name, counts.calls[name]++) >= rule.probability) continue;
    ++counts.hits;
    return rule.fault;
  }
  return std::nullopt;
}

aws::ErrorInfo FaultError(const aws::Service& service, FaultKind kind) {
  struct Words {
    std::string_view service;
    std::string_view code;
    std::string_view message;
    int status;
  };
  // Where a service differs from the others of its protocol. botocore's _retry.json has the codes.
  static constexpr std::array<Words, 4> kThrottled = {{
      {"ec2", "RequestLimitExceeded", "Request limit exceeded.", 503},
      {"s3", "SlowDown", "Please reduce your request rate.", 503},
      {"servicediscovery", "RequestLimitExceeded", "Rate exceeded", 400},
      {"route53", "Throttling", "Rate exceeded", 400},
  }};
  static constexpr std::array<Words, 7> kFailed = {{
      {"ec2", "InternalError", "An internal error has occurred", 500},
      {"s3", "InternalError", "We encountered an internal error. Please try again.", 500},
      {"ecs", "ServerException", "Service Unavailable. Please try again later.", 500},
      {"ecr", "ServerException", "These errors are usually caused by a server-side issue.", 500},
      {"logs", "ServiceUnavailableException", "The service cannot complete the request.", 500},
      {"secretsmanager", "InternalServiceError", "An error occurred on the server side.", 500},
      {"iam", "ServiceFailure", "The request processing has failed because of an unknown error, exception or failure.",
       500},
  }};
  const auto find = [&service](const auto& table, const Words& otherwise) {
    const auto found = std::find_if(table.begin(), table.end(),
                                    [&service](const Words& words) { return words.service == service.name; });
    return found == table.end() ? otherwise : *found;
  };
  const bool throttled = kind == FaultKind::kThrottling;
  const bool query = service.protocol == aws::Protocol::kQuery;
  const Words words = throttled
                          ? find(kThrottled, {"", query ? "Throttling" : "ThrottlingException", "Rate exceeded", 400})
                          : find(kFailed, {"", "InternalFailure", "The request failed due to an internal error.", 500});
  return {.code = std::string(words.code),
          .message = std::string(words.message),
          .status = words.status,
          .sender = throttled && words.status < 500};
}

}  // namespace adhoc::localcloud
