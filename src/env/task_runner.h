// Runs one-off tasks (ECS RunTask) to their end, with their log.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "env/context.h"

namespace adhoc::env {

struct TaskRequest {
  std::string step;                  // whose progress it is
  std::string workload;              // `migrate`: family, container, log group and stream are named after it
  std::string task_definition;       // ARN or family
  std::vector<std::string> command;  // empty: the task definition's
  std::map<std::string, std::string> environment;  // added
  std::string log_workload;                        // the log group's, where it is not the workload's own
};

struct TaskResult {
  std::string task_arn;
  std::optional<int> exit_code;  // none: it never started
  std::string stop_code;
  std::string stopped_reason;
  std::vector<std::string> last_lines;  // of its log, at most 20

  bool ok() const { return exit_code == 0; }
};

// {awsvpcConfiguration: …} for tasks and services of the environment.
Json NetworkConfiguration(Context& context);

// Starts the task, emits its log lines as they come, and returns when it has stopped and its log is complete. On a stop
// request the task is stopped, too, and Error is thrown.
TaskResult RunTask(Context& context, const TaskRequest& request);

// RunTask that throws Error, with reason, exit code and hint, unless the exit code is 0. The log was already emitted.
void RunTaskOrThrow(Context& context, const TaskRequest& request);

// `exit code 1`, `CannotPullContainerError: …`: why a described task stopped, in one line. Takes the first essential
// container that failed.
std::string WhyStopped(const Json& task);
// What to try next, from the reason and the last log lines; may be empty. Pure.
std::string HintFor(const std::string& reason, const std::vector<std::string>& last_lines);

// The last lines of one stream; empty when there is none.
std::vector<std::string> ReadLastLines(Context& context, const std::string& group, const std::string& stream,
                                       int count);

}  // namespace adhoc::env
