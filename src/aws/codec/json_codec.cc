#include "aws/codec/json_codec.h"

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "aws/codec/values.h"
#include "base/text.h"

namespace adhoc::aws {

namespace {

Member UseOf(const Shape& shape) {
  Member use;
  use.shape = &shape;
  return use;
}

// True for the bytes that stand for themselves in a JSON string; bytes of multi-byte characters are checked apart.
constexpr auto kPlain = [] {
  std::array<bool, 256> plain{};
  for (int c = 0x20; c < 0x80; ++c) plain[static_cast<std::size_t>(c)] = c != '"' && c != '\\';
  return plain;
}();

void CheckDepth(std::string_view text) {
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    switch (text[i]) {
      case '"':
        for (++i; i < text.size() && text[i] != '"'; ++i) {
          if (text[i] == '\\') ++i;
        }
        break;
      case '{':
      case '[':
        if (++depth > kMaxDepth) throw CodecError("the JSON nests too deep");
        break;
      case '}':
      case ']':
        --depth;
        break;
      default:
        break;
    }
  }
}

void Normalize(const Member& use, Json& value, BlobForm blobs);

void NormalizeStructure(const Shape& shape, Json& value, BlobForm blobs) {
  auto& object = value.get_ref<Json::object_t&>();
  std::vector<std::pair<const Member*, Json>> renamed;
  for (auto it = object.begin(); it != object.end();) {
    const Member* member = it->second.is_null() ? nullptr : shape.FindBodyName(it->first);
    if (member == nullptr) {
      it = object.erase(it);
      continue;
    }
    Normalize(*member, it->second, blobs);
    if (member->name == it->first) {
      ++it;
    } else {
      renamed.emplace_back(member, std::move(it->second));
      it = object.erase(it);
    }
  }
  for (auto& [member, renamed_value] : renamed) object[member->name] = std::move(renamed_value);
}

// Makes a document of parsed JSON in place: unknown members and nulls dropped, blobs decoded, scalars checked.
void Normalize(const Member& use, Json& value, BlobForm blobs) {
  switch (use.shape->type) {
    case ShapeType::kStructure:
      if (!value.is_object()) ThrowWrongType(use, value);
      NormalizeStructure(*use.shape, value, blobs);
      return;
    case ShapeType::kList: {
      if (!value.is_array()) ThrowWrongType(use, value);
      auto& array = value.get_ref<Json::array_t&>();
      std::erase_if(array, [](const Json& item) { return item.is_null(); });
      for (Json& item : array) Normalize(use.shape->element, item, blobs);
      return;
    }
    case ShapeType::kMap: {
      if (!value.is_object()) ThrowWrongType(use, value);
      auto& object = value.get_ref<Json::object_t&>();
      std::erase_if(object, [](const auto& item) { return item.second.is_null(); });
      for (auto& [key, item] : object) Normalize(use.shape->value, item, blobs);
      return;
    }
    case ShapeType::kString:
      if (!value.is_string()) ThrowWrongType(use, value);
      return;
    case ShapeType::kBlob:
      if (!value.is_string()) ThrowWrongType(use, value);
      if (blobs == BlobForm::kBase64) value = Base64Decode(value.get_ref<const std::string&>());
      return;
    case ShapeType::kBoolean:
      if (!value.is_boolean()) ThrowWrongType(use, value);
      return;
    case ShapeType::kInteger:
    case ShapeType::kLong: {
      if (value.is_number_float()) {
        // AWS truncates; a number past the range is refused below.
        const double number = std::trunc(value.get<double>());
        if (!(std::fabs(number) < 9.2e18)) ThrowWrongType(use, value);
        value = static_cast<std::int64_t>(number);
      }
      if (!value.is_number_integer()) ThrowWrongType(use, value);
      if (value.is_number_unsigned() && value.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max()) {
        ThrowWrongType(use, value);
      }
      const auto number = value.get<std::int64_t>();
      if (use.shape->type == ShapeType::kInteger &&
          (number > std::numeric_limits<std::int32_t>::max() || number < std::numeric_limits<std::int32_t>::min())) {
        ThrowWrongType(use, value);
      }
      return;
    }
    case ShapeType::kFloat:
    case ShapeType::kDouble:
      if (value.is_string()) {
        value = ParseScalar(use, StringOf(use, value));  // NaN and the infinities
      } else if (!value.is_number()) {
        ThrowWrongType(use, value);
      }
      return;
    case ShapeType::kTimestamp:
      if (value.is_string()) {
        value = ParseTimestamp(StringOf(use, value));
      } else if (!value.is_number()) {
        ThrowWrongType(use, value);
      }
      return;
  }
}

}  // namespace

