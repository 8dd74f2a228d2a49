#include "localcloud/instances/instance_controller.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "localcloud/controller.h"
#include "localcloud/instances/documents.h"
#include "localcloud/network/metadata_route.h"
#include "localcloud/network/vpc_network.h"
#include "localcloud/retries.h"
#include "localcloud/runtime/runtime.h"

namespace adhoc::localcloud::ec2 {
namespace {

using namespace std::chrono_literals;

constexpr const char* kInstanceLabel = "adhoc.instance";
constexpr const char* kMachineLabel = "adhoc.machine";  // the EC2 instance's id
constexpr std::chrono::milliseconds kResync = 30s;      // in case an event was lost
constexpr TimePoint kNever = TimePoint::max();
constexpr auto kStopGrace = 5s;
constexpr auto kRestartPause = 1s;
constexpr double kRemembered = 3600;  // seconds that a terminated instance is described

// What the machine does. User data that is a script runs at the first start, as cloud-init has it; what it prints is
// the console's output. It comes as an argument, since every shell in the container would find it in a variable.
constexpr const char* kBoot = R"sh(if [ -n "$1" ] && [ ! -e /var/lib/cloud/user-data ]; then
  mkdir -p /var/lib/cloud
  printf %s "$1" | base64 -d >/var/lib/cloud/user-data
  chmod 700 /var/lib/cloud/user-data
  case "$(head -c 2 /var/lib/cloud/user-data)" in
    '#!') /var/lib/cloud/user-data || echo "user data: exit status $?" ;;
    *) echo 'user data: not a script, left alone' ;;
  esac
fi
exec sleep infinity)sh";

TimePoint After(TimePoint time, Duration duration) {
  return time + std::chrono::duration_cast<TimePoint::duration>(duration);
}

TimePoint TimeOf(const Json& instance, const char* member) { return FromSeconds(instance.value(member, 0.0)); }

std::string TextOf(const Json& document, const char* member) { return document.value(member, std::string()); }

}  // namespace

struct InstanceController::Impl {
  Impl(Cloud& the_cloud, std::function<bool()> the_route)
      : cloud(the_cloud),
        route_resolver(std::move(the_route)),
        thread("instance controller", the_cloud.store, {std::string(kInstances)},
               [this](std::stop_token) { return Pass(); }) {}

  Labels LabelsOf(const std::string& id) const {
    return {{kInstanceLabel, cloud.settings.instance}, {kMachineLabel, id}};
  }

  using Containers = std::vector<ContainerState>;

  TimePoint Reconcile() {
    std::lock_guard one_at_a_time(reconcile_mutex);
    std::map<std::string, Json> instances;
    {
      const auto txn = cloud.store.Begin();
      for (const auto& [id, instance] : txn->All(kInstances)) instances[id] = instance;
    }
    std::map<std::string, Containers> containers;
    try {
      for (auto& container : cloud.runtime.List(LabelsOf(""))) {
        containers[container.labels.at(kMachineLabel)].push_back(std::move(container));
      }
    } catch (const Error& error) {
      return retries.Note("", "", error, stop.stop_requested());
    }
    retries.Forget("");

    TimePoint next = kNever;
    for (const auto& [id, instance] : instances) {
      if (const auto waiting = retries.WaitingUntil(id, StateOf(instance))) {
        next = std::min(next, *waiting);
        continue;
      }
      try {
        next = std::min(next, Advance(id, instance, containers[id]));
        retries.Forget(id);
      } catch (const Error& error) {
        next = std::min(next, retries.Note(id, StateOf(instance), error, stop.stop_requested()));
        GiveUp(id, instance, error);
      }
    }
    for (const auto& [id, list] : containers) {
      if (!instances.contains(id)) next = std::min(next, RemoveAll(id, list));
    }
    return next;
  }

