// SCRAM-SHA-256 verifiers as PostgreSQL stores them (RFC 5803): with one, a password can be set without being sent.
#pragma once

#include <string>
#include <string_view>

namespace adhoc::localcloud {

// SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>, all base64. `salt` is raw bytes; the password is ASCII
// (others would need SASLprep).
std::string ScramVerifier(std::string_view password, std::string_view salt, int iterations = 4096);

}  // namespace adhoc::localcloud
