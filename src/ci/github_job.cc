#include "ci/github_job.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>

#include "base/random.h"

namespace adhoc::ci {
namespace {

std::string Escape(std::string_view text, bool property) {
  std::string escaped;
  for (const char c : text) {
    const bool special = c == '%' || c == '\r' || c == '\n' || (property && (c == ':' || c == ','));
    if (special) {
      escaped += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      escaped += c;
    }
  }
  return escaped;
}

void AppendTo(const char* variable, std::string_view text) {
  const char* path = std::getenv(variable);
  if (path == nullptr || *path == '\0') return;
  std::ofstream(path, std::ios::app) << text;
}

class Annotating final : public events::Sink {
 public:
  Annotating(std::unique_ptr<events::Sink> view, std::FILE* out) : view_(std::move(view)), out_(out) {}

  void Emit(const events::Event& event) override {
    view_->Emit(event);
    if (const auto* failed = std::get_if<events::StepFailed>(&event)) {
      Print(
          {.title = fmt::format("{} {}", failed->action, failed->step),
           .message = failed->hint.empty() ? failed->error : fmt::format("{}\ntry: {}", failed->error, failed->hint)});
    } else if (const auto* notice = std::get_if<events::Notice>(&event)) {
      if (notice->level == events::Notice::Level::kInfo) return;
      Print({.level = notice->level == events::Notice::Level::kError ? Level::kError : Level::kWarning,
             .message = notice->text});
    }
  }

 private:
  void Print(const Annotation& annotation) {
    fmt::print(out_, "{}\n", Command(annotation));
    std::fflush(out_);
  }

  const std::unique_ptr<events::Sink> view_;
  std::FILE* const out_;
};

}  // namespace

bool InGithubJob() {
  const char* value = std::getenv("GITHUB_ACTIONS");
  return value != nullptr && std::string_view(value) == "true";
}

std::string Command(const Annotation& annotation) {
  constexpr const char* kNames[] = {"notice", "warning", "error"};
  std::string properties;
  const auto add = [&](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    properties += fmt::format("{}{}={}", properties.empty() ? " " : ",", name, Escape(value, true));
  };
  add("file", annotation.file);
  add("line", annotation.line > 0 ? std::to_string(annotation.line) : "");
  add("col", annotation.column > 0 ? std::to_string(annotation.column) : "");
  add("title", annotation.title);
  return fmt::format("::{}{}::{}", kNames[static_cast<int>(annotation.level)], properties,
                     Escape(annotation.message, false));
}

std::string OutputEntry(std::string_view name, std::string_view value, std::string_view delimiter) {
  if (value.find_first_of("\r\n") == std::string_view::npos) return fmt::format("{}={}\n", name, value);
  return fmt::format("{}<<{}\n{}\n{}\n", name, delimiter, value, delimiter);
}

void WriteOutput(std::string_view name, std::string_view value) {
  AppendTo("GITHUB_OUTPUT", OutputEntry(name, value, "adhoc_" + SystemRandom().Hex(16)));
}

void WriteSummary(std::string_view markdown) { AppendTo("GITHUB_STEP_SUMMARY", markdown); }

std::unique_ptr<events::Sink> AnnotateFailures(std::unique_ptr<events::Sink> view, std::FILE* out) {
  return std::make_unique<Annotating>(std::move(view), out);
}

}  // namespace adhoc::ci
