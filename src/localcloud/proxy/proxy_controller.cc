#include "localcloud/proxy/proxy_controller.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>
#include <utility>

#include "aws/sign/sigv4.h"
#include "base/sync.h"
#include "localcloud/network/vpc_network.h"
#include "localcloud/proxy/balancer_view.h"
#include "localcloud/runtime/runtime.h"

namespace adhoc::localcloud::proxy {
namespace {

namespace fs = std::filesystem;

constexpr const char* kInstanceLabel = "adhoc.instance";
constexpr const char* kBalancerLabel = "adhoc.loadbalancer";  // its ARN
constexpr const char* kIdentityLabel = "adhoc.identity";      // of what cannot be changed in a running container
constexpr TimePoint kNever = TimePoint::max();

TimePoint After(TimePoint time, Duration duration) {
  return time + std::chrono::duration_cast<TimePoint::duration>(duration);
}

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream content;
  content << in.rdbuf();
  return content.str();
}

// Replaces the file at once. Only its owner may read it: there are private keys among them.
void WriteFile(const fs::path& path, const std::string& content) {
  if (fs::exists(path) && ReadFile(path) == content) return;
  fs::path fresh = path;
  fresh += ".new";
  const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  std::size_t done = 0;
  while (fd >= 0 && done < content.size()) {
    const auto length = write(fd, content.data() + done, content.size() - done);
    if (length <= 0) break;
    done += static_cast<std::size_t>(length);
  }
  const int error = errno;
  const bool complete = fd >= 0 && done == content.size() && close(fd) == 0;
  if (!complete || rename(fresh.c_str(), path.c_str()) != 0) {
    throw Error(fmt::format("cannot write {}: {}", path.string(), std::strerror(complete ? errno : error)));
  }
}

// The files first: the configuration names them.
void WriteConfig(const fs::path& directory, const HaproxyConfig& config) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) throw Error(fmt::format("cannot make {}: {}", directory.string(), error.message()));
  for (const auto& [name, content] : config.files) WriteFile(directory / name, content);
  WriteFile(directory / "haproxy.cfg", config.text);
}

// What earlier configurations left.
void RemoveOtherFiles(const fs::path& directory, const HaproxyConfig& config) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    const std::string name = entry.path().filename();
    if (!config.files.contains(name) && name != "haproxy.cfg" && entry.is_regular_file(ignored)) {
      fs::remove(entry.path(), ignored);
    }
  }
}

// Told by the store's listener, which may run for a last time when the controller is gone.
struct Signal {
  struct Flags {
    bool reconcile = true;
    bool health = true;
  };
  Sync<Flags> flags;
  std::condition_variable_any changed;

  void Wake(bool Flags::*which) {
    (*flags.lock()).*which = true;
    changed.notify_all();
  }
  void WakeBoth() {
    *flags.lock() = Flags{};
    changed.notify_all();
  }
};

struct Answer {
  std::string target;
  int generation = 0;
  ProbeResult result;
};
using Answers = Sync<std::vector<Answer>>;

}  // namespace

struct ProxyController::Impl {
  Impl(Cloud& the_cloud, HaproxyCli& the_cli, Prober& the_prober, const ControllerOptions& the_options)
      : cloud(the_cloud), cli(the_cli), prober(the_prober), options(the_options) {
    subscription = cloud.store.Subscribe([signal = signal](const Changes& changed) {
      for (const auto collection : {kLoadBalancers, kListeners, kRules, kTargetGroups, kTargets, kCertificates}) {
        if (changed.contains(collection)) return signal->WakeBoth();
      }
    });
  }

  // ---- Reconcile

  struct Failure {
    int count = 0;
    TimePoint retry_at;
    std::string message;
    std::string version;  // the configuration that HAProxy did not take, if that is the failure
  };
  // To which targets an HAProxy may send requests, and to which it certainly does (given health).
  struct Routed {
    std::set<std::string> maybe;
    std::set<std::string> certainly;
  };
  using Live = std::map<std::string, Routed>;  // no entry: not known yet

