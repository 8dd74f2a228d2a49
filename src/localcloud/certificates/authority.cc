#include "localcloud/certificates/authority.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/file.h>
#include <unistd.h>

#include <fcntl.h>

#include <algorithm>
#include <cctype>
#include <ctime>
#include <fstream>
#include <iterator>
#include <memory>

#include "base/error.h"

namespace adhoc::localcloud {
namespace {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Cert = std::unique_ptr<X509, Deleter<X509_free>>;
using Number = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>>;

constexpr long kLeafDays = 395;
constexpr long kAuthorityDays = 3650;

[[noreturn]] void Fail(const std::string& what) {
  char reason[256] = "unknown";
  if (const unsigned long code = ERR_get_error(); code != 0) ERR_error_string_n(code, reason, sizeof reason);
  ERR_clear_error();
  throw Error(what + ": " + reason);
}

template <typename T>
T* Check(T* object, const char* what) {
  if (object == nullptr) Fail(what);
  return object;
}

void Check(int ok, const char* what) {
  if (ok <= 0) Fail(what);
}

std::string Contents(BIO* bio) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(length)};
}

Bio MemoryOf(const std::string& text) {
  return Bio(Check(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), "cannot read a certificate"));
}

Cert ParseCertificate(const std::string& pem) {
  return Cert(Check(PEM_read_bio_X509(MemoryOf(pem).get(), nullptr, nullptr, nullptr), "cannot read a certificate"));
}

Key ParseKey(const std::string& pem) {
  return Key(
      Check(PEM_read_bio_PrivateKey(MemoryOf(pem).get(), nullptr, nullptr, nullptr), "cannot read a private key"));
}

std::string ToPem(X509* certificate) {
  Bio out(Check(BIO_new(BIO_s_mem()), "cannot write a certificate"));
  Check(PEM_write_bio_X509(out.get(), certificate), "cannot write a certificate");
  return Contents(out.get());
}

std::string ToPem(EVP_PKEY* key) {
  Bio out(Check(BIO_new(BIO_s_mem()), "cannot write a private key"));
  Check(PEM_write_bio_PKCS8PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr),
        "cannot write a private key");
  return Contents(out.get());
}

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  Extension extension(
      Check(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()), "cannot make a certificate's extension"));
  Check(X509_add_ext(certificate, extension.get(), -1), "cannot add a certificate's extension");
}

Cert NewCertificate(EVP_PKEY* key, const std::string& common_name, TimePoint now, long days) {
  Cert certificate(Check(X509_new(), "cannot make a certificate"));
  Check(X509_set_version(certificate.get(), 2), "cannot make a certificate");
  unsigned char serial[16];
  Check(RAND_bytes(serial, sizeof serial), "cannot make a certificate's serial number");
  serial[0] &= 0x7f;
  Number number(BN_bin2bn(serial, sizeof serial, nullptr));
  BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get()));
  auto start = static_cast<std::time_t>(ToSeconds(now)) - 3600;  // clocks of containers may differ
  X509_time_adj_ex(X509_getm_notBefore(certificate.get()), 0, 0, &start);
  X509_time_adj_ex(X509_getm_notAfter(certificate.get()), static_cast<int>(days), 3600, &start);
  Check(X509_set_pubkey(certificate.get(), key), "cannot make a certificate");
  // A common name holds at most 64 characters; clients go by the alternative names.
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  Check(
      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(common_name.substr(0, 64).c_str()), -1, -1, 0),
      "cannot name a certificate");
  return certificate;
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteFile(const std::filesystem::path& path, const std::string& text) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const bool written = file >= 0 && write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (file >= 0) close(file);
  if (!written) throw Error("cannot write " + path.string(), "free some disk space, then try again");
}

// Held while the authority is made, so that two processes do not make two.
class DirectoryLock {
 public:
  explicit DirectoryLock(const std::filesystem::path& directory)
      : file_(open(directory.c_str(), O_RDONLY | O_DIRECTORY)) {
    if (file_ < 0 || flock(file_, LOCK_EX) != 0) throw Error("cannot lock " + directory.string());
  }
  ~DirectoryLock() { close(file_); }
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  int file_;
};

struct Authority {
  Cert certificate;
  Key key;
};

Authority LoadAuthority(const std::filesystem::path& directory, TimePoint now) {
  const auto certificate_file = directory / "ca.pem";
  const auto key_file = directory / "ca.key";
  std::filesystem::create_directories(directory);
  std::filesystem::permissions(directory, std::filesystem::perms::owner_all);
  const DirectoryLock lock(directory);
  if (std::filesystem::exists(certificate_file) && std::filesystem::exists(key_file)) {
    return {ParseCertificate(ReadFile(certificate_file)), ParseKey(ReadFile(key_file))};
  }
  Key key(Check(EVP_EC_gen("P-256"), "cannot make a key"));
  Cert certificate = NewCertificate(key.get(), "adhoc local certificate authority", now, kAuthorityDays);
  Check(X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get())), "cannot make a certificate");
  AddExtension(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  AddExtension(certificate.get(), certificate.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  AddExtension(certificate.get(), certificate.get(), NID_subject_key_identifier, "hash");
  Check(X509_sign(certificate.get(), key.get(), EVP_sha256()), "cannot sign a certificate");
  // The certificate last: without it the pair counts as not made.
  WriteFile(key_file, ToPem(key.get()));
  WriteFile(certificate_file, ToPem(certificate.get()));
  return {std::move(certificate), std::move(key)};
}

std::string NameText(const X509_NAME* name) {
  Bio out(Check(BIO_new(BIO_s_mem()), "cannot read a certificate"));
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253);
  return Contents(out.get());
}

