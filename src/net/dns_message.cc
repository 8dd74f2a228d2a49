#include "net/dns_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace adhoc::net {
namespace {

constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kMaxName = 255;        // on the wire, with the lengths and the root
constexpr std::size_t kMaxPointer = 0x3FFF;  // what fourteen bits reach
constexpr std::uint16_t kDnssecOk = 0x8000;

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool EqualLabels(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return Lower(x) == Lower(y); });
}

std::size_t WireSize(const DnsName& name) {
  std::size_t size = 1;
  for (const auto& label : name) size += label.size() + 1;
  return size;
}

// How the data of a type that may hold compressed names is made: so many bytes, so many names, so many bytes.
struct Layout {
  std::size_t before = 0;
  int names = 0;
  std::size_t after = 0;
};

std::optional<Layout> LayoutOf(std::uint16_t type) {
  switch (type) {
    case kDnsNs:
    case kDnsCname:
    case kDnsPtr:
      return Layout{0, 1, 0};
    case kDnsSoa:
      return Layout{0, 2, 20};
    case kDnsMx:
      return Layout{2, 1, 0};
    case kDnsSrv:
      return Layout{6, 1, 0};
    default:
      return std::nullopt;
  }
}

// ---- Reading. After a failure everything it reads is empty, and ok() is false.

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  std::size_t at() const { return at_; }
  bool at_end() const { return at_ == bytes_.size(); }

  std::string_view Take(std::size_t count) {
    if (count > bytes_.size() - at_) {
      ok_ = false;
      return {};
    }
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }
  std::uint8_t Byte() {
    const auto byte = Take(1);
    return ok_ ? static_cast<std::uint8_t>(byte[0]) : 0;
  }
  std::uint16_t Number() {
    const std::uint16_t high = Byte();
    return static_cast<std::uint16_t>(high << 8 | Byte());
  }
  std::uint32_t Number32() {
    const std::uint32_t high = Number();
    return high << 16 | Number();
  }

  DnsName Name() {
    DnsName name;
    std::size_t size = 1;
    std::size_t resume = 0;  // where reading goes on after the first pointer
    std::size_t lowest = at_;
    while (ok_) {
      const std::uint8_t length = Byte();
      if (!ok_ || length == 0) break;
      if ((length & 0xC0) == 0xC0) {
        const std::size_t target = static_cast<std::size_t>(length & 0x3F) << 8 | Byte();
        // Only backwards, so that it ends.
        if (target >= lowest) ok_ = false;
        if (resume == 0) resume = at_;
        if (ok_) at_ = lowest = target;
        continue;
      }
      size += std::size_t{length} + 1;
      if (length > kMaxLabel || size > kMaxName) ok_ = false;
      if (ok_) name.emplace_back(Take(length));
    }
    if (resume != 0) at_ = resume;
    return ok_ ? name : DnsName();
  }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

bool ReadData(Reader& reader, DnsRecord& record) {
  const std::size_t length = reader.Number();
  const std::size_t end = reader.at() + length;
  const auto layout = LayoutOf(record.type);
  if (!layout || length == 0) {
    record.data = reader.Take(length);
    return reader.ok();
  }
  record.data = reader.Take(layout->before);
  for (int i = 0; i < layout->names; ++i) record.data += DnsNameData(reader.Name());
  record.data += reader.Take(layout->after);
  return reader.ok() && reader.at() == end;
}

bool ReadRecord(Reader& reader, DnsRecord& record) {
  record.name = reader.Name();
  record.type = reader.Number();
  record.net_class = reader.Number();
  record.ttl = reader.Number32();
  return ReadData(reader, record);
}

// ---- Writing.

class Writer {
 public:
  explicit Writer(std::size_t limit) : limit_(limit) {}

  void Number(std::uint16_t value) { bytes_ += DnsNumber(value); }

