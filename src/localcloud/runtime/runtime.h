// What runs containers: the edge between the local cloud and a container engine. The real one speaks the Docker Engine
// API (docker_runtime.h); tests use testing/fake_runtime.h.
//
// Thread-safe. Calls block until the engine has answered. Identifiers are engine container ids as Create returned them;
// names work wherever an id does. Every call may throw RuntimeError; kUnreachable means that the engine did not answer,
// and says nothing about whether the request took effect, so callers look again (Inspect, List) instead of assuming.
//
// Nothing here restarts or health-checks a container: the scheduler decides that, the engine only runs processes.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "localcloud/runtime/image_archive.h"

namespace adhoc::localcloud {

enum class RuntimeErrorKind {
  kUnreachable,      // no answer from the engine
  kImageNotFound,    // Create, PullImage, TagImage
  kNotFound,         // no such container, network, volume or exec session
  kNameInUse,        // Create, EnsureNetwork: taken by something that is not ours to reuse
  kAddressInUse,     // the container IP is taken, or the subnet overlaps another network's
  kPortInUse,        // a published host port is taken
  kCommandNotFound,  // the command does not exist in the image or is not executable
  kConflict,         // not in a state that allows this: exec in a container that has ended, removing an image in use
  kOther,
};

// what() is fit for a person, and for `stoppedReason` after `CannotStartContainerError: ` or `CannotPullContainerError:
// `.
class RuntimeError : public Error {
 public:
  RuntimeError(RuntimeErrorKind kind, const std::string& message, std::string hint = "")
      : Error(message, std::move(hint)), kind_(kind) {}
  RuntimeErrorKind kind() const { return kind_; }

 private:
  RuntimeErrorKind kind_;
};

using Labels = std::map<std::string, std::string>;

struct PublishedPort {
  std::string host_ip = "127.0.0.1";
  int host_port = 0;  // 0: the engine picks; see ContainerState::ports
  int container_port = 0;
};

struct Mount {
  std::string host_path;  // exactly one of host_path (must exist) and volume (made when missing)
  std::string volume;
  std::string container_path;
  bool read_only = false;
};

struct ContainerSpec {
  std::string name;
  std::string image;                    // any reference that FindImage understands
  std::vector<std::string> entrypoint;  // empty: the image's
  std::vector<std::string> command;     // empty: the image's, unless entrypoint is given
  std::map<std::string, std::string> environment;
  Labels labels;
  std::string user;               // empty: the image's
  std::string working_directory;  // empty: the image's
  std::string hostname;

  std::string network;               // a name given to EnsureNetwork
  std::string ip;                    // empty: the engine picks
  std::vector<std::string> aliases;  // further names on that network
  std::string dns_server;            // asked for names; empty: the engine's resolver, which knows the aliases
  // Instead of a network: share another container's, as the containers of one awsvpc task do. That container must be
  // running when this one starts, and must not restart while this one runs.
  std::string share_network_with;

  std::vector<PublishedPort> ports;
  std::vector<Mount> mounts;
  std::vector<std::string> tmpfs;        // container paths
  std::vector<std::string> extra_hosts;  // "name:address" lines of /etc/hosts
  double cpus = 0;                       // 0: no limit
  std::int64_t memory_bytes = 0;         // 0: no limit; otherwise without swap on top
  std::int64_t shm_bytes = 0;            // size of /dev/shm; 0: the engine's default
  bool init = false;                     // an init process that reaps children
  bool read_only_root = false;
  bool tty = false;
  bool open_stdin = false;
  std::vector<std::string> add_capabilities;
  std::vector<std::string> drop_capabilities;
  std::optional<std::string> stop_signal;  // absent: the image's, else SIGTERM
};

enum class ContainerStatus { kCreated, kRunning, kExited };

struct ContainerState {
  std::string id;
  std::string name;
  std::string image;     // as the spec wrote it
  std::string image_id;  // sha256:…
  ContainerStatus status = ContainerStatus::kCreated;
  std::optional<int> exit_code;  // when exited; 128 + signal when killed by one
  bool oom_killed = false;
  std::string error;  // why the engine could not start it, or empty
  TimePoint created_at;
  std::optional<TimePoint> started_at;
  std::optional<TimePoint> finished_at;
  Labels labels;
  std::string ip;                    // on its network while running; empty when it shares another container's
  std::string share_network_with;    // the id of that container
  std::vector<PublishedPort> ports;  // with the real host ports

