#include "cli/exec_session.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <optional>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "cli/exit_codes.h"
#include "cli/exit_marks.h"

namespace adhoc::cli {
namespace {

constexpr int kTickMs = 100;
constexpr int kTicksPerEnd = 10;
constexpr const char* kEndOfInput = "\x04";  // as a terminal says it
constexpr int kWordDigits = 16;

// The terminal passes every key on, also Ctrl-C, while this lives. Without a terminal it changes nothing.
class RawTerminal {
 public:
  explicit RawTerminal(int fd) : fd_(fd), active_(isatty(fd) != 0 && tcgetattr(fd, &before_) == 0) {
    if (!active_) return;
    termios raw = before_;
    cfmakeraw(&raw);
    tcsetattr(fd_, TCSANOW, &raw);
  }
  ~RawTerminal() {
    if (active_) tcsetattr(fd_, TCSANOW, &before_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  const int fd_;
  termios before_{};
  const bool active_;
};

std::string SizeOf(int fd) {
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return "";
  return Json{{"cols", size.ws_col}, {"rows", size.ws_row}}.dump();
}

void WriteAll(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t count = write(fd, data.data(), data.size());
    if (count <= 0) return;
    data.remove_prefix(static_cast<std::size_t>(count));
  }
}

// What came of a session.
struct Outcome {
  std::optional<std::string> closing;  // the agent's last words; nothing when the connection broke for good
  std::optional<int> exit_code;
  bool begun = false;  // the command, or the shell around it
};

// A terminal at the other end of one session.
class ExecSession : private net::SsmClient::Handler {
 public:
  // `marks`: of the shell that the command is run by; null when it is run as it is.
  ExecSession(std::unique_ptr<net::SsmClient> client, ExitMarks* marks, const Terminal& terminal, std::stop_token stop)
      : client_(std::move(client)), marks_(marks), terminal_(terminal), stop_(std::move(stop)) {}

  // Until the session is over.
  Outcome Run() {
    const std::stop_callback on_stop(stop_, [this] { client_->Terminate(); });
    Outcome outcome;
    {
      std::jthread input([this](std::stop_token ending) { SendInput(ending); });
      outcome.closing = client_->Run(*this);
    }
    outcome.begun = begun_;
    outcome.exit_code = exit_code_;
    if (marks_ == nullptr) return outcome;
    // Of an agent that tells the exit code itself, its word counts; of a shell that was not there it is about nothing.
    if (!begun_) outcome.exit_code = std::nullopt;
    if (!outcome.exit_code) outcome.exit_code = marks_->exit_code();
    if (begun_) WriteAll(terminal_.out, marks_->Rest());
    return outcome;
  }

 private:
  void OnReady(const net::SsmClient::Session&) override {
    ready_ = true;
    if (marks_ == nullptr) Begin();
  }

  void OnData(net::SsmPayload type, const std::string& payload) override {
    if (type == net::SsmPayload::kError || type == net::SsmPayload::kStderr) WriteAll(terminal_.err, payload);
    if (type == net::SsmPayload::kExitCode) exit_code_ = std::atoi(payload.c_str());
    if (type != net::SsmPayload::kOutput) return;
    if (marks_ == nullptr) return WriteAll(terminal_.out, payload);
    const std::string shown = marks_->Take(payload);
    if (marks_->begun() && !begun_) Begin();
    WriteAll(terminal_.out, shown);
  }

  // Until then Ctrl-C is adhoc's, and what is typed stays where it is.
  void Begin() {
    raw_.emplace(terminal_.in);
    begun_ = true;
  }

  void SendInput(std::stop_token ending) {
    std::string size;
    bool at_end = false;
    int ticks_at_end = 0;
    while (!ending.stop_requested()) {
      if (ready_) {
        if (const std::string now = SizeOf(terminal_.out); now != size) {
          size = now;
          client_->Send(net::SsmPayload::kSize, size);
        }
      }
      pollfd fd{.fd = at_end || !begun_ ? -1 : terminal_.in, .events = POLLIN, .revents = 0};
      if (poll(&fd, 1, kTickMs) <= 0) {
        // One that comes in the middle of a line, or while the program changes the terminal's mode, is not its end.
        if (at_end && ++ticks_at_end % kTicksPerEnd == 0) client_->Send(net::SsmPayload::kOutput, kEndOfInput);
        continue;
      }
      std::array<char, 1024> buffer{};
      const ssize_t count = read(terminal_.in, buffer.data(), buffer.size());
      if (count > 0) {
        client_->SendBulk(net::SsmPayload::kOutput, std::string_view(buffer.data(), static_cast<std::size_t>(count)));
      } else {
        at_end = true;
        client_->Send(net::SsmPayload::kOutput, kEndOfInput);
      }
    }
  }

  const std::unique_ptr<net::SsmClient> client_;
  ExitMarks* const marks_;
  const Terminal terminal_;
  const std::stop_token stop_;
  std::atomic<bool> ready_ = false;  // the agent takes the terminal's size
  std::atomic<bool> begun_ = false;
  // Of Run's thread.
  std::optional<int> exit_code_;
  std::optional<RawTerminal> raw_;
};

std::string Trimmed(std::string text) {
  text.erase(text.find_last_not_of(" \r\n") + 1);
  return text;
}

// Whether the agent says that it could not start the command, because the image has no `sh`: nothing was run. A session
// that ends in another way without the first mark may have run it.
bool HasNotStarted(const std::string& closing) {
  const auto has = [&](std::string_view words) { return closing.find(words) != std::string::npos; };
  return has("Unable to start") || has("executable file not found") || has("no such file or directory");
}

}  // namespace

int RunInContainer(const OpenExec& open, const std::vector<std::string>& command, Random& random,
                   const Terminal& terminal, std::stop_token stop) {
  ExitMarks marks(random.Hex(kWordDigits));
  Outcome outcome = ExecSession(open(Quote(marks.Wrap(command))), &marks, terminal, stop).Run();
  const bool shell = outcome.begun || !outcome.closing || !HasNotStarted(*outcome.closing);
  if (!shell && !stop.stop_requested()) outcome = ExecSession(open(Quote(command)), nullptr, terminal, stop).Run();

  const std::string words = Trimmed(outcome.closing.value_or(""));
  if (outcome.exit_code) {
    if (!words.empty()) WriteAll(terminal.err, words + "\n");
    return *outcome.exit_code;
  }
  if (stop.stop_requested()) return kInterrupted;
  if (!outcome.closing) {
    throw Error("the session was cut off", "adhoc status shows whether the container still runs");
  }
  if (!words.empty()) throw Error("the session ended: " + words);
  if (!shell) {
    throw Error("the command has ended, its exit code is not known: ECS Exec does not tell it, and the image has no sh",
                "adhoc run, whose exit codes ECS tells, or an image with sh");
  }
  throw Error("the session was ended before the command told its exit code",
              "adhoc status shows whether the container still runs");
}

}  // namespace adhoc::cli
