// How long what AWS does in the background takes here: next to nothing, or as long as on AWS (`--timing aws`), or a
// fraction of that. A handler that begins something slow writes into its document when it will be over; controllers and
// answers go by that, so that a restart loses no time and gains none. Values; pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace adhoc::localcloud {

enum class Slow {
  kTaskProvisioning,    // until PENDING: the interface
  kTaskPending,         // until ACTIVATING: a place
  kTaskActivating,      // until its containers start: the images
  kTaskDeprovisioning,  // until STOPPED
  kTargetRegistration,  // until the first health check
  kLoadBalancerCreate,  // until active
  kLoadBalancerDelete,  // until its interface is given back
  kNatGatewayCreate,    // until available
  kNatGatewayDelete,    // until deleted
  kDatabaseCreate,      // until backing-up
  kDatabaseBackup,      // until available
  kDatabaseModify,      // another class, storage or version
  kDatabasePassword,
  kDatabaseReboot,
  kDatabaseStart,
  kDatabaseStop,
  kDatabaseDelete,
  kNamespaceChange,  // a Cloud Map namespace is made, changed, or deleted
  kDiscoveryChange,  // a Cloud Map instance is registered or deregistered, a service is changed
  kRecordChange,     // a Route 53 change, until INSYNC
  kInstanceStart,    // an EC2 instance, until running
  kInstanceChecks,   // until its status checks have passed
  kInstanceStop,
  kInstanceTerminate,
};

struct SlowThing {
  Slow what;
  const char* name;
  double seconds;      // on AWS
  const char* source;  // of that number
};
// One entry for each, in the order of the enumeration.
const std::vector<SlowThing>& SlowThings();

struct Timing {
  double factor = 0;  // of AWS's time; 0: at once

  // `at_once`: what it takes here at least, when it isn't to take AWS's time.
  double Seconds(Slow what, double at_once = 0) const;
  std::string ToString() const;  // as ParseTiming takes it
  bool operator==(const Timing&) const = default;
};

// `instant`, `aws`, or `aws:0.05`. Throws Error.
Timing ParseTiming(std::string_view text);

}  // namespace adhoc::localcloud
