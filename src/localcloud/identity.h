// Which account and region a local cloud is. They are in every ARN it ever gave out, so they are chosen when its state
// begins and kept with it.
#pragma once

#include <optional>
#include <string>

#include "localcloud/settings.h"
#include "localcloud/store/store.h"

namespace adhoc::localcloud {

struct Identity {
  std::string account = "000000000000";
  std::string region = "us-east-1";
  bool operator==(const Identity&) const = default;
};

// What was asked for where there is no state yet, else what the state says. Throws Error when both say something
// different, or what was asked for is no account or region.
Identity ResolveIdentity(const std::optional<Identity>& kept, const LocalSettings& settings);

// The identity of this state, from now on.
Identity KeepIdentity(Store& store, const LocalSettings& settings);

}  // namespace adhoc::localcloud
