// Mistakes in what a person wrote: each with its place, its line with a caret, and the next thing to try. A reader of
// such a text collects all of them in Diagnostics and throws once, so that one run shows everything there is to mend.
// Values; not synchronised.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace adhoc {

// A place in a text. Lines and columns count from 1, columns in characters (code points); 0 means unknown.
struct Position {
  std::size_t offset = 0;  // in bytes
  int line = 0;
  int column = 0;

  bool operator==(const Position&) const = default;
};

// A text and the name that messages call it by. Immutable, shared by the ranges that point into it.
class SourceText {
 public:
  SourceText(std::string name, std::string text);

  // Reads a file. Throws Error when it cannot be read or is larger than `limit` bytes.
  static std::shared_ptr<const SourceText> Read(const std::string& path, std::size_t limit = std::size_t{4} << 20);
  static std::shared_ptr<const SourceText> FromText(std::string name, std::string text);

  const std::string& name() const { return name_; }
  const std::string& text() const { return text_; }
  // Without its line end; empty when there is no such line.
  std::string_view Line(int line) const;
  // Offsets past the end are the end.
  Position At(std::size_t offset) const;

 private:
  std::string name_;
  std::string text_;
  std::vector<std::size_t> line_starts_;
  std::vector<std::size_t> counts_;  // of code points, at regular steps

  std::size_t CodePointsBefore(std::size_t offset) const;
};

// From `begin` up to, not including, `end`. Without a source it stands for no particular place.
struct Range {
  std::shared_ptr<const SourceText> source;
  Position begin;
  Position end;

  bool known() const { return source != nullptr && begin.line > 0; }
  // `adhoc.yaml:12:3`, or empty when unknown.
  std::string ToString() const;
};

enum class Severity { kError, kWarning };

struct Diagnostic {
  Severity severity = Severity::kError;
  std::string summary;  // `what happened: why`, no trailing period
  std::string detail;   // more sentences, or empty
  std::string hint;     // the next thing to try, or empty
  Range range;
};

// file:line:column: error: summary
//    12 |   imagee: backend
//       |   ^~~~~~
//   hint: did you mean `image`?
std::string Render(const Diagnostic& diagnostic, bool color = false);

class Diagnostics {
 public:
  // After this many errors further ones are counted, not kept: a binary file must not print a book.
  static constexpr std::size_t kMaxKept = 100;

  // The same mistake at the same place counts once.
  void Add(Diagnostic diagnostic);
  void Error(Range range, std::string summary, std::string hint = "");
  void Warning(Range range, std::string summary, std::string hint = "");
  void Append(const Diagnostics& other);

  bool HasErrors() const { return errors_ > 0; }
  std::size_t errors() const { return errors_; }
  bool empty() const { return items_.empty(); }
  const std::vector<Diagnostic>& items() const { return items_; }

  // Ordered by file as first met, then by place.
  std::string Render(bool color = false) const;
  // Throws DiagnosticsError when there is an error.
  void ThrowIfErrors() const;

 private:
  std::vector<Diagnostic> items_;
  std::size_t errors_ = 0;
};

// what() is the first error with its place and how many more there are; print diagnostics().Render() for all.
class DiagnosticsError : public Error {
 public:
  explicit DiagnosticsError(Diagnostics diagnostics);

  const Diagnostics& diagnostics() const { return diagnostics_; }

 private:
  Diagnostics diagnostics_;
};

}  // namespace adhoc
