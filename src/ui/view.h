// How a person or a program sees what the engines report. Progress goes to stderr, results to stdout.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "events/events.h"

namespace adhoc::ui {

enum class Format {
  kLive,   // a terminal: running steps are redrawn in place
  kPlain,  // a line per event: pipes, CI
  kJson,   // a JSON object per line
};

// kLive on a terminal that can (TERM is not dumb), else kPlain.
Format DefaultFormat(int fd);
bool UseColour(int fd);

// Thread-safe. The live view draws until it is destroyed.
std::unique_ptr<events::Sink> MakeView(Format format, std::FILE* out);

// Columns of equal width; the first row is the heading. Widths count code points.
std::string Table(const std::vector<std::vector<std::string>>& rows);

// `3 s`, `2 min 5 s`, `4 h`, `12 d`: at most two units.
std::string Ago(double seconds);

enum class Style { kBold, kDim, kRed, kGreen, kYellow, kBlue, kCyan };
std::string Styled(std::string_view text, Style style, bool colour);

}  // namespace adhoc::ui
