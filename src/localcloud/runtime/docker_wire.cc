#include "localcloud/runtime/docker_wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "localcloud/runtime/multiplexed_stream.h"

namespace adhoc::localcloud::docker {
namespace {

// The engines write null for an absent list, object or string.
const Json& At(const Json& document, const char* key) {
  static const Json kAbsent;
  if (!document.is_object()) return kAbsent;
  auto found = document.find(key);
  return found == document.end() ? kAbsent : *found;
}

std::string Text(const Json& document, const char* key) {
  const Json& value = At(document, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::int64_t Number(const Json& document, const char* key) {
  const Json& value = At(document, key);
  return value.is_number() ? value.get<std::int64_t>() : 0;
}

bool Flag(const Json& document, const char* key) {
  const Json& value = At(document, key);
  return value.is_boolean() && value.get<bool>();
}

// A list of strings; a single string counts as a list of one.
std::vector<std::string> Strings(const Json& document, const char* key) {
  const Json& value = At(document, key);
  std::vector<std::string> result;
  if (value.is_string()) result.push_back(value.get<std::string>());
  if (!value.is_array()) return result;
  for (const Json& item : value) {
    if (item.is_string()) result.push_back(item.get<std::string>());
  }
  return result;
}

Labels ParseLabels(const Json& value) {
  Labels labels;
  if (!value.is_object()) return labels;
  for (const auto& [name, text] : value.items()) {
    if (text.is_string()) labels[name] = text.get<std::string>();
  }
  return labels;
}

std::vector<std::string> EnvironmentLines(const std::map<std::string, std::string>& environment) {
  std::vector<std::string> lines;
  for (const auto& [name, value] : environment) lines.push_back(name + "=" + value);
  return lines;
}

std::string Lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](unsigned char c) { return std::tolower(c); });
  return result;
}

// The engines tell most failures apart only in words. Ordered: the first match decides.
RuntimeErrorKind KindOf(int status, std::string_view message) {
  struct Rule {
    std::string_view phrase;
    RuntimeErrorKind kind;
  };
  static constexpr Rule kRules[] = {
      {"no such image", RuntimeErrorKind::kImageNotFound},
      {"image not known", RuntimeErrorKind::kImageNotFound},
      {"manifest unknown", RuntimeErrorKind::kImageNotFound},
      {"pull access denied", RuntimeErrorKind::kImageNotFound},
      {"name is already in use", RuntimeErrorKind::kNameInUse},
      {"is already in use by container", RuntimeErrorKind::kNameInUse},
      {"is already used on the host or by another config", RuntimeErrorKind::kAddressInUse},
      {"pool overlaps", RuntimeErrorKind::kAddressInUse},
      {"is already allocated to container", RuntimeErrorKind::kAddressInUse},
      {"port is already allocated", RuntimeErrorKind::kPortInUse},
      {"cannot listen on", RuntimeErrorKind::kPortInUse},
      {"bind: address already in use", RuntimeErrorKind::kPortInUse},
      {"address already in use", RuntimeErrorKind::kAddressInUse},
      {"executable file not found", RuntimeErrorKind::kCommandNotFound},
      {"attempted to invoke a command that was not found", RuntimeErrorKind::kCommandNotFound},
      {"oci permission denied", RuntimeErrorKind::kCommandNotFound},
      {"starting container process caused: exec", RuntimeErrorKind::kCommandNotFound},
      {"unable to start container process: exec:", RuntimeErrorKind::kCommandNotFound},
      {"network not found", RuntimeErrorKind::kNotFound},
      // While it is being removed: podman, Docker.
      {"no such container", RuntimeErrorKind::kNotFound},
      {"removal of container", RuntimeErrorKind::kNotFound},
      {"container state improper", RuntimeErrorKind::kConflict},
      {"is not running", RuntimeErrorKind::kConflict},
      {"has dependent containers", RuntimeErrorKind::kConflict},
      {"network is being used", RuntimeErrorKind::kConflict},
      {"has active endpoints", RuntimeErrorKind::kConflict},
      {"volume is being used", RuntimeErrorKind::kConflict},
      {"already exists", RuntimeErrorKind::kNameInUse},
  };
  std::string lower = Lower(message);
  for (const Rule& rule : kRules) {
    if (lower.find(rule.phrase) != std::string::npos) return rule.kind;
  }
  if (status == 404) return RuntimeErrorKind::kNotFound;
  if (status == 409) return RuntimeErrorKind::kConflict;
  return RuntimeErrorKind::kOther;
}

}  // namespace

