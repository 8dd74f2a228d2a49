#include "localcloud/database/database_controller.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "aws/sign/sigv4.h"
#include "base/error.h"
#include "localcloud/controller.h"
#include "localcloud/database/documents.h"
#include "localcloud/network/vpc_network.h"
#include "localcloud/retries.h"
#include "localcloud/runtime/runtime.h"

namespace adhoc::localcloud::database {
namespace {

using namespace std::chrono_literals;

constexpr const char* kInstanceLabel = "adhoc.instance";
constexpr const char* kDatabaseLabel = "adhoc.database";  // the identifier
constexpr const char* kIdentityLabel = "adhoc.identity";  // of what cannot be changed in a container
constexpr const char* kDataDirectory = "/var/lib/postgresql/data";
constexpr std::int64_t kSharedMemory = 256 << 20;   // parallel queries allocate there; the engines' 64 MB is too little
constexpr std::chrono::milliseconds kResync = 30s;  // in case an event was lost
constexpr TimePoint kNever = TimePoint::max();
constexpr auto kStopGrace = 30s;
constexpr auto kSetupTimeout = 20s;
constexpr int kCannotConnect = 2;  // psql's exit code

// Makes the master user what it is on RDS: no superuser, but allowed to make databases and roles and to end other
// people's sessions, which DROP DATABASE … WITH (FORCE) needs. Each statement may be repeated. The passwords come in
// the environment (\getenv), so that they are in no argument list; what fails isn't logged, because it would be logged
// with them.
constexpr const char* kSetupScript = R"(psql -X -q -v ON_ERROR_STOP=1 -v VERBOSITY=terse -h 127.0.0.1 2>&1 <<'SQL'
SET client_min_messages = warning;
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = panic;
\getenv master MASTER_USER
\getenv verifier MASTER_VERIFIER
\getenv database DATABASE_NAME
REVOKE ALL ON DATABASE rdsadmin FROM PUBLIC;
SELECT 'CREATE ROLE rds_superuser' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_superuser') \gexec
SELECT format('GRANT %I TO rds_superuser WITH ADMIN OPTION', rolname) FROM pg_roles WHERE rolname IN ('pg_monitor', 'pg_signal_backend', 'pg_checkpoint') \gexec
SELECT format('CREATE ROLE %I', :'master') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'master') \gexec
SELECT format('ALTER ROLE %I NOSUPERUSER LOGIN CREATEDB CREATEROLE PASSWORD %L', :'master', :'verifier') \gexec
SELECT format('GRANT rds_superuser TO %I', :'master') \gexec
SELECT format('ALTER DATABASE postgres OWNER TO %I', :'master') WHERE EXISTS (SELECT FROM pg_database WHERE datname = 'postgres') \gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'master') WHERE :'database' <> '' AND NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
SQL)";

TimePoint After(TimePoint time, Duration duration) {
  return time + std::chrono::duration_cast<TimePoint::duration>(duration);
}

std::string StatusOf(const Json& instance) { return instance.value("DBInstanceStatus", ""); }
// Before that the instance stays in a status that it passes through.
TimePoint DueAt(const Json& instance) { return FromSeconds(instance.value("_due_at", 0.0)); }
std::string ResourceOf(const Json& instance) { return instance.value("DbiResourceId", ""); }

// Known to have been set up: this container, with the wanted password.
Json WantedSetup(const Json& instance, const std::string& container) {
  return {{"container", container}, {"verifier", instance.at("_verifier")}};
}

}  // namespace

struct DatabaseController::Impl {
  Impl(Cloud& the_cloud, const ControllerOptions& the_options)
      : cloud(the_cloud),
        options(the_options),
        thread("database controller", the_cloud.store, {std::string(kInstances)},
               [this](std::stop_token) { return Pass(); }) {}

