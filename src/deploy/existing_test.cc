// Shared resources of which the team made some: the engine uses what the target names, makes only the rest, and leaves
// what is not its own as it was; and says so when something is missing or does not fit.
#include "env/existing.h"

#include <algorithm>

#include "deploy/shared_test.h"
#include "env/names.h"
#include "env/resources/resources.h"

namespace adhoc::env {
namespace {

class ExistingTest : public SharedTest {
 protected:
  // What a team has: a VPC with two public and two private subnets, their routes, a load balancer with an HTTPS
  // listener, PostgreSQL.
  ExistingTest() {
    vpc_ = MakeVpc("10.77.0.0/16");
    for (int i = 0; i < 4; ++i) {
      const bool is_public = i < 2;
      const Json made = api().Call(
          "ec2", "CreateSubnet",
          {{"VpcId", vpc_},
           {"CidrBlock", fmt::format("10.77.{}.0/24", i)},
           {"AvailabilityZone", i % 2 == 0 ? "us-east-1a" : "us-east-1b"},
           {"TagSpecifications",
            Json::array({{{"ResourceType", "subnet"},
                          {"Tags", Json::array({{{"Key", "Tier"}, {"Value", is_public ? "public" : "private"}}})}}})}});
      (is_public ? public_ : private_).push_back(made["Subnet"]["SubnetId"]);
    }
    MakeRoutes();
    balancer_group_ = MakeGroup("balancer");
    database_group_ = MakeGroup("postgres");
    balancer_ = MakeBalancer("main", public_, balancer_group_);
    api().Call("rds", "CreateDBSubnetGroup",
               {{"DBSubnetGroupName", "main"}, {"DBSubnetGroupDescription", "x"}, {"SubnetIds", private_}});
    MakeInstance("postgres");
    Rest();
    config_.target.existing = {.vpc = vpc_,
                               .public_subnets = {},
                               .private_subnets = {.ids = private_, .tags = {}},
                               .load_balancer = balancer_,
                               .database = "postgres"};
    config_.target.hosted_zone = zone_;
  }

  std::string MakeVpc(const std::string& cidr) {
    const std::string vpc = api().Call("ec2", "CreateVpc", {{"CidrBlock", cidr}})["Vpc"]["VpcId"];
    api().Call("ec2", "ModifyVpcAttribute", {{"VpcId", vpc}, {"EnableDnsHostnames", {{"Value", true}}}});
    return vpc;
  }
  // Public subnets' to an internet gateway, those of private ones, by the main table, to a NAT gateway.
  void MakeRoutes() {
    const std::string gateway = api().Call("ec2", "CreateInternetGateway")["InternetGateway"]["InternetGatewayId"];
    api().Call("ec2", "AttachInternetGateway", {{"InternetGatewayId", gateway}, {"VpcId", vpc_}});
    public_table_ = api().Call("ec2", "CreateRouteTable", {{"VpcId", vpc_}})["RouteTable"]["RouteTableId"];
    Route(public_table_, "GatewayId", gateway);
    for (const auto& subnet : public_) {
      api().Call("ec2", "AssociateRouteTable", {{"RouteTableId", public_table_}, {"SubnetId", subnet}});
    }
    private_table_ =
        api().Call("ec2", "DescribeRouteTables",
                   Filters({{"vpc-id", vpc_}, {"association.main", "true"}}))["RouteTables"][0]["RouteTableId"];
    const std::string address = api().Call("ec2", "AllocateAddress", {{"Domain", "vpc"}})["AllocationId"];
    const std::string nat = api().Call(
        "ec2", "CreateNatGateway", {{"SubnetId", public_[0]}, {"AllocationId", address}})["NatGateway"]["NatGatewayId"];
    Rest();
    Route(private_table_, "NatGatewayId", nat);
  }
  void Route(const std::string& table, const char* member, const std::string& target,
             const std::string& destination = "0.0.0.0/0") {
    api().Call("ec2", "CreateRoute",
               {{"RouteTableId", table}, {"DestinationCidrBlock", destination}, {member, target}});
  }
  void DeleteDefaultRoute(const std::string& table) {
    api().Call("ec2", "DeleteRoute", {{"RouteTableId", table}, {"DestinationCidrBlock", "0.0.0.0/0"}});
  }
  std::string MakeEndpoint(const std::string& service) {
    Json input{{"VpcId", vpc_}, {"ServiceName", "com.amazonaws.us-east-1." + service}};
    if (service == "s3") {
      input["RouteTableIds"] = Json::array({private_table_});
    } else {
      input.update({{"VpcEndpointType", "Interface"}, {"SubnetIds", private_}, {"PrivateDnsEnabled", true}});
    }
    return api().Call("ec2", "CreateVpcEndpoint", input)["VpcEndpoint"]["VpcEndpointId"];
  }
  // Issued at once: its domain's owner confirmed it by mail.
  std::string MakeCertificate(const std::string& domain) {
    return api().Call("acm", "RequestCertificate",
                      {{"DomainName", domain}, {"ValidationMethod", "EMAIL"}})["CertificateArn"];
  }
  std::string ListenerArn() {
    return api().Call("elbv2", "DescribeListeners", {{"LoadBalancerArn", balancer_}})["Listeners"][0]["ListenerArn"];
  }
  void SetDefaultCertificate(const std::string& arn) {
    api().Call("elbv2", "ModifyListener",
               {{"ListenerArn", ListenerArn()}, {"Certificates", Json::array({{{"CertificateArn", arn}}})}});
  }
  // What an account may have and this cloud does not make.
  void Alter(const char* collection, const std::string& key, const char* member, const std::string& value) {
    const auto txn = cloud_.api().store().Begin();
    txn->Edit(collection, key)[member] = value;
    txn->Commit();
  }

