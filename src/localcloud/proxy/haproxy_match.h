// Patterns, conditions and redirects in HAProxy's words. Pure functions. Text from requests reaches the configuration
// only through these.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace adhoc::localcloud::proxy {

// Whether the text means itself to HAProxy's parser, unquoted and in every match method.
bool IsPlain(std::string_view text);
// Whether it can be the argument of a sample, as in req.hdr(…).
bool IsHeaderName(std::string_view text);

// A log-format string, in quotes, that gives the text. Throws Error for one that cannot be in a header.
std::string HeaderValueFormat(std::string_view text);

// An empty text when there is no such member.
std::string Member(const Json& object, const char* key);

// The lines `acl <name> …`, any of which makes the condition true. Throws Error for one that the elbv2 API would not
// have accepted.
std::vector<std::string> ConditionTests(const Json& condition);

// An anchored regular expression in printable characters without quotes or white space. '*' is any run, '?' any one
// character; with `escapes`, '\' takes the next one literally.
std::string WildcardToRegex(std::string_view pattern, bool escapes = false);

// The log-format string of a redirect's Location: `https://%[req.hdr(host),host_only]:443/…`.
std::string RedirectFormat(const Json& redirect, bool tls, int port);

}  // namespace adhoc::localcloud::proxy
