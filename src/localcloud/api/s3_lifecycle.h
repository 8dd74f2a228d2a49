// S3's lifecycle rules (S3 User Guide, "Managing the lifecycle of objects"): when what expires, and the controller that
// then removes it. Transitions to other storage classes are kept and not made.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/json.h"
#include "localcloud/cloud.h"
#include "localcloud/controller.h"

namespace adhoc::localcloud {

struct Expiry {
  double at = 0;     // seconds since the epoch
  std::string rule;  // its ID
};

// ---- Pure. `lifecycle` is a LifecycleConfiguration.

// When a current version (Key, Size, LastModified, `_tags`) expires, by the rule that says it first.
std::optional<Expiry> ExpiryOf(const Json& lifecycle, const Json& object);
// When a version expires that stopped being the current one at `since`; `newer`: how many noncurrent versions are
// newer.
std::optional<Expiry> NoncurrentExpiryOf(const Json& lifecycle, const Json& version, double since, std::int64_t newer);
// When a delete marker goes that is all that is left of its object.
std::optional<Expiry> MarkerExpiryOf(const Json& lifecycle, const Json& marker);
// When an unfinished upload (Key, Initiated) is aborted.
std::optional<Expiry> AbortOf(const Json& lifecycle, const Json& upload);
// The value of x-amz-expiration.
std::string ExpirationHeader(const Expiry& expiry);

// Throws ApiError for a LifecycleConfiguration that S3 refuses.
void CheckLifecycle(const Json& lifecycle);

// Expires what is due.
class LifecycleController {
 public:
  explicit LifecycleController(Cloud& cloud);
  void Start() { thread_.Start(); }
  void Stop() { thread_.Stop(); }
  // One pass, for tests without threads; returns when it wants to run again.
  std::chrono::milliseconds Pass();

 private:
  Cloud& cloud_;
  ControllerThread thread_;
};

}  // namespace adhoc::localcloud
