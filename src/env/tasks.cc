#include "env/tasks.h"

#include <algorithm>

#include "env/names.h"

namespace adhoc::env {

Json ListTasks(Context& context, const Json& filter) {
  Json input{{"cluster", ClusterName(context.environment())}};
  input.update(filter);
  try {
    return context.List("ecs", "ListTasks", input, "taskArns",
                        {"ClusterNotFoundException", "ServiceNotFoundException"});
  } catch (const aws::AwsError& error) {
    if (error.code() != "ClusterNotFoundException" && error.code() != "ServiceNotFoundException") throw;
    return Json::array();
  }
}

Json DescribeTasks(Context& context, const std::string& cluster, const Json& arns) {
  constexpr std::ptrdiff_t kBatch = 100;
  Json tasks = Json::array();
  for (auto at = arns.begin(); at != arns.end();) {
    const auto end = at + std::min(kBatch, arns.end() - at);
    const Json batch(std::vector<Json>(at, end));
    const Json described = context.Call("ecs", "DescribeTasks", {{"cluster", cluster}, {"tasks", batch}});
    for (const Json& task : described["tasks"]) tasks.push_back(task);
    at = end;
  }
  return tasks;
}

Json TasksOf(Context& context, const Json& filter) {
  return DescribeTasks(context, ClusterName(context.environment()), ListTasks(context, filter));
}

}  // namespace adhoc::env
