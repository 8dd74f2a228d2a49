#include "config/tfvars.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/text.h"

namespace adhoc::config {

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNamePart(char c) { return IsNameStart(c) || IsDigit(c) || c == '-'; }
bool IsBlank(char c) { return c == ' ' || c == '\t'; }

// Thrown where the rest of an assignment cannot be understood; caught in ParseFile, which goes on at the next line or,
// from inside a list or object, at the next line that looks like an assignment.
struct GiveUp {
  bool nested = false;
};

// A name or word as messages show it.
std::string Shown(std::string_view word) {
  constexpr std::size_t kMost = 60;
  if (FindInvalidUtf8(word)) return "…";
  if (word.size() <= kMost) return std::string(word);
  std::size_t end = kMost;
  while ((static_cast<unsigned char>(word[end]) & 0xC0U) == 0x80U) --end;
  return std::string(word.substr(0, end)) + "…";
}

class Parser {
 public:
  Parser(std::shared_ptr<const SourceText> source, Diagnostics& diagnostics, const TfvarsLimits& limits)
      : source_(std::move(source)), text_(source_->text()), diagnostics_(diagnostics), limits_(limits) {}

  Variables ParseFile() {
    if (text_.size() > limits_.bytes) {
      diagnostics_.Error(At(0, 0), fmt::format("the file is too large: {} bytes, and at most {} are read", text_.size(),
                                               limits_.bytes));
      return {};
    }
    if (const auto invalid = FindInvalidUtf8(text_)) {
      diagnostics_.Error(At(*invalid, *invalid + 1), "the file is not valid UTF-8: stray byte here",
                         "save the file as UTF-8");
    }
    if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
    Variables variables;
    while (true) {
      try {
        SkipSpace(true);
        if (AtEnd()) break;
        ParseAssignment(variables);
      } catch (const GiveUp& end) {
        if (end.nested) {
          SkipToNextAssignment();
        } else {
          SkipLine();
        }
      }
    }
    return variables;
  }

 private:
  bool AtEnd() const { return at_ >= text_.size(); }
  char Peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool StartsWith(std::string_view prefix) const { return text_.substr(at_).starts_with(prefix); }
  bool AtLineEnd() const { return AtEnd() || Peek() == '\n' || StartsWith("\r\n"); }

  Range At(std::size_t begin, std::size_t end) const { return Range{source_, source_->At(begin), source_->At(end)}; }
  Range From(std::size_t begin) const { return At(begin, at_); }

  void Mistake(Range range, std::string summary, std::string hint = "") {
    diagnostics_.Error(std::move(range), std::move(summary), std::move(hint));
  }

  [[noreturn]] void Abandon() { throw GiveUp{depth_ > 0}; }

  // Blanks and comments; line ends too where they mean nothing.
  void SkipSpace(bool line_ends) {
    while (!AtEnd()) {
      if (IsBlank(Peek())) {
        ++at_;
      } else if (line_ends && AtLineEnd()) {
        at_ += Peek() == '\r' ? 2 : 1;
      } else if (Peek() == '#' || StartsWith("//")) {
        while (!AtLineEnd()) ++at_;
      } else if (StartsWith("/*")) {
        const std::size_t begin = at_;
        const std::size_t end = text_.find("*/", at_ + 2);
        if (end == std::string_view::npos) {
          Mistake(At(begin, begin + 2), "this comment has no end", "close it with */");
          at_ = text_.size();
          return;
        }
        at_ = end + 2;
      } else {
        return;
      }
    }
  }

  void SkipLine() {
    while (!AtEnd() && Peek() != '\n') ++at_;
  }

  // Whether an assignment begins here: `name =`, but not `name ==`.
  bool LooksLikeAssignment() const {
    std::size_t i = at_;
    if (i >= text_.size() || !IsNameStart(text_[i])) return false;
    while (i < text_.size() && IsNamePart(text_[i])) ++i;
    while (i < text_.size() && IsBlank(text_[i])) ++i;
    return i < text_.size() && text_[i] == '=' && (i + 1 >= text_.size() || text_[i + 1] != '=');
  }

