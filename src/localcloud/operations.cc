#include "localcloud/operations.h"

#include <fmt/format.h>

#include "localcloud/runtime/engine_setup.h"
#include "localcloud/runtime/runtime.h"

namespace adhoc::localcloud {
namespace {

constexpr const char* kIntroduction = R"(# What the local cloud answers

Every operation that has an answer in the local cloud, by botocore's name of its service. This page is written by
`adhoc local operations --markdown`.

*Real* does what AWS's does, as far as one machine can; operations that only read are real. *Recorded* is kept and answered, and
changes nothing else, because there is nothing on one machine that it could change (a route; a permission counts only with
`--iam enforce`).
What is not listed gets the service's own error for an unknown operation.
)";

const char* NameOf(Effect effect) { return effect == Effect::kReal ? "real" : "recorded"; }

template <typename Result>
Result WithEveryOperation(Result (*use)(const Api&)) {
  Store store(":memory:");
  LogStore logs(":memory:");
  MetricStore metrics(":memory:");
  const auto runtime = MakeEngineRuntime({}, RealClock());  // looks for an engine when it is used
  Cloud cloud{.settings = {},
              .store = store,
              .logs = logs,
              .metrics = metrics,
              .clock = RealClock(),
              .random = SystemRandom(),
              .runtime = *runtime};
  Api api;
  RegisterServices(api, cloud);
  return use(api);
}

}  // namespace

Json ListOperations(const Api& api) {
  Json list = Json::array();
  for (const auto& [service, operations] : api.operations()) {
    for (const auto& [operation, effect] : operations) {
      list.push_back({{"service", service}, {"operation", operation}, {"effect", NameOf(effect)}});
    }
  }
  return list;
}

std::string OperationsPage(const Api& api) {
  std::string page = kIntroduction;
  for (const auto& [service, operations] : api.operations()) {
    page += fmt::format("\n## {}\n\n| operation | |\n| --- | --- |\n", service);
    for (const auto& [operation, effect] : operations)
      page += fmt::format("| `{}` | {} |\n", operation, NameOf(effect));
  }
  return page;
}

Json ListAllOperations() { return WithEveryOperation(ListOperations); }
std::string AllOperationsPage() { return WithEveryOperation(OperationsPage); }

}  // namespace adhoc::localcloud
