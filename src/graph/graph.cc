#include "graph/graph.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <thread>

#include "base/error.h"
#include "base/sync.h"

namespace adhoc::graph {

void Graph::Add(const std::string& vertex) {
  if (Find(vertex) >= 0) throw Error("the graph has two vertices named " + vertex);
  vertices_.push_back({.name = vertex});
}

int Graph::Find(const std::string& vertex) const {
  const auto found =
      std::find_if(vertices_.begin(), vertices_.end(), [&](const Vertex& v) { return v.name == vertex; });
  return found == vertices_.end() ? -1 : static_cast<int>(found - vertices_.begin());
}

void Graph::Depend(const std::string& vertex, const std::string& on) {
  const int from = Find(vertex);
  const int to = Find(on);
  if (from < 0 || to < 0) throw Error(vertex + " cannot depend on " + on + ": no such vertex");
  auto& dependencies = vertices_[from].dependencies;
  if (std::find(dependencies.begin(), dependencies.end(), to) != dependencies.end()) return;
  dependencies.push_back(to);
  vertices_[to].dependents.push_back(from);
}

void Graph::CheckAcyclic() const {
  enum class Mark { kNew, kOpen, kDone };
  std::vector<Mark> marks(vertices_.size(), Mark::kNew);
  std::vector<int> path;
  const std::function<void(int)> visit = [&](int vertex) {
    if (marks[vertex] == Mark::kDone) return;
    path.push_back(vertex);
    if (marks[vertex] == Mark::kOpen) {
      std::string circle;
      for (auto at = std::find(path.begin(), path.end(), vertex); at != path.end(); ++at) {
        circle += (circle.empty() ? "" : " → ") + vertices_[*at].name;
      }
      throw Error("these depend on each other: " + circle);
    }
    marks[vertex] = Mark::kOpen;
    for (const int next : vertices_[vertex].dependencies) visit(next);
    marks[vertex] = Mark::kDone;
    path.pop_back();
  };
  for (int vertex = 0; vertex < size(); ++vertex) visit(vertex);
}

std::vector<Graph::Outcome> Graph::Walk(Direction direction, int threads, const std::function<void(int)>& visit,
                                        std::stop_token stop) const {
  CheckAcyclic();
  const bool forward = direction == Direction::kForward;
  struct State {
    std::vector<Outcome> outcomes;
    std::vector<int> waiting_for;
    std::deque<int> ready;
    int remaining = 0;
  };
  Sync<State> shared;
  std::condition_variable_any changed;
  {
    auto state = shared.lock();
    state->outcomes.resize(vertices_.size());
    state->remaining = size();
    for (int vertex = 0; vertex < size(); ++vertex) {
      const auto& before = forward ? vertices_[vertex].dependencies : vertices_[vertex].dependents;
      state->waiting_for.push_back(static_cast<int>(before.size()));
      if (before.empty()) state->ready.push_back(vertex);
    }
  }

  const auto work = [&] {
    auto state = shared.lock();
    while (true) {
      state.Wait(changed, {}, [&] { return !state->ready.empty() || state->remaining == 0; });
      if (state->ready.empty()) return;
      const int vertex = state->ready.front();
      state->ready.pop_front();

      // A vertex is skipped for the root of the failure, so that the report names the thing to mend.
      Outcome outcome{.state = Outcome::State::kDone};
      for (const int before : forward ? vertices_[vertex].dependencies : vertices_[vertex].dependents) {
        const Outcome& other = state->outcomes[before];
        if (other.state == Outcome::State::kDone) continue;
        outcome = {.state = Outcome::State::kSkipped,
                   .because = other.state == Outcome::State::kFailed ? vertices_[before].name : other.because};
        break;
      }
      if (outcome.state == Outcome::State::kDone && stop.stop_requested()) {
        outcome = {.state = Outcome::State::kSkipped, .because = "stopped"};
      }
      if (outcome.state == Outcome::State::kDone) {
        state.Unlock();
        try {
          visit(vertex);
        } catch (const Error& error) {
          outcome = {.state = Outcome::State::kFailed, .error = error.what(), .hint = error.hint()};
        } catch (const std::exception& error) {
          outcome = {.state = Outcome::State::kFailed, .error = error.what()};
        }
        state.Relock();
      }
      state->outcomes[vertex] = std::move(outcome);
      --state->remaining;
      for (const int next : forward ? vertices_[vertex].dependents : vertices_[vertex].dependencies) {
        if (--state->waiting_for[next] == 0) state->ready.push_back(next);
      }
      changed.notify_all();
    }
  };
  {
    std::vector<std::jthread> pool;
    for (int i = 0; i < std::clamp(threads, 1, std::max(1, size())); ++i) pool.emplace_back(work);
  }
  return std::move(shared.lock()->outcomes);
}

}  // namespace adhoc::graph
