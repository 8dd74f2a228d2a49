#include "localcloud/api/log_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

#include "localcloud/api/support.h"

namespace adhoc::localcloud {
namespace {

using Condition = std::function<bool(const Json&)>;

ApiError Invalid(std::size_t position, std::string_view expected) {
  return ApiError("InvalidParameterException",
                  fmt::format("Invalid filter pattern: expected {} at position {}", expected, position + 1));
}

bool IsNameCharacter(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-'; }

// In these patterns only `*` is special.
std::string AsWildcard(std::string_view operand) {
  std::string pattern;
  for (const char c : operand) {
    if (c == '?' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern;
}

// The value at a selector, or null when there is none: `$.request.headers[0]`.
class Selector {
 public:
  void Add(std::string member) { steps_.push_back({std::move(member), 0}); }
  void Add(std::size_t index) { steps_.push_back({std::nullopt, index}); }

  const Json* Find(const Json& document) const {
    const Json* at = &document;
    for (const Step& step : steps_) {
      if (step.member) {
        if (!at->is_object() || !at->contains(*step.member)) return nullptr;
        at = &at->at(*step.member);
      } else {
        if (!at->is_array() || at->size() <= step.index) return nullptr;
        at = &at->at(step.index);
      }
    }
    return at;
  }

 private:
  struct Step {
    std::optional<std::string> member;
    std::size_t index;
  };
  std::vector<Step> steps_;
};

// Recursive descent; each level of parentheses costs a character, and patterns have 1024 at most.
class FieldParser {
 public:
  explicit FieldParser(std::string_view text) : text_(text) {}

  Condition Parse() {
    Expect("{");
    Condition condition = Or();
    Expect("}");
    SkipSpaces();
    if (at_ != text_.size()) throw Invalid(at_, "the end");
    return condition;
  }

 private:
  Condition Or() {
    Condition left = And();
    while (Accept("||")) {
      left = [left, right = And()](const Json& document) { return left(document) || right(document); };
    }
    return left;
  }

  Condition And() {
    Condition left = Primary();
    while (Accept("&&")) {
      left = [left, right = Primary()](const Json& document) { return left(document) && right(document); };
    }
    return left;
  }

  Condition Primary() {
    if (Accept("(")) {
      Condition inner = Or();
      Expect(")");
      return inner;
    }
    const Selector selector = ParseSelector();
    if (Accept("IS")) return ParseIs(selector);
    if (Accept("NOT")) {
      Expect("EXISTS");
      return [selector](const Json& document) { return selector.Find(document) == nullptr; };
    }
    for (const std::string_view name : {"!=", ">=", "<=", "=", ">", "<"}) {
      if (Accept(name)) return ParseComparison(selector, name);
    }
    throw Invalid(at_, "a comparison, IS or NOT EXISTS");
  }

  Condition ParseIs(const Selector& selector) {
    for (const auto& [word, wanted] :
         {std::pair<std::string_view, Json>{"NULL", nullptr}, {"TRUE", true}, {"FALSE", false}}) {
      if (!Accept(word)) continue;
      return [selector, wanted = wanted](const Json& document) {
        const Json* value = selector.Find(document);
        return value != nullptr && *value == wanted;
      };
    }
    throw Invalid(at_, "NULL, TRUE or FALSE");
  }

  Condition ParseComparison(const Selector& selector, std::string_view comparison) {
    SkipSpaces();
    const std::size_t begin = at_;
    const bool quoted = at_ < text_.size() && text_[at_] == '"';
    const std::string operand = quoted ? Quoted() : Bare();
    if (operand.empty() && !quoted) throw Invalid(begin, "a value");
    double number = 0;
    const auto [end, error] = std::from_chars(operand.data(), operand.data() + operand.size(), number);
    if (!quoted && error == std::errc() && end == operand.data() + operand.size()) {
      return [selector, comparison, number](const Json& document) {
        const Json* value = selector.Find(document);
        if (value == nullptr || !value->is_number()) return comparison == "!=" && value != nullptr;
        const double given = value->get<double>();
        if (comparison == "=") return given == number;
        if (comparison == "!=") return given != number;
        if (comparison == ">") return given > number;
        if (comparison == ">=") return given >= number;
        if (comparison == "<") return given < number;
        return given <= number;
      };
    }
    if (comparison != "=" && comparison != "!=") throw Invalid(begin, "a number");
    return [selector, pattern = AsWildcard(operand), equal = comparison == "="](const Json& document) {
      const Json* value = selector.Find(document);
      if (value == nullptr) return false;
      return (value->is_string() && MatchesWildcard(pattern, value->get_ref<const std::string&>())) == equal;
    };
  }

  Selector ParseSelector() {
    Expect("$");
    Selector selector;
    for (;;) {
      const std::size_t begin = at_ + 1;
      if (at_ < text_.size() && text_[at_] == '.') {
        for (++at_; at_ < text_.size() && IsNameCharacter(text_[at_]);) ++at_;
        if (at_ == begin) throw Invalid(at_, "a member's name");
        selector.Add(std::string(text_.substr(begin, at_ - begin)));
      } else if (at_ < text_.size() && text_[at_] == '[') {
        std::size_t index = 0;
        const auto [end, error] = std::from_chars(text_.data() + begin, text_.data() + text_.size(), index);
        at_ = static_cast<std::size_t>(end - text_.data());
        if (error != std::errc() || at_ >= text_.size() || text_[at_] != ']') throw Invalid(at_, "an index and ]");
        ++at_;
        selector.Add(index);
      } else {
        return selector;
      }
    }
  }

  std::string Quoted() {
    std::string value;
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      value += text_[at_];
    }
    if (at_ == text_.size()) throw Invalid(at_, "a closing quote");
    ++at_;
    return value;
  }

  std::string Bare() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_.find_first_of(" )}&|", at_) != at_) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  void SkipSpaces() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool Accept(std::string_view token) {
    SkipSpaces();
    if (!text_.substr(at_).starts_with(token)) return false;
    const std::size_t end = at_ + token.size();
    if (IsNameCharacter(token.back()) && end < text_.size() && IsNameCharacter(text_[end])) return false;
    at_ = end;
    return true;
  }
  void Expect(std::string_view token) {
    if (!Accept(token)) throw Invalid(at_, token);
  }

  const std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

FilterPattern::FilterPattern(std::string_view pattern) {
  const std::size_t begin = pattern.find_first_not_of(' ');
  if (begin != std::string_view::npos && pattern[begin] == '{') {
    fields_ = FieldParser(pattern).Parse();
  } else {
    ParseTerms(pattern);
  }
}

void FilterPattern::ParseTerms(std::string_view pattern) {
  std::size_t i = 0;
  while (i < pattern.size()) {
    if (pattern[i] == ' ') {
      ++i;
      continue;
    }
    char kind = 0;
    if ((pattern[i] == '?' || pattern[i] == '-') && i + 1 < pattern.size()) kind = pattern[i++];
    std::string term;
    if (pattern[i] == '"') {
      for (++i; i < pattern.size() && pattern[i] != '"'; ++i) {
        if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
        term += pattern[i];
      }
      if (i == pattern.size()) throw Invalid(i, "a closing quote");
      ++i;
    } else {
      while (i < pattern.size() && pattern[i] != ' ') term += pattern[i++];
    }
    (kind == '?' ? any_ : kind == '-' ? none_ : all_).push_back(std::move(term));
  }
}

bool FilterPattern::Matches(std::string_view message) const {
  if (fields_) {
    const Json document = Json::parse(message, nullptr, false);
    return document.is_object() && fields_(document);
  }
  const auto occurs = [&](const std::string& term) { return message.find(term) != std::string_view::npos; };
  return std::all_of(all_.begin(), all_.end(), occurs) && std::none_of(none_.begin(), none_.end(), occurs) &&
         (any_.empty() || std::any_of(any_.begin(), any_.end(), occurs));
}

}  // namespace adhoc::localcloud
