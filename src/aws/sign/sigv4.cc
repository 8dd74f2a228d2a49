#include "aws/sign/sigv4.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "aws/sign/canonical_request.h"
#include "base/error.h"
#include "base/text.h"
#include "base/utc.h"
#include "net/http_date.h"

namespace adhoc::aws {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kTerminator = "aws4_request";
constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";
constexpr std::chrono::seconds kMaxExpires{604800};

std::string Hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string result;
  result.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    result += kDigits[byte >> 4];
    result += kDigits[byte & 15];
  }
  return result;
}

std::string HmacSha256(std::string_view key, std::string_view data) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(data.data()),
       data.size(), digest.data(), &size);
  return std::string(reinterpret_cast<const char*>(digest.data()), size);
}

std::string Timestamp(TimePoint time) {
  return fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

std::optional<TimePoint> ParseTimestamp(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  const auto number = [text](std::size_t at, std::size_t size, int& value) {
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + size, value);
    return error == std::errc() && end == text.data() + at + size && value >= 0;
  };
  std::tm utc{};
  if (!number(0, 4, utc.tm_year) || !number(4, 2, utc.tm_mon) || !number(6, 2, utc.tm_mday) ||
      !number(9, 2, utc.tm_hour) || !number(11, 2, utc.tm_min) || !number(13, 2, utc.tm_sec)) {
    return std::nullopt;
  }
  utc.tm_year -= 1900;
  utc.tm_mon -= 1;
  return FromUtc(utc);
}

std::string LowerCase(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return result;
}

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Without spaces at the ends, and with one for every run inside.
std::string CollapseSpaces(std::string_view text) {
  std::string result;
  bool pending = false;
  for (const char c : text) {
    if (IsSpace(c)) {
      pending = !result.empty();
    } else {
      if (pending) result += ' ';
      pending = false;
      result += c;
    }
  }
  return result;
}

std::string NormalizePath(std::string_view path) {
  std::vector<std::string_view> segments;
  std::string_view rest = path;
  while (!rest.empty()) {
    const std::size_t slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
    if (segment.empty() || segment == ".") continue;
    if (segment != "..") {
      segments.push_back(segment);
    } else if (!segments.empty()) {
      segments.pop_back();
    }
  }
  std::string result;
  for (const std::string_view segment : segments) result.append("/").append(segment);
  if (result.empty() || path.back() == '/') result += '/';
  return result;
}

std::string CanonicalQuery(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> items;
  for (const auto& [key, value] : net::ParseQuery(query)) {
    if (key != "X-Amz-Signature") items.emplace_back(net::PercentEncode(key), net::PercentEncode(value));
  }
  std::sort(items.begin(), items.end());
  std::string result;
  for (const auto& [key, value] : items) {
    if (!result.empty()) result += '&';
    result.append(key).append("=").append(value);
  }
  return result;
}

