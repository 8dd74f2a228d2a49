#include "localcloud/session/ssm_server.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>

#include "localcloud/runtime/runtime.h"
#include "localcloud/scheduler/documents.h"
#include "net/ssm_channel.h"

namespace adhoc::localcloud {
namespace {

using namespace std::chrono_literals;
using net::SsmPayload;

constexpr auto kTick = 100ms;
constexpr int kFlushTicks = 20;  // how long the last words may take to be acknowledged

struct Session {
  std::string container;
  std::string command;
};

// Marks the session as used. Nothing when it is unknown, used, or the token is wrong.
std::optional<Session> OpenSession(Cloud& cloud, const std::string& id, const std::string& token) {
  auto txn = cloud.store.Begin();
  const Json* found = txn->Find(ecs::kExecSessions, id);
  if (found == nullptr || token.empty() || found->value("token", "") != token) return std::nullopt;
  const Session session{found->value("runtime", ""), found->value("command", "")};
  txn->Erase(ecs::kExecSessions, id);
  txn->Commit();
  return session;
}

std::string HandshakeRequest() {
  return Json{
      {"AgentVersion", "3.2.0.0"},
      {"RequestedClientActions",
       Json::array({{{"ActionType", "SessionType"},
                     {"ActionParameters", {{"SessionType", "Standard_Stream"}, {"Properties", Json::object()}}}}})}}
      .dump();
}

class ExecServer {
 public:
  ExecServer(Cloud& cloud, std::string id, Session session, net::WebSocket& socket)
      : cloud_(cloud),
        id_(std::move(id)),
        session_(std::move(session)),
        socket_(socket),
        channel_(net::kSsmOutput, cloud.clock, cloud.random,
                 [&socket](const std::string& bytes) { return socket.Write({.binary = true, .data = bytes}); }) {}

  void Run() {
    started_at_ = cloud_.clock.Now();
    channel_.Send(SsmPayload::kHandshakeRequest, HandshakeRequest());
    std::jthread resender([this](std::stop_token stop) {
      while (cloud_.clock.SleepFor(kTick, stop)) {
        if (channel_.Resend()) continue;
        socket_.Close();
        return;
      }
    });
    while (const auto message = socket_.Read()) {
      if (!message->binary) continue;
      bool go_on = true;
      for (const auto& frame : channel_.Receive(message->data)) go_on = Handle(frame) && go_on;
      if (!go_on) break;
    }
    // The client is gone, or wants to be: the terminal hangs up.
    if (exec_) exec_->Close();
    if (output_.joinable()) output_.join();
  }

 private:
  bool Handle(const net::SsmFrame& frame) {
    switch (frame.payload_type) {
      case SsmPayload::kHandshakeResponse: {
        const auto elapsed = std::chrono::duration_cast<std::chrono::nanoseconds>(cloud_.clock.Now() - started_at_);
        channel_.Send(SsmPayload::kHandshakeComplete,
                      Json{{"HandshakeTimeToComplete", elapsed.count()}, {"CustomerMessage", ""}}.dump());
        if (!output_.joinable()) Start();
        return true;
      }
      case SsmPayload::kOutput:
        if (exec_) exec_->Write(frame.payload);
        return true;
      case SsmPayload::kSize: {
        const Json size = Json::parse(frame.payload, nullptr, false);
        if (!size.is_object()) return true;
        columns_ = size.value("cols", 0);
        rows_ = size.value("rows", 0);
        if (exec_ && columns_ > 0 && rows_ > 0) Resize();
        return true;
      }
      case SsmPayload::kFlag:
        return net::DecodeSsmFlag(frame.payload) != net::kSsmTerminateSession;
      default:
        return true;
    }
  }

  void Resize() {
    try {
      exec_->Resize(columns_, rows_);
    } catch (const Error& error) {
      spdlog::debug("exec session {}: cannot resize: {}", id_, error.what());
    }
  }

  void Start() {
    ExecSpec spec;
    spec.tty = true;
    spec.user = "0";  // as ECS Exec does, whatever the image's user is
    spec.environment = {{"TERM", "xterm-256color"}};
    spec.columns = columns_;
    spec.rows = rows_;
    try {
      spec.argv = SplitCommand(session_.command);
      exec_ = cloud_.runtime.Exec(session_.container, spec);
    } catch (const Error& error) {
      channel_.Send(SsmPayload::kOutput, fmt::format("{}\r\n", error.what()));
      // On another thread than the one that takes the acknowledgements.
      output_ = std::jthread([this] { Finish(127); });
      return;
    }
    output_ = std::jthread([this] {
      while (const auto output = exec_->Read()) {
        if (!channel_.Send(SsmPayload::kOutput, output->data)) break;
      }
      Finish(exec_->ExitCode());
    });
  }

  // Sends how it ended, and ends the reading of the socket.
  void Finish(std::optional<int> exit_code) {
    if (exit_code) channel_.Send(SsmPayload::kExitCode, std::to_string(*exit_code));
    for (int i = 0; i < kFlushTicks && !channel_.idle(); ++i) cloud_.clock.SleepFor(kTick / 10);
    for (int i = 0; i < kFlushTicks && !channel_.idle(); ++i) cloud_.clock.SleepFor(kTick);
    channel_.SendClosed(id_, exit_code.value_or(0) == 0 ? "" : fmt::format("exit status {}", *exit_code));
    socket_.Close();
  }

  Cloud& cloud_;
  const std::string id_;
  const Session session_;
  net::WebSocket& socket_;
  net::SsmChannel channel_;
  TimePoint started_at_;
  int columns_ = 0;
  int rows_ = 0;
  std::unique_ptr<ExecSession> exec_;  // made by the reading thread before `output_` begins
  std::jthread output_;
};

}  // namespace

void ServeExecSession(Cloud& cloud, const std::string& session_id, net::WebSocket& socket) {
  const auto opening = socket.Read();
  if (!opening) return;
  const Json request = Json::parse(opening->data, nullptr, false);
  const std::string token = request.is_object() ? request.value("TokenValue", "") : "";
  auto session = OpenSession(cloud, session_id, token);
  if (!session) {
    spdlog::info("refused the exec session {}: unknown, used before, or a wrong token", session_id);
    socket.Close();
    return;
  }
  ExecServer(cloud, session_id, std::move(*session), socket).Run();
}

std::string ExecSessionId(std::string_view path) {
  constexpr std::string_view kPrefix = "/v1/data-channel/";
  if (!path.starts_with(kPrefix)) return "";
  return std::string(path.substr(kPrefix.size()));
}

std::vector<std::string> SplitCommand(std::string_view command) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else if (c == '\\' && quote == '"' && i + 1 < command.size() &&
                 std::string_view("\"\\$`").find(command[i + 1]) != std::string_view::npos) {
        word += command[++i];
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (c == '\\' && i + 1 < command.size()) {
      word += command[++i];
      in_word = true;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      if (in_word) words.push_back(std::move(word));
      word.clear();
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (quote != 0) throw Error("cannot run the command: a quote is not closed");
  if (in_word) words.push_back(std::move(word));
  if (words.empty()) throw Error("cannot run the command: it is empty");
  return words;
}

}  // namespace adhoc::localcloud
