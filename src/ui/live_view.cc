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
    if (const auto* started = std::get_if<events::StepStarted>(&event)) {
      running.push_back({.step = started->step, .action = started->action, .since = SteadyClock::now()});
      return;
    }
    if (const auto* progress = std::get_if<events::StepProgress>(&event)) {
      if (const auto found = find(progress->step); found != running.end()) found->message = progress->message;
      return;
    }
    if (const auto* finished = std::get_if<events::StepFinished>(&event)) end(finished->step);
    if (const auto* failed = std::get_if<events::StepFailed>(&event)) end(failed->step);
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
    SteadyClock::time_point since;
  };
  struct State {
    std::vector<Running> running;
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
    for (const Running& running : state.running) {
      if (painted_ == rows - 1 && static_cast<int>(state.running.size()) > rows) {
        fmt::print(out_, "  … and {} more\n", state.running.size() - painted_);
        ++painted_;
        break;
      }
      const double seconds = std::chrono::duration<double>(SteadyClock::now() - running.since).count();
      std::string text = fmt::format("{} {}  {:.0f} s", running.action, running.step, seconds);
      if (!running.message.empty()) text += "  " + running.message;
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
