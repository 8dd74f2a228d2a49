#include "ui/live_view.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <thread>
#include <vector>

#include "base/sync.h"
#include "ui/view.h"

namespace adhoc::ui {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kFrame{120};
constexpr const char* kSpinner[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};

// The first `width` columns of a text without escape sequences.
std::string Clip(const std::string& text, int width) {
  int columns = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) continue;
    if (columns++ >= width - 1) return text.substr(0, i) + "…";
  }
  return text;
}

class LiveView final : public events::Sink {
 public:
  explicit LiveView(std::FILE* out) : out_(out), thread_([this](std::stop_token stop) { Draw(stop); }) {}

  ~LiveView() override {
    thread_.request_stop();
    thread_.join();
    const auto state = state_.lock();
    Erase();
    std::fflush(out_);
  }

  void Emit(const events::Event& event) override {
    auto state = state_.lock();
    auto& running = state->running;
    const auto end = [&](const std::string& step) {
      std::erase_if(running, [&](const Running& r) { return r.step == step; });
    };
    const auto find = [&](const std::string& step) {
      return std::find_if(running.begin(), running.end(), [&](const Running& r) { return r.step == step; });
    };
    const auto now = SteadyClock::now();
    if (const auto* run = std::get_if<events::RunStarted>(&event)) {
      state->run = {.steps = run->steps, .expected_seconds = run->expected_seconds, .since = now};
      return;
    }
    if (const auto* started = std::get_if<events::StepStarted>(&event)) {
      running.push_back({.step = started->step,
                         .action = started->action,
                         .expected_seconds = started->expected_seconds,
                         .since = now,
                         .message_since = now});
      return;
    }
    if (const auto* progress = std::get_if<events::StepProgress>(&event)) {
      const auto found = find(progress->step);
      if (found == running.end() || found->message == progress->message) return;
      found->message = progress->message;
      found->message_since = now;
      return;
    }
    if (const auto* finished = std::get_if<events::StepFinished>(&event)) end(finished->step);
    if (const auto* failed = std::get_if<events::StepFailed>(&event)) end(failed->step);
    if (!std::holds_alternative<events::LogLine>(event) && !std::holds_alternative<events::Notice>(event))
      ++state->run.ended;
    const std::string line = DescribeEvent(event, true);
    if (line.empty()) return;
    Erase();
    fmt::print(out_, "{}\n", line);
    Paint(*state);
  }

 private:
  struct Running {
    std::string step;
    std::string action;
    std::string message;
    double expected_seconds = 0;
    SteadyClock::time_point since;
    SteadyClock::time_point message_since;
  };
  struct Run {
    int steps = 0;
    int ended = 0;
    double expected_seconds = 0;
    SteadyClock::time_point since;
  };
  struct State {
    std::vector<Running> running;
    Run run;
    int frame = 0;
  };

  void Draw(std::stop_token stop) {
    std::condition_variable_any never;
    auto state = state_.lock();
    while (!stop.stop_requested()) {
      ++state->frame;
      Erase();
      Paint(*state);
      state.WaitUntil(never, stop, SteadyClock::now() + kFrame, [] { return false; });
    }
  }

  void Erase() {
    if (painted_ > 0) fmt::print(out_, "\x1b[{}A\x1b[J", painted_);
    painted_ = 0;
  }

  void Paint(const State& state) {
    winsize size{};
    const bool known = ioctl(fileno(out_), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    const int columns = known ? size.ws_col : 80;
    const int rows = known ? std::max(3, size.ws_row - 2) : 20;
    const auto seconds = [](SteadyClock::time_point since) {
      return std::chrono::duration<double>(SteadyClock::now() - since).count();
    };
    if (state.run.steps > 1 && state.run.ended < state.run.steps) {
      const std::string what = fmt::format("{} of {} steps", state.run.ended, state.run.steps);
      const std::string text = DescribeRunning(what, seconds(state.run.since), state.run.expected_seconds, "", 0);
      fmt::print(out_, "  {}\n", Styled(Clip(text, columns - 4), Style::kDim, true));
      ++painted_;
    }
    const int above = painted_;
    for (const Running& running : state.running) {
      if (painted_ == rows - 1 && static_cast<int>(state.running.size()) + above > rows) {
        fmt::print(out_, "  … and {} more\n", static_cast<int>(state.running.size()) + above - painted_);
        ++painted_;
        break;
      }
      const std::string text =
          DescribeRunning(fmt::format("{} {}", running.action, running.step), seconds(running.since),
                          running.expected_seconds, running.message, seconds(running.message_since));
      fmt::print(out_, "  {} {}\n", Styled(kSpinner[state.frame % 10], Style::kCyan, true), Clip(text, columns - 6));
      ++painted_;
    }
    std::fflush(out_);
  }

  std::FILE* const out_;
  int painted_ = 0;  // lines below the cursor's home that are ours to redraw; guarded by state_
  Sync<State> state_;
  std::jthread thread_;  // last: it uses the others
};

}  // namespace

std::unique_ptr<events::Sink> MakeLiveView(std::FILE* out) { return std::make_unique<LiveView>(out); }

}  // namespace adhoc::ui
