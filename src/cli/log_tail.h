// Reading what an environment's tasks write, and going on with it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "env/context.h"

namespace adhoc::cli {

struct LogLine {
  std::int64_t time_ms = 0;
  std::string id;
  std::string workload;
  std::string stream;
  std::string text;
};

// What has been shown, so that each line is shown once. Each stream delivers its lines some seconds late and on its
// own, so a line may arrive after younger ones of other streams: the next read begins kLate before the youngest line.
// Pure.
class LogTail {
 public:
  // Fargate's log driver delivers every 5 s, and CloudWatch Logs takes some more.
  static constexpr std::int64_t kLateMs = 15'000;

  // `newest`: at most this many lines of the first read.
  LogTail(std::int64_t start_ms, std::size_t newest) : start_ms_(start_ms), newest_(newest) {}

  // Where the next read begins.
  std::int64_t start_ms() const { return start_ms_; }
  // Takes all lines since then, of all streams; returns those to show, by their time.
  std::vector<LogLine> New(std::vector<LogLine> lines);

 private:
  std::int64_t start_ms_;
  std::size_t newest_;
  bool first_ = true;
  std::map<std::pair<std::string, std::string>, std::int64_t> shown_;  // workload and id → time; since start_ms_
};

// All lines of these services and tasks since then; none of one that has no log yet.
std::vector<LogLine> ReadLogLines(env::Context& context, const std::vector<std::string>& workloads,
                                  std::int64_t start_ms);

// Reads them again and again until the context is told to stop, and shows what is new.
void FollowLogs(env::Context& context, const std::vector<std::string>& workloads, LogTail& tail,
                const std::function<void(const std::vector<LogLine>&)>& show);

}  // namespace adhoc::cli
