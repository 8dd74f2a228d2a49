#include "aws/codec/aws_chunked.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "aws/codec/codec.h"

namespace adhoc::aws {

namespace {

constexpr std::size_t kLongestLine = 16 << 10;

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

void AwsChunkedDecoder::Feed(std::string_view piece, std::string& decoded) {
  while (!piece.empty() && state_ != State::kDone) {
    if (state_ == State::kData) {
      const std::string_view data = piece.substr(0, left_);
      decoded.append(data);
      piece.remove_prefix(data.size());
      size_ += data.size();
      left_ -= data.size();
      if (left_ == 0) state_ = State::kDataEnd;
      continue;
    }
    const std::size_t end = piece.find('\n');
    line_.append(piece.substr(0, end));
    if (line_.size() > kLongestLine) throw CodecError("a line of the chunked body is too long");
    if (end == std::string_view::npos) return;
    piece.remove_prefix(end + 1);
    if (!line_.ends_with('\r')) throw CodecError("a line of the chunked body has no end");
    line_.pop_back();
    TakeLine(line_);
    line_.clear();
  }
}

void AwsChunkedDecoder::TakeLine(std::string_view line) {
  switch (state_) {
    case State::kLength:
      left_ = ParseNumber(line.substr(0, line.find(';')), 16);
      state_ = left_ == 0 ? State::kTrailer : State::kData;
      return;
    case State::kDataEnd:
      if (!line.empty()) throw CodecError("a chunk is longer than it says");
      state_ = State::kLength;
      return;
    default:
      break;
  }
  if (line.empty()) {
    state_ = State::kDone;
    return;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) throw CodecError("a trailer has no value");
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  trailers_.Add(line.substr(0, colon), value);
}

void AwsChunkedDecoder::Finish(const net::Headers& headers) const {
  // Some clients leave the last empty line out.
  const bool complete = state_ == State::kDone || (state_ == State::kTrailer && line_.empty());
  if (!complete) throw CodecError("the chunked body is cut off");
  const auto announced = headers.Get("x-amz-decoded-content-length");
  if (announced && ParseNumber(*announced, 10) != size_) {
    throw CodecError("the body has not the length that x-amz-decoded-content-length announces");
  }
}

std::string DecodeAwsChunked(const net::Headers& headers, std::string_view body, net::Headers& trailers) {
  AwsChunkedDecoder decoder;
  std::string decoded;
  decoder.Feed(body, decoded);
  decoder.Finish(headers);
  for (const auto& [name, value] : decoder.trailers()) trailers.Add(name, value);
  return decoded;
}

net::Headers WithoutAwsChunked(const net::Headers& headers) {
  net::Headers plain = headers;
  // What is stored keeps the other encodings only.
  std::string encoding = plain.GetOr("Content-Encoding", "");
  if (encoding.starts_with("aws-chunked"))
    encoding.erase(0, std::min(encoding.size(), encoding.find_first_not_of(", ", 11)));
  plain.Remove("Content-Encoding");
  if (!encoding.empty()) plain.Set("Content-Encoding", encoding);
  plain.Remove("x-amz-content-sha256");
  return plain;
}

}  // namespace adhoc::aws
