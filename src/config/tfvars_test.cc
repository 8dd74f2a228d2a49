#include "config/tfvars.h"

#include <gtest/gtest.h>

namespace adhoc::config {
namespace {

struct Parsed {
  Variables variables;
  Diagnostics diagnostics;
};

Parsed Parse(std::string text, const TfvarsLimits& limits = {}) {
  Parsed parsed;
  parsed.variables = ParseTfvars(SourceText::FromText("t.tfvars", std::move(text)), parsed.diagnostics, limits);
  return parsed;
}

// The mistakes as "line:column summary", in the order in which they were found.
std::vector<std::string> Mistakes(const std::string& text) {
  std::vector<std::string> mistakes;
  const Parsed parsed = Parse(text);
  for (const Diagnostic& item : parsed.diagnostics.items()) {
    mistakes.push_back(std::to_string(item.range.begin.line) + ":" + std::to_string(item.range.begin.column) + " " +
                       item.summary);
  }
  return mistakes;
}

using Strings = std::vector<std::string>;

TEST(Tfvars, ReadsValues) {
  struct Case {
    const char* text;
    Json value;
  };
  const Case cases[] = {
      {R"("v1.0.0")", "v1.0.0"},
      {R"("")", ""},
      {R"("a\n\r\t\"\\b")", "a\n\r\t\"\\b"},
      {R"("\u00e9\U0001F600")", "é😀"},
      {R"("$${x} %%{y} $ % $$ 5$")", "${x} %{y} $ % $$ 5$"},
      {R"("http://x // # /* no comment */")", "http://x // # /* no comment */"},
      {"\"漢字\"", "漢字"},
      {"0", 0},
      {"42", 42},
      {"-7", -7},
      {"- 7", -7},
      {"9223372036854775807", 9223372036854775807LL},
      {"1.5", 1.5},
      {"-0.25", -0.25},
      {"1e3", 1000.0},
      {"1.5E-3", 0.0015},
      {"2e+2", 200.0},
      {"12345678901234567890", 12345678901234567890.0},
      {"true", true},
      {"false", false},
      {"null", nullptr},
      {"[]", Json::array()},
      {"[1, 2, 3]", {1, 2, 3}},
      {"[1, 2, 3,]", {1, 2, 3}},
      {"[\n  \"a\", # one\n  \"b\" // two\n  ,\n]", {"a", "b"}},
      {"[[1], [], [\"x\"]]", Json::array({Json::array({1}), Json::array(), Json::array({"x"})})},
      {"{}", Json::object()},
      {"{ a = 1, b = 2 }", {{"a", 1}, {"b", 2}}},
      {"{ a = 1, b = 2, }", {{"a", 1}, {"b", 2}}},
      {"{\n  a = 1\n  \"b c\" : 2,\n\n  d-e = { f = [true] }\n}",
       {{"a", 1}, {"b c", 2}, {"d-e", {{"f", Json::array({true})}}}}},
      {"{ 1 = \"one\" }", {{"1", "one"}}},
      {"{ true = 1, null = 2 }", {{"true", 1}, {"null", 2}}},
      {"/* a */ 1 /* b\nc */", 1},
      {"<<EOT\nhello\n  world\nEOT\n", "hello\n  world\n"},
      {"<<EOT\nEOT\n", ""},
      {"<<EOT\na \\n \"b\" $${c}\nEOT", "a \\n \"b\" ${c}\n"},
      {"<<EOT\nEOTX\n EOT not yet\nEOT\n", "EOTX\n EOT not yet\n"},
      {"<<-EOT\n    a\n      b\n\n    c\n    EOT\n", "a\n  b\n\nc\n"},
      {"<<-EOT\n  a\n b\n  EOT", " a\nb\n"},
      {"<<-EOT\n\n  \n  x\n  EOT", "\n  \nx\n"},
      {"[<<A\nx\nA\n, <<B\ny\nB\n]", {"x\n", "y\n"}},
  };
  for (const Case& test : cases) {
    const Parsed parsed = Parse(std::string("x = ") + test.text);
    EXPECT_EQ(parsed.diagnostics.Render(), "") << test.text;
    const Json expected = {{"x", test.value}};
    EXPECT_EQ(parsed.variables.ToJson(), expected) << test.text;
  }
}

TEST(Tfvars, ReadsAFile) {
  const Parsed parsed = Parse(R"(# brian.tfvars
be_image_tag = "v1.1.0"   // the backend
fe_image_tag="v2.1.0"

/* several
   lines */
extra_env = {
  DEBUG   = "1"
  "A.B" : "x" # quoted
}
)");
  EXPECT_EQ(parsed.diagnostics.Render(), "");
  EXPECT_EQ(parsed.variables.ToJson(),
            Json::parse(R"({"be_image_tag":"v1.1.0","fe_image_tag":"v2.1.0","extra_env":{"DEBUG":"1","A.B":"x"}})"));
  const Assignment* frontend = parsed.variables.Find("fe_image_tag");
  ASSERT_NE(frontend, nullptr);
  EXPECT_EQ(frontend->value.range.ToString(), "t.tfvars:3:14");
  EXPECT_EQ(frontend->value.range.end.column, 22);
  EXPECT_EQ(parsed.variables.assignments[2].value.object[1].key_range.ToString(), "t.tfvars:9:3");
  EXPECT_EQ(parsed.variables.assignments[2].value.object[1].value.range.ToString(), "t.tfvars:9:11");
}

TEST(Tfvars, AcceptsEmptyFiles) {
  for (const char* text : {"", "\n", "  ", "# only a comment", "/**/", "\xEF\xBB\xBF", "\r\n\r\n"}) {
    const Parsed parsed = Parse(text);
    EXPECT_EQ(parsed.diagnostics.Render(), "") << text;
    EXPECT_TRUE(parsed.variables.assignments.empty());
  }
}

TEST(Tfvars, WindowsFilesMeanTheSame) {
  const Parsed parsed = Parse(
      "\xEF\xBB\xBF"
      "a = 1\r\nb = <<EOT\r\nx\r\n y\r\nEOT\r\nc = [\r\n1,\r\n2\r\n]\r\nd = {\r\n e = 1\r\n}\r\n");
  EXPECT_EQ(parsed.diagnostics.Render(), "");
  EXPECT_EQ(parsed.variables.ToJson(), Json::parse(R"({"a":1,"b":"x\n y\n","c":[1,2],"d":{"e":1}})"));
}

TEST(Tfvars, ReportsMistakes) {
  struct Case {
    const char* text;
    Strings mistakes;
  };
  const Case cases[] = {
      {"x = v1.0.0", {"1:5 expected a value, found the bare word `v1.0.0`"}},
      {"x = 1.0.0", {"1:5 this is not a number: `1.0.0`"}},
      {"x = 10GB", {"1:5 this is not a number: `10GB`"}},
      {"x = 1e999", {"1:5 this number is out of range"}},
      {"x = 'a'", {"1:5 expected a value, found a text in single quotes"}},
      {"x = True", {"1:5 expected a value, found `True`"}},
      {"x = \"a", {"1:5 this text has no end on its line"}},
      {"x = \"a\ny = 1", {"1:5 this text has no end on its line"}},
      {"x = \"${var.y}\"", {"1:6 references are not allowed here: `${var.y}`"}},
      {"x = \"${var.y[\"a\"]}\"", {"1:6 references are not allowed here: `${var.y[\"a\"]}`"}},
      {"x = \"%{if a}\"", {"1:6 template directives are not allowed here: `%{if a}`"}},
      {"x = \"a${\"", {"1:7 references are not allowed here: `${`"}},
      {"x = var.y", {"1:5 references are not allowed here: `var.y`"}},
      {"x = file(\"a\")", {"1:5 functions are not allowed here: `file(…)`"}},
      {"x = 1 + 2", {"1:7 expressions are not allowed here: found `+` after a value"}},
      {"x = (1)", {"1:5 expressions are not allowed here: found `(`"}},
      {"x = \"a\\qb\"", {"1:7 unknown escape: `\\q`"}},
      {"x = \"\\u12\"", {"1:6 this escape needs 4 hexadecimal digits: it has 2"}},
      {"x = \"\\ud800\"", {"1:6 this escape is not a character of Unicode"}},
      {"x = \"\\u0000\"", {"1:6 a text cannot hold the character U+0000"}},
      {"x", {"1:2 expected `=` after `x`, found the end of the file"}},
      {"x =", {"1:1 `x` has no value"}},
      {"x = # nothing\ny = 1", {"1:1 `x` has no value"}},
      {"= 1", {"1:1 expected a variable's name, found `=`"}},
      {"x: 1", {"1:2 expected `=` after `x`, found `:`"}},
      {"x == 1", {"1:3 expected `=` after `x`, found `==`"}},
      {"\"x\" = 1", {"1:1 a variable's name is not quoted"}},
      {"x {\n a = 1\n}\ny = z",
       {"1:1 blocks are not allowed here: `x` is not followed by `=`",
        "4:5 expected a value, found the bare word `z`"}},
      {"x = 1 y = 2", {"1:7 expected the end of the line after a value, found `y`"}},
      {"x = 1,\ny = 2", {"1:6 expected the end of the line after a value, found `,`"}},
      {"x = 1\nx = 2", {"2:1 `x` is set twice: first in line 1"}},
      {"x = { a = 1, a = 2 }", {"1:14 the key `a` is set twice in this object"}},
      {"x = { a 1 }", {"1:9 expected `=` after the key `a`, found `1`"}},
      {"x = { a = }", {"1:7 `a` has no value"}},
      {"x = { a = 1 b = 2 }", {"1:13 expected `,`, the end of the line or `}` after a value, found `b`"}},
      {"x = { (a) = 1 }", {"1:7 expressions are not allowed here: found `(`"}},
      {"x = { a = 1", {"1:5 this object has no end: missing `}`"}},
      {"x = [1 2]", {"1:7 expected `,` or `]` after a value, found `2`"}},
      {"x = [1, 2", {"1:5 this list has no end: missing `]`"}},
      {"x = [1,\n 2\ny = z",
       {"1:5 this list has no end: missing `]`", "3:5 expected a value, found the bare word `z`"}},
      {"x = [for a in b : a]", {"1:6 expressions are not allowed here: `for`"}},
      {"x = [,]", {"1:6 expected a value, found `,`"}},
      {"x = <<EOT\nabc\n", {"1:5 this text has no end: there is no line with only `EOT`"}},
      {"x = <<\nabc\n",
       {"1:5 expected a marker after `<<`, found the end of the line",
        "2:4 expected `=` after `abc`, found the end of the line"}},
      {"x = <<EOT a\nb\nEOT", {"1:11 expected the end of the line after `<<EOT`, found `a`"}},
      {"x = <<EOT\na ${b}\nEOT", {"2:3 references are not allowed here: `${b}`"}},
      {"/* open", {"1:1 this comment has no end"}},
      {"x = @", {"1:5 expected a value, found `@`"}},
      {"x = é\n", {"1:5 expected a value, found the bare word `é`"}},
      {"é = é\n", {"1:5 expected a value, found the bare word `é`"}},
      {"x = \"a\x01\"", {"1:7 control character U+0001 in a text"}},
      {"x = 1\ry = 2", {"1:6 expected the end of the line after a value, found the control character U+000D"}},
  };
  for (const Case& test : cases) EXPECT_EQ(Mistakes(test.text), test.mistakes) << test.text;
}

TEST(Tfvars, ReportsEveryMistakeOfAFile) {
  EXPECT_EQ(Mistakes("a 1\n"
                     "b = x\n"
                     "c = [\n"
                     "  1,\n"
                     "  y,\n"
                     "  \"${z}\"\n"
                     "]\n"
                     "d = { e = w, f: \"ok\", g = \"\\z\" }\n"
                     "ok = 1\n"
                     "ok = 2\n"),
            (Strings{"1:3 expected `=` after `a`, found `1`", "2:5 expected a value, found the bare word `x`",
                     "5:3 expected a value, found the bare word `y`", "6:4 references are not allowed here: `${z}`",
                     "8:11 expected a value, found the bare word `w`", "8:28 unknown escape: `\\z`",
                     "10:1 `ok` is set twice: first in line 9"}));
}

TEST(Tfvars, KeepsWhatIsRightAndMarksWhatIsBroken) {
  const Parsed parsed = Parse("a = x\nb = 1\nc = [\n");
  ASSERT_EQ(parsed.variables.assignments.size(), 3U);
  EXPECT_TRUE(parsed.variables.assignments[0].broken);
  EXPECT_FALSE(parsed.variables.assignments[1].broken);
  EXPECT_TRUE(parsed.variables.assignments[2].broken);
}

TEST(Tfvars, RefusesNulBytesAndBadUtf8) {
  EXPECT_EQ(Mistakes(std::string("x = \"a\0b\"", 9)), (Strings{"1:7 control character U+0000 in a text"}));
  EXPECT_EQ(Mistakes(std::string("x = 1\0", 6)),
            (Strings{"1:6 expected the end of the line after a value, found the control character U+0000"}));
  const Strings bad = Mistakes("x = 1\ny = \"a\xff\"\n");
  ASSERT_EQ(bad.size(), 1U);
  EXPECT_EQ(bad[0], "2:7 the file is not valid UTF-8: stray byte here");
  // A NUL where a list or object goes on, which is not the end of the file.
  EXPECT_FALSE(Mistakes(std::string("x = [\0]", 7)).empty());
  EXPECT_FALSE(Mistakes(std::string("x = {\0}", 7)).empty());
}

TEST(Tfvars, LimitsDepthAndSize) {
  std::string deep = "x = ";
  for (int i = 0; i < 100000; ++i) deep += "[";
  EXPECT_EQ(Mistakes(deep), (Strings{"1:69 nested too deeply: more than 64 lists and objects in each other"}));
  std::string objects = "x = ";
  for (int i = 0; i < 100000; ++i) objects += "{a=";
  EXPECT_EQ(Mistakes(objects).size(), 1U);
  const Parsed large = Parse("x = 12345", TfvarsLimits{64, 5});
  EXPECT_EQ(large.diagnostics.errors(), 1U);
  EXPECT_TRUE(large.variables.assignments.empty());
}

// Times are generous: quadratic behaviour would take minutes.
// Anything that grows faster than the input would not end before the test's time-out.
TEST(Tfvars, TakesLargeInput) {
  std::string list = "x = [";
  while (list.size() < 100'000) list += "1,";
  list += "]";
  EXPECT_EQ(Parse(list).diagnostics.errors(), 0U);
  std::string names;
  for (int i = 0; names.size() < 100'000; ++i) names += "a" + std::to_string(i) + "=1\n";
  EXPECT_EQ(Parse(names).diagnostics.errors(), 0U);
  std::string mistakes;
  while (mistakes.size() < 100'000) mistakes += "x = [y\n";
  const Parsed wrong = Parse(mistakes);
  EXPECT_GT(wrong.diagnostics.errors(), 100U);
  EXPECT_EQ(wrong.diagnostics.items().size(), Diagnostics::kMaxKept);
  EXPECT_FALSE(wrong.diagnostics.Render().empty());
}

TEST(Tfvars, RendersMistakes) {
  const Parsed parsed = Parse("be_image_tag = v1.0.0\nport = [80\n\nfe = \"a${b}\"\n");
  EXPECT_EQ(parsed.diagnostics.Render(), R"(t.tfvars:1:16: error: expected a value, found the bare word `v1.0.0`
     1 | be_image_tag = v1.0.0
       |                ^~~~~~
  hint: a text has double quotes: "v1.0.0"
t.tfvars:2:8: error: this list has no end: missing `]`
     2 | port = [80
       |        ^
  hint: close it with ]
t.tfvars:4:8: error: references are not allowed here: `${b}`
     4 | fe = "a${b}"
       |        ^~~~
  hint: a variables file holds finished values only; write $${ for the characters ${
)");
}

}  // namespace
}  // namespace adhoc::config
