#include "localcloud/server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include "aws/sign/sigv4.h"
#include "base/error.h"
#include "base/sync.h"
#include "localcloud/api/api.h"
#include "localcloud/api/log_delivery.h"
#include "localcloud/api/s3_lifecycle.h"
#include "localcloud/cloud.h"
#include "localcloud/database/database_controller.h"
#include "localcloud/files/file_systems.h"
#include "localcloud/gateway.h"
#include "localcloud/identity.h"
#include "localcloud/instances/instance_controller.h"
#include "localcloud/metrics/metrics_controller.h"
#include "localcloud/names/name_server.h"
#include "localcloud/network/metadata_route.h"
#include "localcloud/network/network_cleaner.h"
#include "localcloud/objects/object_cleaner.h"
#include "localcloud/proxy/access_log_controller.h"
#include "localcloud/proxy/engineless.h"
#include "localcloud/proxy/proxy_controller.h"
#include "localcloud/runtime/clearing.h"
#include "localcloud/runtime/engine_setup.h"
#include "localcloud/runtime/engineless_runtime.h"
#include "localcloud/runtime/runtime.h"
#include "localcloud/scaling/scaling_controller.h"
#include "localcloud/scheduler/capacity.h"
#include "localcloud/scheduler/scheduler.h"
#include "localcloud/session/ssm_server.h"
#include "localcloud/status.h"
#include "net/dns_server.h"
#include "net/http_server.h"

namespace adhoc::localcloud {
namespace {

namespace fs = std::filesystem;

constexpr int kThreads = 4;
constexpr int kDnsPort = 4553;
constexpr std::chrono::seconds kEngineRetry{5};
constexpr std::chrono::seconds kLockPatience{3};

EngineSetupOptions EngineOptions(const LocalSettings& settings) {
  return {.state_dir = settings.state_dir, .on_progress = [](std::string_view text) { spdlog::info("{}", text); }};
}

std::unique_ptr<ContainerRuntime> MakeRuntime(const LocalSettings& settings, Clock& clock) {
  return settings.engineless ? MakeEnginelessRuntime(clock) : MakeEngineRuntime(EngineOptions(settings), clock);
}

std::string InstanceOf(const LocalSettings& settings) { return aws::Sha256Hex(settings.state_dir).substr(0, 8); }

Labels OurLabels(const LocalSettings& settings) { return {{"adhoc.instance", InstanceOf(settings)}}; }

Settings CloudSettings(const LocalSettings& settings, const Identity& identity) {
  return {.account = identity.account,
          .region = identity.region,
          .state_dir = settings.state_dir,
          .port = settings.port,
          .check_listener_ports = !settings.engineless,  // without containers nothing listens
          .instance = InstanceOf(settings),
          .timing = settings.timing,
          .iam = settings.iam};
}

// What of the state directory a reset of the running server removes besides the documents: objects, the load balancers'
// files, and the records of what this machine's `adhoc` made in it. The authority that browsers may trust stays.
constexpr const char* kContents[] = {
    "s3", "efs", "registry", "proxy", "records.db", "records.db-shm", "records.db-wal"};

// Keeps a second server off the same state.
class StateLock {
 public:
  StateLock(const LocalSettings& settings, Clock& clock) {
    const std::string path = settings.state_dir + "/lock";
    fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd_ < 0) throw Error(fmt::format("cannot open {}: {}", path, strerror(errno)));
    // A server that was just killed may have left a child that has not yet come to its exec, and holds the lock with
    // us.
    const TimePoint deadline = clock.Now() + kLockPatience;
    while (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      if (clock.Now() < deadline) {
        clock.SleepFor(std::chrono::milliseconds(20));
        continue;
      }
      close(fd_);
      throw Error("another local cloud uses " + settings.state_dir, "adhoc local status");
    }
  }
  ~StateLock() { close(fd_); }
  StateLock(const StateLock&) = delete;
  StateLock& operator=(const StateLock&) = delete;

