// How `adhoc exec` learns a command's exit code, which ECS Exec does not tell: a shell runs the command and writes two
// marks into its terminal, one before the command and one after it with the code. They are control sequences that
// terminals ignore, with a random word in them, and are taken out of what is shown
// (docs/decisions/0032-the-exit-code-comes-through-the-terminal.md). Not thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace adhoc::cli {

// A command line that is split into these words again, as a POSIX shell and ECS's agent split it.
std::string Quote(const std::vector<std::string>& command);

class ExitMarks {
 public:
  // `word`: letters and digits that no output has by chance.
  explicit ExitMarks(const std::string& word);

  // The command, run by a shell that writes the marks.
  std::vector<std::string> Wrap(const std::vector<std::string>& command) const;

  // Takes the next piece of the output, cut anywhere, and returns what is to be shown. Nothing is shown before the
  // first mark. Afterwards what may be the beginning of a mark waits for the next piece; it begins with an escape, so
  // nobody misses it.
  std::string Take(std::string_view output);
  // What still waits, when there is no more output.
  std::string Rest();

  // Whether the first mark has come: the shell is there, and takes input.
  bool begun() const { return begun_; }
  std::optional<int> exit_code() const { return exit_code_; }

 private:
  const std::string script_;
  const std::string head_;
  std::string waiting_;
  bool begun_ = false;
  std::optional<int> exit_code_;
};

}  // namespace adhoc::cli
