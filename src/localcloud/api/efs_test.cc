#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "localcloud/files/file_systems.h"
#include "testing/local_api.h"

namespace adhoc::localcloud {
namespace {

namespace fs = std::filesystem;
using testing::LocalApi;

class EfsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    vpc_ = api_.Call("ec2", "CreateVpc", {{"CidrBlock", "10.0.0.0/16"}})["Vpc"]["VpcId"];
    subnet_ = Subnet("10.0.1.0/24");
    id_ = api_.Call("efs", "CreateFileSystem",
                    {{"CreationToken", "media"},
                     {"Tags", Json::array({{{"Key", "Name"}, {"Value", "media of alpha"}}})}})["FileSystemId"];
  }
  std::string Subnet(const std::string& range) {
    return api_.Call("ec2", "CreateSubnet", {{"VpcId", vpc_}, {"CidrBlock", range}})["Subnet"]["SubnetId"];
  }
  std::string Mount() {
    return api_.Call("efs", "CreateMountTarget", {{"FileSystemId", id_}, {"SubnetId", subnet_}})["MountTargetId"];
  }
  Json Described() { return api_.Call("efs", "DescribeFileSystems", {{"FileSystemId", id_}})["FileSystems"][0]; }
  static Json Definition(const Json& efs) {
    return {{"volumes", Json::array({{{"name", "media"}, {"efsVolumeConfiguration", efs}}, {{"name", "scratch"}}})}};
  }
  // The folder of the volume, or why the task can't start.
  std::string Open(const Json& efs) {
    try {
      const auto txn = api_.store().Begin();
      const auto folders = SharedFoldersOf(*txn, api_.cloud().settings, Definition(efs), vpc_);
      EXPECT_EQ(folders.size(), 1u);
      return OpenSharedFolder(api_.cloud().settings, folders.at("media"));
    } catch (const Error& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with("ResourceInitializationError: ")) << error.what();
      return error.what();
    }
  }
  fs::path Root() { return fs::weakly_canonical(FileSystemDirectory(api_.cloud().settings, id_)); }

  LocalApi api_;
  std::string vpc_, subnet_, id_;
};

TEST_F(EfsTest, AFileSystemHasANameMountTargetsAndASize) {
  EXPECT_EQ(Described()["Name"], "media of alpha");
  EXPECT_EQ(Described()["NumberOfMountTargets"], 0);
  Mount();
  EXPECT_EQ(Described()["NumberOfMountTargets"], 1);
  std::ofstream(Open({{"fileSystemId", id_}}) + "/file") << "twelve bytes";
  EXPECT_EQ(Described()["SizeInBytes"]["Value"], 12);
  EXPECT_EQ(api_.ErrorOf("efs", "CreateFileSystem", {{"CreationToken", "media"}}), "FileSystemAlreadyExists");
  EXPECT_EQ(api_.ErrorOf("efs", "DescribeFileSystems", {{"FileSystemId", "fs-00000000"}}), "FileSystemNotFound");
}

TEST_F(EfsTest, AMountTargetHasAnInterfaceAndIsOnePerZone) {
  const std::string target = Mount();
  const Json found = api_.Call("efs", "DescribeMountTargets", {{"FileSystemId", id_}})["MountTargets"][0];
  EXPECT_EQ(found["MountTargetId"], target);
  EXPECT_EQ(api_.Document("ec2.enis", found["NetworkInterfaceId"].get<std::string>())["PrivateIpAddress"],
            found["IpAddress"]);
  EXPECT_EQ(api_.ErrorOf("efs", "CreateMountTarget", {{"FileSystemId", id_}, {"SubnetId", Subnet("10.0.2.0/24")}}),
            "MountTargetConflict");
  EXPECT_EQ(api_.ErrorOf("efs", "CreateMountTarget", {{"FileSystemId", id_}, {"SubnetId", "subnet-00000000000000000"}}),
            "SubnetNotFound");

  EXPECT_EQ(api_.ErrorOf("efs", "DeleteFileSystem", {{"FileSystemId", id_}}), "FileSystemInUse");
  api_.Call("efs", "DeleteMountTarget", {{"MountTargetId", target}});
  EXPECT_TRUE(api_.Document("ec2.enis", found["NetworkInterfaceId"].get<std::string>()).is_null());
  api_.Call("efs", "DeleteFileSystem", {{"FileSystemId", id_}});
  EXPECT_TRUE(api_.Call("efs", "DescribeFileSystems")["FileSystems"].empty());
}

