#include <gtest/gtest.h>

#include <set>

#include "testing/local_api.h"

namespace adhoc::testing {
namespace {

struct Rds : ::testing::Test {
  LocalApi api;
  std::string vpc = api.Call("ec2", "CreateVpc", {{"CidrBlock", "10.213.0.0/16"}})["Vpc"]["VpcId"];
  std::string subnet_a = Subnet("10.213.1.0/24", "us-east-1a");
  std::string subnet_b = Subnet("10.213.2.0/24", "us-east-1b");

  std::string Subnet(const std::string& cidr, const std::string& zone) {
    return api.Call("ec2", "CreateSubnet",
                    {{"VpcId", vpc}, {"CidrBlock", cidr}, {"AvailabilityZone", zone}})["Subnet"]["SubnetId"];
  }
  void MakeGroup() {
    api.Call("rds", "CreateDBSubnetGroup",
             {{"DBSubnetGroupName", "dev"}, {"DBSubnetGroupDescription", "d"}, {"SubnetIds", {subnet_a, subnet_b}}});
  }
  static Json Input(Json more = Json::object()) {
    Json input{{"DBInstanceIdentifier", "Dev"},    {"Engine", "postgres"},       {"EngineVersion", "15"},
               {"DBInstanceClass", "db.t3.micro"}, {"AllocatedStorage", 20},     {"MasterUsername", "postgres"},
               {"ManageMasterUserPassword", true}, {"DBSubnetGroupName", "dev"}, {"DeletionProtection", true}};
    input.update(more);
    return input;
  }
  Json Create(Json more = Json::object()) { return api.Call("rds", "CreateDBInstance", Input(more))["DBInstance"]; }
  void Set(const std::string& status) {
    const auto txn = api.store().Begin();
    txn->Edit("rds.instances", "dev")["DBInstanceStatus"] = status;
    txn->Commit();
  }
  std::string Complaint(const std::string& operation, const Json& input) {
    try {
      api.Call("rds", operation, input);
      return "";
    } catch (const ServiceError& error) {
      return error.code() + " " + std::to_string(error.status()) + ": " + error.what();
    }
  }
};

TEST_F(Rds, ASubnetGroupNeedsTwoZonesOfOneVpc) {
  const auto create = [&](const Json& subnets) {
    return api.ErrorOf("rds", "CreateDBSubnetGroup",
                       {{"DBSubnetGroupName", "Dev"}, {"DBSubnetGroupDescription", "d"}, {"SubnetIds", subnets}});
  };
  EXPECT_EQ(create({subnet_a}), "DBSubnetGroupDoesNotCoverEnoughAZs");
  EXPECT_EQ(create({subnet_a, "subnet-0123"}), "InvalidParameterValue");
  EXPECT_EQ(create({subnet_a, subnet_b}), "");
  EXPECT_EQ(create({subnet_a, subnet_b}), "DBSubnetGroupAlreadyExists");
  const Json group = api.Call("rds", "DescribeDBSubnetGroups", {{"DBSubnetGroupName", "dev"}})["DBSubnetGroups"][0];
  EXPECT_EQ(group["VpcId"], vpc);
  EXPECT_EQ(group["SubnetGroupStatus"], "Complete");
  ASSERT_EQ(group["Subnets"].size(), 2u);
  EXPECT_EQ(group["Subnets"][1]["SubnetAvailabilityZone"]["Name"], "us-east-1b");
  EXPECT_EQ(group["DBSubnetGroupArn"], "arn:aws:rds:us-east-1:123456789012:subgrp:dev");
}

TEST_F(Rds, ASubnetGroupInUseStays) {
  MakeGroup();
  Create();
  EXPECT_EQ(api.ErrorOf("rds", "DeleteDBSubnetGroup", {{"DBSubnetGroupName", "dev"}}),
            "InvalidDBSubnetGroupStateFault");
  {
    const auto txn = api.store().Begin();
    txn->Erase("rds.instances", "dev");
    txn->Commit();
  }
  EXPECT_EQ(api.ErrorOf("rds", "DeleteDBSubnetGroup", {{"DBSubnetGroupName", "dev"}}), "");
  EXPECT_EQ(Complaint("DeleteDBSubnetGroup", {{"DBSubnetGroupName", "dev"}}),
            "DBSubnetGroupNotFoundFault 404: DB subnet group 'dev' does not exist.");
}

TEST_F(Rds, AManagedPasswordIsASecret) {
  MakeGroup();
  const Json instance = Create({{"Tags", Json::array({{{"Key", "team"}, {"Value", "web"}}})}});
  EXPECT_EQ(instance["DBInstanceStatus"], "creating");
  EXPECT_EQ(instance["DBInstanceIdentifier"], "dev");
  EXPECT_EQ(instance["EngineVersion"], "15.12");
  EXPECT_EQ(instance["DBSubnetGroup"]["VpcId"], vpc);
  EXPECT_EQ(instance["DBParameterGroups"][0]["DBParameterGroupName"], "default.postgres15");
  EXPECT_EQ(instance["VpcSecurityGroups"].size(), 1u);
  EXPECT_FALSE(instance.contains("Endpoint"));
  const std::string arn = instance["MasterUserSecret"]["SecretArn"];
  EXPECT_NE(arn.find(":secret:rds!db-"), std::string::npos);
  const Json secret = api.Call("secretsmanager", "GetSecretValue", {{"SecretId", arn}});
  const Json value = Json::parse(secret["SecretString"].get<std::string>());
  EXPECT_EQ(value["username"], "postgres");
  EXPECT_EQ(value["password"].get<std::string>().find_first_of("/@\"' "), std::string::npos);
  EXPECT_EQ(api.Document("rds.instances", "dev").dump().find(value["password"].get<std::string>()), std::string::npos);
  EXPECT_EQ(api.ErrorOf("rds", "CreateDBInstance", Input()), "DBInstanceAlreadyExists");
}

TEST_F(Rds, ChecksWhatIsAskedFor) {
  MakeGroup();
  const auto complaint = [&](const Json& more) { return Complaint("CreateDBInstance", Input(more)); };
  EXPECT_EQ(complaint({{"DBInstanceIdentifier", "1st"}}).substr(0, 21), "InvalidParameterValue");
  EXPECT_EQ(complaint({{"Engine", "mysql"}}).substr(0, 21), "InvalidParameterValue");
  EXPECT_EQ(complaint({{"EngineVersion", "16.1"}}),
            "InvalidParameterCombination 400: Cannot find version 16.1 for postgres (the local cloud runs "
            "localhost/adhoc/postgres:15)");
  EXPECT_EQ(complaint({{"MasterUsername", "rdsadmin"}}),
            "InvalidParameterValue 400: MasterUsername rdsadmin cannot be used as it is a reserved word used by the "
            "engine");
  EXPECT_EQ(complaint({{"MasterUserPassword", "long enough"}}).substr(0, 27), "InvalidParameterCombination");
  EXPECT_EQ(complaint({{"ManageMasterUserPassword", false}}).substr(0, 21), "InvalidParameterValue");
  EXPECT_EQ(complaint({{"ManageMasterUserPassword", false}, {"MasterUserPassword", "short"}}),
            "InvalidParameterValue 400: The parameter MasterUserPassword is not a valid password because it is shorter "
            "than 8 characters.");
  EXPECT_EQ(complaint({{"DBSubnetGroupName", "none"}}),
            "DBSubnetGroupNotFoundFault 404: DB subnet group 'none' does not exist.");
  EXPECT_EQ(complaint({{"VpcSecurityGroupIds", {"sg-0123"}}}),
            "InvalidParameterValue 400: Invalid security group , groupId= sg-0123, groupName=.");
  EXPECT_EQ(complaint({{"DBParameterGroupName", "none"}}),
            "DBParameterGroupNotFound 404: DBParameterGroup not found: none");
  EXPECT_TRUE(api.Call("rds", "DescribeDBInstances")["DBInstances"].empty());
}

TEST_F(Rds, AProtectedInstanceIsNotDeleted) {
  MakeGroup();
  Create();
  const Json skip{{"DBInstanceIdentifier", "dev"}, {"SkipFinalSnapshot", true}};
  EXPECT_EQ(Complaint("DeleteDBInstance", skip),
            "InvalidParameterCombination 400: Cannot delete protected DB Instance, please disable deletion protection "
            "and try again.");
  const Json unprotected{{"DBInstanceIdentifier", "dev"}, {"DeletionProtection", false}};
  EXPECT_EQ(Complaint("ModifyDBInstance", unprotected),
            "InvalidDBInstanceState 400: Instance dev is not in available state.");
  Set("available");
  api.Call("rds", "ModifyDBInstance", unprotected);
  EXPECT_EQ(Complaint("DeleteDBInstance", {{"DBInstanceIdentifier", "dev"}}),
            "InvalidParameterCombination 400: FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is "
            "specified.");
  EXPECT_EQ(api.Call("rds", "DeleteDBInstance", skip)["DBInstance"]["DBInstanceStatus"], "deleting");
  EXPECT_EQ(Complaint("DeleteDBInstance", skip), "InvalidDBInstanceState 400: Instance dev is already being deleted.");
}

TEST_F(Rds, FindsInstances) {
  MakeGroup();
  const std::string resource = Create()["DbiResourceId"];
  Create({{"DBInstanceIdentifier", "other"}});
  EXPECT_EQ(Complaint("DescribeDBInstances", {{"DBInstanceIdentifier", "none"}}),
            "DBInstanceNotFound 404: DBInstance none not found.");
  const auto found = [&](const char* filter, const std::string& value) {
    std::set<std::string> ids;
    const Json filters = Json::array({{{"Name", filter}, {"Values", Json::array({value})}}});
    const Json answer = api.Call("rds", "DescribeDBInstances", {{"Filters", filters}});
    for (const auto& one : answer["DBInstances"]) ids.insert(one["DBInstanceIdentifier"]);
    return ids;
  };
  EXPECT_EQ(found("db-instance-id", "DEV"), std::set<std::string>{"dev"});
  EXPECT_EQ(found("db-instance-id", "arn:aws:rds:us-east-1:123456789012:db:other"), std::set<std::string>{"other"});
  EXPECT_EQ(found("dbi-resource-id", resource), std::set<std::string>{"dev"});
  EXPECT_EQ(found("engine", "postgres"), (std::set<std::string>{"dev", "other"}));
  EXPECT_EQ(found("engine", "mysql"), std::set<std::string>{});
  EXPECT_EQ(api.ErrorOf("rds", "DescribeDBInstances",
                        {{"Filters", Json::array({{{"Name", "colour"}, {"Values", {"red"}}}})}}),
            "InvalidParameterValue");
}

TEST_F(Rds, ANewPasswordTakesTheInstanceThroughAReset) {
  MakeGroup();
  const std::string arn = Create()["MasterUserSecret"]["SecretArn"];
  const Json rotate{{"DBInstanceIdentifier", "dev"}, {"RotateMasterUserPassword", true}, {"ApplyImmediately", true}};
  EXPECT_EQ(api.ErrorOf("rds", "ModifyDBInstance", rotate), "InvalidDBInstanceState");
  Set("available");
  const auto secret = [&] {
    const std::string value = api.Call("secretsmanager", "GetSecretValue", {{"SecretId", arn}})["SecretString"];
    return Json::parse(value)["password"].get<std::string>();
  };
  const std::string before = secret();
  const std::string verifier = api.Document("rds.instances", "dev")["_verifier"];
  EXPECT_EQ(api.Call("rds", "ModifyDBInstance", rotate)["DBInstance"]["DBInstanceStatus"], "available");
  Json document = api.Document("rds.instances", "dev");
  EXPECT_EQ(document["DBInstanceStatus"], "resetting-master-credentials");
  EXPECT_NE(document["_verifier"], verifier);
  EXPECT_NE(secret(), before);

  // Taking the password into one's own hands removes the secret.
  Set("available");
  EXPECT_EQ(
      api.ErrorOf("rds", "ModifyDBInstance", {{"DBInstanceIdentifier", "dev"}, {"MasterUserPassword", "s3cret-word"}}),
      "InvalidParameterCombination");
  api.Call(
      "rds", "ModifyDBInstance",
      {{"DBInstanceIdentifier", "dev"}, {"ManageMasterUserPassword", false}, {"MasterUserPassword", "s3cret-word"}});
  document = api.Document("rds.instances", "dev");
  EXPECT_EQ(document.dump().find("s3cret-word"), std::string::npos);
  EXPECT_FALSE(document.contains("MasterUserSecret"));
  EXPECT_EQ(api.ErrorOf("secretsmanager", "GetSecretValue", {{"SecretId", arn}}), "ResourceNotFoundException");
}

TEST_F(Rds, StopsOnlyWhatRuns) {
  MakeGroup();
  Create();
  const Json dev{{"DBInstanceIdentifier", "dev"}};
  EXPECT_EQ(Complaint("StopDBInstance", dev), "InvalidDBInstanceState 400: Instance dev is not in available state.");
  Set("available");
  EXPECT_EQ(api.ErrorOf("rds", "StartDBInstance", dev), "InvalidDBInstanceState");
  EXPECT_EQ(api.Call("rds", "StopDBInstance", dev)["DBInstance"]["DBInstanceStatus"], "stopping");
  Set("stopped");
  EXPECT_EQ(api.ErrorOf("rds", "RebootDBInstance", dev), "InvalidDBInstanceState");
  EXPECT_EQ(api.Call("rds", "StartDBInstance", dev)["DBInstance"]["DBInstanceStatus"], "starting");
}

TEST_F(Rds, TagsGoByArn) {
  MakeGroup();
  const std::string arn = Create()["DBInstanceArn"];
  const Json named{{"ResourceName", arn}};
  Json add = named;
  add["Tags"] = Json::array({{{"Key", "team"}, {"Value", "web"}}, {{"Key", "env"}, {"Value", "dev"}}});
  api.Call("rds", "AddTagsToResource", add);
  Json remove = named;
  remove["TagKeys"] = {"env"};
  api.Call("rds", "RemoveTagsFromResource", remove);
  const Json expected = Json::array({{{"Key", "team"}, {"Value", "web"}}});
  EXPECT_EQ(api.Call("rds", "ListTagsForResource", named)["TagList"], expected);
  EXPECT_EQ(api.Call("rds", "DescribeDBInstances")["DBInstances"][0]["TagList"], expected);
  EXPECT_EQ(api.ErrorOf("rds", "ListTagsForResource", {{"ResourceName", arn + "x"}}), "DBInstanceNotFound");
}

TEST_F(Rds, KnowsTheVersionsOfItsImage) {
  const Json versions = api.Call("rds", "DescribeDBEngineVersions",
                                 {{"Engine", "postgres"}, {"EngineVersion", "15"}})["DBEngineVersions"];
  ASSERT_EQ(versions.size(), 12u);
  EXPECT_EQ(versions[11]["EngineVersion"], "15.12");
  EXPECT_TRUE(api.Call("rds", "DescribeDBEngineVersions", {{"Engine", "mysql"}})["DBEngineVersions"].empty());
}

}  // namespace
}  // namespace adhoc::testing
