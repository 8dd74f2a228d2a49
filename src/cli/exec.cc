// adhoc exec: a command, or a shell, in a running container (ECS Exec), without AWS's session-manager-plugin.
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <thread>

#include "base/error.h"
#include "cli/agent.h"
#include "cli/exit_codes.h"
#include "cli/shell.h"
#include "env/names.h"
#include "net/ssm_client.h"

namespace adhoc::cli {
namespace {

constexpr const char* kHelp =
    R"(Run a command in a running container, with this terminal. Its exit code is this command's.

  adhoc exec alpha gunicorn -- bash
  adhoc exec alpha gunicorn -- python3 manage.py shell)";

constexpr int kTickMs = 100;

struct Arguments {
  Subject subject;
  std::string service;
  std::vector<std::string> command;
};

// The terminal passes every key on, also Ctrl-C, while this lives. Without a terminal it changes nothing.
class RawTerminal {
 public:
  RawTerminal() : active_(isatty(STDIN_FILENO) != 0 && tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!active_) return;
    termios raw = before_;
    cfmakeraw(&raw);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
  ~RawTerminal() {
    if (active_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  bool active() const { return active_; }

 private:
  termios before_{};
  const bool active_;
};

// As a POSIX shell would have to read it back.
std::string Quote(const std::vector<std::string>& command) {
  std::string text;
  for (const auto& word : command) {
    if (!text.empty()) text += ' ';
    text += '\'';
    for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    text += '\'';
  }
  return text;
}

std::string TerminalSize() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return "";
  return Json{{"cols", size.ws_col}, {"rows", size.ws_row}}.dump();
}

void WriteAll(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t count = write(fd, data.data(), data.size());
    if (count <= 0) return;
    data.remove_prefix(static_cast<std::size_t>(count));
  }
}

// A terminal at the other end of a session.
class ExecSession : private net::SsmClient::Handler {
 public:
  ExecSession(std::unique_ptr<net::SsmClient> client, std::stop_token stop) : client_(std::move(client)), stop_(stop) {}

  // Until the session is closed.
  int Run() {
    const RawTerminal terminal;
    const std::stop_callback on_stop(stop_, [this] { client_->Terminate(); });
    std::jthread input([this](std::stop_token ending) { SendInput(ending); });
    const auto closing = client_->Run(*this);
    if (!closing && !exit_code_ && !stop_.stop_requested()) {
      throw Error("the session was cut off", "adhoc status shows whether the container still runs");
    }
    return exit_code_.value_or(kOk);
  }

 private:
  void OnReady(const net::SsmClient::Session&) override { ready_ = true; }

  void OnData(net::SsmPayload type, const std::string& payload) override {
    if (type == net::SsmPayload::kOutput) WriteAll(STDOUT_FILENO, payload);
    if (type == net::SsmPayload::kError || type == net::SsmPayload::kStderr) WriteAll(STDERR_FILENO, payload);
    if (type == net::SsmPayload::kExitCode) exit_code_ = std::atoi(payload.c_str());
  }

  void SendInput(std::stop_token ending) {
    std::string size;
    bool at_end = false;
    while (!ending.stop_requested()) {
      if (ready_) {
        if (const std::string now = TerminalSize(); now != size) {
          size = now;
          client_->Send(net::SsmPayload::kSize, size);
        }
      }
      pollfd fd{.fd = at_end || !ready_ ? -1 : STDIN_FILENO, .events = POLLIN, .revents = 0};
      if (poll(&fd, 1, kTickMs) <= 0) continue;
      std::array<char, 1024> buffer{};
      const ssize_t count = read(STDIN_FILENO, buffer.data(), buffer.size());
      if (count > 0) {
        client_->SendBulk(net::SsmPayload::kOutput, std::string_view(buffer.data(), static_cast<std::size_t>(count)));
      } else {
        at_end = true;
        client_->Send(net::SsmPayload::kOutput, "\x04");  // what a terminal says at the end of its input
      }
    }
  }

  const std::unique_ptr<net::SsmClient> client_;
  const std::stop_token stop_;
  std::atomic<bool> ready_ = false;
  std::optional<int> exit_code_;
};

int Exec(Shell& shell, const Arguments& arguments) {
  Session session(shell.globals, arguments.subject, Session::Variables::kIfAny);
  const auto& config = session.config();
  session.EndView();
  auto& context = session.context();
  const Json task = RunningTask(context, arguments.service);
  const Json started = context.Call("ecs", "ExecuteCommand",
                                    {{"cluster", env::ClusterName(config.environment)},
                                     {"task", task["taskArn"]},
                                     {"container", arguments.service},
                                     {"interactive", true},
                                     {"command", Quote(arguments.command)}});
  const Json& stream = started["session"];
  return ExecSession(OpenSession(context, stream["sessionId"], stream["streamUrl"], stream["tokenValue"]),
                     shell.globals.stop)
      .Run();
}

}  // namespace

void AddExec(CLI::App& app, Shell& shell) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("exec", kHelp);
  command->add_option("environment", arguments->subject.environment, "The environment's name")->required();
  command->add_option("service", arguments->service, "The service")->required();
  command->add_option("command", arguments->command, "The command, after --")->required();
  command->callback([&shell, arguments] {
    WithoutSeparator(arguments->command);
    shell.action = [&shell, arguments] { return Exec(shell, *arguments); };
  });
}

}  // namespace adhoc::cli
