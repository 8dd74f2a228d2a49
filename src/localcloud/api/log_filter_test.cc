#include "localcloud/api/log_filter.h"

#include <gtest/gtest.h>

#include "localcloud/api/support.h"

namespace adhoc::localcloud {
namespace {

constexpr std::string_view kMessage =
    R"({"level":"warn","status":503,"path":"/api/posts/1","ok":false,"user":null,"tags":["a","b"],"http":{"method":"GET"}})";

TEST(FilterPattern, FieldsOfJsonMessages) {
  for (const std::string_view matching : {
           R"({ $.level = "warn" })",
           R"({$.level=warn})",
           R"({ $.level != "info" })",
           "{ $.status = 503 }",
           "{ $.status >= 500 && $.status < 600 }",
           "{ $.status = 1 || $.status = 503 }",
           "{ ($.status = 1 || $.status = 503) && $.ok IS FALSE }",
           R"({ $.path = "/api/*" })",
           R"({ $.path = "*posts*" })",
           R"({ $.path = *1 })",
           "{ $.user IS NULL }",
           "{ $.nobody NOT EXISTS }",
           R"({ $.tags[1] = "b" })",
           R"({ $.http.method = "GET" })",
       }) {
    EXPECT_TRUE(FilterPattern(matching).Matches(kMessage)) << matching;
  }
  for (const std::string_view other : {
           R"({ $.level = "war" })",
           R"({ $.level = "503" })",
           "{ $.status > 503 }",
           "{ $.status = 503 && $.ok IS TRUE }",
           R"({ $.path = "/api" })",
           R"({ $.path = "*posts" })",
           "{ $.nobody IS NULL }",
           R"({ $.nobody != "x" })",
           "{ $.user NOT EXISTS }",
           R"({ $.tags[2] = "b" })",
           R"({ $.level.deeper = "x" })",
       }) {
    EXPECT_FALSE(FilterPattern(other).Matches(kMessage)) << other;
  }
  EXPECT_FALSE(FilterPattern("{ $.level NOT EXISTS }").Matches("plain text")) << "no JSON object, no fields";
}

TEST(FilterPattern, AWrongOneIsToldWithItsPosition) {
  for (const auto& [pattern, told] : std::vector<std::pair<std::string, std::string>>{
           {"{ $.a = 1", "expected } at position 10"},
           {"{ a = 1 }", "expected $ at position 3"},
           {"{ $. = 1 }", "expected a member's name at position 5"},
           {"{ $.a }", "expected a comparison, IS or NOT EXISTS at position 7"},
           {"{ $.a > x }", "expected a number at position 9"},
           {"{ $.a IS MAYBE }", "expected NULL, TRUE or FALSE at position 10"},
           {"{ $.a[x] = 1 }", "expected an index and ] at position 7"},
           {"{ $.a = }", "expected a value at position 9"},
           {"{ $.a = 1 } x", "expected the end at position 13"},
           {"\"open", "expected a closing quote at position 6"},
       }) {
    try {
      FilterPattern parsed(pattern);
      ADD_FAILURE() << pattern;
    } catch (const ApiError& error) {
      EXPECT_NE(std::string(error.what()).find(told), std::string::npos) << pattern << ": " << error.what();
    }
  }
}

}  // namespace
}  // namespace adhoc::localcloud
