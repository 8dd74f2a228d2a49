// Changing a running HAProxy over its master's command line (management.txt, "master CLI"; configuration in
// haproxy_config.h).
//
// A new version of the configuration is a reload: the master starts a new worker, which takes the listening sockets
// over, and the old one hands what its client connections still send to the new one. A change of targets alone needs no
// reload: servers are added to and taken out of the running worker.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "localcloud/proxy/haproxy_config.h"

namespace adhoc::localcloud::proxy {

// The edge: one command, one answer. Thread-safe.
class HaproxyCli {
 public:
  virtual ~HaproxyCli() = default;
  // `directory` holds the socket `master.sock`. Throws Error when nobody answers.
  virtual std::string Run(const std::filesystem::path& directory, const std::string& command) = 0;
};

std::unique_ptr<HaproxyCli> MakeHaproxyCli();

// ---- Reading answers. Pure.

// The process id of the worker that accepts connections, or nothing.
std::string ParseWorker(std::string_view show_proc);

// Of each backend, its servers.
struct ServerState {
  bool ready = false;  // takes requests
  int weight = 0;
  bool operator==(const ServerState&) const = default;
};
using ServerStates = std::map<std::string, std::map<std::string, ServerState>>;
ServerStates ParseServers(std::string_view show_servers_state);

// What makes `observed` as `wanted`: first the additions (and weights), then the removals, so that no moment has fewer
// servers than needed. Servers that are out already are deleted; HAProxy refuses that while they have connections,
// which does no harm.
struct Commands {
  std::vector<std::string> additions;
  std::vector<std::string> removals;
};
Commands ServerCommands(const std::map<std::string, HaproxyConfig::Backend>& wanted, const ServerStates& observed);
// Whether exactly the wanted servers take requests.
bool HasServers(const std::map<std::string, HaproxyConfig::Backend>& wanted, const ServerStates& observed);

// ---- Acting.

// The version that new connections get; empty when HAProxy doesn't answer.
std::string LiveVersion(HaproxyCli& cli, const std::filesystem::path& directory);
// Changes the servers. False when HAProxy doesn't have them afterwards.
bool ApplyServers(HaproxyCli& cli, const std::filesystem::path& directory,
                  const std::map<std::string, HaproxyConfig::Backend>& wanted);

}  // namespace adhoc::localcloud::proxy
