#include "aws/codec/aws_chunked.h"

#include <charconv>
#include <cstdint>

#include "aws/codec/codec.h"

namespace adhoc::aws {

namespace {

std::string_view TakeLine(std::string_view& text) {
  const std::size_t end = text.find("\r\n");
  if (end == std::string_view::npos) throw CodecError("the chunked body is cut off");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 2);
  return line;
}

std::uint64_t ParseNumber(std::string_view text, int base) {
  std::uint64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc() || end != text.data() + text.size()) throw CodecError("a chunk's length is no number");
  return number;
}

}  // namespace

bool IsAwsChunked(const net::Headers& headers) {
  // The encoding may be named or only follow from the kind of signature.
  return headers.GetOr("Content-Encoding", "").starts_with("aws-chunked") ||
         headers.GetOr("x-amz-content-sha256", "").starts_with("STREAMING-");
}

std::string DecodeAwsChunked(const net::Headers& headers, std::string_view body, net::Headers& trailers) {
  std::string decoded;
  const auto announced = headers.Get("x-amz-decoded-content-length");
  while (true) {
    std::string_view line = TakeLine(body);
    const std::uint64_t length = ParseNumber(line.substr(0, line.find(';')), 16);
    if (length == 0) break;
    if (length > body.size()) throw CodecError("the chunked body is cut off");
    decoded.append(body.substr(0, length));
    body.remove_prefix(length);
    if (!TakeLine(body).empty()) throw CodecError("a chunk is longer than it says");
  }
  while (!body.empty()) {
    const std::string_view line = TakeLine(body);
    if (line.empty()) break;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) throw CodecError("a trailer has no value");
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    trailers.Add(line.substr(0, colon), value);
  }
  if (announced && ParseNumber(*announced, 10) != decoded.size()) {
    throw CodecError("the body has not the length that x-amz-decoded-content-length announces");
  }
  return decoded;
}

}  // namespace adhoc::aws
