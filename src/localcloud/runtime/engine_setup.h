// Finds a container engine, or starts podman's, so that a fresh machine needs no configuration.
//
// In this order: the socket that ADHOC_CONTAINER_HOST or DOCKER_HOST names; podman; Docker's socket. For podman, a
// service of our own answers the Docker API on <state_dir>/engine.sock. It outlives us, as the containers do, and is
// found again by its socket. Whether podman can run a container at all is tried once: only where its defaults cannot (a
// container or a virtual machine without the right to raise limits, a runtime that does not fit the kernel, no name
// resolution between containers), a containers.conf with just the settings that are needed is written to the state
// directory.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "localcloud/runtime/runtime.h"

namespace adhoc::localcloud {

// What it takes to use the engine that was found.
struct EngineEnvironment {
  std::string engine;  // podman, docker
  std::string socket_path;
  // For programs that use the same engine directly, such as `podman build`.
  std::map<std::string, std::string> variables;
};

struct EngineSetupOptions {
  std::string state_dir;
  // Told what takes time, such as "Trying out podman"; may be null.
  std::function<void(std::string_view)> on_progress;
};

// Throws Error, with what to install or to repair as the hint. Safe to call from several processes at once.
EngineEnvironment PrepareEngine(const EngineSetupOptions& options);

// Ends the podman service that PrepareEngine started; containers go on. False when there was none.
bool StopEngine(const std::string& state_dir);

// The runtime on the engine that PrepareEngine finds, which is asked for at the first call, and again when the engine
// has gone away. `on_progress` may then be called from any thread.
std::unique_ptr<ContainerRuntime> MakeEngineRuntime(const EngineSetupOptions& options, Clock& clock);

// ---- The decisions, without the machine.

struct PodmanFacts {
  int major_version = 0;
  std::string runtime;          // crun, runc
  std::string network_backend;  // netavark, cni
  bool has_netavark = false;    // with aardvark-dns, which answers names
  bool has_dnsname = false;     // the CNI plugin that does
  bool has_runc = false;
  bool hosts_file_has_names = false;  // of others than this machine
  long open_files = 0;                // our hard limits
  long processes = 0;
};

// The settings that differ from podman's defaults.
struct PodmanTuning {
  std::string runtime;
  std::string network_backend;
  bool own_limits = false;
  bool no_host_names = false;

  bool empty() const { return *this == PodmanTuning{}; }
  bool operator==(const PodmanTuning&) const = default;
};

// What is known to be needed before anything was tried.
PodmanTuning InitialTuning(const PodmanFacts& facts);
// What to try after `tried` failed with that message, or nothing.
std::optional<PodmanTuning> NextTuning(const PodmanTuning& tried, std::string_view error, const PodmanFacts& facts);
std::string FormatContainersConf(const PodmanTuning& tuning, const PodmanFacts& facts);

// Whether /etc/hosts names other machines. podman before 5 copies it into containers, where it would hide their
// aliases.
bool HostsFileHasNames(std::string_view hosts_file, std::string_view hostname);

// Where the service listens: inside the state directory unless that path is too long for a socket.
std::string EngineSocketPath(const std::string& state_dir);

}  // namespace adhoc::localcloud
