#include "config/tfvars_scanner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <vector>

#include "base/text.h"

namespace adhoc::config {

void TfvarsScanner::SkipSpace(bool line_ends) {
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

void TfvarsScanner::SkipLine() {
  while (!AtEnd() && Peek() != '\n') ++at_;
}

std::string_view TfvarsScanner::ReadName() {
  const std::size_t begin = at_;
  while (!AtEnd() && IsNamePart(Peek())) ++at_;
  return text_.substr(begin, at_ - begin);
}

std::string TfvarsScanner::Found() const {
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
  return fmt::format("`{}`", ShownWord(word));
}

void TfvarsScanner::ParseNumber(Value& value) {
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
    const std::string all = ShownWord(text_.substr(begin, at_ - begin));
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

void TfvarsScanner::ParseEscape(std::string& text) {
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
      Mistake(From(begin), fmt::format("unknown escape: `{}`", ShownWord(text_.substr(begin, at_ - begin))),
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

bool TfvarsScanner::ParseTemplateMark(std::string& text) {
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
                      ShownWord(text_.substr(begin, at_ - begin))),
          fmt::format("a variables file holds finished values only; write {0}{0}{{ for the characters {0}{{", mark));
  return true;
}

void TfvarsScanner::CheckControl() {
  const auto byte = static_cast<unsigned char>(Peek());
  if ((byte < 0x20 && byte != '\t') || byte == 0x7F) {
    Mistake(Here(), fmt::format("control character U+{:04X} in a text", byte),
            byte == 0 ? "" : fmt::format("write \\u{:04x}", byte));
  }
}

std::string TfvarsScanner::ParseString() {
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

std::string TfvarsScanner::ParseHeredoc() {
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
    Mistake(Here(), fmt::format("expected the end of the line after `<<{}`, found {}", ShownWord(marker), Found()),
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
      Mistake(opening, fmt::format("this text has no end: there is no line with only `{}`", ShownWord(marker)),
              fmt::format("end it with {} on a line of its own", ShownWord(marker)));
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

std::string ShownWord(std::string_view word) {
  constexpr std::size_t kMost = 60;
  if (FindInvalidUtf8(word)) return "…";
  if (word.size() <= kMost) return std::string(word);
  std::size_t end = kMost;
  while ((static_cast<unsigned char>(word[end]) & 0xC0U) == 0x80U) --end;
  return std::string(word.substr(0, end)) + "…";
}

}  // namespace adhoc::config
