// Changing a running HAProxy over its master's command line (management.txt, "master CLI"; configuration in
// haproxy_config.h).
//
// A new version of the configuration is a reload: the master starts a new worker, which takes the listening sockets
// over, and the old one answers what its client connections still send. A change of targets alone needs none: servers
// are added to and taken out of every worker, old ones included, so that none of them sends a request to a target that
// has been deregistered, however long its clients keep their connections open.
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

struct Workers {
  std::vector<std::string> current;  // process ids
  std::vector<std::string> old;
};
Workers ParseProcesses(std::string_view show_proc);

// Of each backend, its servers and whether they take requests.
using ServerStates = std::map<std::string, std::map<std::string, bool>>;
ServerStates ParseServers(std::string_view show_servers_state);

// What makes `observed` as `wanted`: additions first, so that no moment has fewer servers than needed. Servers that are
// out already are deleted; HAProxy refuses that while they have connections, which does no harm.
std::vector<std::string> ServerCommands(const std::map<std::string, HaproxyConfig::Backend>& wanted,
                                        const ServerStates& observed);
// Whether exactly the wanted servers take requests.
bool HasServers(const std::map<std::string, HaproxyConfig::Backend>& wanted, const ServerStates& observed);

// ---- Acting.

// The version that new connections get; empty when HAProxy doesn't answer.
std::string LiveVersion(HaproxyCli& cli, const std::filesystem::path& directory);
// Changes the servers of all workers. False when the current one doesn't have them afterwards.
bool ApplyServers(HaproxyCli& cli, const std::filesystem::path& directory,
                  const std::map<std::string, HaproxyConfig::Backend>& wanted);

}  // namespace adhoc::localcloud::proxy
