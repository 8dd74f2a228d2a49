#include "localcloud/api/task_metadata.h"

#include <algorithm>
#include <charconv>

#include "localcloud/api/support.h"
#include "localcloud/scheduler/containers.h"
#include "localcloud/scheduler/documents.h"

namespace adhoc::localcloud {
namespace {

double Decimal(const std::string& text) {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void SetTime(Json& document, const char* name, const Json& from, const char* key) {
  const auto found = from.find(key);
  if (found != from.end() && found->is_number()) document[name] = IsoTime(found->get<double>());
}

std::string Detail(const Json& task, std::string_view name) {
  for (const Json& attachment : Items(task, "attachments")) {
    for (const Json& detail : Items(attachment, "details")) {
      if (Text(detail, "name") == name) return Text(detail, "value");
    }
  }
  return "";
}

// `family:revision` in two.
std::pair<std::string, std::string> FamilyAndRevision(const Json& task) {
  const std::string key = ecs::TaskDefinitionKey(Text(task, "taskDefinitionArn"));
  const auto colon = key.rfind(':');
  return {key.substr(0, colon), key.substr(colon + 1)};
}

Json NetworkOf(const TaskDocuments& from, MetadataVersion version) {
  const Json& task = from.task;
  Json network{{"NetworkMode", "awsvpc"}, {"IPv4Addresses", Json::array({Text(task, "_ip")})}};
  if (version == MetadataVersion::kV3) return network;
  const std::string range = Text(from.subnet, "_cidr");
  const std::string gateway = Text(task, "_gateway");
  network["AttachmentIndex"] = 0;
  network["MACAddress"] = Detail(task, "macAddress");
  network["IPv4SubnetCIDRBlock"] = range;
  network["DomainNameServers"] = Json::array({gateway});
  network["PrivateDNSName"] = Detail(task, "privateDnsName");
  network["SubnetGatewayIpv4Address"] = gateway + range.substr(std::min(range.find('/'), range.size()));
  return network;
}

Json TagObject(const Json& tags) { return TagMap(tags, {.key = "key", .value = "value"}); }

}  // namespace

Json ContainerMetadata(const TaskDocuments& from, std::string_view container, MetadataVersion version) {
  const Json& containers = from.task.at("containers");
  const auto found = std::find_if(containers.begin(), containers.end(),
                                  [&](const Json& item) { return item.value("name", "") == container; });
  if (found == containers.end()) throw Error("the task has no container " + std::string(container));
  const Json& state = *found;
  const Json& definition = ecs::ContainerDefinition(from.definition, container);
  const std::string status = Text(state, "lastStatus");
  const auto [family, revision] = FamilyAndRevision(from.task);

  Json labels{{"com.amazonaws.ecs.cluster", from.task.at("clusterArn")},
              {"com.amazonaws.ecs.container-name", container},
              {"com.amazonaws.ecs.task-arn", from.task.at("taskArn")},
              {"com.amazonaws.ecs.task-definition-family", family},
              {"com.amazonaws.ecs.task-definition-version", revision}};
  for (const auto& [name, value] : Fields(definition, "dockerLabels").items()) labels[name] = value;

  Json document{{"DockerId", Text(state, "runtimeId")},
                {"Name", container},
                {"DockerName", container},
                {"Image", state.at("image")},
                {"ImageID", Text(state, "imageDigest")},
                {"Labels", std::move(labels)},
                {"DesiredStatus", from.task.at("desiredStatus")},
                {"KnownStatus", status == "PENDING" ? "NONE" : status},
                // Two shares are the least that a container can have.
                {"Limits", {{"CPU", std::max<std::int64_t>(Number(definition, "cpu"), 2)}}},
                {"Type", "NORMAL"},
                {"Networks", Json::array({NetworkOf(from, version)})}};
  if (definition.contains("memory")) document["Limits"]["Memory"] = definition["memory"];
  SetTime(document, "CreatedAt", state, "_started");
  SetTime(document, "StartedAt", state, "_started");
  SetTime(document, "FinishedAt", state, "_finished");
  if (state.contains("exitCode")) document["ExitCode"] = state["exitCode"];
  if (definition.contains("healthCheck")) document["Health"] = {{"status", Text(state, "healthStatus", "UNKNOWN")}};
  if (version == MetadataVersion::kV3) return document;

  document["ContainerARN"] = state.at("containerArn");
  const Json& log = Fields(definition, "logConfiguration");
  if (!log.empty()) {
    document["LogDriver"] = Text(log, "logDriver");
    document["LogOptions"] = Fields(log, "options");
    document["LogOptions"].erase("awslogs-stream-prefix");
    const auto target =
        ecs::LogTargetOf(from.definition, container, ecs::LastPart(from.task.at("taskArn").get<std::string>()));
    if (target) document["LogOptions"]["awslogs-stream"] = target->stream;
  }
  return document;
}

Json TaskMetadata(const TaskDocuments& from, MetadataVersion version, bool with_tags) {
  const Json& task = from.task;
  const auto [family, revision] = FamilyAndRevision(task);
  const std::string cluster = Text(task, "clusterArn");
  Json document{
      {"Cluster", version == MetadataVersion::kV3 ? ecs::LastPart(cluster) : cluster},
      {"TaskARN", task.at("taskArn")},
      {"Family", family},
      {"Revision", revision},
      {"DesiredStatus", task.at("desiredStatus")},
      {"KnownStatus", task.at("lastStatus")},
      {"Limits", {{"CPU", Decimal(Text(task, "cpu")) / 1024}, {"Memory", std::int64_t(Decimal(Text(task, "memory")))}}},
      {"AvailabilityZone", Text(task, "availabilityZone")},
      {"Containers", Json::array()}};
  SetTime(document, "PullStartedAt", task, "pullStartedAt");
  SetTime(document, "PullStoppedAt", task, "pullStoppedAt");
  SetTime(document, "ExecutionStoppedAt", task, "executionStoppedAt");
  for (const Json& container : task.at("containers")) {
    document["Containers"].push_back(ContainerMetadata(from, Text(container, "name"), version));
  }
  if (version == MetadataVersion::kV4) {
    document["LaunchType"] = Text(task, "launchType", "FARGATE");
    if (task.contains("_service")) document["ServiceName"] = task["_service"];
  }
  if (with_tags) {
    document["TaskTags"] = TagObject(Items(task, "_tags"));
    document["ContainerInstanceTags"] = Json::object();
  }
  return document;
}

Json StatsDocument(const Json& container, const StatsReading& now, const StatsReading& before, int cpus) {
  const auto cpu = [&](const StatsReading& reading) -> Json {
    if (reading.time == 0) return Json{{"cpu_usage", {{"total_usage", 0}}}};
    return {{"cpu_usage", {{"total_usage", reading.stats.cpu_time.count()}}},
            // The machine's CPU time so far, of which a difference is what could have been used.
            {"system_cpu_usage", std::int64_t(reading.time * cpus * 1e9)},
            {"online_cpus", cpus}};
  };
  Json document{
      {"read", IsoTime(now.time)},
      {"id", Text(container, "runtimeId")},
      {"name", Text(container, "name")},
      {"cpu_stats", cpu(now)},
      {"precpu_stats", cpu(before)},
      {"memory_stats", {{"usage", now.stats.memory_bytes}, {"limit", now.stats.memory_limit_bytes}}},
      {"networks",
       {{"eth0", {{"rx_bytes", now.stats.network_received_bytes}, {"tx_bytes", now.stats.network_sent_bytes}}}}}};
  if (before.time > 0) {
    document["preread"] = IsoTime(before.time);
    const double seconds = now.time - before.time;
    if (seconds > 0) {
      const auto rate = [&](std::int64_t a, std::int64_t b) { return static_cast<double>(b - a) / seconds; };
      document["network_rate_stats"] = {
          {"rx_bytes_per_sec", rate(before.stats.network_received_bytes, now.stats.network_received_bytes)},
          {"tx_bytes_per_sec", rate(before.stats.network_sent_bytes, now.stats.network_sent_bytes)}};
    }
  }
  return document;
}

}  // namespace adhoc::localcloud
