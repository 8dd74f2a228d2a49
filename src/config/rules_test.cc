#include "config/rules.h"

#include <gtest/gtest.h>

namespace adhoc::config {
namespace {

TEST(Rules, Names) {
  for (const char* name : {"a", "alpha", "feature-abc-12", "a1"}) EXPECT_EQ(NameProblem(name, 21), "") << name;
  for (const char* name : {"", "Alpha", "1a", "-a", "a-", "a--b", "a_b", "a b", "é", "a.b", "aaaaaaaaaaaaaaaaaaaaaa"}) {
    EXPECT_NE(NameProblem(name, 21), "") << name;
  }
  EXPECT_EQ(NameProblem("a_b", 21), "it may have only lower-case letters, digits and hyphens, and has `_`");
}

TEST(Rules, FargateSizes) {
  struct Size {
    int cpu, memory;
  };
  for (const Size size : {Size{256, 512}, Size{256, 2048}, Size{512, 4096}, Size{1024, 8192}, Size{2048, 4096},
                          Size{4096, 30720}, Size{8192, 20480}, Size{16384, 122880}}) {
    EXPECT_EQ(FargateProblem(size.cpu, size.memory), "") << size.cpu << " " << size.memory;
  }
  for (const Size size : {Size{256, 4096}, Size{256, 768}, Size{512, 512}, Size{1024, 1024}, Size{2048, 3072},
                          Size{8192, 17408}, Size{300, 512}, Size{0, 0}}) {
    EXPECT_NE(FargateProblem(size.cpu, size.memory), "") << size.cpu << " " << size.memory;
  }
  EXPECT_EQ(FargateProblem(256, 4096), "with 256 CPU units Fargate has 512, 1024, 2048 MiB of memory, not 4096");
  EXPECT_EQ(FargateProblem(1024, 512),
            "with 1024 CPU units Fargate has 2048 to 8192 MiB of memory in steps of 1024, not 512");
  EXPECT_EQ(SmallestFargateCpu(512), 256);
  EXPECT_EQ(SmallestFargateCpu(4096), 512);
  EXPECT_EQ(SmallestFargateCpu(600), 0);
}

TEST(Rules, PathPatterns) {
  for (const char* pattern : {"/", "/*", "/api/*", "/graphql*", "/a?c", "/~user/$x/@:+&\"'"}) {
    EXPECT_EQ(PathPatternProblem(pattern), "") << pattern;
  }
  for (const char* pattern : {"", "api/*", "/*/*/*/?/?/?", "/a b", "/{id}", "/é", "/a%20b", "/a#b"})
    EXPECT_NE(PathPatternProblem(pattern), "") << pattern;
  EXPECT_EQ(PathPatternProblem("/" + std::string(127, 'a')), "");
  EXPECT_NE(PathPatternProblem("/" + std::string(128, 'a')), "");
}

TEST(Rules, Matchers) {
  for (const char* matcher : {"200", "200,302", "200-299", "200-299,404"})
    EXPECT_EQ(MatcherProblem(matcher), "") << matcher;
  for (const char* matcher : {"", "ok", "100", "500", "200-", "299-200", "200,,201", "200-210-220", "2000"}) {
    EXPECT_NE(MatcherProblem(matcher), "") << matcher;
  }
}

TEST(Rules, ImagesAndTags) {
  for (const char* uri : {"public.ecr.aws/docker/library/redis:7", "localhost/adhoc/redis:7", "localhost:5000/a",
                          "redis:7", "a.b/c@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}) {
    EXPECT_EQ(ImageUriProblem(uri), "") << uri;
  }
  for (const char* uri : {"", "a b", "redis:", "redis:-x", ":7", "x@sha256:12", "x@md5:1", "a/", "https://é"}) {
    EXPECT_NE(ImageUriProblem(uri), "") << uri;
  }
  for (const char* tag : {"v1.0.0", "_x", "latest", "1"}) EXPECT_EQ(TagProblem(tag), "") << tag;
  for (const char* tag : {"", ".x", "-x", "a/b", "a b"}) EXPECT_NE(TagProblem(tag), "") << tag;
  for (const char* name : {"backend", "team/app-1", "a.b_c"}) EXPECT_EQ(RepositoryProblem(name), "") << name;
  for (const char* name : {"", "a", "Backend", "a//b", "-ab", "ab-", "a b"})
    EXPECT_NE(RepositoryProblem(name), "") << name;
}

TEST(Rules, DomainsAndNetworks) {
  for (const char* domain : {"localhost", "dev.example.com", "a-b.example"})
    EXPECT_EQ(DomainProblem(domain), "") << domain;
  for (const char* domain : {"", "Dev.example.com", "a..b", ".a", "a.", "a_b.com", "-a.com", "10.0.0.1"}) {
    EXPECT_NE(DomainProblem(domain), "") << domain;
  }
  EXPECT_EQ(CidrProblem("10.0.0.0/16", 16, 24), "");
  EXPECT_EQ(CidrProblem("0.0.0.0/0", 0, 32), "");
  EXPECT_EQ(CidrProblem("10.1.2.3/16", 0, 32), "its address has bits beyond the prefix: the network is 10.1.0.0/16");
  for (const char* cidr : {"", "10.0.0.0", "10.0.0/16", "10.0.0.256/16", "10.0.0.0/33", "a.b.c.d/8", "10.0.0.0/8x"}) {
    EXPECT_NE(CidrProblem(cidr, 0, 32), "") << cidr;
  }
  EXPECT_NE(CidrProblem("10.0.0.0/8", 16, 24), "");
}

TEST(Rules, VariableNames) {
  for (const char* name : {"A", "_a", "DJANGO_SECRET_KEY", "a1"}) EXPECT_EQ(VariableNameProblem(name), "") << name;
  for (const char* name : {"", "1A", "A-B", "A B", "A=B"}) EXPECT_NE(VariableNameProblem(name), "") << name;
}

}  // namespace
}  // namespace adhoc::config
