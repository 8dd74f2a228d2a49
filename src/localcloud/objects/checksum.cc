#include "localcloud/objects/checksum.h"

#include <openssl/evp.h>

#include "net/http_message.h"

namespace adhoc::localcloud {
namespace {

// Reflected CRCs, eight bytes a step: table k holds the CRC of a byte that k more bytes follow.
template <typename Word>
using Tables = std::array<std::array<Word, 256>, 8>;

template <typename Word>
constexpr Tables<Word> MakeTables(Word polynomial) {
  Tables<Word> tables{};
  for (std::size_t byte = 0; byte < 256; ++byte) {
    Word crc = static_cast<Word>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? crc >> 1 ^ polynomial : crc >> 1;
    tables[0][byte] = crc;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const Word before = tables[k - 1][byte];
      tables[k][byte] = tables[0][before & 0xff] ^ before >> 8;
    }
  }
  return tables;
}

constexpr auto kCrc32Tables = MakeTables<std::uint32_t>(0xedb88320);
constexpr auto kCrc32cTables = MakeTables<std::uint32_t>(0x82f63b78);
constexpr auto kCrc64NvmeTables = MakeTables<std::uint64_t>(0x9a6c9329ac4bc9b5);

template <typename Word>
class Crc final : public Checksum {
 public:
  explicit Crc(const Tables<Word>& tables) : tables_(tables) {}

  void Add(std::string_view data) override {
    const char* at = data.data();
    std::size_t left = data.size();
    for (; left >= 8; at += 8, left -= 8) {
      std::uint64_t block = 0;
      for (int i = 7; i >= 0; --i) block = block << 8 | static_cast<unsigned char>(at[i]);
      block ^= crc_;
      crc_ = 0;
      for (std::size_t i = 0; i < 8; ++i) crc_ ^= tables_[7 - i][block >> (8 * i) & 0xff];
    }
    for (; left > 0; ++at, --left) crc_ = tables_[0][(crc_ ^ static_cast<unsigned char>(*at)) & 0xff] ^ crc_ >> 8;
  }

  std::string Finish() override {
    const Word value = ~crc_;
    std::string bytes;
    for (int shift = static_cast<int>(sizeof(Word)) * 8 - 8; shift >= 0; shift -= 8)
      bytes += static_cast<char>(value >> shift & 0xff);
    return bytes;
  }

 private:
  const Tables<Word>& tables_;
  Word crc_ = ~Word{0};
};

class Digest final : public Checksum {
 public:
  explicit Digest(const EVP_MD* kind) : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    EVP_DigestInit_ex(context_.get(), kind, nullptr);
  }
  void Add(std::string_view data) override { EVP_DigestUpdate(context_.get(), data.data(), data.size()); }
  std::string Finish() override {
    std::string digest(EVP_MAX_MD_SIZE, '\0');
    unsigned size = 0;
    EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(digest.data()), &size);
    digest.resize(size);
    return digest;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace

std::string_view ChecksumName(ChecksumAlgorithm algorithm) {
  switch (algorithm) {
    case ChecksumAlgorithm::kCrc32:
      return "CRC32";
    case ChecksumAlgorithm::kCrc32c:
      return "CRC32C";
    case ChecksumAlgorithm::kCrc64Nvme:
      return "CRC64NVME";
    case ChecksumAlgorithm::kSha1:
      return "SHA1";
    case ChecksumAlgorithm::kSha256:
      break;
  }
  return "SHA256";
}

std::optional<ChecksumAlgorithm> ChecksumByName(std::string_view name) {
  for (const auto algorithm : kChecksumAlgorithms) {
    if (net::EqualsIgnoreCase(ChecksumName(algorithm), name)) return algorithm;
  }
  return std::nullopt;
}

bool IsCrc(ChecksumAlgorithm algorithm) { return ChecksumName(algorithm).starts_with("CRC"); }

std::unique_ptr<Checksum> MakeChecksum(ChecksumAlgorithm algorithm) {
  switch (algorithm) {
    case ChecksumAlgorithm::kCrc32:
      return std::make_unique<Crc<std::uint32_t>>(kCrc32Tables);
    case ChecksumAlgorithm::kCrc32c:
      return std::make_unique<Crc<std::uint32_t>>(kCrc32cTables);
    case ChecksumAlgorithm::kCrc64Nvme:
      return std::make_unique<Crc<std::uint64_t>>(kCrc64NvmeTables);
    case ChecksumAlgorithm::kSha1:
      return std::make_unique<Digest>(EVP_sha1());
    case ChecksumAlgorithm::kSha256:
      break;
  }
  return std::make_unique<Digest>(EVP_sha256());
}

std::unique_ptr<Checksum> MakeMd5() { return std::make_unique<Digest>(EVP_md5()); }

}  // namespace adhoc::localcloud
