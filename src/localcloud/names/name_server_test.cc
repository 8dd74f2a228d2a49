#include "localcloud/names/name_server.h"

#include <gtest/gtest.h>

#include "localcloud/names/record_data.h"
#include "testing/local_api.h"

namespace adhoc::localcloud {
namespace {

net::DnsName Name(std::string_view text) { return *net::ParseDnsName(text); }

net::DnsMessage Query(std::string_view name, std::uint16_t type = net::kDnsA) {
  net::DnsMessage query{.id = 77, .recursion_desired = true};
  query.questions = {{.name = Name(name), .type = type}};
  return query;
}

struct DecideTest : ::testing::Test {
  testing::FakeRandom random;
  Zones zones;

  DecideTest() {
    Zone zone{.name = Name("example.com")};
    zone.Add(Name("www.example.com"), {.ttl = 5, .data = {*RecordData(net::kDnsA, "192.0.2.1")}});
    zone.Add(Name("out.example.com"), {.type = net::kDnsCname, .ttl = 5, .data = {net::DnsNameData(Name("gnu.org"))}});
    RecordSet many{.ttl = 5, .data = {}};
    for (int i = 0; i < 100; ++i) many.data.push_back(*RecordData(net::kDnsA, "192.0.2." + std::to_string(i)));
    zone.Add(Name("many.example.com"), many);
    zones.zones = {zone};
  }
  net::DnsVerdict Decide(const net::DnsMessage& query, const std::string& vpc = "", bool over_tcp = false) {
    return DecideQuery({.bytes = net::EncodeDns(query), .local_ip = "", .over_tcp = over_tcp}, zones, vpc, random);
  }
  net::DnsMessage Reply(const net::DnsMessage& query, const std::string& vpc = "", bool over_tcp = false) {
    const auto verdict = Decide(query, vpc, over_tcp);
    EXPECT_TRUE(verdict.question.empty());
    return net::DecodeDns(verdict.reply).value();
  }
};

TEST_F(DecideTest, RepliesAsAServerOrAsAResolver) {
  const auto to_machine = Reply(Query("www.example.com"));
  EXPECT_EQ(to_machine.id, 77);
  EXPECT_TRUE(to_machine.is_response && to_machine.authoritative && to_machine.recursion_desired);
  EXPECT_FALSE(to_machine.recursion_available);
  EXPECT_EQ(to_machine.questions, Query("www.example.com").questions);
  EXPECT_EQ(to_machine.answers.size(), 1u);
  const auto to_vpc = Reply(Query("www.example.com"), "vpc-1");
  EXPECT_TRUE(to_vpc.recursion_available);
  EXPECT_FALSE(to_vpc.authoritative);
}

TEST_F(DecideTest, OtherNamesAreRefusedOrAskedFor) {
  EXPECT_EQ(Reply(Query("gnu.org")).code, net::kDnsRefused);
  const auto verdict = Decide(Query("gnu.org"), "vpc-1");
  EXPECT_EQ(verdict.question, net::EncodeDns(Query("gnu.org")));
  EXPECT_EQ(verdict.finish("as it is"), "as it is");
  const auto failed = net::DecodeDns(verdict.finish(""));
  EXPECT_EQ(failed->code, net::kDnsServerFailure);
  EXPECT_EQ(failed->id, 77);
}

TEST_F(DecideTest, WhatACnameLeadsToElsewhereIsAddedForAVpc) {
  const auto verdict = Decide(Query("out.example.com"), "vpc-1");
  auto question = net::DecodeDns(verdict.question).value();
  EXPECT_EQ(question.questions, Query("gnu.org").questions);
  question.is_response = true;
  question.answers = {{.name = Name("gnu.org"), .ttl = 3, .data = "\1\2\3\4"}};
  const auto reply = net::DecodeDns(verdict.finish(net::EncodeDns(question)));
  ASSERT_EQ(reply->answers.size(), 2u);
  EXPECT_EQ(reply->answers[0].type, net::kDnsCname);
  EXPECT_EQ(reply->answers[1].data, "\1\2\3\4");
  EXPECT_EQ(reply->id, 77);
  question.answers.clear();
  question.code = net::kDnsNoSuchName;
  EXPECT_EQ(net::DecodeDns(verdict.finish(net::EncodeDns(question)))->code, net::kDnsNoSuchName);
  EXPECT_EQ(net::DecodeDns(verdict.finish(""))->code, net::kDnsServerFailure);
}

TEST_F(DecideTest, DatagramsAreCutToWhatTheClientTakes) {
  auto query = Query("many.example.com");
  const auto verdict = Decide(query);
  EXPECT_LE(verdict.reply.size(), 512u);
  EXPECT_TRUE(Reply(query).truncated);
  EXPECT_EQ(Reply(query, "", true).answers.size(), 100u);
  query.edns = net::DnsEdns{.udp_size = 1232};
  const auto cut = Reply(query);
  EXPECT_TRUE(cut.truncated);
  EXPECT_GT(cut.answers.size(), 60u);
  query.edns = net::DnsEdns{.udp_size = 65000};
  const auto whole = Reply(query);
  EXPECT_FALSE(whole.truncated);
  EXPECT_EQ(whole.answers.size(), 100u);
  EXPECT_TRUE(whole.edns);
  query.edns = net::DnsEdns{.udp_size = 0};
  EXPECT_GT(Reply(query).answers.size(), 20u);
}

TEST_F(DecideTest, WhatIsNoQuestionIsRefused) {
  auto query = Query("www.example.com");
  query.opcode = 4;
  EXPECT_EQ(Reply(query).code, net::kDnsNotImplemented);
  query = Query("www.example.com");
  query.edns = net::DnsEdns{.udp_size = 1232, .version = 1};
  EXPECT_EQ(Reply(query).code, net::kDnsBadVersion);
  query = Query("www.example.com", net::kDnsAxfr);
  EXPECT_EQ(Reply(query).code, net::kDnsRefused);
  query = Query("www.example.com");
  query.questions[0].net_class = 3;
  EXPECT_EQ(Reply(query).code, net::kDnsRefused);
  query.questions.clear();
  EXPECT_EQ(Reply(query).code, net::kDnsFormatError);
  const auto broken = net::DecodeDns(DecideQuery({.bytes = net::EncodeDns(query) + "x"}, zones, "", random).reply);
  EXPECT_EQ(broken->code, net::kDnsFormatError);
  EXPECT_EQ(broken->id, 77);
  // Two servers must not answer each other for ever.
  query = Query("www.example.com");
  query.is_response = true;
  EXPECT_TRUE(Decide(query).reply.empty());
  EXPECT_TRUE(DecideQuery({.bytes = "short"}, zones, "", random).reply.empty());
}

// Each of them through the API, as it is made.
struct NameServerTest : ::testing::Test {
  testing::LocalApi api;
  NameServer server{api.cloud()};

