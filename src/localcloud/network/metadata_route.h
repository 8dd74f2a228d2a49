// How containers reach AWS's fixed addresses: 169.254.170.2:80, where its SDKs look for a task's credentials and
// metadata, and 169.254.169.253:53, the VPC's resolver. Rules in the kernel's NAT table per VPC lead what its
// containers send there to the local cloud's ports on the network's gateway. Only packets from these ranges are
// touched, so the machine's own use of these addresses (in an ECS task, on CodeBuild) and other local clouds are left
// alone (decisions 0022, 0015).
//
// The rules carry the comment `adhoc-<instance>`. They outlive the process; a pass makes them what the documents say.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/process.h"
#include "base/sync.h"
#include "localcloud/cloud.h"

namespace adhoc::localcloud {

inline constexpr std::string_view kTaskEndpointAddress = "169.254.170.2";
inline constexpr std::string_view kResolverAddress = "169.254.169.253";

// Runs iptables with these arguments. Throws Error when there is no such program.
using Iptables = std::function<ProcessResult(const std::vector<std::string>& arguments)>;
ProcessResult RunIptables(const std::vector<std::string>& arguments);

// Thread-safe.
class MetadataRoute {
 public:
  explicit MetadataRoute(Cloud& cloud, Iptables iptables = RunIptables);

  // Makes this instance's rules those of the VPCs that there are. False when the machine refuses; why is in the log
  // (once). Blocks for some milliseconds; never call it in a transaction.
  bool Reconcile();
  // For while the local cloud doesn't run: names are asked of the engine's resolver on the gateway, which knows those
  // of running containers.
  void LeaveNamesToEngine();

 private:
  std::vector<std::string> WantedRules(int dns_port) const;
  bool Apply(int dns_port);

  Cloud& cloud_;
  const Iptables iptables_;
  Sync<std::string> last_failure_;  // also keeps two passes apart
};

// Removes all rules of an instance. Not being able to is no failure: then there are none.
void RemoveMetadataRoutes(const std::string& instance, const Iptables& iptables = RunIptables);

// The rules for a VPC's range as `iptables -S` writes them, without `-A PREROUTING `.
std::vector<std::string> RouteRules(const std::string& instance, const std::string& range, const std::string& gateway,
                                    int port, int dns_port);
// An instance's rules, in that form, from what `iptables -t nat -S PREROUTING` prints.
std::vector<std::string> RulesOf(const std::string& instance, std::string_view listing);

}  // namespace adhoc::localcloud
