#include "localcloud/database/database_controller.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "localcloud/network/vpc_network.h"

namespace adhoc::localcloud {
namespace {

constexpr const char* kInstances = "rds.instances";
constexpr const char* kLabel = "adhoc.rds";
constexpr const char* kSuperuser = "rdsadmin";

constexpr std::chrono::milliseconds kPoll{50};       // while an instance is on its way
constexpr std::chrono::milliseconds kResync{10000};  // in case an event was lost
constexpr std::chrono::milliseconds kIdle{std::chrono::hours(1)};
constexpr std::chrono::milliseconds kExecTimeout{20000};
constexpr double kMaxRetry = 10;

std::string Text(const Json& document, const char* key) { return document.value(key, std::string()); }

std::string Status(const Json& instance) { return Text(instance, "DBInstanceStatus"); }

std::string QuoteName(const std::string& name) {
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

std::string QuoteText(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "''" : std::string(1, c);
  return quoted + "'";
}

bool ConfigurationIsDue(const Json& instance) {
  return Text(instance, "_verifier") != Text(instance, "_applied_verifier");
}

}  // namespace

DatabaseStep NextDatabaseStep(const Json& instance, const std::optional<ContainerState>& container, bool accepts) {
  const std::string desired = Text(instance, "_desired");
  const std::string status = Status(instance);
  if (desired == "deleted") return DatabaseStep::kRemove;
  if (desired == "stopped") {
    if (container && container->running()) return DatabaseStep::kStop;
    return status == "stopped" ? DatabaseStep::kNone : DatabaseStep::kMarkStopped;
  }
  if (!container) return DatabaseStep::kCreate;
  if (!container->running()) return DatabaseStep::kStart;
  if (instance.value("_reboot", false)) return DatabaseStep::kReboot;
  if (status == "available" && !ConfigurationIsDue(instance)) return DatabaseStep::kNone;
  if (!accepts) return DatabaseStep::kProbe;
  if (ConfigurationIsDue(instance)) return DatabaseStep::kConfigure;
  return status == "creating" ? DatabaseStep::kMarkBacked : DatabaseStep::kMarkReady;
}

std::string ConfigureSql(const std::string& master, const std::string& verifier, const std::string& database) {
  const std::string name = QuoteName(master);
  std::string sql =
      "SELECT 'CREATE ROLE rds_superuser NOLOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = "
      "'rds_superuser') "
      "\\gexec\n"
      "GRANT pg_monitor, pg_signal_backend TO rds_superuser WITH ADMIN OPTION;\n"
      "SELECT 'CREATE ROLE " +
      name + "' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = " + QuoteText(master) + ") \\gexec\n";
  // The statement that holds the verifier is not logged, whatever log_statement says.
  sql += "SET log_statement = 'none'; SET log_min_error_statement = 'panic';\n";
  sql += "ALTER ROLE " + name + " WITH LOGIN NOSUPERUSER CREATEDB CREATEROLE VALID UNTIL 'infinity' PASSWORD " +
         QuoteText(verifier) + ";\n";
  sql += "GRANT rds_superuser TO " + name + ";\n";
  sql += "ALTER DATABASE postgres OWNER TO " + name + ";\n";
  if (!database.empty() && database != "postgres") {
    // The outer quotes make a literal of a statement that quotes the name itself.
    const std::string create = "CREATE DATABASE " + QuoteName(database) + " OWNER " + name;
    sql += "SELECT " + QuoteText(create) +
           " WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = " + QuoteText(database) + ") \\gexec\n";
  }
  return sql;
}

DatabaseController::DatabaseController(Cloud& cloud)
    : cloud_(cloud),
      thread_("database controller", cloud.store, {kInstances}, [this](std::stop_token) { return Pass(); }) {}

DatabaseController::~DatabaseController() { Stop(); }

void DatabaseController::Start() {
  thread_.Start();
  events_ = std::jthread([this](std::stop_token stop) { WatchEvents(stop); });
}

void DatabaseController::Stop() {
  if (events_.joinable()) {
    events_.request_stop();
    events_.join();
  }
  thread_.Stop();
}

void DatabaseController::WatchEvents(std::stop_token stop) {
  while (!stop.stop_requested()) {
    try {
      cloud_.runtime.WatchEvents(
          {{"adhoc.instance", cloud_.settings.instance}, {kLabel, ""}}, [this] { thread_.Wake(); },
          [this](const ContainerEvent& event) {
            if (event.kind == ContainerEventKind::kDied || event.kind == ContainerEventKind::kRemoved) thread_.Wake();
          },
          stop);
    } catch (const RuntimeError& error) {
      spdlog::debug("database controller: {}", error.what());
    }
    cloud_.clock.SleepFor(std::chrono::seconds(1), stop);
  }
}

std::chrono::milliseconds DatabaseController::Pass() {
  Collection instances;
  {
    const auto txn = cloud_.store.Begin();
    instances = txn->All(kInstances);
  }
  if (instances.empty()) {
    progress_.clear();
    return kIdle;
  }
  std::map<std::string, ContainerState> containers;
  for (auto& state : cloud_.runtime.List({{"adhoc.instance", cloud_.settings.instance}, {kLabel, ""}})) {
    const std::string resource = state.labels[kLabel];
    containers.insert_or_assign(resource, std::move(state));
  }
  std::erase_if(progress_, [&](const auto& entry) { return !instances.contains(entry.first); });
  bool busy = false;
  for (const auto& [id, instance] : instances) {
    const auto found = containers.find(Text(instance, "DbiResourceId"));
    busy = Advance(id, instance, found == containers.end() ? std::nullopt : std::optional(found->second)) || busy;
  }
  return busy ? kPoll : kResync;
}

// Whether more is to be done soon.
bool DatabaseController::Advance(const std::string& id, const Json& instance,
                                 const std::optional<ContainerState>& container) {
  Progress& progress = progress_[id];
  const std::string container_id = container ? container->id : "";
  if (progress.container != container_id || !container || !container->running()) {
    progress.container = container_id;
    progress.accepts = false;
  }
  const DatabaseStep step = NextDatabaseStep(instance, container, progress.accepts);
  if (step == DatabaseStep::kNone) return false;
  if (cloud_.Now() < progress.retry_at) return true;
  try {
    Act(step, id, instance, container);
    progress.failures = 0;
  } catch (const std::exception& error) {
    ++progress.failures;
    progress.retry_at = cloud_.Now() + std::min(kMaxRetry, 0.5 * progress.failures);
    spdlog::warn("database {}: {}", id, error.what());
    const std::string reason = error.what();
    Update(id, [&](Json& document) {
      if (Status(document) == "creating") document["DBInstanceStatus"] = "failed";
      document["StatusInfos"] =
          Json::array({{{"StatusType", "local"}, {"Normal", false}, {"Status", "error"}, {"Message", reason}}});
    });
  }
  return true;
}

void DatabaseController::Act(DatabaseStep step, const std::string& id, const Json& instance,
                             const std::optional<ContainerState>& container) {
  const auto set_status = [&](const char* status) {
    Update(id, [&](Json& document) {
      document["DBInstanceStatus"] = status;
      document.erase("StatusInfos");
    });
  };
  switch (step) {
    case DatabaseStep::kNone:
      return;
    case DatabaseStep::kCreate:
      Create(id, instance);
      return;
    case DatabaseStep::kStart: {
      const std::string status = Status(instance);
      // One that was available and died is being brought back.
      if (status == "available") set_status("rebooting");
      cloud_.runtime.Start(container->id);
      return;
    }
    case DatabaseStep::kProbe: {
      const ExecResult result =
          cloud_.runtime.RunExec(container->id,
                                 {.argv = {"pg_isready", "-q", "-h", "127.0.0.1", "-U", kSuperuser},
                                  .stdin_open = false,
                                  .user = "",
                                  .working_directory = "",
                                  .environment = {}},
                                 kExecTimeout);
      progress_[id].accepts = result.exit_code == 0 && !result.timed_out;
      return;
    }
    case DatabaseStep::kConfigure: {
      Configure(instance, *container);
      const std::string verifier = Text(instance, "_verifier");
      Update(id, [&](Json& document) {
        document["_applied_verifier"] = verifier;
        document["Endpoint"] = {{"Address", Text(document, "_address")},
                                {"Port", document.value("DbInstancePort", 5432)},
                                {"HostedZoneId", "Z2R2ITUGPM61AM"}};
      });
      return;
    }
    case DatabaseStep::kMarkBacked:
      set_status("backing-up");
      return;
    case DatabaseStep::kMarkReady:
      set_status("available");
      return;
    case DatabaseStep::kReboot:
      cloud_.runtime.Stop(container->id, std::chrono::seconds(30));
      Update(id, [](Json& document) { document.erase("_reboot"); });
      return;
    case DatabaseStep::kStop:
      cloud_.runtime.Stop(container->id, std::chrono::seconds(30));
      return;
    case DatabaseStep::kMarkStopped:
      set_status("stopped");
      return;
    case DatabaseStep::kRemove:
      Remove(id, instance, container);
      return;
  }
}

void DatabaseController::Create(const std::string& id, const Json& instance) {
  const VpcNetwork network = EnsureVpcNetwork(cloud_, Text(instance, "_vpc"));
  std::string ip;
  {
    const auto txn = cloud_.store.Begin();
    if (txn->Find(kInstances, id) == nullptr) return;
    Json& document = txn->Edit(kInstances, id);
    if (!document.contains("_eni")) {
      std::vector<std::string> groups;
      for (const auto& group : document.value("VpcSecurityGroups", Json::array()))
        groups.push_back(Text(group, "VpcSecurityGroupId"));
      const Json interface = PutInterface(cloud_, *txn,
                                          {.subnet_id = Text(document, "_subnet"),
                                           .security_groups = groups,
                                           .description = "RDSNetworkInterface",
                                           .requester = "amazon-rds"});
      document["_eni"] = interface["NetworkInterfaceId"];
      document["_ip"] = interface["PrivateIpAddress"];
    }
    ip = Text(document, "_ip");
    txn->Commit();
  }
  const Labels labels = {
      {"adhoc.instance", cloud_.settings.instance}, {kLabel, Text(instance, "DbiResourceId")}, {"adhoc.name", id}};
  cloud_.runtime.EnsureVolume(Text(instance, "_volume"), labels);
  const std::string port = std::to_string(instance.value("DbInstancePort", 5432));
  ContainerSpec spec;
  spec.name = Text(instance, "_volume");
  spec.image = cloud_.settings.postgres_image;
  spec.command = {"postgres", "-c", "port=" + port};
  spec.environment = {{"POSTGRES_USER", kSuperuser},
                      {"POSTGRES_DB", "postgres"},
                      // Nobody learns it: rdsadmin comes in through the socket only.
                      {"POSTGRES_PASSWORD", cloud_.random.Hex(32)},
                      {"PGPORT", port},
                      {"POSTGRES_INITDB_ARGS", "--no-sync"}};
  spec.labels = labels;
  spec.hostname = id;
  spec.network = network.name;
  spec.ip = ip;
  spec.aliases = {Text(instance, "_address")};
  spec.mounts = {{.host_path = "", .volume = Text(instance, "_volume"), .container_path = "/var/lib/postgresql/data"}};
  spec.shm_bytes = 128 << 20;
  std::string container;
  try {
    container = cloud_.runtime.Create(spec);
  } catch (const RuntimeError& error) {
    // A creation that was cut off left it; without our label it would be somebody else's.
    const auto left = cloud_.runtime.Inspect(spec.name);
    if (error.kind() != RuntimeErrorKind::kNameInUse || !left || !MatchesLabels(left->labels, labels)) throw;
    container = left->id;
  }
  cloud_.runtime.Start(container);
}

void DatabaseController::Configure(const Json& instance, const ContainerState& container) {
  const ExecResult result = cloud_.runtime.RunExec(
      container.id,
      {.argv = {"sh", "-c",
                "printf '%s' \"$ADHOC_SQL\" | psql -X -q -v ON_ERROR_STOP=1 -U \"$ADHOC_USER\" -d postgres -f - 2>&1"},
       .stdin_open = false,
       .user = "",
       .working_directory = "",
       .environment = {{"ADHOC_SQL", ConfigureSql(Text(instance, "MasterUsername"), Text(instance, "_verifier"),
                                                  Text(instance, "DBName"))},
                       {"ADHOC_USER", kSuperuser}}},
      kExecTimeout);
  if (result.timed_out) throw Error("setting up its roles took too long");
  if (result.exit_code != 0) throw Error("cannot set up its roles: " + result.output);
}

void DatabaseController::Remove(const std::string& id, const Json& instance,
                                const std::optional<ContainerState>& container) {
  if (container) cloud_.runtime.Remove(container->id, true);
  cloud_.runtime.RemoveVolume(Text(instance, "_volume"));
  const auto txn = cloud_.store.Begin();
  EraseInterface(*txn, Text(instance, "_eni"));
  if (const std::string secret = Text(instance.value("MasterUserSecret", Json::object()), "SecretArn");
      !secret.empty()) {
    txn->Erase("secretsmanager.secrets", secret);
  }
  txn->Erase(kInstances, id);
  txn->Commit();
}

void DatabaseController::Update(const std::string& id, const std::function<void(Json&)>& change) {
  const auto txn = cloud_.store.Begin();
  const Json* found = txn->Find(kInstances, id);
  if (found == nullptr) return;
  change(txn->Edit(kInstances, id));
  txn->Commit();
}

}  // namespace adhoc::localcloud
