// SSH keys as EC2 makes and reads them (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/verify-keys.html). Pure,
// apart from the randomness of a new key, which is OpenSSL's.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace adhoc::localcloud {

struct SshPublicKey {
  std::string type;  // rsa, ed25519
  std::string blob;  // as in an `ssh-rsa AAAA…` line, decoded
  // `ssh-rsa AAAA… <comment>`
  std::string Line(std::string_view comment) const;
};

struct SshKeyPair {
  SshPublicKey public_key;
  std::string private_pem;  // RSA: PKCS#1; Ed25519: OpenSSH's own form
  std::string fingerprint;
};

// `type`: rsa (2048 bits) or ed25519. Takes a tenth of a second for RSA.
SshKeyPair GenerateSshKey(std::string_view type);

// A line of authorized_keys; nothing when it is none of a type that EC2 takes.
std::optional<SshPublicKey> ParseSshPublicKey(std::string_view line);
// That of an imported key, which for RSA is not the one that a made key has.
std::string ImportedFingerprint(const SshPublicKey& key);

}  // namespace adhoc::localcloud
