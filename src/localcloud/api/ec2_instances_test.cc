#include <gtest/gtest.h>

#include "localcloud/api/ec2_catalog.h"
#include "localcloud/instances/documents.h"
#include "testing/local_api.h"

namespace adhoc::localcloud {
namespace {

Json By(const std::string& name, const std::string& value) {
  return {{"Filters", Json::array({{{"Name", name}, {"Values", Json::array({value})}}})}};
}

// Handlers only: no controller makes what they write true.
struct Instances : ::testing::Test {
  testing::LocalApi api;

  std::string Image(const std::string& name) {
    return api.Call("ec2", "DescribeImages", By("name", name))["Images"].at(0)["ImageId"];
  }
  Json Request(const std::string& type = "t4g.nano", const std::string& image = "al2023-ami-2023.*-arm64") {
    return {{"ImageId", Image(image)}, {"InstanceType", type}, {"MinCount", 1}, {"MaxCount", 1}};
  }
  Json Launch(const Json& further = Json::object()) {
    Json input = Request();
    input.update(further);
    return api.Call("ec2", "RunInstances", input)["Instances"][0];
  }
  void SetState(const std::string& id, const std::string& state) {
    const auto txn = api.store().Begin();
    ec2::SetState(txn->Edit(ec2::kInstances, id), state);
    txn->Commit();
  }
  void MakeProfile() {
    api.Call("iam", "CreateRole",
             {{"RoleName", "bastion"}, {"AssumeRolePolicyDocument", R"({"Statement":[],"Version":"2012-10-17"})"}});
    api.Call("iam", "CreateInstanceProfile", {{"InstanceProfileName", "bastion"}});
  }
};

TEST_F(Instances, ImagesAreFoundByNameOwnerAndPublicParameter) {
  const Json images = api.Call("ec2", "DescribeImages", {{"Owners", {"amazon"}}})["Images"];
  ASSERT_FALSE(images.empty());
  for (const auto& image : images) EXPECT_EQ(image["ImageOwnerAlias"], "amazon");
  EXPECT_TRUE(api.Call("ec2", "DescribeImages", {{"Owners", {"self"}}})["Images"].empty());
  const std::string parameter = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64";
  const Json found = api.Call("ssm", "GetParameter", {{"Name", parameter}})["Parameter"];
  EXPECT_EQ(found["Value"], Image("al2023-ami-2023.*-arm64"));
  EXPECT_EQ(found["ARN"], "arn:aws:ssm:us-east-1::parameter" + parameter);
  const Json below =
      api.Call("ssm", "GetParametersByPath", {{"Path", "/aws/service/ami-amazon-linux-latest"}})["Parameters"];
  EXPECT_EQ(below.size(), 10u);
  EXPECT_TRUE(api.Call("ssm", "DescribeParameters")["Parameters"].empty());
  EXPECT_EQ(api.ErrorOf("ssm", "PutParameter", {{"Name", parameter}, {"Value", "x"}, {"Type", "String"}}),
            "AccessDeniedException");
  EXPECT_EQ(api.ErrorOf("ec2", "DescribeImages", {{"ImageIds", {"ami-0"}}}), "InvalidAMIID.NotFound");
}

TEST_F(Instances, AnInstanceHasAnInterfaceAndAVolume) {
  const Json instance = Launch({{"TagSpecifications",
                                 {{{"ResourceType", "instance"}, {"Tags", {{{"Key", "Name"}, {"Value", "bastion"}}}}},
                                  {{"ResourceType", "volume"}, {"Tags", {{{"Key", "Name"}, {"Value", "disk"}}}}}}}});
  EXPECT_EQ(instance["State"]["Name"], "pending");
  const std::string id = instance["InstanceId"];
  const Json interfaces = api.Call("ec2", "DescribeNetworkInterfaces", By("attachment.instance-id", id));
  ASSERT_EQ(interfaces["NetworkInterfaces"].size(), 1u);
  EXPECT_EQ(interfaces["NetworkInterfaces"][0]["PrivateIpAddress"], instance["PrivateIpAddress"]);
  EXPECT_EQ(instance["NetworkInterfaces"][0]["Attachment"]["DeviceIndex"], 0);
  EXPECT_TRUE(instance.contains("PublicIpAddress"));  // the default subnets give one
  const Json volumes = api.Call("ec2", "DescribeVolumes", By("attachment.instance-id", id))["Volumes"];
  ASSERT_EQ(volumes.size(), 1u);
  EXPECT_EQ(volumes[0]["Iops"], 3000);
  EXPECT_EQ(volumes[0]["Tags"][0]["Value"], "disk");
  EXPECT_EQ(api.ErrorOf("ec2", "DeleteVolume", {{"VolumeId", volumes[0]["VolumeId"]}}), "VolumeInUse");
  EXPECT_EQ(api.Call("ec2", "DescribeInstances", By("tag:Name", "bastion"))["Reservations"].size(), 1u);
  EXPECT_TRUE(api.Call("ec2", "DescribeInstances", By("instance-state-name", "running"))["Reservations"].empty());
}

TEST_F(Instances, WhatDoesNotFitIsRefused) {
  EXPECT_EQ(api.ErrorOf("ec2", "RunInstances", Request("t3.micro")), "InvalidParameterValue");
  Json input = Request();
  input["KeyName"] = "mine";
  EXPECT_EQ(api.ErrorOf("ec2", "RunInstances", input), "InvalidKeyPair.NotFound");
  input = Request();
  input["IamInstanceProfile"] = {{"Name", "bastion"}};
  EXPECT_EQ(api.ErrorOf("ec2", "RunInstances", input), "InvalidParameterValue");
  MakeProfile();
  EXPECT_EQ(api.ErrorOf("ec2", "RunInstances", input), "InvalidParameterValue");  // no role in it yet
  input = Request();
  input["UserData"] = "?";
  EXPECT_EQ(api.ErrorOf("ec2", "RunInstances", input), "InvalidParameterValue");
  EXPECT_TRUE(api.Call("ec2", "DescribeInstances")["Reservations"].empty());
  EXPECT_EQ(api.ErrorOf("ec2", "DescribeInstances", {{"InstanceIds", {"i-1", "i-2"}}}), "InvalidInstanceID.NotFound");
  EXPECT_EQ(api.ErrorOf("ec2", "DescribeInstances", {{"InstanceIds", {"bastion"}}}), "InvalidInstanceID.Malformed");
}

TEST_F(Instances, StatesChangeFromWhereTheyMay) {
  const std::string id = Launch()["InstanceId"];
  const Json one{{"InstanceIds", Json::array({id})}};
  EXPECT_EQ(api.ErrorOf("ec2", "StopInstances", one), "IncorrectInstanceState");  // pending
  SetState(id, "running");
  const Json changed = api.Call("ec2", "StopInstances", one)["StoppingInstances"][0];
  EXPECT_EQ(changed["PreviousState"]["Name"], "running");
  EXPECT_EQ(changed["CurrentState"]["Code"], 64);
  EXPECT_EQ(api.ErrorOf("ec2", "StartInstances", one), "IncorrectInstanceState");
  SetState(id, "stopped");
  EXPECT_EQ(api.ErrorOf("ec2", "RebootInstances", one), "IncorrectInstanceState");
  api.Call("ec2", "ModifyInstanceAttribute", {{"InstanceId", id}, {"DisableApiTermination", {{"Value", true}}}});
  EXPECT_EQ(api.ErrorOf("ec2", "TerminateInstances", one), "OperationNotPermitted");
  api.Call("ec2", "ModifyInstanceAttribute", {{"InstanceId", id}, {"DisableApiTermination", {{"Value", false}}}});
  EXPECT_EQ(api.Call("ec2", "TerminateInstances", one)["TerminatingInstances"][0]["CurrentState"]["Name"],
            "shutting-down");
}

TEST_F(Instances, AttributesAreReadBack) {
  const std::string id = Launch({{"UserData", "IyEvYmluL3NoCg=="}})["InstanceId"];
  const auto read = [&](const char* attribute) {
    return api.Call("ec2", "DescribeInstanceAttribute", {{"InstanceId", id}, {"Attribute", attribute}});
  };
  EXPECT_EQ(read("userData")["UserData"]["Value"], "IyEvYmluL3NoCg==");
  EXPECT_EQ(read("disableApiStop")["DisableApiStop"]["Value"], false);
  EXPECT_EQ(read("instanceInitiatedShutdownBehavior")["InstanceInitiatedShutdownBehavior"]["Value"], "stop");
  const Json user_data{{"InstanceId", id}, {"UserData", {{"Value", "#!/bin/sh\n"}}}};
  EXPECT_EQ(api.ErrorOf("ec2", "ModifyInstanceAttribute", user_data), "IncorrectInstanceState");
  SetState(id, "stopped");
  api.Call("ec2", "ModifyInstanceAttribute", {{"InstanceId", id}, {"InstanceType", {{"Value", "t4g.micro"}}}});
  EXPECT_EQ(read("instanceType")["InstanceType"]["Value"], "t4g.micro");
  const Json credits =
      api.Call("ec2", "DescribeInstanceCreditSpecifications", {{"InstanceIds", {id}}})["InstanceCreditSpecifications"];
  EXPECT_EQ(credits[0]["CpuCredits"], "unlimited");
}

TEST_F(Instances, AProfileIsAssociatedAndMakesTheAgentConnected) {
  const std::string id = Launch()["InstanceId"];
  SetState(id, "running");
  MakeProfile();
  api.Call("iam", "AddRoleToInstanceProfile", {{"InstanceProfileName", "bastion"}, {"RoleName", "bastion"}});
  EXPECT_TRUE(api.Call("ssm", "DescribeInstanceInformation")["InstanceInformationList"].empty());
  EXPECT_EQ(api.ErrorOf("ssm", "StartSession", {{"Target", id}}), "TargetNotConnected");
  const Json made = api.Call("ec2", "AssociateIamInstanceProfile",
                             {{"InstanceId", id}, {"IamInstanceProfile", {{"Name", "bastion"}}}});
  EXPECT_EQ(api.ErrorOf("ec2", "AssociateIamInstanceProfile",
                        {{"InstanceId", id}, {"IamInstanceProfile", {{"Name", "bastion"}}}}),
            "IncorrectState");
  const Json connected =
      api.Call("ssm", "DescribeInstanceInformation",
               {{"Filters", {{{"Key", "InstanceIds"}, {"Values", {id}}}}}})["InstanceInformationList"];
  ASSERT_EQ(connected.size(), 1u);
  EXPECT_EQ(connected[0]["PingStatus"], "Online");
  EXPECT_EQ(api.Call("ssm", "GetConnectionStatus", {{"Target", id}})["Status"], "connected");
  const std::string session = api.Call("ssm", "StartSession", {{"Target", id}})["SessionId"];
  EXPECT_EQ(api.Document("ssm.sessions", session)["_machine"], id);
  const std::string association = made["IamInstanceProfileAssociation"]["AssociationId"];
  EXPECT_EQ(api.Call("ec2", "DescribeIamInstanceProfileAssociations",
                     By("instance-id", id))["IamInstanceProfileAssociations"][0]["AssociationId"],
            association);
  api.Call("ec2", "DisassociateIamInstanceProfile", {{"AssociationId", association}});
  EXPECT_TRUE(api.Call("ec2", "DescribeIamInstanceProfileAssociations")["IamInstanceProfileAssociations"].empty());
}

TEST_F(Instances, KeyPairsAreMadeOnceAndImported) {
  const Json made = api.Call("ec2", "CreateKeyPair", {{"KeyName", "mine"}, {"KeyType", "ed25519"}});
  EXPECT_NE(made["KeyMaterial"].get<std::string>().find("OPENSSH PRIVATE KEY"), std::string::npos);
  EXPECT_EQ(api.ErrorOf("ec2", "CreateKeyPair", {{"KeyName", "mine"}}), "InvalidKeyPair.Duplicate");
  const Json shown =
      api.Call("ec2", "DescribeKeyPairs", {{"KeyNames", {"mine"}}, {"IncludePublicKey", true}})["KeyPairs"][0];
  EXPECT_EQ(shown["KeyFingerprint"], made["KeyFingerprint"]);
  const Json imported =
      api.Call("ec2", "ImportKeyPair", {{"KeyName", "other"}, {"PublicKeyMaterial", shown["PublicKey"]}});
  EXPECT_EQ(imported["KeyFingerprint"], made["KeyFingerprint"]);
  EXPECT_EQ(api.ErrorOf("ec2", "ImportKeyPair", {{"KeyName", "third"}, {"PublicKeyMaterial", "?"}}),
            "InvalidKey.Format");
  api.Call("ec2", "DeleteKeyPair", {{"KeyName", "mine"}});
  api.Call("ec2", "DeleteKeyPair", {{"KeyName", "mine"}});
  EXPECT_EQ(api.ErrorOf("ec2", "DescribeKeyPairs", {{"KeyNames", {"mine"}}}), "InvalidKeyPair.NotFound");
}

TEST(Catalog, EveryPublicParameterNamesAnImage) {
  for (const auto& [name, id] : ec2::ImageParameters()) EXPECT_NE(ec2::FindImage(id), nullptr) << name;
}

}  // namespace
}  // namespace adhoc::localcloud
