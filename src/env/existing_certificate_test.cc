#include "env/existing_certificate.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace adhoc::env {
namespace {

TEST(ACertificatesName, IsForAHostAsClientsTakeIt) {
  EXPECT_TRUE(IsFor("alpha.dev.example.com", "alpha.dev.example.com"));
  EXPECT_TRUE(IsFor("*.Dev.example.com", "alpha.dev.EXAMPLE.com"));
  EXPECT_TRUE(IsFor("*.dev.example.com", "*.dev.example.com"));
  EXPECT_FALSE(IsFor("*.example.com", "alpha.dev.example.com"));
  EXPECT_FALSE(IsFor("*.example.com", "*.dev.example.com"));
  EXPECT_FALSE(IsFor("*.dev.example.com", "dev.example.com"));
  EXPECT_FALSE(IsFor("dev.example.com", "alpha.dev.example.com"));
  EXPECT_FALSE(IsFor("alpha.dev.example.com", "*.dev.example.com"));
  EXPECT_FALSE(IsFor("", "alpha"));
}

constexpr const char* kAll = "*.dev.example.com";

std::string Judge(const std::vector<ListenerCertificate>& certificates, const std::string& host = kAll) {
  const auto finding = JudgeCertificates(certificates, host, "main", "arn:listener");
  if (!finding) return "";
  return fmt::format("{}: {} | {}", finding->works ? "warning" : "refused", finding->problem, finding->hint);
}

ListenerCertificate Issued(std::vector<std::string> names) {
  return {.arn = "arn:one", .status = "ISSUED", .names = std::move(names)};
}

constexpr const char* kAdd =
    "aws elbv2 add-listener-certificates --listener-arn arn:listener --certificates CertificateArn=<ARN of one for ";

TEST(AListenersCertificates, ServeWhenOneIsForTheHost) {
  EXPECT_EQ(Judge({Issued({"example.com", kAll})}), "");
  EXPECT_EQ(Judge({Issued({"example.com"}), Issued({kAll})}), "");
  EXPECT_EQ(Judge({{.arn = "arn:iam", .status = "", .names = {}}, Issued({kAll})}), "");
  EXPECT_EQ(Judge({Issued({kAll})}, "alpha.dev.example.com"), "");
  EXPECT_EQ(Judge({Issued({"alpha.dev.example.com"})}, "alpha.dev.example.com"), "");
}

TEST(AListenersCertificates, ForOtherNamesAreRefused) {
  EXPECT_EQ(Judge({Issued({"example.com", "*.example.com"})}),
            fmt::format("refused: load balancer main has no certificate for {}, only for example.com, *.example.com: "
                        "browsers would refuse environments | {}{}>",
                        kAll, kAdd, kAll));
  EXPECT_EQ(Judge({}), fmt::format("refused: load balancer main has no certificate for {}: browsers would refuse "
                                   "environments | {}{}>",
                                   kAll, kAdd, kAll));
  EXPECT_EQ(Judge({Issued({"1.com", "2.com", "3.com", "4.com"}), Issued({"5.com", "6.com", "7.com"})}),
            fmt::format("refused: load balancer main has no certificate for {}, only for 1.com, 2.com, 3.com, 4.com, "
                        "5.com and 2 more: browsers would refuse environments | {}{}>",
                        kAll, kAdd, kAll));
  EXPECT_EQ(Judge({Issued({"beta.dev.example.com"})}, "alpha.dev.example.com"),
            fmt::format("refused: load balancer main has no certificate for alpha.dev.example.com, only for "
                        "beta.dev.example.com: browsers would refuse environments | {}alpha.dev.example.com>",
                        kAdd));
}

TEST(AListenersCertificates, ThatExpiredAreRefused) {
  EXPECT_EQ(Judge({{.arn = "arn:old", .status = "EXPIRED", .names = {kAll}}, Issued({"example.com"})}),
            fmt::format("refused: the certificate for {} of load balancer main is EXPIRED | renew it, or import it "
                        "again: aws acm describe-certificate --certificate-arn arn:old",
                        kAll));
  EXPECT_EQ(Judge({{.arn = "arn:old", .status = "EXPIRED", .names = {kAll}}, Issued({kAll})}), "");
}

TEST(AListenersCertificates, OfWhichNotAllIsKnownAreAWarning) {
  EXPECT_EQ(Judge({Issued({"alpha.dev.example.com", "beta.dev.example.com", "example.com"})}),
            fmt::format("warning: load balancer main has no certificate for {}, only for alpha.dev.example.com, "
                        "beta.dev.example.com: other environments are refused by browsers | {}{}>",
                        kAll, kAdd, kAll));
  EXPECT_EQ(Judge({Issued({"example.com"}), {.arn = "arn:iam", .status = "", .names = {}}}),
            fmt::format("warning: whether load balancer main has a certificate for {} cannot be told: arn:iam cannot "
                        "be read | browsers refuse environments without one",
                        kAll));
}

}  // namespace
}  // namespace adhoc::env
