#include "env/versions.h"

namespace adhoc::env {

Version DecideVersion(const std::string& variables_tag, const std::optional<std::string>& recorded_tag,
                      const std::optional<std::string>& deployed_tag) {
  const bool changed = recorded_tag && *recorded_tag != variables_tag;
  if (!deployed_tag || changed || *deployed_tag == variables_tag) return {.tag = variables_tag};
  return {.tag = *deployed_tag, .origin = Version::Origin::kDeployed};
}

std::map<std::string, Version> DecideVersions(const config::Config& config, const std::optional<Record>& record,
                                              const std::map<std::string, std::string>& deployed) {
  std::map<std::string, Version> versions;
  for (const auto& image : config.images) {
    std::optional<std::string> recorded;
    if (record) {
      if (const auto found = record->applied_tags.find(image.name); found != record->applied_tags.end()) {
        recorded = found->second;
      }
    }
    std::optional<std::string> running;
    if (const auto found = deployed.find(image.name); found != deployed.end()) running = found->second;
    versions[image.name] = DecideVersion(image.tag, recorded, running);
  }
  return versions;
}

}  // namespace adhoc::env
