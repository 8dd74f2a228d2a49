#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

#include "localcloud/api/elbv2_internal.h"
#include "localcloud/api/support.h"

namespace adhoc::localcloud::elbv2 {
namespace {

constexpr std::string_view kPathCharacters = "_-.$/~\"'@:+&()*?,;=!%";

ApiError Invalid(const std::string& message) { return {"ValidationError", message}; }

bool IsAlphanumeric(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

std::optional<int> ToNumber(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= 0x20 && c < 0x7f; });
}

Json NormalizeForward(const Store::Transaction& txn, const Json& action) {
  Json groups = Items(Fields(action, "ForwardConfig"), "TargetGroups");
  const std::string single = Text(action, "TargetGroupArn");
  if (groups.empty() && single.empty()) {
    throw Invalid("A target group must be specified for a forward action");
  }
  if (groups.empty()) groups.push_back({{"TargetGroupArn", single}});
  if (!single.empty() && (groups.size() != 1 || Text(groups[0], "TargetGroupArn") != single)) {
    throw Invalid("You can specify both TargetGroupArn and ForwardConfig only with the same single target group");
  }
  if (groups.size() > kMaxTargetGroupsPerAction) {
    throw ApiError("InvalidLoadBalancerAction",
                   fmt::format("A forward action cannot have more than '{}' target groups", kMaxTargetGroupsPerAction));
  }
  std::set<std::string> seen;
  for (auto& group : groups) {
    const std::string arn = Text(group, "TargetGroupArn");
    const Json& document = TargetGroup(txn, arn);
    if (!seen.insert(arn).second) throw Invalid(fmt::format("Target group '{}' is specified more than once", arn));
    const std::string protocol = Text(document, "Protocol");
    if (protocol != "HTTP" && protocol != "HTTPS") {
      throw ApiError(
          "IncompatibleProtocols",
          fmt::format("The protocol '{}' of target group '{}' cannot be used by this listener", protocol, arn));
    }
    const auto weight = Number(group, "Weight", 1);
    if (weight < 0 || weight > 999) throw Invalid(fmt::format("Weight '{}' must be between 0 and 999", weight));
    group["Weight"] = weight;
  }
  const Json& asked = Fields(Fields(action, "ForwardConfig"), "TargetGroupStickinessConfig");
  Json stickiness{{"Enabled", Flag(asked, "Enabled")}};
  if (stickiness["Enabled"].get<bool>()) {
    const auto seconds = Number(asked, "DurationSeconds", 0);
    if (seconds < 1 || seconds > 604800) {
      throw Invalid("Target group stickiness duration must be between 1 and 604800 seconds");
    }
    stickiness["DurationSeconds"] = seconds;
  }
  Json normal{{"Type", "forward"}};
  if (groups.size() == 1) normal["TargetGroupArn"] = groups[0]["TargetGroupArn"];
  normal["ForwardConfig"] = {{"TargetGroups", std::move(groups)},
                             {"TargetGroupStickinessConfig", std::move(stickiness)}};
  return normal;
}

// `#{host}` and the like are allowed where `keywords` names them; any other `#{` is a mistake.
void CheckKeywords(const std::string& part, const std::string& value,
                   std::initializer_list<std::string_view> keywords) {
  for (std::size_t at = value.find("#{"); at != std::string::npos; at = value.find("#{", at + 2)) {
    const auto end = value.find('}', at);
    const auto word = std::string_view(value).substr(at + 2, end == std::string::npos ? end : end - at - 2);
    if (end == std::string::npos || std::find(keywords.begin(), keywords.end(), word) == keywords.end()) {
      throw Invalid(fmt::format("The redirect {} '{}' has an invalid keyword", part, value));
    }
  }
  if (!IsPrintable(value)) throw Invalid(fmt::format("The redirect {} has characters that are not allowed", part));
}

Json NormalizeRedirect(const Json& action, std::string_view listener_protocol) {
  const Json& given = Fields(action, "RedirectConfig");
  if (given.empty()) throw Invalid("A redirect action requires RedirectConfig");
  Json redirect{{"Protocol", Text(given, "Protocol", "#{protocol}")},
                {"Port", Text(given, "Port", "#{port}")},
                {"Host", Text(given, "Host", "#{host}")},
                {"Path", Text(given, "Path", "/#{path}")},
                {"Query", Text(given, "Query", "#{query}")},
                {"StatusCode", Text(given, "StatusCode")}};
  const std::string port = redirect["Port"];
  const auto number = ToNumber(port);
  if (port != "#{port}" && (!number || *number < 1 || *number > 65535)) {
    throw Invalid(fmt::format("The redirect port '{}' must be between 1 and 65535 or '#{{port}}'", port));
  }
  const std::string path = redirect["Path"];
  if (!path.starts_with("/")) throw Invalid(fmt::format("The redirect path '{}' must start with '/'", path));
  CheckKeywords("host", redirect["Host"], {"host"});
  CheckKeywords("path", path, {"host", "path", "port"});
  CheckKeywords("query", redirect["Query"], {"host", "path", "port", "protocol", "query"});
  if (redirect["Protocol"] == "#{protocol}" && port == "#{port}" && redirect["Host"] == "#{host}" &&
      path == "/#{path}") {
    throw ApiError(
        "InvalidLoadBalancerAction",
        "The redirect configuration is not valid because it creates a loop; change the protocol, port, host or path");
  }
  if (listener_protocol == "HTTPS" && redirect["Protocol"] == "HTTP") {
    throw ApiError("InvalidLoadBalancerAction", "You cannot redirect HTTPS to HTTP");
  }
  return {{"Type", "redirect"}, {"RedirectConfig", std::move(redirect)}};
}

Json NormalizeFixedResponse(const Json& action) {
  const Json& given = Fields(action, "FixedResponseConfig");
  if (given.empty()) throw Invalid("A fixed-response action requires FixedResponseConfig");
  static const std::set<std::string> kTypes = {"text/plain", "text/css", "text/html", "application/javascript",
                                               "application/json"};
  const std::string type = Text(given, "ContentType");
  if (!type.empty() && !kTypes.contains(type)) {
    throw Invalid(fmt::format("The content type '{}' of a fixed response is not supported", type));
  }
  Json fixed = Json::object();
  CopyMembers(given, fixed, {"MessageBody", "StatusCode", "ContentType"});
  return {{"Type", "fixed-response"}, {"FixedResponseConfig", std::move(fixed)}};
}

Json NormalizeAction(const Store::Transaction& txn, const Json& action, std::string_view listener_protocol) {
  const std::string type = Text(action, "Type");
  Json normal;
  if (type == "forward") {
    normal = NormalizeForward(txn, action);
  } else if (type == "redirect") {
    normal = NormalizeRedirect(action, listener_protocol);
  } else if (type == "fixed-response") {
    normal = NormalizeFixedResponse(action);
  } else {
    throw ApiError("UnsupportedProtocol",
                   fmt::format("The action type '{}' is not supported by the local cloud", type));
  }
  CopyMembers(action, normal, {"Order"});
  return normal;
}

// '\\' takes the next character literally.
int CountWildcards(std::string_view pattern) {
  int count = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      ++i;
    } else if (pattern[i] == '*' || pattern[i] == '?') {
      ++count;
    }
  }
  return count;
}

