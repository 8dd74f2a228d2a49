#include "localcloud/scheduler/parameters.h"

#include <algorithm>

namespace adhoc::localcloud {

ParameterReference ParseParameterReference(std::string_view text) {
  constexpr std::string_view kResource = ":parameter/";
  std::string name(text);
  if (text.starts_with("arn:")) {
    const auto at = text.find(kResource);
    if (at == std::string_view::npos) return {};
    name = text.substr(at + kResource.size() - 1);
    if (name.find('/', 1) == std::string::npos) name.erase(0, 1);
  }
  const auto colon = name.find(':');
  if (colon == std::string::npos) return {name, ""};
  return {name.substr(0, colon), name.substr(colon + 1)};
}

const Json* FindParameterVersion(const Json& parameter, const std::string& selector) {
  const Json& versions = parameter.at("_versions");
  if (selector.empty()) return &versions.back();
  for (const Json& version : versions) {
    const Json& labels = version.at("Labels");
    if (std::to_string(version.at("Version").get<std::int64_t>()) == selector ||
        std::find(labels.begin(), labels.end(), Json(selector)) != labels.end()) {
      return &version;
    }
  }
  return nullptr;
}

std::optional<std::string> ParameterValue(const Store::Transaction& txn, std::string_view text) {
  const ParameterReference reference = ParseParameterReference(text);
  const Json* parameter = txn.Find(kParameters, reference.name);
  const Json* version = parameter == nullptr ? nullptr : FindParameterVersion(*parameter, reference.selector);
  if (version == nullptr) return std::nullopt;
  return version->at("Value").get<std::string>();
}

}  // namespace adhoc::localcloud
