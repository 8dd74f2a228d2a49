#include "env/rollout.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "env/capacity.h"
#include "env/names.h"
#include "env/task_runner.h"
#include "env/tasks.h"

namespace adhoc::env {
namespace {

constexpr int kShownLines = 20;

// The stopped tasks of a deployment that tell against it: what it stopped itself while rolling does not count.
Json FailedTasks(Context& context, const std::string& service_name, const std::string& deployment) {
  Json failed = Json::array();
  for (const Json& task : TasksOf(context, {{"serviceName", service_name}, {"desiredStatus", "STOPPED"}})) {
    if (task.value("startedBy", "") != deployment) continue;
    const std::string code = task.value("stopCode", "");
    const std::string reason = task.value("stoppedReason", "");
    if (!IsNobodysFault(code, reason)) failed.push_back(task);
  }
  return failed;
}

[[noreturn]] void Explain(Context& context, const Rollout& rollout, const Json& task) {
  const std::string arn = task["taskArn"];
  const std::string id = arn.substr(arn.rfind('/') + 1);
  std::vector<std::string> lines;
  // A task's last words may still be under way to the log.
  for (int attempt = 0; attempt < 10 && lines.empty(); ++attempt) {
    lines = ReadLastLines(context, LogGroupName(context.environment(), rollout.service),
                          fmt::format("{0}/{0}/{1}", rollout.service, id), kShownLines);
    if (lines.empty() && !context.clock().SleepFor(context.pace().log, context.stop())) break;
    if (task.value("stopCode", "") == "TaskFailedToStart") break;
  }
  for (const auto& line : lines) {
    context.sink().Emit(events::LogLine{.source = rollout.service + "/" + id.substr(0, 6), .text = line});
  }
  std::string why = WhyStopped(task);
  // The scheduler's reason says more than the exit code of a process that it killed.
  if (task.value("stopCode", "") == "ServiceSchedulerInitiated") why = task.value("stoppedReason", why);
  throw Error(fmt::format("the new version of {} does not run: {}", rollout.service, why), HintFor(why, lines));
}

}  // namespace

Json DescribeServices(Context& context, bool with_tags) {
  Json services = Json::array();
  const auto& defined = context.config().services;
  constexpr std::size_t kBatch = 10;
  for (std::size_t at = 0; at < defined.size(); at += kBatch) {
    Json input{{"cluster", ClusterName(context.environment())}, {"services", Json::array()}};
    for (std::size_t i = at; i < std::min(at + kBatch, defined.size()); ++i) {
      input["services"].push_back(ServiceName(context.environment(), defined[i].name));
    }
    if (with_tags) input["include"] = Json::array({"TAGS"});
    const auto described = context.CallUnless({"ClusterNotFoundException"}, "ecs", "DescribeServices", input);
    if (!described) return nullptr;
    for (const Json& service : described->value("services", Json::array())) services.push_back(service);
  }
  return services;
}

Json DescribeService(Context& context, const std::string& service_name) {
  const auto described =
      context.CallUnless({"ClusterNotFoundException"}, "ecs", "DescribeServices",
                         {{"cluster", ClusterName(context.environment())}, {"services", Json::array({service_name})}});
  if (!described || described->value("services", Json::array()).empty()) return Json::object();
  Json service = (*described)["services"][0];
  return service.value("status", "") == "INACTIVE" ? Json::object() : service;
}

bool IsNobodysFault(const std::string& code, const std::string& reason) {
  return code == "UserInitiated" || code == "SpotInterruption" || code == "TerminationNotice" ||
         code == "InfrastructureHealth" ||
         (code == "ServiceSchedulerInitiated" && reason.starts_with("Scaling activity"));
}

RolloutState JudgeRollout(const Json& service, const std::string& task_definition) {
  using Phase = RolloutState::Phase;
  if (service.empty()) return {.phase = Phase::kFailed, .message = "the service has disappeared"};
  Json primary;
  Json ours;
  for (const Json& deployment : service.value("deployments", Json::array())) {
    if (deployment.value("status", "") == "PRIMARY") primary = deployment;
    if (deployment.value("taskDefinition", "") == task_definition && ours.is_null()) ours = deployment;
  }
  const std::string id = ours.is_null() ? "" : ours.value("id", "");
  if (primary.is_null()) return {.message = "no deployment yet", .deployment_id = id};
  if (primary.value("taskDefinition", "") != task_definition) {
    return {.phase = Phase::kFailed,
            .message = ours.is_null() ? "another deployment took its place"
                                      : ours.value("rolloutStateReason", "it was rolled back"),
            .deployment_id = id};
  }
  if (primary.value("rolloutState", "") == "FAILED") {
    return {.phase = Phase::kFailed,
            .message = primary.value("rolloutStateReason", "the deployment failed"),
            .deployment_id = id};
  }
  const int desired = primary.value("desiredCount", 0);
  const int running = primary.value("runningCount", 0);
  const int pending = primary.value("pendingCount", 0);
  if (primary.value("rolloutState", "") == "COMPLETED" && running >= desired) {
    return {.phase = Phase::kDone, .message = fmt::format("{}/{} healthy", running, desired), .deployment_id = id};
  }
  std::string message = fmt::format("{}/{} running", running, desired);
  if (pending > 0) message += fmt::format(", {} starting", pending);
  const int old = service.value("runningCount", 0) - running;
  if (old > 0) message += fmt::format(", {} old still serving", old);
  return {.message = message, .deployment_id = id};
}

ServiceWatch::ServiceWatch(Context& context, std::string name)
    : context_(context), name_(std::move(name)), begin_(context.clock().Now()) {}

Json ServiceWatch::Look() {
  const auto& defined = context_.config().services;
  const auto is_it = [&](const config::Service& service) {
    return ServiceName(context_.environment(), service.name) == name_;
  };
  if (std::none_of(defined.begin(), defined.end(), is_it)) return DescribeService(context_, name_);
  const TimePoint not_before = std::max(begin_, context_.clock().Now() - context_.PauseSince(begin_) / 2);
  const Json services = context_.Recent("services", not_before, [&] { return DescribeServices(context_, false); });
  for (const Json& service : services) {
    if (service.value("serviceName", "") == name_ && service.value("status", "") != "INACTIVE") return service;
  }
  return Json::object();
}

bool MayHaveFailed(const Json& service, const std::string& deployment_id) {
  for (const Json& deployment : service.value("deployments", Json::array())) {
    if (deployment.value("id", "") != deployment_id) continue;
    if (deployment.value("failedTasks", 0) > 0 || deployment.value("rolloutState", "") == "FAILED") return true;
    // A task that ended was replaced, so that more have been started than are wanted. ECS tells of it in two ways.
    const int alive = deployment.value("runningCount", 0) + deployment.value("pendingCount", 0);
    const double since = deployment.value("createdAt", 0.0);
    int started = 0;
    for (const Json& event : service.value("events", Json::array())) {
      const std::string text = event.value("message", "");
      if (event.value("createdAt", 0.0) < since || text.find(" has started ") == std::string::npos) continue;
      for (auto at = text.find("(task "); at != std::string::npos; at = text.find("(task ", at + 1)) ++started;
    }
    return started > alive;
  }
  return true;  // ours is there no more
}

void WaitForRollout(Context& context, const Rollout& rollout) {
  const std::string name = ServiceName(context.environment(), rollout.service);
  std::string shown;
  std::string ours;  // the deployment, also when ECS has given it up and forgotten it
  ServiceWatch watch(context, name);
  context.clock().SleepFor(context.pace().task_start, context.stop());
  context.WaitUntil("service " + name, [&] {
    const Json service = watch.Look();
    if (service.empty() && context.HasJustMadeSomething()) return false;
    const RolloutState state = JudgeRollout(service, rollout.task_definition);
    if (!state.deployment_id.empty()) ours = state.deployment_id;
    const auto not_placed = WhyNotPlaced(service, ours, context.clock().Now(), context.pace().spot_patience);
    const std::string why = not_placed ? not_placed->reason : "";
    const std::string message = why.empty() ? state.message : fmt::format("{}: {}", state.message, why);
    if (message != shown) {
      shown = message;
      context.Progress(rollout.step, shown);
    }
    if (why.find("limit on the number of vCPUs") != std::string::npos) {
      throw Error(
          fmt::format("there is no room for {}: {}", rollout.service, why),
          "adhoc quota shows what is used; raise L-3032A538 (on demand) or L-36FBB829 (Spot) in Service Quotas, or "
          "destroy an environment, then run the command again");
    }
    if (state.phase == RolloutState::Phase::kDone) return true;
    if (LacksSpotCapacity(service, context.clock().Now(), context.pace().spot_patience)) {
      MoveToOnDemand(context, rollout.service, service);
      return false;
    }
    if (!MayHaveFailed(service, ours)) return false;
    const Json failed = FailedTasks(context, name, ours);
    for (const Json& task : failed) {
      if (task.value("stopCode", "") != "EssentialContainerExited" || failed.size() > 1)
        Explain(context, rollout, task);
    }
    if (state.phase == RolloutState::Phase::kFailed) {
      if (!failed.empty()) Explain(context, rollout, failed.front());
      throw Error(fmt::format("the new version of {} does not run: {}", rollout.service, state.message));
    }
    return false;
  });
}

}  // namespace adhoc::env
