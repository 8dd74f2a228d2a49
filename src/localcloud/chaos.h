// Faults on request: which calls of the API the local cloud spoils, and how. Clients find out what they do when AWS
// throttles them, fails, or answers too late or never. Thread-safe; rules live in memory only and end with the server.
//
// Whether a call is hit is a function of the seed, the rule, the operation and how many calls of that operation the
// rule has seen. So a test that repeats its calls meets the same faults again, whatever other clients call in between.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/codec/codec.h"
#include "base/json.h"
#include "base/sync.h"

namespace adhoc::localcloud {

enum class FaultKind {
  kThrottling,   // the service's own throttling error; nothing was done
  kServerError,  // the service's own 500; nothing was done
  kTimeout,      // no answer; nothing was done
  kDrop,         // the connection is closed; nothing was done
  kLostAnswer,   // the connection is closed after the call took effect
  kDelay,        // the answer comes late
};

struct Fault {
  FaultKind kind = FaultKind::kDelay;
  std::chrono::milliseconds delay{0};  // before what `kind` says

  bool TakesEffect() const { return kind == FaultKind::kDelay || kind == FaultKind::kLostAnswer; }
};

struct ChaosRule {
  std::vector<std::string> match;  // `ecs:*`, `*:Describe*`, `elasticloadbalancing:CreateRule`; case doesn't matter
  Fault fault;
  double probability = 1;
  std::int64_t limit = 0;  // how often it hits at most; 0: without end

  // The service by botocore's name or by the prefix that policies use.
  bool Matches(std::string_view service, std::string_view operation) const;
};

struct ChaosPlan {
  std::uint64_t seed = 1;
  std::vector<ChaosRule> rules;  // the first that hits decides
};

// From {"seed": 1, "rules": [{"match": ["ecs:*"], "fault": "throttling", "probability": 0.3, "delay_ms": 0, "limit":
// 0}]}. Throws Error, with what to write instead as the hint.
ChaosPlan ParseChaos(const Json& document);

// [0, 1), the same for the same arguments on every machine.
double ChaosDraw(std::uint64_t seed, std::size_t rule, std::string_view operation, std::uint64_t call);

class Chaos {
 public:
  void Set(ChaosPlan plan);
  void Clear() { Set({}); }
  // The document of ParseChaos; each rule also says how many calls it has `matched` and `hit`.
  Json Show();
  // What happens to this call. Counts it.
  std::optional<Fault> Next(std::string_view service, std::string_view operation);

 private:
  struct Counts {
    std::map<std::string, std::uint64_t, std::less<>> calls;  // by "ecs:RunTask"
    std::int64_t hits = 0;
  };
  struct State {
    ChaosPlan plan;
    std::vector<Counts> counts;
  };
  Sync<State> state_;
  std::atomic<bool> active_ = false;  // spares calls the lock while there are no rules
};

// The error of a throttled or failed call, in the words of the service. `kind` is kThrottling or kServerError.
aws::ErrorInfo FaultError(const aws::Service& service, FaultKind kind);

}  // namespace adhoc::localcloud
