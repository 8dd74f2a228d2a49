#include "localcloud/network/ipv4.h"

#include <gtest/gtest.h>

namespace adhoc::localcloud {
namespace {

TEST(Ipv4Range, ParsesAndFormats) {
  EXPECT_EQ(Ipv4Range::Parse("10.1.0.0/16")->ToString(), "10.1.0.0/16");
  EXPECT_EQ(Ipv4Range::Parse("10.1.2.3/16")->ToString(), "10.1.0.0/16");
  EXPECT_EQ(Ipv4Range::Parse("0.0.0.0/0")->ToString(), "0.0.0.0/0");
  for (const char* bad :
       {"", "10.0.0.0", "10.0.0/16", "10.0.0.0/33", "10.0.0.256/8", "10.0.0.0.0/8", "a.b.c.d/8", "10.0.0.0/"}) {
    EXPECT_FALSE(Ipv4Range::Parse(bad)) << bad;
  }
}

TEST(Ipv4Range, KnowsWhatItHolds) {
  const Ipv4Range vpc = *Ipv4Range::Parse("10.0.0.0/16");
  EXPECT_TRUE(vpc.Contains(*Ipv4Range::Parse("10.0.3.0/24")));
  EXPECT_FALSE(vpc.Contains(*Ipv4Range::Parse("10.1.3.0/24")));
  EXPECT_FALSE(vpc.Contains(*Ipv4Range::Parse("10.0.0.0/8")));
  EXPECT_TRUE(vpc.Overlaps(*Ipv4Range::Parse("10.0.0.0/8")));
  EXPECT_FALSE(vpc.Overlaps(*Ipv4Range::Parse("10.1.0.0/16")));
  EXPECT_TRUE(vpc.Contains(*ParseIpv4("10.0.255.255")));
  EXPECT_FALSE(vpc.Contains(*ParseIpv4("10.1.0.0")));
}

}  // namespace
}  // namespace adhoc::localcloud
