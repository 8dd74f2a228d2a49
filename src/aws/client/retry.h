// botocore's `standard` retry mode: what is tried again, when, and how much of it (botocore retries/standard.py,
// quota.py).
#pragma once

#include <string_view>

#include "base/clock.h"
#include "base/json.h"
#include "base/sync.h"

namespace adhoc::aws {

struct Operation;

enum class Retry { kNo, kTransient, kThrottling, kTimeout };

// Of an answer with an error. `LimitExceededException` is not throttling here, though botocore says so: ECS, CloudWatch
// Logs and others mean a quota by it, and waiting does not raise a quota.
Retry ClassifyError(std::string_view code, int status);

// Whether the error may come from a wrong clock of ours.
bool IsClockSkewCode(std::string_view code);

// Whether doing the operation twice does no harm: the first try may have arrived though its answer did not.
bool IsRepeatable(const Operation& operation, const Json& input);

// Full jitter: `fraction` of [0, 1) times the ceiling after the given try (1, 2, …): 1 s, doubled each time, at most 20
// s.
Duration RetryDelay(int attempt, double fraction);

// Stops a client from retrying against a service that is down. Thread-safe.
class RetryQuota {
 public:
  static constexpr int kCapacity = 500;

  // What the retry costs, or 0 when it cannot be afforded.
  int Take(Retry kind);
  // After a success: what its last retry cost, or 0 when there was none.
  void Return(int cost);

 private:
  Sync<int> available_{kCapacity};
};

}  // namespace adhoc::aws
