#include "aws/codec/values.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>

#include "base/text.h"

namespace adhoc::aws {

namespace {

constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr const char* kWeekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

// Years 0 to 9999, which is what the text forms can say.
constexpr double kMinSeconds = -62167219200.0;
constexpr double kMaxSeconds = 253402300799.0;

constexpr auto kBase64Values = [] {
  std::array<signed char, 256> values{};
  for (auto& value : values) value = -1;
  for (int i = 0; i < 64; ++i) values[static_cast<unsigned char>(kBase64[i])] = static_cast<signed char>(i);
  return values;
}();

std::string_view TypeName(ShapeType type) {
  switch (type) {
    case ShapeType::kStructure:
      return "structure";
    case ShapeType::kList:
      return "list";
    case ShapeType::kMap:
      return "map";
    case ShapeType::kString:
      return "String";
    case ShapeType::kBlob:
      return "Blob";
    case ShapeType::kBoolean:
      return "Boolean";
    case ShapeType::kInteger:
      return "Integer";
    case ShapeType::kLong:
      return "Long";
    case ShapeType::kFloat:
      return "Float";
    case ShapeType::kDouble:
      return "Double";
    case ShapeType::kTimestamp:
      return "Timestamp";
  }
  return "value";
}

// Reads text from its front; every step says whether it succeeded.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool Digits(std::size_t least, std::size_t most, int& value) {
    std::size_t count = 0;
    value = 0;
    while (count < most && count < text_.size() && text_[count] >= '0' && text_[count] <= '9') {
      value = value * 10 + (text_[count++] - '0');
    }
    text_.remove_prefix(count);
    return count >= least;
  }
  bool Char(std::string_view any_of) {
    if (text_.empty() || any_of.find(text_.front()) == std::string_view::npos) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool Literal(std::string_view text) {
    if (!text_.starts_with(text)) return false;
    text_.remove_prefix(text.size());
    return true;
  }
  bool Month(int& month) {
    for (int i = 0; i < 12; ++i) {
      if (Literal(kMonths[i])) {
        month = i + 1;
        return true;
      }
    }
    return false;
  }
  // Digits after a decimal point, as microseconds.
  bool Fraction(int& micros) {
    micros = 0;
    int digits = 0;
    for (; !text_.empty() && text_.front() >= '0' && text_.front() <= '9'; text_.remove_prefix(1)) {
      if (digits < 6) micros = micros * 10 + (text_.front() - '0');
      ++digits;
    }
    for (int i = digits; i < 6; ++i) micros *= 10;
    return digits > 0;
  }
  // Z, GMT, UTC, +hh:mm, -hhmm or nothing.
  bool Zone(int& offset_seconds) {
    offset_seconds = 0;
    if (text_.empty() || Literal("Z") || Literal("GMT") || Literal("UTC")) return true;
    int sign = text_.front() == '-' ? -1 : 1;
    int hours = 0;
    int minutes = 0;
    if (!Char("+-") || !Digits(2, 2, hours)) return false;
    Char(":");
    if (!Digits(2, 2, minutes)) return false;
    offset_seconds = sign * (hours * 3600 + minutes * 60);
    return true;
  }
  bool AtEnd() const { return text_.empty(); }

 private:
  std::string_view text_;
};

struct Civil {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, micros = 0, offset = 0;
};

bool ScanIso8601(std::string_view text, Civil& time) {
  Scanner scan(text);
  if (!scan.Digits(4, 4, time.year) || !scan.Char("-") || !scan.Digits(2, 2, time.month) || !scan.Char("-") ||
      !scan.Digits(2, 2, time.day)) {
    return false;
  }
  if (scan.AtEnd()) return true;  // a date alone, as S3 lifecycle rules have it
  if (!scan.Char("Tt ") || !scan.Digits(2, 2, time.hour) || !scan.Char(":") || !scan.Digits(2, 2, time.minute)) {
    return false;
  }
  if (scan.Char(":") && !scan.Digits(2, 2, time.second)) return false;
  if (scan.Char(".") && !scan.Fraction(time.micros)) return false;
  return scan.Zone(time.offset) && scan.AtEnd();
}

// Sun, 06 Nov 1994 08:49:37 GMT
bool ScanRfc822(std::string_view text, Civil& time) {
  if (std::size_t comma = text.find(','); comma != std::string_view::npos) text.remove_prefix(comma + 1);
  Scanner scan(text);
  while (scan.Char(" ")) {
  }
  if (!scan.Digits(1, 2, time.day) || !scan.Char(" -") || !scan.Month(time.month) || !scan.Char(" -") ||
      !scan.Digits(4, 4, time.year) || !scan.Char(" ") || !scan.Digits(2, 2, time.hour) || !scan.Char(":") ||
      !scan.Digits(2, 2, time.minute) || !scan.Char(":") || !scan.Digits(2, 2, time.second)) {
    return false;
  }
  if (scan.Char(".") && !scan.Fraction(time.micros)) return false;
  while (scan.Char(" ")) {
  }
  return scan.Zone(time.offset) && scan.AtEnd();
}

Json FromMicros(std::int64_t micros) {
  if (micros % 1'000'000 == 0) return micros / 1'000'000;
  return static_cast<double>(micros) / 1e6;
}

bool IsInteger(ShapeType type) { return type == ShapeType::kInteger || type == ShapeType::kLong; }

}  // namespace

