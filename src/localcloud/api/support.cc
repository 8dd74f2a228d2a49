#include "localcloud/api/support.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <ctime>
#include <iterator>
#include <stdexcept>

namespace adhoc::localcloud {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  throw std::invalid_argument("not a hexadecimal digit");
}

std::string FormatTime(double seconds, const char* format) {
  const auto whole = static_cast<std::time_t>(std::floor(seconds));
  std::tm parts{};
  gmtime_r(&whole, &parts);
  char buffer[64];
  return {buffer, std::strftime(buffer, sizeof buffer, format, &parts)};
}

}  // namespace

void RegisterHandlers(Api& api, Cloud& cloud, std::string_view service,
                      std::initializer_list<Registration> operations) {
  for (const auto& [operation, handler, effect] : operations) {
    api.On(
        service, operation, [&cloud, handler = handler](Call& call) { return handler(cloud, call); }, effect);
  }
}

std::string Text(const Json& object, std::string_view key, std::string_view otherwise) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string(otherwise);
}

bool Flag(const Json& object, std::string_view key, bool otherwise) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() ? found->get<bool>() : otherwise;
}

std::int64_t Number(const Json& object, std::string_view key, std::int64_t otherwise) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<std::int64_t>() : otherwise;
}

const Json& Items(const Json& object, std::string_view key) {
  static const Json kNone = Json::array();
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? *found : kNone;
}

const Json& Fields(const Json& object, std::string_view key) {
  static const Json kNone = Json::object();
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found : kNone;
}

std::vector<std::string> Strings(const Json& object, std::string_view key) {
  std::vector<std::string> strings;
  for (const auto& item : Items(object, key)) strings.push_back(item.get<std::string>());
  return strings;
}

void CopyMembers(const Json& from, Json& to, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    if (const auto found = from.find(key); found != from.end()) to[key] = *found;
  }
}

void MergeTags(Json& tags, const Json& added, TagNames names) {
  if (!tags.is_array()) tags = Json::array();
  for (const auto& tag : added) {
    const std::string key = Text(tag, names.key);
    const auto found = std::find_if(tags.begin(), tags.end(), [&](const Json& t) { return Text(t, names.key) == key; });
    Json merged{{names.key, key}, {names.value, Text(tag, names.value)}};
    if (found != tags.end()) {
      *found = std::move(merged);
    } else {
      tags.push_back(std::move(merged));
    }
  }
}

void RemoveTags(Json& tags, const Json& keys, TagNames names) {
  Json kept = Json::array();
  for (const auto& tag : tags) {
    if (std::find(keys.begin(), keys.end(), Json(Text(tag, names.key))) == keys.end()) kept.push_back(tag);
  }
  tags = std::move(kept);
}

Json TagMap(const Json& tags, TagNames names) {
  Json map = Json::object();
  for (const auto& tag : tags) map[Text(tag, names.key)] = Text(tag, names.value);
  return map;
}

Page TakePage(KeyedItems items, std::int64_t limit, std::string_view token, std::string_view bad_token_code) {
  Page page;
  auto begin = items.begin();
  if (!token.empty()) {
    std::string first;
    try {
      first = HexDecode(token);
    } catch (const std::invalid_argument&) {
      throw ApiError(std::string(bad_token_code), "The specified token is not valid.");
    }
    begin = std::lower_bound(items.begin(), items.end(), first,
                             [](const auto& item, const std::string& key) { return item.first < key; });
  }
  for (auto item = begin; item != items.end(); ++item) {
    if (static_cast<std::int64_t>(page.items.size()) == limit) {
      page.next = HexEncode(item->first);
      break;
    }
    page.items.push_back(std::move(item->second));
  }
  return page;
}

bool MatchesWildcard(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;  // where the last '*' stood, and the text it has swallowed up to
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
      continue;
    }
    if (p < pattern.size()) {
      const bool escaped = pattern[p] == '\\' && p + 1 < pattern.size();
      const char wanted = escaped ? pattern[p + 1] : pattern[p];
      if ((!escaped && wanted == '?') || wanted == text[t]) {
        p += escaped ? 2 : 1;
        ++t;
        continue;
      }
    }
    if (star == std::string_view::npos) return false;
    p = star + 1;
    t = ++star_text;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::string ToLower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return lower;
}

bool StartsWith(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

std::string HexEncode(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const unsigned char byte : bytes) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

std::string HexDecode(std::string_view hex) {
  if (hex.size() % 2 != 0) throw std::invalid_argument("an odd number of hexadecimal digits");
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(HexDigit(hex[i]) << 4 | HexDigit(hex[i + 1]));
  }
  return bytes;
}

std::string Base64Encode(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::string Base64Decode(std::string_view text) {
  std::string bytes(text.size(), '\0');
  const int length =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (length < 0) throw std::invalid_argument("not base64");
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  bytes.resize(static_cast<std::size_t>(length) - padding);
  return bytes;
}

std::string IsoTime(double seconds) {
  const int milliseconds = static_cast<int>((seconds - std::floor(seconds)) * 1000);
  char fraction[16];
  std::snprintf(fraction, sizeof fraction, ".%03dZ", milliseconds);
  return FormatTime(seconds, "%Y-%m-%dT%H:%M:%S") + fraction;
}

std::string HttpTime(double seconds) { return FormatTime(seconds, "%a, %d %b %Y %H:%M:%S GMT"); }

}  // namespace adhoc::localcloud