 private:
  int fd_ = -1;
};

// For bodies that are too large for memory; empty at the start, whatever a server that was killed left there.
std::string MakeSpoolDirectory(const LocalSettings& settings) {
  const fs::path directory = fs::path(settings.state_dir) / "spool";
  fs::remove_all(directory);
  fs::create_directories(directory);
  return directory;
}

struct EngineState {
  std::string state = "preparing";  // ready, failed
  std::string name;
  std::string error;
  std::string hint;
};

// What makes the documents true. Stopped when it is destroyed; containers go on running.
struct Controllers {
  Controllers(Cloud& cloud, bool engineless)
      : networks(cloud),
        objects(cloud),
        lifecycle(cloud),
        files(cloud),
        databases(cloud),
        route(cloud),
        routed(!engineless),
        instances(cloud, [this] { return routed && route.Reconcile(); }),
        haproxy(engineless ? proxy::MakeEnginelessHaproxyCli() : proxy::MakeHaproxyCli()),
        prober(engineless ? proxy::MakeEnginelessProber() : proxy::MakeHttpProber()),
        scheduler(cloud, {.settle_seconds = engineless ? 0 : SchedulerOptions().settle_seconds,
                          .route_metadata = [this] { return routed && route.Reconcile(); }}),
        access_logs(cloud,
                    [&cloud](const std::string& bucket, const std::string& key, const std::string& bytes) {
                      const auto txn = cloud.store.Begin();
                      DeliverLog(cloud, *txn, bucket, key, bytes);
                      txn->Commit();
                    }),
        proxy(cloud, *haproxy, *prober),
        metrics(cloud, *haproxy),
        scaling(cloud) {}
  ~Controllers() { scheduler.Stop(); }

  void Start() {
    if (routed) route.Reconcile();
    networks.Start();
    objects.Start();
    lifecycle.Start();
    files.Start();
    databases.Start();
    instances.Start();
    access_logs.Start();
    proxy.Start();
    scheduler.Start();
    metrics.Start();
    scaling.Start();
  }

  NetworkCleaner networks;
  ObjectCleaner objects;
  LifecycleController lifecycle;
  FileSystemCleaner files;
  database::DatabaseController databases;
  MetadataRoute route;
  const bool routed;  // there are containers that could use the route
  ec2::InstanceController instances;
  const std::unique_ptr<proxy::HaproxyCli> haproxy;
  const std::unique_ptr<proxy::Prober> prober;
  Scheduler scheduler;
  proxy::AccessLogController access_logs;
  proxy::ProxyController proxy;
  MetricsController metrics;
  ScalingController scaling;
};

// On the port that was asked for, or on the usual one unless somebody, such as another local cloud, has that.
std::unique_ptr<net::DnsServer> StartDns(const LocalSettings& settings, NameServer& names) {
  const auto listen = [&](int port) {
    return std::make_unique<net::DnsServer>(net::DnsAddress{.port = port},
                                            [&names](const net::DnsQuery& query) { return names.Handle(query); });
  };
  if (settings.dns_port != 0) return listen(settings.dns_port);
  try {
    return listen(kDnsPort);
  } catch (const Error& error) {
    spdlog::info("{}; names are answered at another port", error.what());
    return listen(0);
  }
}

// Lets requests through, until one of them needs the place for itself.
class Gate {
 public:
  std::shared_lock<std::shared_mutex> Enter() {
    const std::lock_guard queue(door_);  // behind whoever waits to have it alone
    return std::shared_lock(inside_);
  }
  // Returns when the requests that are inside have been answered.
  std::unique_lock<std::shared_mutex> Close() {
    const std::lock_guard queue(door_);
    return std::unique_lock(inside_);
  }

 private:
  std::mutex door_;
  std::shared_mutex inside_;
};

net::Response JsonPage(const Json& body, int status = 200) {
  return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = body.dump() + "\n"};
}

}  // namespace

struct Server::Impl {
  Impl(const LocalSettings& local, Clock& clock_, Random& random)
      : local(local),
        clock(clock_),
        started_at(clock_.Now()),
        lock(local, clock_),
        store(fs::path(local.state_dir) / "cloud.db"),
        logs(fs::path(local.state_dir) / "cloud.db"),
        metrics(fs::path(local.state_dir) / "cloud.db"),
        runtime(MakeRuntime(local, clock_)),
        cloud{CloudSettings(local, KeepIdentity(store, local)), store, logs, metrics, clock_, random, *runtime},
        gateway(cloud, api),
        sessions(cloud, MakeTaskDialer(cloud)),
        names(cloud),
        dns(StartDns(local, names)) {
    cloud.settings.dns_port = dns->port();
    RegisterServices(api, cloud);
    sessions.EndEarlierSessions();
    AddPages();
    subscription = store.Subscribe([this](const Changes& changed) {
      if (changed.contains("ec2.vpcs") && http) ListenOnNetworks();
    });
    net::ServerOptions options{.threads = kThreads};
    options.listen = {{.ip = "127.0.0.1", .port = local.port}};
    options.spool_directory = MakeSpoolDirectory(local);
    http = std::make_unique<net::HttpServer>(
        options, [this](const net::Request& request) { return Handle(request); },
        [this](const net::Request& request, net::WebSocket& socket) { Upgrade(request, socket); });
    engine_thread = std::jthread([this](std::stop_token stop) { PrepareAndStart(stop); });
  }

