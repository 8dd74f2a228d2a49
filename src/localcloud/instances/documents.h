// The documents of EC2's instances, which its API writes and the instance controller makes true.
//
// `ec2.instances`, key id: as DescribeInstances, plus
//   _reservation         id of the reservation that it belongs to
//   _interface           id of its interface in `ec2.enis`, which holds its address until it has terminated
//   _container           the engine's id of its container, once it has run
//   _user_data           base64; runs at the first start when it is a script
//   _attributes          DisableApiTermination, DisableApiStop, InstanceInitiatedShutdownBehavior
//   _credits             standard, unlimited
//   _profile             {AssociationId, State, Timestamp} of its instance profile
//   _due_at              when `pending`, `stopping` or `shutting-down` ends at the earliest
//   _checks_until        when the status checks have passed
//   _restart             set by RebootInstances until its container has been stopped
//   _forget_at           when a terminated instance is described no longer
// `ec2.volumes`, key id: as DescribeVolumes
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace adhoc::localcloud::ec2 {

inline constexpr std::string_view kInstances = "ec2.instances";
inline constexpr std::string_view kVolumes = "ec2.volumes";

// pending, running, shutting-down, terminated, stopping, stopped.
std::string StateOf(const Json& instance);
// {Code, Name}
Json StateDocument(std::string_view name);
void SetState(Json& instance, std::string_view name);

}  // namespace adhoc::localcloud::ec2