  Labels OurLabels() const { return {{kInstanceLabel, cloud.settings.instance}, {kDatabaseLabel, ""}}; }
  Labels LabelsOf(const std::string& id) const {
    return {{kInstanceLabel, cloud.settings.instance}, {kDatabaseLabel, id}};
  }
  // By the resource's id, which is never used twice: a new instance never finds the data of an old one of its name.
  std::string VolumeOf(const Json& instance) const {
    return fmt::format("adhoc-{}-{}", cloud.settings.instance, ResourceOf(instance));
  }

  // ---- One pass

  struct Starts {
    int quick_ends = 0;
    TimePoint last;
  };
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
      for (auto& container : cloud.runtime.List(OurLabels())) {
        containers[container.labels.at(kDatabaseLabel)].push_back(std::move(container));
      }
    } catch (const Error& error) {
      return retries.Note("", "", error, stop.stop_requested());
    }
    retries.Forget("");

    TimePoint next = kNever;
    for (const auto& [id, instance] : instances) {
      if (const auto waiting = retries.WaitingUntil(id, StatusOf(instance))) {
        next = std::min(next, *waiting);
        continue;
      }
      try {
        next = std::min(next, Advance(id, instance, containers[id]));
        retries.Forget(id);
      } catch (const Error& error) {
        next = std::min(next, retries.Note(id, StatusOf(instance), error, stop.stop_requested()));
        Report(id, instance, error);
      }
    }
    try {
      RemoveOthers(instances, containers);
    } catch (const Error& error) {
      next = std::min(next, retries.Note("", "", error, stop.stop_requested()));
    }
    return next;
  }

  // Tells whoever describes the instance. Only a missing image makes it `failed`: that doesn't get better by waiting,
  // though the passes go on trying.
  void Report(const std::string& id, const Json& instance, const Error& error) {
    const auto* engine = dynamic_cast<const RuntimeError*>(&error);
    const bool hopeless = engine != nullptr && engine->kind() == RuntimeErrorKind::kImageNotFound;
    const Json infos =
        Json::array({{{"StatusType", "container"}, {"Normal", false}, {"Status", "error"}, {"Message", error.what()}}});
    const bool fails = hopeless && StatusOf(instance) == "creating";
    if (!fails && instance.value("StatusInfos", Json()) == infos) return;
    Change(id, instance, [&](Json& document) {
      document["StatusInfos"] = infos;
      if (fails) document["DBInstanceStatus"] = "failed";
    });
  }

  // What deleted instances left, also when this program was not running.
  void RemoveOthers(const std::map<std::string, Json>& instances, const std::map<std::string, Containers>& containers) {
    for (const auto& [id, list] : containers) {
      if (instances.contains(id)) continue;
      for (const auto& container : list) cloud.runtime.Remove(container.id, true);
      retries.Forget(id);
      starts.erase(id);
    }
    std::set<std::string> wanted;
    for (const auto& [id, instance] : instances) wanted.insert(VolumeOf(instance));
    for (const auto& volume : cloud.runtime.ListVolumes(OurLabels())) {
      if (!wanted.contains(volume.name)) cloud.runtime.RemoveVolume(volume.name);
    }
  }

  TimePoint Advance(const std::string& id, const Json& instance, const Containers& containers) {
    const std::string status = StatusOf(instance);
    const TimePoint due = DueAt(instance);
    if (status == "deleting") {
      if (cloud.clock.Now() < due) return due;
      Delete(id, instance, containers);
      return kNever;
    }
    if (status == "stopping" || status == "stopped" || instance.value("_restart", false)) {
      for (const auto& container : containers) cloud.runtime.Stop(container.id, kStopGrace);
      starts.erase(id);
      if (status == "stopping" && cloud.clock.Now() < due) return due;
      if (status == "stopping") Change(id, instance, [](Json& document) { document["DBInstanceStatus"] = "stopped"; });
      if (status == "stopping" || status == "stopped") return kNever;
      Change(id, instance, [](Json& document) {
        document.erase("_restart");
        document.erase("_applied");
      });
      return cloud.clock.Now();
    }
    return Run(id, instance, containers);
  }

  // Changes the document unless it is another instance's by now, or something else is to be done with it.
  void Change(const std::string& id, const Json& seen, const std::function<void(Json&)>& change) {
    const auto txn = cloud.store.Begin();
    const Json* found = txn->Find(kInstances, id);
    if (found == nullptr || ResourceOf(*found) != ResourceOf(seen) || StatusOf(*found) != StatusOf(seen)) return;
    change(txn->Edit(kInstances, id));
    txn->Commit();
  }

  void Delete(const std::string& id, const Json& instance, const Containers& containers) {
    for (const auto& container : containers) cloud.runtime.Remove(container.id, true);
    cloud.runtime.RemoveVolume(VolumeOf(instance));
    starts.erase(id);
    const auto txn = cloud.store.Begin();
    const Json* found = txn->Find(kInstances, id);
    if (found == nullptr || ResourceOf(*found) != ResourceOf(instance)) return;
    EraseInterface(*txn, found->value("_interface", ""));
    txn->Erase("secretsmanager.secrets", found->value("MasterUserSecret", Json::object()).value("SecretArn", ""));
    txn->Erase(kInstances, id);
    txn->Commit();
  }

  // Has PostgreSQL run and know its master user, and then calls it available.
  TimePoint Run(const std::string& id, const Json& instance, const Containers& containers) {
    const std::string ip = Hold(id, instance);
    const std::string identity = Identity(instance, ip);
    const ContainerState* container = nullptr;
    for (const auto& one : containers) {
      const auto label = one.labels.find(kIdentityLabel);
      if (container == nullptr && label != one.labels.end() && label->second == identity) {
        container = &one;
      } else {
        cloud.runtime.Remove(one.id, true);  // two servers must never have the same data
      }
    }
    if (container == nullptr || !container->running()) {
      if (const TimePoint due = NextStart(id, container); due > cloud.clock.Now()) return due;
      cloud.runtime.Start(container != nullptr ? container->id : Create(id, instance, identity, ip));
      starts[id].last = cloud.clock.Now();
      return After(cloud.clock.Now(), options.poll_interval);
    }

    const std::string status = StatusOf(instance);
    const bool settled = status == "available" || status == "backing-up";
    const Json wanted = WantedSetup(instance, container->id);
    if (!settled || instance.value("_applied", Json()) != wanted) {
      if (!SetUp(instance, container->id)) {
        const auto started = starts.try_emplace(id, Starts{.last = cloud.clock.Now()}).first->second.last;
        if (cloud.clock.Now() - started > 1min) throw Error("PostgreSQL runs, but accepts no connections");
        return After(cloud.clock.Now(), options.poll_interval);
      }
    }
    if (const TimePoint due = DueAt(instance); !settled && cloud.clock.Now() < due) return due;
    if (status == "backing-up") {
      const TimePoint until = FromSeconds(instance.value("_backup_until", 0.0));
      if (cloud.clock.Now() < until) return until;
    }
    if (status == "available" && instance.value("_applied", Json()) == wanted && !instance.contains("StatusInfos")) {
      return kNever;
    }
    Change(id, instance, [&](Json& document) { Settle(document, wanted); });
    return kNever;
  }

  void Settle(Json& document, const Json& applied) const {
    document["_applied"] = applied;
    document.erase("StatusInfos");
    const std::string status = StatusOf(document);
    // A password that was set meanwhile keeps the status until it is applied.
    if (document.at("_verifier") != applied["verifier"]) return;
    document["Endpoint"] = {
        {"Address", document.at("_address")}, {"Port", document.at("_port")}, {"HostedZoneId", "Z2R2ITUGPM61AM"}};
    if (document.contains("MasterUserSecret")) document["MasterUserSecret"]["SecretStatus"] = "active";
    document["PendingModifiedValues"] = Json::object();
    if (!document.value("_created", false)) {
      document["_created"] = true;
      document["InstanceCreateTime"] = cloud.Now();
      if (document.value("BackupRetentionPeriod", 1) > 0) {
        document["DBInstanceStatus"] = "backing-up";
        document["_backup_until"] =
            cloud.DueAt(Slow::kDatabaseBackup, std::chrono::duration<double>(options.backup_duration).count());
        return;
      }
    }
    document.erase("_backup_until");
    document.erase("_due_at");
    document["DBInstanceStatus"] = "available";
  }

  // ---- Its address

  std::string Hold(const std::string& id, const Json& instance) {
    if (instance.contains("_ip")) return instance.at("_ip").get<std::string>();
    // First, because it may move a VPC that nothing has an address in.
    EnsureVpcNetwork(cloud, instance.at("_vpc").get<std::string>());
    const auto txn = cloud.store.Begin();
    const Json* found = txn->Find(kInstances, id);
    if (found == nullptr || ResourceOf(*found) != ResourceOf(instance)) throw Error("the instance is gone");
    if (found->contains("_ip")) return found->at("_ip").get<std::string>();
    InterfaceSpec spec{.subnet_id = found->at("_subnet").get<std::string>(),
                       .security_groups = {},
                       .description = "RDSNetworkInterface",
                       .requester = "amazon-rds"};
    for (const auto& group : found->at("VpcSecurityGroups")) {
      spec.security_groups.push_back(group.at("VpcSecurityGroupId").get<std::string>());
    }
    const Json interface = PutInterface(cloud, *txn, spec);
    Json& document = txn->Edit(kInstances, id);
    document["_interface"] = interface["NetworkInterfaceId"];
    document["_ip"] = interface["PrivateIpAddress"];
    txn->Commit();
    return interface["PrivateIpAddress"].get<std::string>();
  }

  // ---- Its container

  std::string Identity(const Json& instance, const std::string& ip) const {
    std::string text = fmt::format("{}\n{}\n{}\n{}", cloud.settings.postgres_image, ip, ResourceOf(instance),
                                   instance.at("_vpc").get<std::string>());
    for (const auto& word : Command(instance)) text += "\n" + word;
    return aws::Sha256Hex(text).substr(0, 16);
  }

  // Commits are written to the kernel (synchronous_commit stays on), which a killed container survives. Without fsync
  // and full page writes the data could be damaged only by a crash of the whole machine: the price of databases that
  // are made in a tenth of the time.
  static std::vector<std::string> Command(const Json& instance) {
    std::vector<std::string> command{"postgres"};
    const std::vector<std::string> settings{"listen_addresses=*",
                                            fmt::format("port={}", instance.at("_port").get<int>()),
                                            "max_connections=200", "fsync=off", "full_page_writes=off"};
    for (const auto& setting : settings) command.insert(command.end(), {"-c", setting});
    return command;
  }

  std::string Create(const std::string& id, const Json& instance, const std::string& identity, const std::string& ip) {
    const VpcNetwork network = EnsureVpcNetwork(cloud, instance.at("_vpc").get<std::string>());
    const std::string volume = VolumeOf(instance);
    cloud.runtime.EnsureVolume(volume, LabelsOf(id));
    ContainerSpec spec;
    spec.name = fmt::format("adhoc-{}-db-{}", cloud.settings.instance, id);
    spec.image = cloud.settings.postgres_image;
    spec.command = Command(instance);
    spec.environment = {{"POSTGRES_USER", kAdminUser},
                        {"POSTGRES_DB", kAdminUser},
                        {"POSTGRES_PASSWORD", instance.at("_admin_password").get<std::string>()},
                        {"POSTGRES_INITDB_ARGS", "--no-sync"},
                        {"PGDATA", kDataDirectory}};
    spec.labels = LabelsOf(id);
    spec.labels[kIdentityLabel] = identity;
    spec.network = network.name;
    spec.ip = ip;
    spec.aliases = {instance.at("_address").get<std::string>()};
    spec.mounts.push_back({.host_path = "", .volume = volume, .container_path = kDataDirectory, .read_only = false});
    spec.shm_bytes = kSharedMemory;
    spec.stop_signal = "SIGINT";  // fast shutdown: SIGTERM would wait for every client to leave
    return cloud.runtime.Create(spec);
  }

  // At once after it was killed; later and later when it ends soon after each start.
  TimePoint NextStart(const std::string& id, const ContainerState* container) {
    auto& history = starts[id];
    if (container == nullptr || container->status == ContainerStatus::kCreated || history.last == TimePoint{}) {
      return cloud.clock.Now();
    }
    const TimePoint ended = container->finished_at.value_or(cloud.clock.Now());
    if (ended - history.last > 10s) history.quick_ends = 0;
    const TimePoint due =
        history.quick_ends == 0 ? cloud.clock.Now() : After(history.last, 1s * (1 << std::min(history.quick_ends, 4)));
    if (due <= cloud.clock.Now()) {
      spdlog::warn("database {}: PostgreSQL ended with exit code {}{}; starting it again", id,
                   container->exit_code.value_or(-1), LastWords(container->id));
      ++history.quick_ends;
    }
    return due;
  }

  std::string LastWords(const std::string& container) {
    std::string last;
    cloud.runtime.FollowLogs(
        container, {.follow = false},
        [&](const LogLine& line) {
          if (line.text.find("FATAL") != std::string::npos || line.text.find("PANIC") != std::string::npos ||
              line.text.find("error") != std::string::npos) {
            last = ": " + line.text.substr(0, 300);
          }
          return true;
        },
        stop.get_token());
    return last;
  }

  // False when it doesn't accept connections yet. Asked over TCP: while it initialises, the official image runs a
  // server that listens on its socket only.
  bool SetUp(const Json& instance, const std::string& container) {
    ExecSpec spec;
    spec.argv = {"sh", "-c", kSetupScript};
    spec.stdin_open = false;
    spec.environment = {{"PGUSER", kAdminUser},
                        {"PGDATABASE", kAdminUser},
                        {"PGPASSWORD", instance.at("_admin_password").get<std::string>()},
                        {"PGPORT", std::to_string(instance.at("_port").get<int>())},
                        {"PGCONNECT_TIMEOUT", "5"},
                        {"MASTER_USER", instance.at("MasterUsername").get<std::string>()},
                        {"MASTER_VERIFIER", instance.at("_verifier").get<std::string>()},
                        // Later it belongs to the user, who may have dropped it.
                        {"DATABASE_NAME", instance.value("_created", false) ? "" : instance.value("DBName", "")}};
    const ExecResult result = cloud.runtime.RunExec(container, spec, kSetupTimeout);
    if (result.exit_code == 0 && !result.timed_out) return true;
    if (result.exit_code == kCannotConnect || result.timed_out) return false;
    throw Error("cannot set up the master user: " + result.output.substr(0, 500));
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
            OurLabels(), [&] { thread.Wake(); },
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
  const ControllerOptions options;
  std::stop_source stop;

  std::mutex reconcile_mutex;                // guards what follows
  Retries retries{"database", cloud.clock};  // by identifier; "": the engine
  std::map<std::string, Starts> starts;      // by identifier

  ControllerThread thread;  // after what it uses
  std::jthread watcher;
};

DatabaseController::DatabaseController(Cloud& cloud, const ControllerOptions& options)
    : impl_(std::make_unique<Impl>(cloud, options)) {}

DatabaseController::~DatabaseController() { impl_->stop.request_stop(); }

void DatabaseController::Start() {
  impl_->thread.Start();
  impl_->watcher = std::jthread([impl = impl_.get()] { impl->WatchLoop(); });
}

TimePoint DatabaseController::Reconcile() { return impl_->Reconcile(); }

}  // namespace adhoc::localcloud::database