  TimePoint Reconcile() {
    std::lock_guard one_at_a_time(reconcile_mutex);
    std::vector<BalancerView> views;
    std::map<std::string, Json> holdings;
    {
      const auto txn = cloud.store.Begin();
      views = ReadBalancers(*txn, cloud.clock.Now());
      for (const auto& [arn, holding] : txn->All(kHoldings)) holdings[arn] = holding;
    }
    std::map<std::string, std::vector<ContainerState>> containers;
    try {
      for (auto& container : cloud.runtime.List({{kInstanceLabel, cloud.settings.instance}, {kBalancerLabel, ""}})) {
        containers[container.labels.at(kBalancerLabel)].push_back(std::move(container));
      }
    } catch (const Error& error) {
      return NoteFailure("", error);
    }
    failures.erase("");

    TimePoint next = kNever;
    std::set<std::string> wanted;
    for (const auto& view : views) {
      if (!view.ports.empty()) wanted.insert(view.arn);
    }
    // Those that are gone first: another one may have their ports by now.
    for (const auto& [arn, list] : containers) holdings.try_emplace(arn, Json::object());
    for (const auto& [arn, holding] : holdings) {
      if (wanted.contains(arn)) continue;
      try {
        for (const auto& container : containers[arn]) cloud.runtime.Remove(container.id, true);
        // Its interfaces outlive a deleted load balancer for a while, as on AWS.
        if (const TimePoint until = FromSeconds(holding.value("_until", 0.0)); cloud.clock.Now() < until) {
          HoldPorts(arn, {}, false);
          next = std::min(next, until);
          continue;
        }
        GiveBack(arn, holding);
        failures.erase(arn);
      } catch (const Error& error) {
        next = std::min(next, NoteFailure(arn, error));
      }
    }
    for (const auto& view : views) {
      if (cloud.clock.Now() < view.active_at) next = std::min(next, view.active_at);
      if (view.starts_slowly) next = std::min(next, After(cloud.clock.Now(), std::chrono::seconds(1)));
      if (view.ports.empty()) {
        SetState(view.arn, "active", "");
        continue;
      }
      const auto failed = failures.find(view.arn);
      const bool waiting = failed != failures.end() && cloud.clock.Now() < failed->second.retry_at;
      if (waiting) next = std::min(next, failed->second.retry_at);
      try {
        if (Apply(view, containers[view.arn], waiting)) failures.erase(view.arn);
      } catch (const Error& error) {
        next = std::min(next, NoteFailure(view.arn, error));
        SetState(view.arn, "", error.what());
      }
    }
    signal->Wake(&Signal::Flags::health);
    return next;
  }

  TimePoint NoteFailure(const std::string& arn, const Error& error) {
    auto& failure = failures[arn];
    const std::string message = error.what();
    if (failure.message != message && !Stopping()) {
      spdlog::warn("load balancer {}: {}", arn.empty() ? "containers" : arn, message);
      failure.message = message;
    }
    failure.count = std::min(failure.count + 1, 5);
    failure.retry_at = After(cloud.clock.Now(), std::chrono::milliseconds(500 << (failure.count - 1)));
    return failure.retry_at;
  }

  fs::path DirectoryOf(const std::string& arn) const { return proxy::DirectoryOf(cloud.settings.state_dir, arn); }

