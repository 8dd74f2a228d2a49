// URIs and percent-encoding (RFC 3986).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace adhoc::net {

struct Uri {
  std::string scheme;
  std::string host;  // IPv6 without brackets
  int port = 0;      // the scheme's default when absent: http 80, https 443, ws 80, wss 443
  std::string path;  // encoded, begins with '/'
  std::string query;

  // Throws Error on anything but scheme://host[:port][/path][?query].
  static Uri Parse(std::string_view text);
  bool default_port() const;
  std::string authority() const;  // host, or host:port when the port is not the default
  std::string target() const;     // path[?query]
  std::string ToString() const;
};

// Encodes everything but unreserved characters; `keep` lists further characters left alone (e.g. "/").
std::string PercentEncode(std::string_view text, std::string_view keep = "");
// '+' stays '+'. A malformed escape stays as it is.
std::string PercentDecode(std::string_view text);

using QueryItems = std::vector<std::pair<std::string, std::string>>;  // decoded, in order
// plus_is_space: the application/x-www-form-urlencoded reading.
QueryItems ParseQuery(std::string_view query, bool plus_is_space = false);
std::string FormatQuery(const QueryItems& items);

}  // namespace adhoc::net
