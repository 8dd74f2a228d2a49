#include "localcloud/runtime/engineless_runtime.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <condition_variable>
#include <deque>
#include <iterator>
#include <list>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/sync.h"

namespace adhoc::localcloud {
namespace {

constexpr int kStopped = 143;  // by SIGTERM

std::string DigestOf(std::string_view text) {
  unsigned char hash[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash);
  std::string hex = "sha256:";
  for (const unsigned char byte : hash) hex += fmt::format("{:02x}", byte);
  return hex;
}

class EnginelessRuntime : public ContainerRuntime {
 public:
  explicit EnginelessRuntime(Clock& clock) : clock_(clock) {}

  EngineInfo Engine() override { return {.name = "none", .version = "without containers", .api_version = ""}; }

  std::string Create(const ContainerSpec& spec) override {
    auto state = state_.lock();
    if (state->by_name.contains(spec.name)) {
      throw RuntimeError(RuntimeErrorKind::kNameInUse, fmt::format("the name {} is in use", spec.name));
    }
    const std::string id = fmt::format("{:064x}", ++state->last_id);
    ContainerState container{.id = id,
                             .name = spec.name,
                             .image = spec.image,
                             .image_id = DigestOf(spec.image),
                             .created_at = clock_.Now(),
                             .labels = spec.labels,
                             .ip = spec.ip,
                             .share_network_with = spec.share_network_with,
                             .ports = spec.ports};
    if (!spec.name.empty()) state->by_name.emplace(spec.name, id);
    state->by_task.emplace(TaskOf(spec.labels), id);
    state->containers.emplace(id, std::move(container));
    return id;
  }

  void Start(const std::string& id) override {
    auto state = state_.lock();
    ContainerState& container = Need(*state, id);
    if (container.running()) return;
    container.status = ContainerStatus::kRunning;
    container.started_at = clock_.Now();
    if (!IsOneOff(container.labels)) return;
    End(*state, container, 0);
    changed_.notify_all();
  }

  void Stop(const std::string& id, std::chrono::seconds) override {
    auto state = state_.lock();
    End(*state, Need(*state, id), kStopped);
    changed_.notify_all();
  }

  void Kill(const std::string& id, const std::string& signal) override {
    auto state = state_.lock();
    ContainerState& container = Need(*state, id);
    if (!container.running()) throw RuntimeError(RuntimeErrorKind::kConflict, "the container is not running");
    if (signal.ends_with("TERM")) End(*state, container, kStopped);
    if (signal.ends_with("KILL")) End(*state, container, 137);
    changed_.notify_all();
  }

  void Remove(const std::string& id, bool) override {
    auto state = state_.lock();
    const ContainerState* container = Find(*state, id);
    if (container == nullptr) return;
    const auto [begin, end] = state->by_task.equal_range(TaskOf(container->labels));
    for (auto it = begin; it != end; ++it) {
      if (it->second != container->id) continue;
      state->by_task.erase(it);
      break;
    }
    state->by_name.erase(container->name);
    state->containers.erase(std::string(container->id));
    changed_.notify_all();
  }

  std::optional<ContainerState> Inspect(const std::string& id) override {
    auto state = state_.lock();
    const ContainerState* container = Find(*state, id);
    return container == nullptr ? std::nullopt : std::optional(*container);
  }

  std::vector<ContainerState> List(const Labels& labels) override {
    auto state = state_.lock();
    std::vector<ContainerState> found;
    const auto add = [&](const ContainerState& container) {
      if (MatchesLabels(container.labels, labels)) found.push_back(container);
    };
    if (const std::string task = TaskOf(labels); !task.empty()) {
      const auto [begin, end] = state->by_task.equal_range(task);
      for (auto it = begin; it != end; ++it) add(state->containers.at(it->second));
    } else {
      for (const auto& [id, container] : state->containers) add(container);
    }
    SortForRemoval(found);
    return found;
  }

  std::optional<int> Wait(const std::string& id, std::stop_token stop) override {
    auto state = state_.lock();
    Need(*state, id);
    const bool ended = state.Wait(changed_, stop, [&] {
      const ContainerState* container = Find(*state, id);
      return container == nullptr || !container->running();
    });
    return ended ? Need(*state, id).exit_code : std::nullopt;
  }

  void FollowLogs(const std::string&, const LogOptions&, const std::function<bool(const LogLine&)>&,
                  std::stop_token) override {
    throw RuntimeError(RuntimeErrorKind::kConflict, "without a container engine nothing writes a log");
  }

  void WatchEvents(const Labels& labels, const std::function<void()>& ready,
                   const std::function<void(const ContainerEvent&)>& sink, std::stop_token stop) override {
    auto state = state_.lock();
    state->watchers.push_back({.labels = labels, .waiting = {}});
    const auto watcher = std::prev(state->watchers.end());
    state.Unlock();
    if (ready) ready();
    state.Relock();
    while (state.Wait(changed_, stop, [&] { return !watcher->waiting.empty(); })) {
      const auto events = std::exchange(watcher->waiting, {});
      state.Unlock();
      for (const ContainerEvent& event : events) sink(event);
      state.Relock();
    }
    state->watchers.erase(watcher);
  }

