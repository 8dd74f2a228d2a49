#include "ui/view.h"

#include <gtest/gtest.h>

#include "ui/live_view.h"

namespace adhoc::ui {
namespace {

TEST(TableTest, AlignsByCodePointsNotBytes) {
  EXPECT_EQ(Table({{"NAME", "STATE"}, {"größe", "up"}, {"a", "down"}}), "NAME    STATE\ngröße   up\na       down\n");
}

TEST(AgoTest, ShowsAtMostTwoUnits) {
  EXPECT_EQ(Ago(3), "3 s");
  EXPECT_EQ(Ago(125), "2 min 5 s");
  EXPECT_EQ(Ago(3600), "1 h");
  EXPECT_EQ(Ago(90061), "1 d 1 h");
  EXPECT_EQ(Ago(86400 * 12 + 3600), "12 d");
  EXPECT_EQ(Ago(-5), "0 s");
}

TEST(PlainTest, OneLineAnEvent) {
  EXPECT_EQ(
      DescribeEvent(
          events::StepFinished{.step = "service a-web", .action = "create", .seconds = 1.25, .result = "2/2 healthy"},
          false),
      "  ✓ created service a-web (2/2 healthy)  1.2 s");
  EXPECT_EQ(DescribeEvent(events::StepFailed{.step = "task a-migrate", .action = "run", .error = "exit code 1"}, false),
            "  ✗ run task a-migrate: exit code 1");
  EXPECT_EQ(
      DescribeEvent(events::StepFailed{.step = "a", .action = "create", .error = "no", .hint = "adhoc quota"}, false),
      "  ✗ create a: no\n    try: adhoc quota");
  EXPECT_EQ(
      DescribeEvent(events::Notice{.level = events::Notice::Level::kError, .text = "no", .hint = "adhoc ls"}, false),
      "error: no\n  try: adhoc ls");
  EXPECT_EQ(DescribeEvent(events::LogLine{.source = "migrate", .text = "Applying x... OK"}, false),
            "  migrate | Applying x... OK");
}

TEST(LiveTest, SaysSinceWhenAndHowLongItUsuallyTakes) {
  EXPECT_EQ(DescribeRunning("create service a-web", 12.3, 75, "0/1 running", 8),
            "create service a-web  12 s of about 1 min 15 s  0/1 running for 8 s");
  EXPECT_EQ(DescribeRunning("create service a-web", 12.3, 0, "0/1 running", 12),
            "create service a-web  12 s  0/1 running");
  EXPECT_EQ(DescribeRunning("create cluster a", 0.2, 0.05, "", 0), "create cluster a  0 s");
}

}  // namespace
}  // namespace adhoc::ui
