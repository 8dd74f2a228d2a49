// Scalars on the wire: base64, timestamps, numbers, and the text form that XML, forms, URIs and headers share.
// Pure functions; everything that reads throws CodecError on what it cannot read.
#pragma once

#include <string>
#include <string_view>

#include "aws/codec/codec.h"
#include "aws/model/model.h"
#include "base/json.h"

namespace adhoc::aws {

std::string Base64Encode(std::string_view bytes);
std::string Base64Decode(std::string_view text);

// Deeper documents are refused: no operation needs more, and decoding recurses.
constexpr int kMaxDepth = 200;

enum class TimestampFormat { kIso8601, kRfc822, kUnix };

// A member's own format, or its protocol's default for the place.
TimestampFormat TimestampFormatOf(const Member& use, TimestampFormat otherwise);
// Fractions to the microsecond, as far as the format has them (iso8601 writes milliseconds where that is exact).
std::string FormatTimestamp(double seconds, TimestampFormat format);
// Any of the formats. A whole number of seconds becomes an integer.
Json ParseTimestamp(std::string_view text);

// The text of a scalar. Throws CodecError when the value is of another type than the shape.
std::string FormatScalar(const Member& use, const Json& value, TimestampFormat timestamps);
// The value of a scalar's text.
Json ParseScalar(const Member& use, std::string_view text);

std::string FormatDouble(double value);

// Throws CodecError naming the member and both types.
[[noreturn]] void ThrowWrongType(const Member& use, const Json& value);
[[noreturn]] void ThrowUnknownMember(const Shape& shape, std::string_view name);
void CheckUtf8(std::string_view text);

const std::string& StringOf(const Member& use, const Json& value);
const Json::object_t& ObjectOf(const Member& use, const Json& value);
const Json::array_t& ArrayOf(const Member& use, const Json& value);

// Calls visit(member, value) for each value of a document that the structure has a member for. Others throw when
// `strict`, else they are left out, as are nulls.
template <typename Visit>
void ForEachMember(const Shape& shape, const Json::object_t& document, bool strict, Visit visit) {
  // Both are sorted by name.
  auto member = shape.by_name.begin();
  for (const auto& [name, value] : document) {
    while (member != shape.by_name.end() && (*member)->name < name) ++member;
    if (member == shape.by_name.end() || (*member)->name != name) {
      if (strict) ThrowUnknownMember(shape, name);
      continue;
    }
    if (!value.is_null()) visit(**member, value);
  }
}

}  // namespace adhoc::aws
