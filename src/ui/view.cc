#include "ui/view.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <mutex>

#include "ui/live_view.h"

namespace adhoc::ui {
namespace {

class PlainView final : public events::Sink {
 public:
  explicit PlainView(std::FILE* out) : out_(out), colour_(UseColour(fileno(out))) {}

  void Emit(const events::Event& event) override {
    const std::string line = DescribeEvent(event, colour_);
    if (line.empty()) return;
    const std::lock_guard lock(mutex_);
    fmt::print(out_, "{}\n", line);
    std::fflush(out_);
  }

 private:
  std::mutex mutex_;
  std::FILE* const out_;
  const bool colour_;
};

class JsonView final : public events::Sink {
 public:
  explicit JsonView(std::FILE* out) : out_(out) {}

  void Emit(const events::Event& event) override {
    Json json = events::ToJson(event);
    // When it happened; a line of a log knows when it was written.
    json.emplace("time", std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count());
    const std::string line = json.dump(-1, ' ', false, Json::error_handler_t::replace);
    const std::lock_guard lock(mutex_);
    fmt::print(out_, "{}\n", line);
    std::fflush(out_);
  }

 private:
  std::mutex mutex_;
  std::FILE* const out_;
};

int Width(std::string_view text) {
  int width = 0;
  for (const char c : text) width += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return width;
}

struct Describe {
  bool colour;

  std::string operator()(const events::RunStarted&) const { return ""; }
  std::string operator()(const events::StepStarted&) const { return ""; }
  std::string operator()(const events::StepProgress& e) const {
    return Styled(fmt::format("  … {}: {}", e.step, e.message), Style::kDim, colour);
  }
  std::string operator()(const events::StepFinished& e) const {
    std::string text = fmt::format("  {} {} {}", Styled("✓", Style::kGreen, colour), PastTense(e.action), e.step);
    if (!e.result.empty()) text += fmt::format(" ({})", e.result);
    return text + Styled(fmt::format("  {:.1f} s", e.seconds), Style::kDim, colour);
  }
  std::string operator()(const events::StepFailed& e) const {
    std::string text = fmt::format("  {} {} {}: {}", Styled("✗", Style::kRed, colour), e.action, e.step, e.error);
    if (!e.hint.empty()) text += fmt::format("\n    {} {}", Styled("try:", Style::kBold, colour), e.hint);
    return text;
  }
  std::string operator()(const events::StepSkipped& e) const {
    return Styled(fmt::format("  - skipped {} because of {}", e.step, e.because), Style::kDim, colour);
  }
  std::string operator()(const events::LogLine& e) const {
    return fmt::format("  {} {}", Styled(e.source + " |", Style::kCyan, colour), e.text);
  }
  std::string operator()(const events::Notice& e) const {
    std::string text = e.text;
    if (e.level == events::Notice::Level::kWarning) text = Styled("warning: ", Style::kYellow, colour) + text;
    if (e.level == events::Notice::Level::kError) text = Styled("error: ", Style::kRed, colour) + text;
    if (!e.hint.empty()) text += fmt::format("\n  {} {}", Styled("try:", Style::kBold, colour), e.hint);
    return text;
  }
};

}  // namespace

std::string DescribeEvent(const events::Event& event, bool colour) { return std::visit(Describe{colour}, event); }

std::string DescribeRunning(std::string_view what, double seconds, double expected_seconds, std::string_view message,
                            double message_seconds) {
  std::string text = fmt::format("{}  {}", what, Ago(seconds));
  // What takes but a moment needs no forecast.
  if (expected_seconds >= 1) text += " of about " + Ago(expected_seconds);
  if (!message.empty()) text += fmt::format("  {}", message);
  if (!message.empty() && message_seconds >= 1 && message_seconds < seconds - 1) text += " for " + Ago(message_seconds);
  return text;
}

std::string PastTense(std::string_view action) {
  if (action == "run") return "ran";
  return fmt::format("{}{}", action, action.ends_with('e') ? "d" : "ed");
}

Format DefaultFormat(int fd) {
  const char* term = std::getenv("TERM");
  const bool able = term != nullptr && std::string_view(term) != "dumb";
  return isatty(fd) != 0 && able ? Format::kLive : Format::kPlain;
}

bool UseColour(int fd) {
  // https://no-color.org
  const char* no_colour = std::getenv("NO_COLOR");
  return isatty(fd) != 0 && (no_colour == nullptr || *no_colour == '\0');
}

std::unique_ptr<events::Sink> MakeView(Format format, std::FILE* out) {
  switch (format) {
    case Format::kLive:
      return MakeLiveView(out);
    case Format::kJson:
      return std::make_unique<JsonView>(out);
    case Format::kPlain:
      break;
  }
  return std::make_unique<PlainView>(out);
}

std::string Table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<int> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(static_cast<std::size_t>(widths[i] - Width(row[i]) + 3), ' ');
    }
    text += line + "\n";
  }
  return text;
}

std::string Ago(double seconds) {
  const auto total = static_cast<long>(std::max(0.0, seconds));
  const long minutes = total / 60;
  const long hours = minutes / 60;
  const long days = hours / 24;
  if (days > 0)
    return hours % 24 == 0 || days > 6 ? fmt::format("{} d", days) : fmt::format("{} d {} h", days, hours % 24);
  if (hours > 0)
    return minutes % 60 == 0 ? fmt::format("{} h", hours) : fmt::format("{} h {} min", hours, minutes % 60);
  if (minutes > 0)
    return total % 60 == 0 ? fmt::format("{} min", minutes) : fmt::format("{} min {} s", minutes, total % 60);
  return fmt::format("{} s", total);
}

std::string Styled(std::string_view text, Style style, bool colour) {
  if (!colour) return std::string(text);
  static constexpr const char* kCodes[] = {"1", "2", "31", "32", "33", "34", "36"};
  return fmt::format("\x1b[{}m{}\x1b[0m", kCodes[static_cast<int>(style)], text);
}

}  // namespace adhoc::ui
