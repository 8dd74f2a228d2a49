#include "env/path_packing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>

namespace adhoc::env {
namespace {

using Packed = std::vector<std::vector<std::string>>;

TEST(PathPackingTest, OnePatternCoversAnother) {
  const std::vector<std::tuple<const char*, const char*, bool>> cases = {{"/api/*", "/api/users", true},
                                                                         {"/api/*", "/api/users/*", true},
                                                                         {"/api/*", "/api/", true},
                                                                         {"/api/*", "/api", false},
                                                                         {"/api*", "/api", true},
                                                                         {"/api/users/*", "/api/*", false},
                                                                         {"/*", "/a?c", true},
                                                                         {"/a?c", "/abc", true},
                                                                         {"/a?c", "/a*c", false},
                                                                         {"/a?c", "/a?c", true},
                                                                         {"/Api/*", "/api/users", false},
                                                                         {"/a*b*", "/axxbyy", true},
                                                                         {"/a*b*", "/a*b", true},
                                                                         {"/*b", "/a*", false},
                                                                         {"/?*", "/*?", true},
                                                                         {"/*?", "/?*", true},
                                                                         {"/**", "/*", true},
                                                                         {"/*", "/**", true},
                                                                         {"/??", "/?", false},
                                                                         {"/?", "/??", false},
                                                                         {"*", "/a", true}};
  for (const auto& [other, pattern, covers] : cases)
    EXPECT_EQ(Covers(other, pattern), covers) << other << " " << pattern;
}

TEST(PathPackingTest, FourPathsShareARule) {
  EXPECT_EQ(PackPaths({"/a", "/b", "/c", "/d"}), (Packed{{"/a", "/b", "/c", "/d"}}));
  EXPECT_EQ(PackPaths({"/a", "/b", "/c", "/d", "/e"}), (Packed{{"/a", "/b", "/c", "/d"}, {"/e"}}));
  EXPECT_EQ(PackPaths({"/a/*/*/*", "/b/?/?/?"}), (Packed{{"/a/*/*/*"}, {"/b/?/?/?"}})) << "six wildcards";
}

TEST(PathPackingTest, WhatOthersCoverIsLeftOut) {
  EXPECT_EQ(PackPaths({"/api/users", "/api/*", "/a", "/api/*/x", "/a"}), (Packed{{"/api/*", "/a"}}));
  EXPECT_EQ(PackPaths({"/a/*", "/a/**", "/b"}), (Packed{{"/a/*", "/b"}})) << "the same in other words";
  EXPECT_EQ(PackPaths({"/a", "/*", "/b*"}), (Packed{{}})) << "every path";
}

// First fit would take three.
TEST(PathPackingTest, WildcardsAreSpread) {
  const Packed packed = PackPaths({"/a/*/*", "/b/*/*", "/c/*", "/d/*", "/e/*", "/f/*", "/g/*", "/h/*"});
  EXPECT_EQ(packed.size(), 2U);
}

// The fewest rules for so many patterns of each number of wildcards, by trying everything.
class Fewest {
 public:
  using Counts = std::vector<int>;  // by number of wildcards

  int Of(const Counts& left) {
    if (std::all_of(left.begin(), left.end(), [](int count) { return count == 0; })) return 0;
    if (const auto found = known_.find(left); found != known_.end()) return found->second;
    int best = std::numeric_limits<int>::max();
    const std::function<void(Counts&, std::size_t, int, int)> fill = [&](Counts& rest, std::size_t from, int paths,
                                                                         int wildcards) {
      if (rest != left) best = std::min(best, 1 + Of(rest));
      for (std::size_t i = from; i < rest.size(); ++i) {
        if (rest[i] == 0 || paths == kPathsPerRule || wildcards + static_cast<int>(i) > kWildcardsPerRule) continue;
        --rest[i];
        fill(rest, i, paths + 1, wildcards + static_cast<int>(i));
        ++rest[i];
      }
    };
    Counts rest = left;
    fill(rest, 0, 0, 0);
    return known_[left] = best;
  }

 private:
  std::map<Counts, int> known_;
};

TEST(PathPackingTest, NoPackingHasFewerRules) {
  Fewest fewest;
  int tried = 0;
  // Every collection of up to eight patterns with none to five wildcards.
  const std::function<void(std::vector<std::string>&, Fewest::Counts&, int)> add =
      [&](std::vector<std::string>& patterns, Fewest::Counts& counts, int least) {
        const Packed packed = PackPaths(patterns);
        ++tried;
        ASSERT_EQ(static_cast<int>(packed.size()), fewest.Of(counts)) << ::testing::PrintToString(patterns);
        if (patterns.size() == 8) return;
        for (int wildcards = least; wildcards <= kWildcardsPerRule; ++wildcards) {
          std::string pattern = "/" + std::string(1, static_cast<char>('a' + patterns.size()));
          for (int i = 0; i < wildcards; ++i) pattern += "/?";
          patterns.push_back(pattern);
          ++counts[static_cast<std::size_t>(wildcards)];
          add(patterns, counts, wildcards);
          --counts[static_cast<std::size_t>(wildcards)];
          patterns.pop_back();
        }
      };
  std::vector<std::string> patterns;
  Fewest::Counts counts(kWildcardsPerRule + 1);
  add(patterns, counts, 0);
  EXPECT_EQ(tried, 3003);
}

}  // namespace
}  // namespace adhoc::env
