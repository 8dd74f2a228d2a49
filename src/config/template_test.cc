#include "config/template.h"

#include <gtest/gtest.h>

namespace adhoc::config {
namespace {

using Kind = Reference::Kind;

TEST(Template, JoinsLiteralsAndDropsEmptyOnes) {
  const Template text(std::vector<Template::Part>{"a", "", "b", Reference{Kind::kDatabaseHost, "", {}}, "", "c"});
  ASSERT_EQ(text.parts().size(), 3U);
  EXPECT_EQ(text.ToString(), "ab${database.host}c");
  EXPECT_FALSE(text.IsLiteral());
  EXPECT_EQ(text, Template(std::vector<Template::Part>{"ab", Reference{Kind::kDatabaseHost, "", {}}, "c"}));
}

TEST(Template, LiteralsNeedNoLookup) {
  const auto fail = [](const Reference&) -> std::string { throw std::logic_error("not a reference"); };
  EXPECT_EQ(Template("x").Resolve(fail), "x");
  EXPECT_EQ(Template().Resolve(fail), "");
  EXPECT_TRUE(Template().IsLiteral());
  EXPECT_TRUE(Template("x").IsLiteral());
}

TEST(Template, AsksForEachReference) {
  const Template text(std::vector<Template::Part>{"redis://", Reference{Kind::kServiceAddress, "redis", {}}, ":6379/",
                                                  Reference{Kind::kBucketName, "", {}}});
  const std::string resolved = text.Resolve([](const Reference& reference) {
    return reference.kind == Kind::kServiceAddress ? reference.name + ".internal" : "b";
  });
  EXPECT_EQ(resolved, "redis://redis.internal:6379/b");
  ASSERT_EQ(text.References().size(), 2U);
  EXPECT_EQ(text.References()[0].ToString(), "${redis.address}");
}

TEST(Reference, IsWrittenAsInTheDefinition) {
  EXPECT_EQ((Reference{Kind::kDatabasePassword, "", {}}).ToString(), "${database.password}");
  EXPECT_EQ((Reference{Kind::kSecret, "KEY", {}}).ToString(), "${secrets.KEY}");
  EXPECT_EQ((Reference{Kind::kImage, "backend", {}}).ToString(), "${image.backend}");
  EXPECT_EQ((Reference{Kind::kBucketUrl, "", {}}).ToString(), "${bucket.url}");
}

}  // namespace
}  // namespace adhoc::config
