// Signature Version 4 (docs: IAM User Guide, "AWS Signature Version 4 for API requests"). Pure functions; thread-safe.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "net/http_message.h"
#include "net/uri.h"

namespace adhoc::aws {

struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;
  std::optional<TimePoint> expiration;
};

struct SigningScope {
  std::string region;
  std::string service;
};

std::string Sha256Hex(std::string_view data);

// The signature of any text by the key of that day (yyyymmdd) and scope: of a request's string to sign, or of the
// policy of a browser's upload form (docs: S3 API Reference, "Authenticating Requests in Browser-Based Uploads").
std::string SignText(std::string_view text, std::string_view secret_access_key, std::string_view date,
                     const SigningScope& scope);

// Adds X-Amz-Date, X-Amz-Security-Token, (for s3) X-Amz-Content-SHA256 and Authorization. The request must carry Host.
void Sign(net::Request& request, const Credentials& credentials, const SigningScope& scope, TimePoint now);

// A URL that carries its signature, valid for `expires` (at most 7 days).
std::string Presign(const net::Uri& uri, std::string_view method, const Credentials& credentials,
                    const SigningScope& scope, TimePoint now, std::chrono::seconds expires);

// What a server reads from a request: the Authorization header or the X-Amz-* query of a presigned URL.
struct ParsedAuthorization {
  std::string access_key_id;
  std::string date;  // yyyymmdd
  std::string region;
  std::string service;
  std::vector<std::string> signed_headers;
  std::string signature;
  bool presigned = false;
  TimePoint signed_at{};
  std::chrono::seconds expires{0};    // presigned only
  bool expired(TimePoint now) const;  // presigned, and its time is over
};
// Nothing when the request is not signed; throws Error when it is malformed.
std::optional<ParsedAuthorization> ParseAuthorization(const net::Request& request);

// Recomputes the signature of a request as it was received: before any rewriting of its path or decoding of its body.
// False too when the body is not the one whose hash was signed.
bool VerifySignature(const net::Request& request, const ParsedAuthorization& authorization,
                     std::string_view secret_access_key);

}  // namespace adhoc::aws
