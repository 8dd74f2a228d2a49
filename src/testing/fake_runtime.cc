#include "testing/fake_runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "localcloud/network/ipv4.h"

namespace adhoc::testing {

using namespace adhoc::localcloud;  // NOLINT(google-build-using-namespace): this file is that namespace's fake

namespace {

// A process that has ended, with all its output ready.
class FinishedExec : public ExecSession {
 public:
  explicit FinishedExec(ExecResult result) : result_(std::move(result)) {}
  std::optional<Output> Read() override {
    if (read_.exchange(true) || result_.output.empty()) return std::nullopt;
    return Output{false, result_.output};
  }
  bool Write(std::string_view) override { return false; }
  void CloseInput() override {}
  void Resize(int, int) override {}
  void Close() override { read_ = true; }
  std::optional<int> ExitCode() override { return result_.exit_code; }

 private:
  ExecResult result_;
  std::atomic<bool> read_ = false;
};

bool HasPrefixedReference(const ImageInfo& image, const std::string& repository) {
  return std::any_of(image.references.begin(), image.references.end(),
                     [&](const std::string& reference) { return reference.starts_with(repository + ":"); });
}

}  // namespace

FakeRuntime::FakeRuntime(FakeClock& clock) : clock_(clock) {
  listener_ = clock_.AddListener([this] { Settle(); });
}

FakeRuntime::~FakeRuntime() { clock_.RemoveListener(listener_); }

// ---- The test's side.

void FakeRuntime::AddImage(const std::string& reference, FakeProcess process, ImageConfig config) {
  AddImage(
      reference, [process = std::move(process)](const ContainerSpec&) { return process; }, std::move(config));
}

void FakeRuntime::AddImage(const std::string& reference, Program program, ImageConfig config) {
  auto state = state_.lock();
  auto image = std::make_shared<Image>();
  int number = ++state->last_id;
  image->info.id = fmt::format("sha256:{:064x}", number);
  image->info.references = {reference};
  image->info.digests = {fmt::format("{}@sha256:{:064x}", reference.substr(0, reference.rfind(':')), 0xd0000 + number)};
  image->info.size_bytes = 1000000;
  image->info.created_at = clock_.Now();
  image->info.architecture = "amd64";
  image->info.config = std::move(config);
  image->program = std::move(program);
  state->images[reference] = std::move(image);
}

void FakeRuntime::AddRemoteImage(const std::string& reference, FakeProcess process) {
  state_.lock()->remote_images[reference] = std::move(process);
}

void FakeRuntime::EndProcess(const std::string& id, int exit_code, bool out_of_memory) {
  {
    auto state = state_.lock();
    Container& container = Need(*state, id);
    SettleContainer(*state, container, clock_.Now());
    if (container.state.running()) End(*state, container, exit_code, out_of_memory, clock_.Now());
  }
  changed_.notify_all();
}

void FakeRuntime::WriteLog(const std::string& id, const std::string& text, bool from_stderr) {
  {
    auto state = state_.lock();
    Need(*state, id).log.push_back({clock_.Now(), from_stderr, text});
  }
  changed_.notify_all();
}

void FakeRuntime::Vanish(const std::string& id) {
  {
    auto state = state_.lock();
    std::string key = Need(*state, id).state.id;
    Emit(*state, state->containers.at(key), ContainerEventKind::kRemoved, clock_.Now());
    state->containers.erase(key);
  }
  changed_.notify_all();
}

void FakeRuntime::SetUnreachable(bool unreachable) {
  state_.lock()->unreachable = unreachable;
  changed_.notify_all();
}

void FakeRuntime::OccupyPort(int port) { state_.lock()->occupied_ports.insert(port); }

std::optional<ContainerSpec> FakeRuntime::SpecOf(const std::string& id) const {
  auto state = state_.lock();
  Container* container = Find(*state, id);
  return container ? std::optional(container->spec) : std::nullopt;
}

int FakeRuntime::running() const {
  auto state = state_.lock();
  return static_cast<int>(std::count_if(state->containers.begin(), state->containers.end(),
                                        [](const auto& entry) { return entry.second.state.running(); }));
}

std::vector<std::string> FakeRuntime::signals(const std::string& id) const {
  auto state = state_.lock();
  return Need(*state, id).signals;
}

// ---- What happens as time goes by.

void FakeRuntime::Settle() {
  {
    auto state = state_.lock();
    TimePoint now = clock_.Now();
    for (auto& [id, container] : state->containers) SettleContainer(*state, container, now);
  }
  changed_.notify_all();
}

void FakeRuntime::SettleContainer(State& state, Container& container, TimePoint now) {
  if (!container.state.running()) return;
  TimePoint started = *container.state.started_at;
  std::optional<TimePoint> ends;
  if (container.process.exits_after) {
    ends = started + std::chrono::duration_cast<TimePoint::duration>(*container.process.exits_after);
  }
  bool killed = container.kill_at && (!ends || *container.kill_at < *ends);
  if (killed) ends = container.kill_at;
  const auto& lines = container.process.lines;
  for (; container.scripted_lines_done < lines.size(); ++container.scripted_lines_done) {
    const auto& line = lines[container.scripted_lines_done];
    TimePoint at = started + std::chrono::duration_cast<TimePoint::duration>(line.after);
    if (at > now || (ends && at > *ends)) break;
    container.log.push_back({at, line.from_stderr, line.text});
  }
  if (!ends || *ends > now) return;
  if (killed) {
    container.signals.push_back("SIGKILL");
    End(state, container, 137, false, *ends);
  } else {
    End(state, container, container.process.exit_code, container.process.out_of_memory, *ends);
  }
}

void FakeRuntime::End(State& state, Container& container, int exit_code, bool out_of_memory, TimePoint at) {
  container.state.status = ContainerStatus::kExited;
  container.state.exit_code = exit_code;
  container.state.oom_killed = out_of_memory;
  container.state.finished_at = at;
  container.state.ip.clear();
  container.kill_at.reset();
  if (out_of_memory) Emit(state, container, ContainerEventKind::kOutOfMemory, at);
  Emit(state, container, ContainerEventKind::kDied, at);
}

void FakeRuntime::Emit(State& state, const Container& container, ContainerEventKind kind, TimePoint at) {
  ContainerEvent event{kind, container.state.id, container.state.name, container.state.labels, std::nullopt, at};
  if (kind == ContainerEventKind::kDied) event.exit_code = container.state.exit_code;
  for (auto& [id, watcher] : state.watchers) {
    if (MatchesLabels(event.labels, watcher.labels)) watcher.queue.push_back(event);
  }
}

void FakeRuntime::CheckReachable(const State& state) {
  if (state.unreachable) {
    throw RuntimeError(RuntimeErrorKind::kUnreachable, "cannot reach the container engine: connection refused");
  }
}

FakeRuntime::Container* FakeRuntime::Find(State& state, const std::string& id) {
  for (auto& [key, container] : state.containers) {
    if (key == id || container.state.name == id) return &container;
  }
  return nullptr;
}

FakeRuntime::Container& FakeRuntime::Need(State& state, const std::string& id) {
  if (Container* container = Find(state, id)) return *container;
  throw RuntimeError(RuntimeErrorKind::kNotFound, fmt::format("no such container: {}", id));
}

// ---- ContainerRuntime.

EngineInfo FakeRuntime::Engine() {
  CheckReachable(*state_.lock());
  return {"fake", "1.0", "1.41"};
}

std::string FakeRuntime::Create(const ContainerSpec& spec) {
  auto state = state_.lock();
  CheckReachable(*state);
  auto image = FindReference(*state, spec.image);
  if (image == state->images.end()) {
    throw RuntimeError(RuntimeErrorKind::kImageNotFound, fmt::format("no such image: {}", spec.image));
  }
  if (!spec.name.empty() && Find(*state, spec.name)) {
    throw RuntimeError(RuntimeErrorKind::kNameInUse, fmt::format("the container name {} is in use", spec.name));
  }
  if (!spec.network.empty() && !state->networks.count(spec.network)) {
    throw RuntimeError(RuntimeErrorKind::kNotFound, fmt::format("no such network: {}", spec.network));
  }
  for (const Mount& mount : spec.mounts) {
    if (!mount.volume.empty()) state->volumes.try_emplace(mount.volume);
  }
  Container container;
  container.spec = spec;
  container.program = image->second->program;
  container.state.id = fmt::format("{:064x}", ++state->last_id);
  container.state.name = spec.name.empty() ? fmt::format("container{}", state->last_id) : spec.name;
  container.state.image = spec.image;
  container.state.image_id = image->second->info.id;
  container.state.created_at = clock_.Now();
  container.state.labels = spec.labels;
  if (!spec.share_network_with.empty()) {
    container.state.share_network_with = Need(*state, spec.share_network_with).state.id;
  }
  std::string id = container.state.id;
  state->containers.emplace(id, std::move(container));
  return id;
}

void FakeRuntime::Start(const std::string& id) {
  {
    auto state = state_.lock();
    CheckReachable(*state);
    Container& container = Need(*state, id);
    if (container.state.running()) return;
    const ContainerSpec& spec = container.spec;
    FakeProcess process = container.program(spec);
    if (process.start_error) {
      container.state.error = process.start_error->what();
      throw *process.start_error;
    }
    if (!spec.share_network_with.empty() && !Need(*state, spec.share_network_with).state.running()) {
      throw RuntimeError(
          RuntimeErrorKind::kConflict,
          fmt::format("cannot join the network of container {}: it is not running", spec.share_network_with));
    }
    for (auto& [key, other] : state->containers) {
      if (!other.state.running()) continue;
      if (!spec.ip.empty() && other.spec.network == spec.network && other.state.ip == spec.ip) {
        throw RuntimeError(RuntimeErrorKind::kAddressInUse, fmt::format("the address {} is in use", spec.ip));
      }
    }
    std::vector<PublishedPort> ports;
    for (PublishedPort port : spec.ports) {
      if (port.host_port == 0) {
        port.host_port = 49152;
        while (state->occupied_ports.count(port.host_port)) ++port.host_port;
      }
      bool taken = state->occupied_ports.count(port.host_port) > 0;
      for (auto& [key, other] : state->containers) {
        for (const PublishedPort& held : other.state.ports) {
          taken = taken || (other.state.running() && held.host_port == port.host_port);
        }
      }
      if (taken) {
        throw RuntimeError(RuntimeErrorKind::kPortInUse, fmt::format("port {} is in use", port.host_port));
      }
      ports.push_back(port);
    }
    container.process = std::move(process);
    container.scripted_lines_done = 0;
    container.state.ports = std::move(ports);
    container.state.status = ContainerStatus::kRunning;
    container.state.exit_code.reset();
    container.state.oom_killed = false;
    container.state.error.clear();
    container.state.started_at = clock_.Now();
    container.state.finished_at.reset();
    if (spec.share_network_with.empty()) {
      container.state.ip =
          spec.ip.empty() ? fmt::format("10.88.{}.{}", ++state->last_id / 250, state->last_id % 250 + 2) : spec.ip;
    }
    Emit(*state, container, ContainerEventKind::kStarted, clock_.Now());
    SettleContainer(*state, container, clock_.Now());
  }
  changed_.notify_all();
}

void FakeRuntime::Stop(const std::string& id, std::chrono::seconds grace) {
  {
    auto state = state_.lock();
    CheckReachable(*state);
    Container& container = Need(*state, id);
    if (!container.state.running()) return;
    TimePoint now = clock_.Now();
    container.signals.push_back(container.spec.stop_signal.value_or("SIGTERM"));
    if (!container.process.ignores_stop_signal) {
      End(*state, container, container.process.stop_exit_code, false, now);
    } else {
      container.kill_at = now + grace;
      SettleContainer(*state, container, now);
    }
  }
  changed_.notify_all();
  auto state = state_.lock();
  state.Wait(changed_, std::stop_token(), [&] {
    Container* container = Find(*state, id);
    return state->unreachable || !container || !container->state.running();
  });
  CheckReachable(*state);
}

void FakeRuntime::Kill(const std::string& id, const std::string& signal) {
  {
    auto state = state_.lock();
    CheckReachable(*state);
    Container& container = Need(*state, id);
    if (!container.state.running()) {
      throw RuntimeError(RuntimeErrorKind::kConflict, fmt::format("container {} is not running", id));
    }
    container.signals.push_back(signal);
    if (signal == "SIGKILL" || signal == "KILL") {
      End(*state, container, 137, false, clock_.Now());
    } else if ((signal == "SIGTERM" || signal == "TERM") && !container.process.ignores_stop_signal) {
      End(*state, container, container.process.stop_exit_code, false, clock_.Now());
    }
  }
  changed_.notify_all();
}

void FakeRuntime::Remove(const std::string& id, bool force) {
  {
    auto state = state_.lock();
    CheckReachable(*state);
    Container* container = Find(*state, id);
    if (!container) return;
    for (auto& [key, other] : state->containers) {
      if (other.state.share_network_with == container->state.id) {
        throw RuntimeError(RuntimeErrorKind::kConflict,
                           fmt::format("container {} shares the network of {}", other.state.name, id));
      }
    }
    if (container->state.running()) {
      if (!force) throw RuntimeError(RuntimeErrorKind::kConflict, fmt::format("container {} is running", id));
      container->signals.push_back("SIGKILL");
      End(*state, *container, 137, false, clock_.Now());
    }
    Emit(*state, *container, ContainerEventKind::kRemoved, clock_.Now());
    state->containers.erase(std::string(container->state.id));
  }
  changed_.notify_all();
}

std::optional<ContainerState> FakeRuntime::Inspect(const std::string& id) {
  auto state = state_.lock();
  CheckReachable(*state);
  Container* container = Find(*state, id);
  return container ? std::optional(container->state) : std::nullopt;
}

std::vector<ContainerState> FakeRuntime::List(const Labels& labels) {
  auto state = state_.lock();
  CheckReachable(*state);
  std::vector<ContainerState> result;
  for (auto& [id, container] : state->containers) {
    if (MatchesLabels(container.state.labels, labels)) result.push_back(container.state);
  }
  SortForRemoval(result);
  return result;
}

std::optional<int> FakeRuntime::Wait(const std::string& id, std::stop_token stop) {
  auto state = state_.lock();
  CheckReachable(*state);
  Need(*state, id);
  bool ended = state.Wait(changed_, stop, [&] {
    Container* container = Find(*state, id);
    return state->unreachable || !container || !container->state.running();
  });
  if (!ended) return std::nullopt;
  CheckReachable(*state);
  return Need(*state, id).state.exit_code.value_or(0);
}

void FakeRuntime::FollowLogs(const std::string& id, const LogOptions& options,
                             const std::function<bool(const LogLine&)>& sink, std::stop_token stop) {
  std::size_t next = options.skip_lines;
  while (!stop.stop_requested()) {
    std::vector<LogLine> lines;
    bool more = false;
    {
      auto state = state_.lock();
      CheckReachable(*state);
      Need(*state, id);
      if (options.follow) {
        state.Wait(changed_, stop, [&] {
          Container* container = Find(*state, id);
          return state->unreachable || !container || container->log.size() > next || !container->state.running();
        });
        CheckReachable(*state);
      }
      Container* container = Find(*state, id);
      if (!container) return;
      for (; next < container->log.size(); ++next) lines.push_back(container->log[next]);
      more = options.follow && container->state.running();
    }
    for (const LogLine& line : lines) {
      if (stop.stop_requested() || !sink(line)) return;
    }
    if (!more) return;
  }
}

void FakeRuntime::WatchEvents(const Labels& labels, const std::function<void()>& ready,
                              const std::function<void(const ContainerEvent&)>& sink, std::stop_token stop) {
  int watcher = 0;
  {
    auto state = state_.lock();
    CheckReachable(*state);
    watcher = ++state->last_id;
    state->watchers[watcher].labels = labels;
  }
  if (ready) ready();
  while (true) {
    std::deque<ContainerEvent> events;
    {
      auto state = state_.lock();
      bool woken =
          state.Wait(changed_, stop, [&] { return state->unreachable || !state->watchers[watcher].queue.empty(); });
      events.swap(state->watchers[watcher].queue);
      if (!woken || state->unreachable) {
        state->watchers.erase(watcher);
        if (!woken) return;
        CheckReachable(*state);
      }
    }
    for (const ContainerEvent& event : events) sink(event);
  }
}

void FakeRuntime::SetCpus(const std::string& id, double cpus) {
  auto state = state_.lock();
  CheckReachable(*state);
  Need(*state, id).spec.cpus = cpus;
}

ContainerStats FakeRuntime::Stats(const std::string& id) {
  auto state = state_.lock();
  CheckReachable(*state);
  Container& container = Need(*state, id);
  ContainerStats stats;
  if (container.state.running()) {
    stats.memory_bytes = 32 << 20;
    stats.memory_limit_bytes = container.spec.memory_bytes;
    const std::chrono::duration<double> running = clock_.Now() - *container.state.started_at;
    stats.cpu_time = std::chrono::duration_cast<std::chrono::nanoseconds>(running * container.process.cpus_used);
  }
  return stats;
}

ExecResult FakeRuntime::Execute(const std::string& id, const ExecSpec& spec) {
  std::function<ExecResult(const ExecSpec&)> exec;
  {
    auto state = state_.lock();
    CheckReachable(*state);
    Container& container = Need(*state, id);
    if (!container.state.running()) {
      throw RuntimeError(RuntimeErrorKind::kConflict, fmt::format("container {} is not running", id));
    }
    exec = container.process.exec;
  }
  return exec ? exec(spec) : ExecResult{};
}

std::unique_ptr<ExecSession> FakeRuntime::Exec(const std::string& id, const ExecSpec& spec) {
  return std::make_unique<FinishedExec>(Execute(id, spec));
}

ExecResult FakeRuntime::RunExec(const std::string& id, const ExecSpec& spec, std::chrono::milliseconds) {
  return Execute(id, spec);
}

std::map<std::string, std::shared_ptr<FakeRuntime::Image>>::iterator FakeRuntime::FindReference(
    State& state, const std::string& reference) {
  if (auto found = state.images.find(reference); found != state.images.end()) return found;
  return std::find_if(state.images.begin(), state.images.end(), [&](const auto& entry) {
    const auto& info = entry.second->info;
    return info.id == reference || std::find(info.digests.begin(), info.digests.end(), reference) != info.digests.end();
  });
}

std::optional<ImageInfo> FakeRuntime::FindImage(const std::string& reference) {
  auto state = state_.lock();
  CheckReachable(*state);
  const auto found = FindReference(*state, reference);
  if (found == state->images.end()) return std::nullopt;
  return found->second->info;
}

std::vector<ImageInfo> FakeRuntime::ListImages(const std::vector<std::string>& repositories) {
  auto state = state_.lock();
  CheckReachable(*state);
  std::map<std::string, ImageInfo> by_id;
  for (auto& [reference, image] : state->images) {
    bool wanted = repositories.empty() ||
                  std::any_of(repositories.begin(), repositories.end(), [&info = image->info](const auto& repository) {
                    return HasPrefixedReference(info, repository);
                  });
    if (wanted) by_id[image->info.id] = image->info;
  }
  std::vector<ImageInfo> result;
  for (auto& [id, info] : by_id) result.push_back(info);
  return result;
}

void FakeRuntime::TagImage(const std::string& source, const std::string& target) {
  std::optional<ImageInfo> found = FindImage(source);
  if (!found) throw RuntimeError(RuntimeErrorKind::kImageNotFound, fmt::format("no such image: {}", source));
  auto state = state_.lock();
  std::shared_ptr<Image> image = state->images.at(found->references.front());
  if (auto old = state->images.find(target); old != state->images.end()) {
    std::erase(old->second->info.references, target);
  }
  image->info.references.push_back(target);
  std::string digest = image->info.digests.front();
  image->info.digests.push_back(target.substr(0, target.rfind(':')) + digest.substr(digest.find('@')));
  state->images[target] = image;
}

void FakeRuntime::RemoveImage(const std::string& reference) {
  auto state = state_.lock();
  CheckReachable(*state);
  auto found = state->images.find(reference);
  if (found == state->images.end()) return;
  for (auto& [id, container] : state->containers) {
    if (container.spec.image == reference && found->second->info.references.size() == 1) {
      throw RuntimeError(RuntimeErrorKind::kConflict,
                         fmt::format("image {} is in use by container {}", reference, container.state.name));
    }
  }
  std::erase(found->second->info.references, reference);
  state->images.erase(found);
}

void FakeRuntime::PullImage(const std::string& reference, const std::string&) {
  FakeProcess process;
  {
    auto state = state_.lock();
    CheckReachable(*state);
    auto found = state->remote_images.find(reference);
    if (found == state->remote_images.end()) {
      throw RuntimeError(RuntimeErrorKind::kImageNotFound,
                         fmt::format("cannot pull {}: manifest unknown: manifest unknown", reference));
    }
    process = found->second;
  }
  AddImage(reference, std::move(process));
}

void FakeRuntime::LoadImage(const ImageParts& parts, const std::filesystem::path&) {
  AddImage(parts.reference);
  state_.lock()->images.at(parts.reference)->info.id = parts.config_digest;
}

NetworkInfo FakeRuntime::EnsureNetwork(const NetworkSpec& spec) {
  auto state = state_.lock();
  CheckReachable(*state);
  auto found = state->networks.find(spec.name);
  if (found == state->networks.end()) {
    const auto range = Ipv4Range::Parse(spec.subnet);
    for (const auto& [name, other] : state->networks) {
      const auto taken = Ipv4Range::Parse(other.subnet);
      if (range && taken && range->Overlaps(*taken)) {
        throw RuntimeError(RuntimeErrorKind::kAddressInUse,
                           fmt::format("subnet {} is already used by network {}", spec.subnet, name));
      }
    }
    NetworkInfo info{fmt::format("{:064x}", ++state->last_id), spec.name, spec.subnet, spec.gateway, spec.labels};
    return state->networks[spec.name] = info;
  }
  if (found->second.subnet != spec.subnet || found->second.labels != spec.labels) {
    throw RuntimeError(RuntimeErrorKind::kNameInUse, fmt::format("the network name {} is in use", spec.name));
  }
  return found->second;
}

void FakeRuntime::RemoveNetwork(const std::string& name) {
  auto state = state_.lock();
  CheckReachable(*state);
  for (auto& [id, container] : state->containers) {
    if (container.spec.network == name) {
      throw RuntimeError(RuntimeErrorKind::kConflict,
                         fmt::format("network {} is in use by container {}", name, container.state.name));
    }
  }
  state->networks.erase(name);
}

std::vector<NetworkInfo> FakeRuntime::ListNetworks(const Labels& labels) {
  auto state = state_.lock();
  CheckReachable(*state);
  std::vector<NetworkInfo> result;
  for (auto& [name, network] : state->networks) {
    if (MatchesLabels(network.labels, labels)) result.push_back(network);
  }
  return result;
}

void FakeRuntime::EnsureVolume(const std::string& name, const Labels& labels) {
  auto state = state_.lock();
  CheckReachable(*state);
  state->volumes.try_emplace(name, labels);
}

void FakeRuntime::RemoveVolume(const std::string& name) {
  auto state = state_.lock();
  CheckReachable(*state);
  state->volumes.erase(name);
}

std::vector<VolumeInfo> FakeRuntime::ListVolumes(const Labels& labels) {
  auto state = state_.lock();
  CheckReachable(*state);
  std::vector<VolumeInfo> result;
  for (auto& [name, volume_labels] : state->volumes) {
    if (MatchesLabels(volume_labels, labels)) result.push_back({name, volume_labels});
  }
  return result;
}

}  // namespace adhoc::testing
