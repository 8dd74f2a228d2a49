// A plan is data: what would change and why. Apply does what the plan says and nothing else.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "env/resource.h"
#include "graph/graph.h"

namespace adhoc::env {

struct Change {
  std::string id;  // of the resource
  std::string kind;
  std::string name;
  Action action = Action::kNone;
  std::vector<std::string> reasons;
  std::vector<std::string> after;  // ids of what it depends on, planned or not
};

std::string_view Symbol(Action action);  // + ~ ± - and ▸ for a run
std::string_view Verb(Action action);    // create, update, …

class Plan {
 public:
  // In the order of the graph; resources without a change are not listed.
  const std::vector<Change>& changes() const { return changes_; }
  bool empty() const { return changes_.empty(); }
  int Count(Action action) const;
  // kNone for a resource that is not in the plan.
  Action ActionOf(const std::string& id) const;
  Json ToJson() const;
  // `3 to create, 1 to update` or `no changes`.
  std::string Summary() const;

  void Add(Change change);

 private:
  std::vector<Change> changes_;
};

// The graph of what the resources depend on. Dependencies on resources that are not in the list are left out (a destroy
// may no longer know all). Throws Error when there is a circle.
graph::Graph MakeGraph(const Resources& resources);

// What an environment needs of the shared resources is not there.
class SharedMissing : public Error {
 public:
  using Error::Error;
};

// Reads all resources and says what would make them as defined. `existing` are looked up, never changed: what an
// environment uses of the shared resources. Throws SharedMissing when one of them is missing or not ready, Error when a
// read fails.
Plan MakePlan(Context& context, const Resources& existing, const Resources& resources);

// Reads all and plans to delete what exists.
Plan MakeDestroyPlan(Context& context, const Resources& existing, const Resources& resources);

// Seconds by action and kind: `create service`, `run task`.
using Durations = std::map<std::string, double>;

struct ApplyResult {
  int done = 0;
  int failed = 0;
  int skipped = 0;
  std::string error;  // of the first failure that is a root
  std::string hint;
  Durations durations;  // the slowest of each
  bool ok() const { return failed == 0 && skipped == 0; }
};

// Does what the plan says, in parallel along the graph: first all but the deletions, then, backwards, the deletions.
// Emits RunStarted and Step events, with what is expected where `known` has what earlier runs took. One failure does
// not stop what does not depend on it. Call with the Context that made the plan: it knows what was read.
ApplyResult Apply(Context& context, const Plan& plan, const Resources& resources, const Durations& known = {});

}  // namespace adhoc::env
