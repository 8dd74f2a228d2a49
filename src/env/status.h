// What an environment is and does now, read from the cloud; the record adds who and when.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "env/context.h"
#include "env/record.h"

namespace adhoc::env {

struct ServiceStatus {
  std::string name;  // gunicorn
  int running = 0;
  int desired = 0;
  int pending = 0;
  std::string image;  // backend:v1.0.0
  int revision = 0;
  std::string health;   // healthy, starting, unhealthy, stopped, missing
  std::string rollout;  // COMPLETED, IN_PROGRESS, FAILED
  std::string last_event;
};

struct Status {
  std::string name;
  std::string url;
  std::string state;  // ready, updating, degraded, absent
  std::string shared;
  std::string owner;
  double created_at = 0;  // 0: unknown
  double updated_at = 0;
  std::vector<ServiceStatus> services;
};

// Of one service as ECS describes it, with its targets' states (`healthy`, `initial`, …; empty for a service without a
// load balancer) and its image. Pure.
ServiceStatus JudgeService(const std::string& name, const Json& described,
                           const std::vector<std::string>& target_states, const std::string& image);
// Pure.
std::string JudgeState(const std::vector<ServiceStatus>& services);

Status ReadStatus(Context& context, const std::optional<Record>& record);
Json ToJson(const Status& status, double now);

}  // namespace adhoc::env
