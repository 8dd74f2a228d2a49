// What is left of shared resources that have become others, and whether an environment can live on them.
#pragma once

#include "env/context.h"
#include "env/resource.h"

namespace adhoc::env {

// The listeners that a load balancer of the target has.
Resources Listeners(const config::Target& target, const std::string& balancer);

// What there is of a network of another shape (`nat` of the target) than the wanted one, and of a bastion that the
// target does not ask for any more. Read and published.
Resources LeftoverNetwork(Context& context);
Resources LeftoverBastion(Context& context);

// In a network with endpoints instead of a NAT gateway, only images of the region's registry can be pulled: throws
// Error for the first workload with another one.
void RequireReachableImages(const config::Config& config);
// The same of `place`, which reaches nothing else either; `otherwise` is what else can be done.
void RequireReachableImages(const config::Config& config, const std::string& place, const std::string& otherwise);

}  // namespace adhoc::env