  // A suffix that was written before becomes a pointer to it.
  void Name(const DnsName& name) {
    for (std::size_t i = 0; i < name.size(); ++i) {
      const std::string rest = DnsNameData(DnsName(name.begin() + static_cast<std::ptrdiff_t>(i), name.end()));
      if (const auto known = names_.find(rest); known != names_.end()) {
        return Number(static_cast<std::uint16_t>(0xC000 | known->second));
      }
      if (bytes_.size() <= kMaxPointer) names_[rest] = bytes_.size();
      bytes_ += static_cast<char>(name[i].size());
      bytes_ += name[i];
    }
    bytes_ += '\0';
  }
  // False, and nothing is written, when it doesn't fit.
  bool Record(const DnsRecord& record) {
    const std::size_t before = bytes_.size();
    Name(record.name);
    Number(record.type);
    Number(record.net_class);
    bytes_ += DnsNumber32(record.ttl);
    Number(static_cast<std::uint16_t>(record.data.size()));
    bytes_ += record.data;
    if (bytes_.size() <= limit_) return true;
    bytes_.resize(before);
    std::erase_if(names_, [&](const auto& entry) { return entry.second >= before; });
    return false;
  }
  void Reserve(std::size_t count) { limit_ -= std::min(limit_, count); }
  void SetNumber(std::size_t at, std::uint16_t value) { bytes_.replace(at, 2, DnsNumber(value)); }
  std::string Take() { return std::move(bytes_); }

 private:
  std::size_t limit_;
  std::string bytes_;
  std::map<std::string, std::size_t> names_;
};

DnsRecord OptRecord(const DnsEdns& edns, int code) {
  const auto ttl = static_cast<std::uint32_t>(code >> 4) << 24 | static_cast<std::uint32_t>(edns.version) << 16 |
                   (edns.dnssec_ok ? kDnssecOk : 0);
  return {.name = {}, .type = kDnsOpt, .net_class = edns.udp_size, .ttl = ttl, .data = ""};
}

}  // namespace

std::optional<DnsMessage> DecodeDns(std::string_view bytes) {
  Reader reader(bytes);
  DnsMessage message;
  message.id = reader.Number();
  const std::uint16_t flags = reader.Number();
  message.is_response = (flags & 0x8000) != 0;
  message.opcode = flags >> 11 & 0xF;
  message.authoritative = (flags & 0x0400) != 0;
  message.truncated = (flags & 0x0200) != 0;
  message.recursion_desired = (flags & 0x0100) != 0;
  message.recursion_available = (flags & 0x0080) != 0;
  message.code = flags & 0xF;
  const std::uint16_t questions = reader.Number();
  const std::uint16_t counts[] = {reader.Number(), reader.Number(), reader.Number()};
  for (int i = 0; i < questions && reader.ok(); ++i) {
    DnsQuestion question;
    question.name = reader.Name();
    question.type = reader.Number();
    question.net_class = reader.Number();
    message.questions.push_back(std::move(question));
  }
  std::vector<DnsRecord>* const sections[] = {&message.answers, &message.authorities, &message.additionals};
  for (int section = 0; section < 3; ++section) {
    for (int i = 0; i < counts[section] && reader.ok(); ++i) {
      DnsRecord record;
      if (!ReadRecord(reader, record)) return std::nullopt;
      if (section == 2 && record.type == kDnsOpt) {
        if (message.edns || !record.name.empty()) return std::nullopt;
        message.edns = DnsEdns{.udp_size = record.net_class,
                               .version = static_cast<std::uint8_t>(record.ttl >> 16 & 0xFF),
                               .dnssec_ok = (record.ttl & kDnssecOk) != 0};
        message.code |= static_cast<int>(record.ttl >> 24) << 4;
        continue;
      }
      sections[section]->push_back(std::move(record));
    }
  }
  if (!reader.ok() || !reader.at_end()) return std::nullopt;
  return message;
}

