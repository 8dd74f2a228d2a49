// Whether a target is healthy: the state machine of an ALB's health checks. Values only; no thread safety.
//
// A registered target is `initial` and one passed check makes it healthy. To be quick about it, an initial target is
// probed every `initial_interval`; its failures nevertheless count at the pace of the configured interval. Afterwards a
// target changes sides after so many results in a row.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/json.h"

namespace adhoc::localcloud::proxy {

struct HealthCheck {
  Duration interval{0};
  Duration timeout{0};
  Duration initial_interval{0};
  int healthy_threshold = 5;
  int unhealthy_threshold = 2;
  std::string matcher = "200";
};

struct ProbeResult {
  enum class Kind { kAnswered, kTimedOut, kFailed };
  Kind kind = Kind::kFailed;
  int status = 0;  // of an answer
};

enum class TargetState { kInitial, kHealthy, kUnhealthy };

class TargetHealth {
 public:
  // A target that was just registered, or (after a restart) one whose TargetHealth document is known.
  explicit TargetHealth(TimePoint now, const Json& document = Json::object());

  TargetState state() const { return state_; }
  bool begun() const { return begun_; }  // a probe has been started
  bool probing() const { return probing_; }
  // When to start the next probe; meaningless while one is under way.
  TimePoint next_probe() const { return next_probe_; }

  void Started(TimePoint now);
  void Finished(const ProbeResult& result, const HealthCheck& check, TimePoint now);

  // TargetHealth{State, Reason, Description} as DescribeTargetHealth answers it.
  Json Document() const;

 private:
  TargetState state_ = TargetState::kInitial;
  bool begun_ = false;
  bool probing_ = false;
  TimePoint next_probe_;
  TimePoint started_;
  TimePoint last_counted_;  // when a failure of an initial target counted last
  int passes_ = 0;          // in a row
  int failures_ = 0;
  std::string reason_;  // of the last failure
  std::string description_;
};

// Whether a matcher such as "200-299,404" names the status.
bool MatchesStatus(std::string_view matcher, int status);

}  // namespace adhoc::localcloud::proxy
