#include "base/diagnostics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

#include "base/text.h"

namespace adhoc {

namespace {

// A line is shown through a window of this many columns around its mistake.
constexpr std::size_t kShownColumns = 160;
constexpr std::size_t kShownBefore = 100;

// Code points before every so many bytes are counted once, so that a place in a long line is found quickly.
constexpr std::size_t kCountStep = 64;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool StartsCodePoint(char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }

struct Glyph {
  std::string text;
  std::size_t offset = 0;  // in the line
  std::size_t width = 1;   // columns on a terminal
};

bool IsWide(char32_t c) {
  return (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) || (c >= 0xAC00 && c <= 0xD7A3) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
         (c >= 0xFFE0 && c <= 0xFFE6) || (c >= 0x1F300 && c <= 0x1FAFF) || (c >= 0x20000 && c <= 0x3FFFD);
}

bool IsZeroWidth(char32_t c) {
  return (c >= 0x0300 && c <= 0x036F) || (c >= 0x200B && c <= 0x200F) || (c >= 0xFE00 && c <= 0xFE0F);
}

// Characters that direct the terminal or reorder the line would let a file forge what a person sees.
bool IsUnsafe(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

char32_t Decode(std::string_view sequence) {
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(sequence[i])); };
  switch (sequence.size()) {
    case 1:
      return byte(0);
    case 2:
      return (byte(0) & 0x1F) << 6 | (byte(1) & 0x3F);
    case 3:
      return (byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    default:
      return (byte(0) & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  }
}

std::vector<Glyph> Glyphs(std::string_view line) {
  std::vector<Glyph> glyphs;
  for (std::size_t i = 0; i < line.size();) {
    std::size_t length = 1;
    while (length < 4 && i + length < line.size() && (static_cast<unsigned char>(line[i + length]) & 0xC0U) == 0x80U) {
      ++length;
    }
    std::string_view sequence = line.substr(i, length);
    if (FindInvalidUtf8(sequence)) {
      glyphs.push_back({"\xEF\xBF\xBD", i, 1});
      ++i;
      continue;
    }
    if (static_cast<unsigned char>(sequence[0]) < 0x80) sequence = sequence.substr(0, 1);
    const char32_t code_point = Decode(sequence);
    if (code_point == '\t') {
      glyphs.push_back({" ", i, 1});
    } else if (IsUnsafe(code_point)) {
      glyphs.push_back({"\xEF\xBF\xBD", i, 1});
    } else {
      glyphs.push_back({std::string(sequence), i, IsZeroWidth(code_point) ? 0U : IsWide(code_point) ? 2U : 1U});
    }
    i += sequence.size();
  }
  return glyphs;
}

struct Style {
  std::string_view bold, red, yellow, green, cyan, dim, reset;
};

const Style kPlain{};
const Style kColored{"\x1b[1m", "\x1b[1;31m", "\x1b[1;33m", "\x1b[1;32m", "\x1b[36m", "\x1b[2m", "\x1b[0m"};

std::string RenderSnippet(const Range& range, const Style& style) {
  std::string_view line = range.source->Line(range.begin.line);
  std::size_t from = range.begin.offset - static_cast<std::size_t>(line.data() - range.source->text().data());
  std::size_t to = range.end.line > range.begin.line
                       ? line.size()
                       : from + (std::max(range.end.offset, range.begin.offset) - range.begin.offset);
  // Only the neighbourhood is looked at: a line may be the whole file.
  std::size_t skipped = 0;
  if (from > 4 * kShownColumns) {
    skipped = from - 4 * kShownColumns;
    while (skipped < from && !StartsCodePoint(line[skipped])) ++skipped;
    from -= skipped;
    to -= skipped;
  }
  line = line.substr(skipped, from + 4 * kShownColumns);
  if (skipped == 0 && line.starts_with(kByteOrderMark)) {
    line.remove_prefix(kByteOrderMark.size());
    from -= std::min(from, kByteOrderMark.size());
    to -= std::min(to, kByteOrderMark.size());
  }

  const std::vector<Glyph> glyphs = Glyphs(line);
  std::size_t first = 0;
  const auto caret = static_cast<std::size_t>(
      std::count_if(glyphs.begin(), glyphs.end(), [&](const Glyph& glyph) { return glyph.offset < from; }));
  if (caret > kShownBefore && glyphs.size() > kShownColumns) {
    first = std::min(caret - kShownBefore, glyphs.size() - kShownColumns);
  }
  const std::size_t last = std::min(glyphs.size(), first + kShownColumns);

  const bool cut = first > 0 || skipped > 0;
  std::string text = cut ? "…" : "";
  std::string marks(cut ? 1 : 0, ' ');
  bool marked = false;
  for (std::size_t i = first; i < last; ++i) {
    text += glyphs[i].text;
    if (glyphs[i].offset < from) {
      marks.append(glyphs[i].width, ' ');
    } else if (!marked) {
      marks += '^';
      marks.append(glyphs[i].width > 1 ? glyphs[i].width - 1 : 0, '~');
      marked = true;
    } else if (glyphs[i].offset < to) {
      marks.append(glyphs[i].width, '~');
    }
  }
  if (!marked) marks += '^';  // at the end of the line
  if (last < glyphs.size()) text += "…";
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return fmt::format("{}{:>6} |{} {}\n{}       |{} {}{}{}\n", style.dim, range.begin.line, style.reset, text, style.dim,
                     style.reset, style.green, marks, style.reset);
}

}  // namespace

SourceText::SourceText(std::string name, std::string text) : name_(std::move(name)), text_(std::move(text)) {
  line_starts_.push_back(0);
  std::size_t count = 0;
  for (std::size_t i = 0; i < text_.size(); ++i) {
    if (i % kCountStep == 0) counts_.push_back(count);
    if (StartsCodePoint(text_[i])) ++count;
    if (text_[i] == '\n') line_starts_.push_back(i + 1);
  }
  counts_.push_back(count);
}

std::shared_ptr<const SourceText> SourceText::Read(const std::string& path, std::size_t limit) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  std::string text;
  char chunk[16384];
  while (text.size() <= limit && (file.read(chunk, sizeof chunk), file.gcount() > 0)) {
    text.append(chunk, static_cast<std::size_t>(file.gcount()));
  }
  // A folder opens and then fails to read.
  if (file.bad()) throw Error(fmt::format("cannot read {}: {}", path, std::strerror(errno != 0 ? errno : EIO)));
  if (text.size() > limit) throw Error(fmt::format("cannot read {}: it is larger than {} bytes", path, limit));
  return FromText(path, std::move(text));
}

std::shared_ptr<const SourceText> SourceText::FromText(std::string name, std::string text) {
  return std::make_shared<const SourceText>(std::move(name), std::move(text));
}

std::string_view SourceText::Line(int line) const {
  if (line < 1 || static_cast<std::size_t>(line) > line_starts_.size()) return "";
  const std::size_t start = line_starts_[static_cast<std::size_t>(line) - 1];
  const std::size_t end = static_cast<std::size_t>(line) < line_starts_.size()
                              ? line_starts_[static_cast<std::size_t>(line)] - 1
                              : text_.size();
  std::string_view found = std::string_view(text_).substr(start, end - start);
  if (found.ends_with('\r')) found.remove_suffix(1);
  return found;
}

Position SourceText::At(std::size_t offset) const {
  offset = std::min(offset, text_.size());
  const auto next = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  const std::size_t start = *(next - 1);
  std::size_t column = CodePointsBefore(offset) - CodePointsBefore(start) + 1;
  // Editors do not count a byte order mark.
  if (start == 0 && column > 1 && text_.starts_with(kByteOrderMark)) --column;
  return Position{offset, static_cast<int>(next - line_starts_.begin()), static_cast<int>(column)};
}

std::size_t SourceText::CodePointsBefore(std::size_t offset) const {
  const std::size_t step = std::min(offset / kCountStep, counts_.size() - 1);
  const auto from = text_.begin() + static_cast<std::ptrdiff_t>(std::min(step * kCountStep, offset));
  return counts_[step] + static_cast<std::size_t>(
                             std::count_if(from, text_.begin() + static_cast<std::ptrdiff_t>(offset), StartsCodePoint));
}

std::string Range::ToString() const {
  if (source == nullptr) return "";
  if (begin.line < 1) return source->name();
  return fmt::format("{}:{}:{}", source->name(), begin.line, begin.column);
}

std::string Render(const Diagnostic& diagnostic, bool color) {
  const Style& style = color ? kColored : kPlain;
  const bool error = diagnostic.severity == Severity::kError;
  const std::string place = diagnostic.range.ToString();
  std::string text;
  if (!place.empty()) text += fmt::format("{}{}:{} ", style.bold, place, style.reset);
  text += fmt::format("{}{}:{} {}{}{}\n", error ? style.red : style.yellow, error ? "error" : "warning", style.reset,
                      style.bold, diagnostic.summary, style.reset);
  if (diagnostic.range.known()) text += RenderSnippet(diagnostic.range, style);
  if (!diagnostic.detail.empty()) text += fmt::format("  {}\n", diagnostic.detail);
  if (!diagnostic.hint.empty()) text += fmt::format("  {}hint:{} {}\n", style.cyan, style.reset, diagnostic.hint);
  return text;
}

void Diagnostics::Add(Diagnostic diagnostic) {
  // A text that is read in several places, such as a YAML anchor's, is wrong only once.
  if (diagnostic.range.known() && std::any_of(items_.begin(), items_.end(), [&](const Diagnostic& item) {
        return item.range.source == diagnostic.range.source && item.range.begin == diagnostic.range.begin &&
               item.severity == diagnostic.severity && item.summary == diagnostic.summary;
      })) {
    return;
  }
  if (diagnostic.severity == Severity::kError) ++errors_;
  if (items_.size() < kMaxKept) items_.push_back(std::move(diagnostic));
}

void Diagnostics::Error(Range range, std::string summary, std::string hint) {
  Add({Severity::kError, std::move(summary), "", std::move(hint), std::move(range)});
}

void Diagnostics::Warning(Range range, std::string summary, std::string hint) {
  Add({Severity::kWarning, std::move(summary), "", std::move(hint), std::move(range)});
}

void Diagnostics::Append(const Diagnostics& other) {
  const auto kept = static_cast<std::size_t>(std::count_if(
      other.items_.begin(), other.items_.end(), [](const auto& item) { return item.severity == Severity::kError; }));
  errors_ += other.errors_ - kept;
  for (const Diagnostic& item : other.items_) Add(item);
}

std::string Diagnostics::Render(bool color) const {
  std::vector<const SourceText*> sources;
  std::vector<const Diagnostic*> ordered;
  for (const Diagnostic& item : items_) {
    ordered.push_back(&item);
    if (std::find(sources.begin(), sources.end(), item.range.source.get()) == sources.end()) {
      sources.push_back(item.range.source.get());
    }
  }
  const auto rank = [&](const Diagnostic& item) {
    return std::find(sources.begin(), sources.end(), item.range.source.get()) - sources.begin();
  };
  std::stable_sort(ordered.begin(), ordered.end(), [&](const Diagnostic* a, const Diagnostic* b) {
    if (rank(*a) != rank(*b)) return rank(*a) < rank(*b);
    return a->range.begin.offset < b->range.begin.offset;
  });
  std::string text;
  for (const Diagnostic* item : ordered) text += adhoc::Render(*item, color);
  const auto shown = static_cast<std::size_t>(
      std::count_if(items_.begin(), items_.end(), [](const auto& item) { return item.severity == Severity::kError; }));
  if (errors_ > shown) text += fmt::format("… and {} more errors\n", errors_ - shown);
  return text;
}

void Diagnostics::ThrowIfErrors() const {
  if (HasErrors()) throw DiagnosticsError(*this);
}

namespace {

std::string Headline(const Diagnostics& diagnostics) {
  const auto& items = diagnostics.items();
  const auto first =
      std::find_if(items.begin(), items.end(), [](const auto& item) { return item.severity == Severity::kError; });
  if (first == items.end()) return "the input has mistakes";
  const std::string place = first->range.ToString();
  std::string text = place.empty() ? first->summary : place + ": " + first->summary;
  if (diagnostics.errors() > 1) {
    text += fmt::format(" (and {} more {})", diagnostics.errors() - 1, diagnostics.errors() == 2 ? "error" : "errors");
  }
  return text;
}

std::string FirstHint(const Diagnostics& diagnostics) {
  for (const Diagnostic& item : diagnostics.items()) {
    if (item.severity == Severity::kError) return item.hint;
  }
  return "";
}

}  // namespace

DiagnosticsError::DiagnosticsError(Diagnostics diagnostics)
    : Error(Headline(diagnostics), FirstHint(diagnostics)), diagnostics_(std::move(diagnostics)) {}

}  // namespace adhoc