  // False when something failed before and isn't to be tried again yet (`waiting`); what is known to work is kept up to
  // date.
  bool Apply(const BalancerView& view, const std::vector<ContainerState>& containers, bool waiting) {
    if (containers.empty()) SetLive(view.arn, {});
    const HaproxyConfig config = RenderHaproxyConfig(view.model, kInside);
    const fs::path directory = DirectoryOf(view.arn);
    const std::string ip = Hold(view);
    const std::string identity = Identity(view, ip);
    const ContainerState* running = nullptr;
    for (const auto& container : containers) {
      const auto label = container.labels.find(kIdentityLabel);
      if (container.running() && label != container.labels.end() && label->second == identity) running = &container;
    }
    // Just after its death the engine may still list it as running.
    if (running != nullptr && LiveVersion(cli, directory).empty() && !IsRunning(running->id)) running = nullptr;
    if (running == nullptr) {
      if (waiting) return false;
      for (const auto& container : containers) cloud.runtime.Remove(container.id, true);
      SetLive(view.arn, {});
      WriteConfig(directory, config);
      const std::string id = StartContainer(view, identity, ip, directory);
      AddLive(view);
      if (!AwaitVersion(directory, config, id)) throw Error("HAProxy does not start: " + Complaints(id));
    } else {
      // From here on it may send requests to all of them.
      AddLive(view);
      if (!Load(view, config, directory, running->id, waiting)) return false;
    }
    if (!ApplyServers(cli, directory, config.backends)) {
      cli.Run(directory, "reload");
      AwaitServers(directory, config);
    }
    SetLive(view.arn, view.targets);
    RemoveOtherFiles(directory, config);
    HoldPorts(view.arn, view.published, false);
    SetState(view.arn, "active", "");
    return true;
  }

  // Has a running HAProxy use the configuration, if it doesn't already.
  bool Load(const BalancerView& view, const HaproxyConfig& config, const fs::path& directory,
            const std::string& container, bool waiting) {
    if (LiveVersion(cli, directory) == config.version) {
      WriteConfig(directory, config);  // the targets in it are for the next start
      return true;
    }
    const std::string before = ReadFile(directory / "haproxy.cfg");
    const auto failed = failures.find(view.arn);
    bool refused = waiting && failed->second.version == config.version;
    if (waiting && !refused && failed->second.version.empty()) return false;
    if (!refused) {
      WriteConfig(directory, config);
      cli.Run(directory, "reload");
      if (AwaitVersion(directory, config, container)) return true;
    }
    // The old one stays, but must not go on using targets that are gone.
    ApplyServers(cli, directory, config.backends);
    SetLive(view.arn, view.targets);
    if (refused) return false;
    const std::string complaints = Complaints(container);
    WriteFile(directory / "haproxy.cfg", before);
    failures[view.arn].version = config.version;
    throw Error("HAProxy does not take the new configuration: " + complaints);
  }

  std::string Identity(const BalancerView& view, const std::string& ip) const {
    std::string text = cloud.settings.haproxy_image + "\n" + ip + "\n" + view.vpc_id + "\n" +
                       DirectoryOf(view.arn).string() + "\n" + kAllInside;
    for (const int port : view.published) text += fmt::format("\n{}", port);
    return aws::Sha256Hex(text).substr(0, 16);
  }

  std::string StartContainer(const BalancerView& view, const std::string& identity, const std::string& ip,
                             const fs::path& directory) {
    const VpcNetwork network = EnsureVpcNetwork(cloud, view.vpc_id);
    ContainerSpec spec;
    spec.name = fmt::format("adhoc-{}-lb-{}", cloud.settings.instance, ContainerId(view.arn));
    spec.image = cloud.settings.haproxy_image;
    spec.entrypoint = {"haproxy",
                       "-W",
                       "-db",
                       "-S",
                       fmt::format("{}/master.sock,mode,600", kInside),
                       "-f",
                       fmt::format("{}/haproxy.cfg", kInside)};
    spec.user = "0:0";  // ports below 1024, and sockets in a directory that is ours
    spec.labels = {{kInstanceLabel, cloud.settings.instance}, {kBalancerLabel, view.arn}, {kIdentityLabel, identity}};
    spec.network = network.name;
    spec.ip = ip;
    spec.aliases = {view.dns_name};
    for (const int port : view.published)
      spec.ports.push_back({.host_ip = "127.0.0.1", .host_port = port, .container_port = port});
    spec.mounts.push_back(
        {.host_path = directory.string(), .volume = "", .container_path = kInside, .read_only = false});
    spec.mounts.push_back({.host_path = directory.parent_path().string(),
                           .volume = "",
                           .container_path = kAllInside,
                           .read_only = false});
    const std::string id = cloud.runtime.Create(spec);
    try {
      cloud.runtime.Start(id);
    } catch (...) {
      cloud.runtime.Remove(id, true);
      throw;
    }
    return id;
  }

