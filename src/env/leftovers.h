// What there is of an environment that the definition does not have (any more): its author took it out, or somebody
// made it by hand. An `up` deletes what nobody needs then; a `down` deletes all of it.
#pragma once

#include "env/context.h"
#include "env/resource.h"

namespace adhoc::env {

// Those of them that there are; read and published.
Resources Existing(Context& context, Resources candidates);

// Of services: themselves, their rules, target groups, names and the record. What they have written (logs, the bucket,
// the database) and what would be another if it came back (secrets) stays. Found in what a plan has read; read and
// published.
Resources UnneededResources(Context& context, const Resources& known);

// Everything, to be read by a destroy's plan.
Resources RemainingResources(Context& context, const Resources& known);

// Of services that are in the definition, but no longer scaled by what they use. Read and published.
Resources UnneededAutoscaling(Context& context);

}  // namespace adhoc::env