  int pid = 0;  // of its first process while running, on the engine's machine

  bool running() const { return status == ContainerStatus::kRunning; }
};

struct LogLine {
  TimePoint time;
  bool from_stderr = false;
  std::string text;  // without the newline
};

struct LogOptions {
  std::uint64_t skip_lines = 0;  // lines from the container's first one that were taken already
  bool follow = true;            // until the container ends; otherwise what there is now
};

enum class ContainerEventKind { kStarted, kDied, kOutOfMemory, kRemoved };

struct ContainerEvent {
  ContainerEventKind kind = ContainerEventKind::kStarted;
  std::string id;
  std::string name;
  Labels labels;
  std::optional<int> exit_code;  // of kDied, when the engine told
  TimePoint time;
};

struct ExecSpec {
  std::vector<std::string> argv;
  bool tty = false;
  bool stdin_open = true;
  std::string user;  // empty: the container's
  std::string working_directory;
  std::map<std::string, std::string> environment;
  int columns = 0;  // initial terminal size; 0: unknown
  int rows = 0;
};

// A process run beside a container's own. Read and the writing calls may be used from two threads, Close from any.
// Destroying it closes the connection; the process then sees end of input (or SIGHUP with a terminal).
class ExecSession {
 public:
  struct Output {
    bool from_stderr = false;  // always false with a terminal
    std::string data;
  };

  virtual ~ExecSession() = default;
  virtual std::optional<Output> Read() = 0;       // nothing at the end
  virtual bool Write(std::string_view data) = 0;  // false when the process is gone
  virtual void CloseInput() = 0;
  virtual void Resize(int columns, int rows) = 0;  // of the terminal; without one, no effect
  virtual void Close() = 0;                        // unblocks Read
  // After Read returned nothing: what the process ended with; absent while it still runs (its output closed, or Close).
  // 126 and 127 mean that the command could not be run, as in a shell.
  virtual std::optional<int> ExitCode() = 0;
};

struct ExecResult {
  int exit_code = 0;
  std::string output;  // stdout and stderr as they came
  bool timed_out = false;
};

struct ImageConfig {
  std::vector<std::string> entrypoint;
  std::vector<std::string> command;
  std::vector<std::string> environment;    // NAME=value
  std::vector<std::string> exposed_ports;  // 80/tcp
  std::string user;
  std::string working_directory;
  std::string stop_signal;
  Labels labels;
};

struct ImageInfo {
  std::string id;                       // sha256:… of its configuration
  std::vector<std::string> references;  // repository:tag
  std::vector<std::string> digests;     // repository@sha256:… of its manifest
  std::int64_t size_bytes = 0;
  TimePoint created_at;
  std::string architecture;
  ImageConfig config;  // filled by FindImage, empty in ListImages

  // The manifest digest (sha256:…), or the id where the engine knows none.
  std::string digest() const;
};

struct NetworkSpec {
  std::string name;
  std::string subnet;   // 10.0.0.0/16
  std::string gateway;  // empty: the engine picks, usually the first address
  Labels labels;
  bool internal = false;  // no way out
};

struct NetworkInfo {
  std::string id;
  std::string name;
  std::string subnet;
  std::string gateway;
  Labels labels;
};

struct VolumeInfo {
  std::string name;
  Labels labels;
};

struct ContainerStats {
  std::chrono::nanoseconds cpu_time{0};  // since it started; take two to get a rate
  std::int64_t memory_bytes = 0;
  std::int64_t memory_limit_bytes = 0;
  std::int64_t network_received_bytes = 0;
  std::int64_t network_sent_bytes = 0;
};

struct EngineInfo {
  std::string name;  // podman, docker
  std::string version;
  std::string api_version;
};

class ContainerRuntime {
 public:
  virtual ~ContainerRuntime() = default;

  virtual EngineInfo Engine() = 0;

  // ---- Containers. `labels` filters: every pair must match; an empty value matches any.