Json CreateContainerBody(const ContainerSpec& spec) {
  // json-file by name so that a daemon configured otherwise still keeps logs that can be read back; podman reads it as
  // k8s-file.
  Json host = {{"LogConfig", {{"Type", "json-file"}}}};
  Json body = {{"Image", spec.image}, {"Labels", spec.labels}, {"Env", EnvironmentLines(spec.environment)}};
  if (!spec.entrypoint.empty()) body["Entrypoint"] = spec.entrypoint;
  if (!spec.command.empty()) body["Cmd"] = spec.command;
  if (!spec.user.empty()) body["User"] = spec.user;
  if (!spec.working_directory.empty()) body["WorkingDir"] = spec.working_directory;
  if (!spec.hostname.empty()) body["Hostname"] = spec.hostname;
  if (spec.stop_signal) body["StopSignal"] = *spec.stop_signal;
  if (spec.tty) body["Tty"] = true;
  if (spec.open_stdin) body["OpenStdin"] = true;

  if (!spec.share_network_with.empty()) {
    host["NetworkMode"] = "container:" + spec.share_network_with;
  } else if (!spec.network.empty()) {
    host["NetworkMode"] = spec.network;
    Json endpoint = Json::object();
    if (!spec.aliases.empty()) endpoint["Aliases"] = spec.aliases;
    if (!spec.ip.empty()) endpoint["IPAMConfig"] = {{"IPv4Address", spec.ip}};
    body["NetworkingConfig"] = {{"EndpointsConfig", {{spec.network, endpoint}}}};
    if (!spec.dns_server.empty()) host["Dns"] = {spec.dns_server};
  }
  for (const PublishedPort& port : spec.ports) {
    std::string key = fmt::format("{}/tcp", port.container_port);
    body["ExposedPorts"][key] = Json::object();
    host["PortBindings"][key].push_back({{"HostIp", port.host_ip}, {"HostPort", std::to_string(port.host_port)}});
  }
  for (const Mount& mount : spec.mounts) {
    bool volume = !mount.volume.empty();
    host["Mounts"].push_back({{"Type", volume ? "volume" : "bind"},
                              {"Source", volume ? mount.volume : mount.host_path},
                              {"Target", mount.container_path},
                              {"ReadOnly", mount.read_only}});
  }
  for (const std::string& path : spec.tmpfs) host["Tmpfs"][path] = "";
  if (!spec.extra_hosts.empty()) host["ExtraHosts"] = spec.extra_hosts;
  if (spec.cpus > 0) host["NanoCpus"] = static_cast<std::int64_t>(spec.cpus * 1e9);
  if (spec.memory_bytes > 0) {
    host["Memory"] = spec.memory_bytes;
    host["MemorySwap"] = spec.memory_bytes;
  }
  if (spec.shm_bytes > 0) host["ShmSize"] = spec.shm_bytes;
  if (spec.init) host["Init"] = true;
  if (spec.read_only_root) host["ReadonlyRootfs"] = true;
  if (!spec.add_capabilities.empty()) host["CapAdd"] = spec.add_capabilities;
  if (!spec.drop_capabilities.empty()) host["CapDrop"] = spec.drop_capabilities;
  body["HostConfig"] = std::move(host);
  return body;
}

Json UpdateBody(double cpus) { return {{"NanoCpus", static_cast<std::int64_t>(cpus * 1e9)}}; }

Json PodmanUpdateBody(double cpus) {
  constexpr std::int64_t kPeriod = 100'000;  // microseconds, the kernel's default
  return {{"cpu", {{"period", kPeriod}, {"quota", static_cast<std::int64_t>(cpus * kPeriod)}}}};
}

