#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "env/names.h"
#include "env/resources/resources.h"
#include "env/task_runner.h"

namespace adhoc::env {
namespace {

class DatabaseSubnetGroup final : public Resource {
 public:
  explicit DatabaseSubnetGroup(const std::string& shared)
      : Resource("database subnet group", DatabaseInstanceName(shared)) {}

  std::optional<Json> Read(Context& context) override {
    const auto found = context.CallUnless({"DBSubnetGroupNotFoundFault"}, "rds", "DescribeDBSubnetGroups",
                                          {{"DBSubnetGroupName", name()}});
    if (!found || found->value("DBSubnetGroups", Json::array()).empty()) return std::nullopt;
    return Json{{"name", name()}};
  }

  Json Create(Context& context) override {
    context.CallUnless({"DBSubnetGroupAlreadyExists"}, "rds", "CreateDBSubnetGroup",
                       {{"DBSubnetGroupName", name()},
                        {"DBSubnetGroupDescription", "Private subnets of " + context.shared()},
                        {"SubnetIds", SubnetIds(context, context.config().target.database_is_public())},
                        {"Tags", Tags(context, context.shared(), name())}});
    return {{"name", name()}};
  }

  void Delete(Context& context, const Json&) override {
    context.CallUnless({"DBSubnetGroupNotFoundFault"}, "rds", "DeleteDBSubnetGroup", {{"DBSubnetGroupName", name()}});
  }
};

class DatabaseInstance final : public Resource {
 public:
  explicit DatabaseInstance(const std::string& shared) : Resource("database instance", DatabaseInstanceName(shared)) {
    DependsOn("database subnet group " + name());
    DependsOn(fmt::format("security group {}-rds-sg", shared));
  }

  std::optional<Json> Read(Context& context) override {
    const auto found =
        context.CallUnless({"DBInstanceNotFound"}, "rds", "DescribeDBInstances", {{"DBInstanceIdentifier", name()}});
    if (!found || found->value("DBInstances", Json::array()).empty()) return std::nullopt;
    return Attributes((*found)["DBInstances"][0]);
  }

  std::vector<Difference> Compare(Context&, const Json& observed, const Plan&) override {
    if (TakesConnections(observed["state"])) return {};
    return {{.what = "state", .from = observed["state"], .to = "available"}};
  }

  Json Create(Context& context) override {
    const auto& database = context.config().database.value();
    context.Call("rds", "CreateDBInstance",
                 {{"DBInstanceIdentifier", name()},
                  {"Engine", "postgres"},
                  {"EngineVersion", database.version},
                  {"DBInstanceClass", database.instance_class},
                  {"AllocatedStorage", database.storage},
                  {"StorageType", "gp3"},
                  {"StorageEncrypted", true},
                  {"MasterUsername", "postgres"},
                  {"ManageMasterUserPassword", true},
                  {"DBSubnetGroupName", name()},
                  {"VpcSecurityGroupIds",
                   Json::array({context.Get(fmt::format("security group {}-rds-sg", context.shared()), "id")})},
                  {"PubliclyAccessible", false},
                  {"DeletionProtection", true},
                  {"BackupRetentionPeriod", 1},
                  {"Tags", Tags(context, context.shared(), name())}});
    return Update(context, Json::object());
  }

  Json Update(Context& context, const Json& observed) override {
    if (observed.value("state", "") == "deleting") {
      WaitUntilGone(context);
      return Create(context);
    }
    // A new one is backed up first, and has everything only then.
    const bool is_new = observed.value("state", "creating") == "creating";
    Json attributes;
    context.WaitUntil(id() + " to be available", [&] {
      const auto found = Read(context);
      if (!found) {
        if (context.HasJustMadeSomething()) return false;
        throw Error(id() + " has disappeared");
      }
      attributes = *found;
      const std::string state = attributes["state"];
      if (Stays(state)) {
        const std::string reason = found->value("reason", "");
        throw Error(fmt::format("{} is {}{}{}", id(), state, reason.empty() ? "" : ": ", reason), HintFor(state));
      }
      context.Progress(id(), state);
      // It may have been stopping.
      if (state == "stopped") context.CallUnless({"InvalidDBInstanceState"}, "rds", "StartDBInstance", Identifier());
      return is_new ? state == "available" : TakesConnections(state);
    });
    return attributes;
  }

