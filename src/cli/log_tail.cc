#include "cli/log_tail.h"

#include <algorithm>
#include <chrono>

#include "env/names.h"

namespace adhoc::cli {
namespace {

// On one machine. In an account FilterLogEvents may be called ten times a second or less, by everybody together.
constexpr std::chrono::milliseconds kPoll{400};

}  // namespace

std::vector<LogLine> LogTail::New(std::vector<LogLine> lines) {
  std::stable_sort(lines.begin(), lines.end(),
                   [](const LogLine& a, const LogLine& b) { return a.time_ms < b.time_ms; });
  std::vector<LogLine> shown;
  const std::int64_t youngest = lines.empty() ? start_ms_ : lines.back().time_ms;
  for (LogLine& line : lines) {
    if (shown_.emplace(std::pair(line.workload, line.id), line.time_ms).second) shown.push_back(std::move(line));
  }
  if (std::exchange(first_, false) && shown.size() > newest_) {
    shown.erase(shown.begin(), shown.end() - static_cast<std::ptrdiff_t>(newest_));
  }
  start_ms_ = std::max(start_ms_, youngest - kLateMs);
  std::erase_if(shown_, [&](const auto& entry) { return entry.second < start_ms_; });
  return shown;
}

std::vector<LogLine> ReadLogLines(env::Context& context, const std::vector<std::string>& workloads,
                                  std::int64_t start_ms) {
  std::vector<LogLine> lines;
  for (const std::string& workload : workloads) {
    Json input = {{"logGroupName", env::LogGroupName(context.environment(), workload)}, {"startTime", start_ms}};
    while (true) {
      const auto page = context.CallUnless({"ResourceNotFoundException"}, "logs", "FilterLogEvents", input);
      if (!page) break;
      for (const Json& event : page->value("events", Json::array())) {
        lines.push_back({.time_ms = event.value("timestamp", std::int64_t{0}),
                         .id = event.value("eventId", ""),
                         .workload = workload,
                         .stream = event.value("logStreamName", ""),
                         .text = event.value("message", "")});
      }
      // Not by the lines: a page without any may come before pages that have some.
      if (page->value("nextToken", "").empty()) break;
      input["nextToken"] = (*page)["nextToken"];
    }
  }
  return lines;
}

void FollowLogs(env::Context& context, const std::vector<std::string>& workloads, LogTail& tail,
                const std::function<void(const std::vector<LogLine>&)>& show) {
  do {
    show(tail.New(ReadLogLines(context, workloads, tail.start_ms())));
  } while (context.clock().SleepFor(std::max<Duration>(kPoll, context.pace().poll), context.stop()));
}

}  // namespace adhoc::cli
