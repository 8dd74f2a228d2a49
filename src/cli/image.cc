// adhoc image build: an image of the application at a git tag (S11).
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/error.h"
#include "base/process.h"
#include "base/random.h"
#include "cli/exit_codes.h"
#include "cli/shell.h"
#include "config/definition.h"
#include "localcloud/runtime/engine_setup.h"
#include "net/uri.h"

namespace adhoc::cli {
namespace {

namespace fs = std::filesystem;

// What runs the image, runs it on Fargate's arm64. Throws Error when only a part of that does: a tag is one image.
bool IsForArm(const config::Config& config, const std::string& image) {
  std::set<bool> on_arm;
  const auto look = [&](const config::Workload& workload) {
    if (workload.image.image == image) on_arm.insert(workload.arm64);
  };
  std::for_each(config.services.begin(), config.services.end(), look);
  std::for_each(config.tasks.begin(), config.tasks.end(), look);
  if (on_arm.size() > 1) {
    throw Error(fmt::format("{} is run on arm64 and on x86_64, and an image is for one of them", image),
                "give all that runs it the same `architecture`, or make two entries of `images:`");
  }
  return on_arm.contains(true);
}

constexpr const char* kHelp =
    R"(Build an image of the application at a git tag, and put it under that tag into the target's registry.

It is built from a worktree of the tag: what is changed in the checkout but not committed and tagged is no part of it.

  adhoc image build backend v1.1.0)";

struct Arguments {
  std::string image;
  std::string tag;
  bool force = false;
};

std::string Git(const std::string& repository, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"git", "-C", repository});
  const ProcessResult result = RunProcess(arguments);
  if (result.exit_code != 0) throw Error(fmt::format("git {}: {}", arguments[3], result.err));
  return result.out;
}

// A checkout of the tag in a folder of its own, removed at the end.
class Worktree {
 public:
  Worktree(std::string repository, const std::string& tag)
      : repository_(std::move(repository)),
        path_((fs::temp_directory_path() / ("adhoc-build-" + SystemRandom().Hex(8))).string()) {
    Git(repository_, {"worktree", "add", "--quiet", "--detach", path_, "refs/tags/" + tag});
  }
  ~Worktree() { RunProcess({"git", "-C", repository_, "worktree", "remove", "--force", path_}); }
  Worktree(const Worktree&) = delete;
  Worktree& operator=(const Worktree&) = delete;
  const std::string& path() const { return path_; }

 private:
  const std::string repository_;
  const std::string path_;
};

void RequireTag(const std::string& repository, const std::string& tag) {
  if (!fs::exists(repository)) {
    throw Error(fmt::format("{} does not exist", repository),
                "`git` of the image in adhoc.yaml names the repository to build from");
  }
  // A name from the command line must not be taken for an option or another kind of revision.
  const bool valid = RunProcess({"git", "check-ref-format", "refs/tags/" + tag}).exit_code == 0;
  if (valid &&
      RunProcess({"git", "-C", repository, "rev-parse", "--quiet", "--verify", "refs/tags/" + tag + "^{commit}"})
              .exit_code == 0) {
    return;
  }
  std::string tags = Git(repository, {"tag", "--list", "--sort=version:refname"});
  for (char& c : tags) {
    if (c == '\n') c = ' ';
  }
  while (!tags.empty() && tags.back() == ' ') tags.pop_back();
  throw Error(fmt::format("there is no git tag `{}` in {}", tag, repository),
              tags.empty() ? "make it with `git tag`" : "the tags are: " + tags);
}

// A folder with the registry's credentials in the form that Docker and podman share, gone at the end.
class RegistryLogin {
 public:
  RegistryLogin(const std::string& registry, const std::string& token)
      : folder_(fs::temp_directory_path() / ("adhoc-login-" + SystemRandom().Hex(8))) {
    fs::create_directory(folder_);
    fs::permissions(folder_, fs::perms::owner_all);
    std::ofstream(folder_ / "config.json") << Json{{"auths", {{registry, {{"auth", token}}}}}}.dump();
  }
  ~RegistryLogin() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  RegistryLogin(const RegistryLogin&) = delete;
  RegistryLogin& operator=(const RegistryLogin&) = delete;

  void AddTo(std::map<std::string, std::string>& variables) const {
    variables["DOCKER_CONFIG"] = folder_;
    variables["REGISTRY_AUTH_FILE"] = folder_ / "config.json";
  }

 private:
  const fs::path folder_;
};

void ToStderr(std::string_view text) { fmt::print(stderr, "{}", text); }

