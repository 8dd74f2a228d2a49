#include "aws/codec/cbor_codec.h"

#include <bit>
#include <cmath>
#include <cstdint>

#include "aws/codec/json_codec.h"
#include "aws/codec/values.h"

namespace adhoc::aws {

namespace {

enum Major : unsigned { kUnsigned, kNegative, kBytes, kText, kArray, kMap, kTag, kSimple };

constexpr unsigned kIndefinite = 31;
constexpr unsigned char kBreak = 0xFF;

Member UseOf(const Shape& shape) {
  Member use;
  use.shape = &shape;
  return use;
}

void WriteBigEndian(std::uint64_t value, int bytes, std::string& out) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
}

void WriteHead(Major major, std::uint64_t value, std::string& out) {
  const unsigned top = major << 5;
  if (value < 24) {
    out += static_cast<char>(top | value);
  } else if (value <= 0xFF) {
    out += static_cast<char>(top | 24);
    WriteBigEndian(value, 1, out);
  } else if (value <= 0xFFFF) {
    out += static_cast<char>(top | 25);
    WriteBigEndian(value, 2, out);
  } else if (value <= 0xFFFF'FFFF) {
    out += static_cast<char>(top | 26);
    WriteBigEndian(value, 4, out);
  } else {
    out += static_cast<char>(top | 27);
    WriteBigEndian(value, 8, out);
  }
}

void WriteInteger(const Json& value, std::string& out) {
  if (value.is_number_unsigned()) {
    WriteHead(kUnsigned, value.get<std::uint64_t>(), out);
    return;
  }
  const auto number = value.get<std::int64_t>();
  if (number >= 0) {
    WriteHead(kUnsigned, static_cast<std::uint64_t>(number), out);
  } else {
    WriteHead(kNegative, ~static_cast<std::uint64_t>(number), out);
  }
}

void WriteFloat(double value, std::string& out) {
  out += static_cast<char>(kSimple << 5 | 27);
  WriteBigEndian(std::bit_cast<std::uint64_t>(value), 8, out);
}

double HalfToDouble(unsigned half) {
  const int exponent = static_cast<int>(half >> 10 & 31);
  const int mantissa = static_cast<int>(half & 1023);
  const double value = exponent == 0    ? std::ldexp(mantissa, -24)
                       : exponent != 31 ? std::ldexp(mantissa + 1024, exponent - 25)
                       : mantissa == 0  ? INFINITY
                                        : NAN;
  return (half & 0x8000) != 0 ? -value : value;
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  Json Read(int depth) {
    if (depth > kMaxDepth) throw CodecError("the CBOR nests too deep");
    const unsigned char first = Byte();
    const unsigned major = first >> 5;
    const unsigned info = first & 31;
    switch (major) {
      case kUnsigned:
        return Argument(info);
      case kNegative: {
        const std::uint64_t value = Argument(info);
        if (value > INT64_MAX) throw CodecError("a number is out of range");
        return -1 - static_cast<std::int64_t>(value);
      }
      case kBytes:
      case kText:
        return String(major, info);
      case kArray: {
        Json list = Json::array();
        Repeat(info, [&] { list.push_back(Read(depth + 1)); });
        return list;
      }
      case kMap: {
        Json map = Json::object();
        Repeat(info, [&] {
          const unsigned char key = Byte();
          if (key >> 5 != kText) throw CodecError("a key is no text");
          std::string name = String(kText, key & 31);
          map[std::move(name)] = Read(depth + 1);
        });
        return map;
      }
      case kTag:
        Argument(info);
        return Read(depth + 1);
      default:
        return Simple(info);
    }
  }

  bool AtEnd() const { return bytes_.empty(); }

 private:
  unsigned char Byte() {
    if (bytes_.empty()) throw CodecError("the CBOR is cut off");
    const auto byte = static_cast<unsigned char>(bytes_.front());
    bytes_.remove_prefix(1);
    return byte;
  }
  std::uint64_t BigEndian(int bytes) {
    std::uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) value = value << 8 | Byte();
    return value;
  }
  std::uint64_t Argument(unsigned info) {
    if (info < 24) return info;
    if (info > 27) throw CodecError("the CBOR has a head that means nothing");
    return BigEndian(1 << (info - 24));
  }
  // Until the count or the break. A count that the body cannot hold ends with the body.
  template <typename Visit>
  void Repeat(unsigned info, Visit visit) {
    if (info == kIndefinite) {
      while (!TakeBreak()) visit();
      return;
    }
    for (std::uint64_t i = 0, count = Argument(info); i < count; ++i) visit();
  }
  bool TakeBreak() {
    if (bytes_.empty() || static_cast<unsigned char>(bytes_.front()) != kBreak) return false;
    bytes_.remove_prefix(1);
    return true;
  }
  std::string String(unsigned major, unsigned info) {
    std::string text;
    if (info == kIndefinite) {
      while (!TakeBreak()) {
        const unsigned char chunk = Byte();
        if (chunk >> 5 != major || (chunk & 31) == kIndefinite) throw CodecError("a string has a piece that is none");
        text += String(major, chunk & 31);
      }
      return text;
    }
    const std::uint64_t length = Argument(info);
    if (length > bytes_.size()) throw CodecError("the CBOR is cut off");
    text = bytes_.substr(0, length);
    bytes_.remove_prefix(length);
    if (major == kText) CheckUtf8(text);
    return text;
  }
  Json Simple(unsigned info) {
    switch (info) {
      case 20:
        return false;
      case 21:
        return true;
      case 22:
      case 23:
        return Json();
      case 25:
        return HalfToDouble(static_cast<unsigned>(BigEndian(2)));
      case 26:
        return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(BigEndian(4))));
      case 27:
        return std::bit_cast<double>(BigEndian(8));
      default:
        throw CodecError("the CBOR has a head that means nothing");
    }
  }

  std::string_view bytes_;
};

}  // namespace

