// The words of HCL values: a cursor over a file of variables that reads names, numbers, texts and heredocs and reports
// what is wrong with them. The parser of config/tfvars.cc puts them together. Internal to the config layer.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/diagnostics.h"
#include "config/tfvars.h"

namespace adhoc::config {

// Thrown where the rest of an assignment cannot be understood; caught in ParseFile, which goes on at the next line or,
// from inside a list or object, at the next line that looks like an assignment.
struct TfvarsGiveUp {
  bool nested = false;
};

// A name or word as messages show it.
std::string ShownWord(std::string_view word);

class TfvarsScanner {
 public:
  TfvarsScanner(std::shared_ptr<const SourceText> source, Diagnostics& diagnostics)
      : source_(std::move(source)), text_(source_->text()), diagnostics_(diagnostics) {}

 protected:
  static bool IsNameStart(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
  }
  static bool IsDigit(char c) { return c >= '0' && c <= '9'; }
  static bool IsNamePart(char c) { return IsNameStart(c) || IsDigit(c) || c == '-'; }
  static bool IsBlank(char c) { return c == ' ' || c == '\t'; }

  bool AtEnd() const { return at_ >= text_.size(); }
  char Peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool StartsWith(std::string_view prefix) const { return text_.substr(at_).starts_with(prefix); }
  bool AtLineEnd() const { return AtEnd() || Peek() == '\n' || StartsWith("\r\n"); }

  Range At(std::size_t begin, std::size_t end) const { return Range{source_, source_->At(begin), source_->At(end)}; }
  Range From(std::size_t begin) const { return At(begin, at_); }

  void Mistake(Range range, std::string summary, std::string hint = "") {
    diagnostics_.Error(std::move(range), std::move(summary), std::move(hint));
  }

  [[noreturn]] void Abandon() { throw TfvarsGiveUp{depth_ > 0}; }
  Range Here() const { return At(at_, at_ + 1); }

  // Blanks and comments; line ends too where they mean nothing.
  void SkipSpace(bool line_ends);
  void SkipLine();

  std::string_view ReadName();
  // What stands here, for a message.
  std::string Found() const;

  void ParseNumber(Value& value);
  // At the opening quote.
  std::string ParseString();
  // At `<<`; ends behind the closing marker.
  std::string ParseHeredoc();

  std::shared_ptr<const SourceText> source_;
  std::string_view text_;
  Diagnostics& diagnostics_;
  std::size_t at_ = 0;
  int depth_ = 0;  // of lists and objects

 private:
  // One `\…` at the cursor. Appends what it stands for.
  void ParseEscape(std::string& text);
  // `$${`, `%%{`, `${` and `%{`. Returns false when none of them is here.
  bool ParseTemplateMark(std::string& text);
  // Reports a control character at the cursor. `\r` stands only before `\n`, which the callers see first.
  void CheckControl();
};

}  // namespace adhoc::config
