#include <gtest/gtest.h>

#include "localcloud/certificates/authority.h"
#include "testing/local_api.h"

namespace adhoc::testing {
namespace {

struct Acm : ::testing::Test {
  LocalApi api;
  std::string Request(const std::string& name, const std::string& token = "") {
    Json input{{"DomainName", name}, {"ValidationMethod", "DNS"}};
    if (!token.empty()) input["IdempotencyToken"] = token;
    return api.Call("acm", "RequestCertificate", input)["CertificateArn"];
  }
};

TEST_F(Acm, IssuesWhenTheRecordIsPublished) {
  const std::string arn = Request("*.dev.example.com");
  const auto described = [&] {
    return api.Call("acm", "DescribeCertificate", {{"CertificateArn", arn}})["Certificate"];
  };
  Json certificate = described();
  EXPECT_EQ(certificate["Status"], "PENDING_VALIDATION");
  EXPECT_EQ(certificate["DomainName"], "*.dev.example.com");
  EXPECT_EQ(api.ErrorOf("acm", "GetCertificate", {{"CertificateArn", arn}}), "RequestInProgressException");
  const Json record = certificate["DomainValidationOptions"][0]["ResourceRecord"];
  EXPECT_EQ(record["Type"], "CNAME");
  const auto publish = [&](const std::string& zone, const std::string& value) {
    api.Call("route53", "ChangeResourceRecordSets",
             {{"HostedZoneId", zone},
              {"ChangeBatch",
               {{"Changes", Json::array({{{"Action", "UPSERT"},
                                          {"ResourceRecordSet",
                                           {{"Name", record["Name"]},
                                            {"Type", "CNAME"},
                                            {"TTL", 60},
                                            {"ResourceRecords", Json::array({{{"Value", value}}})}}}}})}}}});
  };
  const std::string zone =
      api.Call("route53", "CreateHostedZone", {{"Name", "example.com"}, {"CallerReference", "1"}})["HostedZone"]["Id"];
  publish(zone, "elsewhere.test");
  EXPECT_EQ(described()["Status"], "PENDING_VALIDATION");
  publish(zone, record["Value"]);
  certificate = described();
  EXPECT_EQ(certificate["Status"], "ISSUED");
  EXPECT_EQ(certificate["DomainValidationOptions"][0]["ValidationStatus"], "SUCCESS");
  const std::string again = Request("*.dev.example.com");
  EXPECT_EQ(api.Call("acm", "DescribeCertificate", {{"CertificateArn", again}})["Certificate"]["Status"], "ISSUED")
      << "the record validates the next one, too";
  EXPECT_FALSE(certificate.contains("_private_key"));
  const Json document = api.Document("acm.certificates", arn);
  EXPECT_TRUE(localcloud::KeyMatches(document["_certificate"], document["_private_key"]));
  EXPECT_EQ(api.Call("acm", "ListCertificates")["CertificateSummaryList"][0]["DomainName"], "*.dev.example.com");
  EXPECT_EQ(api.ErrorOf("acm", "RequestCertificate", {{"DomainName", "a b"}}), "ValidationException");
}

TEST_F(Acm, ATokenNamesOneRequest) {
  EXPECT_EQ(Request("a.example.com", "t"), Request("a.example.com", "t"));
  EXPECT_NE(Request("a.example.com", "t"), Request("b.example.com", "t"));
}

TEST_F(Acm, ACertificateInUseStays) {
  const std::string arn = Request("a.example.com");
  {
    const auto txn = api.store().Begin();
    txn->Put("elbv2.listeners", "l",
             {{"LoadBalancerArn", "lb"}, {"Certificates", Json::array({{{"CertificateArn", arn}}})}});
    txn->Commit();
  }
  EXPECT_EQ(api.ErrorOf("acm", "DeleteCertificate", {{"CertificateArn", arn}}), "ResourceInUseException");
  EXPECT_EQ(api.Call("acm", "DescribeCertificate", {{"CertificateArn", arn}})["Certificate"]["InUseBy"],
            Json::array({"lb"}));
  {
    const auto txn = api.store().Begin();
    txn->Erase("elbv2.listeners", "l");
    txn->Commit();
  }
  api.Call("acm", "DeleteCertificate", {{"CertificateArn", arn}});
  EXPECT_EQ(api.ErrorOf("acm", "DescribeCertificate", {{"CertificateArn", arn}}), "ResourceNotFoundException");
}

TEST_F(Acm, ImportsACertificateWithItsKey) {
  const Json issued = api.Document("acm.certificates", Request("a.example.com"));
  const Json other = api.Document("acm.certificates", Request("b.example.com"));
  const std::string arn =
      api.Call("acm", "ImportCertificate",
               {{"Certificate", issued["_certificate"]}, {"PrivateKey", issued["_private_key"]}})["CertificateArn"];
  EXPECT_EQ(api.Call("acm", "DescribeCertificate", {{"CertificateArn", arn}})["Certificate"]["DomainName"],
            "a.example.com");
  EXPECT_EQ(api.ErrorOf("acm", "ImportCertificate",
                        {{"Certificate", issued["_certificate"]}, {"PrivateKey", other["_private_key"]}}),
            "ValidationException");
  EXPECT_EQ(api.ErrorOf("acm", "ImportCertificate", {{"Certificate", "x"}, {"PrivateKey", "y"}}),
            "ValidationException");
}

TEST_F(Acm, TagsAreKept) {
  const std::string arn = Request("a.example.com");
  api.Call("acm", "AddTagsToCertificate",
           {{"CertificateArn", arn}, {"Tags", Json::array({{{"Key", "env"}, {"Value", "dev"}}})}});
  EXPECT_EQ(api.Call("acm", "ListTagsForCertificate", {{"CertificateArn", arn}})["Tags"][0]["Value"], "dev");
  api.Call("acm", "RemoveTagsFromCertificate", {{"CertificateArn", arn}, {"Tags", Json::array({{{"Key", "env"}}})}});
  EXPECT_TRUE(api.Call("acm", "ListTagsForCertificate", {{"CertificateArn", arn}})["Tags"].empty());
}

}  // namespace
}  // namespace adhoc::testing
