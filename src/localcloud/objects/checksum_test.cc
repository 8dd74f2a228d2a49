#include "localcloud/objects/checksum.h"

#include <gtest/gtest.h>

namespace adhoc::localcloud {
namespace {

std::string Hex(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

std::string Of(ChecksumAlgorithm algorithm, std::string_view data, std::size_t piece) {
  const auto checksum = MakeChecksum(algorithm);
  for (; !data.empty(); data.remove_prefix(std::min(piece, data.size()))) checksum->Add(data.substr(0, piece));
  return Hex(checksum->Finish());
}

// The check values of the CRC catalogue and of FIPS 180, whatever the pieces.
TEST(ChecksumTest, GivesThePublishedValues) {
  const std::string alphabet = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  for (const std::size_t piece : {1, 3, 8, 100}) {
    EXPECT_EQ(Of(ChecksumAlgorithm::kCrc32, "123456789", piece), "cbf43926");
    EXPECT_EQ(Of(ChecksumAlgorithm::kCrc32c, "123456789", piece), "e3069283");
    EXPECT_EQ(Of(ChecksumAlgorithm::kCrc64Nvme, "123456789", piece), "ae8b14860a799888");
    EXPECT_EQ(Of(ChecksumAlgorithm::kSha1, alphabet, piece), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    EXPECT_EQ(Of(ChecksumAlgorithm::kSha256, alphabet, piece),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  }
  EXPECT_EQ(Of(ChecksumAlgorithm::kCrc32, "", 1), "00000000");
}

TEST(ChecksumTest, HasANamePerAlgorithm) {
  for (const auto algorithm : kChecksumAlgorithms) EXPECT_EQ(ChecksumByName(ChecksumName(algorithm)), algorithm);
  EXPECT_EQ(ChecksumByName("crc64nvme"), ChecksumAlgorithm::kCrc64Nvme);
  EXPECT_EQ(ChecksumByName("XXHASH3"), std::nullopt);
}

}  // namespace
}  // namespace adhoc::localcloud