// Into the registry that the account's ECR names, which is the image's own unless a local cloud stands in for AWS.
void Push(env::Context& context, const localcloud::EngineEnvironment& engine, const std::string& uri) {
  const Json authorization = context.Call("ecr", "GetAuthorizationToken")["authorizationData"][0];
  const net::Uri endpoint = net::Uri::Parse(authorization["proxyEndpoint"].get<std::string>());
  const std::string registry = endpoint.authority();
  const RegistryLogin login(registry, authorization["authorizationToken"]);
  std::map<std::string, std::string> variables = engine.variables;
  login.AddTo(variables);
  const auto run = [&](std::vector<std::string> command) {
    const ProcessResult result = RunProcess(command, {.env = variables, .on_out = ToStderr, .on_err = ToStderr});
    if (result.exit_code != 0) {
      throw Error(
          fmt::format("pushing {} failed: {} {} exited with {}", uri, engine.engine, command[1], result.exit_code),
          "the lines above say why; what is built stays, so the same command is quick to push it again");
    }
  };
  const std::string destination = registry + uri.substr(uri.find('/'));
  if (destination != uri) run({engine.engine, "tag", uri, destination});
  std::vector<std::string> push{engine.engine, "push"};
  // Docker takes a loopback registry without TLS by itself.
  if (endpoint.scheme == "http" && engine.engine == "podman") push.push_back("--tls-verify=false");
  push.push_back(destination);
  run(push);
  if (destination != uri) run({engine.engine, "rmi", destination});
}

int Build(Shell& shell, const Arguments& arguments) {
  // What is being built is checked before anything is started.
  const std::string path = config::FindDefinition(shell.globals.directory.empty() ? "." : shell.globals.directory);
  const config::Definition definition = config::LoadDefinition(path);
  const config::Image& image = definition.GetImage(arguments.image);
  if (image.build.empty()) throw Error(fmt::format("image {} has no `build` in {}", image.name, path));
  const std::string repository = (fs::path(definition.directory) / image.git).lexically_normal().string();
  RequireTag(repository, arguments.tag);

  Session session(shell.globals, {}, Session::Variables::kNone);
  session.EndView();
  const auto& target = session.config().target;
  const std::string uri =
      fmt::format("{}.dkr.ecr.{}.amazonaws.com/{}:{}", target.account, target.region, image.repository, arguments.tag);
  auto& context = session.context();
  if (!context.CallUnless({"RepositoryNotFoundException"}, "ecr", "DescribeRepositories",
                          {{"repositoryNames", Json::array({image.repository})}})) {
    context.CallUnless({"RepositoryAlreadyExistsException"}, "ecr", "CreateRepository",
                       {{"repositoryName", image.repository}});
  }
  const auto existing = context.CallUnless(
      {"ImageNotFoundException", "RepositoryNotFoundException"}, "ecr", "DescribeImages",
      {{"repositoryName", image.repository}, {"imageIds", Json::array({{{"imageTag", arguments.tag}}})}});
  if (existing && !arguments.force) {
    fmt::print("{} is there already\n", uri);
    fmt::print(stderr, "  --force builds it again\n");
    return kOk;
  }

  const auto settings = LocalSettingsFromEnvironment();
  const localcloud::EngineEnvironment engine =
      localcloud::PrepareEngine({.state_dir = settings.state_dir,
                                 .on_progress = [](std::string_view text) { fmt::print(stderr, "{}\n", text); }});
  const Worktree worktree(repository, arguments.tag);
  const fs::path folder = fs::path(worktree.path()) / image.build;
  std::string containerfile = image.containerfile;
  if (containerfile.empty()) containerfile = fs::exists(folder / "Containerfile") ? "Containerfile" : "Dockerfile";
  if (!fs::exists(folder / containerfile)) {
    throw Error(fmt::format("there is no {} in {} at tag {}", containerfile, image.build, arguments.tag));
  }
  std::vector<std::string> command{engine.engine, "build",
                                   "--tag",       uri,
                                   "--file",      (folder / containerfile).string(),
                                   "--build-arg", "VERSION=" + arguments.tag};
  if (target.kind == config::TargetKind::kAws && IsForArm(session.config(), arguments.image)) {
    command.insert(command.end(), {"--platform", "linux/arm64"});
  }
  for (const auto& [name, value] : image.build_args) {
    command.push_back("--build-arg");
    command.push_back(name + "=" + value);
  }
  command.push_back(folder.string());
  const ProcessResult built = RunProcess(command, {.env = engine.variables, .on_out = ToStderr, .on_err = ToStderr});
  if (built.exit_code != 0) {
    throw Error(fmt::format("building {} failed: {} build exited with {}", uri, engine.engine, built.exit_code),
                "the lines above say why");
  }
  if (target.kind == config::TargetKind::kAws) Push(context, engine, uri);
  if (shell.globals.json) {
    PrintJson({{"image", arguments.image}, {"tag", arguments.tag}, {"uri", uri}});
  } else {
    fmt::print("{}\n", uri);
  }
  return kOk;
}

}  // namespace

void AddImage(CLI::App& app, Shell& shell) {
  CLI::App* command = app.add_subcommand("image", "Build images of the application");
  command->require_subcommand(1);
  auto arguments = std::make_shared<Arguments>();
  CLI::App* build = command->add_subcommand("build", kHelp);
  build->add_option("image", arguments->image, "An entry of the definition's `images:`")->required();
  build->add_option("tag", arguments->tag, "A git tag, which becomes the image's tag")->required();
  build->add_flag("--force", arguments->force, "Build it although the registry has it");
  build->callback([&shell, arguments] { shell.action = [&shell, arguments] { return Build(shell, *arguments); }; });
}

}  // namespace adhoc::cli