std::string Base64Encode(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  std::size_t i = 0;
  auto byte = [&](std::size_t at) { return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at])); };
  for (; i + 3 <= bytes.size(); i += 3) {
    std::uint32_t group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    text += kBase64[group >> 18];
    text += kBase64[group >> 12 & 63];
    text += kBase64[group >> 6 & 63];
    text += kBase64[group & 63];
  }
  if (std::size_t rest = bytes.size() - i; rest > 0) {
    std::uint32_t group = byte(i) << 16 | (rest == 2 ? byte(i + 1) << 8 : 0);
    text += kBase64[group >> 18];
    text += kBase64[group >> 12 & 63];
    text += rest == 2 ? kBase64[group >> 6 & 63] : '=';
    text += '=';
  }
  return text;
}

std::string Base64Decode(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t group = 0;
  int count = 0;
  std::size_t i = 0;
  for (; i < text.size() && text[i] != '='; ++i) {
    char c = text[i];
    if (c == '\n' || c == '\r' || c == ' ' || c == '\t') continue;
    signed char value = kBase64Values[static_cast<unsigned char>(c)];
    if (value < 0) throw CodecError("a blob is not base64");
    group = group << 6 | static_cast<std::uint32_t>(value);
    if (++count == 4) {
      bytes += static_cast<char>(group >> 16);
      bytes += static_cast<char>(group >> 8);
      bytes += static_cast<char>(group);
      group = 0;
      count = 0;
    }
  }
  for (; i < text.size(); ++i) {
    if (std::string_view("= \r\n\t").find(text[i]) == std::string_view::npos) throw CodecError("a blob is not base64");
  }
  if (count == 1) throw CodecError("a blob is not base64");
  if (count >= 2) bytes += static_cast<char>(group >> (count == 2 ? 4 : 10));
  if (count == 3) bytes += static_cast<char>(group >> 2);
  return bytes;
}

TimestampFormat TimestampFormatOf(const Member& use, TimestampFormat otherwise) {
  if (use.timestamp_format.empty()) return otherwise;
  if (use.timestamp_format == "iso8601") return TimestampFormat::kIso8601;
  if (use.timestamp_format == "rfc822") return TimestampFormat::kRfc822;
  return TimestampFormat::kUnix;
}

