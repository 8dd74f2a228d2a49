#include "env/terraform/hcl.h"

#include <gtest/gtest.h>

namespace adhoc::env {
namespace {

TEST(Hcl, StringsAreNeverTemplates) {
  EXPECT_EQ(ToHcl("a \"b\" \\ ${c} %{d} $e %f\n"), R"("a \"b\" \\ $${c} %%{d} $e %f\n")");
  EXPECT_EQ(ToHcl(std::string("\x01\t")), "\"\\u0001\\t\"");
}

TEST(Hcl, NeighboursAreAlignedAsTerraformDoes) {
  EXPECT_EQ(
      ToHcl(
          {{"a", 1}, {"bcd", true}, {"c", {{"x.y", Json::array({"1", "2"})}}}, {"d", Json()}, {"ee", Json::object()}}),
      "{\n"
      "  a   = 1\n"
      "  bcd = true\n"
      "  c = {\n"
      "    \"x.y\" = [\"1\", \"2\"]\n"
      "  }\n"
      "  d  = null\n"
      "  ee = {}\n"
      "}");
}

TEST(Hcl, LongListsHaveALineForEach) {
  EXPECT_EQ(ToHcl(Json::array({std::string(60, 'x'), std::string(60, 'y')})),
            "[\n  \"" + std::string(60, 'x') + "\",\n  \"" + std::string(60, 'y') + "\",\n]");
}

TEST(Hcl, Imports) {
  EXPECT_EQ(HclImport(HclIndex("module.m.aws_subnet.public", "1"), "subnet-1"),
            "import {\n  to = module.m.aws_subnet.public[\"1\"]\n  id = \"subnet-1\"\n}\n");
}

}  // namespace
}  // namespace adhoc::env
