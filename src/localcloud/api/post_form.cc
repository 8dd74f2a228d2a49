#include "localcloud/api/post_form.h"

#include <fmt/format.h>

#include <ctime>
#include <set>
#include <utility>

#include "localcloud/api/s3_internal.h"
#include "localcloud/api/support.h"
#include "net/http_message.h"

namespace adhoc::localcloud::s3 {
namespace {

constexpr std::size_t kMaxFields = 20 * 1024;
constexpr std::size_t kMaxHead = kMaxFields + 16 * 1024;  // with the fields' own headers
constexpr std::uint64_t kPiece = 256 * 1024;

ApiError Malformed() {
  return Fault("MalformedPOSTRequest", "The body of your POST request is not well-formed multipart/form-data.");
}

// The value of a parameter of a header: form-data; name="key". Quoted or not; a quoted one may have \" inside.
std::optional<std::string> Parameter(std::string_view header, std::string_view name) {
  for (auto at = header.find(';'); at != std::string_view::npos;) {
    auto begin = header.find_first_not_of("; \t", at);
    if (begin == std::string_view::npos) return std::nullopt;
    const auto equals = header.find('=', begin);
    if (equals == std::string_view::npos) return std::nullopt;
    const bool ours = net::EqualsIgnoreCase(header.substr(begin, equals - begin), name);
    std::string value;
    auto end = equals + 1;
    if (end < header.size() && header[end] == '"') {
      for (++end; end < header.size() && header[end] != '"'; ++end) {
        if (header[end] == '\\' && end + 1 < header.size() && header[end + 1] == '"') ++end;
        value += header[end];
      }
    } else {
      while (end < header.size() && header[end] != ';') value += header[end++];
    }
    if (ours) return value;
    at = header.find(';', end);
  }
  return std::nullopt;
}

std::string HeaderOf(std::string_view headers, std::string_view name) {
  while (!headers.empty()) {
    const auto end = headers.find("\r\n");
    const std::string_view line = headers.substr(0, end);
    const auto colon = line.find(':');
    if (colon != std::string_view::npos && net::EqualsIgnoreCase(line.substr(0, colon), name)) {
      const auto begin = line.find_first_not_of(" \t", colon + 1);
      return begin == std::string_view::npos ? "" : std::string(line.substr(begin));
    }
    headers = end == std::string_view::npos ? std::string_view() : headers.substr(end + 2);
  }
  return "";
}

// Where `delimiter` begins, from `offset` on.
std::optional<std::uint64_t> FindFrom(const ReadAt& read, std::uint64_t offset, const std::string& delimiter) {
  while (true) {
    const std::string piece = read(offset, kPiece);
    const auto at = piece.find(delimiter);
    if (at != std::string::npos) return offset + at;
    if (piece.size() < kPiece) return std::nullopt;
    offset += piece.size() - delimiter.size();
  }
}

ApiError Invalid(const std::string& why) { return Fault("AccessDenied", "Invalid according to Policy: " + why); }
ApiError InvalidPolicy(const std::string& why) { return Fault("InvalidPolicyDocument", "Invalid Policy: " + why); }

// 2026-12-01T12:00:00.000Z
std::optional<double> ParseIsoTime(const std::string& text) {
  std::tm parts{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  double fraction = 0;
  if (*rest == '.') {
    char* end = nullptr;
    fraction = std::strtod(rest, &end);
    rest = end;
  }
  if (std::string_view(rest) != "Z") return std::nullopt;
  return static_cast<double>(timegm(&parts)) + fraction;
}

// Fields that no condition needs to name.
bool IsFree(const std::string& field) {
  static const std::set<std::string, std::less<>> kFree = {"awsaccesskeyid", "signature", "x-amz-signature",
                                                           "policy",         "file",      "submit"};
  return kFree.contains(field) || StartsWith(field, "x-ignore-");
}

struct Condition {
  std::string operation;  // eq, starts-with, content-length-range
  std::string field;      // lower case, without $
  std::string value;
  std::uint64_t minimum = 0;
  std::uint64_t maximum = 0;
  std::string text;  // as S3 repeats it
};

std::optional<std::uint64_t> Length(const Json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (!value.is_string()) return std::nullopt;
  const std::string text = value.get<std::string>();
  if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return std::stoull(text);
}

Condition ParseCondition(const Json& json) {
  if (json.is_object() && json.size() == 1 && json.begin()->is_string()) {
    const std::string value = json.begin()->get<std::string>();
    return {.operation = "eq",
            .field = ToLower(json.begin().key()),
            .value = value,
            .text = Json::array({"eq", "$" + json.begin().key(), value}).dump()};
  }
  if (!json.is_array() || json.size() != 3 || !json[0].is_string()) throw InvalidPolicy("Invalid condition.");
  Condition condition{.operation = ToLower(json[0].get<std::string>()), .text = json.dump()};
  if (condition.operation == "content-length-range") {
    const auto minimum = Length(json[1]);
    const auto maximum = Length(json[2]);
    if (!minimum || !maximum) throw InvalidPolicy("Invalid content-length-range.");
    condition.minimum = *minimum;
    condition.maximum = *maximum;
    return condition;
  }
  if ((condition.operation != "eq" && condition.operation != "starts-with") || !json[1].is_string() ||
      !json[2].is_string() || !StartsWith(json[1].get<std::string>(), "$")) {
    throw InvalidPolicy("Invalid condition.");
  }
  condition.field = ToLower(json[1].get<std::string>().substr(1));
  condition.value = json[2];
  return condition;
}

// Each item of a list of content types has to begin so.
bool StartsAll(std::string_view list, std::string_view prefix, bool several) {
  while (true) {
    const auto comma = several ? list.find(',') : std::string_view::npos;
    if (!StartsWith(list.substr(0, comma), prefix)) return false;
    if (comma == std::string_view::npos) return true;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

std::string PostForm::Get(const std::string& name) const {
  const auto found = fields.find(name);
  return found == fields.end() ? "" : found->second;
}

PostForm ParsePostForm(std::string_view content_type, const ReadAt& read) {
  const auto boundary = Parameter(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > 200) throw Malformed();
  const std::string head = read(0, kMaxHead);
  // What comes before the first boundary is a preamble.
  const std::string first = "--" + *boundary;
  const std::string next = "\r\n" + first;
  std::size_t at = StartsWith(head, first) ? 0 : head.find(next);
  if (at == std::string::npos) throw Malformed();
  at += at == 0 ? first.size() : next.size();

  PostForm form;
  std::size_t taken = 0;
  while (true) {
    if (head.compare(at, 2, "--") == 0) return form;
    const auto line_end = head.find("\r\n", at);
    const auto headers_end = head.find("\r\n\r\n", line_end == std::string::npos ? at : line_end);
    if (line_end == std::string::npos || headers_end == std::string::npos) break;
    // A part without headers begins with an empty line, which is then the one that ends the boundary's.
    const std::string headers =
        headers_end > line_end ? head.substr(line_end + 2, headers_end - line_end - 2) : std::string();
    const std::size_t content = headers_end + 4;
    const std::string disposition = HeaderOf(headers, "Content-Disposition");
    const auto name = Parameter(disposition, "name");
    if (!name) throw Malformed();
    if (net::EqualsIgnoreCase(*name, "file")) {
      const auto end = FindFrom(read, content, next);
      if (!end) throw Malformed();
      form.has_file = true;
      form.file_name = Parameter(disposition, "filename").value_or("");
      form.file_name.erase(0, form.file_name.find_last_of("/\\") + 1);
      form.file_type = HeaderOf(headers, "Content-Type");
      form.file_offset = content;
      form.file_length = *end - content;
      return form;  // what comes after the file is ignored
    }
    const auto end = head.find(next, content);
    if (end == std::string::npos) break;
    taken += name->size() + end - content;
    if (taken > kMaxFields) break;
    form.fields.emplace(ToLower(*name), head.substr(content, end - content));
    at = end + next.size();
  }
  if (head.size() < kMaxHead && taken <= kMaxFields) throw Malformed();
  throw Fault("MaxPostPreDataLengthExceeded", "Your POST request fields preceding the upload file were too large.");
}

void CheckPostPolicy(const std::string& policy, const PostForm& form, const std::string& bucket, const std::string& key,
                     double now) {
  std::string text;
  try {
    text = Base64Decode(policy);
  } catch (const std::invalid_argument&) {
    throw InvalidPolicy("Invalid Base64 encoding.");
  }
  const Json document = Json::parse(text, nullptr, false);
  if (!document.is_object()) throw InvalidPolicy("Invalid JSON.");
  const auto expiration = ParseIsoTime(Text(document, "expiration"));
  if (!expiration) throw InvalidPolicy("Policy missing expiration.");
  if (!document.contains("conditions") || !document["conditions"].is_array()) {
    throw InvalidPolicy("Policy missing conditions.");
  }
  if (*expiration < now) throw Invalid("Policy expired.");

  std::set<std::string> named = {"bucket"};
  for (const Json& json : document["conditions"]) {
    const Condition condition = ParseCondition(json);
    if (condition.operation == "content-length-range") {
      if (form.file_length < condition.minimum) {
        throw Fault("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size",
                    {{"ProposedSize", std::to_string(form.file_length)},
                     {"MinSizeAllowed", std::to_string(condition.minimum)}});
      }
      if (form.file_length > condition.maximum) {
        throw Fault("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size",
                    {{"ProposedSize", std::to_string(form.file_length)},
                     {"MaxSizeAllowed", std::to_string(condition.maximum)}});
      }
      continue;
    }
    named.insert(condition.field);
    const std::string value = condition.field == "bucket" ? bucket
                              : condition.field == "key"  ? key
                                                          : form.Get(condition.field);
    const bool met = condition.operation == "eq" ? value == condition.value
                                                 : StartsAll(value, condition.value, condition.field == "content-type");
    if (!met) throw Invalid("Policy Condition failed: " + condition.text);
  }
  std::string extra;
  for (const auto& [field, value] : form.fields) {
    if (!IsFree(field) && !named.contains(field)) extra += (extra.empty() ? "" : ", ") + field;
  }
  if (!extra.empty()) throw Invalid("Extra input fields: " + extra);
}

}  // namespace adhoc::localcloud::s3
