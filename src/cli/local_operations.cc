// adhoc local operations: what the local cloud answers.
#include <fmt/format.h>

#include <memory>

#include "cli/exit_codes.h"
#include "cli/local.h"
#include "cli/shell.h"
#include "localcloud/operations.h"
#include "ui/view.h"

namespace adhoc::cli {
namespace {

constexpr const char* kHelp =
    R"(List the operations that the local cloud answers, and whether they do something real here or are only recorded.

  adhoc local operations
  adhoc local operations ecs
  adhoc --json local operations)";

struct Arguments {
  std::string service;
  bool markdown = false;
};

int Operations(const Shell& shell, const Arguments& arguments) {
  if (arguments.markdown) {
    fmt::print("{}", localcloud::AllOperationsPage());
    return kOk;
  }
  Json list = Json::array();
  for (const Json& one : localcloud::ListAllOperations()) {
    if (arguments.service.empty() || one["service"] == arguments.service) list.push_back(one);
  }
  if (list.empty()) {
    throw Error(fmt::format("the local cloud answers nothing of `{}`", arguments.service),
                "services are called as in botocore: elbv2, logs; see `adhoc local operations`");
  }
  if (shell.globals.json) {
    PrintJson(list);
    return kOk;
  }
  std::vector<std::vector<std::string>> table{{"SERVICE", "OPERATION", "EFFECT"}};
  for (const Json& one : list) table.push_back({one["service"], one["operation"], one["effect"]});
  fmt::print("{}", ui::Table(table));
  return kOk;
}

}  // namespace

void AddLocalOperations(CLI::App& local, Shell& shell) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = local.add_subcommand("operations", kHelp);
  command->add_option("service", arguments->service, "Only those of this service, by botocore's name");
  command->add_flag("--markdown", arguments->markdown, "As docs/reference/local-cloud.md");
  command->callback(
      [&shell, arguments] { shell.action = [&shell, arguments] { return Operations(shell, *arguments); }; });
}

}  // namespace adhoc::cli
