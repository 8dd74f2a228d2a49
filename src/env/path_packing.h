// A service's path patterns in as few listener rules as AWS's quotas allow: five condition values in a rule, of which
// the host name is one, and five wildcard characters
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html). Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace adhoc::env {

inline constexpr int kPathsPerRule = 4;
inline constexpr int kWildcardsPerRule = 5;

// Whether every path that `pattern` matches is matched by `other`. `*` is any run of characters, `?` any one.
bool Covers(std::string_view other, std::string_view pattern);

// The patterns of each rule, in the definition's order; the one rule of a service that takes every path has none.
// Patterns that others cover are left out. None may have more wildcards than a rule.
std::vector<std::vector<std::string>> PackPaths(const std::vector<std::string>& patterns);

}  // namespace adhoc::env
