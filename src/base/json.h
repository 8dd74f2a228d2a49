// A document is a JSON value. Conventions, the same on both sides of every codec:
//   timestamp  number, seconds since the epoch (fractions allowed)
//   blob       string holding the raw bytes (not base64); such a value is never dump()ed
//   absent     a missing key; null is never stored
#pragma once

#include <nlohmann/json.hpp>

namespace adhoc {

using Json = nlohmann::json;

}  // namespace adhoc