void CheckLength(std::string_view field, const std::string& value, std::size_t longest = 128) {
  if (value.empty() || value.size() > longest) {
    throw Invalid(fmt::format("The {} value '{}' must be between 1 and {} characters", field, value, longest));
  }
}

void CheckHostPattern(const std::string& value) {
  CheckLength("host-header", value);
  const bool allowed = std::all_of(value.begin(), value.end(), [](char c) {
    return IsAlphanumeric(c) || c == '-' || c == '.' || c == '*' || c == '?';
  });
  const auto dot = value.rfind('.');
  const bool ends_in_letters =
      dot != std::string::npos && std::all_of(value.begin() + static_cast<long>(dot) + 1, value.end(), [](char c) {
        return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '*' || c == '?';
      });
  if (!allowed || !ends_in_letters) {
    throw Invalid(fmt::format("The host-header value '{}' contains invalid characters or is not a host name", value));
  }
}

void CheckPathPattern(const std::string& value) {
  CheckLength("path-pattern", value);
  const bool allowed = std::all_of(value.begin(), value.end(), [](char c) {
    return IsAlphanumeric(c) || kPathCharacters.find(c) != std::string_view::npos;
  });
  if (!allowed) throw Invalid(fmt::format("The path-pattern value '{}' contains invalid characters", value));
}

// AWS allows every token of RFC 7230; names that occur have nothing but these.
void CheckHeaderName(const std::string& name) {
  const bool allowed = !name.empty() && name.size() <= 40 && std::all_of(name.begin(), name.end(), [](char c) {
    return IsAlphanumeric(c) || c == '-' || c == '_' || c == '.';
  });
  if (!allowed) throw Invalid(fmt::format("The HTTP header name '{}' is not valid", name));
  if (ToLower(name) == "host") throw Invalid("An http-header condition cannot use the Host header; use host-header");
}

void CheckMethod(const std::string& value) {
  const bool allowed = !value.empty() && value.size() <= 40 && std::all_of(value.begin(), value.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  });
  if (!allowed) throw Invalid(fmt::format("The HTTP method '{}' is not valid", value));
}

void CheckCidr(const std::string& value) {
  const auto slash = value.find('/');
  const std::string address = value.substr(0, slash);
  const auto bits = slash == std::string::npos ? std::nullopt : ToNumber(std::string_view(value).substr(slash + 1));
  unsigned char buffer[16];
  const bool v4 = inet_pton(AF_INET, address.c_str(), buffer) == 1;
  const bool v6 = !v4 && inet_pton(AF_INET6, address.c_str(), buffer) == 1;
  if (!bits || *bits < 0 || !(v4 || v6) || *bits > (v4 ? 32 : 128)) {
    throw Invalid(fmt::format("The source-ip value '{}' is not a valid CIDR block", value));
  }
}

