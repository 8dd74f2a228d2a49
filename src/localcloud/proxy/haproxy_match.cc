#include "localcloud/proxy/haproxy_match.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/error.h"

namespace adhoc::localcloud::proxy {
namespace {

bool IsAlphanumeric(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

bool IsOneOf(std::string_view characters, char c) { return characters.find(c) != std::string_view::npos; }

// The regular expression of one character that must not mean anything.
std::string EscapeForRegex(char c) {
  if (IsAlphanumeric(c) || IsOneOf("/_-", c)) return {c};
  if (c == '.') return "\\.";
  return fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
}

std::string Wildcards(std::string_view pattern, bool escapes, std::string_view any) {
  std::string regex;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (escapes && pattern[i] == '\\' && i + 1 < pattern.size()) {
      regex += EscapeForRegex(pattern[++i]);
    } else if (pattern[i] == '*') {
      regex += fmt::format("{}*", any);
    } else if (pattern[i] == '?') {
      regex += any;
    } else {
      regex += EscapeForRegex(pattern[i]);
    }
  }
  return regex;
}

// A pattern as the cheapest match that means the same.
std::string Match(std::string_view pattern) {
  if (IsPlain(pattern)) return fmt::format("-m str -- {}", pattern);
  if (pattern.ends_with('*') && IsPlain(pattern.substr(0, pattern.size() - 1))) {
    return fmt::format("-m beg -- {}", pattern.substr(0, pattern.size() - 1));
  }
  if (pattern.starts_with('*') && IsPlain(pattern.substr(1))) return fmt::format("-m end -- {}", pattern.substr(1));
  return fmt::format("-m reg -- '{}'", WildcardToRegex(pattern));
}

std::string QueryMatch(const Json& pair) {
  const std::string key = Member(pair, "Key");
  const std::string value = Wildcards(Member(pair, "Value"), true, "[^&]");
  const std::string name = key.empty() ? "([^&=]*=)?" : Wildcards(key, true, "[^&=]") + "=";
  return fmt::format("-m reg -- '(^|&){}{}(&|$)'", name, value);
}

// An IPv4 or IPv6 range.
bool IsRange(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0 || IsOneOf(".:/", c); });
}

}  // namespace

bool IsPlain(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return IsAlphanumeric(c) || IsOneOf("/_.~:@+-", c); });
}

std::string Member(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? "" : found->get<std::string>();
}

bool IsHeaderName(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return IsAlphanumeric(c) || IsOneOf("-_.", c); });
}

std::string HeaderValueFormat(std::string_view text) {
  std::string format = "'";
  for (const char c : text) {
    if (c < 0x20 || c > 0x7e) throw Error(fmt::format("cannot send the header value '{}': unusual characters", text));
    if (c == '%') {
      format += "%%";
    } else if (c == '\'') {
      format += "'\\''";  // nothing means anything between single quotes, so it stands outside of them
    } else {
      format += c;
    }
  }
  return format + "'";
}

std::vector<std::string> ConditionTests(const Json& condition) {
  const std::string field = Member(condition, "Field");
  std::vector<std::string> tests;
  const auto values = [&](const char* config) -> const Json& { return condition.at(config).at("Values"); };
  if (field == "host-header") {
    for (const auto& value : values("HostHeaderConfig")) {
      tests.push_back("req.hdr(host),host_only -i " + Match(value.get<std::string>()));
    }
  } else if (field == "path-pattern") {
    for (const auto& value : values("PathPatternConfig")) tests.push_back("path " + Match(value.get<std::string>()));
  } else if (field == "http-header") {
    const std::string name = Member(condition.at("HttpHeaderConfig"), "HttpHeaderName");
    if (!IsHeaderName(name))
      throw Error(fmt::format("cannot match the header '{}': its name has unusual characters", name));
    for (const auto& value : values("HttpHeaderConfig")) {
      tests.push_back(
          fmt::format("req.fhdr({}) -i -m reg -- '{}'", name, WildcardToRegex(value.get<std::string>(), true)));
    }
  } else if (field == "http-request-method") {
    for (const auto& value : values("HttpRequestMethodConfig")) {
      const std::string method = value.get<std::string>();
      if (!IsHeaderName(method)) throw Error(fmt::format("cannot match the method '{}': unusual characters", method));
      tests.push_back("method -m str -- " + method);
    }
  } else if (field == "query-string") {
    for (const auto& value : values("QueryStringConfig")) tests.push_back("query -i " + QueryMatch(value));
  } else if (field == "source-ip") {
    for (const auto& value : values("SourceIpConfig")) {
      const std::string range = value.get<std::string>();
      if (!IsRange(range)) throw Error(fmt::format("cannot match the source '{}': not an address range", range));
      tests.push_back("src -- " + range);
    }
  } else {
    throw Error(fmt::format("cannot match a condition on '{}'", field));
  }
  return tests;
}

std::string WildcardToRegex(std::string_view pattern, bool escapes) {
  return fmt::format("^{}$", Wildcards(pattern, escapes, "."));
}

std::string RedirectFormat(const Json& redirect, bool tls, int port) {
  const std::string protocol = tls ? "https" : "http";
  const auto expand = [&](const std::string& text) {
    std::string format;
    for (std::size_t i = 0; i < text.size();) {
      const std::string_view rest = std::string_view(text).substr(i);
      bool replaced = false;
      for (const auto& [keyword, meaning] :
           {std::pair<std::string_view, std::string>{"#{host}", "%[req.hdr(host),host_only]"},
            {"#{path}", "%[path,bytes(1)]"},
            {"#{query}", "%[query]"},
            {"#{port}", std::to_string(port)},
            {"#{protocol}", protocol}}) {
        if (!rest.starts_with(keyword)) continue;
        format += meaning;
        i += keyword.size();
        replaced = true;
        break;
      }
      if (replaced) continue;
      const char c = text[i++];
      if (c == '%') {
        format += "%%";
      } else if (IsAlphanumeric(c) || IsOneOf("/_.~:@!$&()*+,;=?-#[]", c)) {
        format += c;
      } else {
        format += fmt::format("%%{:02X}", static_cast<unsigned char>(c));
      }
    }
    return format;
  };
  const std::string wanted = Member(redirect, "Protocol");
  const std::string wanted_port = Member(redirect, "Port");
  std::string location =
      fmt::format("{}://{}:{}{}",
                  wanted == "HTTPS"  ? "https"
                  : wanted == "HTTP" ? "http"
                                     : protocol,
                  expand(Member(redirect, "Host")), expand(wanted_port), expand(Member(redirect, "Path")));
  const std::string query = Member(redirect, "Query");
  if (query == "#{query}") {
    location += "%[var(txn.query)]";  // with its '?', or nothing
  } else if (!query.empty()) {
    location += "?" + expand(query);
  }
  return location;
}

}  // namespace adhoc::localcloud::proxy
