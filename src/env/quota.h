// How many more environments an account and its shared resources take, and what binds first
// (https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "env/context.h"

namespace adhoc::env {

struct Quota {
  std::string service;  // Service Quotas' code: fargate, elasticloadbalancing
  std::string code;     // L-3032A538; empty where AWS gives none, and nothing raises it
  std::string name;
  double limit = 0;
  double used = 0;
  double per_environment = 0;
  bool adjustable = false;
  bool is_default = false;  // the account's own value could not be read
  // What fits, where that is not what is left: rules and target groups are those of several load balancers.
  std::optional<int> counted;

  // Environments like this one that still fit; only asked where one needs something.
  int Fits() const;
};

// What one environment of the definition takes between deployments. While it is rolled it takes more, twice as much at
// 100 and 200 percent, but is one of many: counted for all of them, an account would seem full when it is half full.
// Pure.
struct Needs {
  double vcpus = 0;
  double spot_vcpus = 0;
  int rules = 0;
  int target_groups = 0;
  int addresses = 0;
  int discovered = 0;  // instances in the Cloud Map namespace
};
Needs NeedsOf(const config::Config& config);

// Reads quotas and usage; those of which an environment needs nothing are left out, and on one machine those of an
// account. The one that binds comes first.
std::vector<Quota> ReadQuotas(Context& context);

}  // namespace adhoc::env
