#include "localcloud/runtime/clearing.h"

#include <exception>
#include <functional>
#include <vector>

#include "base/parallel.h"

namespace adhoc::localcloud {
namespace {

// The engine does most of its work for one container in child processes, of which a few at a time keep it busy.
constexpr std::size_t kThreads = 8;

void Kill(ContainerRuntime& runtime, const ContainerState& container) {
  if (!container.running()) return;
  try {
    runtime.Kill(container.id, "SIGKILL");
  } catch (const RuntimeError& error) {
    // It ended meanwhile.
    if (error.kind() != RuntimeErrorKind::kConflict && error.kind() != RuntimeErrorKind::kNotFound) throw;
  }
}

}  // namespace

Cleared ClearContainers(ContainerRuntime& runtime, const Labels& labels) {
  const auto containers = runtime.List(labels);
  // Those that use another one's network namespace have to go before it.
  std::vector<ContainerState> sharing;
  std::vector<ContainerState> others;
  for (const auto& container : containers)
    (container.share_network_with.empty() ? others : sharing).push_back(container);
  std::exception_ptr failure;
  for (const auto* group : {&sharing, &others}) {
    try {
      ForEachParallel(*group, kThreads, [&](const ContainerState& container) {
        Kill(runtime, container);
        runtime.Remove(container.id, true);
      });
    } catch (...) {
      if (!failure) failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
  return {.containers = static_cast<int>(containers.size())};
}

Cleared ClearEngine(ContainerRuntime& runtime, const Labels& labels) {
  Cleared cleared = ClearContainers(runtime, labels);
  const auto networks = runtime.ListNetworks(labels);
  const auto volumes = runtime.ListVolumes(labels);
  std::vector<std::function<void()>> removals;
  for (const auto& network : networks) removals.emplace_back([&] { runtime.RemoveNetwork(network.name); });
  for (const auto& volume : volumes) removals.emplace_back([&] { runtime.RemoveVolume(volume.name); });
  ForEachParallel(removals, kThreads, [](const auto& remove) { remove(); });
  cleared.networks = static_cast<int>(networks.size());
  cleared.volumes = static_cast<int>(volumes.size());
  return cleared;
}

}  // namespace adhoc::localcloud
