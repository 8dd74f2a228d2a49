// A request as a fuzzer writes it: a line `METHOD target`, header lines, an empty line, the body.
#pragma once

#include <string>
#include <string_view>

#include "net/http_message.h"

namespace adhoc::fuzz {

inline std::string_view TakeLine(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// The header lines and the body.
inline void ReadHeadersAndBody(std::string_view text, net::Request& request) {
  while (!text.empty()) {
    const std::string_view line = TakeLine(text);
    if (line.empty()) break;
    const std::size_t colon = line.find(':');
    request.headers.Add(line.substr(0, colon), colon == std::string_view::npos ? "" : line.substr(colon + 1));
  }
  request.body = text;
}

inline net::Request ReadRawRequest(std::string_view text) {
  net::Request request;
  std::string_view line = TakeLine(text);
  const std::size_t space = line.find(' ');
  request.method = line.substr(0, space);
  // What the server's parser lets through.
  request.target = "/";
  if (space != std::string_view::npos) {
    for (const char c : line.substr(space + 1)) {
      if (c > ' ' && c < 0x7f) request.target += c;
    }
  }
  ReadHeadersAndBody(text, request);
  return request;
}

}  // namespace adhoc::fuzz