  // Of an instance that is no longer, also when this program was not running then.
  TimePoint RemoveAll(const std::string& id, const Containers& containers) {
    try {
      for (const auto& container : containers) cloud.runtime.Remove(container.id, true);
      retries.Forget(id);
      return kNever;
    } catch (const Error& error) {
      return retries.Note(id, "", error, stop.stop_requested());
    }
  }

  // An instance that can't start goes the way of one that EC2 has no room for. Only a missing image is hopeless.
  void GiveUp(const std::string& id, const Json& instance, const Error& error) {
    const auto* engine = dynamic_cast<const RuntimeError*>(&error);
    if (engine == nullptr || engine->kind() != RuntimeErrorKind::kImageNotFound || StateOf(instance) != "pending")
      return;
    Change(id, instance, [&](Json& document, Store::Transaction&) {
      document["StateReason"] = {{"Code", "Server.InternalError"},
                                 {"Message", fmt::format("Server.InternalError: {}", error.what())}};
      SetState(document, "shutting-down");
    });
  }

  TimePoint Advance(const std::string& id, const Json& instance, const Containers& containers) {
    const std::string state = StateOf(instance);
    const TimePoint due = TimeOf(instance, "_due_at");
    if (state == "terminated") {
      for (const auto& container : containers) cloud.runtime.Remove(container.id, true);
      return Forget(id, instance);
    }
    if (state == "shutting-down") {
      for (const auto& container : containers) cloud.runtime.Remove(container.id, true);
      if (cloud.clock.Now() < due) return due;
      Change(id, instance, [&](Json& document, Store::Transaction& txn) { Terminate(document, txn); });
      return kNever;
    }
    if (state == "stopping" || state == "stopped" || instance.value("_restart", false)) {
      for (const auto& container : containers) cloud.runtime.Stop(container.id, kStopGrace);
      if (state == "stopped") return kNever;
      if (state == "stopping" && cloud.clock.Now() < due) return due;
      Change(id, instance, [&](Json& document, Store::Transaction&) {
        document.erase("_restart");
        if (state == "stopping") SetState(document, "stopped");
      });
      return cloud.clock.Now();
    }
    return Run(id, instance, containers);
  }

  // Unless it has another state by now.
  void Change(const std::string& id, const Json& seen, const std::function<void(Json&, Store::Transaction&)>& change) {
    const auto txn = cloud.store.Begin();
    const Json* found = txn->Find(kInstances, id);
    if (found == nullptr || StateOf(*found) != StateOf(seen)) return;
    change(txn->Edit(kInstances, id), *txn);
    txn->Commit();
  }

  void Terminate(Json& document, Store::Transaction& txn) const {
    EraseInterface(txn, TextOf(document, "_interface"));
    for (const auto& mapping : document.at("BlockDeviceMappings")) {
      const std::string volume = mapping.at("Ebs").at("VolumeId");
      if (mapping.at("Ebs").value("DeleteOnTermination", true)) {
        txn.Erase(kVolumes, volume);
      } else if (txn.Find(kVolumes, volume) != nullptr) {
        Json& kept = txn.Edit(kVolumes, volume);
        kept["State"] = "available";
        kept["Attachments"] = Json::array();
      }
    }
    for (const char* member : {"PrivateIpAddress", "PublicIpAddress", "VpcId", "SubnetId", "IamInstanceProfile",
                               "_interface", "_container", "_profile"}) {
      document.erase(member);
    }
    for (const char* member : {"NetworkInterfaces", "SecurityGroups", "BlockDeviceMappings"}) {
      document[member] = Json::array();
    }
    for (const char* member : {"PrivateDnsName", "PublicDnsName"}) document[member] = "";
    document["_forget_at"] = cloud.Now() + kRemembered;
    SetState(document, "terminated");
  }

  TimePoint Forget(const std::string& id, const Json& instance) {
    const TimePoint due = TimeOf(instance, "_forget_at");
    if (cloud.clock.Now() < due) return due;
    const auto txn = cloud.store.Begin();
    txn->Erase(kInstances, id);
    txn->Commit();
    return kNever;
  }

