#include "aws/model/model.h"

#include <gtest/gtest.h>

#include <set>

#include "base/error.h"

namespace adhoc::aws {
namespace {

TEST(ModelTest, ServicesSpeakTheirProtocols) {
  EXPECT_EQ(GetService("ecs").protocol, Protocol::kJson);
  EXPECT_EQ(GetService("ecs").json_version, "1.1");
  EXPECT_EQ(GetService("ecs").target_prefix, "AmazonEC2ContainerServiceV20141113");
  EXPECT_EQ(GetService("dynamodb").json_version, "1.0");
  EXPECT_EQ(GetService("elbv2").protocol, Protocol::kQuery);
  EXPECT_EQ(GetService("elbv2").endpoint_prefix, "elasticloadbalancing");
  EXPECT_EQ(GetService("ec2").protocol, Protocol::kEc2);
  EXPECT_EQ(GetService("route53").protocol, Protocol::kRestXml);
  EXPECT_EQ(GetService("ecr").signing_name, "ecr");
  EXPECT_TRUE(GetService("iam").global);
  EXPECT_FALSE(GetService("s3").global);
}

TEST(ModelTest, AnUnknownServiceIsNull) {
  EXPECT_EQ(FindService("lambda"), nullptr);
  EXPECT_THROW(GetService("lambda"), Error);
  EXPECT_THROW(GetService("ecs").GetOperation("LaunchRocket"), Error);
}

TEST(ModelTest, EveryServiceIsWhole) {
  for (const std::string& name : EmbeddedServices()) {
    const Service& service = GetService(name);
    EXPECT_EQ(service.name, name);
    EXPECT_FALSE(service.operations.empty()) << name;
    EXPECT_FALSE(service.api_version.empty()) << name;
    for (const auto& [operation_name, operation] : service.operations) {
      EXPECT_TRUE(operation.input == nullptr || operation.input->type == ShapeType::kStructure) << operation_name;
      EXPECT_TRUE(operation.output == nullptr || operation.output->type == ShapeType::kStructure) << operation_name;
      for (const Shape* error : operation.errors) EXPECT_TRUE(error->exception) << error->name;
    }
    for (const auto& [shape_name, shape] : service.shapes) {
      EXPECT_EQ(shape_name, shape->name);
      EXPECT_TRUE(shape->type != ShapeType::kList || shape->element.shape != nullptr) << shape_name;
      EXPECT_TRUE(shape->type != ShapeType::kMap || shape->value.shape != nullptr) << shape_name;
      for (const Member& member : shape->members) EXPECT_EQ(shape->FindMember(member.name), &member);
    }
  }
}

// The names of all shapes that a use leads to.
void Collect(const Member& use, std::set<std::string>& names) {
  if (use.shape == nullptr || !names.insert(use.shape->name).second) return;
  for (const Member& member : use.shape->members) Collect(member, names);
  for (const Member* member : {&use.shape->element, &use.shape->key, &use.shape->value}) Collect(*member, names);
}

std::set<std::string> ShapesOf(const Operation& operation) {
  std::set<std::string> names;
  Member use;
  std::vector<const Shape*> roots = operation.errors;
  roots.push_back(operation.input);
  roots.push_back(operation.output);
  for (const Shape* root : roots) {
    use.shape = root;
    Collect(use, names);
  }
  return names;
}

TEST(ModelTest, AServiceForOneOperationHasWhatThatNeedsAndNoMore) {
  for (const std::string& name : EmbeddedServices()) {
    const Service& whole = GetService(name);
    for (const auto& [operation_name, operation] : whole.operations) {
      const Service& part = GetServiceFor(name, operation_name);
      ASSERT_EQ(part.operations.size(), 1u) << operation_name;
      EXPECT_EQ(part.protocol, whole.protocol);
      EXPECT_EQ(part.paginators.contains(operation_name), whole.paginators.contains(operation_name));
      const std::set<std::string> wanted = ShapesOf(operation);
      EXPECT_EQ(ShapesOf(part.GetOperation(operation_name)), wanted) << name << " " << operation_name;
      EXPECT_EQ(part.shapes.size(), wanted.size()) << name << " " << operation_name;
      for (const auto& [shape_name, shape] : part.shapes) {
        EXPECT_EQ(shape->type, whole.shapes.at(shape_name)->type);
        EXPECT_EQ(shape->members.size(), whole.shapes.at(shape_name)->members.size()) << shape_name;
      }
    }
  }
  EXPECT_THROW(GetServiceFor("lambda", "Invoke"), Error);
  EXPECT_THROW(GetServiceFor("ecs", "LaunchRocket"), Error);
}

TEST(ModelTest, AServiceForOneOperationKnowsTheErrorsOfTheOthers) {
  const Service& part = GetServiceFor("elbv2", "DescribeLoadBalancers");
  const Shape* error = part.FindError("PriorityInUse");
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->name, "PriorityInUseException");
}

TEST(ModelTest, MembersKeepTheOrderOfTheModel) {
  const Shape& record = *GetService("route53").shapes.at("ResourceRecordSet");
  ASSERT_GE(record.members.size(), 3u);
  EXPECT_EQ(record.members[0].name, "Name");
  EXPECT_EQ(record.members[1].name, "Type");
  EXPECT_EQ(record.members[2].name, "SetIdentifier");
}

TEST(ModelTest, TraitsOfAShapeCountForItsUses) {
  const Shape& tag_set = *GetService("route53").shapes.at("ChangeBatch");
  EXPECT_TRUE(tag_set.FindMember("Changes")->required);
  const Member* rules = GetService("s3").shapes.at("CORSConfiguration")->FindMember("CORSRules");
  ASSERT_NE(rules, nullptr);
  EXPECT_TRUE(rules->flattened);
  EXPECT_EQ(rules->wire_name(), "CORSRule");
}

TEST(ModelTest, UrisAreTakenApart) {
  const Operation& list = GetService("s3").GetOperation("ListObjectsV2");
  ASSERT_EQ(list.path.size(), 1u);
  EXPECT_TRUE(list.path[0].label);
  ASSERT_EQ(list.query.size(), 1u);
  EXPECT_EQ(list.query[0].first, "list-type");
  EXPECT_EQ(list.query[0].second, "2");
  EXPECT_TRUE(GetService("s3").GetOperation("PutObject").path[1].greedy);
  EXPECT_EQ(GetService("route53").GetOperation("ChangeResourceRecordSets").path.size(), 4u);
}

TEST(ModelTest, ErrorsAreFoundByTheirWireCode) {
  const Service& elbv2 = GetService("elbv2");
  const Shape* error = elbv2.FindError("PriorityInUse");
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->name, "PriorityInUseException");
  EXPECT_EQ(error->error_status, 400);
  EXPECT_EQ(GetService("ecs").FindError("ClusterNotFoundException")->name, "ClusterNotFoundException");
  EXPECT_EQ(elbv2.FindError("NoSuchThing"), nullptr);
}

