#include "env/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <mutex>
#include <set>

#include "base/error.h"
#include "env/forecast.h"
#include "env/resources/resources.h"

namespace adhoc::env {
namespace {

// Enough for every wait of an environment to go on at the same time; they are waits, not work.
constexpr int kThreads = 24;

graph::Graph MakeGraphOf(const std::vector<const Resource*>& resources) {
  graph::Graph graph;
  for (const Resource* resource : resources) graph.Add(resource->id());
  for (const Resource* resource : resources) {
    for (const auto& dependency : resource->dependencies()) {
      if (graph.Find(dependency) >= 0) graph.Depend(resource->id(), dependency);
    }
  }
  return graph;
}

void ThrowFirstFailure(const graph::Graph& graph, const std::vector<graph::Graph::Outcome>& outcomes) {
  for (int vertex = 0; vertex < graph.size(); ++vertex) {
    const auto& outcome = outcomes[vertex];
    if (outcome.state == graph::Graph::Outcome::State::kFailed) {
      throw Error(fmt::format("cannot read {}: {}", graph.name(vertex), outcome.error), outcome.hint);
    }
    if (outcome.because == "stopped") throw Error("stopped before the plan was made");
  }
}

// Whether what is shared serves while it is in this state, of a load balancer or a DB instance.
bool IsUsable(const std::string& state) {
  return state == "active" || state == "active_impaired" || TakesConnections(state);
}

// Reads everything; calls `found` for each managed resource, in the order of the graph.
void ReadAll(Context& context, const Resources& existing, const Resources& resources,
             const std::function<void(Resource&, const std::optional<Json>&)>& found, bool missing_is_error) {
  std::vector<const Resource*> all;
  for (const auto& resource : existing) all.push_back(resource.get());
  for (const auto& resource : resources) all.push_back(resource.get());
  const graph::Graph graph = MakeGraphOf(all);
  std::mutex mutex;
  std::string missing;
  const auto outcomes = graph.Walk(
      graph::Graph::Direction::kForward, kThreads,
      [&](int vertex) {
        auto& resource = const_cast<Resource&>(*all[vertex]);
        const auto observed = resource.Read(context);
        if (observed) context.Publish(resource.id(), *observed);
        if (vertex < static_cast<int>(existing.size())) {
          const std::string state = observed ? observed->value("state", "active") : "missing";
          if (!IsUsable(state)) {
            const std::lock_guard lock(mutex);
            missing = fmt::format("{} is {}", resource.id(), state);
          }
          return;
        }
        found(resource, observed);
      },
      context.stop());
  ThrowFirstFailure(graph, outcomes);
  if (!missing.empty() && missing_is_error) {
    throw SharedMissing(fmt::format("the shared resources {} are not complete: {}", context.shared(), missing),
                        fmt::format("adhoc shared up {}", context.shared()));
  }
}

}  // namespace

std::string Difference::ToString() const {
  if (from.empty() && to.empty()) return what;
  if (from.empty()) return fmt::format("{}: {}", what, to);
  if (to.empty()) return fmt::format("{}: {} removed", what, from);
  return fmt::format("{}: {} → {}", what, from, to);
}

Json Resource::Update(Context&, const Json&) { throw Error(id() + " cannot be changed in place"); }

std::string_view Symbol(Action action) {
  switch (action) {
    case Action::kCreate:
      return "+";
    case Action::kUpdate:
      return "~";
    case Action::kReplace:
      return "±";
    case Action::kDelete:
      return "-";
    case Action::kRun:
      return "▸";
    case Action::kNone:
      break;
  }
  return " ";
}

std::string_view Verb(Action action) {
  switch (action) {
    case Action::kCreate:
      return "create";
    case Action::kUpdate:
      return "update";
    case Action::kReplace:
      return "replace";
    case Action::kDelete:
      return "delete";
    case Action::kRun:
      return "run";
    case Action::kNone:
      break;
  }
  return "keep";
}

void Plan::Add(Change change) { changes_.push_back(std::move(change)); }

int Plan::Count(Action action) const {
  return static_cast<int>(
      std::count_if(changes_.begin(), changes_.end(), [&](const Change& change) { return change.action == action; }));
}

Action Plan::ActionOf(const std::string& id) const {
  const auto found =
      std::find_if(changes_.begin(), changes_.end(), [&](const Change& change) { return change.id == id; });
  return found == changes_.end() ? Action::kNone : found->action;
}

Json Plan::ToJson() const {
  Json changes = Json::array();
  for (const Change& change : changes_) {
    Json after = Json::array();
    for (const auto& id : change.after) {
      if (ActionOf(id) != Action::kNone) after.push_back(id);
    }
    changes.push_back({{"action", Verb(change.action)},
                       {"kind", change.kind},
                       {"name", change.name},
                       {"reasons", change.reasons},
                       {"after", after}});
  }
  return {{"changes", changes}, {"summary", Summary()}};
}

std::string Plan::Summary() const {
  std::string summary;
  for (const Action action : {Action::kCreate, Action::kUpdate, Action::kReplace, Action::kRun, Action::kDelete}) {
    if (const int count = Count(action))
      summary += fmt::format("{}{} to {}", summary.empty() ? "" : ", ", count, Verb(action));
  }
  return summary.empty() ? "no changes" : summary;
}

graph::Graph MakeGraph(const Resources& resources) {
  std::vector<const Resource*> all;
  for (const auto& resource : resources) all.push_back(resource.get());
  return MakeGraphOf(all);
}

Plan MakePlan(Context& context, const Resources& existing, const Resources& resources) {
  // Compare needs the actions of what a resource depends on, which the walk has visited before it.
  std::mutex mutex;
  Plan plan;
  const auto snapshot = [&] {
    const std::lock_guard lock(mutex);
    return plan;
  };
  ReadAll(
      context, existing, resources,
      [&](Resource& resource, const std::optional<Json>& observed) {
        Change change{
            .id = resource.id(), .kind = resource.kind(), .name = resource.name(), .after = resource.dependencies()};
        if (!observed) {
          change.action = Action::kCreate;
        } else {
          for (const Difference& difference : resource.Compare(context, *observed, snapshot())) {
            change.reasons.push_back(difference.ToString());
            if (change.action != Action::kReplace) {
              change.action = difference.replace ? Action::kReplace : resource.UpdateAction();
            }
          }
        }
        if (change.action == Action::kNone) return;
        const std::lock_guard lock(mutex);
        plan.Add(std::move(change));
      },
      true);
  // Reads end in any order; a plan is the same each time it is made.
  Plan ordered;
  for (const auto& resource : resources) {
    for (const Change& change : plan.changes()) {
      if (change.id == resource->id()) ordered.Add(change);
    }
  }
  return ordered;
}

Plan MakeDestroyPlan(Context& context, const Resources& existing, const Resources& resources) {
  ReadAll(
      context, existing, resources, [](Resource&, const std::optional<Json>&) {}, false);
  Plan plan;
  for (const auto& resource : resources) {
    const bool is_run = resource->UpdateAction() == Action::kRun;  // leaves nothing to delete
    const auto observed = context.Find(resource->id());
    if (!is_run && observed && resource->IsOurs(context, *observed)) {
      plan.Add({.id = resource->id(), .kind = resource->kind(), .name = resource->name(), .action = Action::kDelete});
    }
  }
  return plan;
}

namespace {

using Outcomes = std::vector<graph::Graph::Outcome>;

// Returns the seconds that it took.
double Act(Context& context, Resource& resource, Action action, double expected_seconds) {
  const std::string id = resource.id();
  const std::string verb(Verb(action));
  const TimePoint begin = context.clock().Now();
  const auto seconds = [&] { return ToSeconds(context.clock().Now()) - ToSeconds(begin); };
  context.sink().Emit(events::StepStarted{.step = id, .action = verb, .expected_seconds = expected_seconds});
  try {
    const Json observed = context.Find(id).value_or(Json::object());
    if (action == Action::kDelete || action == Action::kReplace) {
      resource.Delete(context, observed);
      context.Forget(id);
    }
    if (action == Action::kCreate || action == Action::kReplace) context.Publish(id, resource.Create(context));
    if (action == Action::kUpdate || action == Action::kRun) context.Publish(id, resource.Update(context, observed));
  } catch (const std::exception& exception) {
    const auto* error = dynamic_cast<const Error*>(&exception);
    const auto* refusal = dynamic_cast<const aws::AwsError*>(&exception);
    context.sink().Emit(events::StepFailed{.step = id,
                                           .action = verb,
                                           .seconds = seconds(),
                                           .error = exception.what(),
                                           .hint = error == nullptr ? "" : error->hint(),
                                           .request_id = refusal == nullptr ? "" : refusal->request_id()});
    throw;
  }
  std::string result;
  if (const auto attributes = context.Find(id)) result = attributes->value("_result", "");
  const double took = seconds();
  context.sink().Emit(events::StepFinished{.step = id, .action = verb, .seconds = took, .result = result});
  return took;
}

}  // namespace

ApplyResult Apply(Context& context, const Plan& plan, const Resources& resources, const Durations& known) {
  const graph::Graph graph = MakeGraph(resources);
  const config::TargetKind target = context.config().target.kind;
  if (!plan.empty()) {
    const Forecast forecast = Predict(plan, resources, known, target);
    context.sink().Emit(events::RunStarted{.steps = static_cast<int>(plan.changes().size()),
                                           .expected_seconds = forecast.seconds,
                                           .longest = forecast.longest});
  }
  ApplyResult result;
  std::mutex mutex;
  // What is no longer wanted goes last, and only when the rest is as it should be.
  for (const bool deletes : {false, true}) {
    const auto planned = [&](int vertex) {
      const Action action = plan.ActionOf(graph.name(vertex));
      return (action == Action::kDelete) == deletes ? action : Action::kNone;
    };
    if (deletes && !result.ok()) break;
    const Outcomes outcomes = graph.Walk(
        deletes ? graph::Graph::Direction::kBackward : graph::Graph::Direction::kForward, kThreads,
        [&](int vertex) {
          const Action action = planned(vertex);
          if (action == Action::kNone) return;
          const std::string key = DurationKey(action, resources[vertex]->kind());
          const double seconds = Act(context, *resources[vertex], action, ExpectedSeconds(key, known, target));
          const std::lock_guard lock(mutex);
          double& slowest = result.durations[key];
          slowest = std::max(slowest, seconds);
        },
        context.stop());
    for (int vertex = 0; vertex < graph.size(); ++vertex) {
      if (planned(vertex) == Action::kNone) continue;
      const auto& outcome = outcomes[vertex];
      switch (outcome.state) {
        case graph::Graph::Outcome::State::kDone:
          ++result.done;
          break;
        case graph::Graph::Outcome::State::kFailed:
          ++result.failed;
          if (result.error.empty()) {
            result.error = fmt::format("{}: {}", graph.name(vertex), outcome.error);
            result.hint = outcome.hint;
          }
          break;
        case graph::Graph::Outcome::State::kSkipped:
          ++result.skipped;
          context.sink().Emit(events::StepSkipped{.step = graph.name(vertex), .because = outcome.because});
          break;
      }
    }
  }
  if (result.error.empty() && result.skipped > 0) result.error = "stopped";
  return result;
}

}  // namespace adhoc::env
