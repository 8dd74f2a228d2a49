#include "cli/exit_marks.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace adhoc::cli {
namespace {

// A mark is an operating system command (OSC) that no terminal knows: ESC ] adhoc;word;text BEL.
constexpr char kEscape = '\033';
constexpr char kEnd = '\a';
constexpr std::string_view kBegin = "begin";
constexpr std::size_t kLongestText = 5;

// - Where the first mark cannot be written nothing is run.
// - Ctrl-C and Ctrl-\ are for the command: the shell is in the same process group and must not die of them. What is
//   trapped, other than what is ignored, is not inherited.
// - `exec` in a subshell finds programs only, as without a shell, never the shell's own commands.
constexpr const char* kScript =
    R"(printf '\033]adhoc;{0};begin\007' || exit; trap : INT QUIT; (exec "$@"); s=$?; printf '\033]adhoc;{0};%d\007' $s; exit $s)";

}  // namespace

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

ExitMarks::ExitMarks(const std::string& word)
    : script_(fmt::format(kScript, word)), head_(fmt::format("\033]adhoc;{};", word)) {}

std::vector<std::string> ExitMarks::Wrap(const std::vector<std::string>& command) const {
  std::vector<std::string> wrapped = {"sh", "-c", script_, "adhoc"};  // which the shell's own messages begin with
  wrapped.insert(wrapped.end(), command.begin(), command.end());
  return wrapped;
}

std::string ExitMarks::Take(std::string_view output) {
  waiting_ += output;
  std::string shown;
  std::size_t from = 0;  // of what is neither shown nor known to be a mark
  while (true) {
    const std::size_t escape = std::min(waiting_.find(kEscape, from), waiting_.size());
    shown.append(waiting_, from, escape - from);
    from = escape;
    const std::string_view rest = std::string_view(waiting_).substr(from);
    if (rest.empty()) break;
    if (rest.size() <= head_.size() && std::string_view(head_).starts_with(rest)) break;
    if (rest.starts_with(head_)) {
      const std::string_view text = rest.substr(head_.size());
      const std::size_t length = text.find(kEnd);
      if (length == std::string_view::npos && text.size() <= kLongestText) break;
      if (length <= kLongestText) {
        int code = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + length, code);
        if (error == std::errc() && end == text.data() + length) exit_code_ = code;
        if (text.substr(0, length) == kBegin) begun_ = true;
        from += head_.size() + length + 1;
        continue;
      }
    }
    shown += waiting_[from++];
  }
  if (!begun_) return "";
  waiting_.erase(0, from);
  return shown;
}

std::string ExitMarks::Rest() { return std::exchange(waiting_, ""); }

}  // namespace adhoc::cli