  bool IsRunning(const std::string& container) {
    const auto state = cloud.runtime.Inspect(container);
    return state && state->running();
  }

  // False when it isn't live in time, or its container has ended.
  bool AwaitVersion(const fs::path& directory, const HaproxyConfig& config, const std::string& container) {
    const TimePoint deadline = After(cloud.clock.Now(), options.reload_patience);
    for (int attempt = 1; LiveVersion(cli, directory) != config.version; ++attempt) {
      if (cloud.clock.Now() >= deadline || Stopping()) return false;
      if (attempt % 20 == 0) {
        if (!IsRunning(container)) return false;
      }
      cloud.clock.SleepFor(options.poll_interval, stop.get_token());
    }
    return true;
  }

  void AwaitServers(const fs::path& directory, const HaproxyConfig& config) {
    const TimePoint deadline = After(cloud.clock.Now(), options.reload_patience);
    while (!ApplyServers(cli, directory, config.backends)) {
      if (cloud.clock.Now() >= deadline || Stopping()) throw Error("HAProxy does not take the new targets");
      cloud.clock.SleepFor(options.poll_interval, stop.get_token());
    }
  }

  // Why HAProxy refuses what it was given, in its own words.
  std::string Complaints(const std::string& container) {
    try {
      if (!IsRunning(container)) return "its container has ended" + LastWords(container);
      const auto check =
          cloud.runtime.RunExec(container, {.argv = {"haproxy", "-c", "-f", fmt::format("{}/haproxy.cfg", kInside)}},
                                std::chrono::seconds(10));
      return check.exit_code == 0 ? "no answer" : check.output;
    } catch (const Error& error) {
      return error.what();
    }
  }

  std::string LastWords(const std::string& container) {
    std::string text;
    cloud.runtime.FollowLogs(
        container, {.follow = false},
        [&](const LogLine& line) {
          if (line.text.find("[ALERT]") != std::string::npos) text += "; " + line.text;
          return text.size() < 1000;
        },
        stop.get_token());
    return text;
  }

  // The address of the load balancer, reserved together with its ports before a container takes them.
  std::string Hold(const BalancerView& view) {
    HoldPorts(view.arn, view.published, true);
    const auto address = [&](const Store::Transaction& txn) -> std::string {
      const Json* interface = txn.Find("ec2.enis", txn.Find(kHoldings, view.arn)->value("interface", ""));
      return interface == nullptr ? "" : interface->at("PrivateIpAddress").get<std::string>();
    };
    if (const std::string ip = address(*cloud.store.Begin()); !ip.empty()) return ip;
    // Before the first address is given out, the VPC can still move to another range.
    EnsureVpcNetwork(cloud, view.vpc_id);
    const auto txn = cloud.store.Begin();
    const Json* document = txn->Find(kLoadBalancers, view.arn);
    if (document == nullptr) throw Error("the load balancer is gone");
    InterfaceSpec spec{.subnet_id = view.subnet_id,
                       .security_groups = document->value("SecurityGroups", std::vector<std::string>()),
                       .description = fmt::format("ELB {}", view.arn.substr(view.arn.find("app/"))),
                       .requester = "amazon-elb"};
    spec.public_ip = document->value("Scheme", "") == "internet-facing";
    const Json interface = PutInterface(cloud, *txn, spec);
    txn->Edit(kHoldings, view.arn)["interface"] = interface["NetworkInterfaceId"];
    txn->Commit();
    return interface["PrivateIpAddress"].get<std::string>();
  }

  // `keep`: those held before are still in use.
  void HoldPorts(const std::string& arn, const std::vector<int>& ports, bool keep) {
    const auto txn = cloud.store.Begin();
    const Json* holding = txn->Find(kHoldings, arn);
    std::set<int> held(ports.begin(), ports.end());
    if (keep && holding != nullptr) {
      for (const auto& port : holding->value("ports", Json::array())) held.insert(port.get<int>());
    }
    if (holding != nullptr && holding->value("ports", Json()) == Json(held)) return;
    Json changed = holding == nullptr ? Json::object() : *holding;
    changed["ports"] = held;
    txn->Put(kHoldings, arn, std::move(changed));
    txn->Commit();
  }

