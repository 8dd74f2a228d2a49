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
#include "base/random.h"
#include "cli/exit_codes.h"
#include "cli/shell.h"
#include "env/names.h"
#include "net/http_server.h"
#include "net/ssm_channel.h"
#include "net/ssm_frame.h"

namespace adhoc::cli {
namespace {

constexpr const char* kHelp = R"(Run a command in a running container, with this terminal. Its exit code is this command's.

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

// The client's side of the Session Manager protocol.
class ExecSession {
 public:
  ExecSession(std::unique_ptr<net::WebSocket> socket, const std::string& token, std::stop_token stop)
      : socket_(std::move(socket)),
        stop_(stop),
        channel_(net::kSsmInput, RealClock(), SystemRandom(),
                 [this](const std::string& bytes) { return socket_->Write({.binary = true, .data = bytes}); }) {
    const Json open = {{"MessageSchemaVersion", "1.0"},
                       {"RequestId", SystemRandom().Uuid()},
                       {"TokenValue", token},
                       {"ClientId", SystemRandom().Uuid()},
                       {"ClientVersion", "1.2.0.0"}};
    socket_->Write({.binary = false, .data = open.dump()});
  }

  // Until the session is closed.
  int Run() {
    const RawTerminal terminal;
    std::jthread input([this](std::stop_token ending) { SendInput(ending); });
    while (const auto message = socket_->Read()) {
      if (!message->binary) continue;
      for (const net::SsmFrame& frame : channel_.Receive(message->data)) {
        if (frame.type == net::kSsmChannelClosed) {
          closed_ = true;
        } else {
          Handle(frame);
        }
      }
      if (closed_) break;
    }
    over_ = true;
    socket_->Close();
    if (!closed_ && !exit_code_) throw Error("the session was cut off", "adhoc status shows whether the container still runs");
    return exit_code_.value_or(kOk);
  }

 private:
  void Handle(const net::SsmFrame& frame) {
    switch (frame.payload_type) {
      case net::SsmPayload::kHandshakeRequest:
        Answer(frame.payload);
        break;
      case net::SsmPayload::kOutput:
        ready_ = true;  // old agents begin without a handshake
        WriteAll(STDOUT_FILENO, frame.payload);
        break;
      case net::SsmPayload::kHandshakeComplete:
        ready_ = true;
        break;
      case net::SsmPayload::kError:
      case net::SsmPayload::kStderr:
        WriteAll(STDERR_FILENO, frame.payload);
        break;
      case net::SsmPayload::kExitCode:
        exit_code_ = std::atoi(frame.payload.c_str());
        break;
      default:
        break;
    }
  }

  void Answer(const std::string& request) {
    Json actions = Json::array();
    const Json parsed = Json::parse(request, nullptr, false);
    if (parsed.is_object()) {
      for (const Json& action : parsed.value("RequestedClientActions", Json::array())) {
        const bool known = action.value("ActionType", "") == "SessionType";
        actions.push_back({{"ActionType", action.value("ActionType", "")},
                           {"ActionStatus", known ? 1 : 3},
                           {"ActionResult", nullptr},
                           {"Error", known ? "" : "unsupported"}});
      }
    }
    channel_.Send(net::SsmPayload::kHandshakeResponse,
                  Json{{"ClientVersion", "1.2.0.0"}, {"ProcessedClientActions", actions}, {"Errors", Json::array()}}.dump());
  }

  void SendInput(std::stop_token ending) {
    std::string size;
    bool at_end = false;
    while (!ending.stop_requested() && !over_) {
      channel_.Resend();
      if (ready_) {
        if (const std::string now = TerminalSize(); now != size) {
          size = now;
          channel_.Send(net::SsmPayload::kSize, size);
        }
      }
      if (stop_.stop_requested()) {
        channel_.Send(net::SsmPayload::kFlag, net::EncodeSsmFlag(net::kSsmTerminateSession));
        socket_->Close();
        return;
      }
      pollfd fd{.fd = at_end || !ready_ ? -1 : STDIN_FILENO, .events = POLLIN, .revents = 0};
      if (poll(&fd, 1, kTickMs) <= 0) continue;
      std::array<char, 1024> buffer{};
      const ssize_t count = read(STDIN_FILENO, buffer.data(), buffer.size());
      if (count > 0) {
        channel_.Send(net::SsmPayload::kOutput, std::string_view(buffer.data(), static_cast<std::size_t>(count)));
      } else {
        at_end = true;
        channel_.Send(net::SsmPayload::kOutput, "\x04");  // what a terminal says at the end of its input
      }
    }
  }

  const std::unique_ptr<net::WebSocket> socket_;
  const std::stop_token stop_;
  net::SsmChannel channel_;
  std::atomic<bool> ready_ = false;
  std::atomic<bool> over_ = false;
  bool closed_ = false;
  std::optional<int> exit_code_;
};

int Exec(Shell& shell, const Arguments& arguments) {
  Session session(shell.globals, arguments.subject, Session::Variables::kIfAny);
  const auto& config = session.config();
  session.EndView();
  auto& context = session.context();
  const std::string cluster = env::ClusterName(config.environment);
  const auto listed = context.CallUnless({"ClusterNotFoundException", "ServiceNotFoundException"}, "ecs", "ListTasks",
                                         {{"cluster", cluster}, {"serviceName", env::ServiceName(config.environment, arguments.service)}});
  if (!listed || listed->value("taskArns", Json::array()).empty()) {
    throw Error(fmt::format("no task of {} runs in {}", arguments.service, config.environment),
                fmt::format("adhoc status {}", config.environment));
  }
  // The newest running one.
  Json task;
  const Json described = context.Call("ecs", "DescribeTasks", {{"cluster", cluster}, {"tasks", listed->at("taskArns")}});
  for (const Json& candidate : described["tasks"]) {
    if (candidate.value("lastStatus", "") != "RUNNING") continue;
    if (task.is_null() || candidate.value("startedAt", 0.0) > task.value("startedAt", 0.0)) task = candidate;
  }
  if (task.is_null()) {
    throw Error(fmt::format("{} has no running task yet", arguments.service), fmt::format("adhoc status {}", config.environment));
  }
  const Json started = context.Call("ecs", "ExecuteCommand",
                                    {{"cluster", cluster},
                                     {"task", task["taskArn"]},
                                     {"container", arguments.service},
                                     {"interactive", true},
                                     {"command", Quote(arguments.command)}});
  const Json& stream = started["session"];
  return ExecSession(net::ConnectWebSocket(stream["streamUrl"]), stream["tokenValue"], shell.globals.stop).Run();
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
