#include "config/tfvars.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/text.h"
#include "config/tfvars_scanner.h"

namespace adhoc::config {

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

class Parser : private TfvarsScanner {
 public:
  Parser(std::shared_ptr<const SourceText> source, Diagnostics& diagnostics, const TfvarsLimits& limits)
      : TfvarsScanner(std::move(source), diagnostics), limits_(limits) {}

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
      } catch (const TfvarsGiveUp& end) {
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
  void ParseAssignment(Variables& variables) {
    const std::size_t begin = at_;
    std::string name;
    if (Peek() == '"') {
      // Terraform refuses this too; the value is worth checking all the same.
      name = ParseString();
      Mistake(From(begin), "a variable's name is not quoted", fmt::format("write: {} = …", ShownWord(name)));
    } else if (IsNameStart(Peek())) {
      name = ReadName();
    } else {
      Mistake(Here(), fmt::format("expected a variable's name, found {}", Found()), "write: name = value");
      Abandon();
    }
    const Range name_range = From(begin);
    SkipSpace(false);
    if (Peek() == '{' || Peek() == '"') {
      Mistake(name_range, fmt::format("blocks are not allowed here: `{}` is not followed by `=`", ShownWord(name)),
              fmt::format("write: {} = …", ShownWord(name)));
      while (Peek() != '{' && !AtLineEnd()) ++at_;
      if (AtLineEnd()) Abandon();
      ParseValue();
      SkipLine();
      return;
    }
    if (Peek() == ':' || StartsWith("==")) {
      Mistake(At(at_, at_ + (Peek() == ':' ? 1 : 2)),
              fmt::format("expected `=` after `{}`, found `{}`", ShownWord(name), Peek() == ':' ? ":" : "=="),
              fmt::format("write: {} = …", ShownWord(name)));
      at_ += Peek() == ':' ? 1 : 2;
    } else if (Peek() != '=') {
      Mistake(Here(), fmt::format("expected `=` after `{}`, found {}", ShownWord(name), Found()),
              fmt::format("write: {} = …", ShownWord(name)));
      Abandon();
    } else {
      ++at_;
    }
    SkipSpace(false);
    if (AtLineEnd()) {
      Mistake(name_range, fmt::format("`{}` has no value", ShownWord(name)),
              fmt::format("write: {} = \"\" for an empty text", ShownWord(name)));
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
    } catch (const TfvarsGiveUp&) {
      AddAssignment(variables, {std::move(name), name_range, {}, true});
      throw;
    }
    AddAssignment(variables, {std::move(name), name_range, std::move(value), diagnostics_.errors() > errors});
  }

  void AddAssignment(Variables& variables, Assignment assignment) {
    const auto [earlier, added] = lines_.emplace(assignment.name, assignment.name_range.begin.line);
    if (!added) {
      Mistake(assignment.name_range,
              fmt::format("`{}` is set twice: first in line {}", ShownWord(assignment.name), earlier->second),
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
      Mistake(At(begin, end), fmt::format("functions are not allowed here: `{}(…)`", ShownWord(word)),
              "write the finished value");
      Abandon();
    }
    // What follows belongs to the same mistake: a.b.c, v1.2.3, a/b:c.
    constexpr std::string_view kJoined = "./:@";
    while (!AtEnd() && (IsNamePart(Peek()) || kJoined.find(Peek()) != std::string_view::npos)) ++at_;
    const std::string all = ShownWord(text_.substr(begin, at_ - begin));
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

  // Enters a list or object; the destructor leaves it.
  class Nested {
   public:
    Nested(Parser& parser, std::size_t begin) : parser_(parser) {
      if (++parser_.depth_ > parser_.limits_.depth) {
        parser_.Mistake(
            parser_.At(begin, begin + 1),
            fmt::format("nested too deeply: more than {} lists and objects in each other", parser_.limits_.depth));
        --parser_.depth_;
        throw TfvarsGiveUp{true};
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
        Mistake(Here(), fmt::format("expected `=` after the key `{}`, found {}", ShownWord(*key), Found()),
                fmt::format("write: {} = …", ShownWord(*key)));
        Abandon();
      }
      SkipSpace(false);
      if (AtLineEnd() || Peek() == '}' || Peek() == ',') {
        Mistake(key_range, fmt::format("`{}` has no value", ShownWord(*key)));
      } else {
        Value item = ParseValue();
        if (!keys.insert(*key).second) {
          Mistake(key_range, fmt::format("the key `{}` is set twice in this object", ShownWord(*key)),
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

  TfvarsLimits limits_;
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
