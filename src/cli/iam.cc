// adhoc iam policy: the least-privilege policies of everything that acts for us in an account.
#include <fmt/format.h>

#include "base/error.h"
#include "cli/exit_codes.h"
#include "cli/shell.h"
#include "config/definition.h"
#include "config/environment.h"
#include "env/existing.h"
#include "env/names.h"
#include "env/policies.h"

namespace adhoc::cli {
namespace {

constexpr const char* kHelp =
    R"(Print the least-privilege policies that a target needs, as IAM takes them. Nothing is changed, and nothing is called but for
a Terraform state in S3 whose outputs the policy names.

  adhoc iam policy deploy      of <shared>-deploy-role, with which pipelines change environments and push images
  adhoc iam policy shared      of <shared>-shared-role, with which pipelines change the shared resources
  adhoc iam policy bootstrap   what `adhoc bootstrap` needs
  adhoc iam policy execution   of <shared>-ecs-execution-role, with which ECS starts tasks
  adhoc iam policy task        of <environment>-task-role, which the application's tasks have
  adhoc iam policy boundary    <shared>-task-boundary, which limits all of these (permissions_boundary of a target)

`shared up` and `up` make those of tasks, `bootstrap up` those of pipelines and the boundary.)";

struct Arguments {
  std::string policy;
  std::string environment = "*";
};

Json PolicyOf(const config::Config& config, const Arguments& arguments) {
  const env::PolicyScope scope = env::ScopeOf(config);
  if (arguments.policy == "execution") return env::ExecutionPolicy(scope);
  if (arguments.policy == "task") return env::TaskPolicy(scope, arguments.environment, config.bucket.has_value());
  if (arguments.policy == "boundary") return env::TaskBoundary(scope);
  if (arguments.policy == "bootstrap") return env::BootstrapPolicy(scope);
  if (arguments.policy == "shared") return env::SharedPolicy(scope);
  return env::EnvironmentsPolicy(scope);
}

bool NamesOutputs(const Json& policy) { return policy.dump().find("${state.") != std::string::npos; }

int Print(Shell& shell, const Arguments& arguments) {
  const std::string here = shell.globals.directory.empty() ? "." : shell.globals.directory;
  config::Config config = config::LoadConfigWithoutVariables(
      {.definition = config::FindDefinition(here), .environment = "none", .target = shell.globals.target}, {});
  Json policy = PolicyOf(config, arguments);
  if (NamesOutputs(policy) && env::IsInS3(config.target.existing.state)) {
    // As every other command reads it. Only now, so that the other policies can be had without credentials.
    Session session(shell.globals, {}, Session::Variables::kNone);
    session.EndView();
    policy = PolicyOf(session.config(), arguments);
  } else if (NamesOutputs(policy)) {
    env::ResolveState(config, [&](const std::string& place) { return env::ReadState(nullptr, config, place); });
    policy = PolicyOf(config, arguments);
  }
  PrintJson(policy);
  return kOk;
}

}  // namespace

void AddIam(CLI::App& app, Shell& shell) {
  CLI::App* command = app.add_subcommand("iam", "Permissions in an account");
  command->require_subcommand(1);
  auto arguments = std::make_shared<Arguments>();
  CLI::App* policy = command->add_subcommand("policy", kHelp);
  policy->add_option("policy", arguments->policy, "deploy, shared, bootstrap, execution, task, or boundary")
      ->required()
      ->check(CLI::IsMember({"deploy", "shared", "bootstrap", "execution", "task", "boundary"}));
  policy->add_option("--environment", arguments->environment, "Of task: the environment [all]");
  policy->callback([&shell, arguments] { shell.action = [&shell, arguments] { return Print(shell, *arguments); }; });
}

}  // namespace adhoc::cli
