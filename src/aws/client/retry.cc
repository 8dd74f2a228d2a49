#include "aws/client/retry.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "aws/model/model.h"

namespace adhoc::aws {
namespace {

constexpr int kRetryCost = 5;
constexpr int kTimeoutCost = 10;
constexpr double kMaxDelaySeconds = 20;

template <std::size_t Size>
bool Contains(const std::array<std::string_view, Size>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

Retry ClassifyError(std::string_view code, int status) {
  static constexpr std::array<std::string_view, 13> kThrottling = {"Throttling",
                                                                   "ThrottlingException",
                                                                   "ThrottledException",
                                                                   "RequestThrottled",
                                                                   "RequestThrottledException",
                                                                   "TooManyRequestsException",
                                                                   "SlowDown",
                                                                   "ProvisionedThroughputExceededException",
                                                                   "TransactionInProgressException",
                                                                   "RequestLimitExceeded",
                                                                   "BandwidthLimitExceeded",
                                                                   "PriorRequestNotComplete",
                                                                   "EC2ThrottledException"};
  // The last is STS's, which could not reach the provider that signed a web identity's token; its status is 400.
  static constexpr std::array<std::string_view, 3> kTransient = {"RequestTimeout", "RequestTimeoutException",
                                                                 "IDPCommunicationError"};
  if (Contains(kThrottling, code) || status == 429) return Retry::kThrottling;
  if (Contains(kTransient, code)) return Retry::kTransient;
  if (status == 500 || status == 502 || status == 503 || status == 504) return Retry::kTransient;
  return Retry::kNo;
}

bool IsClockSkewCode(std::string_view code) {
  static constexpr std::array<std::string_view, 7> kCodes = {
      "RequestTimeTooSkewed",      "RequestExpired",  "RequestInTheFuture", "SignatureDoesNotMatch", "AuthFailure",
      "InvalidSignatureException", "SignatureExpired"};
  return Contains(kCodes, code);
}

bool IsRepeatable(const Operation& operation, const Json& input) {
  if (operation.method != "POST") return true;
  static constexpr std::array<std::string_view, 5> kTokens = {"clientToken", "ClientToken", "ClientRequestToken",
                                                              "CreatorRequestId", "CallerReference"};
  if (input.is_object() &&
      std::any_of(kTokens.begin(), kTokens.end(), [&input](std::string_view token) { return input.contains(token); })) {
    return true;
  }
  // By the verb: these set or remove a state that a second call finds in place.
  static constexpr std::array<std::string_view, 20> kVerbs = {
      "Add",      "Assume",          "BatchCheck", "BatchGet", "Change", "Delete", "Deregister",
      "Describe", "Disassociate",    "Filter",     "Get",      "List",   "Modify", "Put",
      "Remove",   "RegisterTargets", "Set",        "Stop",     "Tag",    "Update"};
  if (operation.name == "PutLogEvents") return false;  // would log twice
  return operation.name.starts_with("Untag") ||
         std::any_of(kVerbs.begin(), kVerbs.end(),
                     [&operation](std::string_view verb) { return operation.name.starts_with(verb); });
}

Duration RetryDelay(int attempt, double fraction) {
  const double ceiling = std::min(std::ldexp(1.0, attempt - 1), kMaxDelaySeconds);
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(fraction * ceiling));
}

int RetryQuota::Take(Retry kind) {
  const int cost = kind == Retry::kTimeout ? kTimeoutCost : kRetryCost;
  auto available = available_.lock();
  if (*available < cost) return 0;
  *available -= cost;
  return cost;
}

void RetryQuota::Return(int cost) {
  auto available = available_.lock();
  *available = std::min(kCapacity, *available + std::max(cost, 1));
}

}  // namespace adhoc::aws