ContainerState ParseContainer(const Json& inspect) {
  ContainerState container;
  container.id = Text(inspect, "Id");
  container.name = Text(inspect, "Name");
  if (container.name.starts_with('/')) container.name.erase(0, 1);
  const Json& config = At(inspect, "Config");
  container.image = Text(config, "Image");
  container.image_id = Text(inspect, "Image");
  if (!container.image_id.starts_with("sha256:")) container.image_id.insert(0, "sha256:");
  container.labels = ParseLabels(At(config, "Labels"));
  container.created_at = ParseEngineTime(Text(inspect, "Created")).value_or(TimePoint());

  const Json& state = At(inspect, "State");
  container.started_at = ParseEngineTime(Text(state, "StartedAt"));
  container.error = Text(state, "Error");
  // podman lets its own words through: `configured` before a start; `stopping` and `stopped` around the end.
  std::string status = Text(state, "Status");
  if (Flag(state, "Running") || Flag(state, "Paused") || status == "stopping") {
    container.status = ContainerStatus::kRunning;
    container.pid = static_cast<int>(Number(state, "Pid"));
  } else if (container.started_at && status != "created" && status != "configured" && status != "initialized") {
    container.status = ContainerStatus::kExited;
    container.exit_code = static_cast<int>(Number(state, "ExitCode"));
    container.oom_killed = Flag(state, "OOMKilled");
    container.finished_at = ParseEngineTime(Text(state, "FinishedAt"));
    // podman may note a short process's start after its end.
    if (container.finished_at) container.started_at = std::min(*container.started_at, *container.finished_at);
  }

  const Json& settings = At(inspect, "NetworkSettings");
  constexpr std::string_view kJoined = "container:";
  std::string mode = Text(At(inspect, "HostConfig"), "NetworkMode");
  if (mode.starts_with(kJoined)) {  // podman then tells the other one's address and ports
    container.share_network_with = mode.substr(kJoined.size());
    return container;
  }
  const Json& networks = At(settings, "Networks");
  if (networks.is_object()) {
    for (const auto& [name, network] : networks.items()) {
      if (container.ip.empty()) container.ip = Text(network, "IPAddress");
    }
  }
  if (container.ip.empty()) container.ip = Text(settings, "IPAddress");
  const Json& ports = At(settings, "Ports");
  if (ports.is_object()) {
    for (const auto& [key, bindings] : ports.items()) {
      if (!bindings.is_array()) continue;
      for (const Json& binding : bindings) {
        container.ports.push_back(
            {Text(binding, "HostIp"), std::atoi(Text(binding, "HostPort").c_str()), std::atoi(key.c_str())});
      }
    }
  }
  return container;
}

bool HasMemoryLimit(const Json& inspect) { return Number(At(inspect, "HostConfig"), "Memory") > 0; }

bool KernelKilledForMemory(std::string_view kernel_log, std::string_view id) {
  std::size_t at = 0;
  while ((at = kernel_log.find("oom-kill:", at)) != std::string_view::npos) {
    std::string_view line = kernel_log.substr(at, kernel_log.find('\n', at) - at);
    std::size_t group = line.find("oom_memcg=");
    if (group != std::string_view::npos) {
      std::string_view value = line.substr(group, line.find(',', group) - group);
      if (value.find(id) != std::string_view::npos) return true;
    }
    at += line.size();
  }
  return false;
}

bool HasTerminal(const Json& inspect) { return Flag(At(inspect, "Config"), "Tty"); }

Json CreateExecBody(const ExecSpec& spec) {
  Json body = {{"Cmd", spec.argv},     {"AttachStdin", spec.stdin_open},
               {"AttachStdout", true}, {"AttachStderr", true},
               {"Tty", spec.tty},      {"Env", EnvironmentLines(spec.environment)}};
  if (!spec.user.empty()) body["User"] = spec.user;
  if (!spec.working_directory.empty()) body["WorkingDir"] = spec.working_directory;
  return body;
}

ImageInfo ParseImage(const Json& inspect) {
  ImageInfo image;
  image.id = Text(inspect, "Id");
  image.references = Strings(inspect, "RepoTags");
  image.digests = Strings(inspect, "RepoDigests");
  image.size_bytes = Number(inspect, "Size");
  image.created_at = ParseEngineTime(Text(inspect, "Created")).value_or(TimePoint());
  image.architecture = Text(inspect, "Architecture");
  const Json& config = At(inspect, "Config");
  image.config.entrypoint = Strings(config, "Entrypoint");
  image.config.command = Strings(config, "Cmd");
  image.config.environment = Strings(config, "Env");
  image.config.user = Text(config, "User");
  image.config.working_directory = Text(config, "WorkingDir");
  image.config.stop_signal = Text(config, "StopSignal");
  image.config.labels = ParseLabels(At(config, "Labels"));
  const Json& exposed = At(config, "ExposedPorts");
  if (exposed.is_object()) {
    for (const auto& [port, nothing] : exposed.items()) image.config.exposed_ports.push_back(port);
  }
  return image;
}

ImageInfo ParseImageSummary(const Json& summary) {
  ImageInfo image;
  image.id = Text(summary, "Id");
  for (const std::string& reference : Strings(summary, "RepoTags")) {
    if (reference != "<none>:<none>") image.references.push_back(reference);
  }
  image.digests = Strings(summary, "RepoDigests");
  image.size_bytes = Number(summary, "Size");
  image.created_at = TimePoint(std::chrono::seconds(Number(summary, "Created")));
  return image;
}

Json CreateNetworkBody(const NetworkSpec& spec) {
  Json pool = {{"Subnet", spec.subnet}};
  if (!spec.gateway.empty()) pool["Gateway"] = spec.gateway;
  return {{"Name", spec.name},         {"Driver", "bridge"},    {"CheckDuplicate", true},
          {"Internal", spec.internal}, {"Labels", spec.labels}, {"IPAM", {{"Config", Json::array({pool})}}}};
}

