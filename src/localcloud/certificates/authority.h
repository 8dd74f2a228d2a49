// A certificate authority of one's own, for the certificates that ACM would issue: a key and a self-signed certificate
// in a directory, made on first use. People may trust ca.pem; whoever can read the directory can issue certificates, so
// it is readable by its owner only.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"

namespace adhoc::localcloud {

struct IssuedCertificate {
  std::string certificate;  // PEM
  std::string private_key;  // PEM, PKCS #8
  std::string chain;        // PEM of the authority
};

struct CertificateDetails {
  std::vector<std::string> names;  // the common name first, then the alternative names
  std::string subject;             // CN=example.com
  std::string issuer;
  std::string serial;               // 0a:1b:…
  std::string signature_algorithm;  // SHA256WITHECDSA
  std::string key_algorithm;        // RSA-2048, EC-prime256v1
  double not_before = 0;
  double not_after = 0;
  bool self_signed = false;
};

// Thread-safe; several processes may use one directory.
class CertificateAuthority {
 public:
  explicit CertificateAuthority(std::filesystem::path directory) : directory_(std::move(directory)) {}

  // A server certificate for these names (at least one; wildcards allowed), valid from `now` for 395 days. Throws
  // Error.
  IssuedCertificate Issue(const std::vector<std::string>& names, TimePoint now) const;
  // Makes the authority when it isn't there; returns its certificate's PEM.
  std::string Certificate(TimePoint now) const;

 private:
  std::filesystem::path directory_;
};

// Throws Error when it is no certificate.
CertificateDetails DescribeCertificate(const std::string& pem);
// Whether the key belongs to the certificate. Throws Error when either is not what it should be.
bool KeyMatches(const std::string& certificate_pem, const std::string& private_key_pem);

}  // namespace adhoc::localcloud
