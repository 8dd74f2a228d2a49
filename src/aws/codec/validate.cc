// Validate.
#include <boost/regex.hpp>
#include <cctype>
#include <cmath>
#include <map>
#include <memory>

#include "aws/codec/codec.h"
#include "aws/codec/values.h"
#include "base/sync.h"
#include "base/text.h"

namespace adhoc::aws {

namespace {

// A pattern of the model, or null when it is written in a dialect that this library lacks (Unicode classes): such a
// pattern is not checked. Boost's engine, unlike the standard library's, does not recurse and gives up on explosive
// patterns.
std::shared_ptr<const boost::regex> PatternOf(const Shape& shape) {
  static Sync<std::map<const Shape*, std::shared_ptr<const boost::regex>>> cache;
  auto patterns = cache.lock();
  auto [it, added] = patterns->try_emplace(&shape);
  // \u, \x{…} and \p reach beyond bytes, and so do sets with characters outside ASCII.
  const bool bytes_only =
      shape.pattern.find("\\u") == std::string::npos && shape.pattern.find("\\p") == std::string::npos &&
      shape.pattern.find("\\P") == std::string::npos && shape.pattern.find("\\x") == std::string::npos &&
      shape.pattern.find_first_not_of(
          "\t\n\r !\"#$%&'()*+,-./0123456789:;<=>?@"
          "ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
          "abcdefghijklmnopqrstuvwxyz{|}~") == std::string::npos;
  if (added && bytes_only) {
    try {
      it->second = std::make_shared<boost::regex>(shape.pattern, boost::regex::perl);
    } catch (const boost::regex_error&) {
      // Stays null.
    }
  }
  return it->second;
}

bool Matches(const Shape& shape, const std::string& text) {
  const auto pattern = PatternOf(shape);
  if (pattern == nullptr) return true;
  try {
    return boost::regex_match(text, *pattern);
  } catch (const std::exception&) {
    return true;  // too complex to decide
  }
}

// A violation's place as two texts: Actions[0].TargetGroupArn for people, and actions.1.member.targetGroupArn as AWS
// writes it, whatever the case of the names on the wire.
struct Place {
  std::string path;
  std::string aws;

  Place Member(const std::string& name) const {
    std::string aws_name = name;
    aws_name[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(aws_name[0])));
    return {path.empty() ? name : path + "." + name, aws.empty() ? aws_name : aws + "." + aws_name};
  }
  Place Element(std::size_t index) const {
    return {path + "[" + std::to_string(index) + "]", aws + "." + std::to_string(index + 1) + ".member"};
  }
  Place Entry(const std::string& key) const { return {path + "." + key, aws + "." + key + ".member"}; }
};

std::string NumberText(double number) {
  return number == std::floor(number) && std::fabs(number) < 1e18 ? std::to_string(static_cast<long long>(number))
                                                                  : FormatDouble(number);
}

std::string TypeText(const Json& value) {
  if (value.is_string()) return "a string";
  if (value.is_boolean()) return "a boolean";
  if (value.is_number_integer()) return "an integer";
  if (value.is_number()) return "a number";
  if (value.is_array()) return "a list";
  if (value.is_object()) return "a structure";
  return "null";
}

class Validator {
 public:
  std::vector<Violation> Take() { return std::move(violations_); }

  void CheckStructure(const Shape& shape, const Json& document, const Place& place, int depth) {
    if (!document.is_object()) {
      AddType(document, place, "a structure");
      return;
    }
    for (const Member& member : shape.members) {
      if (!member.required || document.contains(member.name)) continue;
      const Place at = place.Member(member.name);
      Add(Violation::Kind::kMissing, at,
          "Value null at '" + at.aws + "' failed to satisfy constraint: Member must not be null");
    }
    for (const auto& [name, value] : document.get_ref<const Json::object_t&>()) {
      const Member* member = shape.FindMember(name);
      if (member == nullptr) {
        const Place at = place.Member(name);
        Add(Violation::Kind::kUnknown, at, "Unknown parameter " + at.path);
        continue;
      }
      Check(*member, value, place.Member(name), depth + 1);
    }
  }

 private:
  void Add(Violation::Kind kind, const Place& place, std::string message) {
    violations_.push_back({kind, place.path, std::move(message)});
  }
  void AddType(const Json& value, const Place& place, const std::string& wanted) {
    Add(Violation::Kind::kType, place,
        "Invalid type for parameter " + place.path + ": " + TypeText(value) + " where " + wanted + " belongs");
  }
  void AddConstraint(Violation::Kind kind, const Member& use, const Json& value, const Place& place,
                     const std::string& constraint) {
    std::string text;
    if (use.sensitive || use.shape->sensitive) {
      text = "***Sensitive Data Redacted***";
    } else if (value.is_string()) {
      text = value.get_ref<const std::string&>();
    } else if (value.is_number()) {
      text = NumberText(value.get<double>());
    } else {
      text = ListText(value);
    }
    Add(kind, place, "Value '" + text + "' at '" + place.aws + "' failed to satisfy constraint: " + constraint);
  }
  static std::string ListText(const Json& value) {
    std::string text = "[";
    for (const Json& item : value) {
      if (text.size() > 1) text += ", ";
      text += item.is_string() ? item.get<std::string>() : item.is_structured() ? "…" : item.dump();
    }
    return text + "]";
  }

