#include "config/environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "base/process.h"
#include "base/text.h"
#include "config/rules.h"
#include "config/variable_type.h"

namespace adhoc::config {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxTargetGroupName = 32;
constexpr std::size_t kMaxBucketName = 63;
constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kMaxHostCondition = 128;

std::string Replaced(std::string text, char from, char to) {
  std::replace(text.begin(), text.end(), from, to);
  return text;
}

// "`alpha-gunicorn` (target group of gunicorn) has 33 characters, and may have 32"
std::string TooLong(const std::string& name, const std::string& what, std::size_t most) {
  return fmt::format("`{}` ({}) has {} characters, and may have {}", name, what, name.size(), most);
}

}  // namespace

void CheckEnvironmentName(std::string_view name) {
  const std::string problem = NameProblem(name, kMaxEnvironmentName);
  if (problem.empty()) {
    // A target group may not be called internal-….
    if (name != "internal" && !name.starts_with("internal-")) return;
    throw Error(fmt::format("`{}` is no name for an environment: AWS keeps names that start with internal", name),
                "use another name");
  }
  const std::string slug = SlugFromBranch(name);
  throw Error(fmt::format("`{}` is no name for an environment: {}", name, problem),
              slug.empty() ? "for example: feature-abc" : "for example: " + slug);
}

void CheckDerivedNames(const Config& config) {
  const std::string& name = config.environment;
  if (name == config.target.shared) {
    throw Error(fmt::format("`{}` is no name for an environment: the shared resources of target `{}` are called so",
                            name, config.target.name),
                "use another name");
  }
  std::vector<std::string> problems;
  const auto check = [&](const std::string& derived, const std::string& what, std::size_t most) {
    if (derived.size() > most) problems.push_back(TooLong(derived, what, most));
  };
  for (const Service& service : config.services) {
    const std::string derived = name + "-" + service.name;
    if (service.load_balanced()) check(derived, "target group of " + service.name, kMaxTargetGroupName);
    if (service.discoverable) check(derived, "host name of " + service.name, kMaxLabel);
  }
  if (config.bucket) {
    const std::string bucket = fmt::format("{}-{}-bucket", Replaced(config.target.domain, '.', '-'), name);
    for (const char* prefix : {"xn--", "sthree-", "amzn-s3-demo-"}) {
      if (!bucket.starts_with(prefix)) continue;
      throw Error(fmt::format("`{}` cannot be the name of a bucket: S3 keeps names that start with {}", bucket, prefix),
                  "use another `domain` for the target, or no `bucket:`");
    }
    check(bucket, "bucket", kMaxBucketName);
  }
  check(config.host, "host name", kMaxHostCondition);
  if (problems.empty()) return;
  throw Error(
      fmt::format("`{}` is too long for an environment of {}: {}", name, config.application, Join(problems, "; ")),
      "use a shorter name");
}

std::string SlugFromBranch(std::string_view branch) {
  std::string slug;
  for (const char c : branch) {
    if (c >= 'A' && c <= 'Z') {
      slug += static_cast<char>(c - 'A' + 'a');
    } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      slug += c;
    } else if (!slug.empty() && slug.back() != '-') {
      slug += '-';
    }
  }
  const std::size_t first = slug.find_first_of("abcdefghijklmnopqrstuvwxyz");
  if (first == std::string::npos) return "";
  slug.erase(0, first);
  if (slug.size() > kMaxEnvironmentName) {
    slug.resize(kMaxEnvironmentName);
    // A name cut in the middle of its last word reads worse than one without it, unless little would be left.
    if (const std::size_t hyphen = slug.rfind('-'); hyphen != std::string::npos && hyphen >= kMaxEnvironmentName / 2) {
      slug.resize(hyphen);
    }
  }
  while (!slug.empty() && slug.back() == '-') slug.pop_back();
  return slug;
}

std::string DefaultEnvironmentName(const std::string& directory) {
  constexpr std::string_view kHint = "name the environment";
  ProcessOptions options;
  options.working_directory = directory;
  // symbolic-ref also works before the first commit.
  const ProcessResult result = RunProcess({"git", "symbolic-ref", "--quiet", "--short", "HEAD"}, options);
  if (result.exit_code != 0) {
    throw Error("no environment is named, and no git branch is checked out to take the name from", std::string(kHint));
  }
  std::string branch = result.out;
  while (!branch.empty() && (branch.back() == '\n' || branch.back() == '\r')) branch.pop_back();
  const std::string slug = SlugFromBranch(branch);
  if (slug.empty()) {
    throw Error(fmt::format("no environment is named, and none can be made from the git branch `{}`", branch),
                std::string(kHint));
  }
  return slug;
}

std::string VariablesPath(const std::string& directory, std::string_view environment) {
  return (fs::path(directory) / "envs" / fmt::format("{}.tfvars", environment)).lexically_normal().string();
}