TEST_F(EfsTest, ATaskNeedsAMountTargetInItsVpc) {
  EXPECT_NE(Open({{"fileSystemId", id_}}).find("Failed to resolve"), std::string::npos);
  EXPECT_NE(Open({{"fileSystemId", "fs-00000000"}}).find("fs-00000000.efs.us-east-1"), std::string::npos);
  Mount();
  EXPECT_EQ(Open({{"fileSystemId", id_}}), Root());
}

TEST_F(EfsTest, ARootDirectoryMustBeThere) {
  Mount();
  const Json deep{{"fileSystemId", id_}, {"rootDirectory", "/a/b"}};
  EXPECT_NE(Open(deep).find("No such file or directory"), std::string::npos);
  fs::create_directories(Root() / "a" / "b");
  EXPECT_EQ(Open(deep), Root() / "a" / "b");
}

TEST_F(EfsTest, NothingLeadsOutOfAFileSystem) {
  Mount();
  Open({{"fileSystemId", id_}});
  fs::create_directory_symlink("/etc", Root() / "out");
  fs::create_directory_symlink("..", Root() / "up");
  std::ofstream(Root() / "file") << "x";
  for (const char* path : {"/out", "/up", "/../..", "/out/ssl", "/file", "/a/../.."}) {
    EXPECT_NE(Open({{"fileSystemId", id_}, {"rootDirectory", path}}).find("No such file"), std::string::npos) << path;
  }
}

TEST_F(EfsTest, AnAccessPointMakesItsDirectory) {
  Mount();
  const auto point = [&](const std::string& token, const Json& root) -> std::string {
    return api_.Call("efs", "CreateAccessPoint",
                     {{"ClientToken", token}, {"FileSystemId", id_}, {"RootDirectory", root}})["AccessPointId"];
  };
  const auto efs = [&](const std::string& access_point) -> Json {
    return {{"fileSystemId", id_},
            {"transitEncryption", "ENABLED"},
            {"authorizationConfig", {{"accessPointId", access_point}}}};
  };
  const Json creation{{"OwnerUid", getuid()}, {"OwnerGid", getgid()}, {"Permissions", "0770"}};
  const std::string made = point("1", {{"Path", "/alpha/media"}, {"CreationInfo", creation}});
  EXPECT_EQ(Open(efs(made)), Root() / "alpha" / "media");
  EXPECT_EQ(fs::status(Root() / "alpha" / "media").permissions(), static_cast<fs::perms>(0770));
  EXPECT_NE(Open(efs(point("2", {{"Path", "/none"}}))).find("No such file"), std::string::npos);
  EXPECT_NE(Open(efs("fsap-00000000")).find("no access point"), std::string::npos);
  EXPECT_EQ(api_.ErrorOf("efs", "CreateAccessPoint", {{"ClientToken", "1"}, {"FileSystemId", id_}}),
            "AccessPointAlreadyExists");
  EXPECT_EQ(api_.Call("efs", "DescribeAccessPoints", {{"FileSystemId", id_}})["AccessPoints"].size(), 2u);
}

TEST_F(EfsTest, BytesGoWithTheirFileSystem) {
  FileSystemCleaner cleaner(api_.cloud());
  const std::string target = Mount();
  std::ofstream(Open({{"fileSystemId", id_}}) + "/file") << "x";
  cleaner.Pass();
  EXPECT_TRUE(fs::exists(Root() / "file"));
  const fs::path root = Root();
  api_.Call("efs", "DeleteMountTarget", {{"MountTargetId", target}});
  api_.Call("efs", "DeleteFileSystem", {{"FileSystemId", id_}});
  cleaner.Pass();
  EXPECT_FALSE(fs::exists(root));
}

TEST_F(EfsTest, TagsOfBothKinds) {
  api_.Call("efs", "TagResource",
            {{"ResourceId", id_}, {"Tags", Json::array({{{"Key", "Name"}, {"Value", "other"}}})}});
  EXPECT_EQ(Described()["Name"], "other");
  api_.Call("efs", "UntagResource", {{"ResourceId", id_}, {"TagKeys", {"Name"}}});
  EXPECT_TRUE(api_.Call("efs", "ListTagsForResource", {{"ResourceId", id_}})["Tags"].empty());
  EXPECT_FALSE(Described().contains("Name"));
}

}  // namespace
}  // namespace adhoc::localcloud
