// The steps of Signature Version 4 that sigv4.h puts together; apart so that the tests can reach them.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "aws/sign/sigv4.h"
#include "net/http_message.h"

namespace adhoc::aws {

struct CanonicalPath {
  bool normalize = true;  // take out `.`, `..` and empty segments
  bool encode = true;     // on top of the encoding that the path has on the wire

  // S3 signs the path as it is sent, because a key may be any text; every other service normalizes and encodes again.
  static CanonicalPath For(std::string_view service) {
    return service == "s3" ? CanonicalPath{false, false} : CanonicalPath{};
  }
};

// `signed_headers` is lower-case and sorted.
std::string CanonicalRequest(const net::Request& request, const std::vector<std::string>& signed_headers,
                             std::string_view payload_hash, CanonicalPath path);

// The names of the request's headers that are signed: all but those that proxies and connections change.
std::vector<std::string> SignableHeaders(const net::Request& request);

// `timestamp` is yyyymmddThhmmssZ.
std::string Signature(std::string_view canonical_request, std::string_view secret_access_key,
                      std::string_view timestamp, const SigningScope& scope);

void SignHeaders(net::Request& request, const Credentials& credentials, const SigningScope& scope, TimePoint now,
                 CanonicalPath path);

// Appends the X-Amz-* query, signature last.
void SignQuery(net::Request& request, const Credentials& credentials, const SigningScope& scope, TimePoint now,
               std::chrono::seconds expires, std::string_view payload_hash, CanonicalPath path);

}  // namespace adhoc::aws
