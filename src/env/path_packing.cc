#include "env/path_packing.h"

#include <algorithm>

namespace adhoc::env {
namespace {

bool IsWildcard(char c) { return c == '*' || c == '?'; }

int Wildcards(std::string_view pattern) {
  return static_cast<int>(std::count_if(pattern.begin(), pattern.end(), IsWildcard));
}

// The one way of writing a run of wildcards: `*?*` is `?*`.
std::string Canonical(std::string_view pattern) {
  std::string text;
  for (std::size_t at = 0; at < pattern.size();) {
    if (!IsWildcard(pattern[at])) {
      text += pattern[at++];
      continue;
    }
    bool any = false;
    for (; at < pattern.size() && IsWildcard(pattern[at]); ++at) {
      if (pattern[at] == '?') text += '?';
      any |= pattern[at] == '*';
    }
    if (any) text += '*';
  }
  return text;
}

// Wildcards of `pattern` are characters like others, which only wildcards take: `?` all but `*`, `*` all. Where it
// fails, the last `*` takes one more.
bool CoversCanonical(std::string_view other, std::string_view pattern) {
  constexpr auto kNone = std::string_view::npos;
  std::size_t at = 0;
  std::size_t in_other = 0;
  std::size_t star = kNone;  // in `other`
  std::size_t taken = 0;     // up to here by that star
  while (at < pattern.size()) {
    const char c = in_other < other.size() ? other[in_other] : '\0';
    if (c == '*') {
      star = in_other++;
      taken = at;
    } else if (pattern[at] != '*' && (c == '?' || c == pattern[at])) {
      ++in_other;
      ++at;
    } else if (star != kNone) {
      in_other = star + 1;
      at = ++taken;
    } else {
      return false;
    }
  }
  return std::all_of(other.begin() + static_cast<std::ptrdiff_t>(in_other), other.end(),
                     [](char c) { return c == '*'; });
}

std::vector<std::string> WithoutCovered(const std::vector<std::string>& patterns) {
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    bool covered = false;
    for (std::size_t j = 0; j < patterns.size() && !covered; ++j) {
      // Of two that mean the same the first one stays.
      covered = i != j && Covers(patterns[j], patterns[i]) && (j < i || !Covers(patterns[i], patterns[j]));
    }
    if (!covered) kept.push_back(patterns[i]);
  }
  return kept;
}

struct Rule {
  std::vector<std::size_t> paths;  // indexes
  int wildcards = 0;
  bool Takes(int more) const {
    return static_cast<int>(paths.size()) < kPathsPerRule && wildcards + more <= kWildcardsPerRule;
  }
};

// One after the other, each in the first rule that takes it.
std::vector<Rule> PackInOrder(const std::vector<std::string>& patterns) {
  std::vector<Rule> rules;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const int wildcards = Wildcards(patterns[i]);
    auto rule = std::find_if(rules.begin(), rules.end(), [&](const Rule& one) { return one.Takes(wildcards); });
    if (rule == rules.end()) rule = rules.insert(rules.end(), Rule{});
    rule->paths.push_back(i);
    rule->wildcards += wildcards;
  }
  return rules;
}

// Those with most wildcards first, each in the emptiest rule. No rules: they do not fit into so many.
std::vector<Rule> PackEvenly(const std::vector<std::string>& patterns, std::size_t count) {
  std::vector<std::size_t> order(patterns.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return Wildcards(patterns[a]) > Wildcards(patterns[b]); });
  std::vector<Rule> rules(count);
  for (const std::size_t i : order) {
    const int wildcards = Wildcards(patterns[i]);
    Rule* emptiest = nullptr;
    for (Rule& rule : rules) {
      if (!rule.Takes(wildcards)) continue;
      if (emptiest == nullptr ||
          std::pair(rule.wildcards, rule.paths.size()) < std::pair(emptiest->wildcards, emptiest->paths.size())) {
        emptiest = &rule;
      }
    }
    if (emptiest == nullptr) return {};
    emptiest->paths.push_back(i);
    emptiest->wildcards += wildcards;
  }
  return rules;
}

}  // namespace

bool Covers(std::string_view other, std::string_view pattern) {
  return CoversCanonical(Canonical(other), Canonical(pattern));
}

std::vector<std::vector<std::string>> PackPaths(const std::vector<std::string>& patterns) {
  // Every path begins with a slash.
  if (std::any_of(patterns.begin(), patterns.end(), [](const auto& pattern) { return Covers(pattern, "/*"); })) {
    return {{}};
  }
  const std::vector<std::string> kept = WithoutCovered(patterns);
  std::vector<Rule> rules = PackInOrder(kept);
  for (std::size_t count = 1; count < rules.size(); ++count) {
    if (auto fewer = PackEvenly(kept, count); !fewer.empty()) rules = std::move(fewer);
  }
  std::vector<std::vector<std::string>> packed;
  for (Rule& rule : rules) {
    std::sort(rule.paths.begin(), rule.paths.end());
    std::vector<std::string>& paths = packed.emplace_back();
    for (const std::size_t i : rule.paths) paths.push_back(kept[i]);
  }
  return packed;
}

}  // namespace adhoc::env
