#include "localcloud/network/ipv4.h"

#include <charconv>

namespace adhoc::localcloud {
namespace {

std::uint32_t Mask(int prefix) { return prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix); }

std::optional<int> ParseNumber(std::string_view text, int max) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > max) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::uint32_t> ParseIpv4(std::string_view text) {
  std::uint32_t address = 0;
  for (int i = 0; i < 4; ++i) {
    const auto dot = text.find('.');
    if ((dot == std::string_view::npos) != (i == 3)) return std::nullopt;
    const auto part = ParseNumber(text.substr(0, dot), 255);
    if (!part) return std::nullopt;
    address = address << 8 | static_cast<std::uint32_t>(*part);
    if (i < 3) text.remove_prefix(dot + 1);
  }
  return address;
}

std::string FormatIpv4(std::uint32_t address) {
  return std::to_string(address >> 24) + "." + std::to_string(address >> 16 & 255) + "." +
         std::to_string(address >> 8 & 255) + "." + std::to_string(address & 255);
}

std::optional<Ipv4Range> Ipv4Range::Parse(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = ParseIpv4(text.substr(0, slash));
  const auto prefix = ParseNumber(text.substr(slash + 1), 32);
  if (!address || !prefix) return std::nullopt;
  return Ipv4Range{*address & Mask(*prefix), *prefix};
}

std::string Ipv4Range::ToString() const { return FormatIpv4(base) + "/" + std::to_string(prefix); }

bool Ipv4Range::Contains(std::uint32_t address) const { return (address & Mask(prefix)) == base; }

bool Ipv4Range::Contains(const Ipv4Range& other) const { return other.prefix >= prefix && Contains(other.base); }

bool Ipv4Range::Overlaps(const Ipv4Range& other) const { return Contains(other.base) || other.Contains(base); }

}  // namespace adhoc::localcloud