  std::string MakeGroup(const std::string& name) {
    return api().Call("ec2", "CreateSecurityGroup",
                      {{"VpcId", vpc_}, {"GroupName", name}, {"Description", "x"}})["GroupId"];
  }
  std::string MakeBalancer(const std::string& name, const std::vector<std::string>& subnets, const std::string& group,
                           int port = 8443) {
    const std::string arn =
        api().Call("elbv2", "CreateLoadBalancer",
                   {{"Name", name},
                    {"Subnets", subnets},
                    {"SecurityGroups", Json::array({group})}})["LoadBalancers"][0]["LoadBalancerArn"];
    const std::string certificate =
        api().Call("acm", "RequestCertificate",
                   {{"DomainName", "*.dev.localhost"}, {"ValidationMethod", "DNS"}})["CertificateArn"];
    const Json record =
        api().Call("acm", "DescribeCertificate",
                   {{"CertificateArn", certificate}})["Certificate"]["DomainValidationOptions"][0]["ResourceRecord"];
    if (zone_.empty()) {
      zone_ = api().Call("route53", "CreateHostedZone",
                         {{"Name", "dev.localhost"}, {"CallerReference", "x"}})["HostedZone"]["Id"];
    }
    api().Call(
        "route53", "ChangeResourceRecordSets",
        {{"HostedZoneId", zone_},
         {"ChangeBatch",
          {{"Changes", Json::array({{{"Action", "UPSERT"},
                                     {"ResourceRecordSet",
                                      {{"Name", record["Name"]},
                                       {"Type", record["Type"]},
                                       {"TTL", 300},
                                       {"ResourceRecords", Json::array({{{"Value", record["Value"]}}})}}}}})}}}});
    Rest();
    api().Call("elbv2", "CreateListener",
               {{"LoadBalancerArn", arn},
                {"Protocol", "HTTPS"},
                {"Port", port},
                {"Certificates", Json::array({{{"CertificateArn", certificate}}})},
                {"DefaultActions",
                 Json::array({{{"Type", "fixed-response"}, {"FixedResponseConfig", {{"StatusCode", "404"}}}}})}});
    return arn;
  }
  void MakeInstance(const std::string& name, const Json& more = Json::object()) {
    Json input{{"DBInstanceIdentifier", name},      {"Engine", "postgres"},
               {"DBInstanceClass", "db.t4g.micro"}, {"AllocatedStorage", 20},
               {"MasterUsername", "postgres"},      {"ManageMasterUserPassword", true},
               {"DBSubnetGroupName", "main"},       {"VpcSecurityGroupIds", Json::array({database_group_})}};
    input.update(more);
    if (!input["ManageMasterUserPassword"].get<bool>()) input["MasterUserPassword"] = "something-long";
    api().Call("rds", "CreateDBInstance", input);
  }
  void LetTasksIn(const char* operation = "AuthorizeSecurityGroupIngress") {
    const std::string tasks = api().Call("ec2", "DescribeSecurityGroups",
                                         Filters({{"group-name", "dev-ecs-sg"}}))["SecurityGroups"][0]["GroupId"];
    LetIn(database_group_, 5432, {{"UserIdGroupPairs", Json::array({{{"GroupId", tasks}}})}}, operation);
  }
  void LetIn(const std::string& group, int port, const Json& sources,
             const char* operation = "AuthorizeSecurityGroupIngress") {
    Json permission{{"IpProtocol", "tcp"}, {"FromPort", port}, {"ToPort", port}};
    permission.update(sources);
    api().Call("ec2", operation, {{"GroupId", group}, {"IpPermissions", Json::array({permission})}});
  }
  // All that the team has, as it is described; but for the rule that lets tasks in and environments' rules.
  Json Theirs() {
    Json all;
    const auto take = [&](const char* service, const char* operation, const char* list, const Json& input) {
      all[operation] = api().Call(service, operation, input)[list];
    };
    take("ec2", "DescribeVpcs", "Vpcs", {{"VpcIds", Json::array({vpc_})}});
    take("ec2", "DescribeRouteTables", "RouteTables", Filters({{"vpc-id", vpc_}}));
    take("ec2", "DescribeSecurityGroups", "SecurityGroups",
         {{"GroupIds", Json::array({balancer_group_, database_group_})}});
    take("elbv2", "DescribeLoadBalancers", "LoadBalancers", {{"LoadBalancerArns", Json::array({balancer_})}});
    take("elbv2", "DescribeListeners", "Listeners", {{"LoadBalancerArn", balancer_}});
    take("rds", "DescribeDBInstances", "DBInstances", {{"DBInstanceIdentifier", "postgres"}});
    take("rds", "DescribeDBSubnetGroups", "DBSubnetGroups", {{"DBSubnetGroupName", "main"}});
    take("acm", "ListCertificates", "CertificateSummaryList", Json::object());
    return all;
  }

