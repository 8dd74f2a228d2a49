#include <fmt/format.h>

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

// psql reads the password from the environment (\getenv), so that it is in no argument list, and \gexec runs each
// statement on its own: CREATE DATABASE cannot be part of a transaction. Who creates a role is a member of it from
// PostgreSQL 16 on, but may not make it an owner without that GRANT.
constexpr const char* kCreateScript = R"(psql -X -q -v ON_ERROR_STOP=1 <<'SQL'
\getenv name DB_NAME
\getenv role DB_USER
\getenv password DB_PASSWORD
SELECT format('CREATE ROLE %I LOGIN', :'role') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
SELECT format('ALTER ROLE %I LOGIN PASSWORD %L', :'role', :'password') \gexec
SELECT format('GRANT %I TO CURRENT_USER', :'role') \gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'role') WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'name') \gexec
SQL
echo "database $DB_NAME and role $DB_USER are ready")";

constexpr const char* kDropScript = R"(psql -X -q -v ON_ERROR_STOP=1 <<'SQL'
\getenv name DB_NAME
\getenv role DB_USER
SELECT format('DROP DATABASE IF EXISTS %I WITH (FORCE)', :'name') \gexec
SELECT format('DROP ROLE IF EXISTS %I', :'role') \gexec
SQL
echo "database $DB_NAME and role $DB_USER are gone")";

// The environment's own database and role in the shared PostgreSQL, made from inside by a one-off task. No AWS call
// tells whether a database exists, so the fact is a tag on the secret that holds its password: put there after it was
// made, and gone with it.
class Database final : public Resource {
 public:
  explicit Database(const std::string& env) : Resource("database", DatabaseName(env)), env_(env) {
    DependsOn("secret " + Secret());
    DependsOn("cluster " + ClusterName(env));
    DependsOn("task definition " + FamilyName(env, kDatabaseWorkload));
    DependsOn("log group " + LogGroupName(env, kDatabaseWorkload));
  }

  std::optional<Json> Read(Context& context) override {
    const auto secret = context.Find("secret " + Secret());
    if (!secret || secret->value("tags", Json::object()).value(kMark, "") != name()) return std::nullopt;
    return Json{{"name", name()}};
  }

  Json Create(Context& context) override {
    Run(context, kCreateScript);
    context.Call("secretsmanager", "TagResource",
                 {{"SecretId", Secret()}, {"Tags", Json::array({{{"Key", kMark}, {"Value", name()}}})}});
    return {{"name", name()}};
  }

  void Delete(Context& context, const Json&) override {
    Run(context, kDropScript);
    context.CallUnless({"ResourceNotFoundException"}, "secretsmanager", "UntagResource",
                       {{"SecretId", Secret()}, {"TagKeys", Json::array({kMark})}});
  }

 private:
  static constexpr const char* kMark = "adhoc:database";

  std::string Secret() const { return SecretName(env_, kDatabaseWorkload); }

  void Run(Context& context, const char* script) {
    const std::string workload(kDatabaseWorkload);
    RunTaskOrThrow(context, {.step = id(),
                             .workload = workload,
                             .task_definition = context.Get("task definition " + FamilyName(env_, workload), "arn"),
                             .command = {"sh", "-ec", script}});
  }

  const std::string env_;
};

}  // namespace

bool TakesConnections(const std::string& status) {
  // What is done to it there is done while it runs.
  return status == "available" || status == "backing-up" || status == "modifying" || status == "storage-optimization" ||
         status == "storage-config-upgrade" || status.starts_with("configuring-");
}

ResourcePtr MakeDatabaseSubnetGroup(const std::string& shared) { return std::make_unique<DatabaseSubnetGroup>(shared); }
ResourcePtr MakeDatabaseInstance(const std::string& shared) { return std::make_unique<DatabaseInstance>(shared); }
ResourcePtr MakeDatabase(const std::string& env) { return std::make_unique<Database>(env); }

}  // namespace adhoc::env
