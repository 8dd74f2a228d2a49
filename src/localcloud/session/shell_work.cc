#include "localcloud/session/shell_work.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

namespace adhoc::localcloud {

using net::SsmPayload;

ShellWork::ShellWork(Cloud& cloud, std::string container, std::string command)
    : cloud_(cloud), container_(std::move(container)), command_(std::move(command)) {}

void ShellWork::Start(AgentSession& session, const std::string&) {
  ExecSpec spec;
  spec.tty = true;
  spec.user = "0";  // as ECS Exec does, whatever the image's user is
  spec.environment = {{"TERM", "xterm-256color"}};
  spec.columns = columns_;
  spec.rows = rows_;
  try {
    spec.argv = SplitCommand(command_);
    exec_ = cloud_.runtime.Exec(container_, spec);
    running_ = exec_.get();
  } catch (const Error& error) {
    // On another thread than the one that takes the acknowledgements.
    output_ = std::jthread(
        [&session, words = fmt::format("Unable to start command: {}", error.what())] { session.Finish(words); });
    return;
  }
  output_ = std::jthread([this, &session] {
    while (const auto output = exec_->Read()) {
      if (!session.SendBulk(SsmPayload::kOutput, output->data)) break;
    }
    session.Finish("");
  });
}

void ShellWork::OnData(SsmPayload type, const std::string& payload) {
  if (type == SsmPayload::kOutput && exec_) exec_->Write(payload);
  if (type != SsmPayload::kSize) return;
  const Json size = Json::parse(payload, nullptr, false);
  if (!size.is_object()) return;
  columns_ = size.value("cols", 0);
  rows_ = size.value("rows", 0);
  if (exec_ && columns_ > 0 && rows_ > 0) Resize();
}

void ShellWork::Resize() {
  try {
    exec_->Resize(columns_, rows_);
  } catch (const Error& error) {
    spdlog::debug("cannot resize the terminal in {}: {}", container_, error.what());
  }
}

void ShellWork::Interrupt() {
  if (ExecSession* running = running_) running->Close();  // the terminal hangs up
}

void ShellWork::End() {
  Interrupt();
  if (output_.joinable()) output_.join();
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