  void Delete(Context& context, const Json&) override {
    // One that is still being made, started or stopped takes no changes; one that a run which died began to delete
    // needs none, and one that has failed may take none any more.
    context.WaitWhileRefused({"InvalidDBInstanceState"}, id() + " to take changes", [&] {
      const auto found = Read(context);
      if (!found || (*found)["state"] == "deleting") return;
      const std::string state = (*found)["state"];
      // Its protection can be taken away only while it runs.
      if (state == "stopped") context.CallUnless({"DBInstanceNotFound"}, "rds", "StartDBInstance", Identifier());
      Json unprotected = Identifier();
      unprotected.update({{"DeletionProtection", false}, {"ApplyImmediately", true}});
      context.CallUnless({"DBInstanceNotFound", Stays(state) ? "InvalidDBInstanceState" : ""}, "rds",
                         "ModifyDBInstance", unprotected);
      Json deleted = Identifier();
      deleted.update({{"SkipFinalSnapshot", true}, {"DeleteAutomatedBackups", true}});
      context.CallUnless({"DBInstanceNotFound"}, "rds", "DeleteDBInstance", deleted);
    });
    WaitUntilGone(context);
  }

 private:
  Json Identifier() const { return {{"DBInstanceIdentifier", name()}}; }

  // Until somebody does something about it.
  static bool Stays(const std::string& state) {
    return state == "failed" || state == "storage-full" || state == "insufficient-capacity" ||
           state == "restore-error" || state.starts_with("incompatible-") ||
           state.starts_with("inaccessible-encryption-credentials");
  }

  std::string HintFor(const std::string& state) const {
    if (state == "storage-full") {
      return fmt::format(
          "give it more: aws rds modify-db-instance --db-instance-identifier {} --apply-immediately "
          "--allocated-storage <GiB>",
          name());
    }
    if (state.starts_with("inaccessible-encryption-credentials")) return "enable the KMS key that it is encrypted with";
    return fmt::format("aws rds describe-events --source-type db-instance --duration 1440 --source-identifier {}",
                       name());
  }

  void WaitUntilGone(Context& context) {
    context.WaitUntil(id() + " to be gone", [&] { return !Read(context); });
  }

  static Json Attributes(const Json& described) {
    const Json endpoint = described.value("Endpoint", Json::object());
    Json attributes{{"state", described.value("DBInstanceStatus", "")},
                    {"address", endpoint.value("Address", "")},
                    {"port", std::to_string(endpoint.value("Port", 5432))},
                    {"user", described.value("MasterUsername", "postgres")},
                    {"secret_arn", described.value("MasterUserSecret", Json::object()).value("SecretArn", "")}};
    for (const auto& info : described.value("StatusInfos", Json::array())) {
      if (!info.value("Normal", true)) attributes["reason"] = info.value("Message", "");
    }
    return attributes;
  }
};

// psql reads names from the environment (\getenv), and \gexec runs each statement on its own: CREATE DATABASE cannot
// be part of a transaction. \password reads the password behind it, twice, as there is no terminal, and sends what
// PostgreSQL stores of it, so that it is in no argument list and in no log of the server. It asks for it on stderr,
// which is shown only when something went wrong. Nobody can be connected to template0, so that nobody's session keeps
// it from being copied. Who creates a role is a member of it from PostgreSQL 16 on, but may not make it an owner
// without that GRANT.
constexpr const char* kCreateScript = R"(said=$({
cat <<'SQL'
\getenv name DB_NAME
\getenv role DB_USER
SELECT format('CREATE ROLE %I', :'role') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
SELECT format('ALTER ROLE %I LOGIN', :'role') \gexec
\password :role
SQL
printf '%s\n%s\n' "$DB_PASSWORD" "$DB_PASSWORD"
cat <<'SQL'
SELECT format('GRANT %I TO CURRENT_USER', :'role') \gexec
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0', :'name', :'role') WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'name') \gexec
SQL
} | psql -X -q -v ON_ERROR_STOP=1 2>&1) || { code=$?; echo "$said" | sed '/^Enter /d' >&2; exit $code; }
echo "database $DB_NAME and role $DB_USER are ready")";

constexpr const char* kDropScript = R"(psql -X -q -v ON_ERROR_STOP=1 <<'SQL'
\getenv name DB_NAME
\getenv role DB_USER
SELECT format('DROP DATABASE IF EXISTS %I WITH (FORCE)', :'name') \gexec
SELECT format('DROP ROLE IF EXISTS %I', :'role') \gexec
SQL
echo "database $DB_NAME and role $DB_USER are gone")";

