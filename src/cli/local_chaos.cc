// adhoc local chaos: faults on request in the local cloud.
#include <fmt/format.h>

#include <memory>
#include <utility>

#include "base/error.h"
#include "cli/exit_codes.h"
#include "cli/local.h"
#include "cli/shell.h"
#include "ui/view.h"

namespace adhoc::cli {
namespace {

constexpr const char* kHelp =
    R"(Faults on request: calls of the local cloud that are throttled, fail, or get a late or no answer. Without a subcommand,
show them.

  adhoc local chaos set 'ecs:*' '*:Describe*' --fault throttling --probability 0.3
  adhoc local chaos add s3:PutObject --fault lost-answer --limit 1
  adhoc local chaos clear

A pattern is service:operation. They hit every client, the environments' containers, too, and end with the server. The same
seed hits the same calls again.)";

constexpr const char* kFaults = R"(throttling    the service's own throttling error
server-error  the service's own error 500
timeout       no answer at all; nothing was done
drop          the connection is closed; nothing was done
lost-answer   the connection is closed after the call took effect
delay         the answer comes late (--delay))";

struct Arguments {
  std::vector<std::string> match;
  std::string fault;
  double probability = 1;
  double delay = 0;
  int limit = 0;
  std::uint64_t seed = 1;
};

int Show(const Shell& shell, const Json& chaos) {
  if (shell.globals.json) {
    PrintJson(chaos);
    return kOk;
  }
  if (chaos["rules"].empty()) {
    fmt::print("no faults are set\n");
    return kOk;
  }
  std::vector<std::vector<std::string>> table{{"CALLS", "FAULT", "PROBABILITY", "DELAY", "LIMIT", "HIT"}};
  for (const Json& rule : chaos["rules"]) {
    const auto limit = rule["limit"].get<std::int64_t>();
    const auto delay = rule["delay_ms"].get<std::int64_t>();
    table.push_back({fmt::format("{}", fmt::join(rule["match"].get<std::vector<std::string>>(), " ")),
                     rule["fault"].get<std::string>(), fmt::format("{}", rule["probability"].get<double>()),
                     delay == 0 ? "-" : fmt::format("{} s", static_cast<double>(delay) / 1000),
                     limit == 0 ? "-" : fmt::format("{}", limit),
                     fmt::format("{} of {}", rule["hit"].get<std::int64_t>(), rule["matched"].get<std::int64_t>())});
  }
  fmt::print("{}", ui::Table(table));
  return kOk;
}

int Put(const Shell& shell, const Arguments& arguments, Json chaos) {
  chaos["seed"] = arguments.seed;
  chaos["rules"].push_back({{"match", arguments.match},
                            {"fault", arguments.fault},
                            {"probability", arguments.probability},
                            {"delay_ms", static_cast<std::int64_t>(arguments.delay * 1000)},
                            {"limit", arguments.limit}});
  return Show(shell, CallLocalCloud("PUT", "/_adhoc/chaos", chaos));
}

void AddOptions(CLI::App& command, Arguments& arguments) {
  command.add_option("calls", arguments.match, "Patterns of calls: ecs:*, *:Describe*, s3:PutObject")->required();
  command.add_option("--fault", arguments.fault, kFaults)->required();
  command.add_option("--probability", arguments.probability, "Of each call, 0 to 1")->capture_default_str();
  command.add_option("--delay", arguments.delay, "Seconds until the fault or the answer");
  command.add_option("--limit", arguments.limit, "Hit no more than this many calls");
  command.add_option("--seed", arguments.seed, "Which calls are hit when the probability is below 1")
      ->capture_default_str();
}

}  // namespace

void AddLocalChaos(CLI::App& local, Shell& shell) {
  CLI::App* command = local.add_subcommand("chaos", kHelp);
  command->require_subcommand(0, 1);
  command->callback([&shell, command] {
    if (!command->get_subcommands().empty()) return;
    shell.action = [&shell] { return Show(shell, CallLocalCloud("GET", "/_adhoc/chaos")); };
  });
  auto arguments = std::make_shared<Arguments>();
  CLI::App* set = command->add_subcommand("set", "Set a fault, instead of those there are");
  AddOptions(*set, *arguments);
  set->callback([&shell, arguments] {
    shell.action = [&shell, arguments] { return Put(shell, *arguments, {{"rules", Json::array()}}); };
  });
  CLI::App* add = command->add_subcommand("add", "Add a fault to those there are; their counts begin again");
  AddOptions(*add, *arguments);
  add->callback([&shell, arguments] {
    shell.action = [&shell, arguments] { return Put(shell, *arguments, CallLocalCloud("GET", "/_adhoc/chaos")); };
  });
  command->add_subcommand("clear", "No more faults")->callback([&shell] {
    shell.action = [&shell] { return Show(shell, CallLocalCloud("DELETE", "/_adhoc/chaos")); };
  });
}

}  // namespace adhoc::cli
