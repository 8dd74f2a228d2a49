#include <gtest/gtest.h>

#include "testing/local_api.h"

namespace adhoc::testing {
namespace {

struct Route53 : ::testing::Test {
  LocalApi api;
  std::string zone =
      api.Call("route53", "CreateHostedZone", {{"Name", "example.com"}, {"CallerReference", "1"}})["HostedZone"]["Id"];

  static Json A(const std::string& name, const std::string& value) {
    return {{"Name", name}, {"Type", "A"}, {"TTL", 60}, {"ResourceRecords", Json::array({{{"Value", value}}})}};
  }
  Json Batch(const std::vector<std::pair<std::string, Json>>& changes) {
    Json list = Json::array();
    for (const auto& [action, record] : changes) list.push_back({{"Action", action}, {"ResourceRecordSet", record}});
    return {{"HostedZoneId", zone}, {"ChangeBatch", {{"Changes", list}}}};
  }
  std::string Fault(const std::vector<std::pair<std::string, Json>>& changes) {
    try {
      api.Call("route53", "ChangeResourceRecordSets", Batch(changes));
      return "";
    } catch (const ServiceError& error) {
      return error.code() + ": " + error.what();
    }
  }
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    const Json answer = api.Call("route53", "ListResourceRecordSets", {{"HostedZoneId", zone}});
    for (const auto& record : answer["ResourceRecordSets"])
      names.push_back(record["Name"].get<std::string>() + " " + record["Type"].get<std::string>());
    return names;
  }
};

TEST_F(Route53, AZoneBeginsWithItsNameServers) {
  EXPECT_EQ(zone.substr(0, 13), "/hostedzone/Z");
  EXPECT_EQ(Names(), (std::vector<std::string>{"example.com. NS", "example.com. SOA"}));
  EXPECT_EQ(api.ErrorOf("route53", "CreateHostedZone", {{"Name", "example.org"}, {"CallerReference", "1"}}),
            "HostedZoneAlreadyExists");
  const Json found = api.Call("route53", "ListHostedZonesByName", {{"DNSName", "example.com."}, {"MaxItems", "1"}});
  EXPECT_EQ(found["HostedZones"][0]["Id"], zone);
}

TEST_F(Route53, RecordsAreSortedFromTheRight) {
  EXPECT_EQ(Fault({{"CREATE", A("b.example.com", "10.0.0.1")},
                   {"CREATE", A("a.b.example.com", "10.0.0.2")},
                   {"UPSERT", A("*.example.com", "10.0.0.3")},
                   {"CREATE", A("c.example.com", "10.0.0.4")}}),
            "");
  EXPECT_EQ(Names(), (std::vector<std::string>{"example.com. NS", "example.com. SOA", "\\052.example.com. A",
                                               "b.example.com. A", "a.b.example.com. A", "c.example.com. A"}));
  const Json page = api.Call(
      "route53", "ListResourceRecordSets",
      {{"HostedZoneId", zone}, {"StartRecordName", "b.example.com"}, {"StartRecordType", "A"}, {"MaxItems", "1"}});
  EXPECT_EQ(page["ResourceRecordSets"][0]["Name"], "b.example.com.");
  EXPECT_EQ(page["NextRecordName"], "a.b.example.com.");
}

TEST_F(Route53, ABatchIsAllOrNothing) {
  EXPECT_EQ(Fault({{"CREATE", A("a.example.com", "10.0.0.1")}}), "");
  EXPECT_EQ(Fault({{"CREATE", A("b.example.com", "10.0.0.1")},
                   {"CREATE", A("a.example.com", "10.0.0.1")},
                   {"DELETE", A("c.example.com", "10.0.0.1")}}),
            "InvalidChangeBatch: [Tried to create resource record set [name='a.example.com.', type='A'] but it already "
            "exists, "
            "Tried to delete resource record set [name='c.example.com.', type='A'] but it was not found]");
  EXPECT_EQ(Names().size(), 3u);
}

TEST_F(Route53, ADeleteRepeatsEveryValue) {
  EXPECT_EQ(Fault({{"CREATE", A("a.example.com", "10.0.0.1")}}), "");
  EXPECT_EQ(Fault({{"DELETE", A("a.example.com", "10.0.0.2")}}),
            "InvalidChangeBatch: [Tried to delete resource record set [name='a.example.com.', type='A'] but the values "
            "provided do not match the current values]");
  EXPECT_EQ(Fault({{"DELETE", A("A.example.com.", "10.0.0.1")}}), "");
  EXPECT_EQ(Names().size(), 2u);
}

TEST_F(Route53, RefusesRecordsThatCannotBe) {
  const Json cname{{"Name", "a.example.com"},
                   {"Type", "CNAME"},
                   {"TTL", 60},
                   {"ResourceRecords", Json::array({{{"Value", "b.example.com"}}})}};
  EXPECT_EQ(Fault({{"CREATE", A("a.example.org", "10.0.0.1")}}),
            "InvalidChangeBatch: [RRSet with DNS name a.example.org. is not permitted in zone example.com.]");
  EXPECT_EQ(Fault({{"CREATE", cname}}), "");
  EXPECT_NE(Fault({{"CREATE", A("a.example.com", "10.0.0.1")}}).find("conflicting RRSet of type  CNAME"),
            std::string::npos);
  EXPECT_NE(Fault({{"CREATE", A("b.example.com", "10.0.0")}}).find("ARRDATAIllegalIPv4Address"), std::string::npos);
  Json bare = A("d.example.com", "10.0.0.1");
  bare.erase("TTL");
  EXPECT_EQ(Fault({{"CREATE", bare}}).substr(0, 12), "InvalidInput");
}

TEST_F(Route53, AnAliasIsComparedWithItsDot) {
  const auto alias = [](const std::string& target) {
    return Json{
        {"Name", "alpha.example.com"},
        {"Type", "A"},
        {"AliasTarget", {{"HostedZoneId", "Z35SXDOTRQ7X7K"}, {"DNSName", target}, {"EvaluateTargetHealth", false}}}};
  };
  EXPECT_EQ(Fault({{"UPSERT", alias("dev-alb.example.com")}}), "");
  EXPECT_EQ(Fault({{"DELETE", alias("dev-alb.example.com.")}}), "");
}

TEST_F(Route53, OnlyAnEmptyZoneIsDeleted) {
  EXPECT_EQ(Fault({{"CREATE", A("a.example.com", "10.0.0.1")}}), "");
  EXPECT_EQ(api.ErrorOf("route53", "DeleteHostedZone", {{"Id", zone}}), "HostedZoneNotEmpty");
  EXPECT_EQ(Fault({{"DELETE", A("a.example.com", "10.0.0.1")}}), "");
  api.Call("route53", "DeleteHostedZone", {{"Id", zone}});
  EXPECT_EQ(api.ErrorOf("route53", "GetHostedZone", {{"Id", zone}}), "NoSuchHostedZone");
}

TEST_F(Route53, AChangeIsInSyncAfterAWhile) {
  const std::string id = api.Call("route53", "ChangeResourceRecordSets",
                                  Batch({{"CREATE", A("a.example.com", "10.0.0.1")}}))["ChangeInfo"]["Id"];
  EXPECT_EQ(api.Call("route53", "GetChange", {{"Id", id}})["ChangeInfo"]["Status"], "PENDING");
  api.clock().Advance(std::chrono::seconds(1));
  EXPECT_EQ(api.Call("route53", "GetChange", {{"Id", id}})["ChangeInfo"]["Status"], "INSYNC");
}

TEST_F(Route53, ZonesHaveTags) {
  const std::string id = zone.substr(12);
  api.Call("route53", "ChangeTagsForResource",
           {{"ResourceType", "hostedzone"},
            {"ResourceId", id},
            {"AddTags", Json::array({{{"Key", "env"}, {"Value", "dev"}}})}});
  EXPECT_EQ(api.Call("route53", "ListTagsForResource",
                     {{"ResourceType", "hostedzone"}, {"ResourceId", id}})["ResourceTagSet"]["Tags"][0]["Value"],
            "dev");
}

}  // namespace
}  // namespace adhoc::testing
