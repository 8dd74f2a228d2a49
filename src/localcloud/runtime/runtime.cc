#include "localcloud/runtime/runtime.h"

#include <algorithm>

namespace adhoc::localcloud {

std::string ImageInfo::digest() const {
  if (digests.empty()) return id;
  return digests.front().substr(digests.front().find('@') + 1);
}

void SortForRemoval(std::vector<ContainerState>& containers) {
  std::stable_partition(containers.begin(), containers.end(),
                        [](const ContainerState& container) { return !container.share_network_with.empty(); });
}

bool MatchesLabels(const Labels& labels, const Labels& filter) {
  return std::all_of(filter.begin(), filter.end(), [&](const auto& wanted) {
    auto found = labels.find(wanted.first);
    return found != labels.end() && (wanted.second.empty() || wanted.second == found->second);
  });
}

}  // namespace adhoc::localcloud
