#include "base/diagnostics.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace adhoc {
namespace {

Range Find(const std::shared_ptr<const SourceText>& source, std::string_view part) {
  const std::size_t begin = source->text().find(part);
  EXPECT_NE(begin, std::string::npos) << part;
  return Range{source, source->At(begin), source->At(begin + part.size())};
}

TEST(SourceText, CountsLinesAndCharacters) {
  const auto source = SourceText::FromText("f", "ab\ncdé!\r\n\nlast");
  EXPECT_EQ(source->At(0), (Position{0, 1, 1}));
  EXPECT_EQ(source->At(2), (Position{2, 1, 3}));
  EXPECT_EQ(source->At(3), (Position{3, 2, 1}));
  EXPECT_EQ(source->At(7), (Position{7, 2, 4}));  // after é, which has two bytes
  EXPECT_EQ(source->At(11), (Position{11, 4, 1}));
  EXPECT_EQ(source->At(999), (Position{15, 4, 5}));
  EXPECT_EQ(source->Line(2), "cdé!");
  EXPECT_EQ(source->Line(3), "");
  EXPECT_EQ(source->Line(4), "last");
  EXPECT_EQ(source->Line(0), "");
  EXPECT_EQ(source->Line(5), "");
}

TEST(SourceText, CountsColumnsOfLongLines) {
  std::string text = "é\n";
  for (int i = 0; i < 1000; ++i) text += "é.";
  const auto source = SourceText::FromText("f", text);
  for (const int pairs : {0, 1, 85, 86, 500, 1000}) {
    EXPECT_EQ(source->At(3 + static_cast<std::size_t>(pairs) * 3).column, pairs * 2 + 1);
  }
}

TEST(SourceText, DoesNotCountAByteOrderMark) {
  const auto source = SourceText::FromText("f", "\xEF\xBB\xBFx = 1\ny");
  EXPECT_EQ(source->At(3), (Position{3, 1, 1}));
  EXPECT_EQ(source->At(5).column, 3);
  EXPECT_EQ(source->At(9), (Position{9, 2, 1}));
}

TEST(SourceText, RefusesWhatItCannotRead) {
  EXPECT_THROW(SourceText::Read("/nonexistent/file"), Error);
  EXPECT_THROW(SourceText::Read("/"), Error);
  const auto path = std::filesystem::temp_directory_path() / ("adhoc-source-" + std::to_string(::getpid()));
  std::ofstream(path) << "12345";
  EXPECT_EQ(SourceText::Read(path, 5)->text(), "12345");
  EXPECT_THROW(SourceText::Read(path, 4), Error);
  std::filesystem::remove(path);
}

TEST(Render, ShowsTheLineAndACaret) {
  const auto source = SourceText::FromText("adhoc.yaml", "services:\n  web:\n    imagee: backend\n");
  Diagnostics diagnostics;
  diagnostics.Error(Find(source, "imagee"), "unknown key `imagee` in `services.web`", "did you mean `image`?");
  EXPECT_EQ(diagnostics.Render(), R"(adhoc.yaml:3:5: error: unknown key `imagee` in `services.web`
     3 |     imagee: backend
       |     ^~~~~~
  hint: did you mean `image`?
)");
}

TEST(Render, ShowsDetailsAndWarnings) {
  const auto source = SourceText::FromText("f", "a");
  EXPECT_EQ(Render({Severity::kWarning, "odd", "More about it", "", Range{source, source->At(0), source->At(1)}}),
            "f:1:1: warning: odd\n     1 | a\n       | ^\n  More about it\n");
  EXPECT_EQ(Render({Severity::kError, "nowhere", "", "look", {}}), "error: nowhere\n  hint: look\n");
}

TEST(Render, PutsTheCaretUnderWideCharactersAndTabs) {
  const auto source = SourceText::FromText("f", "\t漢字 = x\n");
  EXPECT_EQ(Render({Severity::kError, "s", "", "", Find(source, "x")}),
            "f:1:7: error: s\n     1 |  漢字 = x\n       |         ^\n");
}

TEST(Render, PointsBehindTheLastCharacter) {
  const auto source = SourceText::FromText("f", "abc\n");
  EXPECT_EQ(Render({Severity::kError, "s", "", "", Range{source, source->At(3), source->At(4)}}),
            "f:1:4: error: s\n     1 | abc\n       |    ^\n");
}

TEST(Render, MarksTheFirstLineOfALongRange) {
  const auto source = SourceText::FromText("f", "x = [\n1\n]\n");
  EXPECT_EQ(Render({Severity::kError, "s", "", "", Range{source, source->At(4), source->At(9)}}),
            "f:1:5: error: s\n     1 | x = [\n       |     ^\n");
}

TEST(Render, ShowsNoControlCharacterAndNoBadByte) {
  const auto source = SourceText::FromText("f", "a\x1b[31m\xff\xe2\x80\xae z\n");
  const std::string text = Render({Severity::kError, "s", "", "", Find(source, "z")});
  EXPECT_EQ(text, "f:1:10: error: s\n     1 | a�[31m�� z\n       |          ^\n");
}

TEST(Render, CutsLongLines) {
  const auto source = SourceText::FromText("f", std::string(5000, 'a') + "X" + std::string(5000, 'b') + "\n");
  const std::string text = Render({Severity::kError, "s", "", "", Find(source, "X")});
  EXPECT_LT(text.size(), 600U);
  EXPECT_NE(text.find("aXb"), std::string::npos);
  // The caret stands under the X.
  const std::size_t line = text.find('\n') + 1;
  const std::size_t marks = text.find('\n', line) + 1;
  const std::size_t shift = std::string("…").size() - 1;  // one column, three bytes
  EXPECT_EQ(text.find('X', line) - line - shift, text.find('^') - marks);
}

TEST(Render, ColorsOnRequest) {
  const auto source = SourceText::FromText("f", "a");
  const Diagnostic diagnostic{Severity::kError, "s", "", "h", Range{source, source->At(0), source->At(1)}};
  EXPECT_NE(Render(diagnostic, true).find("\x1b[1;31merror:\x1b[0m"), std::string::npos);
  EXPECT_EQ(Render(diagnostic, false).find('\x1b'), std::string::npos);
}

TEST(Diagnostics, AreOrderedByPlaceWithinEachFile) {
  const auto yaml = SourceText::FromText("y", "one\ntwo\n");
  const auto vars = SourceText::FromText("v", "three\n");
  Diagnostics diagnostics;
  diagnostics.Error(Find(yaml, "two"), "second");
  diagnostics.Error(Find(vars, "three"), "third");
  diagnostics.Error(Find(yaml, "one"), "first");
  const std::string text = diagnostics.Render();
  EXPECT_LT(text.find("first"), text.find("second"));
  EXPECT_LT(text.find("second"), text.find("third"));
}

TEST(Diagnostics, SayEachMistakeOnce) {
  const auto source = SourceText::FromText("f", "a b");
  Diagnostics diagnostics;
  diagnostics.Error(Find(source, "a"), "wrong");
  diagnostics.Error(Find(source, "a"), "wrong");
  diagnostics.Error(Find(source, "a"), "also odd");
  diagnostics.Error(Find(source, "b"), "wrong");
  EXPECT_EQ(diagnostics.errors(), 3U);
}

TEST(Diagnostics, CountsWhatItDoesNotKeep) {
  Diagnostics diagnostics;
  for (int i = 0; i < 250; ++i) diagnostics.Error({}, "again");
  EXPECT_EQ(diagnostics.errors(), 250U);
  EXPECT_EQ(diagnostics.items().size(), Diagnostics::kMaxKept);
  EXPECT_NE(diagnostics.Render().find("… and 150 more errors"), std::string::npos);
  Diagnostics all;
  all.Error({}, "before");
  all.Append(diagnostics);
  EXPECT_EQ(all.errors(), 251U);
}

TEST(Diagnostics, ThrowsOnceWithEverything) {
  Diagnostics diagnostics;
  diagnostics.Warning({}, "only a warning");
  EXPECT_NO_THROW(diagnostics.ThrowIfErrors());
  const auto source = SourceText::FromText("f", "a b");
  diagnostics.Error(Find(source, "a"), "first", "try this");
  diagnostics.Error(Find(source, "b"), "second");
  try {
    diagnostics.ThrowIfErrors();
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "f:1:1: first (and 1 more error)");
    EXPECT_EQ(error.hint(), "try this");
    const auto* all = dynamic_cast<const DiagnosticsError*>(&error);
    ASSERT_NE(all, nullptr);
    EXPECT_EQ(all->diagnostics().items().size(), 3U);
  }
}

}  // namespace
}  // namespace adhoc
