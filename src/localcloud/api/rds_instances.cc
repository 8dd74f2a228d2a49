// DB instances: the documents. Whether they exist and answer is the database controller's work.
#include <algorithm>

#include "aws/sign/sigv4.h"
#include "localcloud/api/ec2_internal.h"
#include "localcloud/api/rds_internal.h"
#include "localcloud/api/secrets.h"
#include "localcloud/database/documents.h"
#include "localcloud/database/scram.h"

namespace adhoc::localcloud::rds {

using namespace database;  // NOLINT(google-build-using-namespace): the names of the collections

namespace {

constexpr std::string_view kSecrets = "secretsmanager.secrets";
constexpr int kDefaultPort = 5432;
constexpr std::string_view kLettersAndDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::string_view kPasswordCharacters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&()*+,-.:;<=>?[]^_{|}~";

// ---- Checks

std::string CheckedIdentifier(const std::string& identifier) {
  const std::string id = ToLower(identifier);
  const bool valid = !id.empty() && id.size() <= 63 && id[0] >= 'a' && id[0] <= 'z' && id.back() != '-' &&
                     id.find("--") == std::string::npos &&
                     id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  if (valid) return id;
  throw ApiError("InvalidParameterValue",
                 "The parameter DBInstanceIdentifier is not a valid identifier. Identifiers must begin with a letter; "
                 "must contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two "
                 "consecutive hyphens.");
}

void CheckPassword(const std::string& password) {
  const std::string name = "The parameter MasterUserPassword is not a valid password";
  if (password.size() < 8) {
    throw ApiError("InvalidParameterValue", name + " because it is shorter than 8 characters.");
  }
  if (password.size() > 128) {
    throw ApiError("InvalidParameterValue", name + " because it is longer than 128 characters.");
  }
  const bool printable = std::all_of(password.begin(), password.end(), [](char c) { return c > 32 && c < 127; });
  if (!printable || password.find_first_of("/@\"'") != std::string::npos) {
    throw ApiError("InvalidParameterValue",
                   name + ". Only printable ASCII characters besides '/', '@', '\"', ' ' may be used.");
  }
}

void CheckMasterUsername(const std::string& name) {
  const bool valid =
      !name.empty() && name.size() <= 63 && std::isalpha(static_cast<unsigned char>(name[0])) != 0 &&
      std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
  if (!valid) {
    throw ApiError("InvalidParameterValue",
                   "The parameter MasterUsername must begin with a letter and contain only alphanumeric characters.");
  }
  if (name == kAdminUser || name == "rds_superuser" || StartsWith(name, "pg_") || name == "admin") {
    throw ApiError("InvalidParameterValue",
                   "MasterUsername " + name + " cannot be used as it is a reserved word used by the engine");
  }
}

Json SecurityGroups(const Call& call, const std::vector<std::string>& ids, const std::string& vpc) {
  Json groups = Json::array();
  const auto add = [&](const std::string& id) { groups.push_back({{"VpcSecurityGroupId", id}, {"Status", "active"}}); };
  for (const auto& id : ids) {
    const Json* group = call.txn.Find(ec2::kSecurityGroups, id);
    if (group == nullptr) {
      throw ApiError("InvalidParameterValue", "Invalid security group , groupId= " + id + ", groupName=.");
    }
    if (Text(*group, "VpcId") != vpc) {
      throw ApiError("InvalidVPCNetworkStateFault",
                     "The DB instance and EC2 security group are in different VPCs. The DB "
                     "instance is in " +
                         vpc + " and the EC2 security group is in " + Text(*group, "VpcId") + ".");
    }
    add(id);
  }
  if (!ids.empty()) return groups;
  for (const auto& id : ec2::IdsWith(call.txn, ec2::kSecurityGroups, "VpcId", vpc)) {
    if (Text(*call.txn.Find(ec2::kSecurityGroups, id), "GroupName") == "default") add(id);
  }
  return groups;
}

// ---- The master password

void SetPassword(Cloud& cloud, Json& instance, const std::string& password) {
  instance["_verifier"] = ScramVerifier(password, HexDecode(cloud.random.Hex(32)));
}

void SetManagedPassword(Cloud& cloud, Call& call, Json& instance) {
  const std::string password = cloud.random.Pick(kPasswordCharacters, 32);
  SetPassword(cloud, instance, password);
  std::string arn = Text(Fields(instance, "MasterUserSecret"), "SecretArn");
  if (call.txn.Find(kSecrets, arn) == nullptr) {
    Json secret = NewSecret(cloud, "rds!db-" + cloud.random.Uuid());
    secret["Description"] = "Secret associated with primary RDS DB instance: " + Text(instance, "DBInstanceArn");
    secret["OwningService"] = "rds";
    secret["RotationEnabled"] = true;
    secret["Tags"] =
        Json::array({{{"Key", "aws:secretsmanager:owningService"}, {"Value", "rds"}},
                     {{"Key", "aws:rds:primaryDBInstanceArn"}, {"Value", Text(instance, "DBInstanceArn")}}});
    arn = Text(secret, "ARN");
    call.txn.Put(kSecrets, arn, std::move(secret));
  }
  SetSecretString(cloud, call.txn.Edit(kSecrets, arn),
                  Json{{"username", Text(instance, "MasterUsername")}, {"password", password}}.dump());
  instance["MasterUserSecret"] = {
      {"SecretArn", arn}, {"SecretStatus", "creating"}, {"KmsKeyId", cloud.Arn("kms", "alias/aws/secretsmanager")}};
}

// ---- Finding

std::string IdOf(Cloud& cloud, const std::string& identifier) {
  const std::string prefix = cloud.Arn("rds", "db:");
  return ToLower(StartsWith(identifier, prefix) ? identifier.substr(prefix.size()) : identifier);
}

Json& EditInstance(Cloud& cloud, Call& call) {
  const std::string id = IdOf(cloud, Text(call.input, "DBInstanceIdentifier"));
  if (call.txn.Find(kInstances, id) == nullptr)
    throw ApiError("DBInstanceNotFound", "DBInstance " + id + " not found.");
  return call.txn.Edit(kInstances, id);
}

// A status that the instance passes through; the controller ends it.
void BeginStatus(const Cloud& cloud, Json& instance, const char* status, Slow what) {
  instance["DBInstanceStatus"] = status;
  instance["_due_at"] = cloud.DueAt(what);
}

void RequireStatus(const Json& instance, std::string_view wanted) {
  if (Text(instance, "DBInstanceStatus") == wanted) return;
  throw ApiError("InvalidDBInstanceState", "Instance " + Text(instance, "DBInstanceIdentifier") + " is not in " +
                                               std::string(wanted) + " state.");
}

bool Matches(Cloud& cloud, const Json& instance, const Json& filters) {
  for (const auto& filter : filters) {
    const std::string name = Text(filter, "Name");
    const auto values = Strings(filter, "Values");
    const auto any = [&](const auto& matches) { return std::any_of(values.begin(), values.end(), matches); };
    bool matches = false;
    if (name == "db-instance-id") {
      matches = any([&](const auto& value) { return IdOf(cloud, value) == Text(instance, "DBInstanceIdentifier"); });
    } else if (name == "dbi-resource-id") {
      matches = any([&](const auto& value) { return value == Text(instance, "DbiResourceId"); });
    } else if (name == "engine") {
      matches = any([&](const auto& value) { return value == Text(instance, "Engine"); });
    } else if (name != "db-cluster-id" && name != "domain") {
      throw ApiError("InvalidParameterValue", "Unrecognized filter name: " + name);
    }
    if (!matches) return false;
  }
  return true;
}

// ---- Operations

// Where the first address is free to be: the subnet of the wanted zone, else the first.
Json SubnetFor(const Json& group, const std::string& zone) {
  for (const auto& subnet : group.at("Subnets")) {
    if (zone.empty() || Text(Fields(subnet, "SubnetAvailabilityZone"), "Name") == zone) return subnet;
  }
  throw ApiError("InvalidVPCNetworkStateFault", "No subnet of the DB subnet group is in " + zone + ".");
}

std::string AddressOf(Cloud& cloud, const std::string& id) {
  // The same for all instances of an account in a region.
  const std::string account = aws::Sha256Hex(cloud.settings.account + cloud.settings.region).substr(0, 11);
  return id + ".c" + account + "." + cloud.settings.region + ".rds.amazonaws.com";
}

Json ParameterGroupOf(const Call& call, const std::string& version) {
  std::string name = ToLower(Text(call.input, "DBParameterGroupName"));
  const std::string standard = "default.postgres" + version.substr(0, version.find('.'));
  if (name.empty()) name = standard;
  if (name != standard && call.txn.Find(kParameterGroups, name) == nullptr) {
    throw ApiError("DBParameterGroupNotFound", "DBParameterGroup not found: " + name);
  }
  return Json::array({{{"DBParameterGroupName", name}, {"ParameterApplyStatus", "in-sync"}}});
}

Json CreateInstance(Cloud& cloud, Call& call) {
  const Json& input = call.input;
  const std::string id = CheckedIdentifier(Text(input, "DBInstanceIdentifier"));
  if (call.txn.Find(kInstances, id) != nullptr) throw ApiError("DBInstanceAlreadyExists", "DB instance already exists");
  if (const std::string engine = Text(input, "Engine"); engine != "postgres") {
    throw ApiError("InvalidParameterValue", "Invalid DB engine: " + engine + " (the local cloud runs postgres)");
  }
  const std::string version = ResolveVersion(cloud.settings, Text(input, "EngineVersion"));
  const std::string username = Text(input, "MasterUsername");
  CheckMasterUsername(username);
  const bool managed = Flag(input, "ManageMasterUserPassword");
  if (managed && input.contains("MasterUserPassword")) {
    throw ApiError("InvalidParameterCombination",
                   "You can't specify MasterUserPassword when ManageMasterUserPassword is enabled.");
  }
  if (!managed && !input.contains("MasterUserPassword")) {
    throw ApiError("InvalidParameterValue", "The parameter MasterUserPassword must be provided and must not be blank.");
  }
  const int storage = static_cast<int>(Number(input, "AllocatedStorage", 0));
  if (storage < 5 || storage > 65536) {
    throw ApiError("InvalidParameterValue", "Invalid storage size for engine name postgres and storage type " +
                                                Text(input, "StorageType", "gp2") + ": " + std::to_string(storage));
  }
  Json group = GetSubnetGroup(cloud, call, ToLower(Text(input, "DBSubnetGroupName", "default")));
  const std::string vpc = Text(group, "VpcId");
  const Json subnet = SubnetFor(group, Text(input, "AvailabilityZone"));

  Json instance{{"DBInstanceIdentifier", id},
                {"DBInstanceClass", Text(input, "DBInstanceClass")},
                {"Engine", "postgres"},
                {"EngineVersion", version},
                {"DBInstanceStatus", "creating"},
                {"DBInstanceArn", cloud.Arn("rds", "db:" + id)},
                {"DbiResourceId", "db-" + cloud.random.Pick("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 26)},
                {"MasterUsername", username},
                {"AllocatedStorage", storage},
                {"StorageType", Text(input, "StorageType", "gp2")},
                {"StorageEncrypted", Flag(input, "StorageEncrypted")},
                {"StorageThroughput", Number(input, "StorageThroughput")},
                {"BackupRetentionPeriod", Number(input, "BackupRetentionPeriod", 1)},
                {"PreferredBackupWindow", Text(input, "PreferredBackupWindow", "03:00-03:30")},
                {"PreferredMaintenanceWindow", Text(input, "PreferredMaintenanceWindow", "sun:05:00-sun:05:30")},
                {"AvailabilityZone", Text(Fields(subnet, "SubnetAvailabilityZone"), "Name")},
                {"MultiAZ", Flag(input, "MultiAZ")},
                {"PubliclyAccessible", Flag(input, "PubliclyAccessible")},
                {"AutoMinorVersionUpgrade", Flag(input, "AutoMinorVersionUpgrade", true)},
                {"CopyTagsToSnapshot", Flag(input, "CopyTagsToSnapshot")},
                {"DeletionProtection", Flag(input, "DeletionProtection")},
                {"IAMDatabaseAuthenticationEnabled", Flag(input, "EnableIAMDatabaseAuthentication")},
                {"PerformanceInsightsEnabled", Flag(input, "EnablePerformanceInsights")},
                {"MonitoringInterval", Number(input, "MonitoringInterval")},
                {"CACertificateIdentifier", "rds-ca-rsa2048-g1"},
                {"LicenseModel", "postgresql-license"},
                {"NetworkType", "IPV4"},
                {"BackupTarget", "region"},
                {"DbInstancePort", 0},
                {"DBSecurityGroups", Json::array()},
                {"VpcSecurityGroups", SecurityGroups(call, Strings(input, "VpcSecurityGroupIds"), vpc)},
                {"DBParameterGroups", ParameterGroupOf(call, version)},
                {"OptionGroupMemberships", Json::array()},
                {"PendingModifiedValues", Json::object()},
                {"ReadReplicaDBInstanceIdentifiers", Json::array()},
                {"DomainMemberships", Json::array()},
                {"AssociatedRoles", Json::array()},
                {"TagList", Items(input, "Tags")},
                {"_vpc", vpc},
                {"_subnet", Text(subnet, "SubnetIdentifier")},
                {"_address", AddressOf(cloud, id)},
                {"_port", Number(input, "Port", kDefaultPort)},
                {"_due_at", cloud.DueAt(Slow::kDatabaseCreate)},
                {"_admin_password", cloud.random.Pick(kLettersAndDigits, 40)}};
  CopyMembers(input, instance, {"DBName", "MaxAllocatedStorage", "Iops", "KmsKeyId"});
  instance["DBSubnetGroup"] = std::move(group);
  if (managed) {
    SetManagedPassword(cloud, call, instance);
  } else {
    CheckPassword(Text(input, "MasterUserPassword"));
    SetPassword(cloud, instance, Text(input, "MasterUserPassword"));
  }
  Json answer = instance;
  answer["PendingModifiedValues"] = {{"MasterUserPassword", "****"}};
  call.txn.Put(kInstances, id, std::move(instance));
  return {{"DBInstance", std::move(answer)}};
}

Json DescribeInstances(Cloud& cloud, Call& call) {
  const Json& filters = Items(call.input, "Filters");
  KeyedItems items;
  if (!Text(call.input, "DBInstanceIdentifier").empty()) {
    const Json& instance = EditInstance(cloud, call);
    if (Matches(cloud, instance, filters)) items.emplace_back(Text(instance, "DBInstanceIdentifier"), instance);
  } else {
    for (const auto& [id, instance] : call.txn.All(kInstances)) {
      if (Matches(cloud, instance, filters)) items.emplace_back(id, instance);
    }
  }
  return Paged(call, std::move(items), "DBInstances");
}

// Everything at once, whatever ApplyImmediately says: there is no maintenance window to wait for.
Json ModifyInstance(Cloud& cloud, Call& call) {
  const Json& input = call.input;
  Json& instance = EditInstance(cloud, call);
  for (const char* unsupported : {"NewDBInstanceIdentifier", "DBSubnetGroupName", "DBPortNumber"}) {
    if (input.contains(unsupported)) {
      throw ApiError("InvalidParameterCombination",
                     std::string("The local cloud cannot change ") + unsupported + " of a DB instance.");
    }
  }
  const bool managed = !Text(Fields(instance, "MasterUserSecret"), "SecretArn").empty();
  const bool manage = Flag(input, "ManageMasterUserPassword", managed);
  const bool new_password = input.contains("MasterUserPassword");
  const bool rotate = Flag(input, "RotateMasterUserPassword");
  if (manage && new_password) {
    throw ApiError("InvalidParameterCombination",
                   "You can't specify MasterUserPassword for an instance with ManageMasterUserPassword enabled.");
  }
  if (managed && !manage && !new_password) {
    throw ApiError("InvalidParameterCombination",
                   "You must specify MasterUserPassword when you disable ManageMasterUserPassword.");
  }
  if (rotate && !manage) {
    throw ApiError("InvalidParameterCombination",
                   "You can't rotate the master user password: it isn't managed in Secrets Manager.");
  }
  const bool sets_password = new_password || rotate || manage != managed;
  const bool reshapes = input.contains("DBInstanceClass") || input.contains("AllocatedStorage") ||
                        input.contains("EngineVersion") || input.contains("StorageType");
  RequireStatus(instance, "available");

  if (input.contains("EngineVersion"))
    instance["EngineVersion"] = ResolveVersion(cloud.settings, Text(input, "EngineVersion"));
  if (input.contains("AllocatedStorage") && Number(input, "AllocatedStorage") < Number(instance, "AllocatedStorage")) {
    throw ApiError("InvalidParameterCombination", "Requested storage size is smaller than the current one.");
  }
  if (input.contains("VpcSecurityGroupIds")) {
    instance["VpcSecurityGroups"] = SecurityGroups(call, Strings(input, "VpcSecurityGroupIds"), Text(instance, "_vpc"));
  }
  if (input.contains("DBParameterGroupName")) {
    instance["DBParameterGroups"] = ParameterGroupOf(call, Text(instance, "EngineVersion"));
  }
  CopyMembers(input, instance,
              {"AllocatedStorage", "AutoMinorVersionUpgrade", "BackupRetentionPeriod", "CACertificateIdentifier",
               "CopyTagsToSnapshot", "DBInstanceClass", "DeletionProtection", "Iops", "MaxAllocatedStorage",
               "MonitoringInterval", "MultiAZ", "PreferredBackupWindow", "PreferredMaintenanceWindow",
               "PubliclyAccessible", "StorageThroughput", "StorageType"});
  if (managed && !manage) {
    call.txn.Erase(kSecrets, Text(Fields(instance, "MasterUserSecret"), "SecretArn"));
    instance.erase("MasterUserSecret");
  }
  if (new_password) {
    CheckPassword(Text(input, "MasterUserPassword"));
    SetPassword(cloud, instance, Text(input, "MasterUserPassword"));
  } else if (sets_password) {
    SetManagedPassword(cloud, call, instance);
  }

  Json answer = instance;  // as on AWS, which begins a moment later
  if (sets_password) {
    BeginStatus(cloud, instance, "resetting-master-credentials", Slow::kDatabasePassword);
    answer["PendingModifiedValues"] = {{"MasterUserPassword", "****"}};
  } else if (reshapes) {
    BeginStatus(cloud, instance, "modifying", Slow::kDatabaseModify);
  }
  return {{"DBInstance", std::move(answer)}};
}

Json DeleteInstance(Cloud& cloud, Call& call) {
  Json& instance = EditInstance(cloud, call);
  const bool skip = Flag(call.input, "SkipFinalSnapshot");
  const bool snapshot = call.input.contains("FinalDBSnapshotIdentifier");
  if (Text(instance, "DBInstanceStatus") == "deleting") {
    throw ApiError("InvalidDBInstanceState",
                   "Instance " + Text(instance, "DBInstanceIdentifier") + " is already being deleted.");
  }
  if (Flag(instance, "DeletionProtection")) {
    throw ApiError("InvalidParameterCombination",
                   "Cannot delete protected DB Instance, please disable deletion protection and try again.");
  }
  if (!skip && !snapshot) {
    throw ApiError("InvalidParameterCombination",
                   "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.");
  }
  if (skip && snapshot) {
    throw ApiError("InvalidParameterCombination",
                   "FinalDBSnapshotIdentifier can not be specified when deleting a DB instance with SkipFinalSnapshot "
                   "enabled.");
  }
  if (snapshot) {
    throw ApiError("InvalidParameterValue",
                   "The local cloud keeps no snapshots: delete the DB instance with SkipFinalSnapshot.");
  }
  BeginStatus(cloud, instance, "deleting", Slow::kDatabaseDelete);
  return {{"DBInstance", instance}};
}

Json StartInstance(Cloud& cloud, Call& call) {
  Json& instance = EditInstance(cloud, call);
  RequireStatus(instance, "stopped");
  BeginStatus(cloud, instance, "starting", Slow::kDatabaseStart);
  instance.erase("AutomaticRestartTime");
  return {{"DBInstance", instance}};
}

Json StopInstance(Cloud& cloud, Call& call) {
  Json& instance = EditInstance(cloud, call);
  RequireStatus(instance, "available");
  BeginStatus(cloud, instance, "stopping", Slow::kDatabaseStop);
  return {{"DBInstance", instance}};
}

Json RebootInstance(Cloud& cloud, Call& call) {
  Json& instance = EditInstance(cloud, call);
  RequireStatus(instance, "available");
  BeginStatus(cloud, instance, "rebooting", Slow::kDatabaseReboot);
  instance["_restart"] = true;
  return {{"DBInstance", instance}};
}

}  // namespace

void RegisterInstances(Api& api, Cloud& cloud) {
  RegisterHandlers(api, cloud, "rds",
                   {{"CreateDBInstance", CreateInstance},
                    {"DeleteDBInstance", DeleteInstance},
                    {"DescribeDBInstances", DescribeInstances},
                    {"ModifyDBInstance", ModifyInstance},
                    {"RebootDBInstance", RebootInstance},
                    {"StartDBInstance", StartInstance},
                    {"StopDBInstance", StopInstance}});
}

}  // namespace adhoc::localcloud::rds
