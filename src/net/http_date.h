// The date form of HTTP headers (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace adhoc::net {

std::string FormatHttpDate(TimePoint time);
// Nothing on any other form; the two obsolete ones are not read.
std::optional<TimePoint> ParseHttpDate(std::string_view text);

}  // namespace adhoc::net
