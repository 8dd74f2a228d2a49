// What the local cloud notes in the document of a target (collection elbv2.targets) beside what ELB shows of it.
#pragma once

namespace adhoc::localcloud::proxy {

// It has passed its health checks, and becomes healthy as soon as HAProxy has it.
inline constexpr const char* kPassed = "_passed";

// It drains, and no load balancer sends it new requests any more.
inline constexpr const char* kLetGo = "_let_go";

// Since when its share of the requests grows (slow_start.duration_seconds).
inline constexpr const char* kSlowStartSince = "_slow_start_since";

}  // namespace adhoc::localcloud::proxy
