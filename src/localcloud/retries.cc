#include "localcloud/retries.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace adhoc::localcloud {

std::optional<TimePoint> Retries::WaitingUntil(const std::string& id, const std::string& state) const {
  const auto failed = failures_.find(id);
  if (failed == failures_.end() || failed->second.state != state || clock_.Now() >= failed->second.retry_at) {
    return std::nullopt;
  }
  return failed->second.retry_at;
}

TimePoint Retries::Note(const std::string& id, const std::string& state, const Error& error, bool quiet) {
  auto& failure = failures_[id];
  if (failure.message != error.what() && !quiet) {
    spdlog::warn("{} {}: {}", kind_, id.empty() ? "containers" : id, error.what());
  }
  failure.message = error.what();
  failure.state = state;
  failure.count = std::min(failure.count + 1, 5);
  failure.retry_at = clock_.Now() + std::chrono::duration_cast<TimePoint::duration>(std::chrono::milliseconds(500) *
                                                                                    (1 << (failure.count - 1)));
  return failure.retry_at;
}

}  // namespace adhoc::localcloud
