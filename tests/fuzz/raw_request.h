// A request as a fuzzer writes it: a line `METHOD target`, header lines, an empty line, the body. Characters that the
// server's parser refuses at their place are left out.
#pragma once

#include <algorithm>
#include <cctype>
#include <iterator>
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

// https://www.rfc-editor.org/rfc/rfc9110#name-tokens
inline bool IsTokenCharacter(unsigned char c) {
  return std::isalnum(c) != 0 ||
         std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
}

inline bool IsValueCharacter(unsigned char c) { return c == '\t' || (c >= ' ' && c != 0x7f); }

inline std::string Only(bool (*allowed)(unsigned char), std::string_view text) {
  std::string kept;
  std::copy_if(text.begin(), text.end(), std::back_inserter(kept),
               [allowed](char c) { return allowed(static_cast<unsigned char>(c)); });
  return kept;
}

// The header lines and the body.
inline void ReadHeadersAndBody(std::string_view text, net::Request& request) {
  while (!text.empty()) {
    const std::string_view line = TakeLine(text);
    if (line.empty()) break;
    const std::size_t colon = line.find(':');
    const std::string name = Only(IsTokenCharacter, line.substr(0, colon));
    if (name.empty()) continue;
    request.headers.Add(name, colon == std::string_view::npos ? "" : Only(IsValueCharacter, line.substr(colon + 1)));
  }
  request.body = text;
}

inline net::Request ReadRawRequest(std::string_view text) {
  net::Request request;
  std::string_view line = TakeLine(text);
  const std::size_t space = line.find(' ');
  request.method = line.substr(0, space);
  request.target = "/";
  if (space != std::string_view::npos) {
    request.target += Only([](unsigned char c) { return c > ' ' && c < 0x7f; }, line.substr(space + 1));
  }
  ReadHeadersAndBody(text, request);
  return request;
}

}  // namespace adhoc::fuzz
