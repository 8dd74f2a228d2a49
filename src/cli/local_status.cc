// adhoc local status: whether the local cloud runs, and what it holds.
#include <fmt/format.h>

#include "cli/exit_codes.h"
#include "cli/local.h"
#include "cli/shell.h"
#include "ui/view.h"

namespace adhoc::cli {
namespace {

constexpr const char* kHelp =
    R"(Whether the local cloud runs, and what it holds: clusters with their services and tasks, load balancers with their ports on
this machine, databases, buckets, and the memory that their containers use.

  adhoc local status
  adhoc --json local status)";

std::string Memory(const Json& thing) {
  if (!thing.contains("memory_bytes") || thing["memory_bytes"] == 0) return "-";
  return FormatBytes(thing["memory_bytes"].get<std::int64_t>());
}

std::string Count(std::int64_t count, const char* one, const char* many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

void PrintTable(const std::vector<std::vector<std::string>>& table) {
  if (table.size() > 1) fmt::print("\n{}", ui::Table(table));
}

void PrintClusters(const Json& clusters) {
  std::vector<std::vector<std::string>> table{{"CLUSTER", "SERVICE", "TASKS", "TASK DEFINITION", "MEMORY"}};
  for (const Json& cluster : clusters) {
    const std::string name = cluster["name"];
    const std::size_t before = table.size();
    for (const Json& service : cluster["services"]) {
      table.push_back({name, service["name"],
                       fmt::format("{}/{}", service["running"].get<int>(), service["desired"].get<int>()),
                       service["task_definition"], Memory(service)});
    }
    for (const Json& task : cluster["tasks"]) {
      table.push_back({name, fmt::format("(task {})", task["id"].get<std::string>()), task["status"],
                       task["task_definition"], Memory(task)});
    }
    if (table.size() == before) table.push_back({name, "-", "-", "-", "-"});
  }
  PrintTable(table);
}

void PrintBalancers(const Json& balancers) {
  std::vector<std::vector<std::string>> table{{"LOAD BALANCER", "STATE", "ON THIS MACHINE", "MEMORY"}};
  for (const Json& balancer : balancers) {
    std::string urls;
    for (const Json& listener : balancer["listeners"]) {
      urls += (urls.empty() ? "" : " ") + listener["url"].get<std::string>();
    }
    table.push_back({balancer["name"], balancer["state"], urls.empty() ? "-" : urls, Memory(balancer)});
  }
  PrintTable(table);
}

void PrintDatabases(const Json& databases) {
  std::vector<std::vector<std::string>> table{{"DATABASE", "STATUS", "ENGINE", "MEMORY"}};
  for (const Json& database : databases) {
    table.push_back({database["name"], database["status"], database["engine"], Memory(database)});
  }
  PrintTable(table);
}

void PrintBuckets(const Json& buckets) {
  std::vector<std::vector<std::string>> table{{"BUCKET", "OBJECTS", "SIZE"}};
  for (const Json& bucket : buckets) {
    table.push_back({bucket["name"], fmt::format("{}", bucket["objects"].get<std::int64_t>()),
                     FormatBytes(bucket["bytes"].get<std::int64_t>())});
  }
  PrintTable(table);
}

void Print(const Json& status) {
  fmt::print("running at {} for {}, pid {}\n", status["endpoint"].get<std::string>(),
             ui::Ago(status["uptime_seconds"].get<double>()), status["pid"].get<int>());
  fmt::print("account {}, region {}, state in {}\n", status["account"].get<std::string>(),
             status["region"].get<std::string>(), status["state_dir"].get<std::string>());
  fmt::print("names: dig @127.0.0.1 -p {} <name>\n", status["dns_port"].get<int>());
  if (status["timing"] != "instant")
    fmt::print("slow things take their time: {}\n", status["timing"].get<std::string>());
  const Json& engine = status["engine"];
  fmt::print("container engine: {} {}\n", engine.value("name", ""), engine.value("state", ""));
  if (!engine.value("error", "").empty()) {
    fmt::print("  {}\n  try: {}\n", engine.value("error", ""), engine.value("hint", ""));
  }
  fmt::print("memory: server {}", FormatBytes(status["server_memory_bytes"].get<std::int64_t>()));
  if (status.contains("containers")) {
    fmt::print(", {} {}", Count(status["containers"].get<std::int64_t>(), "container", "containers"),
               FormatBytes(status["memory_bytes"].get<std::int64_t>()));
  }
  fmt::print("\n");
  PrintClusters(status["clusters"]);
  PrintBalancers(status["load_balancers"]);
  PrintDatabases(status["databases"]);
  PrintBuckets(status["buckets"]);
}

int Status(const Shell& shell) {
  const auto settings = LocalSettingsFromEnvironment();
  if (localcloud::ProbeLocalCloud(settings).state != localcloud::Probe::State::kOurs) {
    if (shell.globals.json) {
      PrintJson({{"running", false}});
    } else {
      fmt::print("not running; its state is in {}\n", settings.state_dir);
    }
    return kOk;
  }
  Json status = CallLocalCloud("GET", "/_adhoc/status");
  status["running"] = true;
  if (shell.globals.json) {
    PrintJson(status);
  } else {
    Print(status);
  }
  return kOk;
}

}  // namespace

std::string FormatBytes(std::int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  return value < 9.95 && unit > 0 ? fmt::format("{:.1f} {}", value, kUnits[unit])
                                  : fmt::format("{:.0f} {}", value, kUnits[unit]);
}

void AddLocalStatus(CLI::App& local, Shell& shell) {
  local.add_subcommand("status", kHelp)->callback([&shell] { shell.action = [&shell] { return Status(shell); }; });
}

}  // namespace adhoc::cli
