#include "localcloud/runtime/image_archive.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/json.h"
#include "base/process.h"
#include "testing/temporary_folder.h"

namespace adhoc::localcloud {
namespace {

TEST(ImageArchiveTest, IsWhatTarReads) {
  const testing::TemporaryFolder folder;
  const std::filesystem::path root = folder.path();
  const std::string layer(1000, 'x');
  std::ofstream(root / "layer") << layer;
  WriteImageArchive({.reference = "r.example/web:v1",
                     .config = R"({"os":"linux"})",
                     .config_digest = "sha256:abc",
                     .layers = {root / "layer"}},
                    root / "image.tar");
  const auto read = [&](const std::string& name) {
    return RunProcess({"tar", "--extract", "--to-stdout", "--file", root / "image.tar", name}).out;
  };
  EXPECT_EQ(RunProcess({"tar", "--list", "--file", root / "image.tar"}).out, "manifest.json\nabc.json\n0/layer.tar\n");
  EXPECT_EQ(Json::parse(read("manifest.json")), Json::array({{{"Config", "abc.json"},
                                                              {"RepoTags", Json::array({"r.example/web:v1"})},
                                                              {"Layers", Json::array({"0/layer.tar"})}}}));
  EXPECT_EQ(read("abc.json"), R"({"os":"linux"})");
  EXPECT_EQ(read("0/layer.tar"), layer);
}

TEST(ImageArchiveTest, ALayerThatIsMissingIsAnError) {
  const testing::TemporaryFolder folder;
  const std::filesystem::path root = folder.path();
  EXPECT_THROW(WriteImageArchive(
                   {.reference = "web:v1", .config = "{}", .config_digest = "sha256:abc", .layers = {root / "nowhere"}},
                   root / "image.tar"),
               Error);
}

}  // namespace
}  // namespace adhoc::localcloud