Variables LoadVariables(const std::string& path, Diagnostics& diagnostics) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    std::vector<std::string> existing;
    const fs::path folder = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : fs::path(".");
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
      if (entry.path().extension() == ".tfvars") existing.push_back(entry.path().stem().string());
    }
    std::sort(existing.begin(), existing.end());
    const std::string name = fs::path(path).stem().string();
    std::string hint;
    if (existing.empty()) {
      hint = fmt::format("write {} with the values of the variables, at least the image tags", path);
    } else if (const std::string nearest = Nearest(name, existing); !nearest.empty()) {
      hint = fmt::format("did you mean `{}`? These exist: {}", nearest, Join(existing));
    } else {
      hint = fmt::format("write it, starting from a copy of one of these: {}", Join(existing));
    }
    throw Error(fmt::format("no variables for `{}`: {} does not exist", name, path), hint);
  }
  return ParseTfvars(SourceText::Read(path), diagnostics);
}

namespace {

std::optional<Json> ConvertOverride(const VariableOverride& override, const VariableDeclaration& declaration,
                                    Diagnostics& diagnostics) {
  if (declaration.type.kind == VariableType::Kind::kString) return Json(override.value);
  // As in a file, so that lists and maps can be given too. What is no value by itself is a text where any type will do.
  const auto source = SourceText::FromText("--var", override.name + " = " + override.value);
  Diagnostics found;
  const Variables variables = ParseTfvars(source, found);
  if (found.HasErrors() || variables.assignments.size() != 1) {
    if (declaration.type.kind == VariableType::Kind::kAny) return Json(override.value);
    diagnostics.Append(found);
    if (!found.HasErrors()) diagnostics.Error(Range{}, fmt::format("--var {}: this is no value", override.name));
    return std::nullopt;
  }
  return Convert(variables.assignments.front().value, declaration.type, override.name, diagnostics);
}

}  // namespace

std::map<std::string, Json> BindVariables(const Definition& definition, const TargetDeclaration& target,
                                          const Variables& file, const std::vector<VariableOverride>& overrides,
                                          const std::string& file_name, Diagnostics& diagnostics) {
  std::vector<std::string> names;
  for (const VariableDeclaration& declaration : definition.variables) names.push_back(declaration.name);
  std::map<std::string, Json> bound;
  std::set<std::string> wrong;  // set, but to something that is refused: not unset

  for (const VariableDeclaration& declaration : definition.variables) {
    if (declaration.default_value) bound[declaration.name] = *declaration.default_value;
  }
  for (const TargetVariable& variable : target.variables) bound[variable.name] = variable.value;

  const auto set = [&](const VariableDeclaration& declaration, std::optional<Json> value, const Range& range) {
    if (!value) {
      wrong.insert(declaration.name);
      return;
    }
    if (const std::string problem = ValidationProblem(declaration, *value); !problem.empty()) {
      const std::string shown =
          value->is_structured() || declaration.sensitive ? "" : fmt::format(" `{}`", JsonText(*value));
      diagnostics.Error(range, fmt::format("the value{} of `{}` is refused: {}", shown, declaration.name, problem));
      wrong.insert(declaration.name);
      return;
    }
    bound[declaration.name] = std::move(*value);
  };

  for (const Assignment& assignment : file.assignments) {
    const VariableDeclaration* declaration = definition.FindVariable(assignment.name);
    if (declaration == nullptr) {
      std::string hint = Nearest(assignment.name, names);
      hint = hint.empty() ? fmt::format("declare it under `variables:` in {}, or remove it", definition.source->name())
                          : fmt::format("did you mean `{}`?", hint);
      diagnostics.Error(assignment.name_range, fmt::format("unknown variable: `{}` is not declared", assignment.name),
                        hint);
      continue;
    }
    if (assignment.broken) {
      wrong.insert(assignment.name);
      continue;
    }
    // As if it were not set: the way to say in a file that the default is meant.
    if (assignment.value.kind == Value::Kind::kNull) continue;
    set(*declaration, Convert(assignment.value, declaration->type, declaration->name, diagnostics),
        assignment.value.range);
  }
  for (const VariableOverride& override : overrides) {
    const VariableDeclaration* declaration = definition.FindVariable(override.name);
    if (declaration == nullptr) {
      diagnostics.Error(Range{}, fmt::format("--var {}: unknown variable", override.name),
                        Suggest(override.name, names));
      continue;
    }
    // The command line wins over a value in the file, even over a wrong one.
    wrong.erase(override.name);
    set(*declaration, ConvertOverride(override, *declaration, diagnostics), Range{});
  }

  for (const VariableDeclaration& declaration : definition.variables) {
    if (bound.contains(declaration.name) || wrong.contains(declaration.name)) continue;
    const std::string about = declaration.description.empty() ? "" : fmt::format(" ({})", declaration.description);
    const std::string example = declaration.type.kind == VariableType::Kind::kString ? "\"…\"" : "…";
    diagnostics.Error(declaration.range, fmt::format("`{}` is not set: it has no default{}", declaration.name, about),
                      file_name.empty() ? fmt::format("add --var {}=…", declaration.name)
                                        : fmt::format("add to {}: {} = {}", file_name, declaration.name, example));
  }
  return bound;
}

}  // namespace adhoc::config
