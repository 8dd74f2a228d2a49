#include "aws/codec/random_document.h"

#include <cstdint>
#include <limits>
#include <string>

namespace adhoc::aws {

namespace {

constexpr int kMaxRandomDepth = 7;

class Generator {
 public:
  Generator(const Service& service, std::mt19937_64& random, RandomDocumentOptions options)
      : service_(service), random_(random), options_(options) {
    const bool form = service.protocol == Protocol::kQuery || service.protocol == Protocol::kEc2;
    form_ = form && options.request;
    rest_ = service.protocol == Protocol::kRestJson || service.protocol == Protocol::kRestXml;
  }

  Json Root(const Shape& shape) {
    Json document = Json::object();
    for (const Member& member : shape.members) {
      const bool payload = rest_ && member.name == shape.payload;
      // What is always there in a message: the URI's labels, a response's raw body, a JSON body.
      const bool always = (rest_ && member.location == Location::kUri) ||
                          (payload && (!options_.request || service_.protocol == Protocol::kRestJson));
      if (!always && !member.required && !Chance(0.6)) continue;
      if (member.location == Location::kStatusCode) continue;
      Json value = At(member, payload);
      if (!value.is_null()) document[member.name] = std::move(value);
    }
    return document;
  }

 private:
  bool Chance(double probability) { return std::uniform_real_distribution<>(0, 1)(random_) < probability; }
  std::int64_t Number(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }

  // A value for the place that the member has in the message.
  Json At(const Member& member, bool payload) {
    if (payload && member.shape->type == ShapeType::kString) return Text(1, 40);
    if (payload && member.shape->type == ShapeType::kBlob) return Bytes(1);
    switch (member.location) {
      case Location::kUri: {
        std::string text = Chance(0.5) ? "x" + HeaderText() : HeaderText();
        if (Chance(0.3)) text += "ü/+%?";
        // Route 53's ids lose everything before a slash.
        if (service_.name == "route53") std::erase(text, '/');
        return member.shape->type == ShapeType::kString ? Json(text) : Value(member, 0);
      }
      case Location::kHeader:
        return HeaderValue(member);
      case Location::kHeaders: {
        Json map = Json::object();
        for (int i = 0; i < Number(1, 3); ++i) map["key-" + std::to_string(Number(0, 99))] = HeaderText();
        return map;
      }
      case Location::kQueryString:
        if (member.shape->type == ShapeType::kList) {
          Json list = Json::array();
          for (int i = 0; i < Number(1, 3); ++i) list.push_back(Value(member.shape->element, 0));
          return list;
        }
        return Value(member, 0);
      default:
        return Value(member, 0);
    }
  }

