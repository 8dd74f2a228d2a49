#include "localcloud/server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <thread>

#include "aws/sign/sigv4.h"
#include "base/error.h"
#include "base/sync.h"
#include "localcloud/api/api.h"
#include "localcloud/cloud.h"
#include "localcloud/database/database_controller.h"
#include "localcloud/files/file_systems.h"
#include "localcloud/gateway.h"
#include "localcloud/network/metadata_route.h"
#include "localcloud/network/network_cleaner.h"
#include "localcloud/objects/object_cleaner.h"
#include "localcloud/proxy/proxy_controller.h"
#include "localcloud/runtime/engine_setup.h"
#include "localcloud/runtime/runtime.h"
#include "localcloud/scheduler/capacity.h"
#include "localcloud/scheduler/scheduler.h"
#include "localcloud/session/ssm_server.h"
#include "net/http_server.h"

namespace adhoc::localcloud {
namespace {

namespace fs = std::filesystem;

constexpr int kThreads = 4;
constexpr std::chrono::seconds kEngineRetry{5};
constexpr std::chrono::seconds kLockPatience{3};

EngineSetupOptions EngineOptions(const LocalSettings& settings) {
  return {.state_dir = settings.state_dir, .on_progress = [](std::string_view text) { spdlog::info("{}", text); }};
}

std::string InstanceOf(const LocalSettings& settings) { return aws::Sha256Hex(settings.state_dir).substr(0, 8); }

Settings CloudSettings(const LocalSettings& settings) {
  return {.state_dir = settings.state_dir, .port = settings.port, .instance = InstanceOf(settings)};
}

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

}  // namespace

struct Server::Impl {
  Impl(const LocalSettings& local, Clock& clock_, Random& random)
      : local(local),
        clock(clock_),
        lock(local, clock_),
        store(fs::path(local.state_dir) / "cloud.db"),
        logs(fs::path(local.state_dir) / "cloud.db"),
        runtime(MakeEngineRuntime(EngineOptions(local), clock_)),
        cloud{CloudSettings(local), store, logs, clock_, random, *runtime},
        gateway(cloud, api),
        networks(cloud),
        objects(cloud),
        files(cloud),
        databases(cloud),
        route(cloud),
        scheduler(cloud, {.route_metadata = [this] { return route.Reconcile(); }}),
        proxy(cloud, *haproxy, *prober),
        sessions(cloud, MakeTaskDialer(cloud)) {
    RegisterServices(api, cloud);
    sessions.EndEarlierSessions();
    AddPages();
    store.Subscribe([this](const CollectionNames& changed) {
      if (changed.contains("ec2.vpcs") && http) ListenOnNetworks();
    });
    net::ServerOptions options{.threads = kThreads};
    options.listen = {{.ip = "127.0.0.1", .port = local.port}};
    options.spool_directory = MakeSpoolDirectory(local);
    http = std::make_unique<net::HttpServer>(
        options, [this](const net::Request& request) { return gateway.Handle(request); },
        [this](const net::Request& request, net::WebSocket& socket) { Upgrade(request, socket); });
    engine_thread = std::jthread([this](std::stop_token stop) { PrepareAndStart(stop); });
  }

  ~Impl() {
    engine_thread.request_stop();
    engine_thread.join();
    sessions.Stop();  // the server waits for their connections
    http.reset();
    scheduler.Stop();
  }

  void AddPages() {
    gateway.On("GET", "/_adhoc/health", [this](const net::Request&) {
      auto state = engine.lock();
      const Json health = {
          {"state_dir", local.state_dir},
          {"pid", getpid()},
          {"port", local.port},
          {"engine", {{"state", state->state}, {"name", state->name}, {"error", state->error}, {"hint", state->hint}}}};
      return net::Response{.headers = {{"Content-Type", "application/json"}}, .body = health.dump() + "\n"};
    });
    gateway.On("POST", "/_adhoc/interrupt", [this](const net::Request& request) { return Interrupt(request); });
  }

  // {"cluster", "service"} → {"tasks": [ARN]}: Fargate Spot takes the service's capacity back.
  net::Response Interrupt(const net::Request& request) {
    const auto answer = [](int status, const Json& body) {
      return net::Response{
          .status = status, .headers = {{"Content-Type", "application/json"}}, .body = body.dump() + "\n"};
    };
    const Json input = Json::parse(request.body, nullptr, false);
    if (!input.is_object() || !input.contains("cluster") || !input.contains("service") ||
        !input["cluster"].is_string() || !input["service"].is_string()) {
      return answer(400, {{"error", "the body is no document with cluster and service"}});
    }
    try {
      const auto txn = store.Begin();
      const auto tasks = ecs::InterruptService(cloud, *txn, input["cluster"], input["service"]);
      txn->Commit();
      return answer(200, {{"tasks", tasks}});
    } catch (const Error& error) {
      return answer(400, {{"error", error.what()}, {"hint", error.hint()}});
    }
  }

  void Upgrade(const net::Request& request, net::WebSocket& socket) {
    sessions.Serve(SessionIdOf(request.path()), socket);
  }

  // Also on each VPC's gateway address, where its containers reach us.
  void ListenOnNetworks() {
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
    route.Reconcile();
    networks.Start();
    objects.Start();
    files.Start();
    databases.Start();
    proxy.Start();
    scheduler.Start();
  }

  const LocalSettings local;
  Clock& clock;
  StateLock lock;
  Store store;
  LogStore logs;
  std::unique_ptr<ContainerRuntime> runtime;
  Cloud cloud;
  Api api;
  Gateway gateway;
  // Made with the store, before threads use it, and started when the engine is there.
  NetworkCleaner networks;
  ObjectCleaner objects;
  FileSystemCleaner files;
  database::DatabaseController databases;
  MetadataRoute route;
  Scheduler scheduler;
  std::unique_ptr<proxy::HaproxyCli> haproxy = proxy::MakeHaproxyCli();
  std::unique_ptr<proxy::Prober> prober = proxy::MakeHttpProber();
  proxy::ProxyController proxy;
  SsmServer sessions;
  Sync<EngineState> engine;
  std::unique_ptr<net::HttpServer> http;
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
  const Labels ours = {{"adhoc.instance", InstanceOf(settings)}};
  for (const auto& container : runtime->List(ours)) runtime->Remove(container.id, true);
  for (const auto& network : runtime->ListNetworks(ours)) runtime->RemoveNetwork(network.name);
  for (const auto& volume : runtime->ListVolumes(ours)) runtime->RemoveVolume(volume.name);
  RemoveMetadataRoutes(InstanceOf(settings));
  StopEngine(settings.state_dir);
  for (const auto& entry : fs::directory_iterator(settings.state_dir)) fs::remove_all(entry.path());
}

}  // namespace adhoc::localcloud
