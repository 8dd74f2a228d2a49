#include "net/ssm_frame.h"

#include <openssl/sha.h>

#include <array>

namespace adhoc::net {
namespace {

constexpr std::size_t kTypeSize = 32;
constexpr std::uint32_t kHeaderLength = 116;  // without the payload's length
constexpr std::size_t kPayloadOffset = 120;

void PutNumber(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
}

std::uint64_t GetNumber(std::string_view bytes, std::size_t offset, int count) {
  std::uint64_t value = 0;
  for (int i = 0; i < count; ++i) value = value << 8 | static_cast<unsigned char>(bytes[offset + i]);
  return value;
}

std::string Digest(std::string_view payload) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(payload.data()), payload.size(), digest.data());
  return {digest.begin(), digest.end()};
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// 16 bytes; zeros for what is no UUID. On the wire the second half comes first.
std::string UuidToWire(std::string_view text) {
  std::string bytes;
  int high = -1;
  for (const char c : text) {
    const int value = HexValue(c);
    if (value < 0) continue;
    if (high < 0) {
      high = value;
    } else {
      bytes += static_cast<char>(high << 4 | value);
      high = -1;
    }
  }
  bytes.resize(16, '\0');
  return bytes.substr(8) + bytes.substr(0, 8);
}

std::string UuidFromWire(std::string_view wire) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    const auto byte = static_cast<unsigned char>(wire[(i + 8) % 16]);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace

std::string EncodeSsmFrame(const SsmFrame& frame) {
  std::string out;
  out.reserve(kPayloadOffset + frame.payload.size());
  PutNumber(out, kHeaderLength, 4);
  std::string type = frame.type.substr(0, kTypeSize);
  type.resize(kTypeSize, ' ');
  out += type;
  PutNumber(out, frame.schema_version, 4);
  PutNumber(out, static_cast<std::uint64_t>(frame.created_ms), 8);
  PutNumber(out, static_cast<std::uint64_t>(frame.sequence), 8);
  PutNumber(out, frame.flags, 8);
  out += UuidToWire(frame.message_id);
  out += Digest(frame.payload);
  PutNumber(out, static_cast<std::uint32_t>(frame.payload_type), 4);
  PutNumber(out, frame.payload.size(), 4);
  out += frame.payload;
  return out;
}

std::optional<SsmFrame> DecodeSsmFrame(std::string_view bytes) {
  if (bytes.size() < kPayloadOffset) return std::nullopt;
  // The header's length says where the payload's length is; newer agents may append fields.
  const std::uint64_t header = GetNumber(bytes, 0, 4);
  if (header < kHeaderLength || header + 4 > bytes.size()) return std::nullopt;
  const std::uint64_t length = GetNumber(bytes, header, 4);
  if (header + 4 + length != bytes.size()) return std::nullopt;

  SsmFrame frame;
  const std::string_view type = bytes.substr(4, kTypeSize);
  const auto end = type.find_last_not_of(std::string_view(" \0", 2));
  frame.type = std::string(type.substr(0, end == std::string_view::npos ? 0 : end + 1));
  frame.schema_version = static_cast<std::uint32_t>(GetNumber(bytes, 36, 4));
  frame.created_ms = static_cast<std::int64_t>(GetNumber(bytes, 40, 8));
  frame.sequence = static_cast<std::int64_t>(GetNumber(bytes, 48, 8));
  frame.flags = GetNumber(bytes, 56, 8);
  frame.message_id = UuidFromWire(bytes.substr(64, 16));
  frame.payload_type = static_cast<SsmPayload>(GetNumber(bytes, 112, 4));
  frame.payload = std::string(bytes.substr(header + 4));
  if (Digest(frame.payload) != bytes.substr(80, 32)) return std::nullopt;
  return frame;
}

std::string EncodeSsmFlag(std::uint32_t flag) {
  std::string out;
  PutNumber(out, flag, 4);
  return out;
}

std::optional<std::uint32_t> DecodeSsmFlag(std::string_view payload) {
  if (payload.size() != 4) return std::nullopt;
  return static_cast<std::uint32_t>(GetNumber(payload, 0, 4));
}

}  // namespace adhoc::net
