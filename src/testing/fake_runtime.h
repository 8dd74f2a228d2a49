// A container engine without containers: scripted images whose processes start, log and end on a FakeClock.
//
// Thread-safe. Everything that is due happens inside FakeClock::Advance, before it returns; blocking calls (Wait,
// FollowLogs, WatchEvents, Stop of a process that ignores the signal) wait on their own thread as with a real engine.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/sync.h"
#include "localcloud/runtime/runtime.h"
#include "testing/fake_clock.h"

namespace adhoc::testing {

// What a container of an image does.
struct FakeProcess {
  struct Line {
    Duration after{0};  // since the start
    std::string text;
    bool from_stderr = false;
  };

  std::optional<Duration> exits_after;  // absent: it runs until it is stopped
  int exit_code = 0;
  bool out_of_memory = false;  // the exit is an OOM kill
  std::vector<Line> lines;
  bool ignores_stop_signal = false;  // ends only by SIGKILL
  int stop_exit_code = 143;
  std::optional<localcloud::RuntimeError> start_error;
  double cpus_used = 0.01;  // what Stats tells
  // Answers Exec and RunExec; absent: exit code 0 and no output.
  std::function<localcloud::ExecResult(const localcloud::ExecSpec&)> exec;
};

class FakeRuntime : public localcloud::ContainerRuntime {
 public:
  using Program = std::function<FakeProcess(const localcloud::ContainerSpec&)>;

  explicit FakeRuntime(FakeClock& clock);
  ~FakeRuntime() override;

  // ---- The test's side.

  void AddImage(const std::string& reference, FakeProcess process = {}, localcloud::ImageConfig config = {});
  // The program decides by the spec (command, environment) what the container does.
  void AddImage(const std::string& reference, Program program, localcloud::ImageConfig config = {});
  // Makes PullImage of the reference succeed and add the image.
  void AddRemoteImage(const std::string& reference, FakeProcess process = {});
  // The container's process ends now, by itself.
  void EndProcess(const std::string& id, int exit_code, bool out_of_memory = false);
  void WriteLog(const std::string& id, const std::string& text, bool from_stderr = false);
  // Somebody removes the container behind our back.
  void Vanish(const std::string& id);
  // Every call throws kUnreachable, and event watchers lose their connection.
  void SetUnreachable(bool unreachable);
  void OccupyPort(int port);

  std::optional<localcloud::ContainerSpec> SpecOf(const std::string& id) const;
  int running() const;
  std::vector<std::string> signals(const std::string& id) const;  // those that Kill and Stop sent, in order

  // ---- ContainerRuntime.

  localcloud::EngineInfo Engine() override;
  std::string Create(const localcloud::ContainerSpec& spec) override;
  void Start(const std::string& id) override;
  void Stop(const std::string& id, std::chrono::seconds grace) override;
  void Kill(const std::string& id, const std::string& signal) override;
  void Remove(const std::string& id, bool force) override;
  std::optional<localcloud::ContainerState> Inspect(const std::string& id) override;
  std::vector<localcloud::ContainerState> List(const localcloud::Labels& labels) override;
  std::optional<int> Wait(const std::string& id, std::stop_token stop) override;
  void FollowLogs(const std::string& id, const localcloud::LogOptions& options,
                  const std::function<bool(const localcloud::LogLine&)>& sink, std::stop_token stop) override;
  void WatchEvents(const localcloud::Labels& labels, const std::function<void()>& ready,
                   const std::function<void(const localcloud::ContainerEvent&)>& sink, std::stop_token stop) override;
  localcloud::ContainerStats Stats(const std::string& id) override;
  void SetCpus(const std::string& id, double cpus) override;
  std::unique_ptr<localcloud::ExecSession> Exec(const std::string& id, const localcloud::ExecSpec& spec) override;
  localcloud::ExecResult RunExec(const std::string& id, const localcloud::ExecSpec& spec,
                                 std::chrono::milliseconds timeout) override;
  std::optional<localcloud::ImageInfo> FindImage(const std::string& reference) override;
  std::vector<localcloud::ImageInfo> ListImages(const std::vector<std::string>& repositories) override;
  void TagImage(const std::string& source, const std::string& target) override;
  void RemoveImage(const std::string& reference) override;
  void PullImage(const std::string& reference, const std::string& authorization) override;
  void LoadImage(const localcloud::ImageParts& parts, const std::filesystem::path& scratch) override;
  localcloud::NetworkInfo EnsureNetwork(const localcloud::NetworkSpec& spec) override;
  void RemoveNetwork(const std::string& name) override;
  std::vector<localcloud::NetworkInfo> ListNetworks(const localcloud::Labels& labels) override;
  void EnsureVolume(const std::string& name, const localcloud::Labels& labels) override;
  void RemoveVolume(const std::string& name) override;
  std::vector<localcloud::VolumeInfo> ListVolumes(const localcloud::Labels& labels) override;

 private:
  struct Image {
    localcloud::ImageInfo info;
    Program program;
  };
  struct Container {
    localcloud::ContainerSpec spec;
    localcloud::ContainerState state;
    Program program;
    FakeProcess process;
    std::vector<localcloud::LogLine> log;
    std::size_t scripted_lines_done = 0;
    std::optional<TimePoint> kill_at;
    std::vector<std::string> signals;
  };
  struct Watcher {
    localcloud::Labels labels;
    std::deque<localcloud::ContainerEvent> queue;
  };
  struct State {
    std::map<std::string, std::shared_ptr<Image>> images;  // by reference
    std::map<std::string, FakeProcess> remote_images;
    std::map<std::string, Container> containers;  // by id
    std::map<std::string, localcloud::NetworkInfo> networks;
    std::map<std::string, localcloud::Labels> volumes;
    std::map<int, Watcher> watchers;
    std::set<int> occupied_ports;
    int last_id = 0;
    bool unreachable = false;
  };
  using Lock = Sync<State>::Lock;

  void Settle();
  static void SettleContainer(State& state, Container& container, TimePoint now);
  static void End(State& state, Container& container, int exit_code, bool out_of_memory, TimePoint at);
  static void Emit(State& state, const Container& container, localcloud::ContainerEventKind kind, TimePoint at);
  static void CheckReachable(const State& state);
  static std::map<std::string, std::shared_ptr<Image>>::iterator FindReference(State& state,
                                                                               const std::string& reference);
  static Container* Find(State& state, const std::string& id);
  static Container& Need(State& state, const std::string& id);
  localcloud::ExecResult Execute(const std::string& id, const localcloud::ExecSpec& spec);

  FakeClock& clock_;
  int listener_ = 0;
  mutable Sync<State> state_;
  std::condition_variable_any changed_;
};

}  // namespace adhoc::testing
