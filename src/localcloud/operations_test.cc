#include "localcloud/operations.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace adhoc::localcloud {
namespace {

// With ADHOC_ACCEPT set, the page is written instead of compared.
TEST(OperationsTest, ThePageIsUpToDate) {
  const std::string path = ADHOC_SOURCE_DIR "/docs/reference/local-cloud.md";
  const std::string page = AllOperationsPage();
  if (std::getenv("ADHOC_ACCEPT") != nullptr) {
    std::ofstream(path) << page;
    GTEST_SKIP() << "accepted as " << path;
  }
  std::ifstream file(path);
  const std::string written{std::istreambuf_iterator<char>(file), {}};
  EXPECT_TRUE(page == written) << path
                               << " is stale: adhoc local operations --markdown > docs/reference/local-cloud.md";
}

TEST(OperationsTest, AreListedWithTheirEffectInOrder) {
  Api api;
  const auto handler = [](Call&) { return Json::object(); };
  api.On("ecs", "RunTask", handler);
  api.On("ec2", "CreateRoute", handler, Effect::kRecorded);
  api.On("ec2", "CreateVpc", handler);
  EXPECT_EQ(ListOperations(api),
            Json::array({{{"service", "ec2"}, {"operation", "CreateRoute"}, {"effect", "recorded"}},
                         {{"service", "ec2"}, {"operation", "CreateVpc"}, {"effect", "real"}},
                         {{"service", "ecs"}, {"operation", "RunTask"}, {"effect", "real"}}}));
  const std::string page = OperationsPage(api);
  EXPECT_NE(
      page.find("\n## ec2\n\n| operation | |\n| --- | --- |\n| `CreateRoute` | recorded |\n| `CreateVpc` | real |\n"
                "\n## ecs\n"),
      std::string::npos)
      << page;
}

TEST(OperationsTest, WhatOnlyReadsIsNeverJustRecorded) {
  int recorded = 0;
  for (const Json& one : ListAllOperations()) {
    const std::string operation = one["operation"];
    if (one["effect"] == "real") continue;
    ++recorded;
    for (const char* reading : {"Describe", "List", "Get", "Head"}) {
      EXPECT_FALSE(operation.starts_with(reading)) << one;
    }
  }
  EXPECT_GT(recorded, 50);
}

}  // namespace
}  // namespace adhoc::localcloud