std::string EncodeDns(const DnsMessage& message, std::size_t limit) {
  Writer writer(limit);
  const auto bit = [](bool set, std::uint16_t value) { return set ? value : std::uint16_t{0}; };
  auto flags = static_cast<std::uint16_t>(bit(message.is_response, 0x8000) | (message.opcode & 0xF) << 11 |
                                          bit(message.authoritative, 0x0400) | bit(message.truncated, 0x0200) |
                                          bit(message.recursion_desired, 0x0100) |
                                          bit(message.recursion_available, 0x0080) | (message.code & 0xF));
  writer.Number(message.id);
  writer.Number(flags);
  writer.Number(static_cast<std::uint16_t>(message.questions.size()));
  for (std::size_t i = 0; i < 3; ++i) writer.Number(0);
  for (const auto& question : message.questions) {
    writer.Name(question.name);
    writer.Number(question.type);
    writer.Number(question.net_class);
  }
  constexpr std::size_t kOptBytes = 11;
  if (message.edns) writer.Reserve(kOptBytes);
  const std::vector<DnsRecord>* const sections[] = {&message.answers, &message.authorities, &message.additionals};
  bool fits = true;
  for (std::size_t section = 0; section < 3; ++section) {
    std::uint16_t count = 0;
    for (const auto& record : *sections[section]) {
      if (fits) fits = writer.Record(record);
      if (!fits) break;
      ++count;
    }
    if (section == 2 && message.edns) ++count;
    writer.SetNumber(6 + 2 * section, count);
  }
  if (!fits) writer.SetNumber(2, flags |= 0x0200);
  std::string bytes = writer.Take();
  if (message.edns) {
    Writer opt(kOptBytes);
    opt.Record(OptRecord(*message.edns, message.code));
    bytes += opt.Take();
  }
  return bytes;
}

std::optional<DnsName> ParseDnsName(std::string_view text, int base) {
  DnsName name;
  if (text == ".") return name;
  if (text.ends_with('.') && !text.ends_with("\\.")) text.remove_suffix(1);
  std::string label;
  const auto end_label = [&] {
    const bool fine = !label.empty() && label.size() <= kMaxLabel;
    name.push_back(std::move(label));
    label.clear();
    return fine;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '.') {
      if (!end_label()) return std::nullopt;
      continue;
    }
    if (text[i] != '\\') {
      label += text[i];
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    if (text[i] < '0' || text[i] > '9') {
      label += text[i];
      continue;
    }
    if (i + 3 > text.size()) return std::nullopt;
    int value = 0;
    for (const char digit : text.substr(i, 3)) {
      if (digit < '0' || digit >= '0' + base) return std::nullopt;
      value = value * base + (digit - '0');
    }
    if (value > 255) return std::nullopt;
    label += static_cast<char>(value);
    i += 2;
  }
  if (!end_label() || WireSize(name) > kMaxName) return std::nullopt;
  return name;
}

std::string DnsKey(const DnsName& name) {
  std::string key;
  for (const auto& label : name) {
    for (const char c : label) {
      if (c == '.' || c == '\\' || c <= ' ' || c > '~') {
        key += fmt::format("\\{:03}", static_cast<unsigned char>(c));
      } else {
        key += Lower(c);
      }
    }
    key += '.';
  }
  return key.empty() ? "." : key;
}

bool EqualDnsNames(const DnsName& a, const DnsName& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), EqualLabels);
}

bool IsAtOrBelow(const DnsName& name, const DnsName& parent) {
  return name.size() >= parent.size() && std::equal(parent.rbegin(), parent.rend(), name.rbegin(), EqualLabels);
}

std::string DnsNumber(std::uint16_t value) { return {static_cast<char>(value >> 8), static_cast<char>(value & 0xFF)}; }

std::string DnsNumber32(std::uint32_t value) {
  return DnsNumber(static_cast<std::uint16_t>(value >> 16)) + DnsNumber(static_cast<std::uint16_t>(value & 0xFFFF));
}

std::string DnsNameData(const DnsName& name) {
  std::string data;
  for (const auto& label : name) {
    data += static_cast<char>(label.size());
    data += label;
  }
  data += '\0';
  return data;
}

std::optional<DnsName> ParseDnsNameData(std::string_view data) {
  Reader reader(data);
  DnsName name = reader.Name();
  if (!reader.ok() || !reader.at_end()) return std::nullopt;
  return name;
}

}  // namespace adhoc::net