  // The new container's id. Throws kImageNotFound (never pulls), kNameInUse, kAddressInUse.
  virtual std::string Create(const ContainerSpec& spec) = 0;
  // No effect when running. Throws kPortInUse, kAddressInUse, kCommandNotFound; the container then stays created.
  virtual void Start(const std::string& id) = 0;
  // The stop signal, then SIGKILL when still running after `grace`; returns when it has ended. No effect when it has.
  virtual void Stop(const std::string& id, std::chrono::seconds grace) = 0;
  // Only sends the signal ("SIGUSR2"). Throws kConflict when it is not running.
  virtual void Kill(const std::string& id, const std::string& signal) = 0;
  // With its anonymous volumes. force: kills it first. No effect when there is none. Throws kConflict while another
  // container shares its network.
  virtual void Remove(const std::string& id, bool force) = 0;
  virtual std::optional<ContainerState> Inspect(const std::string& id) = 0;
  // Running or not. Those that share another one's network come before it, the order in which they can be removed.
  virtual std::vector<ContainerState> List(const Labels& labels) = 0;
  // Blocks until it is not running, `stop` (then nothing), or it was removed (throws kNotFound).
  virtual std::optional<int> Wait(const std::string& id, std::stop_token stop) = 0;
  // Calls `sink` with each line in order, from this thread; returns when the container has ended and every line was
  // delivered (at once when it has not been started), when the lines there are were delivered (follow = false), when
  // `stop` is requested or `sink` returned false.
  virtual void FollowLogs(const std::string& id, const LogOptions& options,
                          const std::function<bool(const LogLine&)>& sink, std::stop_token stop) = 0;
  // Calls `sink` with what happens to containers from now on, from this thread, until `stop`. Throws kUnreachable when
  // the engine goes away. `ready` is called once, when nothing that happens from then on is missed. Events are hints,
  // they can be lost with a connection: after ready, List tells what is.
  virtual void WatchEvents(const Labels& labels, const std::function<void()>& ready,
                           const std::function<void(const ContainerEvent&)>& sink, std::stop_token stop) = 0;
  virtual ContainerStats Stats(const std::string& id) = 0;
  // Gives a running container another limit of CPUs.
  virtual void SetCpus(const std::string& id, double cpus) = 0;

  // ---- Processes in running containers.

  virtual std::unique_ptr<ExecSession> Exec(const std::string& id, const ExecSpec& spec) = 0;
  // Without input. After `timeout` (0: none) it stops listening and reports timed_out; the process may still run.
  virtual ExecResult RunExec(const std::string& id, const ExecSpec& spec, std::chrono::milliseconds timeout) = 0;

  // ---- Images. A reference is `repository:tag`, `repository@sha256:…`, or an id.

  virtual std::optional<ImageInfo> FindImage(const std::string& reference) = 0;
  // With a reference in one of these repositories (`host:port/name`, no tag); empty: all.
  virtual std::vector<ImageInfo> ListImages(const std::vector<std::string>& repositories) = 0;
  virtual void TagImage(const std::string& source, const std::string& target) = 0;
  // Removes this reference, and the image with its last one. No effect when there is none; kConflict when in use.
  virtual void RemoveImage(const std::string& reference) = 0;
  // Fetches from the registry. `authorization`: "user:password" or empty. Throws kImageNotFound with the registry's
  // words.
  virtual void PullImage(const std::string& reference, const std::string& authorization) = 0;
  // Takes an image over under its reference, which another may have had. Its archive is written to `scratch`, a folder.
  virtual void LoadImage(const ImageParts& parts, const std::filesystem::path& scratch) = 0;

  // ---- Networks and volumes.

  // Returns the network; reuses one of that name if subnet and labels are the same. Throws kAddressInUse, kNameInUse.
  virtual NetworkInfo EnsureNetwork(const NetworkSpec& spec) = 0;
  virtual void RemoveNetwork(const std::string& name) = 0;  // no effect when there is none; kConflict when in use
  virtual std::vector<NetworkInfo> ListNetworks(const Labels& labels) = 0;
  virtual void EnsureVolume(const std::string& name, const Labels& labels) = 0;
  virtual void RemoveVolume(const std::string& name) = 0;  // no effect when there is none
  virtual std::vector<VolumeInfo> ListVolumes(const Labels& labels) = 0;
};

// Puts those that share another one's network first, otherwise keeping the order.
void SortForRemoval(std::vector<ContainerState>& containers);

// Whether `labels` satisfies a filter as List takes it.
bool MatchesLabels(const Labels& labels, const Labels& filter);

}  // namespace adhoc::localcloud