  void GiveBack(const std::string& arn, const Json& holding) {
    const auto txn = cloud.store.Begin();
    if (const std::string interface = holding.value("interface", ""); !interface.empty())
      EraseInterface(*txn, interface);
    txn->Erase(kHoldings, arn);
    txn->Commit();
    live.lock()->erase(arn);
    std::error_code ignored;
    fs::remove_all(DirectoryOf(arn), ignored);
  }

  // An empty code: what it is, or was, stays true but for the reason.
  void SetState(const std::string& arn, std::string code, const std::string& reason) {
    const auto txn = cloud.store.Begin();
    const Json* document = txn->Find(kLoadBalancers, arn);
    if (document == nullptr) return;
    if (code == "active" && cloud.Now() < document->value("_active_at", 0.0)) code = "provisioning";
    const Json& before = document->at("State");
    if (code.empty()) code = before.value("Code", "") == "provisioning" ? "provisioning" : "active_impaired";
    Json state{{"Code", code}};
    if (!reason.empty()) state["Reason"] = reason;
    if (before == state) return;
    txn->Edit(kLoadBalancers, arn)["State"] = std::move(state);
    txn->Commit();
  }

  void SetLive(const std::string& arn, const std::set<std::string>& targets) {
    (*live.lock())[arn] = {targets, targets};
  }
  // Unless it isn't known to what it sends requests.
  void AddLive(const BalancerView& view) {
    auto lock = live.lock();
    if (const auto found = lock->find(view.arn); found != lock->end()) {
      found->second.maybe.insert(view.targets.begin(), view.targets.end());
    }
  }

  // ---- Health

  struct Tracker {
    TargetHealth health;
    int generation = 0;  // tells probes of an earlier registration of the same target apart
  };

  struct PlannedProbe {
    std::string target;
    int generation = 0;
    ProbeRequest request;
  };

  TimePoint CheckHealth() {
    std::lock_guard one_at_a_time(health_mutex);
    const TimePoint now = cloud.clock.Now();
    const Live known = *live.lock();
    const std::vector<Answer> arrived = std::exchange(*answers->lock(), {});
    std::vector<PlannedProbe> probes;
    TimePoint next = kNever;
    {
      const auto txn = cloud.store.Begin();
      for (const auto& answer : arrived) {
        const auto tracker = trackers.find(answer.target);
        const Json* group = txn->Find(kTargetGroups, GroupOf(answer.target));
        if (tracker == trackers.end() || tracker->second.generation != answer.generation || group == nullptr) continue;
        tracker->second.health.Finished(answer.result, ReadHealthCheck(*group, options.initial_probe_interval), now);
      }
      std::map<std::string, Json> changed;  // target → its document; null: erase
      for (const auto& [key, target] : txn->All(kTargets)) Check(*txn, key, target, known, now, changed, probes, next);
      std::erase_if(trackers, [&](const auto& entry) { return txn->Find(kTargets, entry.first) == nullptr; });
      for (auto& [key, document] : changed) {
        if (document.is_null()) {
          txn->Erase(kTargets, key);
          trackers.erase(key);
        } else {
          txn->Put(kTargets, key, std::move(document));
        }
      }
      if (!changed.empty()) txn->Commit();
    }
    for (auto& probe : probes) {
      prober.Probe(probe.request, [answers = answers, signal = signal, target = probe.target,
                                   generation = probe.generation](const ProbeResult& result) {
        answers->lock()->push_back({target, generation, result});
        signal->Wake(&Signal::Flags::health);
      });
    }
    return next;
  }

