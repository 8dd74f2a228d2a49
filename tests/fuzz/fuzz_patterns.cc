// Any bytes as what a listener rule looks for. The regular expression of a host or path pattern means what the pattern
// means, and nothing in a rule can add a line to HAProxy's configuration or leave its place in it.
//
// The first line is the pattern, the rest what it is compared with.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <regex>
#include <string>
#include <string_view>

#include "base/error.h"
#include "localcloud/proxy/haproxy_config.h"
#include "localcloud/proxy/haproxy_match.h"

namespace {

using adhoc::Json;
using namespace adhoc::localcloud;

void Check(bool promise) {
  if (!promise) std::abort();
}

// As AWS describes patterns: '*' any characters, '?' one, and where the field has escapes, '\\' the next one as it is.
bool Matches(std::string_view pattern, std::string_view text, bool escapes) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*') {
    return Matches(pattern.substr(1), text, escapes) || (!text.empty() && Matches(pattern, text.substr(1), escapes));
  }
  if (text.empty()) return false;
  const bool escaped = escapes && pattern[0] == '\\' && pattern.size() > 1;
  if (escaped) pattern.remove_prefix(1);
  return ((pattern[0] == '?' && !escaped) || pattern[0] == text[0]) &&
         Matches(pattern.substr(1), text.substr(1), escapes);
}

void CompareMatches(const std::string& pattern, const std::string& text) {
  // std::regex goes back as far as it can at every '*'.
  if (pattern.size() > 24 || text.size() > 48 || std::count(pattern.begin(), pattern.end(), '*') > 3) return;
  if (text.find_first_of("\r\n") != std::string::npos) return;  // no header or path has them, and '.' is no such thing
  for (const bool escapes : {true, false}) {
    const std::regex regex(proxy::WildcardToRegex(pattern, escapes));
    Check(std::regex_match(text, regex) == Matches(pattern, text, escapes));
  }
}

std::string Render(const std::string& pattern) {
  const Json values = Json::array({pattern});
  proxy::RuleModel rule{.name = "1", .conditions = Json::array(), .actions = Json::array()};
  rule.conditions.push_back({{"Field", "host-header"}, {"HostHeaderConfig", {{"Values", values}}}});
  rule.conditions.push_back({{"Field", "path-pattern"}, {"PathPatternConfig", {{"Values", values}}}});
  rule.conditions.push_back(
      {{"Field", "http-header"}, {"HttpHeaderConfig", {{"HttpHeaderName", "X-A"}, {"Values", values}}}});
  rule.conditions.push_back(
      {{"Field", "query-string"},
       {"QueryStringConfig", {{"Values", Json::array({{{"Key", pattern}, {"Value", pattern}}})}}}});
  rule.actions.push_back({{"Type", "redirect"},
                          {"RedirectConfig",
                           {{"Protocol", "HTTPS"},
                            {"Port", "443"},
                            {"Host", pattern},
                            {"Path", "/" + pattern},
                            {"Query", pattern},
                            {"StatusCode", "HTTP_301"}}}});
  proxy::RuleModel otherwise{.name = "default", .conditions = Json::array(), .actions = Json::array()};
  otherwise.actions.push_back(
      {{"Type", "fixed-response"},
       {"FixedResponseConfig", {{"StatusCode", "404"}, {"ContentType", "text/plain"}, {"MessageBody", pattern}}}});
  proxy::LoadBalancerModel model;
  model.listeners.push_back({.port = 80, .tls = false, .certificates = {}, .rules = {rule, otherwise}});
  return proxy::RenderHaproxyConfig(model, "/files").text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = input.find('\n');
  const std::string pattern(input.substr(0, end));
  CompareMatches(pattern, std::string(end == std::string_view::npos ? "" : input.substr(end + 1)));
  static const auto kLines = [] {
    const std::string text = Render("a");
    return std::count(text.begin(), text.end(), '\n');
  }();
  for (const std::string& any : {pattern, std::string(input)}) {
    try {
      const std::string text = Render(any);
      Check(std::count(text.begin(), text.end(), '\n') == kLines);
      Check(
          std::none_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c < ' ' && c != '\n') || c == 0x7f; }));
    } catch (const adhoc::Error&) {
      // Refused; the API had not let it in.
    }
  }
  return 0;
}
