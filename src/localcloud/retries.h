// What of a controller's work has failed, and when it is to be tried again: after half a second, doubling, at most
// eight. Not thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/error.h"

namespace adhoc::localcloud {

class Retries {
 public:
  // `kind` is for the log: `database`.
  Retries(std::string kind, Clock& clock) : kind_(std::move(kind)), clock_(clock) {}

  // Nothing when it can be tried now. A failure in another state of the thing does not count: then there is something
  // else to do.
  std::optional<TimePoint> WaitingUntil(const std::string& id, const std::string& state) const;
  // Returns when to try again; logs an error that is not the one before. `id` may be "", for the containers as a whole.
  TimePoint Note(const std::string& id, const std::string& state, const Error& error, bool quiet);
  void Forget(const std::string& id) { failures_.erase(id); }

 private:
  struct Failure {
    int count = 0;
    TimePoint retry_at;
    std::string message;
    std::string state;
  };
  const std::string kind_;
  Clock& clock_;
  std::map<std::string, Failure> failures_;
};

}  // namespace adhoc::localcloud