// The environment's own database and role in the shared PostgreSQL, made from inside by a one-off task.
class Database final : public Resource {
 public:
  explicit Database(const std::string& env) : Resource("database", DatabaseName(env)), env_(env) {
    DependsOn("secret " + Secret());
    for (const auto& id : Makers()) DependsOn(id);
  }

  std::optional<Json> Read(Context& context) override {
    const std::string tag = Tag(context);
    if (tag.empty()) return std::nullopt;
    return Json{{"name", name()}, {"made", tag == name()}};
  }

  std::vector<Difference> Compare(Context&, const Json& observed, const Plan&) override {
    if (observed["made"] == true) return {};
    return {{.what = "it may not have been made to its end"}};
  }

  Json Create(Context& context) override {
    // A secret of an earlier version, or one that was restored.
    if (Tag(context).empty()) SetTag(context, kDatabaseBegun);
    RunTaskOrThrow(context, TaskFor(context, kCreateScript));
    SetTag(context, name());
    return {{"name", name()}, {"made", true}};
  }

  Json Update(Context& context, const Json&) override { return Create(context); }

  void Delete(Context& context, const Json& observed) override {
    const std::vector<std::string> makers = Makers();
    if (observed["made"] == true) {
      RunTaskOrThrow(context, TaskFor(context, kDropScript));
    } else if (std::all_of(makers.begin(), makers.end(), [&](const auto& id) { return context.Find(id); })) {
      // Somebody may have begun to make it. Where that could not work this cannot, either, and must hold up nothing.
      try {
        RunTaskOrThrow(context, TaskFor(context, kDropScript));
      } catch (const Error& error) {
        if (context.stop().stop_requested()) throw;
        context.sink().Emit(events::Notice{
            .level = events::Notice::Level::kWarning,
            .text = fmt::format("{} was not made to its end, and may have been left: {}", id(), error.what()),
            .hint = fmt::format("look for it with psql, and drop it with its role {}", DatabaseUser(env_))});
      }
    }
    context.CallUnless({"ResourceNotFoundException"}, "secretsmanager", "UntagResource",
                       {{"SecretId", Secret()}, {"TagKeys", Json::array({kDatabaseTag})}});
  }

 private:
  std::string Secret() const { return SecretName(env_, kDatabaseWorkload); }

  std::vector<std::string> Makers() const {
    return {"cluster " + ClusterName(env_), "task definition " + FamilyName(env_, kDatabaseWorkload),
            "log group " + LogGroupName(env_, kDatabaseWorkload)};
  }

  std::string Tag(const Context& context) const {
    const Json secret = context.Find("secret " + Secret()).value_or(Json::object());
    return secret.value("tags", Json::object()).value(kDatabaseTag, "");
  }

  void SetTag(Context& context, const std::string& value) const {
    context.Call("secretsmanager", "TagResource",
                 {{"SecretId", Secret()}, {"Tags", Json::array({{{"Key", kDatabaseTag}, {"Value", value}}})}});
  }

  TaskRequest TaskFor(const Context& context, const char* script) const {
    const std::string workload(kDatabaseWorkload);
    return {.step = id(),
            .workload = workload,
            .task_definition = context.Get("task definition " + FamilyName(env_, workload), "arn"),
            .command = {"sh", "-ec", script}};
  }

  const std::string env_;
};

}  // namespace

bool TakesConnections(const std::string& status) {
  // What is done to it there is done while it runs.
  static const std::set<std::string, std::less<>> kServing = {"available",
                                                              "backing-up",
                                                              "maintenance",
                                                              "modifying",
                                                              "storage-optimization",
                                                              "storage-config-upgrade",
                                                              "storage-initialization"};
  return kServing.contains(status) || status.starts_with("configuring-");
}

ResourcePtr MakeDatabaseSubnetGroup(const std::string& shared) { return std::make_unique<DatabaseSubnetGroup>(shared); }
ResourcePtr MakeDatabaseInstance(const std::string& shared) { return std::make_unique<DatabaseInstance>(shared); }
ResourcePtr MakeDatabase(const std::string& env) { return std::make_unique<Database>(env); }

}  // namespace adhoc::env
