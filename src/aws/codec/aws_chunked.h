// The aws-chunked content encoding, in which the SDKs upload to S3 what they sign or check as they go:
//   5;chunk-signature=…\r\nhello\r\n0\r\nx-amz-checksum-crc32:…\r\n\r\n
#pragma once

#include <string>
#include <string_view>

#include "net/http_message.h"

namespace adhoc::aws {

bool IsAwsChunked(const net::Headers& headers);

// The body without its chunk frames; its trailers are added to `trailers`. Signatures of chunks are not checked.
// Throws CodecError when the body is cut off or its length is not the announced one.
std::string DecodeAwsChunked(const net::Headers& headers, std::string_view body, net::Headers& trailers);

}  // namespace adhoc::aws
