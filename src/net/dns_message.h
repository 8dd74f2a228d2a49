// DNS messages (RFC 1035; EDNS0, RFC 6891). Values and pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace adhoc::net {

// Labels as they came, the leftmost first; the root has none. Compared without regard to case by EqualNames.
using DnsName = std::vector<std::string>;

inline constexpr std::uint16_t kDnsA = 1;
inline constexpr std::uint16_t kDnsNs = 2;
inline constexpr std::uint16_t kDnsCname = 5;
inline constexpr std::uint16_t kDnsSoa = 6;
inline constexpr std::uint16_t kDnsPtr = 12;
inline constexpr std::uint16_t kDnsMx = 15;
inline constexpr std::uint16_t kDnsTxt = 16;
inline constexpr std::uint16_t kDnsAaaa = 28;
inline constexpr std::uint16_t kDnsSrv = 33;
inline constexpr std::uint16_t kDnsOpt = 41;
inline constexpr std::uint16_t kDnsSpf = 99;
inline constexpr std::uint16_t kDnsAxfr = 252;
inline constexpr std::uint16_t kDnsAny = 255;
inline constexpr std::uint16_t kDnsCaa = 257;

inline constexpr std::uint16_t kDnsInternet = 1;  // the class

inline constexpr int kDnsNoError = 0;
inline constexpr int kDnsFormatError = 1;
inline constexpr int kDnsServerFailure = 2;
inline constexpr int kDnsNoSuchName = 3;  // NXDOMAIN
inline constexpr int kDnsNotImplemented = 4;
inline constexpr int kDnsRefused = 5;
inline constexpr int kDnsBadVersion = 16;

struct DnsQuestion {
  DnsName name;
  std::uint16_t type = kDnsA;
  std::uint16_t net_class = kDnsInternet;
  friend bool operator==(const DnsQuestion&, const DnsQuestion&) = default;
};

struct DnsRecord {
  DnsName name;
  std::uint16_t type = kDnsA;
  std::uint16_t net_class = kDnsInternet;
  std::uint32_t ttl = 0;  // seconds
  std::string data;       // as on the wire, names in it not compressed
  friend bool operator==(const DnsRecord&, const DnsRecord&) = default;
};

struct DnsEdns {
  std::uint16_t udp_size = 0;  // the largest answer that its sender takes
  std::uint8_t version = 0;
  bool dnssec_ok = false;
  friend bool operator==(const DnsEdns&, const DnsEdns&) = default;
};

struct DnsMessage {
  std::uint16_t id = 0;
  bool is_response = false;
  int opcode = 0;
  bool authoritative = false;
  bool truncated = false;
  bool recursion_desired = false;
  bool recursion_available = false;
  int code = kDnsNoError;  // above 15 only with EDNS
  std::vector<DnsQuestion> questions;
  std::vector<DnsRecord> answers;
  std::vector<DnsRecord> authorities;
  std::vector<DnsRecord> additionals;  // without the one that is `edns`
  std::optional<DnsEdns> edns;
  friend bool operator==(const DnsMessage&, const DnsMessage&) = default;
};

// Nothing when it isn't well-formed.
std::optional<DnsMessage> DecodeDns(std::string_view bytes);
// At most `limit` bytes: records that don't fit are left out from the end, and `truncated` is set.
std::string EncodeDns(const DnsMessage& message, std::size_t limit = 65535);

// `www.example.com`, with or without a dot at the end; `\.` and `\ddd` (RFC 1035, 5.1; `base` 8: Route 53's octal)
// stand for characters. Nothing when it is no name: an empty label, one of more than 63 characters, more than 255 in
// all.
std::optional<DnsName> ParseDnsName(std::string_view text, int base = 10);
// In lower case, with a dot at the end; what would end a label or isn't printable is escaped, `\ddd`.
std::string DnsKey(const DnsName& name);
bool EqualDnsNames(const DnsName& a, const DnsName& b);
// Whether `name` is `parent` or below it.
bool IsAtOrBelow(const DnsName& name, const DnsName& parent);

// ---- Data of records.

std::string DnsNumber(std::uint16_t value);
std::string DnsNumber32(std::uint32_t value);
std::string DnsNameData(const DnsName& name);  // CNAME, NS, PTR, and the end of MX and SRV
// The name that is a CNAME's data.
std::optional<DnsName> ParseDnsNameData(std::string_view data);

}  // namespace adhoc::net
