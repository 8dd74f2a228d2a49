// What a step of a GitHub Actions job shows beside its log: annotations, a summary page, outputs for later steps.
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
// Thread-safe: each call writes once.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "events/events.h"

namespace adhoc::ci {

// Whether this process is a step of a job: GITHUB_ACTIONS is `true`.
bool InGithubJob();

enum class Level { kNotice, kWarning, kError };
struct Annotation {
  Level level = Level::kError;
  std::string title;
  std::string message;
  std::string file;  // relative to the repository, or empty
  int line = 0;      // 0: unknown
  int column = 0;
};
// `::error title=…::…`, with what would end the command or a property escaped.
std::string Command(const Annotation& annotation);
// `name=value`, or with a delimiter where the value has several lines.
std::string OutputEntry(std::string_view name, std::string_view value, std::string_view delimiter);

// Appends to the file that GITHUB_OUTPUT or GITHUB_STEP_SUMMARY names; does nothing where they name none.
void WriteOutput(std::string_view name, std::string_view value);
void WriteSummary(std::string_view markdown);

// Passes events on to `view`, and failures and warnings to `out` as annotations too.
std::unique_ptr<events::Sink> AnnotateFailures(std::unique_ptr<events::Sink> view, std::FILE* out);

}  // namespace adhoc::ci
