#include "localcloud/names/answer.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "localcloud/names/record_data.h"
#include "testing/fake_random.h"

namespace adhoc::localcloud {
namespace {

net::DnsName Name(std::string_view text) { return *net::ParseDnsName(text); }

// A zone from lines `name TTL type value`; `ALIAS type name` in place of type and value.
Zone MakeZone(std::string_view name, const std::string& lines, std::set<std::string> vpcs = {}) {
  Zone zone{.name = Name(name), .is_private = !vpcs.empty(), .vpcs = std::move(vpcs)};
  std::istringstream stream(lines + "\n" + std::string(name) + " 900 SOA ns.aws. me.aws. 1 7200 900 1209600 60\n" +
                            std::string(name) + " 900 NS ns.aws.\n");
  for (std::string line; std::getline(stream, line);) {
    std::istringstream words(line);
    std::string at;
    std::uint32_t ttl = 0;
    std::string type;
    if (!(words >> at >> ttl >> type)) continue;
    const bool alias = type == "ALIAS";
    if (alias) words >> type;
    std::string value;
    std::getline(words >> std::ws, value);
    RecordSet set{.type = *RecordType(type), .ttl = ttl};
    if (alias) {
      set.alias = Name(value);
    } else {
      set.data = {*RecordData(set.type, value)};
    }
    zone.Add(Name(at), set);
  }
  return zone;
}

std::string Text(const net::DnsRecord& record) {
  std::string value;
  if (record.type == net::kDnsA) {
    char text[INET_ADDRSTRLEN];
    value = ::inet_ntop(AF_INET, record.data.data(), text, sizeof text);
  } else if (const auto name = net::ParseDnsNameData(record.data)) {
    value = net::DnsKey(*name);
  } else {
    value = record.type == net::kDnsSoa ? "SOA" : fmt::format("{} bytes", record.data.size());
  }
  return fmt::format("{} {} {}", net::DnsKey(record.name), record.ttl, value);
}

struct AnswerTest : ::testing::Test {
  testing::FakeRandom random;
  Zones zones;