  void CheckSize(const Member& use, const Json& value, double size, const Place& place, Violation::Kind kind,
                 const std::string& what) {
    const Shape& shape = *use.shape;
    if (shape.min && size < *shape.min) {
      AddConstraint(kind, use, value, place,
                    "Member must have " + what + " greater than or equal to " + NumberText(*shape.min));
    }
    if (shape.max && size > *shape.max) {
      AddConstraint(kind, use, value, place,
                    "Member must have " + what + " less than or equal to " + NumberText(*shape.max));
    }
  }

  void CheckString(const Member& use, const Json& value, const Place& place) {
    const Shape& shape = *use.shape;
    const std::string& text = value.get_ref<const std::string&>();
    if (!shape.enumeration.empty()) {
      bool known = false;
      for (const std::string& allowed : shape.enumeration) known = known || allowed == text;
      if (!known) {
        AddConstraint(Violation::Kind::kEnum, use, value, place,
                      "Member must satisfy enum value set: [" + Join(shape.enumeration) + "]");
      }
    }
    if (shape.min || shape.max) {
      CheckSize(use, value, static_cast<double>(CountCodePoints(text)), place, Violation::Kind::kLength, "length");
    }
    if (!shape.pattern.empty() && !Matches(shape, text)) {
      AddConstraint(Violation::Kind::kPattern, use, value, place,
                    "Member must satisfy regular expression pattern: " + shape.pattern);
    }
  }

  void Check(const Member& use, const Json& value, const Place& place, int depth) {
    if (depth > kMaxDepth) {
      Add(Violation::Kind::kType, place, "Invalid parameter " + place.path + ": it nests too deep");
      return;
    }
    const Shape& shape = *use.shape;
    switch (shape.type) {
      case ShapeType::kStructure:
        CheckStructure(shape, value, place, depth);
        return;
      case ShapeType::kList:
        if (!value.is_array()) return AddType(value, place, "a list");
        CheckSize(use, value, static_cast<double>(value.size()), place, Violation::Kind::kLength, "length");
        for (std::size_t i = 0; i < value.size(); ++i) Check(shape.element, value[i], place.Element(i), depth + 1);
        return;
      case ShapeType::kMap:
        if (!value.is_object()) return AddType(value, place, "a map");
        CheckSize(use, value, static_cast<double>(value.size()), place, Violation::Kind::kLength, "length");
        for (const auto& [key, item] : value.get_ref<const Json::object_t&>()) {
          CheckString(shape.key, Json(key), place.Entry(key));
          Check(shape.value, item, place.Entry(key), depth + 1);
        }
        return;
      case ShapeType::kString:
        if (!value.is_string()) return AddType(value, place, "a string");
        CheckString(use, value, place);
        return;
      case ShapeType::kBlob:
        if (!value.is_string()) return AddType(value, place, "bytes");
        // A blob's own bytes are no text to show.
        if (const auto size = static_cast<double>(value.get_ref<const std::string&>().size());
            (shape.min && size < *shape.min) || (shape.max && size > *shape.max)) {
          Add(Violation::Kind::kLength, place,
              "Value at '" + place.aws + "' failed to satisfy constraint: Member must have length " +
                  (shape.min && size < *shape.min ? "greater than or equal to " + NumberText(*shape.min)
                                                  : "less than or equal to " + NumberText(*shape.max)));
        }
        return;
      case ShapeType::kBoolean:
        if (!value.is_boolean()) AddType(value, place, "a boolean");
        return;
      case ShapeType::kInteger:
      case ShapeType::kLong:
        if (!value.is_number_integer()) return AddType(value, place, "an integer");
        CheckSize(use, value, value.get<double>(), place, Violation::Kind::kRange, "value");
        return;
      case ShapeType::kFloat:
      case ShapeType::kDouble:
        if (!value.is_number()) return AddType(value, place, "a number");
        CheckSize(use, value, value.get<double>(), place, Violation::Kind::kRange, "value");
        return;
      case ShapeType::kTimestamp:
        if (!value.is_number()) AddType(value, place, "a timestamp");
        return;
    }
  }

  std::vector<Violation> violations_;
};

}  // namespace

std::vector<Violation> Validate(const Shape& shape, const Json& document) {
  Validator validator;
  validator.CheckStructure(shape, document, Place(), 0);
  return validator.Take();
}

std::string ValidationMessage(const std::vector<Violation>& violations) {
  std::string text = std::to_string(violations.size()) +
                     (violations.size() == 1 ? " validation error detected: " : " validation errors detected: ");
  for (std::size_t i = 0; i < violations.size(); ++i) text += (i == 0 ? "" : "; ") + violations[i].message;
  return text;
}

}  // namespace adhoc::aws
