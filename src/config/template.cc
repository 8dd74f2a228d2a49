#include "config/template.h"

#include <utility>

namespace adhoc::config {

std::string Reference::ToString() const {
  switch (kind) {
    case Kind::kDatabaseHost:
      return "${database.host}";
    case Kind::kDatabasePort:
      return "${database.port}";
    case Kind::kDatabaseName:
      return "${database.name}";
    case Kind::kDatabaseUser:
      return "${database.user}";
    case Kind::kDatabasePassword:
      return "${database.password}";
    case Kind::kServiceAddress:
      return "${" + name + ".address}";
    case Kind::kBucketName:
      return "${bucket.name}";
    case Kind::kBucketUrl:
      return "${bucket.url}";
    case Kind::kImage:
      return "${image." + name + "}";
    case Kind::kSecret:
      return "${secrets." + name + "}";
  }
  return "";
}

Template::Template(std::string literal) {
  if (!literal.empty()) parts_.emplace_back(std::move(literal));
}

Template::Template(std::vector<Part> parts) {
  for (Part& part : parts) {
    if (std::string* literal = std::get_if<std::string>(&part)) {
      if (literal->empty()) continue;
      if (!parts_.empty()) {
        if (std::string* last = std::get_if<std::string>(&parts_.back())) {
          *last += *literal;
          continue;
        }
      }
    }
    parts_.push_back(std::move(part));
  }
}

std::vector<Reference> Template::References() const {
  std::vector<Reference> references;
  for (const Part& part : parts_) {
    if (const Reference* reference = std::get_if<Reference>(&part)) references.push_back(*reference);
  }
  return references;
}

bool Template::IsLiteral() const { return parts_.empty() || (parts_.size() == 1 && parts_[0].index() == 0); }

std::string Template::ToString() const {
  return Resolve([](const Reference& reference) { return reference.ToString(); });
}

std::string Template::Resolve(const std::function<std::string(const Reference&)>& lookup) const {
  std::string text;
  for (const Part& part : parts_) {
    if (const std::string* literal = std::get_if<std::string>(&part)) {
      text += *literal;
    } else {
      text += lookup(std::get<Reference>(part));
    }
  }
  return text;
}

}  // namespace adhoc::config
