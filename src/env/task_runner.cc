#include "env/task_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "env/names.h"
#include "env/resources/resources.h"
#include "env/tasks.h"

namespace adhoc::env {
namespace {

constexpr int kKeptLines = 20;

// Follows one stream by GetLogEvents: the end is where the token stays the same.
class LogFollower {
 public:
  LogFollower(Context& context, std::string group, std::string stream, std::string source)
      : context_(context), group_(std::move(group)), stream_(std::move(stream)), source_(std::move(source)) {}

  // Emits what is new; false when that was the end, for now. Pages in the middle may be empty.
  bool Poll() {
    Json input = {{"logGroupName", group_}, {"logStreamName", stream_}, {"startFromHead", true}};
    if (!token_.empty()) input["nextToken"] = token_;
    const auto page = context_.CallUnless({"ResourceNotFoundException"}, "logs", "GetLogEvents", input);
    if (!page) return false;
    const std::string before = std::exchange(token_, page->value("nextForwardToken", token_));
    for (const Json& event : page->value("events", Json::array())) {
      const std::string text = event.value("message", "");
      context_.sink().Emit(
          events::LogLine{.source = source_, .time = event.value("timestamp", 0.0) / 1000, .text = text});
      lines_.push_back(text);
      if (lines_.size() > kKeptLines) lines_.erase(lines_.begin());
    }
    return !page->value("events", Json::array()).empty() || (!before.empty() && token_ != before);
  }

  const std::vector<std::string>& lines() const { return lines_; }