  bool AtLineStart() const { return at_ == 0 || text_[at_ - 1] == '\n'; }

  void SkipToNextAssignment() {
    do {
      SkipLine();
      if (!AtEnd()) ++at_;
    } while (!AtEnd() && !LooksLikeAssignment());
  }

  std::string_view ReadName() {
    const std::size_t begin = at_;
    while (!AtEnd() && IsNamePart(Peek())) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  // What stands here, for a message.
  std::string Found() const {
    if (AtEnd()) return "the end of the file";
    if (AtLineEnd()) return "the end of the line";
    const auto byte = static_cast<unsigned char>(Peek());
    if (byte < 0x20 || byte == 0x7F) return fmt::format("the control character U+{:04X}", byte);
    std::size_t length = 1;
    if (IsNameStart(Peek())) {
      while (IsNamePart(Peek(length))) ++length;
    } else if (byte >= 0x80) {
      while (length < 4 && (static_cast<unsigned char>(Peek(length)) & 0xC0U) == 0x80U) ++length;
    }
    const std::string_view word = text_.substr(at_, length);
    if (FindInvalidUtf8(word)) return "a byte that is not UTF-8";
    return fmt::format("`{}`", Shown(word));
  }

  Range Here() const { return At(at_, std::min(text_.size(), at_ + 1)); }

  void ParseAssignment(Variables& variables) {
    const std::size_t begin = at_;
    std::string name;
    if (Peek() == '"') {
      // Terraform refuses this too; the value is worth checking all the same.
      name = ParseString();
      Mistake(From(begin), "a variable's name is not quoted", fmt::format("write: {} = …", Shown(name)));
    } else if (IsNameStart(Peek())) {
      name = ReadName();
    } else {
      Mistake(Here(), fmt::format("expected a variable's name, found {}", Found()), "write: name = value");
      Abandon();
    }
    const Range name_range = From(begin);
    SkipSpace(false);
    if (Peek() == '{' || Peek() == '"') {
      Mistake(name_range, fmt::format("blocks are not allowed here: `{}` is not followed by `=`", Shown(name)),
              fmt::format("write: {} = …", Shown(name)));
      while (Peek() != '{' && !AtLineEnd()) ++at_;
      if (AtLineEnd()) Abandon();
      ParseValue();
      SkipLine();
      return;
    }
    if (Peek() == ':' || StartsWith("==")) {
      Mistake(At(at_, at_ + (Peek() == ':' ? 1 : 2)),
              fmt::format("expected `=` after `{}`, found `{}`", Shown(name), Peek() == ':' ? ":" : "=="),
              fmt::format("write: {} = …", Shown(name)));
      at_ += Peek() == ':' ? 1 : 2;
    } else if (Peek() != '=') {
      Mistake(Here(), fmt::format("expected `=` after `{}`, found {}", Shown(name), Found()),
              fmt::format("write: {} = …", Shown(name)));
      Abandon();
    } else {
      ++at_;
    }
    SkipSpace(false);
    if (AtLineEnd()) {
      Mistake(name_range, fmt::format("`{}` has no value", Shown(name)),
              fmt::format("write: {} = \"\" for an empty text", Shown(name)));
      Abandon();
    }
    const std::size_t errors = diagnostics_.errors();
    Value value;
    try {
      value = ParseValue();
      const std::size_t value_end = at_;
      SkipSpace(false);
      if (!AtLineEnd()) {
        MistakeAfterValue(value_end);
        SkipLine();
      }
    } catch (const GiveUp&) {
      AddAssignment(variables, {std::move(name), name_range, {}, true});
      throw;
    }
    AddAssignment(variables, {std::move(name), name_range, std::move(value), diagnostics_.errors() > errors});
  }

  void AddAssignment(Variables& variables, Assignment assignment) {
    const auto [earlier, added] = lines_.emplace(assignment.name, assignment.name_range.begin.line);
    if (!added) {
      Mistake(assignment.name_range,
              fmt::format("`{}` is set twice: first in line {}", Shown(assignment.name), earlier->second),
              "remove one of the two");
      return;
    }
    variables.assignments.push_back(std::move(assignment));
  }

  void MistakeAfterValue(std::size_t value_end) {
    const char c = Peek();
    constexpr std::string_view kOperators = "+-*/%<>=!&|?.([";
    if (kOperators.find(c) != std::string_view::npos) {
      Mistake(Here(), fmt::format("expressions are not allowed here: found {} after a value", Found()),
              "write the finished value; in a text, put quotes around all of it");
    } else if (c == ',' || c == ';') {
      Mistake(Here(), fmt::format("expected the end of the line after a value, found {}", Found()),
              "leave it out: each assignment has its own line");
    } else {
      Mistake(Here(), fmt::format("expected the end of the line after a value, found {}", Found()),
              at_ == value_end ? "" : "put each assignment on its own line");
    }
  }

  Value ParseValue() {
    const std::size_t begin = at_;
    Value value;
    const char c = Peek();
    if (c == '"') {
      value.kind = Value::Kind::kString;
      value.string = ParseString();
    } else if (StartsWith("<<")) {
      value.kind = Value::Kind::kString;
      value.string = ParseHeredoc();
    } else if (c == '[') {
      ParseList(value);
    } else if (c == '{') {
      ParseObject(value);
    } else if (IsDigit(c) || (c == '-' && (IsDigit(Peek(1)) || Peek(1) == ' ' || Peek(1) == '.'))) {
      ParseNumber(value);
    } else if (IsNameStart(c)) {
      ParseWord(value);
    } else if (c == '\'') {
      MistakenQuotes();
      value.kind = Value::Kind::kString;
    } else if (c == '(') {
      Mistake(Here(), "expressions are not allowed here: found `(`", "write the finished value");
      Abandon();
    } else if (StartsWith("${") || StartsWith("%{")) {
      Mistake(At(at_, at_ + 2), fmt::format("references are not allowed here: `{}`", text_.substr(at_, 2)),
              "a variables file holds finished values only; references belong in adhoc.yaml");
      Abandon();
    } else {
      Mistake(Here(), fmt::format("expected a value, found {}", Found()),
              "write a text in double quotes, a number, true, false, null, [ … ] or { … }");
      Abandon();
    }
    value.range = From(begin);
    return value;
  }

  void MistakenQuotes() {
    const std::size_t begin = at_++;
    while (!AtLineEnd() && Peek() != '\'') ++at_;
    if (Peek() == '\'') ++at_;
    Mistake(From(begin), "expected a value, found a text in single quotes", "use double quotes");
  }

  void ParseWord(Value& value) {
    const std::size_t begin = at_;
    const std::string_view word = ReadName();
    if (word == "true" || word == "false") {
      value.kind = Value::Kind::kBool;
      value.boolean = word == "true";
      return;
    }
    if (word == "null") return;
    const std::size_t end = at_;
    if (Peek() == '(') {
      Mistake(At(begin, end), fmt::format("functions are not allowed here: `{}(…)`", Shown(word)),
              "write the finished value");
      Abandon();
    }
    // What follows belongs to the same mistake: a.b.c, v1.2.3, a/b:c.
    constexpr std::string_view kJoined = "./:@";
    while (!AtEnd() && (IsNamePart(Peek()) || kJoined.find(Peek()) != std::string_view::npos)) ++at_;
    const std::string all = Shown(text_.substr(begin, at_ - begin));
    if (word == "var" || word == "local" || word == "data" || word == "module" || word == "each") {
      Mistake(At(begin, at_), fmt::format("references are not allowed here: `{}`", all),
              "a variables file holds finished values only");
      return;
    }
    std::string lower(word);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); });
    if (all == word && (lower == "true" || lower == "false" || lower == "null")) {
      Mistake(At(begin, at_), fmt::format("expected a value, found `{}`", all), fmt::format("write {}", lower));
    } else {
      Mistake(At(begin, at_), fmt::format("expected a value, found the bare word `{}`", all),
              fmt::format("a text has double quotes: \"{}\"", all));
    }
  }

  void ParseNumber(Value& value) {
    const std::size_t begin = at_;
    std::string digits;
    if (Peek() == '-') {
      digits = "-";
      ++at_;
      while (IsBlank(Peek())) ++at_;
    }
    bool integer = true;
    const auto read_digits = [&] {
      const std::size_t start = at_;
      while (IsDigit(Peek())) digits += text_[at_++];
      return at_ > start;
    };
    bool valid = read_digits();
    if (valid && Peek() == '.' && IsDigit(Peek(1))) {
      integer = false;
      digits += text_[at_++];
      read_digits();
    }
    if (valid && (Peek() == 'e' || Peek() == 'E') &&
        (IsDigit(Peek(1)) || ((Peek(1) == '+' || Peek(1) == '-') && IsDigit(Peek(2))))) {
      integer = false;
      ++at_;
      digits += 'e';
      if (Peek() == '+') ++at_;
      if (Peek() == '-') digits += text_[at_++];
      read_digits();
    }
    if (IsNamePart(Peek()) || Peek() == '.') {
      // 1.2.3, 0x10, 10GB, 111_222: one wrong word rather than a number and what follows it.
      valid = false;
      while (!AtEnd() && (IsNamePart(Peek()) || Peek() == '.')) ++at_;
    }
    value.kind = Value::Kind::kNumber;
    value.number = 0;
    if (!valid) {
      const std::string all = Shown(text_.substr(begin, at_ - begin));
      Mistake(From(begin), fmt::format("this is not a number: `{}`", all),
              fmt::format("a text has double quotes: \"{}\"", all));
      return;
    }
    if (integer) {
      std::int64_t number = 0;
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
      if (error == std::errc{} && end == digits.data() + digits.size()) {
        value.number = number;
        return;
      }
    }
    double number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error == std::errc::result_out_of_range || !std::isfinite(number)) {
      Mistake(From(begin), "this number is out of range", "write it in double quotes if it is meant as a text");
      return;
    }
    value.number = number;
  }

  // One `\…` at the cursor. Appends what it stands for.
  void ParseEscape(std::string& text) {
    const std::size_t begin = at_++;
    const char c = Peek();
    const auto simple = [&](char meaning) {
      ++at_;
      text += meaning;
    };
    switch (c) {
      case 'n':
        return simple('\n');
      case 'r':
        return simple('\r');
      case 't':
        return simple('\t');
      case '"':
        return simple('"');
      case '\\':
        return simple('\\');
      case 'u':
      case 'U':
        break;
      default:
        if (!AtLineEnd()) ++at_;
        Mistake(From(begin), fmt::format("unknown escape: `{}`", Shown(text_.substr(begin, at_ - begin))),
                "a text knows \\n \\r \\t \\\" \\\\ \\uXXXX \\UXXXXXXXX; write \\\\ for a backslash");
        return;
    }
    const std::size_t wanted = c == 'u' ? 4 : 8;
    ++at_;
    char32_t code_point = 0;
    std::size_t digits = 0;
    for (; digits < wanted && std::isxdigit(static_cast<unsigned char>(Peek())) != 0; ++digits, ++at_) {
      const char digit = Peek();
      const int number = IsDigit(digit) ? digit - '0' : (digit | 0x20) - 'a' + 10;
      code_point = code_point * 16 + static_cast<char32_t>(number);
    }
    if (digits < wanted) {
      Mistake(From(begin), fmt::format("this escape needs {} hexadecimal digits: it has {}", wanted, digits));
    } else if (code_point == 0) {
      Mistake(From(begin), "a text cannot hold the character U+0000");
    } else if (!AppendUtf8(text, code_point)) {
      Mistake(From(begin), "this escape is not a character of Unicode");
    }
  }

  // `$${`, `%%{`, `${` and `%{`. Returns false when none of them is here.
  bool ParseTemplateMark(std::string& text) {
    if (StartsWith("$${") || StartsWith("%%{")) {
      text += text_.substr(at_ + 1, 2);
      at_ += 3;
      return true;
    }
    if (!StartsWith("${") && !StartsWith("%{")) return false;
    const std::size_t begin = at_;
    const char mark = Peek();
    at_ += 2;
    // The reference itself may hold quotes: var.x["a"].
    int depth = 1;
    while (!AtLineEnd() && depth > 0) {
      if (Peek() == '{') ++depth;
      if (Peek() == '}') --depth;
      ++at_;
    }
    if (depth > 0) {
      // Without an end on this line, only the mark is consumed, so that the string's own end is still found.
      at_ = begin + 2;
    }
    Mistake(From(begin),
            fmt::format("{} are not allowed here: `{}`", mark == '$' ? "references" : "template directives",
                        Shown(text_.substr(begin, at_ - begin))),
            fmt::format("a variables file holds finished values only; write {0}{0}{{ for the characters {0}{{", mark));
    return true;
  }

  // Reports a control character at the cursor. `\r` stands only before `\n`, which the callers see first.
  void CheckControl() {
    const auto byte = static_cast<unsigned char>(Peek());
    if ((byte < 0x20 && byte != '\t') || byte == 0x7F) {
      Mistake(Here(), fmt::format("control character U+{:04X} in a text", byte),
              byte == 0 ? "" : fmt::format("write \\u{:04x}", byte));
    }
  }

  std::string ParseString() {
    const std::size_t begin = at_++;
    std::string text;
    while (true) {
      if (AtLineEnd()) {
        Mistake(At(begin, at_), "this text has no end on its line",
                "close it with \"; write \\n for a line end, or use <<EOT for several lines");
        return text;
      }
      const char c = Peek();
      if (c == '"') {
        ++at_;
        return text;
      }
      if (c == '\\') {
        ParseEscape(text);
      } else if (!ParseTemplateMark(text)) {
        CheckControl();
        text += c;
        ++at_;
      }
    }
  }

  std::string ParseHeredoc() {
    const std::size_t begin = at_;
    at_ += 2;
    const bool strip = Peek() == '-';
    if (strip) ++at_;
    if (!IsNameStart(Peek())) {
      Mistake(From(begin), fmt::format("expected a marker after `<<`, found {}", Found()), "write <<EOT");
      Abandon();
    }
    const std::string marker(ReadName());
    const Range opening = From(begin);
    while (IsBlank(Peek())) ++at_;
    if (!AtLineEnd()) {
      Mistake(Here(), fmt::format("expected the end of the line after `<<{}`, found {}", Shown(marker), Found()),
              "the text starts on the next line");
      SkipLine();
    }
    struct Line {
      std::string text;
      std::size_t indent = 0;
      bool blank = false;
    };
    std::vector<Line> lines;
    while (true) {
      if (AtEnd()) {
        Mistake(opening, fmt::format("this text has no end: there is no line with only `{}`", Shown(marker)),
                fmt::format("end it with {} on a line of its own", Shown(marker)));
        Abandon();
      }
      at_ += Peek() == '\r' ? 2 : 1;
      // The marker may be indented, whether or not the text is stripped.
      std::size_t end = at_;
      while (end < text_.size() && IsBlank(text_[end])) ++end;
      if (text_.substr(end).starts_with(marker)) {
        const std::size_t after = end + marker.size();
        const std::size_t rest = std::min(text_.find_first_not_of(" \t", after), text_.size());
        if (rest == text_.size() || text_[rest] == '\n' || text_.substr(rest).starts_with("\r\n")) {
          at_ = after;
          break;
        }
      }
      Line line;
      const std::size_t start = at_;
      while (!AtLineEnd()) {
        if (!ParseTemplateMark(line.text)) {
          CheckControl();
          line.text += Peek();
          ++at_;
        }
      }
      const std::string_view raw = text_.substr(start, at_ - start);
      line.indent = std::min(raw.find_first_not_of(" \t"), raw.size());
      line.blank = line.indent == raw.size();
      lines.push_back(std::move(line));
    }
    std::size_t stripped = 0;
    if (strip) {
      // As HCL does it: lines without text neither count nor change.
      stripped = std::string::npos;
      for (const Line& line : lines) {
        if (!line.blank) stripped = std::min(stripped, line.indent);
      }
    }
    std::string text;
    for (const Line& line : lines) {
      text += line.blank ? line.text : line.text.substr(stripped);
      text += '\n';
    }
    return text;
  }

  // Enters a list or object; the destructor leaves it.
  class Nested {
   public:
    Nested(Parser& parser, std::size_t begin) : parser_(parser) {
      if (++parser_.depth_ > parser_.limits_.depth) {
        parser_.Mistake(
            parser_.At(begin, begin + 1),
            fmt::format("nested too deeply: more than {} lists and objects in each other", parser_.limits_.depth));
        --parser_.depth_;
        throw GiveUp{true};
      }
    }
    ~Nested() { --parser_.depth_; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;

   private:
    Parser& parser_;
  };

  void MistakeUnclosed(std::size_t begin, std::string_view what, char closing) {
    Mistake(At(begin, begin + 1), fmt::format("this {} has no end: missing `{}`", what, closing),
            fmt::format("close it with {}", closing));
  }

  void ParseList(Value& value) {
    const std::size_t begin = at_++;
    const Nested nested(*this, begin);
    value.kind = Value::Kind::kList;
    while (true) {
      SkipSpace(true);
      if (Peek() == ']' && !AtEnd()) {
        ++at_;
        return;
      }
      if (AtEnd() || (AtLineStart() && LooksLikeAssignment())) {
        MistakeUnclosed(begin, "list", ']');
        // The next assignment stands here already: leave its line start for the caller.
        ThrowAtLineStart();
      }
      if (StartsWith("for ") || StartsWith("for\t")) {
        Mistake(At(at_, at_ + 3), "expressions are not allowed here: `for`", "write the finished values");
        Abandon();
      }
      value.list.push_back(ParseValue());
      const std::size_t value_end = at_;
      SkipSpace(true);
      if (Peek() == ',') {
        ++at_;
      } else if (Peek() != ']' && !AtEnd() && !(AtLineStart() && LooksLikeAssignment())) {
        Mistake(At(value_end, value_end + 1), fmt::format("expected `,` or `]` after a value, found {}", Found()),
                "separate the values with commas");
        if (!CanStartValue()) Abandon();
      }
    }
  }

  bool CanStartValue() const {
    const char c = Peek();
    return c == '"' || c == '[' || c == '{' || IsDigit(c) || IsNameStart(c) || StartsWith("<<");
  }

  // Gives up so that the line at the cursor is read as the next assignment.
  [[noreturn]] void ThrowAtLineStart() {
    if (!AtEnd()) --at_;  // onto the line end, which SkipToNextAssignment passes
    Abandon();
  }

  std::optional<std::string> ParseKey() {
    if (Peek() == '"') return ParseString();
    if (IsNameStart(Peek())) return std::string(ReadName());
    if (IsDigit(Peek())) {
      const std::size_t begin = at_;
      while (IsDigit(Peek())) ++at_;
      return std::string(text_.substr(begin, at_ - begin));
    }
    if (Peek() == '(') {
      Mistake(Here(), "expressions are not allowed here: found `(`", "write the key itself");
    } else {
      Mistake(Here(), fmt::format("expected a key, found {}", Found()), "write: key = value");
    }
    return std::nullopt;
  }

  void ParseObject(Value& value) {
    const std::size_t begin = at_++;
    const Nested nested(*this, begin);
    value.kind = Value::Kind::kObject;
    std::set<std::string, std::less<>> keys;
    while (true) {
      SkipSpace(true);
      if (AtEnd()) {
        MistakeUnclosed(begin, "object", '}');
        Abandon();
      }
      if (Peek() == '}') {
        ++at_;
        return;
      }
      const std::size_t key_begin = at_;
      std::optional<std::string> key = ParseKey();
      if (!key) Abandon();
      const Range key_range = From(key_begin);
      SkipSpace(false);
      if (Peek() == '=' && Peek(1) != '=') {
        ++at_;
      } else if (Peek() == ':') {
        ++at_;
      } else {
        Mistake(Here(), fmt::format("expected `=` after the key `{}`, found {}", Shown(*key), Found()),
                fmt::format("write: {} = …", Shown(*key)));
        Abandon();
      }
      SkipSpace(false);
      if (AtLineEnd() || Peek() == '}' || Peek() == ',') {
        Mistake(key_range, fmt::format("`{}` has no value", Shown(*key)));
      } else {
        Value item = ParseValue();
        if (!keys.insert(*key).second) {
          Mistake(key_range, fmt::format("the key `{}` is set twice in this object", Shown(*key)),
                  "remove one of the two");
        } else {
          value.object.push_back({std::move(*key), key_range, std::move(item)});
        }
      }
      SkipSpace(false);
      if (Peek() == ',') {
        ++at_;
      } else if (!AtLineEnd() && Peek() != '}') {
        Mistake(Here(), fmt::format("expected `,`, the end of the line or `}}` after a value, found {}", Found()),
                "put each key on its own line, or separate them with commas");
        if (Peek() != '"' && !IsNameStart(Peek())) Abandon();
      }
    }
  }

  std::shared_ptr<const SourceText> source_;
  std::string_view text_;
  Diagnostics& diagnostics_;
  TfvarsLimits limits_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::map<std::string, int, std::less<>> lines_;  // of the names that are set
};

}  // namespace

