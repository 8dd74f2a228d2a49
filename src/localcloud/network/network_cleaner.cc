#include "localcloud/network/network_cleaner.h"

#include <string>
#include <vector>

#include "localcloud/runtime/runtime.h"

namespace adhoc::localcloud {
namespace {

constexpr const char* kAbandoned = "ec2.abandoned_networks";
constexpr std::chrono::milliseconds kRetry{500};
constexpr std::chrono::milliseconds kIdle{std::chrono::hours(1)};

}  // namespace

NetworkCleaner::NetworkCleaner(Cloud& cloud)
    : cloud_(cloud),
      thread_("network cleaner", cloud.store, {kAbandoned}, [this](std::stop_token) { return Pass(); }) {}

std::chrono::milliseconds NetworkCleaner::Pass() {
  std::vector<std::string> names;
  {
    const auto txn = cloud_.store.Begin();
    for (const auto& [name, document] : txn->All(kAbandoned)) names.push_back(name);
  }
  std::chrono::milliseconds again = kIdle;
  for (const auto& name : names) {
    try {
      cloud_.runtime.RemoveNetwork(name);
    } catch (const RuntimeError&) {
      again = kRetry;
      continue;
    }
    const auto txn = cloud_.store.Begin();
    txn->Erase(kAbandoned, name);
    txn->Commit();
  }
  return again;
}

}  // namespace adhoc::localcloud
