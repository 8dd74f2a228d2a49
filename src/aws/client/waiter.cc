#include "aws/client/waiter.h"

#include <fmt/format.h>

#include <algorithm>

#include "aws/client/jmespath.h"

namespace adhoc::aws {
namespace {

bool IsPathMatcher(const std::string& matcher) {
  return matcher == "path" || matcher == "pathAll" || matcher == "pathAny";
}

bool Matches(const Json& acceptor, const Observation& observation) {
  const std::string matcher = acceptor.at("matcher");
  const Json& expected = acceptor.at("expected");
  if (matcher == "status") return expected == observation.status;
  if (matcher == "error") {
    if (expected.is_boolean()) return expected.get<bool>() != observation.error_code.empty();
    return !observation.error_code.empty() && expected == observation.error_code;
  }
  if (!IsPathMatcher(matcher) || !observation.error_code.empty()) return false;
  const Json found = JmesSearch(acceptor.at("argument").get<std::string>(), observation.output);
  if (matcher == "path") return found == expected;
  if (!found.is_array() || found.empty()) return false;
  const auto equals = [&expected](const Json& value) { return value == expected; };
  return matcher == "pathAll" ? std::all_of(found.begin(), found.end(), equals)
                              : std::any_of(found.begin(), found.end(), equals);
}

std::string Observed(const Json& acceptor, const Observation& observation) {
  if (!observation.error_code.empty()) return fmt::format("the answer is {}", observation.error_code);
  if (acceptor.at("matcher") == "status") return fmt::format("the HTTP status is {}", observation.status);
  const std::string argument = acceptor.value("argument", "");
  if (argument.empty()) return "there is no error";
  const Json found = JmesSearch(argument, observation.output);
  return fmt::format("{} is {}", argument,
                     found.is_null() ? "absent" : found.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

WaiterVerdict JudgeObservation(const Waiter& waiter, const Observation& observation) {
  for (const Json& acceptor : waiter.acceptors) {
    if (!Matches(acceptor, observation)) continue;
    const std::string state = acceptor.at("state");
    if (state == "success") return {WaiterVerdict::State::kSuccess, ""};
    if (state == "failure") return {WaiterVerdict::State::kFailure, Observed(acceptor, observation)};
    return {WaiterVerdict::State::kRetry, ""};
  }
  if (!observation.error_code.empty()) return {WaiterVerdict::State::kUnexpectedError, observation.error_code};
  return {WaiterVerdict::State::kRetry, ""};
}

std::string DescribeObservation(const Waiter& waiter, const Observation& observation) {
  for (const Json& acceptor : waiter.acceptors) {
    if (acceptor.at("state") == "success") return Observed(acceptor, observation);
  }
  return "";
}

}  // namespace adhoc::aws
