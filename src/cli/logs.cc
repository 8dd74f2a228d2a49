// adhoc logs: what the tasks of an environment write.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <set>

#include "base/error.h"
#include "cli/exit_codes.h"
#include "cli/shell.h"
#include "env/names.h"
#include "ui/view.h"

namespace adhoc::cli {
namespace {

constexpr const char* kHelp = R"(Show what services and tasks write.

  adhoc logs alpha                     all services, the last 200 lines
  adhoc logs alpha gunicorn -f         follow one
  adhoc logs alpha worker --since 10m)";

constexpr std::chrono::milliseconds kPoll{400};

struct Arguments {
  Subject subject;
  std::vector<std::string> workloads;
  bool follow = false;
  std::string since = "1h";
  int tail = 200;
};

struct Line {
  std::int64_t time_ms = 0;
  std::string id;
  std::string workload;
  std::string stream;
  std::string text;
};

// `90`, `45s`, `10m`, `2h`, `1d` in seconds.
std::int64_t ParseDuration(const std::string& text) {
  char* end = nullptr;
  const long number = std::strtol(text.c_str(), &end, 10);
  const std::string unit = end;
  static const std::map<std::string, std::int64_t> kUnits = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
  const auto found = kUnits.find(unit);
  if (end == text.c_str() || number < 0 || found == kUnits.end()) {
    throw Error(fmt::format("--since {}: not a duration", text), "write 90s, 10m, 2h or 1d");
  }
  return number * found->second;
}

std::vector<Line> ReadLines(env::Context& context, const std::string& workload, std::int64_t start_ms) {
  std::vector<Line> lines;
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
    if (page->value("nextToken", "").empty()) break;
    input["nextToken"] = (*page)["nextToken"];
  }
  return lines;
}

void Print(const Line& line, bool json, bool colour, std::size_t width) {
  if (json) {
    fmt::print("{}\n", Json{{"time", static_cast<double>(line.time_ms) / 1000},
                            {"source", line.workload},
                            {"stream", line.stream},
                            {"text", line.text}}
                           .dump(-1, ' ', false, Json::error_handler_t::replace));
    return;
  }
  const std::time_t seconds = line.time_ms / 1000;
  std::tm local{};
  localtime_r(&seconds, &local);
  const std::string head = fmt::format("{:02}:{:02}:{:02} {:<{}} {} |", local.tm_hour, local.tm_min, local.tm_sec,
                                       line.workload, width, line.stream.substr(line.stream.rfind('/') + 1, 6));
  fmt::print("{} {}\n", ui::Styled(head, ui::Style::kCyan, colour), line.text);
}

int Logs(Shell& shell, const Arguments& arguments) {
  Session session(shell.globals, arguments.subject, Session::Variables::kIfAny);
  const auto& config = session.config();
  std::vector<std::string> workloads = arguments.workloads;
  if (workloads.empty()) {
    for (const auto& service : config.services) workloads.push_back(service.name);
  }
  std::size_t width = 0;
  for (const auto& workload : workloads) {
    const std::string group = env::LogGroupName(config.environment, workload);
    const Json groups =
        session.context().List("logs", "DescribeLogGroups", {{"logGroupNamePrefix", group}}, "logGroups");
    const bool exists =
        std::any_of(groups.begin(), groups.end(), [&](const Json& g) { return g["logGroupName"] == group; });
    if (!exists) {
      std::vector<std::string> known;
      for (const auto& service : config.services) known.push_back(service.name);
      for (const auto& task : config.tasks) known.push_back(task.name);
      throw Error(fmt::format("environment {} has no service or task {} with a log", config.environment, workload),
                  fmt::format("those of the definition are {}", fmt::join(known, ", ")));
    }
    width = std::max(width, workload.size());
  }
  session.EndView();
  auto& context = session.context();
  const bool colour = ui::UseColour(STDOUT_FILENO);
  std::int64_t start_ms =
      static_cast<std::int64_t>(ToSeconds(RealClock().Now()) * 1000) - ParseDuration(arguments.since) * 1000;

  std::set<std::string> shown;  // of the newest millisecond: the next read begins with it again
  bool first = true;
  while (true) {
    std::vector<Line> lines;
    for (const auto& workload : workloads) {
      for (auto& line : ReadLines(context, workload, start_ms)) lines.push_back(std::move(line));
    }
    std::stable_sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) { return a.time_ms < b.time_ms; });
    std::size_t begin = 0;
    if (first && static_cast<int>(lines.size()) > arguments.tail) begin = lines.size() - arguments.tail;
    first = false;
    for (std::size_t i = begin; i < lines.size(); ++i) {
      if (shown.contains(lines[i].id)) continue;
      Print(lines[i], shell.globals.json, colour, width);
    }
    std::fflush(stdout);
    if (!lines.empty()) {
      const std::int64_t newest = lines.back().time_ms;
      if (newest > start_ms) shown.clear();
      start_ms = newest;
      for (const Line& line : lines) {
        if (line.time_ms == newest) shown.insert(line.id);
      }
    }
    if (!arguments.follow) return kOk;
    if (!RealClock().SleepFor(kPoll, shell.globals.stop)) return kOk;
  }
}

}  // namespace

void AddLogs(CLI::App& app, Shell& shell) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("logs", kHelp);
  command->add_option("environment", arguments->subject.environment, "The environment's name")->required();
  command->add_option("service", arguments->workloads, "Services or tasks (default: all services)");
  command->add_flag("-f,--follow", arguments->follow, "Go on showing what is written, until Ctrl-C");
  command->add_option("--since", arguments->since, "How far back: 90s, 10m, 2h, 1d")->capture_default_str();
  command->add_option("--tail", arguments->tail, "At most this many of the newest lines to begin with")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->callback([&shell, arguments] { shell.action = [&shell, arguments] { return Logs(shell, *arguments); }; });
}

}  // namespace adhoc::cli
