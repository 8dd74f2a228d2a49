// Bodies on their way to becoming objects and parts: received into a blob before the transaction, checked in it.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "aws/codec/aws_chunked.h"
#include "localcloud/api/s3_internal.h"

namespace adhoc::localcloud::s3 {
namespace {

// Whether the text is Base64 of so many bytes.
bool IsDigest(const std::string& text, std::size_t size) {
  try {
    return Base64Decode(text).size() == size;
  } catch (const std::invalid_argument&) {
    return false;
  }
}

constexpr std::size_t kPiece = 256 << 10;

std::string HeaderOf(ChecksumAlgorithm algorithm) { return "x-amz-checksum-" + ToLower(ChecksumName(algorithm)); }

// What the client says that it computed, in a header or, announced there, after the body.
std::optional<ChecksumAlgorithm> AnnouncedAlgorithm(const net::Headers& headers) {
  for (const auto algorithm : kChecksumAlgorithms) {
    const std::string header = HeaderOf(algorithm);
    if (headers.Has(header) || net::EqualsIgnoreCase(headers.GetOr("x-amz-trailer", ""), header)) return algorithm;
  }
  return ChecksumByName(headers.GetOr("x-amz-sdk-checksum-algorithm", ""));
}

// A part of a request's body, in memory or in its file, in pieces.
class BodyReader {
 public:
  BodyReader(const net::Request& request, std::uint64_t offset, std::uint64_t length)
      : memory_(request.body), offset_(offset), left_(length) {
    if (request.body_file.empty()) {
      left_ = std::min<std::uint64_t>(left_, memory_.size() - std::min<std::uint64_t>(offset, memory_.size()));
      return;
    }
    file_ = open(request.body_file.c_str(), O_RDONLY | O_CLOEXEC);
    if (file_ < 0) throw Error(fmt::format("cannot read the body: {}", std::strerror(errno)));
    buffer_.resize(kPiece);
  }
  ~BodyReader() {
    if (file_ >= 0) close(file_);
  }
  BodyReader(const BodyReader&) = delete;
  BodyReader& operator=(const BodyReader&) = delete;

  // Empty at the end.
  std::string_view Next() {
    if (left_ == 0) return {};
    if (file_ < 0) return memory_.substr(offset_, std::exchange(left_, 0));
    const ssize_t got =
        pread(file_, buffer_.data(), std::min<std::uint64_t>(left_, buffer_.size()), static_cast<off_t>(offset_));
    if (got < 0) throw Error(fmt::format("cannot read the body: {}", std::strerror(errno)));
    offset_ += static_cast<std::uint64_t>(got);
    left_ = got == 0 ? 0 : left_ - static_cast<std::uint64_t>(got);
    return {buffer_.data(), static_cast<std::size_t>(got)};
  }

 private:
  std::string_view memory_;
  std::uint64_t offset_;
  std::uint64_t left_;
  int file_ = -1;
  std::string buffer_;
};

}  // namespace

Upload MakeUpload(const std::shared_ptr<BlobStore>& blobs, Blob blob, ChecksumAlgorithm algorithm) {
  return {.blob = std::shared_ptr<PendingBlob>(new PendingBlob(*blobs, std::move(blob)),
                                               [blobs](PendingBlob* pending) { delete pending; }),
          .algorithm = algorithm,
          .claimed = ""};
}

Upload Receive(const std::shared_ptr<BlobStore>& blobs, const net::Request& request, ChecksumAlgorithm otherwise) {
  const ChecksumAlgorithm algorithm = AnnouncedAlgorithm(request.headers).value_or(otherwise);
  BodyReader reader(request, 0, UINT64_MAX);
  std::string claimed = request.headers.GetOr(HeaderOf(algorithm), "");
  if (!aws::IsAwsChunked(request.headers)) {
    Upload upload = MakeUpload(blobs, blobs->Write([&] { return reader.Next(); }, algorithm), algorithm);
    upload.claimed = std::move(claimed);
    return upload;
  }
  aws::AwsChunkedDecoder decoder;
  std::string decoded;
  const auto next = [&]() -> std::string_view {
    decoded.clear();
    // A piece may hold nothing but frames.
    while (decoded.empty()) {
      const std::string_view piece = reader.Next();
      if (piece.empty()) break;
      decoder.Feed(piece, decoded);
    }
    if (decoded.empty()) decoder.Finish(request.headers);
    return decoded;
  };
  Upload upload = MakeUpload(blobs, blobs->Write(next, algorithm), algorithm);
  upload.claimed = decoder.trailers().GetOr(HeaderOf(algorithm), claimed);
  return upload;
}

Upload ReceiveSlice(const std::shared_ptr<BlobStore>& blobs, const net::Request& request, std::uint64_t offset,
                    std::uint64_t length) {
  BodyReader reader(request, offset, length);
  return MakeUpload(blobs, blobs->Write([&] { return reader.Next(); }), ChecksumAlgorithm::kCrc64Nvme);
}

std::string ReadBody(const net::Request& request, std::uint64_t offset, std::uint64_t length) {
  BodyReader reader(request, offset, length);
  std::string text;
  for (std::string_view piece = reader.Next(); !piece.empty(); piece = reader.Next()) text += piece;
  return text;
}

void CheckIntegrity(const Json& input, const Upload& upload) {
  if (const std::string given = Text(input, "ContentMD5"); !given.empty()) {
    if (!IsDigest(given, upload.blob->blob().md5.size())) {
      throw Fault("InvalidDigest", "The Content-MD5 you specified is not valid.");
    }
    if (given != Base64Encode(upload.blob->blob().md5)) {
      throw Fault("BadDigest", "The Content-MD5 you specified did not match what we received.");
    }
  }
  if (upload.claimed.empty() || upload.claimed == Base64Encode(upload.blob->blob().checksum)) return;
  if (!IsDigest(upload.claimed, upload.blob->blob().checksum.size())) {
    throw Fault("InvalidRequest", fmt::format("Value for {} header is invalid.", HeaderOf(upload.algorithm)));
  }
  throw Fault("BadDigest", fmt::format("The {} you specified did not match the calculated checksum.",
                                       ChecksumName(upload.algorithm)));
}

std::string ChecksumMember(ChecksumAlgorithm algorithm) { return fmt::format("Checksum{}", ChecksumName(algorithm)); }

std::optional<ChecksumAlgorithm> ChecksumIn(const Json& document) {
  for (const auto algorithm : kChecksumAlgorithms) {
    if (document.contains(ChecksumMember(algorithm))) return algorithm;
  }
  return std::nullopt;
}

void CopyChecksum(const Json& from, Json& to) {
  const auto algorithm = ChecksumIn(from);
  if (!algorithm) return;
  const std::string member = ChecksumMember(*algorithm);
  to[member] = from[member];
  if (from.contains("ChecksumType")) to["ChecksumType"] = from["ChecksumType"];
}

}  // namespace adhoc::localcloud::s3
