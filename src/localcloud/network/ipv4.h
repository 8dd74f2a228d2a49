// IPv4 addresses and ranges (RFC 4632). Values; pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace adhoc::localcloud {

struct Ipv4Range {
  std::uint32_t base = 0;  // host order; no host bits set
  int prefix = 32;

  // 10.0.0.0/16; nothing when it is not of that form. Host bits are cleared.
  static std::optional<Ipv4Range> Parse(std::string_view text);
  std::string ToString() const;
  std::uint32_t size() const { return prefix == 0 ? 0 : std::uint32_t{1} << (32 - prefix); }  // 0 stands for all
  bool Contains(std::uint32_t address) const;
  bool Contains(const Ipv4Range& other) const;
  bool Overlaps(const Ipv4Range& other) const;
  friend bool operator==(const Ipv4Range&, const Ipv4Range&) = default;
};

std::optional<std::uint32_t> ParseIpv4(std::string_view text);
std::string FormatIpv4(std::uint32_t address);

}  // namespace adhoc::localcloud
