// Where the subnets that a team has lead: whether tasks in them can pull their images, and whether a load balancer or a
// bastion in them is reached. Judged by route tables and VPC endpoints as EC2 describes them; pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace adhoc::env {

// Something about what exists that a person should know before anything is made.
struct Finding {
  bool works = false;  // false: it cannot work; true: it may, and this run cannot tell
  std::string problem;
  std::string hint;

  bool operator==(const Finding&) const = default;
};

// How a subnet's traffic leaves its VPC.
struct WayOut {
  enum class Kind {
    kUnknown,          // its route table is not to be seen, as in a VPC that another account shares
    kNone,             // not at all
    kInternetGateway,  // by a default route, for what has a public address
    kOther,            // by a default route to something else: a NAT gateway, a transit gateway, a firewall
    kSomeRanges,       // for some ranges of addresses only
  };
  Kind kind = Kind::kUnknown;
  std::string via;    // the id of what it leads to
  std::string table;  // the subnet's route table

  bool operator==(const WayOut&) const = default;
};

// `tables`: all of the VPC. A subnet without a table of its own has the main one.
WayOut FindWayOut(const Json& tables, const std::string& subnet);

// Those of `services` (short names: ecr.api) that no endpoint of the VPC leads to from a route table.
std::vector<std::string> WithoutEndpoint(const Json& endpoints, const std::string& region, const std::string& table,
                                         const std::vector<std::string>& services);

// Whether `what` (the load balancer), which has a public address in the subnet, is reached from the internet.
std::optional<Finding> JudgeReach(const std::string& subnet, const WayOut& way, const std::string& what);

// Whether a task needs endpoints in the place of a way out.
bool NeedsEndpoints(const WayOut& way, bool public_addresses);
// Whether tasks in the subnet, for which there are endpoints of all but `missing`, get their images.
std::optional<Finding> JudgeTasks(const std::string& subnet, const WayOut& way, bool public_addresses,
                                  const std::vector<std::string>& missing);

}  // namespace adhoc::env