  ContainerStats Stats(const std::string& id) override {
    auto state = state_.lock();
    Need(*state, id);
    return {};
  }

  void SetCpus(const std::string& id, double) override {
    auto state = state_.lock();
    Need(*state, id);
  }

  std::unique_ptr<ExecSession> Exec(const std::string&, const ExecSpec&) override {
    throw RuntimeError(RuntimeErrorKind::kConflict, "without a container engine nothing can be executed");
  }

  // Health checks and the database's setup, which all succeed.
  ExecResult RunExec(const std::string& id, const ExecSpec&, std::chrono::milliseconds) override {
    auto state = state_.lock();
    if (!Need(*state, id).running()) throw RuntimeError(RuntimeErrorKind::kConflict, "the container is not running");
    return {};
  }

  std::optional<ImageInfo> FindImage(const std::string& reference) override {
    ImageInfo image;
    image.id = reference.starts_with("sha256:") ? reference : DigestOf(reference);
    image.references = {reference};
    image.architecture = "amd64";
    return image;
  }
  std::vector<ImageInfo> ListImages(const std::vector<std::string>&) override { return {}; }
  void TagImage(const std::string&, const std::string&) override {}
  void RemoveImage(const std::string&) override {}
  void PullImage(const std::string&, const std::string&) override {}
  void LoadImage(const ImageParts&, const std::filesystem::path&) override {}

  NetworkInfo EnsureNetwork(const NetworkSpec& spec) override {
    auto state = state_.lock();
    const NetworkInfo network{
        .id = spec.name, .name = spec.name, .subnet = spec.subnet, .gateway = spec.gateway, .labels = spec.labels};
    return state->networks.try_emplace(spec.name, network).first->second;
  }
  void RemoveNetwork(const std::string& name) override { state_.lock()->networks.erase(name); }
  std::vector<NetworkInfo> ListNetworks(const Labels& labels) override {
    auto state = state_.lock();
    std::vector<NetworkInfo> found;
    for (const auto& [name, network] : state->networks) {
      if (MatchesLabels(network.labels, labels)) found.push_back(network);
    }
    return found;
  }
  void EnsureVolume(const std::string& name, const Labels& labels) override {
    state_.lock()->volumes.try_emplace(name, labels);
  }
  void RemoveVolume(const std::string& name) override { state_.lock()->volumes.erase(name); }
  std::vector<VolumeInfo> ListVolumes(const Labels& labels) override {
    auto state = state_.lock();
    std::vector<VolumeInfo> found;
    for (const auto& [name, has] : state->volumes) {
      if (MatchesLabels(has, labels)) found.push_back({name, has});
    }
    return found;
  }

 private:
  struct Watcher {
    Labels labels;
    std::deque<ContainerEvent> waiting;
  };
  struct State {
    std::uint64_t last_id = 0;
    std::unordered_map<std::string, ContainerState> containers;  // by id
    std::unordered_map<std::string, std::string> by_name;
    std::unordered_multimap<std::string, std::string> by_task;
    std::map<std::string, NetworkInfo> networks;
    std::map<std::string, Labels> volumes;
    std::list<Watcher> watchers;
  };

  // A task that belongs to no service: its work is done as soon as it begins.
  static bool IsOneOff(const Labels& labels) {
    const auto group = labels.find("adhoc.group");
    return group != labels.end() && !group->second.starts_with("service:");
  }

  static std::string TaskOf(const Labels& labels) {
    const auto found = labels.find("adhoc.task");
    return found == labels.end() ? "" : found->second;
  }

  static ContainerState* Find(State& state, const std::string& id) {
    auto found = state.containers.find(id);
    if (found == state.containers.end()) {
      const auto named = state.by_name.find(id);
      if (named != state.by_name.end()) found = state.containers.find(named->second);
    }
    return found == state.containers.end() ? nullptr : &found->second;
  }

  static ContainerState& Need(State& state, const std::string& id) {
    ContainerState* container = Find(state, id);
    if (container == nullptr) throw RuntimeError(RuntimeErrorKind::kNotFound, "there is no container " + id);
    return *container;
  }

  void End(State& state, ContainerState& container, int exit_code) {
    if (!container.running()) return;
    container.status = ContainerStatus::kExited;
    container.exit_code = exit_code;
    container.finished_at = clock_.Now();
    for (Watcher& watcher : state.watchers) {
      if (!MatchesLabels(container.labels, watcher.labels)) continue;
      watcher.waiting.push_back({.kind = ContainerEventKind::kDied,
                                 .id = container.id,
                                 .name = container.name,
                                 .labels = container.labels,
                                 .exit_code = exit_code,
                                 .time = clock_.Now()});
    }
  }

  Clock& clock_;
  std::condition_variable_any changed_;
  Sync<State> state_;
};

}  // namespace

std::unique_ptr<ContainerRuntime> MakeEnginelessRuntime(Clock& clock) {
  return std::make_unique<EnginelessRuntime>(clock);
}

}  // namespace adhoc::localcloud