void CheckText(std::string_view field, const std::string& value) {
  CheckLength(field, value);
  if (!IsPrintable(value)) throw Invalid(fmt::format("A {} value contains invalid characters", field));
}

struct ConditionKind {
  const char* field;
  const char* config;
  bool repeatable;
};
constexpr ConditionKind kKinds[] = {
    {"host-header", "HostHeaderConfig", false},  {"path-pattern", "PathPatternConfig", false},
    {"http-header", "HttpHeaderConfig", true},   {"http-request-method", "HttpRequestMethodConfig", false},
    {"query-string", "QueryStringConfig", true}, {"source-ip", "SourceIpConfig", false},
};

}  // namespace

Json NormalizeActions(const Store::Transaction& txn, const Json& actions, std::string_view listener_protocol) {
  if (actions.empty()) throw Invalid("At least one action must be specified");
  if (actions.size() > 1) {
    throw ApiError("TooManyActions", "Exactly one action of type forward, redirect or fixed-response can be specified");
  }
  Json normal = Json::array();
  for (const auto& action : actions) normal.push_back(NormalizeAction(txn, action, listener_protocol));
  return normal;
}

Json NormalizeConditions(const Json& conditions) {
  if (conditions.empty()) throw Invalid("A condition must be specified");
  Json normal = Json::array();
  std::set<std::string> seen;
  int values_in_rule = 0;
  int wildcards = 0;
  for (const auto& condition : conditions) {
    const std::string field = Text(condition, "Field");
    const auto* kind =
        std::find_if(std::begin(kKinds), std::end(kKinds), [&](const ConditionKind& k) { return field == k.field; });
    if (kind == std::end(kKinds))
      throw Invalid(
          fmt::format("Condition field '{}' must be one of '[host-header, http-header, http-request-method, "
                      "path-pattern, query-string, source-ip]'",
                      field));
    if (!kind->repeatable && !seen.insert(field).second) {
      throw Invalid(fmt::format("A rule can have only one '{}' condition", field));
    }
    const Json& config = Fields(condition, kind->config);
    const Json& plain = Items(condition, "Values");
    const Json& in_config = Items(config, "Values");
    if (!plain.empty() && !in_config.empty() && plain != in_config) {
      throw Invalid(fmt::format("You cannot specify both Values and {} for a '{}' condition", kind->config, field));
    }
    const Json& values = in_config.empty() ? plain : in_config;
    if (values.empty()) throw Invalid(fmt::format("A '{}' condition value must be specified", field));
    const bool has_plain_form = field == "host-header" || field == "path-pattern";
    if (!plain.empty() && !has_plain_form) {
      throw Invalid(fmt::format("A '{}' condition takes its values in {}", field, kind->config));
    }

    for (const auto& value : values) {
      ++values_in_rule;
      if (field == "query-string") {
        const std::string key = Text(value, "Key");
        const std::string text = Text(value, "Value");
        if (!key.empty()) CheckText(field, key);
        CheckText(field, text);
        wildcards += CountWildcards(key) + CountWildcards(text);
        continue;
      }
      const std::string text = value.get<std::string>();
      if (field == "host-header") CheckHostPattern(text);
      if (field == "path-pattern") CheckPathPattern(text);
      if (field == "http-header") CheckText(field, text);
      if (field == "http-request-method") CheckMethod(text);
      if (field == "source-ip") CheckCidr(text);
      if (field != "http-request-method" && field != "source-ip") wildcards += CountWildcards(text);
    }
    Json kept{{"Values", values}};
    if (field == "http-header") {
      CheckHeaderName(Text(config, "HttpHeaderName"));
      kept["HttpHeaderName"] = Text(config, "HttpHeaderName");
    }
    Json entry{{"Field", field}, {kind->config, std::move(kept)}};
    if (has_plain_form) entry["Values"] = values;
    normal.push_back(std::move(entry));
  }
  if (values_in_rule > kMaxConditionValuesPerRule) {
    throw Invalid(fmt::format("Rules cannot have more than '{}' condition values", kMaxConditionValuesPerRule));
  }
  if (wildcards > kMaxWildcardsPerRule) {
    throw Invalid(fmt::format("Rules cannot have more than '{}' wildcard characters", kMaxWildcardsPerRule));
  }
  return normal;
}

std::set<std::string> ForwardedTo(const Json& actions) {
  std::set<std::string> arns;
  for (const auto& action : actions) {
    for (const auto& group : Items(Fields(action, "ForwardConfig"), "TargetGroups")) {
      arns.insert(Text(group, "TargetGroupArn"));
    }
  }
  return arns;
}

}  // namespace adhoc::localcloud::elbv2
