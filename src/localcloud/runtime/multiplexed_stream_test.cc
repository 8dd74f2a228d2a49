#include "localcloud/runtime/multiplexed_stream.h"

#include <gtest/gtest.h>

namespace adhoc::localcloud {
namespace {

using namespace std::chrono_literals;

std::string Frame(int stream, const std::string& payload) {
  std::string frame(8, '\0');
  frame[0] = static_cast<char>(stream);
  frame[6] = static_cast<char>(payload.size() >> 8);
  frame[7] = static_cast<char>(payload.size());
  return frame + payload;
}

TimePoint At(const std::string& text) { return ParseEngineTime(text).value(); }

struct Collected {
  std::vector<std::string> lines;
  std::vector<LogLine> raw;
  LogAssembler::Sink sink() {
    return [this](const LogLine& line) {
      lines.push_back((line.from_stderr ? "err " : "out ") + line.text);
      raw.push_back(line);
      return true;
    };
  }
};

TEST(FrameDecoder, CutsFramesHoweverTheBytesArrive) {
  std::string stream = Frame(1, "one") + Frame(2, "") + Frame(2, std::string(300, 'x'));
  FrameDecoder decoder;
  std::vector<FrameDecoder::Frame> frames;
  for (char byte : stream) {
    for (auto& frame : decoder.Feed(std::string(1, byte))) frames.push_back(frame);
  }
  ASSERT_EQ(frames.size(), 3u);
  EXPECT_EQ(frames[0].payload, "one");
  EXPECT_FALSE(frames[0].from_stderr);
  EXPECT_EQ(frames[1].payload, "");
  EXPECT_EQ(frames[2].payload.size(), 300u);
  EXPECT_TRUE(frames[2].from_stderr);
}

TEST(FrameDecoder, RefusesWhatIsNoFrame) {
  FrameDecoder decoder;
  EXPECT_THROW(decoder.Feed("hello, this is plain text"), RuntimeError);
}

TEST(LogAssembler, JoinsAFrameWithoutNewlineWithTheNextOfItsStream) {
  Collected collected;
  LogAssembler assembler(false, 0);
  assembler.Feed(Frame(1, "2026-11-23T07:54:20Z begin") + Frame(2, "2026-11-23T07:54:20Z err\n") +
                     Frame(1, "2026-11-23T07:54:21Z  end\n"),
                 At("2026-11-23T08:00:00Z"), collected.sink());
  EXPECT_EQ(collected.lines, (std::vector<std::string>{"err err", "out begin end"}));
}

TEST(LogAssembler, AnUnfinishedLineIsALineOnceTheContainerHasEnded) {
  Collected collected;
  LogAssembler assembler(false, 0);
  assembler.Feed(Frame(1, "2026-11-23T07:54:20Z no newline"), At("2026-11-23T08:00:00Z"), collected.sink());
  EXPECT_TRUE(collected.lines.empty());
  assembler.Finish(collected.sink());
  EXPECT_EQ(collected.lines, std::vector<std::string>{"out no newline"});
}

TEST(LogAssembler, ReadingAgainDeliversOnlyWhatIsNew) {
  Collected collected;
  LogAssembler assembler(false, 1);
  std::string first = Frame(1, "2026-11-23T07:54:20Z a\n") + Frame(1, "2026-11-23T07:54:20Z b\n");
  assembler.Feed(first, At("2026-11-23T08:00:00Z"), collected.sink());
  assembler.Restart();
  assembler.Feed(first + Frame(1, "2026-11-23T07:54:21Z c\n"), At("2026-11-23T08:00:00Z"), collected.sink());
  EXPECT_EQ(collected.lines, (std::vector<std::string>{"out b", "out c"}));
}

TEST(LogAssembler, AFreshLineOfAnEngineWithWholeSecondsGetsTheTimeOfReading) {
  Collected collected;
  LogAssembler assembler(false, 0);
  TimePoint now = At("2026-11-23T07:54:20.350Z");
  assembler.Feed(Frame(1, "2026-11-23T07:50:00Z old\n") + Frame(1, "2026-11-23T07:54:20Z fresh\n") +
                     Frame(1, "2026-11-23T07:54:20.100Z exact\n"),
                 now, collected.sink());
  ASSERT_EQ(collected.raw.size(), 3u);
  EXPECT_EQ(collected.raw[0].time, At("2026-11-23T07:50:00Z"));
  EXPECT_EQ(collected.raw[1].time, now);
  EXPECT_EQ(collected.raw[2].time, now) << "times never go back";
}

TEST(LogAssembler, ATerminalsOutputIsCutAtNewlines) {
  Collected collected;
  LogAssembler assembler(true, 0);
  assembler.Feed("2026-11-23T07:54:20Z one\r\n2026-11-23T07:5", At("2026-11-23T08:00:00Z"), collected.sink());
  assembler.Feed("4:20Z two\r\n2026-11-23T07:54:21Z $ ", At("2026-11-23T08:00:00Z"), collected.sink());
  assembler.Finish(collected.sink());
  EXPECT_EQ(collected.lines, (std::vector<std::string>{"out one", "out two", "out $ "}));
}

TEST(LogAssembler, EmptyLinesAreLines) {
  Collected collected;
  LogAssembler assembler(false, 0);
  assembler.Feed(Frame(1, "2026-11-23T07:54:20Z \n"), At("2026-11-23T08:00:00Z"), collected.sink());
  EXPECT_EQ(collected.lines, std::vector<std::string>{"out "});
}

TEST(LogAssembler, ASinkThatHasEnoughEndsTheReading) {
  LogAssembler assembler(false, 0);
  int calls = 0;
  EXPECT_FALSE(assembler.Feed(Frame(1, "2026-11-23T07:54:20Z a\n") + Frame(1, "2026-11-23T07:54:20Z b\n"), TimePoint(),
                              [&](const LogLine&) { return ++calls < 1; }));
  EXPECT_EQ(calls, 1);
}

TEST(ParseEngineTime, ReadsWhatTheEnginesWrite) {
  EXPECT_EQ(ParseEngineTime("1970-01-02T00:00:00Z"), TimePoint(86400s));
  EXPECT_EQ(ParseEngineTime("1970-01-01T01:00:00.5+01:00"), TimePoint(500ms));
  EXPECT_EQ(ParseEngineTime("1970-01-01T00:00:00.000000123-00:30"), TimePoint(1800s + 123ns));
  EXPECT_EQ(ParseEngineTime("0001-01-01T00:00:00Z"), std::nullopt);
  EXPECT_EQ(ParseEngineTime(""), std::nullopt);
  EXPECT_EQ(ParseEngineTime("2026-11-23 07:54"), std::nullopt);
  EXPECT_EQ(ParseEngineTime("2026-11-23T07:54:20nonsense"), std::nullopt);
}

}  // namespace
}  // namespace adhoc::localcloud