  // `www.example.com. 300 192.0.2.1; …`, with `NXDOMAIN` in front and ` | ` before the authority section; `-` for a
  // name that is none of ours, `→ name` at the end for one that it led to.
  std::string Ask(std::string_view name, const char* type = "A", std::string_view vpc = "") {
    const auto answered =
        AnswerQuestion({.name = Name(name), .type = RecordType(type).value_or(net::kDnsAny)}, zones, vpc, random);
    if (!answered) return "-";
    std::vector<std::string> answers;
    for (const auto& record : answered->reply.answers) answers.push_back(Text(record));
    std::vector<std::string> authorities;
    for (const auto& record : answered->reply.authorities) authorities.push_back(Text(record));
    std::string text = answered->reply.code == net::kDnsNoError      ? ""
                       : answered->reply.code == net::kDnsNoSuchName ? "NXDOMAIN "
                                                                     : "SERVFAIL ";
    text += fmt::format("{}", fmt::join(answers, "; "));
    if (!authorities.empty()) text += fmt::format(" | {}", fmt::join(authorities, "; "));
    if (answered->is_referral) text += " (referral)";
    if (answered->elsewhere) text += " → " + net::DnsKey(*answered->elsewhere);
    return text;
  }
};

TEST_F(AnswerTest, RecordsNothingsAndNoSuchNames) {
  zones.zones = {MakeZone("example.com",
                          "www.example.com 300 A 192.0.2.1\n"
                          "example.com 300 MX 10 mail.example.com\n"
                          "a.b.example.com 300 TXT \"x\"\n")};
  EXPECT_EQ(Ask("www.example.com"), "www.example.com. 300 192.0.2.1");
  EXPECT_EQ(Ask("WWW.Example.COM"), "www.example.com. 300 192.0.2.1");
  EXPECT_EQ(Ask("www.example.com", "AAAA"), " | example.com. 60 SOA");
  EXPECT_EQ(Ask("b.example.com"), " | example.com. 60 SOA");  // there are names below it
  EXPECT_EQ(Ask("no.example.com"), "NXDOMAIN  | example.com. 60 SOA");
  EXPECT_EQ(Ask("x.www.example.com"), "NXDOMAIN  | example.com. 60 SOA");
  EXPECT_EQ(Ask("example.com", "MX"), "example.com. 300 20 bytes");
  EXPECT_EQ(Ask("example.com", "SOA"), "example.com. 900 SOA");
  EXPECT_EQ(Ask("example.com", "NS"), "example.com. 900 ns.aws.");
  EXPECT_EQ(Ask("example.org"), "-");
  EXPECT_EQ(Ask("com"), "-");
}

TEST_F(AnswerTest, AnAnswerHasTheNameAsItWasAsked) {
  zones.zones = {MakeZone("example.com", "www.example.com 300 A 192.0.2.1\n")};
  const auto answered = AnswerQuestion({.name = Name("WwW.example.com")}, zones, "", random);
  EXPECT_EQ(answered->reply.answers.at(0).name, Name("WwW.example.com"));
}

TEST_F(AnswerTest, WildcardsStandForWhatIsNotThere) {
  zones.zones = {MakeZone("example.com",
                          "*.example.com 300 A 192.0.2.1\n"
                          "here.example.com 300 TXT \"x\"\n"
                          "*.deep.example.com 300 CNAME there.example.com\n")};
  EXPECT_EQ(Ask("any.example.com"), "any.example.com. 300 192.0.2.1");
  EXPECT_EQ(Ask("any.thing.example.com"), "any.thing.example.com. 300 192.0.2.1");
  EXPECT_EQ(Ask("*.example.com"), "*.example.com. 300 192.0.2.1");
  EXPECT_EQ(Ask("any.example.com", "TXT"), " | example.com. 60 SOA");
  EXPECT_EQ(Ask("here.example.com"), " | example.com. 60 SOA");             // it is there
  EXPECT_EQ(Ask("x.here.example.com"), "NXDOMAIN  | example.com. 60 SOA");  // nearer than the wildcard
  EXPECT_EQ(Ask("deep.example.com"), " | example.com. 60 SOA");
  EXPECT_EQ(Ask("x.deep.example.com"), "x.deep.example.com. 300 there.example.com.; there.example.com. 300 192.0.2.1");
}

TEST_F(AnswerTest, CnamesAreFollowed) {
  zones.zones = {MakeZone("example.com",
                          "one.example.com 300 CNAME two.example.com\n"
                          "two.example.com 30 CNAME www.other.net\n"
                          "out.example.com 30 CNAME www.gnu.org\n"
                          "lost.example.com 30 CNAME none.other.net\n"
                          "ring.example.com 30 CNAME ring.example.com\n"),
                 MakeZone("other.net", "www.other.net 10 A 192.0.2.7\n")};
  EXPECT_EQ(Ask("one.example.com"),
            "one.example.com. 300 two.example.com.; two.example.com. 30 www.other.net.; www.other.net. 10 192.0.2.7");
  EXPECT_EQ(Ask("one.example.com", "CNAME"), "one.example.com. 300 two.example.com.");
  EXPECT_EQ(Ask("two.example.com", "TXT"), "two.example.com. 30 www.other.net. | other.net. 60 SOA");
  EXPECT_EQ(Ask("lost.example.com"), "NXDOMAIN lost.example.com. 30 none.other.net. | other.net. 60 SOA");
  EXPECT_EQ(Ask("out.example.com"), "out.example.com. 30 www.gnu.org.");
  EXPECT_EQ(Ask("out.example.com", "A", "vpc-1"), "out.example.com. 30 www.gnu.org. → www.gnu.org.");
  EXPECT_EQ(Ask("ring.example.com").substr(0, 9), "SERVFAIL ");
}

TEST_F(AnswerTest, AliasesAreWhatTheyStandFor) {
  zones.hosts["dev-alb-1.us-east-1.elb.amazonaws.com."] = {"10.0.1.4", "127.0.0.1"};
  zones.zones = {MakeZone("example.com",
                          "example.com 0 ALIAS A dev-alb-1.us-east-1.elb.amazonaws.com\n"
                          "www.example.com 0 ALIAS A example.com\n"
                          "text.example.com 0 ALIAS TXT source.example.com\n"
                          "source.example.com 20 TXT \"x\"\n"
                          "dead.example.com 0 ALIAS A gone-1.us-east-1.elb.amazonaws.com\n"
                          "ring.example.com 0 ALIAS A ring.example.com\n")};
  EXPECT_EQ(Ask("example.com"), "example.com. 60 127.0.0.1");
  EXPECT_EQ(Ask("example.com", "A", "vpc-1"), "example.com. 60 10.0.1.4");
  EXPECT_EQ(Ask("example.com", "AAAA"), " | example.com. 60 SOA");
  EXPECT_EQ(Ask("www.example.com"), "www.example.com. 60 127.0.0.1");
  EXPECT_EQ(Ask("text.example.com", "TXT"), "text.example.com. 20 2 bytes");
  EXPECT_EQ(Ask("dead.example.com"), " | example.com. 60 SOA");
  EXPECT_EQ(Ask("ring.example.com"), " | example.com. 60 SOA");
  EXPECT_EQ(Ask("dev-alb-1.us-east-1.elb.amazonaws.com"), "dev-alb-1.us-east-1.elb.amazonaws.com. 60 127.0.0.1");
  EXPECT_EQ(Ask("dev-alb-1.us-east-1.elb.amazonaws.com", "AAAA"), "");
}

TEST_F(AnswerTest, PrivateZonesAreForTheirVpcs) {
  zones.zones = {MakeZone("example.com", "www.example.com 300 A 192.0.2.1\n"),
                 MakeZone("example.com", "www.example.com 300 A 10.0.0.1\ndb.example.com 300 A 10.0.0.2\n", {"vpc-1"}),
                 MakeZone("near.example.com", "www.near.example.com 300 A 10.0.0.3\n", {"vpc-2", "vpc-3"}),
                 MakeZone("corp", "x.corp 5 A 10.0.0.9\n", {"vpc-1"})};
  EXPECT_EQ(Ask("www.example.com", "A", "vpc-1"), "www.example.com. 300 10.0.0.1");
  EXPECT_EQ(Ask("www.example.com", "A", "vpc-2"), "www.example.com. 300 192.0.2.1");
  EXPECT_EQ(Ask("db.example.com", "A", "vpc-2"), "NXDOMAIN  | example.com. 60 SOA");
  EXPECT_EQ(Ask("www.near.example.com", "A", "vpc-2"), "www.near.example.com. 300 10.0.0.3");
  EXPECT_EQ(Ask("www.near.example.com", "A", "vpc-3"), "www.near.example.com. 300 10.0.0.3");
  // A private zone that has no such name isn't helped out by a public one.
  zones.zones.push_back(MakeZone("near.example.com", "www.near.example.com 300 A 192.0.2.3\n"));
  EXPECT_EQ(Ask("www.near.example.com", "A", "vpc-1"), "NXDOMAIN  | example.com. 60 SOA");
  EXPECT_EQ(Ask("x.corp", "A", "vpc-1"), "x.corp. 5 10.0.0.9");
  EXPECT_EQ(Ask("x.corp", "A", "vpc-2"), "-");
  // This machine is shown all of them.
  EXPECT_EQ(Ask("x.corp"), "x.corp. 5 10.0.0.9");
  EXPECT_EQ(Ask("www.example.com"), "www.example.com. 300 192.0.2.1");
  EXPECT_EQ(Ask("db.example.com"), "db.example.com. 300 10.0.0.2");
}

TEST_F(AnswerTest, WhatIsDelegatedIsReferred) {
  zones.zones = {MakeZone("example.com", "sub.example.com 300 NS ns.elsewhere.org\n")};
  EXPECT_EQ(Ask("a.b.sub.example.com"), " | sub.example.com. 300 ns.elsewhere.org. (referral)");
  EXPECT_EQ(Ask("sub.example.com", "NS"), " | sub.example.com. 300 ns.elsewhere.org. (referral)");
  EXPECT_EQ(Ask("a.sub.example.com", "A", "vpc-1"), " → a.sub.example.com.");
  zones.zones.push_back(MakeZone("sub.example.com", "a.sub.example.com 5 A 192.0.2.9\n"));
  EXPECT_EQ(Ask("a.sub.example.com"), "a.sub.example.com. 5 192.0.2.9");
}

RecordSet Choice(const std::string& ip, RoutingPolicy policy, std::int64_t weight = 0, bool preferred = false) {
  return {.ttl = 5, .data = {*RecordData(net::kDnsA, ip)}, .policy = policy, .weight = weight, .preferred = preferred};
}

TEST_F(AnswerTest, RoutingPoliciesPick) {
  Zone zone = MakeZone("x", "");
  for (int i = 1; i <= 10; ++i)
    zone.Add(Name("multi.x"), Choice(fmt::format("10.0.0.{}", i), RoutingPolicy::kMultivalue));
  zone.Add(Name("heavy.x"), Choice("10.0.0.1", RoutingPolicy::kWeighted, 3));
  zone.Add(Name("heavy.x"), Choice("10.0.0.2", RoutingPolicy::kWeighted, 1));
  zone.Add(Name("heavy.x"), Choice("10.0.0.3", RoutingPolicy::kWeighted, 0));
  zone.Add(Name("light.x"), Choice("10.0.0.1", RoutingPolicy::kWeighted, 0));
  zone.Add(Name("light.x"), Choice("10.0.0.2", RoutingPolicy::kWeighted, 0));
  zone.Add(Name("fail.x"), Choice("10.0.0.1", RoutingPolicy::kFailover));
  zone.Add(Name("fail.x"), Choice("10.0.0.2", RoutingPolicy::kFailover, 0, true));
  zone.Add(Name("near.x"), Choice("10.0.0.1", RoutingPolicy::kLatency));
  zone.Add(Name("geo.x"), Choice("10.0.0.1", RoutingPolicy::kGeolocation));
  zones.zones = {zone};
  std::map<std::string, int> seen;
  for (int i = 0; i < 400; ++i) {
    for (const char* name : {"heavy.x", "light.x"}) ++seen[Ask(name)];
    const std::string multi = Ask("multi.x");
    EXPECT_EQ(std::count(multi.begin(), multi.end(), ';'), 7);  // eight of ten
  }
  EXPECT_NEAR(seen["heavy.x. 5 10.0.0.1"], 300, 40);
  EXPECT_NEAR(seen["heavy.x. 5 10.0.0.2"], 100, 40);
  EXPECT_EQ(seen.count("heavy.x. 5 10.0.0.3"), 0u);
  EXPECT_NEAR(seen["light.x. 5 10.0.0.1"], 200, 40);
  EXPECT_EQ(Ask("fail.x"), "fail.x. 5 10.0.0.2");
  EXPECT_EQ(Ask("near.x"), "near.x. 5 10.0.0.1");
  EXPECT_EQ(Ask("geo.x"), " | x. 60 SOA");
}

TEST_F(AnswerTest, AddressesHaveNames) {
  zones.reverse["4.1.0.10.in-addr.arpa."] = Name("ip-10-0-1-4.ec2.internal");
  EXPECT_EQ(Ask("4.1.0.10.in-addr.arpa", "PTR"), "4.1.0.10.in-addr.arpa. 60 ip-10-0-1-4.ec2.internal.");
  EXPECT_EQ(Ask("4.1.0.10.in-addr.arpa"), "");
  EXPECT_EQ(Ask("5.1.0.10.in-addr.arpa", "PTR"), "-");
}

}  // namespace
}  // namespace adhoc::localcloud