TEST(ModelTest, TheOverlayAddsWhatIsNewer) {
  const Service& ecs = GetService("ecs");
  EXPECT_NE(ecs.FindOperation("DeleteTaskDefinitions"), nullptr);
  EXPECT_NE(ecs.GetOperation("RunTask").input->FindMember("clientToken"), nullptr);
  const Shape& rds = *GetService("rds").GetOperation("CreateDBInstance").input;
  EXPECT_NE(rds.FindMember("ManageMasterUserPassword"), nullptr);
  const Member* if_none_match = GetService("s3").GetOperation("PutObject").input->FindMember("IfNoneMatch");
  ASSERT_NE(if_none_match, nullptr);
  EXPECT_EQ(if_none_match->location, Location::kHeader);
  EXPECT_EQ(if_none_match->wire_name(), "If-None-Match");
  // Names that a group may be asked for by instead made this one optional.
  EXPECT_FALSE(GetService("logs").GetOperation("GetLogEvents").input->FindMember("logGroupName")->required);
}

TEST(ModelTest, WaitersAndPaginatorsComeAlong) {
  const Waiter& stable = GetService("ecs").waiters.at("ServicesStable");
  EXPECT_EQ(stable.operation, "DescribeServices");
  EXPECT_EQ(stable.delay_seconds, 15);
  EXPECT_EQ(stable.max_attempts, 40);
  EXPECT_FALSE(stable.acceptors.empty());
  const Paginator& pages = GetService("elbv2").paginators.at("DescribeRules");
  EXPECT_EQ(pages.input_token, std::vector<std::string>{"Marker"});
  EXPECT_EQ(pages.output_token, std::vector<std::string>{"NextMarker"});
  EXPECT_EQ(pages.result_keys, std::vector<std::string>{"Rules"});
}

TEST(ModelTest, OperationsAreKnownWithoutParsing) {
  EXPECT_TRUE(HasOperation("ecs", "CreateCluster"));
  EXPECT_FALSE(HasOperation("ecs", "Create"));
  EXPECT_FALSE(HasOperation("lambda", "Invoke"));
  for (const std::string& name : EmbeddedServices()) {
    for (const auto& [operation, description] : GetService(name).operations) EXPECT_TRUE(HasOperation(name, operation));
  }
}

TEST(ModelTest, SummariesAgreeWithTheModels) {
  ASSERT_EQ(EmbeddedServiceSummaries().size(), EmbeddedServices().size());
  for (const ServiceSummary& summary : EmbeddedServiceSummaries()) {
    const Service& service = GetService(summary.name);
    EXPECT_EQ(summary.target_prefix, service.target_prefix);
    EXPECT_EQ(summary.signing_name, service.signing_name);
    EXPECT_EQ(summary.endpoint_prefix, service.endpoint_prefix);
    EXPECT_EQ(summary.api_version, service.api_version);
  }
}

}  // namespace
}  // namespace adhoc::aws
