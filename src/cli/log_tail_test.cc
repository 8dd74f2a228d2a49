#include "cli/log_tail.h"

#include <gtest/gtest.h>

#include "deploy/account_test.h"

namespace adhoc::cli {
namespace {

using Texts = std::vector<std::string>;

LogLine Line(std::int64_t time_ms, const std::string& id, const std::string& workload = "web") {
  return {.time_ms = time_ms, .id = id, .workload = workload, .stream = "web/web/1", .text = workload + " " + id};
}
Texts TextsOf(const std::vector<LogLine>& lines) {
  Texts texts;
  for (const auto& line : lines) texts.push_back(line.text);
  return texts;
}

TEST(LogTailTest, ALineThatArrivesAfterYoungerOnesIsShownAndEachOnlyOnce) {
  LogTail tail(0, 100);
  EXPECT_EQ(TextsOf(tail.New({Line(100'000, "a")})), Texts{"web a"});
  EXPECT_EQ(tail.start_ms(), 85'000);
  EXPECT_EQ(TextsOf(tail.New({Line(100'000, "a"), Line(95'000, "b")})), Texts{"web b"});
  EXPECT_EQ(tail.start_ms(), 85'000) << "an old line does not move it back";
  EXPECT_EQ(TextsOf(tail.New({Line(95'000, "b"), Line(100'000, "a"), Line(100'000, "c")})), Texts{"web c"});
  EXPECT_EQ(TextsOf(tail.New({})), Texts{});
  EXPECT_EQ(TextsOf(tail.New({Line(130'000, "d")})), Texts{"web d"});
  EXPECT_EQ(tail.start_ms(), 115'000);
}

TEST(LogTailTest, LinesOfTwoLogsMayHaveTheSameId) {
  LogTail tail(0, 100);
  EXPECT_EQ(TextsOf(tail.New({Line(2000, "a", "web"), Line(1000, "a", "redis")})), (Texts{"redis a", "web a"}));
}

TEST(LogTailTest, ShowsTheNewestOfTheFirstReadAndNoneOfTheOthersLater) {
  LogTail tail(0, 2);
  const std::vector<LogLine> lines = {Line(1000, "a"), Line(2000, "b"), Line(3000, "c")};
  EXPECT_EQ(TextsOf(tail.New(lines)), (Texts{"web b", "web c"}));
  EXPECT_EQ(TextsOf(tail.New(lines)), Texts{});
  EXPECT_EQ(TextsOf(tail.New({Line(4000, "d"), Line(4000, "e"), Line(4000, "f")})), (Texts{"web d", "web e", "web f"}));
  LogTail none(0, 0);
  EXPECT_EQ(TextsOf(none.New(lines)), Texts{});
  EXPECT_EQ(TextsOf(none.New({Line(4000, "d")})), Texts{"web d"});
}

using ALogInAnAccount = deploy::InAnAccount;
using deploy::AwsCall;

TEST_F(ALogInAnAccount, IsReadToItsEndThoughPagesInTheMiddleAreEmpty) {
  const auto account = Make([&](const AwsCall& call) -> std::optional<net::Response> {
    if (!call.Is("logs.FilterLogEvents")) return std::nullopt;
    const std::string token = call.input.value("nextToken", "");
    if (token.empty()) return call.Answer({{"events", Json::array()}, {"nextToken", "1"}});
    if (token == "1") return call.Answer({{"events", Json::array()}, {"nextToken", "2"}});
    return call.Answer({{"events", {{{"timestamp", 7}, {"eventId", "a"}, {"message", "here"}}}}});
  });
  std::vector<LogLine> lines;
  EXPECT_EQ(Run(account, [&](env::Context& context) { lines = ReadLogLines(context, {"web"}, 0); }), "");
  EXPECT_EQ(TextsOf(lines), Texts{"here"});
}

TEST_F(ALogInAnAccount, IsFollowedWithoutAskingMoreThanAnAccountAllows) {
  const auto rounds_of = [&](env::Pace pace) {
    std::stop_source stop;
    const auto account = Make([&](const AwsCall& call) -> std::optional<net::Response> {
      return call.Is("logs.FilterLogEvents") ? std::optional(call.Answer({{"events", Json::array()}})) : std::nullopt;
    });
    aws::Client client({.endpoint_url = "http://127.0.0.1:4566"},
                       aws::StaticCredentials({.access_key_id = "adhoc", .secret_access_key = "adhoc"}), account,
                       cloud_.clock(), random_);
    env::Context context(client, config_, sink_, cloud_.clock(), random_, pace, stop.get_token());
    LogTail tail(0, 100);
    const TimePoint end = cloud_.clock().Now() + std::chrono::minutes(1);
    FollowLogs(context, {"web", "redis"}, tail, [&](const auto&) {
      if (cloud_.clock().Now() >= end) stop.request_stop();
    });
    return account->asked("logs.FilterLogEvents") / 2;
  };
  EXPECT_LE(rounds_of(env::AccountPace()), 14);
  EXPECT_GE(rounds_of(env::Pace()), 100) << "on one machine it is quick";
}

}  // namespace
}  // namespace adhoc::cli