  // When the target is registered, and one of the load balancers that use its group is active.
  static TimePoint HealthChecksBegin(const Store::Transaction& txn, const Json& target, const Json& users) {
    double active_at = users.empty() ? 0 : std::numeric_limits<double>::max();
    for (const Json& user : users) {
      const Json* balancer = txn.Find(kLoadBalancers, user.get<std::string>());
      active_at = std::min(active_at, balancer == nullptr ? 0 : balancer->value("_active_at", 0.0));
    }
    return FromSeconds(std::max(active_at, target.value("_registered_at", 0.0)));
  }

  // What one target needs. `known`: to what each load balancer may send requests.
  void Check(const Store::Transaction& txn, const std::string& key, const Json& target, const Live& known,
             TimePoint now, std::map<std::string, Json>& changed, std::vector<PlannedProbe>& probes, TimePoint& next) {
    const Json* group = txn.Find(kTargetGroups, GroupOf(key));
    if (group == nullptr) {
      changed[key] = nullptr;
      return;
    }
    const Json& users = group->at("LoadBalancerArns");
    const Json& health = target.at("TargetHealth");
    const std::string state = health.value("State", "");
    const auto gets_requests = [&] {
      return std::any_of(users.begin(), users.end(), [&](const Json& user) {
        const auto entry = known.find(user.get<std::string>());
        return entry == known.end() || entry->second.maybe.contains(key);
      });
    };
    const auto is_in_service = [&] {
      return std::all_of(users.begin(), users.end(), [&](const Json& user) {
        const auto entry = known.find(user.get<std::string>());
        return entry != known.end() && entry->second.certainly.contains(key);
      });
    };
    if (state == "draining") {
      trackers.erase(key);
      const TimePoint due = After(FromSeconds(target.value("_draining_since", 0.0)), DeregistrationDelay(*group));
      const bool is_over = users.empty() || now >= due;
      if (!is_over) next = std::min(next, due);
      if (gets_requests()) return;  // the next Reconcile takes it out, and wakes us
      if (is_over) {
        changed[key] = nullptr;
      } else if (!target.contains(kLetGo)) {
        changed[key] = target;
        changed[key][kLetGo] = true;
      }
      return;
    }
    if (users.empty()) {
      trackers.erase(key);
      if (state != "unused") {
        changed[key] = target;
        changed[key]["TargetHealth"] = {
            {"State", "unused"},
            {"Reason", "Target.NotInUse"},
            {"Description", "Target group is not configured to receive traffic from the load balancer"}};
        changed[key].erase(kPassed);
      }
      return;
    }
    if (const TimePoint begin = HealthChecksBegin(txn, target, users); now < begin) {
      next = std::min(next, begin);
      return;
    }
    const bool just_registered = health.value("Reason", "") == "Elb.RegistrationInProgress" || state == "unused";
    auto tracker = trackers.find(key);
    if (tracker == trackers.end() || (just_registered && tracker->second.health.begun())) {
      tracker = trackers.insert_or_assign(key, Tracker{TargetHealth(now, health), ++last_generation}).first;
    }
    TargetHealth& machine = tracker->second.health;
    const HealthCheck check = ReadHealthCheck(*group, options.initial_probe_interval);
    if (!machine.probing() && machine.next_probe() <= now) {
      machine.Started(now);
      const std::string port = group->value("HealthCheckPort", "traffic-port");
      probes.push_back({key,
                        tracker->second.generation,
                        {.ip = target["Target"].value("Id", ""),
                         .port = port == "traffic-port" ? target["Target"].value("Port", 0) : std::atoi(port.c_str()),
                         .tls = group->value("HealthCheckProtocol", "HTTP") == "HTTPS",
                         .path = group->value("HealthCheckPath", "/"),
                         .timeout = check.timeout}});
    }
    if (!machine.probing()) next = std::min(next, machine.next_probe());
    Json fresh = target;
    const bool passes = machine.state() == TargetState::kHealthy;
    if (!passes) fresh.erase(kSlowStartSince);
    if (passes && state != "healthy" && !target.contains(kPassed) && StartsSlowly(txn, *group, now)) {
      fresh[kSlowStartSince] = cloud.Now();
    }
    // Whoever sees a healthy target may rely on it getting requests, so HAProxy comes first.
    if (passes && state != "healthy" && !is_in_service()) {
      fresh[kPassed] = true;
    } else {
      fresh["TargetHealth"] = machine.Document();
      fresh.erase(kPassed);
    }
    if (fresh != target) changed[key] = std::move(fresh);
  }

