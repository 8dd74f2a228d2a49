// The checksums with which S3 and its clients make sure that an object's bytes arrived: what `x-amz-checksum-*`
// carries.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace adhoc::localcloud {

enum class ChecksumAlgorithm { kCrc32, kCrc32c, kCrc64Nvme, kSha1, kSha256 };

inline constexpr std::array kChecksumAlgorithms = {ChecksumAlgorithm::kCrc32, ChecksumAlgorithm::kCrc32c,
                                                   ChecksumAlgorithm::kCrc64Nvme, ChecksumAlgorithm::kSha1,
                                                   ChecksumAlgorithm::kSha256};

// CRC64NVME, as in ChecksumAlgorithm and, after "Checksum", in the names of members.
std::string_view ChecksumName(ChecksumAlgorithm algorithm);
std::optional<ChecksumAlgorithm> ChecksumByName(
    std::string_view name);  // in any case; nothing for one we can't compute
bool IsCrc(ChecksumAlgorithm algorithm);

// Takes bytes as they come; not thread-safe.
class Checksum {
 public:
  virtual ~Checksum() = default;
  virtual void Add(std::string_view data) = 0;
  virtual std::string Finish() = 0;  // raw, most significant byte first; call it once
};
std::unique_ptr<Checksum> MakeChecksum(ChecksumAlgorithm algorithm);
std::unique_ptr<Checksum> MakeMd5();

}  // namespace adhoc::localcloud
