// adhoc export: what adhoc made, for other tools to go on with.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "cli/exit_codes.h"
#include "cli/shell.h"
#include "cli/terraform_modules.h"
#include "env/terraform/export.h"

namespace adhoc::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHelp =
    R"(Write an environment, or the shared resources, as a Terraform configuration in a new folder.

It calls our modules, which are written beside it, and imports what is there: `terraform apply` creates nothing. What is there
has to be as the definition says. adhoc goes on working on it.

  adhoc export terraform alpha
  adhoc export terraform --shared --output infrastructure/dev)";

struct Options {
  Subject subject;
  bool shared = false;
  std::string output;
};

void Write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw Error(fmt::format("cannot write {}", path.string()));
  if (text.starts_with("#!"))
    fs::permissions(path, fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec,
                    fs::perm_options::add);
}

int Export(Shell& shell, const Options& options) {
  if (options.shared && !options.subject.environment.empty()) {
    throw Error("an environment and --shared: they are two configurations", "adhoc export terraform --shared");
  }
  Session session(shell.globals, options.subject,
                  options.shared ? Session::Variables::kNone : Session::Variables::kRequired);
  const std::string& name = options.shared ? session.config().target.shared : session.config().environment;
  const fs::path folder = options.output.empty() ? "terraform-" + name : options.output;
  if (fs::exists(folder) && !fs::is_empty(folder)) {
    throw Error(fmt::format("cannot write to {}: it is there already", folder.string()),
                "remove it, or name another with --output");
  }
  env::Context& context = session.context();
  const env::TerraformExport made =
      options.shared ? env::ExportShared(context, env::PrepareShared(context))
                     : env::ExportEnvironment(context, env::PrepareUp(context, session.records().Get(name)));
  session.EndView();
  for (const auto& [file, text] : made.files) Write(folder / file, text);
  for (const auto& [path, text] : TerraformModules()) {
    if (path.starts_with(made.module + "/")) Write(folder / "modules" / path, text);
  }
  if (shell.globals.json) {
    PrintJson({{"folder", folder.string()}, {"module", made.module}});
  } else {
    fmt::print("{} is written to {}\n  cd {} && terraform init && terraform plan\n", name, folder.string(),
               folder.string());
  }
  return kOk;
}

}  // namespace

void AddExport(CLI::App& app, Shell& shell) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("export", "Write what is there for other tools");
  command->require_subcommand(1);
  CLI::App* terraform = command->add_subcommand("terraform", kHelp);
  AddEnvironmentArgument(*terraform, options->subject);
  AddVariableOptions(*terraform, options->subject);
  terraform->add_flag("--shared", options->shared, "The shared resources instead of an environment");
  terraform->add_option("-o,--output", options->output, "Folder to write to; default: terraform-<name>");
  terraform->callback([&shell, options] { shell.action = [&shell, options] { return Export(shell, *options); }; });
}

}  // namespace adhoc::cli
