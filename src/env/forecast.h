// How long a plan will take: the longest way through the graph of what it does. Pure.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "env/plan.h"

namespace adhoc::env {

std::string DurationKey(Action action, const std::string& kind);

// Of a step: what is `known` of earlier runs, else what it usually takes on such a target.
double ExpectedSeconds(const std::string& duration_key, const Durations& known, config::TargetKind target);

struct Forecast {
  double seconds = 0;
  std::vector<std::string> path;  // ids of the changes on the longest way, in the order in which they are done
  std::string longest;            // the one of them that takes longest
};

// `known` are of earlier runs; what they don't have takes what it usually takes on such a target.
Forecast Predict(const Plan& plan, const Resources& resources, const Durations& known, config::TargetKind target);

}  // namespace adhoc::env
