// adhoc logs: what the tasks of an environment write.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "base/error.h"
#include "cli/exit_codes.h"
#include "cli/log_tail.h"
#include "cli/shell.h"
#include "env/names.h"
#include "ui/view.h"

namespace adhoc::cli {
namespace {

constexpr const char* kHelp = R"(Show what services and tasks write.

  adhoc logs alpha                     all services, the last 200 lines
  adhoc logs alpha gunicorn -f         follow one
  adhoc logs alpha worker --since 10m)";

struct Arguments {
  Subject subject;
  std::vector<std::string> workloads;
  bool follow = false;
  std::string since = "1h";
  int tail = 200;
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

void Print(const LogLine& line, bool json, bool colour, std::size_t width) {
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
  const auto now_ms = static_cast<std::int64_t>(ToSeconds(RealClock().Now()) * 1000);
  LogTail tail(now_ms - ParseDuration(arguments.since) * 1000, static_cast<std::size_t>(arguments.tail));
  const auto show = [&](const std::vector<LogLine>& lines) {
    for (const LogLine& line : lines) Print(line, shell.globals.json, colour, width);
    std::fflush(stdout);
  };
  if (arguments.follow) {
    FollowLogs(context, workloads, tail, show);
    return kOk;
  }
  show(tail.New(ReadLogLines(context, workloads, tail.start_ms())));
  return kOk;
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