void WriteCborText(std::string_view text, std::string& out) {
  WriteHead(kText, text.size(), out);
  out += text;
}

void WriteCborMapHead(std::size_t entries, std::string& out) { WriteHead(kMap, entries, out); }

void WriteCborStructure(const Shape& shape, const Json& document, bool strict, std::string& out) {
  const auto& object = ObjectOf(UseOf(shape), document);
  std::size_t count = 0;
  ForEachMember(shape, object, strict, [&](const Member&, const Json&) { ++count; });
  WriteHead(kMap, count, out);
  ForEachMember(shape, object, strict, [&](const Member& member, const Json& value) {
    WriteCborText(member.name, out);
    WriteCbor(member, value, strict, out);
  });
}

void WriteCbor(const Member& use, const Json& document, bool strict, std::string& out) {
  switch (use.shape->type) {
    case ShapeType::kStructure:
      if (!document.is_object()) ThrowWrongType(use, document);
      WriteCborStructure(*use.shape, document, strict, out);
      return;
    case ShapeType::kList: {
      const auto& items = ArrayOf(use, document);
      WriteHead(kArray, items.size(), out);
      for (const Json& item : items) WriteCbor(use.shape->element, item, strict, out);
      return;
    }
    case ShapeType::kMap: {
      const auto& entries = ObjectOf(use, document);
      WriteHead(kMap, entries.size(), out);
      for (const auto& [key, value] : entries) {
        WriteCborText(key, out);
        WriteCbor(use.shape->value, value, strict, out);
      }
      return;
    }
    case ShapeType::kString:
      WriteCborText(StringOf(use, document), out);
      return;
    case ShapeType::kBlob:
      WriteHead(kBytes, StringOf(use, document).size(), out);
      out += StringOf(use, document);
      return;
    case ShapeType::kBoolean:
      if (!document.is_boolean()) ThrowWrongType(use, document);
      out += static_cast<char>(kSimple << 5 | (document.get<bool>() ? 21 : 20));
      return;
    case ShapeType::kInteger:
    case ShapeType::kLong:
      if (!document.is_number_integer()) ThrowWrongType(use, document);
      WriteInteger(document, out);
      return;
    case ShapeType::kFloat:
    case ShapeType::kDouble:
      if (!document.is_number()) ThrowWrongType(use, document);
      WriteFloat(document.get<double>(), out);
      return;
    case ShapeType::kTimestamp:
      if (!document.is_number()) ThrowWrongType(use, document);
      WriteHead(kTag, 1, out);
      if (document.is_number_integer()) {
        WriteInteger(document, out);
      } else {
        WriteFloat(document.get<double>(), out);
      }
      return;
  }
}

Json ParseCbor(std::string_view bytes) {
  Reader reader(bytes);
  Json value = reader.Read(0);
  if (!reader.AtEnd()) throw CodecError("the CBOR goes on after its end");
  return value;
}

Json ReadCborStructure(const Shape& shape, std::string_view body) {
  if (body.empty()) return Json::object();
  return FromJson(UseOf(shape), ParseCbor(body), BlobForm::kBytes);
}

}  // namespace adhoc::aws