double TimeOf(const ASN1_TIME* time) {
  std::tm parts{};
  Check(ASN1_TIME_to_tm(time, &parts), "cannot read a certificate's dates");
  return static_cast<double>(timegm(&parts));
}

}  // namespace

std::string CertificateAuthority::Certificate(TimePoint now) const {
  return ToPem(LoadAuthority(directory_, now).certificate.get());
}

IssuedCertificate CertificateAuthority::Issue(const std::vector<std::string>& names, TimePoint now) const {
  if (names.empty()) throw Error("cannot issue a certificate: it has no name");
  std::string alternatives;
  for (const auto& name : names) {
    if (name.empty() || name.find_first_of(", \n\t\"':;") != std::string::npos)
      throw Error("cannot issue a certificate for the name " + name);
    alternatives += (alternatives.empty() ? "DNS:" : ",DNS:") + name;
  }
  const Authority authority = LoadAuthority(directory_, now);
  Key key(Check(EVP_EC_gen("P-256"), "cannot make a key"));
  Cert certificate = NewCertificate(key.get(), names.front(), now, kLeafDays);
  Check(X509_set_issuer_name(certificate.get(), X509_get_subject_name(authority.certificate.get())),
        "cannot make a certificate");
  AddExtension(certificate.get(), authority.certificate.get(), NID_basic_constraints, "critical,CA:FALSE");
  AddExtension(certificate.get(), authority.certificate.get(), NID_key_usage, "critical,digitalSignature");
  AddExtension(certificate.get(), authority.certificate.get(), NID_ext_key_usage, "serverAuth");
  AddExtension(certificate.get(), authority.certificate.get(), NID_authority_key_identifier, "keyid");
  AddExtension(certificate.get(), authority.certificate.get(), NID_subject_alt_name, alternatives);
  Check(X509_sign(certificate.get(), authority.key.get(), EVP_sha256()), "cannot sign a certificate");
  return {ToPem(certificate.get()), ToPem(key.get()), ToPem(authority.certificate.get())};
}

CertificateDetails DescribeCertificate(const std::string& pem) {
  const Cert certificate = ParseCertificate(pem);
  CertificateDetails details;
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  details.subject = NameText(subject);
  details.issuer = NameText(X509_get_issuer_name(certificate.get()));
  details.self_signed = details.subject == details.issuer;
  char common_name[256];
  if (X509_NAME_get_text_by_NID(subject, NID_commonName, common_name, sizeof common_name) > 0)
    details.names.emplace_back(common_name);
  const Names alternatives(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; alternatives != nullptr && i < sk_GENERAL_NAME_num(alternatives.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(alternatives.get(), i);
    if (name->type != GEN_DNS) continue;
    std::string text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                     static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
    if (std::find(details.names.begin(), details.names.end(), text) == details.names.end())
      details.names.push_back(std::move(text));
  }
  const Number number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate.get()), nullptr));
  char* hex = BN_bn2hex(number.get());
  for (int i = 0; hex[i] != '\0'; ++i) {
    if (i > 0 && i % 2 == 0) details.serial += ':';
    details.serial += static_cast<char>(std::tolower(static_cast<unsigned char>(hex[i])));
  }
  OPENSSL_free(hex);
  EVP_PKEY* key = X509_get0_pubkey(certificate.get());
  const bool rsa = key != nullptr && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
  details.key_algorithm = rsa ? "RSA-" + std::to_string(EVP_PKEY_get_bits(key))
                          : key != nullptr && EVP_PKEY_get_bits(key) == 384 ? "EC-secp384r1"
                                                                            : "EC-prime256v1";
  details.signature_algorithm =
      X509_get_signature_nid(certificate.get()) == NID_sha256WithRSAEncryption ? "SHA256WITHRSA" : "SHA256WITHECDSA";
  details.not_before = TimeOf(X509_get0_notBefore(certificate.get()));
  details.not_after = TimeOf(X509_get0_notAfter(certificate.get()));
  return details;
}

bool KeyMatches(const std::string& certificate_pem, const std::string& private_key_pem) {
  const Cert certificate = ParseCertificate(certificate_pem);
  const Key key = ParseKey(private_key_pem);
  const bool matches = X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  return matches;
}

}  // namespace adhoc::localcloud
