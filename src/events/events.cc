#include "events/events.h"

namespace adhoc::events {
namespace {

struct Encode {
  Json operator()(const RunStarted& e) const {
    return {
        {"type", "run-started"}, {"steps", e.steps}, {"expected_seconds", e.expected_seconds}, {"longest", e.longest}};
  }
  Json operator()(const StepStarted& e) const {
    Json json{{"type", "step-started"}, {"step", e.step}, {"action", e.action}};
    if (e.expected_seconds > 0) json["expected_seconds"] = e.expected_seconds;
    return json;
  }
  Json operator()(const StepProgress& e) const {
    return {{"type", "step-progress"}, {"step", e.step}, {"message", e.message}};
  }
  Json operator()(const StepFinished& e) const {
    return {{"type", "step-finished"},
            {"step", e.step},
            {"action", e.action},
            {"seconds", e.seconds},
            {"result", e.result}};
  }
  Json operator()(const StepFailed& e) const {
    Json json{{"type", "step-failed"}, {"step", e.step},   {"action", e.action},
              {"seconds", e.seconds},  {"error", e.error}, {"hint", e.hint}};
    if (!e.request_id.empty()) json["request_id"] = e.request_id;
    return json;
  }
  Json operator()(const StepSkipped& e) const {
    return {{"type", "step-skipped"}, {"step", e.step}, {"because", e.because}};
  }
  Json operator()(const LogLine& e) const {
    return {{"type", "log"}, {"source", e.source}, {"time", e.time}, {"text", e.text}};
  }
  Json operator()(const Notice& e) const {
    static constexpr const char* kLevels[] = {"info", "warning", "error"};
    return {{"type", "notice"}, {"level", kLevels[static_cast<int>(e.level)]}, {"text", e.text}, {"hint", e.hint}};
  }
};

}  // namespace

Json ToJson(const Event& event) { return std::visit(Encode{}, event); }

void Recorder::Emit(const Event& event) {
  const std::lock_guard lock(mutex_);
  events_.push_back(event);
}

std::vector<Event> Recorder::events() const {
  const std::lock_guard lock(mutex_);
  return events_;
}

}  // namespace adhoc::events
