// What shared resources cost in a month, by their definition: prices of us-east-1, without traffic. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "config/config.h"

namespace adhoc::env {

inline constexpr const char* kPriceRegion = "us-east-1";

struct Cost {
  std::string what;    // `2 NAT gateways`
  double monthly = 0;  // US dollars
};

struct SharedCost {
  std::vector<Cost> items;
  double per_task = 0;               // for each running task
  std::vector<std::string> unknown;  // things whose price is not in the table

  double total() const;
};

// Of the target's shared resources as the engine makes them; with another `nat` than the target's for comparison. What
// is only used (`existing:`) costs nothing here.
SharedCost CostOf(const config::Config& config, config::NatKind nat);

// about $75 a month: NAT gateway $36.50, load balancer $23.73, database $13.98, namespace $0.50
//   nat: single      $75
//   nat: none        $38 and $3.65 for each running task
//   …
std::string RenderCost(const config::Config& config);
Json CostJson(const config::Config& config);

}  // namespace adhoc::env
