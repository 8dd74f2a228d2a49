#include "net/uri.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "base/error.h"

namespace adhoc::net {
namespace {

int DefaultPort(std::string_view scheme) {
  if (scheme == "http" || scheme == "ws") return 80;
  if (scheme == "https" || scheme == "wss") return 443;
  return 0;
}

bool IsUnreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.' || c == '~';
}

std::optional<int> HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

[[noreturn]] void Refuse(std::string_view text, std::string_view why) {
  throw Error(fmt::format("cannot use URL '{}': {}", text, why), "write it as http://host:port/path");
}

int ParsePort(std::string_view text, std::string_view port) {
  int value = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), value);
  if (error != std::errc() || end != port.data() + port.size() || value < 1 || value > 65535) {
    Refuse(text, fmt::format("'{}' is not a port", port));
  }
  return value;
}

}  // namespace

Uri Uri::Parse(std::string_view text) {
  Uri uri;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f') Refuse(text, "it contains a space or a control character");
  }
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0) Refuse(text, "it has no scheme");
  for (const char c : text.substr(0, colon)) uri.scheme += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);

  std::string_view rest = text.substr(colon + 3);
  if (rest.find('#') != std::string_view::npos) Refuse(text, "it has a fragment");
  const std::size_t end = rest.find_first_of("/?");
  std::string_view authority = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);

  if (authority.find('@') != std::string_view::npos) Refuse(text, "it carries a user name");
  std::string_view port;
  bool has_port = false;
  if (!authority.empty() && authority.front() == '[') {
    const std::size_t bracket = authority.find(']');
    if (bracket == std::string_view::npos) Refuse(text, "the bracket of its IPv6 address is not closed");
    uri.host = authority.substr(1, bracket - 1);
    authority.remove_prefix(bracket + 1);
    if (!authority.empty()) {
      if (authority.front() != ':') Refuse(text, "its IPv6 address is followed by something other than a port");
      has_port = true;
      port = authority.substr(1);
    }
  } else {
    const std::size_t mark = authority.rfind(':');
    uri.host = authority.substr(0, mark);
    if (uri.host.find(':') != std::string::npos) Refuse(text, "an IPv6 address needs brackets");
    if (mark != std::string_view::npos) {
      has_port = true;
      port = authority.substr(mark + 1);
    }
  }
  if (uri.host.empty()) Refuse(text, "it has no host");
  uri.port = has_port ? ParsePort(text, port) : DefaultPort(uri.scheme);
  if (uri.port == 0) Refuse(text, fmt::format("the scheme '{}' has no default port", uri.scheme));

  const std::size_t question = rest.find('?');
  uri.path = rest.substr(0, question);
  if (uri.path.empty()) uri.path = "/";
  if (question != std::string_view::npos) uri.query = rest.substr(question + 1);
  return uri;
}

bool Uri::default_port() const { return port == DefaultPort(scheme); }

std::string Uri::authority() const {
  std::string result = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (!default_port()) result += fmt::format(":{}", port);
  return result;
}

std::string Uri::target() const { return query.empty() ? path : path + "?" + query; }

std::string Uri::ToString() const { return scheme + "://" + authority() + target(); }

std::string PercentEncode(std::string_view text, std::string_view keep) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string result;
  result.reserve(text.size() + text.size() / 4);
  for (const char c : text) {
    if (IsUnreserved(c) || keep.find(c) != std::string_view::npos) {
      result += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      result += '%';
      result += kHex[byte >> 4];
      result += kHex[byte & 15];
    }
  }
  return result;
}

std::string PercentDecode(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const std::optional<int> high = HexValue(text[i + 1]);
      const std::optional<int> low = HexValue(text[i + 2]);
      if (high && low) {
        result += static_cast<char>(*high * 16 + *low);
        i += 2;
        continue;
      }
    }
    result += text[i];
  }
  return result;
}

QueryItems ParseQuery(std::string_view query, bool plus_is_space) {
  const auto decode = [plus_is_space](std::string_view text) {
    if (!plus_is_space || text.find('+') == std::string_view::npos) return PercentDecode(text);
    std::string spaced(text);
    for (char& c : spaced) c = c == '+' ? ' ' : c;
    return PercentDecode(spaced);
  };
  QueryItems items;
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view item = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
    if (item.empty()) continue;
    const std::size_t equals = item.find('=');
    items.emplace_back(decode(item.substr(0, equals)),
                       equals == std::string_view::npos ? "" : decode(item.substr(equals + 1)));
  }
  return items;
}

std::string FormatQuery(const QueryItems& items) {
  std::string result;
  for (const auto& [key, value] : items) {
    if (!result.empty()) result += '&';
    result += PercentEncode(key) + "=" + PercentEncode(value);
  }
  return result;
}

}  // namespace adhoc::net
