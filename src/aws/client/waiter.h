// Judges one answer by a model's waiter (botocore waiters-2.json). Pure; thread-safe.
#pragma once

#include <string>

#include "aws/model/model.h"
#include "base/json.h"

namespace adhoc::aws {

// One answer: an output, or an error's code.
struct Observation {
  int status = 200;
  Json output = Json::object();
  std::string error_code;  // empty: no error
};

struct WaiterVerdict {
  enum class State { kRetry, kSuccess, kFailure, kUnexpectedError };
  State state = State::kRetry;
  std::string reason;  // of a failure: `tasks[].lastStatus is ["STOPPED"]`
};

WaiterVerdict JudgeObservation(const Waiter& waiter, const Observation& observation);

// What the waiter looks at, as it was observed: for the message of a time-out.
std::string DescribeObservation(const Waiter& waiter, const Observation& observation);

}  // namespace adhoc::aws