  ~Impl() {
    engine_thread.request_stop();
    engine_thread.join();
    sessions.Stop();  // the server waits for their connections
    http.reset();
    if (controllers && controllers->routed) controllers->route.LeaveNamesToEngine();
    controllers.reset();
  }

  net::Response Handle(const net::Request& request) {
    if (request.method == "POST" && request.path() == "/_adhoc/reset") return Reset();
    const auto inside = gate.Enter();
    return gateway.Handle(request);
  }

  void AddPages() {
    gateway.On("GET", "/_adhoc/health", [this](const net::Request&) { return JsonPage(Health()); });
    gateway.On("GET", "/_adhoc/status", [this](const net::Request&) { return JsonPage(Status()); });
    gateway.On("POST", "/_adhoc/interrupt", [this](const net::Request& request) { return Interrupt(request); });
    gateway.On("POST", "/_adhoc/capacity", [this](const net::Request& request) { return SetCapacity(request); });
  }

  Json Health() {
    auto state = engine.lock();
    return {
        {"state_dir", local.state_dir},
        {"pid", getpid()},
        {"port", local.port},
        {"dns_port", cloud.settings.dns_port},
        {"account", cloud.settings.account},
        {"region", cloud.settings.region},
        {"timing", cloud.settings.timing.ToString()},
        {"iam", ToString(cloud.settings.iam)},
        {"engine", {{"state", state->state}, {"name", state->name}, {"error", state->error}, {"hint", state->hint}}}};
  }

  // Health, and what it holds and runs.
  Json Status() {
    Json status = Health();
    status["endpoint"] = local.endpoint();
    status["started_at"] = ToSeconds(started_at);
    status["uptime_seconds"] = ToSeconds(clock.Now()) - ToSeconds(started_at);
    status["server_memory_bytes"] = ResidentBytes();
    status.update(Summarize(*store.Begin()));
    if (status["engine"]["state"] == "ready") {
      try {
        AddMemory(status, MeasureContainers(*runtime, OurLabels(local)));
      } catch (const RuntimeError& error) {
        spdlog::warn("cannot measure the containers: {}", error.what());
      }
    }
    return status;
  }

  // Empties the cloud while the server goes on. Requests that come meanwhile wait, and find a new account.
  net::Response Reset() {
    const TimePoint begin = clock.Now();
    const auto alone = gate.Close();
    if (engine.lock()->state != "ready") {
      return JsonPage({{"error", "the container engine is not there, so its containers cannot be removed"},
                       {"hint", "adhoc local status"}},
                      503);
    }
    try {
      Cleared cleared;
      {
        // Their steps may be waiting for a container to end, so that the containers have to go at the same time, and
        // what a last step still made, afterwards.
        const std::jthread stopping([this] { controllers.reset(); });
        cleared = ClearContainers(*runtime, OurLabels(local));
      }
      const Cleared rest = ClearEngine(*runtime, OurLabels(local));
      cleared = {cleared.containers + rest.containers, rest.networks, rest.volumes};
      store.Reset();
      logs.Reset();
      metrics.Reset();
      for (const char* name : kContents) fs::remove_all(fs::path(local.state_dir) / name);
      KeepIdentity(store, WithIdentity());
      StartControllers();
      const double seconds = ToSeconds(clock.Now()) - ToSeconds(begin);
      spdlog::info("emptied in {:.2f} s: {} containers, {} networks, {} volumes", seconds, cleared.containers,
                   cleared.networks, cleared.volumes);
      return JsonPage({{"containers", cleared.containers},
                       {"networks", cleared.networks},
                       {"volumes", cleared.volumes},
                       {"seconds", seconds}});
    } catch (const std::exception& error) {
      spdlog::error("cannot empty the cloud: {}", error.what());
      if (!controllers) StartControllers();
      const auto* ours = dynamic_cast<const Error*>(&error);
      return JsonPage({{"error", std::string("cannot empty the local cloud: ") + error.what()},
                       {"hint", ours != nullptr && !ours->hint().empty() ? ours->hint() : "adhoc local reset"}},
                      500);
    }
  }

  LocalSettings WithIdentity() const {
    LocalSettings settings = local;
    settings.account = cloud.settings.account;
    settings.region = cloud.settings.region;
    return settings;
  }

