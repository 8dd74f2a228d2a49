#include "localcloud/api/task_endpoint.h"

#include <fmt/format.h>

#include <thread>

#include "localcloud/api/sts.h"
#include "localcloud/api/support.h"
#include "localcloud/scheduler/documents.h"

namespace adhoc::localcloud {
namespace {

// SDKs ask again some minutes before the end; until then the same credentials are answered.
constexpr std::int64_t kSessionSeconds = 6 * 3600;
constexpr double kRenewSeconds = 3600;
// Readings of containers that are long gone are forgotten when there are this many.
constexpr std::size_t kMaxReadings = 256;

net::Response JsonAnswer(const Json& document, int status = 200) {
  return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = document.dump()};
}

net::Response CredentialsError(const char* code, const char* message) {
  return JsonAnswer({{"code", code}, {"message", message}, {"HTTPErrorCode", 400}}, 400);
}

std::string RoleArn(const Cloud& cloud, const std::string& role) {
  return role.starts_with("arn:") ? role : cloud.GlobalArn("iam", "role/" + role);
}

// Splits off what comes before the next '/'.
std::string TakeSegment(std::string_view& path) {
  const auto slash = std::min(path.find('/'), path.size());
  std::string segment(path.substr(0, slash));
  path.remove_prefix(std::min(slash + 1, path.size()));
  return segment;
}

}  // namespace

std::optional<net::Response> TaskEndpoint::Answer(const net::Request& request) {
  std::string_view path = request.path();
  if (!path.starts_with("/v") || request.headers.Has("Authorization")) return std::nullopt;
  path.remove_prefix(1);
  const std::string version = TakeSegment(path);
  if (version == "v2") {
    if (TakeSegment(path) != "credentials") return std::nullopt;
    return Credentials(std::string(path));
  }
  if (version != "v3" && version != "v4") return std::nullopt;
  const std::string id = TakeSegment(path);
  if (path.ends_with('/')) path.remove_suffix(1);
  return Metadata(version == "v3" ? MetadataVersion::kV3 : MetadataVersion::kV4, id, std::string(path));
}

net::Response TaskEndpoint::Credentials(const std::string& id) {
  if (id.empty()) return CredentialsError("NoIdInRequest", "CredentialsV2Request: No ID in the request");
  const auto txn = cloud_.store.Begin();
  for (const auto& [key, task] : txn->All(ecs::kTasks)) {
    if (ecs::IsStopped(task) || Text(task, "_credentials_id") != id) continue;
    const Json* definition = txn->Find(ecs::kTaskDefinitions, ecs::TaskDefinitionKey(Text(task, "taskDefinitionArn")));
    const std::string role = RoleArn(cloud_, ecs::TaskRole(task, definition == nullptr ? Json::object() : *definition));
    Json session = Fields(task, "_session");
    if (session.value("Expiration", 0.0) < cloud_.Now() + kRenewSeconds) {
      session = BeginRoleSession(cloud_, *txn, role, ecs::LastPart(key), kSessionSeconds).credentials;
      txn->Edit(ecs::kTasks, key)["_session"] = session;
      txn->Commit();
    }
    return JsonAnswer({{"RoleArn", role},
                       {"AccessKeyId", session["AccessKeyId"]},
                       {"SecretAccessKey", session["SecretAccessKey"]},
                       {"Token", session["SessionToken"]},
                       {"Expiration", IsoTime(session["Expiration"].get<double>())}});
  }
  return CredentialsError("InvalidIdInRequest", "CredentialsV2Request: ID not found");
}

net::Response TaskEndpoint::Metadata(MetadataVersion version, const std::string& id, const std::string& what) {
  TaskDocuments from;
  Json container;
  {
    const auto txn = cloud_.store.Begin();
    for (const auto& [key, task] : txn->All(ecs::kTasks)) {
      if (ecs::IsStopped(task)) continue;
      for (const Json& candidate : task.at("containers")) {
        if (id.empty() || Text(candidate, "_metadata_id") != id) continue;
        container = candidate;
        from.task = task;
      }
    }
    if (container.is_null()) {
      return JsonAnswer("V4 container metadata handler: no container has the id in this URI", 404);
    }
    const Json* definition =
        txn->Find(ecs::kTaskDefinitions, ecs::TaskDefinitionKey(Text(from.task, "taskDefinitionArn")));
    const Json* subnet = txn->Find("ec2.subnets", Text(from.task, "_subnet"));
    if (definition == nullptr) return JsonAnswer("the task definition does not exist any more", 404);
    from.definition = *definition;
    if (subnet != nullptr) from.subnet = *subnet;
  }
  if (what.empty()) return JsonAnswer(ContainerMetadata(from, Text(container, "name"), version));
  if (what == "task") return JsonAnswer(TaskMetadata(from, version, false));
  if (what == "taskWithTags") return JsonAnswer(TaskMetadata(from, version, true));
  if (what == "stats") return JsonAnswer(Stats(container));
  if (what == "task/stats") {
    Json all = Json::object();
    for (const Json& each : from.task.at("containers")) {
      if (each.contains("runtimeId")) all[Text(each, "runtimeId")] = Stats(each);
    }
    return JsonAnswer(all);
  }
  return JsonAnswer("there is no " + what + " of a task", 404);
}

Json TaskEndpoint::Stats(const Json& container) {
  if (Text(container, "lastStatus") != "RUNNING") return nullptr;
  StatsReading now{.time = cloud_.Now()};
  try {
    now.stats = cloud_.runtime.Stats(Text(container, "_id"));
  } catch (const RuntimeError&) {
    return nullptr;  // it has just ended
  }
  auto readings = readings_.lock();
  if (readings->size() >= kMaxReadings) readings->clear();
  StatsReading& last = (*readings)[Text(container, "runtimeId")];
  const StatsReading before = last;
  last = now;
  return StatsDocument(container, now, before, static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
}

}  // namespace adhoc::localcloud
