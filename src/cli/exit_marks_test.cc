#include "cli/exit_marks.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "base/process.h"

namespace adhoc::cli {
namespace {

constexpr const char* kWord = "0123abcd";

std::string Mark(const std::string& text) { return fmt::format("\033]adhoc;{};{}\a", kWord, text); }

TEST(ExitMarksTest, AreTakenOutOfTheOutputHoweverItIsCut) {
  // Colours, another OSC, half a mark, and bytes that are no text.
  const std::string body = std::string("\033[31mred\033[0m \033]0;title\a \033]adhoc;") + "\033\033" +
                           std::string("\0\xff\x1b", 3) + "end\r\n";
  const std::string sent = "early " + Mark("begin") + body + Mark("137") + "late";
  for (std::size_t piece = 1; piece <= sent.size(); ++piece) {
    ExitMarks marks(kWord);
    std::string shown;
    for (std::size_t i = 0; i < sent.size(); i += piece) shown += marks.Take(std::string_view(sent).substr(i, piece));
    shown += marks.Rest();
    ASSERT_EQ(shown, "early " + body + "late") << piece;
    ASSERT_TRUE(marks.begun());
    ASSERT_EQ(marks.exit_code(), 137) << piece;
  }
}

TEST(ExitMarksTest, NothingIsShownBeforeTheFirst) {
  ExitMarks marks(kWord);
  EXPECT_EQ(marks.Take("exec: sh: not found"), "");
  EXPECT_FALSE(marks.begun());
  EXPECT_EQ(marks.Take(Mark("begin")), "exec: sh: not found");
  EXPECT_TRUE(marks.begun());
}

TEST(ExitMarksTest, OnlyWhatMayBecomeAMarkWaits) {
  ExitMarks marks(kWord);
  marks.Take(Mark("begin"));
  EXPECT_EQ(marks.Take("> "), "> ") << "a prompt is there at once";
  EXPECT_EQ(marks.Take("\033[2"), "\033[2");
  EXPECT_EQ(marks.Take("x\033]adhoc;012"), "x");
  EXPECT_EQ(marks.Take("4;1\a"), "\033]adhoc;0124;1\a") << "somebody else's";
  EXPECT_EQ(marks.Take("\033]adhoc;0123abcd;123456"), "\033]adhoc;0123abcd;123456") << "too long";
  EXPECT_EQ(marks.exit_code(), std::nullopt);
  EXPECT_EQ(marks.Take("\033"), "");
  EXPECT_EQ(marks.Rest(), "\033");
}

// What the shell around a command does, in a terminal.
struct InTerminal {
  std::string shown;
  std::optional<int> exit_code;
  int status = 0;  // of the shell
};
InTerminal RunInTerminal(const std::vector<std::string>& command, const std::string& keys_when_ready = "") {
  ExitMarks marks(kWord);
  const std::vector<std::string> wrapped = marks.Wrap(command);
  std::vector<char*> argv;
  for (const auto& word : wrapped) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  int terminal = -1;
  const pid_t child = forkpty(&terminal, nullptr, nullptr, nullptr);
  if (child == 0) {
    execvp(argv[0], argv.data());
    _exit(127);
  }
  InTerminal result;
  std::string keys = keys_when_ready;
  std::array<char, 64> buffer{};
  while (true) {
    const ssize_t count = read(terminal, buffer.data(), buffer.size());
    if (count <= 0) break;
    result.shown += marks.Take({buffer.data(), static_cast<std::size_t>(count)});
    if (!keys.empty() && result.shown.find("ready") != std::string::npos) {
      EXPECT_EQ(write(terminal, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
      keys.clear();
    }
  }
  result.shown += marks.Rest();
  close(terminal);
  int status = 0;
  waitpid(child, &status, 0);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  result.exit_code = marks.exit_code();
  return result;
}

TEST(ExitMarksTest, TheShellTellsTheCommandsExitCode) {
  const InTerminal three = RunInTerminal({"sh", "-c", "echo \"$1\"; exit 3", "x", "it's $HOME # \\ \"all\""});
  EXPECT_EQ(three.shown, "it's $HOME # \\ \"all\"\r\n");
  EXPECT_EQ(three.exit_code, 3);
  EXPECT_EQ(three.status, 3) << "an agent that tells exit codes tells the same";
  EXPECT_EQ(RunInTerminal({"true"}).exit_code, 0);
  EXPECT_EQ(RunInTerminal({"sh", "-c", "kill -9 $$"}).exit_code, 137);
}

TEST(ExitMarksTest, TheShellRunsProgramsOnly) {
  const InTerminal none = RunInTerminal({"no-such-program"});
  EXPECT_EQ(none.exit_code, 127);
  EXPECT_NE(none.shown.find("no-such-program: not found"), std::string::npos) << none.shown;
  EXPECT_EQ(none.shown.find(kWord), std::string::npos) << none.shown;
  EXPECT_EQ(RunInTerminal({"/etc/passwd"}).exit_code, 126);
  EXPECT_EQ(RunInTerminal({"exit", "3"}).exit_code, 127) << "as without a shell";
}

TEST(ExitMarksTest, CtrlCIsForTheCommand) {
  const InTerminal killed = RunInTerminal({"sh", "-c", "echo ready; exec sleep 60"}, "\x03");
  EXPECT_EQ(killed.exit_code, 130);
  const InTerminal handled =
      RunInTerminal({"sh", "-c", "trap 'echo caught' INT; echo ready; read line; echo on; exit 7"}, "\x03\r");
  EXPECT_NE(handled.shown.find("caught"), std::string::npos) << handled.shown;
  EXPECT_EQ(handled.exit_code, 7);
}

TEST(ExitMarksTest, WithoutATerminalToWriteToNothingIsRun) {
  std::vector<std::string> wrapped = ExitMarks(kWord).Wrap({"touch", "/nonexistent/ran"});
  wrapped[2] = "exec >&-; " + wrapped[2];
  EXPECT_EQ(RunProcess(wrapped).err.find("touch"), std::string::npos);
}

TEST(QuoteTest, IsReadBackByAShellAsItWas) {
  const std::vector<std::string> words = {"printf",           "%s|", "plain", "two words", "it's",
                                          "$HOME \"x\" \\ #", "",    "a\nb"};
  EXPECT_EQ(RunProcess({"sh", "-c", Quote(words)}).out, "plain|two words|it's|$HOME \"x\" \\ #||a\nb|");
}

}  // namespace
}  // namespace adhoc::cli
