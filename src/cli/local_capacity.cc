// adhoc local capacity: Fargate or Fargate Spot runs out of capacity.
#include <fmt/format.h>

#include <memory>

#include "cli/exit_codes.h"
#include "cli/local.h"
#include "cli/shell.h"

namespace adhoc::cli {
namespace {

constexpr const char* kHelp =
    R"(Let Fargate or Fargate Spot run out of capacity, and have it again.

  adhoc local capacity FARGATE_SPOT none
  adhoc local capacity FARGATE_SPOT available

Tasks that run go on; new ones are not placed: services say so in their events and try again, RunTask answers with failures.)";

struct Arguments {
  std::string provider;
  std::string capacity;
};

int SetCapacity(const Shell& shell, const Arguments& arguments) {
  const bool available = arguments.capacity == "available";
  const Json answer =
      CallLocalCloud("POST", "/_adhoc/capacity", {{"provider", arguments.provider}, {"available", available}});
  if (shell.globals.json) {
    PrintJson(answer);
  } else {
    fmt::print("{} has {}\n", arguments.provider, available ? "capacity" : "no capacity for new tasks");
  }
  return kOk;
}

}  // namespace

void AddLocalCapacity(CLI::App& local, Shell& shell) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = local.add_subcommand("capacity", kHelp);
  command->add_option("provider", arguments->provider, "FARGATE or FARGATE_SPOT")
      ->required()
      ->check(CLI::IsMember({"FARGATE", "FARGATE_SPOT"}));
  command->add_option("capacity", arguments->capacity, "none or available")
      ->required()
      ->check(CLI::IsMember({"none", "available"}));
  command->callback(
      [&shell, arguments] { shell.action = [&shell, arguments] { return SetCapacity(shell, *arguments); }; });
}

}  // namespace adhoc::cli