  std::string vpc_, public_table_, private_table_, balancer_group_, database_group_, balancer_, zone_;
  std::vector<std::string> public_, private_;
};

TEST_F(ExistingTest, IsUsedAndNeitherChangedNorDeleted) {
  const Json theirs = Theirs();
  EXPECT_EQ(Planned(), (std::vector<std::string>{"+ security group dev-ecs-sg", "+ role dev-ecs-execution-role",
                                                 "+ namespace dev-sd-ns"}));
  ASSERT_EQ(SharedUp(), "");
  EXPECT_EQ(Planned(), std::vector<std::string>{});
  EXPECT_EQ(Theirs(), theirs);
  const std::string tasks = api().Call("ec2", "DescribeSecurityGroups",
                                       Filters({{"group-name", "dev-ecs-sg"}}))["SecurityGroups"][0]["GroupId"];
  EXPECT_EQ(
      Up(),
      fmt::format("tasks cannot reach the database postgres: its security group {} does not let {} in at port 5432 | "
                  "aws ec2 authorize-security-group-ingress --group-id {} --protocol tcp --port 5432 "
                  "--source-group {}",
                  database_group_, tasks, database_group_, tasks));
  LetTasksIn();
  const Json with_way = Theirs();
  ASSERT_EQ(Up(), "");
  const Json service =
      api().Call("ecs", "DescribeServices",
                 {{"cluster", "alpha-cluster"}, {"services", Json::array({"alpha-web"})}})["services"][0];
  const Json network = service["networkConfiguration"]["awsvpcConfiguration"];
  EXPECT_EQ(network["subnets"], private_);
  EXPECT_EQ(network["securityGroups"], Json::array({tasks}));
  EXPECT_EQ(network["assignPublicIp"], "DISABLED");
  const Json listener =
      api().Call("elbv2", "DescribeListeners", {{"LoadBalancerArn", balancer_}})["Listeners"][0]["ListenerArn"];
  EXPECT_EQ(api().Call("elbv2", "DescribeRules", {{"ListenerArn", listener}})["Rules"].size(), 2u);
  EXPECT_EQ(Theirs(), with_way);
  EXPECT_EQ(Planned([](Context& context) { return PrepareUp(context, std::nullopt); }), std::vector<std::string>{});
  ASSERT_EQ(Down(), "");
  EXPECT_EQ(SharedDown(),
            fmt::format("{} cannot be deleted: the database postgres lets it in with a rule of {} | aws ec2 "
                        "revoke-security-group-ingress --group-id {} --protocol tcp --port 5432 --source-group {}",
                        tasks, database_group_, database_group_, tasks));
  LetTasksIn("RevokeSecurityGroupIngress");
  EXPECT_EQ(Planned(PrepareSharedDown),
            (std::vector<std::string>{"- security group dev-ecs-sg", "- role dev-ecs-execution-role",
                                      "- namespace dev-sd-ns"}));
  ASSERT_EQ(SharedDown(), "");
  EXPECT_EQ(Theirs(), theirs);
}

// Only the network exists: the load balancer and the database go into its subnets, found by their tags.
TEST_F(ExistingTest, TheRestIsMadeInTheExistingNetwork) {
  config_.target.existing = {.vpc = vpc_,
                             .public_subnets = {.ids = {}, .tags = {{"Tier", "public"}}},
                             .private_subnets = {.ids = {}, .tags = {{"Tier", "private"}}}};
  config_.target.bastion = true;
  config_.target.http_port = 9080;  // the others are the team's balancer's
  config_.target.https_port = 9443;
  const Json theirs = Theirs();
  ASSERT_EQ(SharedUp(), "");
  EXPECT_EQ(Planned(), std::vector<std::string>{});
  const Json balancer =
      api().Call("elbv2", "DescribeLoadBalancers", {{"Names", Json::array({"dev-alb"})}})["LoadBalancers"][0];
  EXPECT_EQ(balancer["VpcId"], vpc_);
  EXPECT_EQ(balancer["AvailabilityZones"].size(), 2u);
  const Json group =
      api().Call("rds", "DescribeDBSubnetGroups", {{"DBSubnetGroupName", "dev-rds"}})["DBSubnetGroups"][0];
  EXPECT_EQ(group["VpcId"], vpc_);
  EXPECT_EQ(group["Subnets"][0]["SubnetIdentifier"], private_[0]);
  ASSERT_EQ(Up(), "");
  ASSERT_EQ(Down(), "");
  ASSERT_EQ(SharedDown(), "");
  EXPECT_EQ(Theirs(), theirs);
}

TEST_F(ExistingTest, AGroupOfTasksMayExistToo) {
  config_.target.existing.security_group = MakeGroup("tasks");
  EXPECT_EQ(Planned(), (std::vector<std::string>{"+ role dev-ecs-execution-role", "+ namespace dev-sd-ns"}));
  ASSERT_EQ(SharedUp(), "");
  EXPECT_EQ(Planned(), std::vector<std::string>{});
}

// Else targets would fail their health checks for minutes, and nobody would know why.
TEST_F(ExistingTest, AGroupOfTasksHasToLetInWhoReachesThem) {
  const std::string tasks = MakeGroup("tasks");
  const auto from = [](const std::string& group) {
    return Json{{"UserIdGroupPairs", Json::array({{{"GroupId", group}}})}};
  };
  config_.target.existing.security_group = tasks;
  LetIn(database_group_, 5432, from(tasks));
  ASSERT_EQ(SharedUp(), "");
  LetIn(tasks, 8001, from(balancer_group_));
  EXPECT_EQ(Up(), fmt::format("the load balancer cannot reach web: its security group {} does not let {} in at port "
                              "8000 | aws ec2 authorize-security-group-ingress --group-id {} --protocol tcp --port "
                              "8000 --source-group {}",
                              tasks, balancer_group_, tasks, balancer_group_));
  EXPECT_EQ(api().Call("ecs", "ListClusters")["clusterArns"], Json::array());
  LetIn(tasks, 8000, from(balancer_group_));
  EXPECT_EQ(Up(), fmt::format("other services cannot reach redis: its security group {} does not let {} in at port "
                              "6379 | aws ec2 authorize-security-group-ingress --group-id {} --protocol tcp --port "
                              "6379 --source-group {}",
                              tasks, tasks, tasks, tasks));
  LetIn(tasks, 6379, {{"IpRanges", Json::array({{{"CidrIp", "10.77.0.0/16"}}})}});
  EXPECT_EQ(Up(), "");
}

// ECS takes no more for a task.
TEST_F(ExistingTest, MoreSubnetsThanATaskTakesAreRefused) {
  for (int i = 0; i < 14; ++i) {
    api().Call(
        "ec2", "CreateSubnet",
        {{"VpcId", vpc_},
         {"CidrBlock", fmt::format("10.77.{}.0/24", 100 + i)},
         {"AvailabilityZone", "us-east-1a"},
         {"TagSpecifications", Json::array({{{"ResourceType", "subnet"},
                                             {"Tags", Json::array({{{"Key", "Tier"}, {"Value", "private"}}})}}})}});
  }
  config_.target.existing.private_subnets = {.ids = {}, .tags = {{"Tier", "private"}}};
  EXPECT_EQ(SharedUp(), "");
  api().Call(
      "ec2", "CreateTags",
      {{"Resources", Json::array({public_[0]})}, {"Tags", Json::array({{{"Key", "Tier"}, {"Value", "private"}}})}});
  EXPECT_EQ(SharedUp(),
            "private_subnets are 17 subnets, and a task takes 16 at most | name some of them by their ids, or give "
            "private_subnets tags that fewer have");
}

TEST_F(ExistingTest, ALoadBalancerTakesOneSubnetOfEachZone) {
  const std::string another = api().Call(
      "ec2", "CreateSubnet",
      {{"VpcId", vpc_},
       {"CidrBlock", "10.77.100.0/24"},
       {"AvailabilityZone", "us-east-1a"},
       {"TagSpecifications",
        Json::array({{{"ResourceType", "subnet"},
                      {"Tags", Json::array({{{"Key", "Tier"}, {"Value", "public"}}})}}})}})["Subnet"]["SubnetId"];
  api().Call("ec2", "AssociateRouteTable", {{"RouteTableId", public_table_}, {"SubnetId", another}});
  config_.target.existing = {.vpc = vpc_,
                             .public_subnets = {.ids = {}, .tags = {{"Tier", "public"}}},
                             .private_subnets = {.ids = {}, .tags = {{"Tier", "private"}}}};
  config_.target.http_port = 9080;  // the others are the team's balancer's
  config_.target.https_port = 9443;
  ASSERT_EQ(SharedUp(), "");
  EXPECT_EQ(Planned(), std::vector<std::string>{});
}

TEST_F(ExistingTest, ADatabaseThatIsWorkedAtIsFit) {
  for (const char* status : {"storage-optimization", "backing-up", "modifying"}) {
    Alter("rds.instances", "postgres", "DBInstanceStatus", status);
    EXPECT_EQ(Run([](Context& context) { PrepareShared(context); }), "") << status;
  }
  Alter("rds.instances", "postgres", "DBInstanceStatus", "stopped");
  EXPECT_EQ(SharedUp(),
            "database instance postgres is stopped | aws rds start-db-instance --db-instance-identifier postgres");
}

TEST_F(ExistingTest, NamesComeFromATerraformState) {
  const Json state = {{"version", 4},
                      {"outputs",
                       {{"vpc_id", {{"value", vpc_}}},
                        {"private_subnets", {{"value", private_}}},
                        {"alb_arn", {{"value", balancer_}}},
                        {"database", {{"value", {{"identifier", "postgres"}}}}}}}};
  api().Call("s3", "CreateBucket", {{"Bucket", "states"}});
  api().Call("s3", "PutObject", {{"Bucket", "states"}, {"Key", "shared/terraform.tfstate"}, {"Body", state.dump()}});
  const config::Existing wanted = config_.target.existing;
  const auto resolve = [&](const std::string& place) {
    config_.target.existing = {.state = place,
                               .vpc = "${state.vpc_id}",
                               .public_subnets = {},
                               .private_subnets = {.ids = {"${state.private_subnets}"}, .tags = {}},
                               .load_balancer = "${state.alb_arn}",
                               .database = "${state.database.identifier}"};
    return Run([&](Context& context) {
      ResolveState(config_, [&](const std::string& at) { return ReadState(&context.client(), config_, at); });
    });
  };
  ASSERT_EQ(resolve("s3://states/shared/terraform.tfstate"), "");
  EXPECT_EQ(config_.target.existing.vpc, wanted.vpc);
  EXPECT_EQ(config_.target.existing.private_subnets, wanted.private_subnets);
  EXPECT_EQ(config_.target.existing.load_balancer, wanted.load_balancer);
  EXPECT_EQ(config_.target.existing.database, wanted.database);
  EXPECT_EQ(resolve("s3://states/other"),
            "there is no state s3://states/other | correct `existing:` of the target in adhoc.yaml");
}

TEST_F(ExistingTest, WhatIsMissingOrUnfitIsNamed) {
  const config::Existing good = config_.target.existing;
  const std::string other_vpc = MakeVpc("10.78.0.0/16");
  const auto refusal = [&](const std::function<void(config::Existing&)>& change) {
    config_.target.existing = good;
    change(config_.target.existing);
    const std::string error = SharedUp();
    EXPECT_NE(error, "");
    return error.substr(0, error.find(" | "));
  };
  const std::string other_group = api().Call(
      "ec2", "CreateSecurityGroup", {{"VpcId", other_vpc}, {"GroupName", "x"}, {"Description", "x"}})["GroupId"];
  EXPECT_EQ(refusal([](auto& e) { e.vpc = "vpc-0"; }), "there is no VPC vpc-0 in us-east-1");
  EXPECT_EQ(refusal([&](auto& e) { e.vpc = other_vpc; }),
            fmt::format("{} of private_subnets is in VPC {}, not in {}", private_[0], vpc_, other_vpc));
  EXPECT_EQ(refusal([](auto& e) { e.private_subnets.ids.push_back("subnet-0"); }),
            "there is no subnet subnet-0 of private_subnets");
  EXPECT_EQ(refusal([](auto& e) {
              e.private_subnets = {.ids = {}, .tags = {{"Tier", "none"}}};
            }),
            fmt::format("no subnet of {} has the tags of private_subnets", vpc_));
  EXPECT_EQ(refusal([&](auto& e) {
              e.private_subnets.ids = {private_[0]};
              e.database.clear();
            }),
            "private_subnets are in 1 availability zone, and the database needs 2");
  EXPECT_EQ(refusal([&](auto& e) {
              e.public_subnets.ids = {public_[0]};
              e.load_balancer.clear();
            }),
            "public_subnets are in 1 availability zone, and the load balancer needs 2");
  EXPECT_EQ(refusal([](auto& e) { e.security_group = "sg-0"; }), "there is no security group sg-0");
  EXPECT_EQ(refusal([&](auto& e) { e.security_group = other_group; }),
            fmt::format("security group {} is in VPC {}, not in {}", other_group, other_vpc, vpc_));
  const std::string gone = balancer_.substr(0, balancer_.rfind('/')) + "/0123456789abcdef";
  EXPECT_EQ(refusal([&](auto& e) { e.load_balancer = gone; }), "there is no load balancer " + gone);
  const std::string elsewhere = MakeBalancer("elsewhere", public_, balancer_group_, 9443);
  EXPECT_EQ(refusal([&](auto& e) { e.load_balancer = elsewhere; }),
            "load balancer elsewhere has no HTTPS listener on port 8443 for the rules of environments");
  EXPECT_EQ(refusal([](auto& e) { e.database = "mysql"; }), "there is no database instance mysql in us-east-1");
  MakeInstance("own-password", {{"ManageMasterUserPassword", false}});
  Rest();
  EXPECT_EQ(refusal([](auto& e) { e.database = "own-password"; }),
            "RDS does not manage the master password of own-password");
  // In another VPC.
  Json subnets = Json::array();
  for (const char* zone : {"a", "b"}) {
    subnets.push_back(api().Call("ec2", "CreateSubnet",
                                 {{"VpcId", other_vpc},
                                  {"CidrBlock", fmt::format("10.78.{}.0/24", zone[0] - 'a')},
                                  {"AvailabilityZone", fmt::format("us-east-1{}", zone)}})["Subnet"]["SubnetId"]);
  }
  const std::string foreign = MakeBalancer("foreign", subnets.get<std::vector<std::string>>(), other_group, 9444);
  EXPECT_EQ(refusal([&](auto& e) { e.load_balancer = foreign; }),
            fmt::format("load balancer foreign is in VPC {}, not in {}", other_vpc, vpc_));
  api().Call("rds", "CreateDBSubnetGroup",
             {{"DBSubnetGroupName", "foreign"}, {"DBSubnetGroupDescription", "x"}, {"SubnetIds", subnets}});
  MakeInstance("foreign", {{"DBSubnetGroupName", "foreign"}, {"VpcSecurityGroupIds", Json::array({other_group})}});
  Rest();
  EXPECT_EQ(refusal([](auto& e) { e.database = "foreign"; }),
            fmt::format("database instance foreign is in VPC {}, not in {}", other_vpc, vpc_));
  api().Call("ec2", "ModifyVpcAttribute", {{"VpcId", vpc_}, {"EnableDnsHostnames", {{"Value", false}}}});
  EXPECT_EQ(refusal([](auto&) {}),
            fmt::format("VPC {} has no enableDnsHostnames: names of services would not resolve", vpc_));
}

TEST_F(ExistingTest, OtherKindsOfLoadBalancersAndDatabasesAreRefused) {
  Alter("elbv2.loadbalancers", balancer_, "Type", "network");
  EXPECT_EQ(SharedUp(),
            "load balancer main is of type network, not application | correct `existing:` of the target in adhoc.yaml");
  Alter("elbv2.loadbalancers", balancer_, "Type", "application");
  Alter("rds.instances", "postgres", "Engine", "mysql");
  EXPECT_EQ(SharedUp(),
            "database instance postgres is of engine mysql, not postgres | correct `existing:` of the target in "
            "adhoc.yaml");
  // Nothing was made.
  EXPECT_EQ(api().Call("ec2", "DescribeSecurityGroups", Filters({{"group-name", "dev-ecs-sg"}}))["SecurityGroups"],
            Json::array());
}

// People may well be on its network.
TEST_F(ExistingTest, AnInternalLoadBalancerIsUsedWithAWarning) {
  Alter("elbv2.loadbalancers", balancer_, "Scheme", "internal");
  EXPECT_EQ(SharedUp(), "");
  EXPECT_EQ(warnings_, std::vector<std::string>{fmt::format(
                           "load balancer main is internal: environments are reached from within VPC {}, or a network "
                           "that is connected to it",
                           vpc_)});
  LetTasksIn();
  EXPECT_EQ(Up(), "");
  EXPECT_EQ(warnings_, std::vector<std::string>{});
}

TEST_F(ExistingTest, ACertificateForOtherNamesIsRefused) {
  const Json good = api().Call("elbv2", "DescribeListeners",
                               {{"LoadBalancerArn", balancer_}})["Listeners"][0]["Certificates"][0]["CertificateArn"];
  const std::string add = fmt::format(
      " | aws elbv2 add-listener-certificates --listener-arn {} --certificates CertificateArn=<ARN of one "
      "for {}>",
      ListenerArn(), "{}");
  SetDefaultCertificate(MakeCertificate("shop.example.com"));
  EXPECT_EQ(SharedUp(),
            "load balancer main has no certificate for *.dev.localhost, only for shop.example.com: browsers "
            "would refuse environments" +
                fmt::format(fmt::runtime(add), "*.dev.localhost"));
  // Besides the default one.
  const auto change = [&](const char* operation, const std::string& arn) {
    api().Call("elbv2", operation,
               {{"ListenerArn", ListenerArn()}, {"Certificates", Json::array({{{"CertificateArn", arn}}})}});
  };
  change("AddListenerCertificates", good);
  ASSERT_EQ(SharedUp(), "");
  EXPECT_EQ(warnings_, std::vector<std::string>{});
  LetTasksIn();
  // Somebody took it away, and a new environment would have none.
  change("RemoveListenerCertificates", good);
  EXPECT_EQ(Up(),
            "load balancer main has no certificate for alpha.dev.localhost, only for shop.example.com: browsers "
            "would refuse environments" +
                fmt::format(fmt::runtime(add), "alpha.dev.localhost"));
  EXPECT_EQ(api().Call("ecs", "ListClusters")["clusterArns"], Json::array());
  // One for this environment alone.
  change("AddListenerCertificates", MakeCertificate("alpha.dev.localhost"));
  EXPECT_EQ(Up(), "");
  EXPECT_EQ(Planned(), std::vector<std::string>{});
  EXPECT_EQ(warnings_, std::vector<std::string>{"load balancer main has no certificate for *.dev.localhost, only for "
                                                "alpha.dev.localhost: other environments are refused by browsers"});
}

TEST_F(ExistingTest, AnExpiredCertificateIsRefused) {
  const std::string arn =
      api().Call("elbv2", "DescribeListeners",
                 {{"LoadBalancerArn", balancer_}})["Listeners"][0]["Certificates"][0]["CertificateArn"];
  Alter("acm.certificates", arn, "Status", "EXPIRED");
  EXPECT_EQ(SharedUp(),
            "the certificate for *.dev.localhost of load balancer main is EXPIRED | renew it, or import it again: aws "
            "acm describe-certificate --certificate-arn " +
                arn);
}

TEST_F(ExistingTest, PrivateSubnetsThatLeadNowhereAreRefused) {
  ASSERT_EQ(SharedUp(), "");
  EXPECT_EQ(warnings_, std::vector<std::string>{});
  LetTasksIn();
  DeleteDefaultRoute(private_table_);
  const auto refusal = [&](const std::string& missing) {
    return fmt::format(
        "tasks in {} could not pull images: its route table {} has no default route, and the VPC has no endpoint of {} "
        "| aws ec2 create-route --route-table-id {} --destination-cidr-block 0.0.0.0/0 --nat-gateway-id nat-…, make "
        "these endpoints, or name other subnets",
        private_[0], private_table_, missing, private_table_);
  };
  EXPECT_EQ(SharedUp(), refusal("ecr.api, ecr.dkr, s3, logs, secretsmanager"));
  EXPECT_EQ(Up(), refusal("ecr.api, ecr.dkr, s3, logs, secretsmanager"));
  EXPECT_EQ(api().Call("ecs", "ListClusters")["clusterArns"], Json::array());
  for (const char* service : {"ecr.api", "ecr.dkr", "s3", "secretsmanager"}) MakeEndpoint(service);
  Rest();
  EXPECT_EQ(Up(), refusal("logs"));
  // The other end may have it.
  Route(private_table_, "TransitGatewayId", "tgw-0123", "10.0.0.0/8");
  ASSERT_EQ(SharedUp(), "");
  ASSERT_EQ(warnings_.size(), 2u);
  EXPECT_TRUE(warnings_[0].starts_with(fmt::format("whether tasks in {} can pull images cannot be told", private_[0])));
  api().Call("ec2", "DeleteRoute", {{"RouteTableId", private_table_}, {"DestinationCidrBlock", "10.0.0.0/8"}});

  MakeEndpoint("logs");
  Rest();
  ASSERT_EQ(SharedUp(), "");
  EXPECT_EQ(warnings_[0],
            fmt::format("`adhoc exec` and `forward` find no way to tasks in {}: the VPC has no endpoint of "
                        "ssmmessages",
                        private_[0]));
  MakeEndpoint("ssmmessages");
  Rest();
  ASSERT_EQ(SharedUp(), "");
  EXPECT_EQ(warnings_, std::vector<std::string>{});
  // On AWS, that is where images have to be, too.
  config_.target.kind = config::TargetKind::kAws;
  EXPECT_EQ(Up(), fmt::format("service web runs localhost/adhoc/web:1, which {}, with VPC endpoints only, cannot "
                              "reach | push it to 000000000000.dkr.ecr.us-east-1.amazonaws.com/<repository> and "
                              "name that, or route it to a NAT gateway",
                              private_[0]));
  config_.target.kind = config::TargetKind::kLocal;
  EXPECT_EQ(Up(), "");
}

TEST_F(ExistingTest, PublicSubnetsWithoutAnInternetGatewayAreRefused) {
  config_.target.existing = {
      .vpc = vpc_, .public_subnets = {.ids = public_, .tags = {}}, .private_subnets = {.ids = private_, .tags = {}}};
  config_.target.http_port = 9080;
  config_.target.https_port = 9443;
  DeleteDefaultRoute(public_table_);
  EXPECT_EQ(SharedUp(),
            fmt::format("the load balancer in {} could not be reached from the internet: route table {} has no default "
                        "route | aws ec2 create-route --route-table-id {} --destination-cidr-block 0.0.0.0/0 "
                        "--gateway-id igw-…, or name other subnets",
                        public_[0], public_table_, public_table_));
  EXPECT_EQ(api().Call("elbv2", "DescribeLoadBalancers", {{"Names", Json::array({"main"})}})["LoadBalancers"].size(),
            1u);
  EXPECT_EQ(api().ErrorOf("elbv2", "DescribeLoadBalancers", {{"Names", Json::array({"dev-alb"})}}),
            "LoadBalancerNotFound");
  // Tasks that have to be there, with public addresses.
  config_.target.existing = {
      .vpc = vpc_, .public_subnets = {.ids = public_, .tags = {}}, .load_balancer = balancer_, .database = "postgres"};
  config_.target.http_port = 8080;
  config_.target.https_port = 8443;
  EXPECT_TRUE(
      SharedUp().starts_with(fmt::format("tasks in {} could not pull images: its route table {} has no default "
                                         "route",
                                         public_[0], public_table_)));
}

// Private subnets whose tasks would have no use of an internet gateway.
TEST_F(ExistingTest, PublicSubnetsAreNoPrivateOnes) {
  config_.target.existing.private_subnets.ids = public_;
  EXPECT_TRUE(SharedUp().starts_with(
      fmt::format("tasks in {} could not pull images: its route table {} leads to igw-", public_[0], public_table_)));
}

TEST_F(ExistingTest, AVpcOfOnesOwnIsNotForgotten) {
  const config::Existing existing = config_.target.existing;
  config_.target.existing = {};
  config_.target.http_port = 9080;
  config_.target.https_port = 9443;
  ASSERT_EQ(SharedUp(), "");
  config_.target.existing = existing;
  EXPECT_NE(SharedUp().find("dev has a VPC of its own"), std::string::npos);
}

}  // namespace
}  // namespace adhoc::env
