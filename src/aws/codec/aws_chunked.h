// The aws-chunked content encoding, in which the SDKs upload to S3 what they sign or check as they go:
//   5;chunk-signature=…\r\nhello\r\n0\r\nx-amz-checksum-crc32:…\r\n\r\n
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/http_message.h"

namespace adhoc::aws {

bool IsAwsChunked(const net::Headers& headers);

// Takes the chunk frames off a body that comes in pieces. Signatures of chunks are not checked. Not thread-safe.
class AwsChunkedDecoder {
 public:
  // Appends the next decoded bytes to `decoded`. Throws CodecError.
  void Feed(std::string_view piece, std::string& decoded);
  // At the body's end: throws CodecError when it is cut off, or not as long as x-amz-decoded-content-length announces.
  void Finish(const net::Headers& headers) const;
  const net::Headers& trailers() const { return trailers_; }

 private:
  enum class State { kLength, kData, kDataEnd, kTrailer, kDone };
  void TakeLine(std::string_view line);

  State state_ = State::kLength;
  std::string line_;  // what has come of one
  std::uint64_t left_ = 0;
  std::uint64_t size_ = 0;
  net::Headers trailers_;
};

// The body without its chunk frames; its trailers are added to `trailers`. Throws CodecError as the decoder does.
std::string DecodeAwsChunked(const net::Headers& headers, std::string_view body, net::Headers& trailers);

// The headers without what the encoding of the body added to them.
net::Headers WithoutAwsChunked(const net::Headers& headers);

}  // namespace adhoc::aws
