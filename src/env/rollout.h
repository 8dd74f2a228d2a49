// Waits for a service's new deployment, and tells the truth about it: success is *our* deployment being PRIMARY and
// COMPLETED, not a service that is stable because it was rolled back.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "env/context.h"

namespace adhoc::env {

struct Rollout {
  std::string step;             // whose progress it is
  std::string service;          // `gunicorn`
  std::string task_definition;  // ARN that the PRIMARY deployment must have
};

// What one look at a described service says. Pure, for tests.
struct RolloutState {
  enum class Phase { kWaiting, kDone, kFailed };
  Phase phase = Phase::kWaiting;
  std::string message;  // for people: `1/2 running, 1 starting`, or why it failed
  std::string deployment_id;
};
RolloutState JudgeRollout(const Json& service, const std::string& task_definition);

// Throws Error with the reason, exit code and hint, having emitted the failing task's last log lines. Does not wait for
// the circuit breaker: the second task that dies, the first that cannot start or that fails its health checks is
// enough.
void WaitForRollout(Context& context, const Rollout& rollout);

// Whether a task's end (stopCode, stoppedReason) says nothing against what it ran: somebody or AWS stopped it. Pure.
bool IsNobodysFault(const std::string& code, const std::string& reason);

// Whether a look at the deployment's stopped tasks may find one that failed. Pure: it spares a call with each poll.
bool MayHaveFailed(const Json& service, const std::string& deployment_id);

// Looks at a service again and again; those of the definition, which are waited for side by side, share their looks.
class ServiceWatch {
 public:
  ServiceWatch(Context& context, std::string name);
  // As DescribeService, of a moment after the watch began.
  Json Look();

 private:
  Context& context_;
  const std::string name_;
  const TimePoint begin_;
};

// Those of the definition that there are, INACTIVE ones too, in as few calls as AWS allows: ten a call. Null when there
// is no cluster.
Json DescribeServices(Context& context, bool with_tags);
// {} when there is no such service, or it is INACTIVE.
Json DescribeService(Context& context, const std::string& service_name);

}  // namespace adhoc::env
