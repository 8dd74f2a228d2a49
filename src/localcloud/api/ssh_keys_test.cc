#include "localcloud/api/ssh_keys.h"

#include <gtest/gtest.h>

namespace adhoc::localcloud {
namespace {

// Made with ssh-keygen; fingerprints by `openssl pkey -pubout -outform DER | openssl md5 -c` and `ssh-keygen -lf`.
constexpr const char* kRsaLine =
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQD0WnSz7fxN3wq+dOAqPKL2h9HXngyWnSDJ64cMuBi6uhPlbnxpDr6HCey9meXP"
    "N4uXB8LdfT5zOBG1XQn2nvWAFMAAwtfkZ/m2RmZX0J0xvr338w6k081cQE0nAmh0vAr+qjGaMqs0fncJMEgWKLA2I5ZZ/4wWZO27"
    "npQOAzUYvgEaPJf5dYWBScpOFwiX87JlWhZyY3Kxp/hW0iaj37I4XDm/VoNhb5NKCkIb/8DDH/RE2IMP2a53UXbd/zlry3ynsNjS"
    "5cHkg2ZE7kuuTfOaj2Ee3aZBI6v/d0ZbzH8/Ug+zLFARBZcu3s4BsB9bEOrMlUPp+p/VgG4WJJqpH0Z7";
constexpr const char* kRsaFingerprint = "07:08:bc:88:74:ad:88:fa:11:0f:71:f5:3b:e8:53:54";
constexpr const char* kEd25519Line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPC507wVQdQ61M4bPEIpMUbaW8xAaz7RlgFiEoddzhIA";
constexpr const char* kEd25519Fingerprint = "8t9yLP4b2Fi246aVSPf2MlNyLy6bk2FX9Hcd/JJQFZk=";

TEST(SshKeys, ReadsALineOfAuthorizedKeys) {
  const auto rsa = ParseSshPublicKey(std::string(kRsaLine) + " me@home");
  ASSERT_TRUE(rsa);
  EXPECT_EQ(rsa->type, "rsa");
  EXPECT_EQ(rsa->Line(""), kRsaLine);
  EXPECT_EQ(ImportedFingerprint(*rsa), kRsaFingerprint);
  const auto ed25519 = ParseSshPublicKey(kEd25519Line);
  ASSERT_TRUE(ed25519);
  EXPECT_EQ(ed25519->Line("bastion"), std::string(kEd25519Line) + " bastion");
  EXPECT_EQ(ImportedFingerprint(*ed25519), kEd25519Fingerprint);
}

TEST(SshKeys, RefusesWhatIsNoKey) {
  for (const char* line : {"", "ssh-rsa", "ssh-rsa AAAA", "ssh-rsa !",
                           "ssh-dss AAAAB3NzaC1kc3M=", "ecdsa-sha2-nistp256 AAAA", "ssh-ed25519 AAAAB3NzaC1yc2E="}) {
    EXPECT_FALSE(ParseSshPublicKey(line)) << line;
  }
  EXPECT_FALSE(ParseSshPublicKey(std::string(kRsaLine).substr(0, 200)));
}

TEST(SshKeys, MakesKeysOfBothTypes) {
  const SshKeyPair rsa = GenerateSshKey("rsa");
  EXPECT_TRUE(rsa.private_pem.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
  EXPECT_EQ(rsa.fingerprint.size(), 20u * 3 - 1);
  EXPECT_TRUE(ParseSshPublicKey(rsa.public_key.Line("")));
  const SshKeyPair ed25519 = GenerateSshKey("ed25519");
  EXPECT_TRUE(ed25519.private_pem.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
  EXPECT_EQ(ImportedFingerprint(ed25519.public_key), ed25519.fingerprint);
  EXPECT_NE(GenerateSshKey("ed25519").private_pem, ed25519.private_pem);
}

}  // namespace
}  // namespace adhoc::localcloud