  // {"cluster", "service"} → {"tasks": [ARN]}: Fargate Spot takes the service's capacity back.
  net::Response Interrupt(const net::Request& request) {
    const Json input = Json::parse(request.body, nullptr, false);
    if (!input.is_object() || !input.contains("cluster") || !input.contains("service") ||
        !input["cluster"].is_string() || !input["service"].is_string()) {
      return JsonPage({{"error", "the body is no document with cluster and service"}}, 400);
    }
    try {
      const auto txn = store.Begin();
      const auto tasks = ecs::InterruptService(cloud, *txn, input["cluster"], input["service"]);
      txn->Commit();
      return JsonPage({{"tasks", tasks}});
    } catch (const Error& error) {
      return JsonPage({{"error", error.what()}, {"hint", error.hint()}}, 400);
    }
  }

  // {"provider", "available"}: whether tasks find capacity there.
  net::Response SetCapacity(const net::Request& request) {
    const Json input = Json::parse(request.body, nullptr, false);
    if (!input.is_object() || !input.value("provider", Json()).is_string() ||
        !input.value("available", Json()).is_boolean()) {
      return JsonPage({{"error", "the body is no document with provider and available"}}, 400);
    }
    const auto txn = store.Begin();
    ecs::SetCapacity(*txn, input["provider"], input["available"]);
    txn->Commit();
    return JsonPage(input);
  }

  void Upgrade(const net::Request& request, net::WebSocket& socket) {
    sessions.Serve(SessionIdOf(request.path()), socket);
  }

  // Also on each VPC's gateway address, where its containers reach us.
  void ListenOnNetworks() {
    if (local.engineless) return;  // there are no networks
    std::vector<std::string> addresses;
    {
      const auto txn = store.Begin();
      for (const auto& [id, vpc] : txn->All("ec2.vpcs")) {
        if (vpc.contains("_gateway")) addresses.push_back(vpc["_gateway"]);
      }
    }
    for (const auto& address : addresses) {
      try {
        http->AddAddress({.ip = address, .port = local.port});
        dns->AddAddress({.ip = address, .port = dns->port()});
      } catch (const Error& error) {
        spdlog::warn("{}", error.what());
      }
    }
  }

  void PrepareAndStart(std::stop_token stop) {
    while (!stop.stop_requested()) {
      try {
        const EngineInfo info = runtime->Engine();
        StartControllers();
        *engine.lock() = {.state = "ready", .name = info.name + " " + info.version};
        spdlog::info("the container engine is {} {}", info.name, info.version);
        return;
      } catch (const Error& error) {
        spdlog::error("{}; {}", error.what(), error.hint());
        *engine.lock() = {.state = "failed", .error = error.what(), .hint = error.hint()};
      }
      clock.SleepFor(kEngineRetry, stop);
    }
  }

  void StartControllers() {
    ListenOnNetworks();
    controllers = std::make_unique<Controllers>(cloud, local.engineless);
    controllers->Start();
  }

  const LocalSettings local;
  Clock& clock;
  const TimePoint started_at;
  StateLock lock;
  Store store;
  LogStore logs;
  MetricStore metrics;
  std::unique_ptr<ContainerRuntime> runtime;
  Cloud cloud;
  Api api;
  Gateway gateway;
  SsmServer sessions;
  NameServer names;
  std::unique_ptr<net::DnsServer> dns;
  Gate gate;
  std::unique_ptr<Controllers> controllers;  // made when the engine is there; belongs to whoever has the gate closed
  Sync<EngineState> engine;
  std::unique_ptr<net::HttpServer> http;
  Subscription subscription;
  std::jthread engine_thread;  // last: it uses the others
};

Server::Server(const LocalSettings& settings, Clock& clock, Random& random) {
  fs::create_directories(settings.state_dir);
  fs::permissions(settings.state_dir, fs::perms::owner_all);
  impl_ = std::make_unique<Impl>(settings, clock, random);
}

Server::~Server() = default;

int Server::port() const { return impl_->http->port(); }

void RemoveEverything(const LocalSettings& settings) {
  const StateLock lock(settings, RealClock());
  const auto runtime = MakeEngineRuntime(EngineOptions(settings), RealClock());
  ClearEngine(*runtime, OurLabels(settings));
  RemoveMetadataRoutes(InstanceOf(settings));
  StopEngine(settings.state_dir);
  for (const auto& entry : fs::directory_iterator(settings.state_dir)) fs::remove_all(entry.path());
}

}  // namespace adhoc::localcloud
