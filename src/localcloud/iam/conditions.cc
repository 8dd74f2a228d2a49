#include "localcloud/iam/conditions.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <functional>

#include "localcloud/api/support.h"
#include "localcloud/network/ipv4.h"

namespace adhoc::localcloud::iam {
namespace {

using Match = std::function<bool(const std::string& value, const std::string& pattern)>;

std::optional<double> NumberOf(const std::string& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// 2026-10-01T12:30:00Z, 2026-10-01, or seconds since 1970.
std::optional<double> TimeOf(const std::string& text) {
  std::tm time{};
  const int fields = std::sscanf(text.c_str(), "%d-%d-%dT%d:%d:%d", &time.tm_year, &time.tm_mon, &time.tm_mday,
                                 &time.tm_hour, &time.tm_min, &time.tm_sec);
  if (fields < 3) return NumberOf(text);
  time.tm_year -= 1900;
  time.tm_mon -= 1;
  return static_cast<double>(timegm(&time));
}

template <typename Read, typename Compare>
Match Ordered(Read read, Compare compare) {
  return [=](const std::string& value, const std::string& pattern) {
    const auto a = read(value);
    const auto b = read(pattern);
    return a && b && compare(*a, *b);
  };
}

bool IsInRange(const std::string& value, const std::string& pattern) {
  const auto address = ParseIpv4(value);
  const auto range = Ipv4Range::Parse(pattern.find('/') == std::string::npos ? pattern + "/32" : pattern);
  return address && range && (range->prefix == 0 || range->Contains(*address));
}

struct Operator {
  Match match;
  bool negated = false;  // satisfied when none of the policy's values matches
};

const std::map<std::string, Operator, std::less<>>& Operators() {
  static const auto* const kOperators = [] {
    const Match equals = std::equal_to<std::string>();
    const Match equals_fold = [](const auto& a, const auto& b) { return ToLower(a) == ToLower(b); };
    const Match like = [](const auto& value, const auto& pattern) { return MatchesWildcard(pattern, value); };
    auto* operators =
        new std::map<std::string, Operator, std::less<>>{{"StringEquals", {equals}},
                                                         {"StringNotEquals", {equals, true}},
                                                         {"StringEqualsIgnoreCase", {equals_fold}},
                                                         {"StringNotEqualsIgnoreCase", {equals_fold, true}},
                                                         {"StringLike", {like}},
                                                         {"StringNotLike", {like, true}},
                                                         // ArnEquals takes wildcards, too.
                                                         {"ArnEquals", {like}},
                                                         {"ArnLike", {like}},
                                                         {"ArnNotEquals", {like, true}},
                                                         {"ArnNotLike", {like, true}},
                                                         {"Bool", {equals_fold}},
                                                         {"BinaryEquals", {equals}},
                                                         {"IpAddress", {IsInRange}},
                                                         {"NotIpAddress", {IsInRange, true}}};
    const std::pair<const char*, std::function<bool(double, double)>> comparisons[] = {
        {"Equals", std::equal_to<double>()},
        {"LessThan", std::less<double>()},
        {"LessThanEquals", std::less_equal<double>()},
        {"GreaterThan", std::greater<double>()},
        {"GreaterThanEquals", std::greater_equal<double>()}};
    for (const auto& [name, compare] : comparisons) {
      operators->insert({std::string("Numeric") + name, {Ordered(NumberOf, compare)}});
      operators->insert({std::string("Date") + name, {Ordered(TimeOf, compare)}});
    }
    operators->insert({"NumericNotEquals", {Ordered(NumberOf, std::equal_to<double>()), true}});
    operators->insert({"DateNotEquals", {Ordered(TimeOf, std::equal_to<double>()), true}});
    return operators;
  }();
  return *kOperators;
}

enum class Quantifier { kNone, kAll, kAny };

struct Condition {
  Quantifier quantifier = Quantifier::kNone;
  bool if_exists = false;
  std::string base;
};

Condition Parse(std::string_view name) {
  Condition condition;
  for (const auto& [prefix, quantifier] :
       {std::pair(std::string_view("ForAllValues:"), Quantifier::kAll), {"ForAnyValue:", Quantifier::kAny}}) {
    if (!StartsWith(name, prefix)) continue;
    condition.quantifier = quantifier;
    name.remove_prefix(prefix.size());
  }
  constexpr std::string_view kIfExists = "IfExists";
  if (name.ends_with(kIfExists)) {
    condition.if_exists = true;
    name.remove_suffix(kIfExists.size());
  }
  condition.base = name;
  return condition;
}

// Values of a comparison with wildcards are patterns already; in others a backslash or a star is nothing but that.
bool TakesPatterns(std::string_view base) {
  return base.find("Like") != std::string_view::npos || StartsWith(base, "Arn");
}

std::string Unescape(const std::string& pattern) {
  std::string text;
  for (std::size_t i = 0; i < pattern.size(); ++i)
    text += pattern[i] == '\\' && i + 1 < pattern.size() ? pattern[++i] : pattern[i];
  return text;
}

bool SatisfiesKey(const Condition& condition, const std::vector<std::string>* values, const Json& wanted,
                  const Keys& keys) {
  if (condition.base == "Null") {
    const bool is_null = values == nullptr || values->empty();
    const auto texts = StringsOf(wanted);
    return std::any_of(texts.begin(), texts.end(),
                       [&](const auto& text) { return (ToLower(text) == "true") == is_null; });
  }
  const auto found = Operators().find(condition.base);
  if (found == Operators().end()) return false;
  const Match& match = found->second.match;
  const bool negated = found->second.negated;
  if (values == nullptr || values->empty()) {
    if (condition.quantifier == Quantifier::kAny) return condition.if_exists;
    return condition.if_exists || negated || condition.quantifier == Quantifier::kAll;
  }
  std::vector<std::string> patterns;
  for (const auto& text : StringsOf(wanted)) {
    auto expanded = ExpandVariables(text, keys);
    if (expanded) patterns.push_back(TakesPatterns(condition.base) ? *expanded : Unescape(*expanded));
  }
  const auto holds = [&](const std::string& value) {
    const bool any =
        std::any_of(patterns.begin(), patterns.end(), [&](const auto& pattern) { return match(value, pattern); });
    return any != negated;
  };
  // Without a quantifier a key has one value; where it has several, as for a negated operator, all count.
  if (condition.quantifier == Quantifier::kAny || (condition.quantifier == Quantifier::kNone && !negated)) {
    return std::any_of(values->begin(), values->end(), holds);
  }
  return std::all_of(values->begin(), values->end(), holds);
}

}  // namespace

bool IsConditionOperator(std::string_view name) {
  const std::string base = Parse(name).base;
  return base == "Null" || Operators().contains(base);
}

bool Satisfies(const Json& condition, const Keys& keys) {
  if (!condition.is_object()) return true;
  for (const auto& [name, block] : condition.items()) {
    const Condition parsed = Parse(name);
    for (const auto& [key, wanted] : block.items()) {
      const auto values = keys.find(ToLower(key));
      if (!SatisfiesKey(parsed, values == keys.end() ? nullptr : &values->second, wanted, keys)) return false;
    }
  }
  return true;
}

std::optional<std::string> ExpandVariables(std::string_view pattern, const Keys& keys) {
  std::string text;
  const auto add_literally = [&](std::string_view value) {
    for (const char c : value) {
      if (c == '*' || c == '?' || c == '\\') text += '\\';
      text += c;
    }
  };
  while (!pattern.empty()) {
    const auto end = pattern.find('}');
    if (!StartsWith(pattern, "${") || end == std::string_view::npos) {
      if (pattern.front() == '\\') text += '\\';
      text += pattern.front();
      pattern.remove_prefix(1);
      continue;
    }
    std::string_view name = pattern.substr(2, end - 2);
    pattern.remove_prefix(end + 1);
    if (name == "*" || name == "?" || name == "$") {
      add_literally(name);
      continue;
    }
    std::optional<std::string> otherwise;
    if (const auto comma = name.find(','); comma != std::string_view::npos) {
      const auto open = name.find('\'', comma);
      const auto close = name.rfind('\'');
      if (open != std::string_view::npos && close > open) otherwise = name.substr(open + 1, close - open - 1);
      name = name.substr(0, comma);
    }
    const auto value = keys.find(ToLower(name));
    if (value != keys.end() && value->second.size() == 1) {
      add_literally(value->second.front());
    } else if (otherwise) {
      add_literally(*otherwise);
    } else {
      return std::nullopt;
    }
  }
  return text;
}

std::vector<std::string> StringsOf(const Json& value) {
  std::vector<std::string> texts;
  const auto add = [&](const Json& item) {
    if (item.is_string()) {
      texts.push_back(item.get<std::string>());
    } else if (item.is_boolean() || item.is_number()) {
      texts.push_back(item.dump());
    }
  };
  if (value.is_array()) {
    for (const auto& item : value) add(item);
  } else {
    add(value);
  }
  return texts;
}

}  // namespace adhoc::localcloud::iam
