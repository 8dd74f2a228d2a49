// What the engines report while they work. An engine emits typed events and knows nothing of terminals; the live view,
// plain lines, `--json` and tests subscribe.
#pragma once

#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "base/json.h"

namespace adhoc::events {

// What a run is about to do.
struct RunStarted {
  int steps = 0;
  double expected_seconds = 0;  // by what earlier runs took, or such steps usually do
  std::string longest;          // the step that is expected to take longest of those that the run waits for
};
// One unit of work that a person can name: a resource being made, a task being run, a service being rolled.
struct StepStarted {
  std::string step;             // unique in the run: `service alpha-gunicorn`
  std::string action;           // `create`, `update`, `replace`, `delete`, `run`, `roll`, `wait`
  double expected_seconds = 0;  // likewise; 0: nobody knows
};
// What the step waits for now; replaces the previous one.
struct StepProgress {
  std::string step;
  std::string message;  // `1/2 tasks healthy`
};
struct StepFinished {
  std::string step;
  std::string action;
  double seconds = 0;
  std::string result;  // short, may be empty: `revision 4`, `exit code 0`
};
struct StepFailed {
  std::string step;
  std::string action;
  double seconds = 0;
  std::string error;
  std::string hint;
  std::string request_id;  // of the call that AWS refused, for its support; or empty
};
// Not attempted, because `because` failed.
struct StepSkipped {
  std::string step;
  std::string because;
};
// A line that a task of the environment wrote.
struct LogLine {
  std::string source;  // `migrate`, `gunicorn/3f2a91`
  double time = 0;
  std::string text;
};
// For people; not tied to a step.
struct Notice {
  enum class Level { kInfo, kWarning, kError };
  Level level = Level::kInfo;
  std::string text;
  std::string hint;
};

using Event =
    std::variant<RunStarted, StepStarted, StepProgress, StepFinished, StepFailed, StepSkipped, LogLine, Notice>;

// Thread-safe: steps run in parallel.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void Emit(const Event& event) = 0;
};

// The form of `--json`: {"type": "step-started", …}.
Json ToJson(const Event& event);

// Keeps everything; for tests.
class Recorder final : public Sink {
 public:
  void Emit(const Event& event) override;
  std::vector<Event> events() const;

 private:
  mutable std::mutex mutex_;
  std::vector<Event> events_;
};

}  // namespace adhoc::events
