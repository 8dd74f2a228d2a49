#include "localcloud/certificates/authority.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cstdlib>

#include "base/error.h"
#include "testing/temporary_folder.h"

namespace adhoc::localcloud {
namespace {

struct AuthorityTest : ::testing::Test {
  const testing::TemporaryFolder folder;
  const std::filesystem::path directory = folder.path() / "ca";
  TimePoint now = RealClock().Now();
};

X509* Parse(const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  return certificate;
}

TEST_F(AuthorityTest, WhatItIssuesIsTrustedForItsNamesOnly) {
  const CertificateAuthority authority(directory);
  const IssuedCertificate issued = authority.Issue({"*.dev.example.com", "dev.example.com"}, now);
  X509* leaf = Parse(issued.certificate);
  X509* root = Parse(authority.Certificate(now));
  X509_STORE* store = X509_STORE_new();
  X509_STORE_add_cert(store, root);
  X509_STORE_CTX* context = X509_STORE_CTX_new();
  X509_STORE_CTX_init(context, store, leaf, nullptr);
  EXPECT_EQ(X509_verify_cert(context), 1) << X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
  EXPECT_EQ(X509_check_host(leaf, "alpha.dev.example.com", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(leaf, "dev.example.com", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(leaf, "example.com", 0, 0, nullptr), 0);
  X509_STORE_CTX_free(context);
  X509_STORE_free(store);
  X509_free(leaf);
  X509_free(root);
  EXPECT_TRUE(KeyMatches(issued.certificate, issued.private_key));
  EXPECT_FALSE(KeyMatches(issued.chain, issued.private_key));
}

TEST_F(AuthorityTest, IsMadeOnceAndKeptPrivate) {
  const std::string first = CertificateAuthority(directory).Certificate(now);
  EXPECT_EQ(CertificateAuthority(directory).Certificate(now), first);
  struct stat info {};
  ASSERT_EQ(stat((directory / "ca.key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(AuthorityTest, CertificatesAreDescribed) {
  const CertificateDetails details =
      DescribeCertificate(CertificateAuthority(directory).Issue({"a.example.com", "b.example.com"}, now).certificate);
  EXPECT_EQ(details.names, (std::vector<std::string>{"a.example.com", "b.example.com"}));
  EXPECT_EQ(details.subject, "CN=a.example.com");
  EXPECT_EQ(details.issuer, "CN=adhoc local certificate authority");
  EXPECT_EQ(details.key_algorithm, "EC-prime256v1");
  EXPECT_FALSE(details.self_signed);
  EXPECT_GT(details.not_after, ToSeconds(now) + 394 * 86400);
  EXPECT_THROW(DescribeCertificate("nonsense"), Error);
}

TEST_F(AuthorityTest, NamesThatWouldSmuggleExtensionsAreRefused) {
  EXPECT_THROW(CertificateAuthority(directory).Issue({"a.example.com,IP:10.0.0.1"}, now), Error);
  EXPECT_THROW(CertificateAuthority(directory).Issue({}, now), Error);
}

}  // namespace
}  // namespace adhoc::localcloud
