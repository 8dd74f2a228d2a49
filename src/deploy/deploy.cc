#include "deploy/deploy.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/error.h"
#include "base/sync.h"
#include "env/environment.h"
#include "env/names.h"
#include "env/resources/resources.h"
#include "env/rollout.h"
#include "env/task_runner.h"
#include "env/tasks.h"
#include "graph/graph.h"

namespace adhoc::deploy {
namespace {

using env::Context;

// A service or task of the environment that gets the new image.
struct Part {
  std::string name;  // gunicorn
  bool is_service = false;
  std::string previous;  // task definition ARN
  std::string next;
};

std::string RepositoryOf(const std::string& image_uri) { return image_uri.substr(0, image_uri.rfind(':')); }

// What steps took, by action and kind; rolls go on side by side.
using Took = Sync<env::Durations>;

// Emits the events of one step around `work`, which may say how it went.
void Step(Context& context, const env::Durations& known, Took& took, const std::string& kind, const std::string& name,
          const std::string& action, const std::function<std::string()>& work) {
  const std::string step = kind + " " + name;
  const std::string key = action + " " + kind;
  const TimePoint begin = context.clock().Now();
  const auto seconds = [&] { return ToSeconds(context.clock().Now()) - ToSeconds(begin); };
  context.sink().Emit(
      events::StepStarted{.step = step,
                          .action = action,
                          .expected_seconds = env::ExpectedSeconds(key, known, context.config().target.kind)});
  try {
    const std::string result = work();
    const double passed = seconds();
    context.sink().Emit(events::StepFinished{.step = step, .action = action, .seconds = passed, .result = result});
    double& slowest = (*took.lock())[key];
    slowest = std::max(slowest, passed);
  } catch (const Error& error) {
    const auto* refusal = dynamic_cast<const aws::AwsError*>(&error);
    context.sink().Emit(events::StepFailed{.step = step,
                                           .action = action,
                                           .seconds = seconds(),
                                           .error = error.what(),
                                           .hint = error.hint(),
                                           .request_id = refusal == nullptr ? "" : refusal->request_id()});
    throw;
  }
}

std::vector<Part> FindParts(Context& context, const std::string& image) {
  std::vector<Part> parts;
  const std::string& env = context.environment();
  for (const auto& task : context.config().tasks) {
    if (task.image.image != image) continue;
    const auto found = context.CallUnless({"ClientException"}, "ecs", "DescribeTaskDefinition",
                                          {{"taskDefinition", env::FamilyName(env, task.name)}});
    if (!found) {
      throw Error(fmt::format("environment {} has no task {} yet", env, task.name), fmt::format("adhoc up {}", env));
    }
    parts.push_back({.name = task.name, .previous = (*found)["taskDefinition"]["taskDefinitionArn"]});
  }
  for (const auto& service : context.config().services) {
    if (service.image.image != image) continue;
    const Json running = env::ReadService(context, env::ServiceName(env, service.name));
    if (running.is_null()) {
      throw Error(fmt::format("environment {} has no service {} yet", env, service.name),
                  fmt::format("adhoc up {}", env));
    }
    parts.push_back({.name = service.name, .is_service = true, .previous = running["taskDefinition"]});
  }
  return parts;
}

std::string Register(Context& context, Part& part, const std::string& image) {
  const Json described = context.Call("ecs", "DescribeTaskDefinition",
                                      {{"taskDefinition", part.previous}, {"include", Json::array({"TAGS"})}});
  const Json made = context.Call(
      "ecs", "RegisterTaskDefinition",
      WithImage(described["taskDefinition"], described.value("tags", Json::array()), RepositoryOf(image), image));
  part.next = made["taskDefinition"]["taskDefinitionArn"];
  return fmt::format("revision {}", made["taskDefinition"]["revision"].get<int>());
}

void Roll(Context& context, const Part& part, const std::string& definition) {
  const std::string service = env::ServiceName(context.environment(), part.name);
  context.Call(
      "ecs", "UpdateService",
      {{"cluster", env::ClusterName(context.environment())}, {"service", service}, {"taskDefinition", definition}});
  env::WaitForRollout(context, {.step = "service " + service, .service = part.name, .task_definition = definition});
}

// Never throws, and works after a stop request, too: it is how a failure ends.
void RollBack(Context& context, const std::vector<Part>& parts, bool services_touched) {
  const std::string cluster = env::ClusterName(context.environment());
  for (const Part& part : parts) {
    if (part.is_service && services_touched) {
      context.CallAnyway("ecs", "UpdateService",
                         {{"cluster", cluster},
                          {"service", env::ServiceName(context.environment(), part.name)},
                          {"taskDefinition", part.previous}});
    }
  }
  for (const Part& part : parts) {
    if (!part.next.empty()) context.CallAnyway("ecs", "DeregisterTaskDefinition", {{"taskDefinition", part.next}});
  }
}

using StepFunction = std::function<void(const std::string& kind, const std::string& name, const std::string& action,
                                        const std::function<std::string()>& work)>;

void RollAll(Context& context, const std::vector<Part>& services, const StepFunction& step) {
  graph::Graph graph;
  for (const Part& part : services) graph.Add(part.name);
  const auto outcomes = graph.Walk(
      graph::Graph::Direction::kForward, std::max(1, graph.size()),
      [&](int index) {
        const Part& part = services[index];
        step("service", env::ServiceName(context.environment(), part.name), "roll", [&] {
          Roll(context, part, part.next);
          return "revision " + part.next.substr(part.next.rfind(':') + 1);
        });
      },
      context.stop());
  for (const auto& outcome : outcomes) {
    if (outcome.state == graph::Graph::Outcome::State::kFailed) throw Error(outcome.error, outcome.hint);
    if (outcome.state == graph::Graph::Outcome::State::kSkipped) throw Error("stopped before all services were rolled");
  }
}

}  // namespace

Json WithImage(const Json& described, const Json& tags, const std::string& from_repository, const std::string& image) {
  Json input = Json::object();
  for (const char* key : {"family", "taskRoleArn", "executionRoleArn", "networkMode", "containerDefinitions", "volumes",
                          "placementConstraints", "requiresCompatibilities", "cpu", "memory", "pidMode", "ipcMode",
                          "proxyConfiguration", "inferenceAccelerators", "ephemeralStorage", "runtimePlatform"}) {
    if (described.contains(key)) input[key] = described[key];
  }
  for (Json& container : input["containerDefinitions"]) {
    if (RepositoryOf(container.value("image", "")) == from_repository) container["image"] = image;
  }
  if (!tags.empty()) input["tags"] = tags;
  return input;
}

namespace {

// Whether the image, of this digest now, is another one than a service runs: ECS keeps to the digest that a deployment
// began with, and only a new one looks at the tag again.
bool IsPushedAgain(Context& context, const std::string& image, const std::string& digest,
                   const std::vector<Part>& parts) {
  for (const Part& part : parts) {
    if (!part.is_service) continue;
    const std::string service = env::ServiceName(context.environment(), part.name);
    for (const Json& task : env::TasksOf(context, {{"serviceName", service}})) {
      for (const Json& container : task.value("containers", Json::array())) {
        const std::string runs = container.value("imageDigest", "");
        if (container.value("image", "") == image && !runs.empty() && runs != digest) return true;
      }
    }
  }
  return false;
}

}  // namespace

Result Deploy(Context& context, env::RecordStore& records, const Request& request) {
  const std::string& env = context.environment();
  const std::string digest = env::RequireImage(context, request.image, request.tag);
  const auto deployed = env::DeployedTags(context);
  context.set_image_tags({{request.image, request.tag}});
  const std::string image = context.ImageUri(request.image);

  std::vector<Part> parts = FindParts(context, request.image);
  if (parts.empty()) throw Error("no service or task of the definition runs the image " + request.image);
  std::vector<Part> services;
  Result result;
  if (const auto previous = deployed.find(request.image); previous != deployed.end())
    result.previous_tag = previous->second;
  if (result.previous_tag == request.tag) {
    const bool settled = std::all_of(parts.begin(), parts.end(), [&](const Part& part) {
      return !part.is_service ||
             env::JudgeRollout(env::ReadService(context, env::ServiceName(env, part.name)), part.previous).phase ==
                 env::RolloutState::Phase::kDone;
    });
    if (settled && !IsPushedAgain(context, image, digest, parts)) return result;
  }
  for (const auto& lookup : env::SharedLookups(context.config())) {
    if (const auto found = lookup->Read(context)) context.Publish(lookup->id(), *found);
  }

  const env::Durations known = env::KnownDurations(records, records.Get(env), context.config().target.kind);
  Took took;
  const StepFunction step = [&](const std::string& kind, const std::string& name, const std::string& action,
                                const std::function<std::string()>& work) {
    Step(context, known, took, kind, name, action, work);
  };
  bool services_touched = false;
  std::string migrated;
  try {
    for (Part& part : parts) {
      step("task definition", env::FamilyName(env, part.name), "register",
           [&] { return Register(context, part, image); });
    }
    for (const Part& part : parts) {
      const config::Task* task = part.is_service ? nullptr : context.config().FindTask(part.name);
      if (task == nullptr || task->when != config::Task::When::kBeforeUpdate) continue;
      const std::string name = env::FamilyName(env, part.name);
      step("task", name, "run", [&]() -> std::string {
        env::RunTaskOrThrow(context, {.step = "task " + name, .workload = part.name, .task_definition = part.next});
        return "exit code 0";
      });
      migrated += (migrated.empty() ? "" : ", ") + part.name;
    }
    for (const Part& part : parts) {
      if (part.is_service) services.push_back(part);
    }
    services_touched = true;
    RollAll(context, services, step);
  } catch (const Error& error) {
    RollBack(context, parts, services_touched);
    auto record = records.Get(env);
    if (record) {
      record->Remember({.at = ToSeconds(context.clock().Now()),
                        .who = env::WhoAmI(),
                        .what = fmt::format("deploy {} {}", request.image, request.tag),
                        .ok = false});
      records.Put(*record);
    }
    const std::string still = result.previous_tag.empty() ? "the previous version" : result.previous_tag;
    throw Error(fmt::format("{}; {} still serves{}", error.what(), still,
                            migrated.empty() || !services_touched
                                ? ""
                                : fmt::format(" (what {} changed in the database is not undone)", migrated)),
                error.hint());
  }

  env::Record record = records.Get(env).value_or(env::Record{.name = env,
                                                             .shared = context.shared(),
                                                             .application = context.config().application,
                                                             .url = context.config().url});
  for (const Part& part : services) {
    record.good_revisions[part.name] = part.next;
    result.services.push_back(part.name);
  }
  for (const auto& [what, seconds] : *took.lock()) record.durations[what] = seconds;
  record.updated_at = ToSeconds(context.clock().Now());
  record.Remember(
      {.at = record.updated_at, .who = env::WhoAmI(), .what = fmt::format("deploy {} {}", request.image, request.tag)});
  records.Put(record);
  return result;
}

}  // namespace adhoc::deploy
