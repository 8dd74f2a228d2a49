// What the files of the elbv2 API share: the names of its collections, lookups that answer AWS's errors, what an action
// or a condition becomes, and the upkeep of the references between listeners, rules and target groups. All within a
// transaction.
//
// Private fields: `_tags`, `_attributes` ({key: value}); of a listener `_certificates` (as Certificates, those besides
// the default one); of a rule `_listener` (ARN); of a target `_draining_since` (epoch seconds).
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "localcloud/api/api.h"

namespace adhoc::localcloud::elbv2 {

inline constexpr std::string_view kLoadBalancers = "elbv2.loadbalancers";
inline constexpr std::string_view kListeners = "elbv2.listeners";
inline constexpr std::string_view kRules = "elbv2.rules";
inline constexpr std::string_view kTargetGroups = "elbv2.targetgroups";
inline constexpr std::string_view kTargets = "elbv2.targets";
// What the proxy controller holds for each load balancer, by its ARN: `interface` (id of its network interface) and
// `ports` (those of this machine that its container publishes, or is about to). Here after the load balancer is gone,
// until they are given back.
inline constexpr std::string_view kHoldings = "elbv2.holdings";

// The quotas of an account that asked for no increase.
inline constexpr int kMaxLoadBalancers = 50;
inline constexpr int kMaxListenersPerLoadBalancer = 50;
inline constexpr int kMaxRulesPerLoadBalancer = 100;  // default rules not counted
inline constexpr int kMaxTargetGroups = 3000;
inline constexpr int kMaxTargetGroupsPerLoadBalancer = 100;
inline constexpr int kMaxTargetGroupsPerAction = 5;
inline constexpr int kMaxTargetsPerGroup = 1000;
inline constexpr int kMaxCertificatesPerLoadBalancer = 25;  // default certificates not counted
inline constexpr int kMaxConditionValuesPerRule = 5;
inline constexpr int kMaxWildcardsPerRule = 5;
inline constexpr int kMaxTags = 50;

// ---- Lookups. Throw LoadBalancerNotFound, ListenerNotFound, RuleNotFound, TargetGroupNotFound.

const Json& LoadBalancer(const Store::Transaction& txn, std::string_view arn);
const Json& Listener(const Store::Transaction& txn, std::string_view arn);
const Json& Rule(const Store::Transaction& txn, std::string_view arn);
const Json& TargetGroup(const Store::Transaction& txn, std::string_view arn);

std::vector<std::string> ListenerArns(const Store::Transaction& txn, std::string_view load_balancer_arn);
// In the order in which they are evaluated, the default rule last.
std::vector<const Json*> RulesOf(const Store::Transaction& txn, std::string_view listener_arn);
bool IsDefault(const Json& rule);

// ---- Actions and conditions, as Describe… answers them.

// Checks a listener's or rule's actions and completes them: a forward has both TargetGroupArn (when it is the only one)
// and ForwardConfig, a redirect all its parts. Throws ApiError; the target groups must exist.
Json NormalizeActions(const Store::Transaction& txn, const Json& actions, std::string_view listener_protocol);
// Throws ApiError.
Json NormalizeConditions(const Json& conditions);
// The target groups that a list of actions forwards to.
std::set<std::string> ForwardedTo(const Json& actions);

// Checks the limits on what one load balancer may refer to, once the change has been made to the documents, and writes
// the target groups' LoadBalancerArns. Throws TooManyUniqueTargetGroupsPerLoadBalancer, TargetGroupAssociationLimit.
void UpdateAssociations(Store::Transaction& txn);

bool IsSslPolicy(std::string_view name);

// ---- Tags.

// Throws TooManyTags, DuplicateTagKeys.
Json CheckTags(const Json& tags);

// ---- Lists. One page of `documents` (in their order) as `member`, with NextMarker when there is more.
Json MarkedPage(const Json& input, std::vector<Json> documents, const char* member);

// Registered by RegisterElbv2.
void RegisterLoadBalancers(Api& api, Cloud& cloud);
void RegisterListeners(Api& api, Cloud& cloud);
void RegisterTargetGroups(Api& api, Cloud& cloud);

}  // namespace adhoc::localcloud::elbv2
