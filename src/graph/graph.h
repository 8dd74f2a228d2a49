// A directed acyclic graph of named vertices and its parallel walk. Knows nothing of what a vertex does.
//
//        vpc            Forward walk: a vertex is visited when all that it depends on were visited.
//       /   \           Backward walk (destroy): when all that depend on it were visited.
//   subnet  igw         A vertex whose visit throws makes everything behind it skipped, never half done; the rest goes
//   on.
//       \   /
//        nat
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace adhoc::graph {

class Graph {
 public:
  // Throws Error when the name exists.
  void Add(const std::string& vertex);
  // `vertex` depends on `on`. Both must exist, throws Error.
  void Depend(const std::string& vertex, const std::string& on);

  int size() const { return static_cast<int>(vertices_.size()); }
  const std::string& name(int index) const { return vertices_[index].name; }
  int Find(const std::string& vertex) const;  // -1 when there is none

  // Throws Error naming the circle when there is one.
  void CheckAcyclic() const;

  enum class Direction { kForward, kBackward };

  struct Outcome {
    enum class State { kDone, kFailed, kSkipped };
    State state = State::kSkipped;
    std::string error;    // kFailed: what()
    std::string hint;     // kFailed: of an Error
    std::string because;  // kSkipped: the vertex whose failure is the root, or "stopped"
  };

  // Visits every vertex on up to `threads` threads; returns one outcome per vertex, in the order of Add. When `stop` is
  // requested no further visit begins. Throws Error when there is a circle.
  std::vector<Outcome> Walk(Direction direction, int threads, const std::function<void(int vertex)>& visit,
                            std::stop_token stop = {}) const;

 private:
  struct Vertex {
    std::string name;
    std::vector<int> dependencies;
    std::vector<int> dependents;
  };
  std::vector<Vertex> vertices_;
};

}  // namespace adhoc::graph
