#include "localcloud/redact.h"

#include <string_view>

namespace adhoc::localcloud {
namespace {

bool IsSecret(const aws::Shape& parent, const aws::Member& member) {
  return member.sensitive || member.shape->sensitive || std::string_view(member.name).ends_with("Password") ||
         (parent.name == "KeyValuePair" && member.name == "value");
}

Json RedactUse(const aws::Shape& parent, const aws::Member& use, const Json& value) {
  return IsSecret(parent, use) ? Json("***") : Redact(*use.shape, value);
}

}  // namespace

Json Redact(const aws::Shape& shape, const Json& document) {
  Json result = document;
  switch (shape.type) {
    case aws::ShapeType::kStructure:
      if (!document.is_object()) return document;
      for (const auto& [name, value] : document.items()) {
        if (const aws::Member* member = shape.FindMember(name)) result[name] = RedactUse(shape, *member, value);
      }
      return result;
    case aws::ShapeType::kList:
      for (Json& element : result) element = RedactUse(shape, shape.element, element);
      return result;
    case aws::ShapeType::kMap:
      if (!document.is_object()) return document;
      for (const auto& [key, value] : document.items()) result[key] = RedactUse(shape, shape.value, value);
      return result;
    default:
      return result;
  }
}

}  // namespace adhoc::localcloud
