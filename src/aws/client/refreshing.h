// Credentials that are fetched, kept, and fetched again before they end, so that an apply may outlive a session.
#pragma once

#include <functional>
#include <memory>

#include "aws/client/client.h"
#include "base/clock.h"

namespace adhoc::aws {

// When to fetch again: 15 minutes before the end, of short sessions in the last quarter.
TimePoint RefreshTime(TimePoint fetched, TimePoint expiration);

struct Fetched {
  Credentials credentials;
  std::string source;  // for people: `profile work, role arn:…`
};

// Thread-safe: one thread fetches, the others wait for it. A failed renewal is no error while the old credentials last;
// it is tried again after a minute.
std::unique_ptr<CredentialsProvider> Refreshing(std::function<Fetched()> fetch, Clock& clock);

}  // namespace adhoc::aws