Json Value::ToJson() const {
  switch (kind) {
    case Kind::kNull:
      return nullptr;
    case Kind::kBool:
      return boolean;
    case Kind::kNumber:
      return number;
    case Kind::kString:
      return string;
    case Kind::kList: {
      Json items = Json::array();
      for (const Value& item : list) items.push_back(item.ToJson());
      return items;
    }
    case Kind::kObject: {
      Json items = Json::object();
      for (const ObjectItem& item : object) items[item.key] = item.value.ToJson();
      return items;
    }
  }
  return nullptr;
}

std::string_view Describe(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::kNull:
      return "null";
    case Value::Kind::kBool:
      return "a boolean";
    case Value::Kind::kNumber:
      return "a number";
    case Value::Kind::kString:
      return "a text";
    case Value::Kind::kList:
      return "a list";
    case Value::Kind::kObject:
      return "an object";
  }
  return "";
}

const Assignment* Variables::Find(std::string_view name) const {
  const auto found = std::find_if(assignments.begin(), assignments.end(),
                                  [&](const Assignment& assignment) { return assignment.name == name; });
  return found == assignments.end() ? nullptr : &*found;
}

Json Variables::ToJson() const {
  Json values = Json::object();
  for (const Assignment& assignment : assignments) values[assignment.name] = assignment.value.ToJson();
  return values;
}

Variables ParseTfvars(std::shared_ptr<const SourceText> source, Diagnostics& diagnostics, const TfvarsLimits& limits) {
  return Parser(std::move(source), diagnostics, limits).ParseFile();
}

}  // namespace adhoc::config