NetworkInfo ParseNetwork(const Json& inspect) {
  NetworkInfo network;
  network.id = Text(inspect, "Id");
  network.name = Text(inspect, "Name");
  network.labels = ParseLabels(At(inspect, "Labels"));
  const Json& pools = At(At(inspect, "IPAM"), "Config");
  if (pools.is_array() && !pools.empty()) {
    network.subnet = Text(pools[0], "Subnet");
    network.gateway = Text(pools[0], "Gateway");
  }
  return network;
}

ContainerStats ParseStats(const Json& stats) {
  ContainerStats result;
  result.cpu_time = std::chrono::nanoseconds(Number(At(At(stats, "cpu_stats"), "cpu_usage"), "total_usage"));
  const Json& memory = At(stats, "memory_stats");
  // Docker's figure includes the page cache; `docker stats` shows it without.
  result.memory_bytes = Number(memory, "usage") - Number(At(memory, "stats"), "inactive_file");
  result.memory_limit_bytes = Number(memory, "limit");
  const Json& networks = At(stats, "networks");
  if (networks.is_object()) {
    for (const auto& [name, network] : networks.items()) {
      result.network_received_bytes += Number(network, "rx_bytes");
      result.network_sent_bytes += Number(network, "tx_bytes");
    }
  }
  return result;
}

EngineInfo ParsePing(const net::Headers& headers) {
  // Server: Libpod/4.3.1 (linux), or Docker/20.10.24 (linux)
  std::string server = headers.GetOr("Server", "");
  std::size_t slash = server.find('/');
  EngineInfo info;
  info.name = server.starts_with("Libpod") ? "podman" : "docker";
  if (slash != std::string::npos) info.version = server.substr(slash + 1, server.find(' ', slash) - slash - 1);
  info.api_version = headers.GetOr("Api-Version", "");
  return info;
}

std::optional<ContainerEvent> ParseEvent(const Json& event) {
  if (Text(event, "Type") != "container") return std::nullopt;
  ContainerEvent result;
  std::string action = Text(event, "Action");
  if (action == "start") {
    result.kind = ContainerEventKind::kStarted;
  } else if (action == "die" || action == "died") {
    result.kind = ContainerEventKind::kDied;
  } else if (action == "oom") {
    result.kind = ContainerEventKind::kOutOfMemory;
  } else if (action == "remove" || action == "destroy") {
    result.kind = ContainerEventKind::kRemoved;
  } else {
    return std::nullopt;
  }
  const Json& actor = At(event, "Actor");
  result.id = Text(actor, "ID");
  // The attributes are the labels, with these few of the engine's own among them.
  result.labels = ParseLabels(At(actor, "Attributes"));
  result.name = result.labels["name"];
  if (result.kind == ContainerEventKind::kDied && result.labels.count("exitCode")) {
    result.exit_code = std::atoi(result.labels["exitCode"].c_str());
  }
  for (const char* own : {"name", "image", "exitCode", "containerExitCode", "podId"}) result.labels.erase(own);
  result.time =
      TimePoint(std::chrono::duration_cast<TimePoint::duration>(std::chrono::nanoseconds(Number(event, "timeNano"))));
  return result;
}

RuntimeError ErrorOf(std::string_view what, int status, std::string_view body) {
  Json document = Json::parse(body, nullptr, false);
  std::string message = Text(document, "message");
  if (message.empty()) message = body.empty() ? fmt::format("the engine answered {}", status) : std::string(body);
  return ErrorOfMessage(what, status, message);
}

RuntimeError ErrorOfMessage(std::string_view what, int status, std::string_view message) {
  while (message.ends_with('\n') || message.ends_with('.')) message.remove_suffix(1);
  return RuntimeError(KindOf(status, message), fmt::format("{}: {}", what, message));
}

Reference SplitReference(std::string_view reference) {
  std::size_t colon = reference.rfind(':');
  std::size_t slash = reference.rfind('/');
  if (colon == std::string_view::npos || (slash != std::string_view::npos && colon < slash)) {
    return {std::string(reference), ""};
  }
  return {std::string(reference.substr(0, colon)), std::string(reference.substr(colon + 1))};
}

std::string LabelFilter(const Labels& labels) {
  Json list = Json::array();
  for (const auto& [name, value] : labels) list.push_back(value.empty() ? name : name + "=" + value);
  return Json{{"label", std::move(list)}}.dump();
}

}  // namespace adhoc::localcloud::docker
