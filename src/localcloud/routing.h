// Which service an HTTP request is for. Pure.
#pragma once

#include <optional>
#include <string>

#include "net/http_message.h"

namespace adhoc::localcloud {

// The service that a request is for, by (in this order) X-Amz-Target, the credential scope of its signature, Action and
// Version of a form body, its host name, its path; "s3" for an unsigned request that nothing else claims.
std::string ServiceOf(const net::Request& request);

// The target in path form when the host name carries the bucket (`bucket.s3.localhost`,
// `bucket.s3.us-east-1.amazonaws.com`).
std::optional<std::string> TargetWithBucket(const net::Request& request);

}  // namespace adhoc::localcloud
