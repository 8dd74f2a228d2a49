// The resource graphs of the shared resources (S1) and of an environment (S2), and the runs over them: plan, up, down.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "env/context.h"
#include "env/forecast.h"
#include "env/plan.h"
#include "env/record.h"
#include "env/resource.h"
#include "env/versions.h"

namespace adhoc::env {

// The shared resources, made once and long-lived.
Resources SharedResources(const config::Config& config);

// What an account needs before the shared resources: records' bucket, image repositories and, with the name of a GitHub
// repository (owner/name), the role that its pipelines deploy with.
Resources BootstrapResources(const config::Config& config, const std::string& github);

// What an environment looks up of them.
Resources SharedLookups(const config::Config& config);

// Everything of one environment. Image tags and the load balancer are those of the context.
//
//   secrets, roles, log groups, cluster ──► task definitions ──► database ──► before-update tasks ──► services
//   bucket, discovery services, target groups ──► listener rules, record ────────────────────────────────┘
Resources EnvironmentResources(const Context& context);

// A plan with all that applying it takes.
struct Prepared {
  Resources existing;
  Resources resources;
  Plan plan;
  std::map<std::string, Version> versions;  // by image; of an environment
  std::optional<Record> record;             // of an environment, as the plan found it
};

Prepared PrepareBootstrap(Context& context, const std::string& github);
// Throws Error where there are records or images, unless `force`.
Prepared PrepareBootstrapDown(Context& context, bool force);
Prepared PrepareShared(Context& context);
// Throws Error, with `adhoc shared up` as hint, when the shared resources do not exist.
Prepared PrepareUp(Context& context, const std::optional<Record>& record);
// What exists of the environment, in the definition or not.
Prepared PrepareDown(Context& context);
Prepared PrepareSharedDown(Context& context);

// What steps took in earlier runs: of the environment's `own` record, else of the one that was changed last.
Durations KnownDurations(RecordStore& records, const std::optional<Record>& own, config::TargetKind target);
// How long the plan of an `up` will take, going by them.
Forecast PredictUp(const Prepared& prepared, RecordStore& records, const config::Config& config);

// Applies and brings the record up to date: also after a failure, since what was reached counts.
ApplyResult Up(Context& context, const Prepared& prepared, RecordStore& records);
ApplyResult Down(Context& context, const Prepared& prepared, RecordStore& records);

// Image name → the tag that the environment's services run. Images that no service runs are missing.
std::map<std::string, std::string> DeployedTags(Context& context);

// The digest of this tag of an entry of `images:`. Throws Error, with `adhoc image build …` as hint, unless the
// registry has it.
std::string RequireImage(Context& context, const std::string& image, const std::string& tag);

// The environments that have a cluster on this target, whoever made them.
std::vector<std::string> ListEnvironments(Context& context);

}  // namespace adhoc::env