 private:
  Context& context_;
  const std::string group_;
  const std::string stream_;
  const std::string source_;
  std::string token_;
  std::vector<std::string> lines_;
};

std::optional<int> ExitCodeOf(const Json& task, const std::string& name) {
  for (const Json& container : task.value("containers", Json::array())) {
    if (container.value("name", "") == name && container.contains("exitCode")) return container["exitCode"].get<int>();
  }
  return std::nullopt;
}

}  // namespace

namespace {

std::string PlatformVersionOf(const config::Config& config, const std::string& workload) {
  if (const auto* task = config.FindTask(workload)) return task->platform_version;
  if (const auto* service = config.FindService(workload)) return service->platform_version;
  return config::Workload().platform_version;
}

}  // namespace

Json NetworkConfiguration(Context& context) {
  const bool is_public = context.config().target.tasks_are_public();
  return {
      {"awsvpcConfiguration",
       {{"subnets", SubnetIds(context, is_public)},
        {"securityGroups", Json::array({context.Get(fmt::format("security group {}-ecs-sg", context.shared()), "id")})},
        {"assignPublicIp", is_public ? "ENABLED" : "DISABLED"}}}};
}

std::vector<std::string> ReadLastLines(Context& context, const std::string& group, const std::string& stream,
                                       int count) {
  Json input = {{"logGroupName", group}, {"logStreamName", stream}, {"limit", count}};
  std::vector<std::string> lines;
  while (lines.empty()) {
    const auto page = context.CallUnless({"ResourceNotFoundException"}, "logs", "GetLogEvents", input);
    if (!page) break;
    for (const Json& event : page->value("events", Json::array())) lines.push_back(event.value("message", ""));
    // A page may be empty where the one before it is not; the same token again is the log's beginning.
    const std::string before = page->value("nextBackwardToken", "");
    if (before.empty() || before == input.value("nextToken", "")) break;
    input["nextToken"] = before;
  }
  return lines;
}

std::string WhyStopped(const Json& task) {
  const std::string reason = task.value("stoppedReason", "");
  for (const Json& container : task.value("containers", Json::array())) {
    const std::string detail = container.value("reason", "");
    if (const auto code = container.find("exitCode"); code != container.end() && *code != 0) {
      return fmt::format("container {} exited with code {}{}", container.value("name", ""), code->get<int>(),
                         detail.empty() ? "" : ": " + detail);
    }
    if (!detail.empty() && !container.contains("exitCode")) return detail;
  }
  return reason.empty() ? "it stopped without a reason" : reason;
}

std::string HintFor(const std::string& reason, const std::vector<std::string>& last_lines) {
  const auto has = [](const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; };
  const auto log_has = [&](std::string_view part) {
    return std::any_of(last_lines.begin(), last_lines.end(), [&](const std::string& line) { return has(line, part); });
  };
  if (has(reason, "CannotPullContainer")) return "build and push the image first: adhoc image build <image> <tag>";
  if (has(reason, "OutOfMemory") || has(reason, "code 137")) return "raise `memory` of the service in adhoc.yaml";
  if (has(reason, "ELB health checks") || has(reason, "health check")) {
    return "the health check's path, port and matcher are in adhoc.yaml; the application must answer it within the "
           "time-out";
  }
  if (has(reason, "ResourceInitializationError"))
    return "a secret or log group is missing: adhoc plan shows what to repair";
  if (log_has("could not translate host name") || log_has("Connection refused")) {
    return "the application could not reach a service that it needs; adhoc status shows which one is down";
  }
  if (log_has("remaining connection slots are reserved") || log_has("too many clients already")) {
    return "the database has no connections left: fewer workers, a shorter CONN_MAX_AGE or a bigger `instance_class`; "
           "adhoc quota counts them";
  }
  if (log_has("ModuleNotFoundError") || log_has("ImportError")) return "the image lacks a Python module: rebuild it";
  if (has(reason, "exited with code")) return "the last log lines above say why";
  return "";
}

TaskResult RunTask(Context& context, const TaskRequest& request) {
  const std::string& env = context.environment();
  Json override = {{"name", request.workload}};
  if (!request.command.empty()) override["command"] = request.command;
  for (const auto& [name, value] : request.environment) {
    override["environment"].push_back({{"name", name}, {"value", value}});
  }
  Json input = {{"cluster", ClusterName(env)},
                {"taskDefinition", request.task_definition},
                {"launchType", "FARGATE"},
                {"count", 1},
                {"startedBy", "adhoc"},
                {"platformVersion", PlatformVersionOf(context.config(), request.workload)},
                {"networkConfiguration", NetworkConfiguration(context)},
                {"enableExecuteCommand", true},
                {"propagateTags", "TASK_DEFINITION"},
                {"overrides", {{"containerOverrides", Json::array({override})}}}};
  Json started;
  Json failure;
  const TimePoint asked = context.clock().Now();
  context.WaitUntil("room for the task " + request.workload, [&] {
    // A new one each time: to a request that it knows ECS gives the answer it gave.
    input["clientToken"] = context.random().Hex(32);
    started = context.Call("ecs", "RunTask", input);
    if (!started.value("tasks", Json::array()).empty()) return true;
    const Json failures = started.value("failures", Json::array());
    failure = failures.empty() ? Json::object() : failures[0];
    // Fargate has none for a moment now and then.
    return failure.value("reason", "").find("Capacity is unavailable") == std::string::npos ||
           context.clock().Now() - asked >= context.pace().spot_patience;
  });
  if (started.value("tasks", Json::array()).empty()) {
    const std::string detail = failure.value("detail", "");
    throw Error(fmt::format("ECS did not start the task {}: {}{}{}", request.workload,
                            failure.value("reason", "no reason given"), detail.empty() ? "" : ": ", detail),
                "try again in a moment");
  }
  TaskResult result;
  result.task_arn = started["tasks"][0]["taskArn"];
  const std::string id = result.task_arn.substr(result.task_arn.rfind('/') + 1);
  const std::string log_workload = request.log_workload.empty() ? request.workload : request.log_workload;
  LogFollower log(context, LogGroupName(env, log_workload), fmt::format("{}/{}/{}", log_workload, request.workload, id),
                  request.workload);

  Json task;
  std::string status;
  try {
    context.clock().SleepFor(std::max(context.pace().poll, context.pace().task_start), context.stop());
    context.WaitUntil("task " + request.workload, [&] {
      const Json described = DescribeTasks(context, ClusterName(env), Json::array({result.task_arn}));
      if (described.empty()) {
        if (context.HasJustMadeSomething()) return false;
        throw Error("the task " + id + " has disappeared");
      }
      task = described[0];
      const std::string before = std::exchange(status, task.value("lastStatus", ""));
      if (status != before) context.Progress(request.step, fmt::format("task {}", status));
      // When its container has ended, what is left is AWS's tidying up.
      if (status == "STOPPED" || ExitCodeOf(task, request.workload)) return true;
      // One that has just begun has hardly written anything.
      if (before == "RUNNING") log.Poll();
      return false;
    });
  } catch (const std::exception&) {
    // Nothing that we gave up waiting for stays behind running. Not context.Call: it refuses when a stop was requested.
    context.CallAnyway("ecs", "StopTask",
                       {{"cluster", ClusterName(env)}, {"task", result.task_arn}, {"reason", "stopped by adhoc"}});
    throw;
  }
  // The log driver delivers with a delay, of some seconds in an account; silence after a pause means that it was all.
  // The last words of one that failed are worth waiting for.
  const int silences = ExitCodeOf(task, request.workload) == 0 ? 1 : 10;
  log.Poll();
  for (int silent = 0; silent < silences;) {
    context.clock().SleepFor(context.pace().log);
    silent = log.Poll() ? 0 : silent + 1;
  }
  result.stop_code = task.value("stopCode", "");
  result.stopped_reason = WhyStopped(task);
  if (const auto code = ExitCodeOf(task, request.workload)) result.exit_code = *code;
  result.last_lines = log.lines();
  return result;
}

void RunTaskOrThrow(Context& context, const TaskRequest& request) {
  const TaskResult result = RunTask(context, request);
  if (result.ok()) return;
  throw Error(fmt::format("task {} failed: {}", request.workload, result.stopped_reason),
              HintFor(result.stopped_reason, result.last_lines));
}

}  // namespace adhoc::env