std::string ScopeText(std::string_view date, const SigningScope& scope) {
  return fmt::format("{}/{}/{}/{}", date, scope.region, scope.service, kTerminator);
}

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool IsSha256Hex(std::string_view text) {
  return text.size() == 2 * SHA256_DIGEST_LENGTH &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

[[noreturn]] void RefuseAuthorization(std::string_view why) {
  throw Error(fmt::format("cannot read the request's signature: {}", why));
}

void ReadCredential(std::string_view credential, ParsedAuthorization& parsed) {
  const std::vector<std::string> parts = Split(credential, '/');
  if (parts.size() != 5 || parts[0].empty() || parts[4] != kTerminator) {
    RefuseAuthorization(fmt::format("Credential '{}' is not key/date/region/service/{}", credential, kTerminator));
  }
  parsed.access_key_id = parts[0];
  parsed.date = parts[1];
  parsed.region = parts[2];
  parsed.service = parts[3];
}

void ReadSignedHeaders(std::string_view names, ParsedAuthorization& parsed) {
  parsed.signed_headers = Split(names, ';');
  if (std::find(parsed.signed_headers.begin(), parsed.signed_headers.end(), "host") == parsed.signed_headers.end()) {
    RefuseAuthorization("SignedHeaders does not name host");
  }
}

void CheckDate(const ParsedAuthorization& parsed, std::string_view timestamp) {
  if (!timestamp.starts_with(parsed.date)) {
    RefuseAuthorization(fmt::format("Credential is of {} but the request of {}", parsed.date, timestamp.substr(0, 8)));
  }
}

ParsedAuthorization ParseHeader(const net::Request& request, std::string_view value) {
  ParsedAuthorization parsed;
  value.remove_prefix(kAlgorithm.size());
  bool has_credential = false;
  bool has_headers = false;
  for (const std::string& part : Split(value, ',')) {
    const std::string item = CollapseSpaces(part);
    const std::size_t equals = item.find('=');
    const std::string_view name = std::string_view(item).substr(0, equals);
    const std::string_view text =
        equals == std::string::npos ? std::string_view() : std::string_view(item).substr(equals + 1);
    if (name == "Credential") {
      ReadCredential(text, parsed);
      has_credential = true;
    } else if (name == "SignedHeaders") {
      ReadSignedHeaders(text, parsed);
      has_headers = true;
    } else if (name == "Signature") {
      parsed.signature = text;
    }
  }
  if (!has_credential) RefuseAuthorization("Authorization has no Credential");
  if (!has_headers) RefuseAuthorization("Authorization has no SignedHeaders");
  if (parsed.signature.empty()) RefuseAuthorization("Authorization has no Signature");

  std::optional<TimePoint> signed_at;
  if (const auto date = request.headers.Get("X-Amz-Date")) {
    signed_at = ParseTimestamp(*date);
  } else if (const auto http_date = request.headers.Get("Date")) {
    signed_at = net::ParseHttpDate(*http_date);
  }
  if (!signed_at) RefuseAuthorization("neither X-Amz-Date nor Date is a date");
  parsed.signed_at = *signed_at;
  CheckDate(parsed, Timestamp(parsed.signed_at));
  return parsed;
}

ParsedAuthorization ParsePresigned(const net::QueryItems& items) {
  const auto required = [&items](std::string_view name) -> const std::string& {
    for (const auto& [key, value] : items) {
      if (key == name) return value;
    }
    RefuseAuthorization(fmt::format("the query has no {}", name));
  };
  ParsedAuthorization parsed;
  parsed.presigned = true;
  if (required("X-Amz-Algorithm") != kAlgorithm)
    RefuseAuthorization(fmt::format("the algorithm is not {}", kAlgorithm));
  ReadCredential(required("X-Amz-Credential"), parsed);
  ReadSignedHeaders(required("X-Amz-SignedHeaders"), parsed);
  parsed.signature = required("X-Amz-Signature");
  const std::optional<TimePoint> signed_at = ParseTimestamp(required("X-Amz-Date"));
  if (!signed_at) RefuseAuthorization("X-Amz-Date is not a date");
  parsed.signed_at = *signed_at;
  CheckDate(parsed, Timestamp(parsed.signed_at));
  const std::string& expires = required("X-Amz-Expires");
  int seconds = 0;
  const auto [end, error] = std::from_chars(expires.data(), expires.data() + expires.size(), seconds);
  if (error != std::errc() || end != expires.data() + expires.size() || seconds < 0 || seconds > kMaxExpires.count()) {
    RefuseAuthorization(fmt::format("X-Amz-Expires is not a number from 0 to {}", kMaxExpires.count()));
  }
  parsed.expires = std::chrono::seconds(seconds);
  return parsed;
}

}  // namespace

