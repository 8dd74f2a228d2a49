// ExecuteCommand and the tags of every kind of ECS resource.
#include <fmt/format.h>

#include <algorithm>

#include "localcloud/api/ecs_internal.h"
#include "localcloud/api/ssm.h"
#include "localcloud/iam/task_roles.h"

namespace adhoc::localcloud::ecs {
namespace {

Json ExecuteCommand(Cloud& cloud, Call& call) {
  const Json& input = call.input;
  const std::string cluster = ClusterName(input);
  RequireCluster(call.txn, cluster);
  const std::string key = TaskKey(cluster, input["task"]);
  const Json* task = call.txn.Find(kTasks, key);
  if (task == nullptr) throw ApiError("InvalidParameterException", "The referenced task was not found.");
  if (!input.value("interactive", false)) {
    throw ApiError("InvalidParameterException", "Interactive is the only mode supported currently.");
  }
  if (!task->value("enableExecuteCommand", false) || task->value("lastStatus", "") != "RUNNING" ||
      !iam::MayOpenChannels(cloud, call.txn, *task)) {
    throw ApiError("InvalidParameterException",
                   "The execute command failed because execute command was not enabled when the task was run or the "
                   "execute command agent isn’t running. Wait and try again or run a new task with execute command "
                   "enabled and try again.");
  }
  const Json& containers = task->at("containers");
  const std::string name = input.value("container", "");
  if (name.empty() && containers.size() > 1) {
    throw ApiError("InvalidParameterException",
                   "You must specify a container name because the task has more than one container.");
  }
  const auto container = name.empty() ? containers.begin()
                                      : std::find_if(containers.begin(), containers.end(),
                                                     [&](const Json& c) { return c.value("name", "") == name; });
  if (container == containers.end()) {
    throw ApiError("InvalidParameterException", "The container " + name + " does not exist in the task.");
  }
  if (container->value("lastStatus", "") != "RUNNING") {
    throw ApiError("TargetNotConnectedException",
                   "The execute command failed due to an internal error. Try again later.");
  }

  const Json opened = ssm::StartSession(cloud, call.txn,
                                        {.id_prefix = "ecs-execute-command-",
                                         .kind = ssm::kShell,
                                         .document = "AmazonECS-ExecuteInteractiveCommand",
                                         .target = ssm::TaskTarget(key, *container),
                                         .task = key,
                                         .runtime = container->value("_id", ""),
                                         .details = {{"_command", input["command"]}}});
  return {
      {"clusterArn", task->at("clusterArn")},
      {"containerArn", container->at("containerArn")},
      {"containerName", container->at("name")},
      {"interactive", true},
      {"taskArn", task->at("taskArn")},
      {"session",
       {{"sessionId", opened["SessionId"]}, {"streamUrl", opened["StreamUrl"]}, {"tokenValue", opened["TokenValue"]}}}};
}

// The tags of the resource with this ARN, for changing. Throws when there is none.
Json& TagsOf(Call& call, const std::string& arn) {
  const auto colon = arn.rfind(':', arn.find('/'));
  const std::string resource = colon == std::string::npos ? arn : arn.substr(colon + 1);
  const std::string kind = resource.substr(0, resource.find('/'));
  const std::string key = KeyFromArn(resource);
  const std::string_view collection = kind == "cluster"           ? kClusters
                                      : kind == "service"         ? kServices
                                      : kind == "task"            ? kTasks
                                      : kind == "task-definition" ? kTaskDefinitions
                                                                  : std::string_view();
  if (collection.empty()) throw ApiError("InvalidParameterException", "Invalid resource type '" + kind + "'.");
  if (call.txn.Find(collection, key) == nullptr) {
    if (kind == "cluster") throw ApiError("ClusterNotFoundException", "Cluster not found.");
    throw ApiError("ResourceNotFoundException", "The specified " + kind + " is not found.");
  }
  Json& document = call.txn.Edit(collection, key);
  if (!document.contains("_tags")) document["_tags"] = Json::array();
  return document["_tags"];
}

Json TagResource(Call& call) {
  Json& tags = TagsOf(call, call.input["resourceArn"]);
  for (const auto& tag : call.input["tags"]) {
    const auto same = std::find_if(tags.begin(), tags.end(), [&](const Json& t) { return t["key"] == tag["key"]; });
    if (same == tags.end()) {
      tags.push_back(tag);
    } else {
      *same = tag;
    }
  }
  if (tags.size() > 50) throw ApiError("InvalidParameterException", "Too many tags: a resource can have at most 50.");
  return Json::object();
}

Json UntagResource(Call& call) {
  Json& tags = TagsOf(call, call.input["resourceArn"]);
  const Json& keys = call.input["tagKeys"];
  Json kept = Json::array();
  for (const auto& tag : tags) {
    if (std::find(keys.begin(), keys.end(), tag["key"]) == keys.end()) kept.push_back(tag);
  }
  tags = std::move(kept);
  return Json::object();
}

Json ListTagsForResource(Call& call) { return {{"tags", TagsOf(call, call.input["resourceArn"])}}; }

}  // namespace

void RegisterExec(Api& api, Cloud& cloud) {
  api.On("ecs", "ExecuteCommand", [&cloud](Call& call) { return ExecuteCommand(cloud, call); });
}

void RegisterTags(Api& api, Cloud&) {
  api.On("ecs", "TagResource", TagResource);
  api.On("ecs", "UntagResource", UntagResource);
  api.On("ecs", "ListTagsForResource", ListTagsForResource);
}

}  // namespace adhoc::localcloud::ecs