std::string FormatTimestamp(double seconds, TimestampFormat format) {
  if (!(seconds >= kMinSeconds && seconds <= kMaxSeconds)) throw CodecError("a timestamp is out of range");
  const std::int64_t micros = std::llround(seconds * 1e6);
  if (format == TimestampFormat::kUnix) {
    return micros % 1'000'000 == 0 ? std::to_string(micros / 1'000'000) : FormatDouble(seconds);
  }
  using namespace std::chrono;
  const sys_time<microseconds> time{microseconds(micros)};
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  const int year = static_cast<int>(date.year());
  const unsigned month = static_cast<unsigned>(date.month());
  const unsigned month_day = static_cast<unsigned>(date.day());
  const int hour = static_cast<int>(clock.hours().count());
  const int minute = static_cast<int>(clock.minutes().count());
  const int second = static_cast<int>(clock.seconds().count());
  char text[64];
  int length = 0;
  if (format == TimestampFormat::kRfc822) {
    length =
        std::snprintf(text, sizeof text, "%s, %02u %s %04d %02d:%02d:%02d GMT", kWeekdays[weekday(day).c_encoding()],
                      month_day, kMonths[month - 1], year, hour, minute, second);
    return {text, static_cast<std::size_t>(length)};
  }
  length =
      std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d", year, month, month_day, hour, minute, second);
  std::string result(text, static_cast<std::size_t>(length));
  if (const int fraction = static_cast<int>(clock.subseconds().count()); fraction != 0) {
    length = fraction % 1000 == 0 ? std::snprintf(text, sizeof text, ".%03d", fraction / 1000)
                                  : std::snprintf(text, sizeof text, ".%06d", fraction);
    result.append(text, static_cast<std::size_t>(length));
  }
  result += 'Z';
  return result;
}

Json ParseTimestamp(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  Civil time;
  if (Civil iso; ScanIso8601(text, iso)) {
    time = iso;
  } else if (Civil rfc; ScanRfc822(text, rfc)) {
    time = rfc;
  } else {
    double seconds = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc() || end != text.data() + text.size() ||
        !(seconds >= kMinSeconds && seconds <= kMaxSeconds)) {
      throw CodecError("a timestamp is in no known format: " + std::string(text.substr(0, 60)));
    }
    return FromMicros(std::llround(seconds * 1e6));
  }
  using namespace std::chrono;
  const year_month_day date{year(time.year), month(static_cast<unsigned>(time.month)),
                            std::chrono::day(static_cast<unsigned>(time.day))};
  if (!date.ok() || time.hour > 24 || time.minute > 59 || time.second > 60) {
    throw CodecError("a timestamp names no moment: " + std::string(text.substr(0, 60)));
  }
  const std::int64_t days_seconds = sys_days(date).time_since_epoch().count() * std::int64_t{86400};
  const std::int64_t seconds = days_seconds + time.hour * 3600 + time.minute * 60 + time.second - time.offset;
  return FromMicros(seconds * 1'000'000 + time.micros);
}

std::string FormatDouble(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  char text[64];
  // Plain notation where it is of sensible length; the shortest digits that read back as the same number.
  const double magnitude = std::fabs(value);
  const bool plain = magnitude == 0 || (magnitude >= 1e-5 && magnitude < 1e17);
  auto [end, error] =
      std::to_chars(text, text + sizeof text, value, plain ? std::chars_format::fixed : std::chars_format::scientific);
  std::string result(text, end);
  if (plain && result.find('.') == std::string::npos) result += ".0";
  return result;
}

std::string FormatScalar(const Member& use, const Json& value, TimestampFormat timestamps) {
  switch (use.shape->type) {
    case ShapeType::kString:
      return StringOf(use, value);
    case ShapeType::kBlob:
      return Base64Encode(StringOf(use, value));
    case ShapeType::kBoolean:
      if (!value.is_boolean()) ThrowWrongType(use, value);
      return value.get<bool>() ? "true" : "false";
    case ShapeType::kInteger:
    case ShapeType::kLong:
      if (value.is_number_unsigned()) return std::to_string(value.get<std::uint64_t>());
      if (!value.is_number_integer()) ThrowWrongType(use, value);
      return std::to_string(value.get<std::int64_t>());
    case ShapeType::kFloat:
    case ShapeType::kDouble:
      if (!value.is_number()) ThrowWrongType(use, value);
      return FormatDouble(value.get<double>());
    case ShapeType::kTimestamp:
      if (!value.is_number()) ThrowWrongType(use, value);
      return FormatTimestamp(value.get<double>(), TimestampFormatOf(use, timestamps));
    default:
      ThrowWrongType(use, value);
  }
}