  TimePoint Run(const std::string& id, const Json& instance, const Containers& containers) {
    const ContainerState* container = containers.empty() ? nullptr : &containers.front();
    for (std::size_t i = 1; i < containers.size(); ++i) cloud.runtime.Remove(containers[i].id, true);
    if (container == nullptr || !container->running()) {
      if (container != nullptr && container->finished_at) {
        const TimePoint due = After(*container->finished_at, kRestartPause);
        if (cloud.clock.Now() < due) return due;
      }
      cloud.runtime.Start(container != nullptr ? container->id : Create(id, instance));
      return cloud.clock.Now();
    }
    const bool pending = StateOf(instance) == "pending";
    if (const TimePoint due = TimeOf(instance, "_due_at"); pending && cloud.clock.Now() < due) return due;
    if (!pending && TextOf(instance, "_container") == container->id) return kNever;
    Change(id, instance, [&](Json& document, Store::Transaction&) {
      document["_container"] = container->id;
      if (!pending) return;
      document["_checks_until"] = cloud.DueAt(Slow::kInstanceChecks);
      SetState(document, "running");
    });
    return kNever;
  }

  std::string Create(const std::string& id, const Json& instance) {
    const VpcNetwork network = EnsureVpcNetwork(cloud, instance.at("VpcId").get<std::string>());
    ContainerSpec spec;
    spec.name = fmt::format("adhoc-{}-{}", cloud.settings.instance, id);
    spec.image = cloud.settings.machine_image;
    spec.entrypoint = {"/bin/sh", "-c", kBoot, "boot", TextOf(instance, "_user_data")};
    spec.environment = {{"AWS_DEFAULT_REGION", cloud.settings.region},
                        {"AWS_REGION", cloud.settings.region},
                        {"AWS_ENDPOINT_URL", fmt::format("http://{}:{}", network.gateway, cloud.settings.port)}};
    spec.labels = LabelsOf(id);
    spec.user = "0";
    spec.network = network.name;
    spec.ip = instance.at("PrivateIpAddress");
    const std::string name = instance.at("PrivateDnsName");
    spec.hostname = name.substr(0, name.find('.'));
    spec.aliases = {name};
    if (route_resolver()) spec.dns_server = kResolverAddress;
    spec.init = true;
    return cloud.runtime.Create(spec);
  }

  // ---- The loop

  std::chrono::milliseconds Pass() {
    const TimePoint next = Reconcile();
    if (next == kNever) return kResync;
    return std::clamp(std::chrono::ceil<std::chrono::milliseconds>(next - cloud.clock.Now()), 0ms, kResync);
  }

  void WatchLoop() {
    while (!stop.stop_requested()) {
      try {
        cloud.runtime.WatchEvents(
            LabelsOf(""), [&] { thread.Wake(); },
            [&](const ContainerEvent& event) {
              if (event.kind != ContainerEventKind::kStarted) thread.Wake();
            },
            stop.get_token());
      } catch (const Error&) {
        // The engine went away; the passes say so.
      }
      cloud.clock.SleepFor(1s, stop.get_token());
    }
  }

  Cloud& cloud;
  const std::function<bool()> route_resolver;
  std::stop_source stop;

  std::mutex reconcile_mutex;                // guards what follows
  Retries retries{"instance", cloud.clock};  // by instance; "": the engine

  ControllerThread thread;  // after what it uses
  std::jthread watcher;
};

InstanceController::InstanceController(Cloud& cloud, std::function<bool()> route_resolver)
    : impl_(std::make_unique<Impl>(cloud, std::move(route_resolver))) {}

InstanceController::~InstanceController() { impl_->stop.request_stop(); }

void InstanceController::Start() {
  impl_->thread.Start();
  impl_->watcher = std::jthread([impl = impl_.get()] { impl->WatchLoop(); });
}

TimePoint InstanceController::Reconcile() { return impl_->Reconcile(); }

}  // namespace adhoc::localcloud::ec2
