// A new image in an existing environment, without a full apply (S5, S6):
//
//   register     new revisions, with only the image changed, of every task and service that runs it
//   run          the before-update tasks among them, one after the other, their logs shown; a failure ends it here
//   roll         all services at the same time, each by its own deployment limits
//   verify       each deployment PRIMARY, COMPLETED and healthy
//   record       the revisions as the last good ones
//
// On failure the services go back to the revisions they had, the new revisions are deregistered (they must not be the
// ones that the next update starts from), and it is an error. What migrations did stays done.
#pragma once

#include <string>
#include <vector>

#include "env/context.h"
#include "env/record.h"

namespace adhoc::deploy {

struct Request {
  std::string image;  // an entry of `images:`
  std::string tag;
};

struct Result {
  std::vector<std::string> services;  // that were rolled; empty: all of them ran this tag already
  std::string previous_tag;
};

// Throws Error: no such image, environment or tag; a task or service that does not run.
Result Deploy(env::Context& context, env::RecordStore& records, const Request& request);

// The input for RegisterTaskDefinition that repeats a described task definition, with `from_repository`'s containers on
// `image`. Pure.
Json WithImage(const Json& described, const Json& tags, const std::string& from_repository, const std::string& image);

}  // namespace adhoc::deploy