void WriteJsonString(std::string_view text, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (kPlain[c]) {
      ++i;
      continue;
    }
    if (c >= 0x80) {
      // The rest up to a stray byte goes unchanged; the stray byte, which no reader would take, as U+FFFD.
      std::size_t end = i + 1;
      while (end < text.size() && static_cast<unsigned char>(text[end]) >= 0x80) ++end;
      auto invalid = FindInvalidUtf8(text.substr(i, end - i));
      if (!invalid) {
        i = end;
        continue;
      }
      out.append(text.substr(start, i + *invalid - start));
      out += "\xEF\xBF\xBD";
      i += *invalid + 1;
      start = i;
      continue;
    }
    out.append(text.substr(start, i - start));
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += "\\u00";
        out += kHex[c >> 4];
        out += kHex[c & 15];
    }
    start = ++i;
  }
  out.append(text.substr(start));
  out += '"';
}

void WriteJsonStructure(const Shape& shape, const Json& document, bool strict, std::string& out) {
  out += '{';
  bool first = true;
  ForEachMember(shape, ObjectOf(UseOf(shape), document), strict, [&](const Member& member, const Json& value) {
    if (member.location != Location::kBody) return;
    if (!first) out += ',';
    first = false;
    out += '"';
    out += member.wire_name();  // names of the model need no escapes
    out += "\":";
    WriteJson(member, value, strict, out);
  });
  out += '}';
}

void WriteJson(const Member& use, const Json& document, bool strict, std::string& out) {
  switch (use.shape->type) {
    case ShapeType::kStructure:
      if (!document.is_object()) ThrowWrongType(use, document);
      WriteJsonStructure(*use.shape, document, strict, out);
      return;
    case ShapeType::kList: {
      out += '[';
      bool first = true;
      for (const Json& item : ArrayOf(use, document)) {
        if (item.is_null()) continue;
        if (!first) out += ',';
        first = false;
        WriteJson(use.shape->element, item, strict, out);
      }
      out += ']';
      return;
    }
    case ShapeType::kMap: {
      out += '{';
      bool first = true;
      for (const auto& [key, value] : ObjectOf(use, document)) {
        if (value.is_null()) continue;
        if (!first) out += ',';
        first = false;
        WriteJsonString(key, out);
        out += ':';
        WriteJson(use.shape->value, value, strict, out);
      }
      out += '}';
      return;
    }
    case ShapeType::kString:
      WriteJsonString(StringOf(use, document), out);
      return;
    case ShapeType::kBlob:
      out += '"';
      out += Base64Encode(StringOf(use, document));
      out += '"';
      return;
    case ShapeType::kFloat:
    case ShapeType::kDouble:
      if (document.is_number_float() && !std::isfinite(document.get<double>())) {
        WriteJsonString(FormatDouble(document.get<double>()), out);
        return;
      }
      break;
    case ShapeType::kTimestamp:
      if (TimestampFormatOf(use, TimestampFormat::kUnix) != TimestampFormat::kUnix) {
        WriteJsonString(FormatScalar(use, document, TimestampFormat::kUnix), out);
        return;
      }
      break;
    default:
      break;
  }
  out += FormatScalar(use, document, TimestampFormat::kUnix);
}

Json ParseJson(std::string_view text) {
  CheckDepth(text);
  try {
    return Json::parse(text);
  } catch (const Json::exception&) {
    throw CodecError("the body is not JSON");
  }
}

Json FromJson(const Member& use, Json value, BlobForm blobs) {
  Normalize(use, value, blobs);
  return value;
}

Json ReadJsonStructure(const Shape& shape, std::string_view body) {
  if (body.empty()) return Json::object();
  Json value = ParseJson(body);
  if (value.is_null()) return Json::object();
  if (!value.is_object()) ThrowWrongType(UseOf(shape), value);
  NormalizeStructure(shape, value, BlobForm::kBase64);
  return value;
}

}  // namespace adhoc::aws