Json ParseScalar(const Member& use, std::string_view text) {
  switch (use.shape->type) {
    case ShapeType::kString:
      return Json(std::string(text));
    case ShapeType::kBlob:
      return Json(Base64Decode(text));
    case ShapeType::kBoolean:
      // botocore writes booleans of headers as Python does.
      if (text == "true" || text == "True" || text == "1") return true;
      if (text == "false" || text == "False" || text == "0") return false;
      break;
    case ShapeType::kInteger:
    case ShapeType::kLong: {
      std::int64_t value = 0;
      auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error != std::errc() || end != text.data() + text.size()) break;
      if (use.shape->type == ShapeType::kInteger &&
          (value > std::numeric_limits<std::int32_t>::max() || value < std::numeric_limits<std::int32_t>::min())) {
        break;
      }
      return value;
    }
    case ShapeType::kFloat:
    case ShapeType::kDouble: {
      if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
      if (text == "Infinity") return std::numeric_limits<double>::infinity();
      if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
      double value = 0;
      auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) break;
      return value;
    }
    case ShapeType::kTimestamp:
      return ParseTimestamp(text);
    default:
      break;
  }
  throw CodecError("the value of " + (use.name.empty() ? use.shape->name : use.name) + " is no " +
                   std::string(TypeName(use.shape->type)) + ": " + std::string(text.substr(0, 60)));
}

void ThrowWrongType(const Member& use, const Json& value) {
  const std::string& name = use.name.empty() ? use.shape->name : use.name;
  // The JSON services of AWS answer in these words.
  switch (use.shape->type) {
    case ShapeType::kStructure:
      if (value.is_array()) throw CodecError("Unexpected list at " + name + ": expected a structure or null");
      throw CodecError("Expected a structure or null at " + name);
    case ShapeType::kList:
      throw CodecError("Expected list or null at " + name);
    case ShapeType::kMap:
      throw CodecError("Expected map or null at " + name);
    default:
      break;
  }
  if (value.is_array()) throw CodecError("Start of list found where not expected, at " + name);
  if (value.is_object()) throw CodecError("Start of structure or map found where not expected, at " + name);
  std::string_view found = value.is_string()    ? "STRING_VALUE"
                           : value.is_boolean() ? (value.get<bool>() ? "TRUE_VALUE" : "FALSE_VALUE")
                                                : "NUMBER_VALUE";
  std::string_view article = IsInteger(use.shape->type) && use.shape->type == ShapeType::kInteger ? "an " : "a ";
  throw CodecError(std::string(found) + " can not be converted to " + std::string(article) +
                   std::string(TypeName(use.shape->type)) + ", at " + name);
}

void ThrowUnknownMember(const Shape& shape, std::string_view name) {
  throw CodecError(shape.name + " has no member " + std::string(name));
}

void CheckUtf8(std::string_view text) {
  if (auto offset = FindInvalidUtf8(text)) {
    throw CodecError("the message is not UTF-8: stray byte at offset " + std::to_string(*offset));
  }
}

const std::string& StringOf(const Member& use, const Json& value) {
  if (!value.is_string()) ThrowWrongType(use, value);
  return value.get_ref<const std::string&>();
}

const Json::object_t& ObjectOf(const Member& use, const Json& value) {
  if (!value.is_object()) ThrowWrongType(use, value);
  return value.get_ref<const Json::object_t&>();
}

const Json::array_t& ArrayOf(const Member& use, const Json& value) {
  if (!value.is_array()) ThrowWrongType(use, value);
  return value.get_ref<const Json::array_t&>();
}

}  // namespace adhoc::aws
