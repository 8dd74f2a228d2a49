#include "localcloud/proxy/target_health.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace adhoc::localcloud::proxy {

TargetHealth::TargetHealth(TimePoint now, const Json& document) : next_probe_(now), last_counted_(now) {
  const std::string state = document.value("State", "");
  if (state == "healthy") state_ = TargetState::kHealthy;
  if (state == "unhealthy") {
    state_ = TargetState::kUnhealthy;
    reason_ = document.value("Reason", "");
    description_ = document.value("Description", "");
  }
}

void TargetHealth::Started(TimePoint now) {
  begun_ = true;
  probing_ = true;
  started_ = now;
}

void TargetHealth::Finished(const ProbeResult& result, const HealthCheck& check, TimePoint now) {
  probing_ = false;
  const bool passed = result.kind == ProbeResult::Kind::kAnswered && MatchesStatus(check.matcher, result.status);
  if (passed) {
    failures_ = 0;
    ++passes_;
    if (state_ == TargetState::kInitial || passes_ >= check.healthy_threshold) state_ = TargetState::kHealthy;
  } else {
    switch (result.kind) {
      case ProbeResult::Kind::kAnswered:
        reason_ = "Target.ResponseCodeMismatch";
        description_ = fmt::format("Health checks failed with these codes: [{}]", result.status);
        break;
      case ProbeResult::Kind::kTimedOut:
        reason_ = "Target.Timeout";
        description_ = "Request timed out";
        break;
      case ProbeResult::Kind::kFailed:
        reason_ = "Target.FailedHealthChecks";
        description_ = "Health checks failed";
        break;
    }
    passes_ = 0;
    const bool counts = state_ != TargetState::kInitial || now - last_counted_ >= check.interval;
    if (counts) {
      last_counted_ = now;
      ++failures_;
    }
    if (failures_ >= check.unhealthy_threshold) state_ = TargetState::kUnhealthy;
  }
  const auto pause = [](Duration duration) { return std::chrono::duration_cast<TimePoint::duration>(duration); };
  next_probe_ = state_ == TargetState::kInitial ? now + pause(std::min(check.initial_interval, check.interval))
                                                : std::max(now, started_ + pause(check.interval));
}

Json TargetHealth::Document() const {
  switch (state_) {
    case TargetState::kHealthy:
      return {{"State", "healthy"}};
    case TargetState::kUnhealthy:
      return {{"State", "unhealthy"}, {"Reason", reason_}, {"Description", description_}};
    case TargetState::kInitial:
      break;
  }
  if (!begun_) {
    return {{"State", "initial"},
            {"Reason", "Elb.RegistrationInProgress"},
            {"Description", "Target registration is in progress"}};
  }
  return {{"State", "initial"},
          {"Reason", "Elb.InitialHealthChecking"},
          {"Description", "Initial health checks in progress"}};
}

bool MatchesStatus(std::string_view matcher, int status) {
  std::istringstream parts{std::string(matcher)};
  for (std::string part; std::getline(parts, part, ',');) {
    const auto dash = part.find('-');
    const int low = std::atoi(part.c_str());
    const int high = dash == std::string::npos ? low : std::atoi(part.c_str() + dash + 1);
    if (status >= low && status <= high) return true;
  }
  return false;
}

}  // namespace adhoc::localcloud::proxy