  // ---- Threads

  bool Stopping() const { return stop.stop_requested(); }

  // Returns when the flag is raised or the time has come.
  void Wait(bool Signal::Flags::*flag, TimePoint until) {
    auto lock = signal->flags.lock();
    // A far deadline is capped: a look at what runs, in case an event was lost.
    const Duration longest = std::chrono::seconds(30);
    const Duration left =
        until == kNever ? longest : std::clamp<Duration>(until - cloud.clock.Now(), Duration(0), longest);
    lock.WaitUntil(signal->changed, stop.get_token(), std::chrono::steady_clock::now() + left,
                   [&] { return (*lock).*flag; });
    (*lock).*flag = false;
  }

  void ReconcileLoop() {
    TimePoint next = cloud.clock.Now();
    while (!Stopping()) {
      Wait(&Signal::Flags::reconcile, next);
      cloud.clock.SleepFor(options.debounce, stop.get_token());
      if (Stopping()) return;
      signal->flags.lock()->reconcile = false;
      next = Guarded([&] { return Reconcile(); });
    }
  }

  void HealthLoop() {
    TimePoint next = cloud.clock.Now();
    while (!Stopping()) {
      Wait(&Signal::Flags::health, next);
      if (Stopping()) return;
      next = Guarded([&] { return CheckHealth(); });
    }
  }

  template <typename Pass>
  TimePoint Guarded(Pass pass) {
    try {
      return pass();
    } catch (const std::exception& error) {
      spdlog::error("load balancer: {}", error.what());
      return After(cloud.clock.Now(), std::chrono::seconds(1));
    }
  }

  void WatchLoop() {
    const Labels labels{{kInstanceLabel, cloud.settings.instance}, {kBalancerLabel, ""}};
    while (!Stopping()) {
      try {
        cloud.runtime.WatchEvents(
            labels, [&] { signal->Wake(&Signal::Flags::reconcile); },
            [&](const ContainerEvent& event) {
              if (event.kind != ContainerEventKind::kStarted) signal->Wake(&Signal::Flags::reconcile);
            },
            stop.get_token());
      } catch (const Error&) {
        // The engine went away; the passes say so.
      }
      cloud.clock.SleepFor(std::chrono::seconds(1), stop.get_token());
    }
  }

  Cloud& cloud;
  HaproxyCli& cli;
  Prober& prober;
  const ControllerOptions options;
  std::shared_ptr<Signal> signal = std::make_shared<Signal>();
  Subscription subscription;
  std::shared_ptr<Answers> answers = std::make_shared<Answers>();
  std::stop_source stop;

  Sync<Live> live;

  std::mutex reconcile_mutex;               // guards what follows
  std::map<std::string, Failure> failures;  // by ARN; "": the engine

  std::mutex health_mutex;  // guards what follows
  std::map<std::string, Tracker> trackers;
  int last_generation = 0;

  std::vector<std::jthread> threads;
};

ProxyController::ProxyController(Cloud& cloud, HaproxyCli& cli, Prober& prober, const ControllerOptions& options)
    : impl_(std::make_unique<Impl>(cloud, cli, prober, options)) {}

ProxyController::~ProxyController() {
  impl_->stop.request_stop();
  impl_->threads.clear();
}

void ProxyController::Start() {
  impl_->threads.emplace_back([impl = impl_.get()] { impl->ReconcileLoop(); });
  impl_->threads.emplace_back([impl = impl_.get()] { impl->HealthLoop(); });
  impl_->threads.emplace_back([impl = impl_.get()] { impl->WatchLoop(); });
}

TimePoint ProxyController::Reconcile() { return impl_->Reconcile(); }
TimePoint ProxyController::CheckHealth() { return impl_->CheckHealth(); }

}  // namespace adhoc::localcloud::proxy