std::string Sha256Hex(std::string_view data) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(data.data()), data.size(), digest.data());
  return Hex(std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

std::vector<std::string> SignableHeaders(const net::Request& request) {
  constexpr std::array<std::string_view, 12> kNeverSigned = {
      "authorization",     "connection", "expect",  "keep-alive", "proxy-authenticate", "proxy-authorization", "te",
      "transfer-encoding", "trailer",    "upgrade", "user-agent", "x-amzn-trace-id"};
  std::vector<std::string> names;
  for (const auto& line : request.headers) {
    std::string name = LowerCase(line.first);
    if (std::find(kNeverSigned.begin(), kNeverSigned.end(), name) == kNeverSigned.end())
      names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::string CanonicalRequest(const net::Request& request, const std::vector<std::string>& signed_headers,
                             std::string_view payload_hash, CanonicalPath path) {
  std::string canonical_path(request.path());
  if (path.normalize) canonical_path = NormalizePath(canonical_path);
  if (path.encode) canonical_path = net::PercentEncode(canonical_path, "/");
  std::string result = fmt::format("{}\n{}\n{}\n", request.method, canonical_path, CanonicalQuery(request.query()));
  for (const std::string& name : signed_headers) {
    std::vector<std::string> values;
    for (const auto& [key, value] : request.headers) {
      if (net::EqualsIgnoreCase(key, name)) values.push_back(CollapseSpaces(value));
    }
    fmt::format_to(std::back_inserter(result), "{}:{}\n", name, Join(values, ","));
  }
  fmt::format_to(std::back_inserter(result), "\n{}\n{}", Join(signed_headers, ";"), payload_hash);
  return result;
}

std::string SignText(std::string_view text, std::string_view secret_access_key, std::string_view date,
                     const SigningScope& scope) {
  std::string key = HmacSha256("AWS4" + std::string(secret_access_key), date);
  for (const std::string_view step : {std::string_view(scope.region), std::string_view(scope.service), kTerminator}) {
    key = HmacSha256(key, step);
  }
  return Hex(HmacSha256(key, text));
}

std::string Signature(std::string_view canonical_request, std::string_view secret_access_key,
                      std::string_view timestamp, const SigningScope& scope) {
  const std::string_view date = timestamp.substr(0, 8);
  const std::string to_sign =
      fmt::format("{}\n{}\n{}\n{}", kAlgorithm, timestamp, ScopeText(date, scope), Sha256Hex(canonical_request));
  return SignText(to_sign, secret_access_key, date, scope);
}

void SignHeaders(net::Request& request, const Credentials& credentials, const SigningScope& scope, TimePoint now,
                 CanonicalPath path) {
  const std::string timestamp = Timestamp(now);
  request.headers.Remove("Authorization");  // of an earlier try
  request.headers.Set("X-Amz-Date", timestamp);
  request.headers.Remove("X-Amz-Security-Token");
  if (!credentials.session_token.empty()) request.headers.Add("X-Amz-Security-Token", credentials.session_token);
  const auto stated = request.headers.Get("X-Amz-Content-SHA256");
  const std::string payload_hash = stated ? std::string(*stated) : Sha256Hex(request.body);
  const std::vector<std::string> signed_headers = SignableHeaders(request);
  const std::string canonical = CanonicalRequest(request, signed_headers, payload_hash, path);
  request.headers.Add(
      "Authorization",
      fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kAlgorithm, credentials.access_key_id,
                  ScopeText(timestamp.substr(0, 8), scope), Join(signed_headers, ";"),
                  Signature(canonical, credentials.secret_access_key, timestamp, scope)));
}

void SignQuery(net::Request& request, const Credentials& credentials, const SigningScope& scope, TimePoint now,
               std::chrono::seconds expires, std::string_view payload_hash, CanonicalPath path) {
  const std::string timestamp = Timestamp(now);
  const std::vector<std::string> signed_headers = SignableHeaders(request);
  net::QueryItems items = {
      {"X-Amz-Algorithm", std::string(kAlgorithm)},
      {"X-Amz-Credential", credentials.access_key_id + "/" + ScopeText(timestamp.substr(0, 8), scope)},
      {"X-Amz-Date", timestamp},
      {"X-Amz-Expires", std::to_string(expires.count())},
      {"X-Amz-SignedHeaders", Join(signed_headers, ";")},
  };
  if (!credentials.session_token.empty()) items.emplace_back("X-Amz-Security-Token", credentials.session_token);
  const bool has_mark = request.target.find('?') != std::string::npos;
  if (!has_mark || !request.query().empty()) request.target += has_mark ? '&' : '?';
  request.target += net::FormatQuery(items);
  const std::string canonical = CanonicalRequest(request, signed_headers, payload_hash, path);
  request.target += "&X-Amz-Signature=" + Signature(canonical, credentials.secret_access_key, timestamp, scope);
}

void Sign(net::Request& request, const Credentials& credentials, const SigningScope& scope, TimePoint now) {
  if (!request.headers.Has("Host")) throw Error("cannot sign a request: it has no Host header");
  if (scope.service == "s3" && !request.headers.Has("X-Amz-Content-SHA256")) {
    request.headers.Add("X-Amz-Content-SHA256", Sha256Hex(request.body));
  }
  SignHeaders(request, credentials, scope, now, CanonicalPath::For(scope.service));
}

std::string Presign(const net::Uri& uri, std::string_view method, const Credentials& credentials,
                    const SigningScope& scope, TimePoint now, std::chrono::seconds expires) {
  if (expires < std::chrono::seconds(1) || expires > kMaxExpires) {
    throw Error(fmt::format("cannot presign a URL for {} s: the time must be from 1 to {} s", expires.count(),
                            kMaxExpires.count()));
  }
  net::Request request;
  request.method = method;
  request.target = uri.target();
  request.headers.Add("Host", uri.authority());
  SignQuery(request, credentials, scope, now, expires, scope.service == "s3" ? kUnsignedPayload : Sha256Hex(""),
            CanonicalPath::For(scope.service));
  return uri.scheme + "://" + uri.authority() + request.target;
}

bool ParsedAuthorization::expired(TimePoint now) const { return presigned && now > signed_at + expires; }

std::optional<ParsedAuthorization> ParseAuthorization(const net::Request& request) {
  if (const auto header = request.headers.Get("Authorization")) {
    if (!header->starts_with("AWS4-")) return std::nullopt;
    if (!header->starts_with(std::string(kAlgorithm) + " ")) {
      RefuseAuthorization(fmt::format("the algorithm is not {}", kAlgorithm));
    }
    return ParseHeader(request, *header);
  }
  if (request.query().find("X-Amz-") == std::string_view::npos) return std::nullopt;
  const net::QueryItems items = net::ParseQuery(request.query());
  const bool presigned = std::any_of(items.begin(), items.end(), [](const auto& item) {
    return item.first == "X-Amz-Algorithm" || item.first == "X-Amz-Signature";
  });
  if (!presigned) return std::nullopt;
  return ParsePresigned(items);
}

bool VerifySignature(const net::Request& request, const ParsedAuthorization& authorization,
                     std::string_view secret_access_key) {
  for (const std::string& name : authorization.signed_headers) {
    if (!request.headers.Has(name)) return false;
  }
  std::string payload_hash;
  if (const auto stated = request.headers.Get("X-Amz-Content-SHA256")) {
    payload_hash = *stated;
    if (IsSha256Hex(payload_hash) && payload_hash != Sha256Hex(request.body)) return false;
  } else if (authorization.presigned && authorization.service == "s3") {
    payload_hash = kUnsignedPayload;
  } else {
    payload_hash = Sha256Hex(request.body);
  }
  const std::string canonical =
      CanonicalRequest(request, authorization.signed_headers, payload_hash, CanonicalPath::For(authorization.service));
  const std::string expected = Signature(canonical, secret_access_key, Timestamp(authorization.signed_at),
                                         {authorization.region, authorization.service});
  return expected.size() == authorization.signature.size() &&
         CRYPTO_memcmp(expected.data(), authorization.signature.data(), expected.size()) == 0;
}

}  // namespace adhoc::aws