  Json HeaderValue(const Member& member) {
    switch (member.shape->type) {
      case ShapeType::kString:
        return HeaderText();
      case ShapeType::kTimestamp:
        return Number(0, 4'000'000'000);
      case ShapeType::kList: {
        Json list = Json::array();
        for (int i = 0; i < Number(1, 3); ++i) list.push_back(HeaderText());
        return list;
      }
      default:
        return Value(member, 0);
    }
  }

  // Printable ASCII without blanks or commas.
  std::string HeaderText() {
    static constexpr char kCharacters[] = "abcXYZ0189-._~:/@!$&'()*+;=[]{}\"<>";
    std::string text;
    for (int i = 0; i < Number(1, 12); ++i) text += kCharacters[Number(0, sizeof kCharacters - 2)];
    return text;
  }

  std::string Text(int low, int high) {
    static const char* const kPieces[] = {"a",  "b", "Z",   "0",     " ",   "-", ".",  "/",  "&",  "<", ">",
                                          "\"", "'", "=",   "%",     "+",   "#", "\n", "\t", "\\", "ä", "€",
                                          "漢", "😀", "%20", "&amp;", "]]>", ";", "{",  "}",  "\r"};
    std::string text;
    const std::int64_t count = Number(low, high);
    for (int i = 0; i < count; ++i) text += kPieces[Number(0, std::size(kPieces) - 1)];
    return text;
  }

  std::string Bytes(int low) {
    std::string bytes;
    const std::int64_t count = Number(low, 40);
    for (int i = 0; i < count; ++i) bytes += static_cast<char>(Number(0, 255));
    return bytes;
  }

  Json Timestamp(const Member& use) {
    const std::int64_t seconds = Number(0, 4'000'000'000);
    if (options_.whole_seconds || use.timestamp_format == "rfc822" || Chance(0.3)) return seconds;
    const bool millis = Chance(0.7);
    const std::int64_t micros = millis ? Number(1, 999) * 1000 : Number(1, 999'999);
    return static_cast<double>(seconds * 1'000'000 + micros) / 1e6;
  }

  // Null where the member is better left out.
  Json Value(const Member& use, int depth) {
    const Shape& shape = *use.shape;
    // What the message has no way to say.
    const bool no_empty_list = use.flattened || (form_ && service_.protocol == Protocol::kEc2);
    switch (shape.type) {
      case ShapeType::kStructure: {
        Json document = Json::object();
        for (const Member& member : shape.members) {
          if (depth > kMaxRandomDepth || !Chance(depth > 3 ? 0.3 : 0.6)) continue;
          Json value = Value(member, depth + 1);
          if (!value.is_null()) document[member.name] = std::move(value);
        }
        if (form_ && document.empty()) return Json();
        return document;
      }
      case ShapeType::kList: {
        Json list = Json::array();
        if (depth <= kMaxRandomDepth) {
          for (int i = 0, count = static_cast<int>(Number(0, 3)); i < count; ++i) {
            Json value = Value(shape.element, depth + 1);
            if (!value.is_null()) list.push_back(std::move(value));
          }
        }
        if (list.empty() && no_empty_list) return Json();
        return list;
      }
      case ShapeType::kMap: {
        Json map = Json::object();
        if (depth <= kMaxRandomDepth) {
          for (int i = 0, count = static_cast<int>(Number(0, 3)); i < count; ++i) {
            Json value = Value(shape.value, depth + 1);
            if (!value.is_null()) map[Text(1, 8)] = std::move(value);
          }
        }
        if (map.empty() && (form_ || use.flattened)) return Json();
        return map;
      }
      case ShapeType::kString:
        if (!shape.enumeration.empty() && Chance(0.7)) {
          return shape.enumeration[static_cast<std::size_t>(
              Number(0, static_cast<std::int64_t>(shape.enumeration.size()) - 1))];
        }
        // An empty location is no location to GetBucketLocation.
        return Text(shape.name == "BucketLocationConstraint" ? 1 : 0, 12);
      case ShapeType::kBlob:
        return Bytes(0);
      case ShapeType::kBoolean:
        return Chance(0.5);
      case ShapeType::kInteger:
        return Chance(0.1) ? Json(std::numeric_limits<std::int32_t>::min()) : Json(Number(-1000, 2'000'000'000));
      case ShapeType::kLong:
        return Chance(0.1) ? Json(std::numeric_limits<std::int64_t>::max()) : Json(Number(-1000, 1LL << 52));
      case ShapeType::kFloat:
      case ShapeType::kDouble: {
        const double magnitude = Chance(0.2) ? 1e-9 : Chance(0.2) ? 1e20 : 1000;
        return std::uniform_real_distribution<>(-magnitude, magnitude)(random_);
      }
      case ShapeType::kTimestamp:
        return Timestamp(use);
    }
    return Json();
  }

  const Service& service_;
  std::mt19937_64& random_;
  RandomDocumentOptions options_;
  bool form_ = false;
  bool rest_ = false;
};

}  // namespace

Json RandomDocument(const Service& service, const Shape* shape, std::mt19937_64& random,
                    RandomDocumentOptions options) {
  if (shape == nullptr) return Json::object();
  return Generator(service, random, options).Root(*shape);
}

}  // namespace adhoc::aws
