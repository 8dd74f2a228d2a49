#include "localcloud/names/record_data.h"

#include <arpa/inet.h>

#include <charconv>
#include <map>
#include <vector>

#include "net/dns_message.h"

namespace adhoc::localcloud {
namespace {

using net::DnsName;
using net::DnsNumber;

constexpr std::uint16_t kNaptr = 35;
constexpr std::size_t kMaxString = 255;
// Of a name in a record's value and in quotes.
constexpr int kOctal = 8;

// What stands between spaces; a quoted string is one word, its quotes and escapes undone.
struct Word {
  std::string text;
  bool quoted = false;
};

bool IsOctal(std::string_view digits) {
  return digits.size() == 3 && digits.find_first_not_of("01234567") == digits.npos;
}

std::optional<std::vector<Word>> SplitWords(std::string_view value) {
  std::vector<Word> words;
  for (std::size_t i = 0; i < value.size();) {
    if (value[i] == ' ' || value[i] == '\t') {
      ++i;
      continue;
    }
    Word& word = words.emplace_back();
    if (value[i] != '"') {
      const std::size_t end = std::min(value.find_first_of(" \t", i), value.size());
      word.text = value.substr(i, end - i);
      i = end;
      continue;
    }
    word.quoted = true;
    for (++i; i < value.size() && value[i] != '"'; ++i) {
      if (value[i] != '\\' || i + 1 == value.size()) {
        word.text += value[i];
      } else if (const auto digits = value.substr(i + 1, 3); IsOctal(digits)) {
        word.text += static_cast<char>(std::stoi(std::string(digits), nullptr, kOctal));
        i += 3;
      } else {
        word.text += value[++i];
      }
    }
    if (i == value.size()) return std::nullopt;  // not closed
    ++i;
  }
  return words;
}

template <typename Number>
std::optional<Number> ParseNumber(const Word& word) {
  Number value = 0;
  const auto [end, error] = std::from_chars(word.text.data(), word.text.data() + word.text.size(), value);
  if (error != std::errc() || end != word.text.data() + word.text.size() || word.text.empty()) return std::nullopt;
  return value;
}

// Reads words one after the other into the data; once one is wrong, there is no data.
class Data {
 public:
  explicit Data(std::vector<Word> words) : words_(std::move(words)) {}

  Data& Byte() {
    const Word* word = Next();
    const auto number = word == nullptr ? std::nullopt : ParseNumber<std::uint8_t>(*word);
    if (!number) return Fail();
    bytes_ += static_cast<char>(*number);
    return *this;
  }
  Data& Number() {
    const Word* word = Next();
    const auto number = word == nullptr ? std::nullopt : ParseNumber<std::uint16_t>(*word);
    if (!number) return Fail();
    bytes_ += DnsNumber(*number);
    return *this;
  }
  Data& Number32() {
    const Word* word = Next();
    const auto number = word == nullptr ? std::nullopt : ParseNumber<std::uint32_t>(*word);
    if (!number) return Fail();
    bytes_ += net::DnsNumber32(*number);
    return *this;
  }
  Data& Name() {
    const Word* word = Next();
    const auto name = word == nullptr || word->quoted ? std::nullopt : net::ParseDnsName(word->text, kOctal);
    if (!name) return Fail();
    bytes_ += net::DnsNameData(*name);
    return *this;
  }
  // A length and a text.
  Data& String() {
    const Word* word = Next();
    if (word == nullptr || word->text.size() > kMaxString) return Fail();
    bytes_ += static_cast<char>(word->text.size());
    bytes_ += word->text;
    return *this;
  }
  Data& Quoted() {
    if (at_ < words_.size() && !words_[at_].quoted) return Fail();
    return String();
  }
  Data& AllQuoted() {
    do Quoted();
    while (ok_ && at_ < words_.size());
    return *this;
  }
  // A text without a length.
  Data& Rest() {
    const Word* word = Next();
    if (word == nullptr) return Fail();
    bytes_ += word->text;
    return *this;
  }
  std::optional<std::string> Take() {
    if (!ok_ || at_ != words_.size()) return std::nullopt;
    return std::move(bytes_);
  }

 private:
  const Word* Next() { return ok_ && at_ < words_.size() ? &words_[at_++] : nullptr; }
  Data& Fail() {
    ok_ = false;
    return *this;
  }

  const std::vector<Word> words_;
  std::size_t at_ = 0;
  bool ok_ = true;
  std::string bytes_;
};

std::optional<std::string> AddressData(int family, std::string_view value) {
  std::string bytes(family == AF_INET ? 4 : 16, '\0');
  if (::inet_pton(family, std::string(value).c_str(), bytes.data()) != 1) return std::nullopt;
  return bytes;
}

}  // namespace

std::optional<std::uint16_t> RecordType(std::string_view name) {
  static const std::map<std::string_view, std::uint16_t> kTypes = {
      {"A", net::kDnsA},     {"AAAA", net::kDnsAaaa}, {"CAA", net::kDnsCaa}, {"CNAME", net::kDnsCname},
      {"MX", net::kDnsMx},   {"NAPTR", kNaptr},       {"NS", net::kDnsNs},   {"PTR", net::kDnsPtr},
      {"SOA", net::kDnsSoa}, {"SPF", net::kDnsSpf},   {"SRV", net::kDnsSrv}, {"TXT", net::kDnsTxt}};
  const auto found = kTypes.find(name);
  if (found == kTypes.end()) return std::nullopt;
  return found->second;
}

std::optional<std::string> RecordData(std::uint16_t type, std::string_view value) {
  if (type == net::kDnsA) return AddressData(AF_INET, value);
  if (type == net::kDnsAaaa) return AddressData(AF_INET6, value);
  auto words = SplitWords(value);
  if (!words) return std::nullopt;
  Data data(std::move(*words));
  switch (type) {
    case net::kDnsCname:
    case net::kDnsNs:
    case net::kDnsPtr:
      return data.Name().Take();
    case net::kDnsMx:
      return data.Number().Name().Take();
    case net::kDnsSrv:
      return data.Number().Number().Number().Name().Take();
    case net::kDnsTxt:
    case net::kDnsSpf:
      return data.AllQuoted().Take();
    case net::kDnsSoa:
      return data.Name().Name().Number32().Number32().Number32().Number32().Number32().Take();
    case net::kDnsCaa:
      return data.Byte().String().Rest().Take();
    case kNaptr:
      return data.Number().Number().Quoted().Quoted().Quoted().Name().Take();
    default:
      return std::nullopt;
  }
}

}  // namespace adhoc::localcloud
