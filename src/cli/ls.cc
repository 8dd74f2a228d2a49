// adhoc ls: the environments of a target.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cli/exit_codes.h"
#include "cli/shell.h"
#include "env/names.h"
#include "ui/view.h"

namespace adhoc::cli {
namespace {

constexpr const char* kHelp = R"(List the environments of the target: who made them, when, what they run.

  adhoc ls
  adhoc ls --json)";

struct Row {
  std::string name;
  std::string state;
  std::string url;
  std::string owner;
  double created_at = 0;
  int running = 0;
  int desired = 0;
  std::map<std::string, std::string> images;  // repository → tag
};

// The cloud says which environments there are and what they run; the records, whose they are.
Row ReadRow(env::Context& context, const std::string& name, const std::optional<env::Record>& record) {
  Row row{.name = name, .state = "ready"};
  if (record) {
    row.url = record->url;
    row.owner = record->owner;
    row.created_at = record->created_at;
  }
  const std::string cluster = env::ClusterName(name);
  const Json arns = context.List("ecs", "ListServices", {{"cluster", cluster}}, "serviceArns");
  constexpr std::size_t kBatch = 10;
  if (arns.empty()) row.state = "empty";
  for (std::size_t at = 0; at < arns.size(); at += kBatch) {
    const Json batch(std::vector<Json>(arns.begin() + at, arns.begin() + std::min(at + kBatch, arns.size())));
    const Json described = context.Call("ecs", "DescribeServices", {{"cluster", cluster}, {"services", batch}});
    for (const Json& service : described["services"]) {
      row.running += service.value("runningCount", 0);
      row.desired += service.value("desiredCount", 0);
      const Json definition =
          context.Call("ecs", "DescribeTaskDefinition", {{"taskDefinition", service["taskDefinition"]}});
      std::string image = definition["taskDefinition"]["containerDefinitions"][0].value("image", "");
      image = image.substr(image.rfind('/') + 1);
      const auto colon = image.find(':');
      row.images[image.substr(0, colon)] = colon == std::string::npos ? "" : image.substr(colon + 1);
    }
  }
  if (row.running < row.desired) row.state = "degraded";
  return row;
}

int Ls(Shell& shell) {
  Session session(shell.globals, {}, Session::Variables::kNone);
  std::map<std::string, env::Record> records;
  for (auto& record : session.records().List()) records.emplace(record.name, record);
  std::vector<Row> rows;
  for (const std::string& name : env::ListEnvironments(session.context())) {
    const auto record = records.find(name);
    rows.push_back(
        ReadRow(session.context(), name, record == records.end() ? std::nullopt : std::optional(record->second)));
    if (record != records.end()) records.erase(record);
  }
  // Recorded, but without a cluster: an `up` that was cut off early.
  for (const auto& [name, record] : records) {
    rows.push_back({.name = name,
                    .state = "incomplete",
                    .url = record.url,
                    .owner = record.owner,
                    .created_at = record.created_at});
  }
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.name < b.name; });
  session.EndView();

  const double now = ToSeconds(RealClock().Now());
  if (shell.globals.json) {
    Json list = Json::array();
    for (const Row& row : rows) {
      list.push_back({{"name", row.name},
                      {"state", row.state},
                      {"url", row.url},
                      {"owner", row.owner},
                      {"running", row.running},
                      {"desired", row.desired},
                      {"images", row.images},
                      {"created_at", row.created_at},
                      {"age_seconds", row.created_at > 0 ? static_cast<long>(now - row.created_at) : 0}});
    }
    PrintJson(list);
    return kOk;
  }
  if (rows.empty()) {
    fmt::print("there are no environments on {} yet\n", session.config().target.name);
    fmt::print(stderr, "  try: adhoc up <name>\n");
    return kOk;
  }
  std::vector<std::vector<std::string>> table{{"NAME", "STATE", "TASKS", "IMAGES", "OWNER", "AGE", "URL"}};
  for (const Row& row : rows) {
    std::string images;
    for (const auto& [image, tag] : row.images) images += fmt::format("{}{}:{}", images.empty() ? "" : " ", image, tag);
    table.push_back({row.name, row.state, fmt::format("{}/{}", row.running, row.desired), images,
                     row.owner.empty() ? "-" : row.owner, row.created_at > 0 ? ui::Ago(now - row.created_at) : "-",
                     row.url});
  }
  fmt::print("{}", ui::Table(table));
  return kOk;
}

}  // namespace

void AddLs(CLI::App& app, Shell& shell) {
  CLI::App* command = app.add_subcommand("ls", kHelp);
  command->alias("list");
  command->callback([&shell] { shell.action = [&shell] { return Ls(shell); }; });
}

}  // namespace adhoc::cli