  std::vector<net::DnsRecord> Answers(std::string_view name, const std::string& at = "127.0.0.1") {
    const auto verdict = server.Handle({.bytes = net::EncodeDns(Query(name)), .local_ip = at});
    const auto reply = net::DecodeDns(verdict.reply);
    return reply ? reply->answers : std::vector<net::DnsRecord>();
  }
};

TEST_F(NameServerTest, KnowsWhatWasJustMade) {
  EXPECT_TRUE(Answers("www.example.com").empty());
  const std::string zone =
      api.Call("route53", "CreateHostedZone", {{"Name", "example.com"}, {"CallerReference", "1"}})["HostedZone"]["Id"];
  const auto change = [&](const char* action) {
    api.Call("route53", "ChangeResourceRecordSets",
             {{"HostedZoneId", zone},
              {"ChangeBatch",
               {{"Changes", Json::array({{{"Action", action},
                                          {"ResourceRecordSet",
                                           {{"Name", "www.example.com"},
                                            {"Type", "A"},
                                            {"TTL", 60},
                                            {"ResourceRecords", Json::array({{{"Value", "192.0.2.1"}}})}}}}})}}}});
  };
  change("CREATE");
  EXPECT_EQ(Answers("www.example.com").size(), 1u);
  change("DELETE");
  EXPECT_TRUE(Answers("www.example.com").empty());
}

TEST_F(NameServerTest, TellsVpcsApartByTheirGateways) {
  const Json here = api.Call("ec2", "CreateVpc", {{"CidrBlock", "10.213.0.0/16"}})["Vpc"];
  const Json there = api.Call("ec2", "CreateVpc", {{"CidrBlock", "10.214.0.0/16"}})["Vpc"];
  const std::string zone =
      api.Call("route53", "CreateHostedZone",
               {{"Name", "corp"},
                {"CallerReference", "1"},
                {"VPC", {{"VPCRegion", "us-east-1"}, {"VPCId", here["VpcId"]}}}})["HostedZone"]["Id"];
  api.Call("route53", "ChangeResourceRecordSets",
           {{"HostedZoneId", zone},
            {"ChangeBatch",
             {{"Changes", Json::array({{{"Action", "CREATE"},
                                        {"ResourceRecordSet",
                                         {{"Name", "db.corp"},
                                          {"Type", "A"},
                                          {"TTL", 60},
                                          {"ResourceRecords", Json::array({{{"Value", "10.213.0.9"}}})}}}}})}}}});
  const auto gateway = [&](const Json& vpc) {
    return api.Document("ec2.vpcs", vpc["VpcId"].get<std::string>())["_gateway"].get<std::string>();
  };
  EXPECT_EQ(Answers("db.corp", gateway(here)).size(), 1u);
  EXPECT_TRUE(Answers("db.corp", gateway(there)).empty());
  api.Call("route53", "AssociateVPCWithHostedZone",
           {{"HostedZoneId", zone}, {"VPC", {{"VPCRegion", "us-east-1"}, {"VPCId", there["VpcId"]}}}});
  EXPECT_EQ(Answers("db.corp", gateway(there)).size(), 1u);
}

}  // namespace
}  // namespace adhoc::localcloud
