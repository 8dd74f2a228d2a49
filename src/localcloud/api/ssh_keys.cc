#include "localcloud/api/ssh_keys.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include <array>
#include <memory>
#include <sstream>
#include <stdexcept>

#include "base/error.h"
#include "localcloud/api/support.h"

namespace adhoc::localcloud {
namespace {

constexpr unsigned int kRsaBits = 2048;
constexpr std::size_t kEd25519Bytes = 32;
constexpr std::string_view kRsa = "ssh-rsa";
constexpr std::string_view kEd25519 = "ssh-ed25519";

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  void operator()(BIO* bio) const { BIO_free_all(bio); }
  void operator()(BIGNUM* number) const { BN_free(number); }
  void operator()(OSSL_PARAM_BLD* builder) const { OSSL_PARAM_BLD_free(builder); }
  void operator()(OSSL_PARAM* parameters) const { OSSL_PARAM_free(parameters); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

void Check(bool done, const char* what) {
  if (!done) throw Error(std::string("OpenSSL cannot ") + what);
}

std::string Uint32(std::size_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 255);
  return bytes;
}

// SSH's string: its length, then its bytes.
std::string SshString(std::string_view bytes) { return Uint32(bytes.size()) + std::string(bytes); }

// A positive number never begins with a set bit.
std::string SshNumber(const BIGNUM* number) {
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
  if (!bytes.empty() && (bytes[0] & 0x80) != 0) bytes.insert(bytes.begin(), '\0');
  return SshString(bytes);
}

// Takes the next string off the front of `blob`. Throws std::invalid_argument.
std::string TakeString(std::string_view& blob) {
  if (blob.size() < 4) throw std::invalid_argument("too short");
  std::size_t length = 0;
  for (int i = 0; i < 4; ++i) length = length << 8 | static_cast<unsigned char>(blob[i]);
  if (blob.size() - 4 < length) throw std::invalid_argument("too short");
  const std::string taken(blob.substr(4, length));
  blob.remove_prefix(4 + length);
  return taken;
}

std::string Digest(const EVP_MD* algorithm, std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  Check(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, algorithm, nullptr) == 1, "make a digest");
  return {reinterpret_cast<const char*>(digest.data()), length};
}

std::string ColonHex(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) text += (text.empty() ? "" : ":") + HexEncode({&byte, 1});
  return text;
}

std::string Contents(BIO* bio) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(length)};
}

Owned<BIGNUM> NumberOf(EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  Check(EVP_PKEY_get_bn_param(key, name, &number) == 1, "read an RSA key");
  return Owned<BIGNUM>(number);
}

SshKeyPair GenerateRsa() {
  const Owned<EVP_PKEY> key(EVP_RSA_gen(kRsaBits));
  Check(key != nullptr, "make an RSA key");
  SshKeyPair pair;
  pair.public_key = {.type = "rsa",
                     .blob = SshString(kRsa) + SshNumber(NumberOf(key.get(), OSSL_PKEY_PARAM_RSA_E).get()) +
                             SshNumber(NumberOf(key.get(), OSSL_PKEY_PARAM_RSA_N).get())};
  const Owned<BIO> pem(BIO_new(BIO_s_mem()));
  Check(PEM_write_bio_PrivateKey_traditional(pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1,
        "write an RSA key");
  pair.private_pem = Contents(pem.get());
  const Owned<BIO> der(BIO_new(BIO_s_mem()));
  Check(i2d_PKCS8PrivateKey_bio(der.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1, "write an RSA key");
  pair.fingerprint = ColonHex(Digest(EVP_sha1(), Contents(der.get())));
  return pair;
}

std::string Ed25519Fingerprint(const std::string& blob) { return Base64Encode(Digest(EVP_sha256(), blob)); }

// openssh/PROTOCOL.key, without a passphrase.
std::string OpenSshPem(const std::string& blob, const std::string& secret, const std::string& open) {
  std::array<unsigned char, 4> check{};
  Check(RAND_bytes(check.data(), check.size()) == 1, "make random bytes");
  const std::string check_text(reinterpret_cast<const char*>(check.data()), check.size());
  std::string hidden =
      check_text + check_text + SshString(kEd25519) + SshString(open) + SshString(secret + open) + SshString("");
  for (char padding = 1; hidden.size() % 8 != 0; ++padding) hidden += padding;
  const std::string bytes = std::string("openssh-key-v1\0", 15) + SshString("none") + SshString("none") +
                            SshString("") + Uint32(1) + SshString(blob) + SshString(hidden);
  const std::string text = Base64Encode(bytes);
  std::string pem = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
  for (std::size_t at = 0; at < text.size(); at += 70) pem += text.substr(at, 70) + "\n";
  return pem + "-----END OPENSSH PRIVATE KEY-----\n";
}

SshKeyPair GenerateEd25519() {
  const Owned<EVP_PKEY> key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  Check(key != nullptr, "make an Ed25519 key");
  std::string open(kEd25519Bytes, '\0');
  std::string secret(kEd25519Bytes, '\0');
  std::size_t length = kEd25519Bytes;
  Check(EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(open.data()), &length) == 1 &&
            EVP_PKEY_get_raw_private_key(key.get(), reinterpret_cast<unsigned char*>(secret.data()), &length) == 1,
        "read an Ed25519 key");
  SshKeyPair pair;
  pair.public_key = {.type = "ed25519", .blob = SshString(kEd25519) + SshString(open)};
  pair.private_pem = OpenSshPem(pair.public_key.blob, secret, open);
  pair.fingerprint = Ed25519Fingerprint(pair.public_key.blob);
  return pair;
}

// DER of the key as an X.509 SubjectPublicKeyInfo.
std::string RsaDer(const SshPublicKey& key) {
  std::string_view rest = key.blob;
  TakeString(rest);
  const auto number = [&rest] {
    const std::string bytes = TakeString(rest);
    return Owned<BIGNUM>(
        BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()), nullptr));
  };
  const Owned<BIGNUM> exponent = number();
  const Owned<BIGNUM> modulus = number();
  const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  Check(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) == 1 &&
            OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) == 1,
        "build an RSA key");
  const Owned<OSSL_PARAM> parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const Owned<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* built = nullptr;
  Check(EVP_PKEY_fromdata_init(context.get()) == 1 &&
            EVP_PKEY_fromdata(context.get(), &built, EVP_PKEY_PUBLIC_KEY, parameters.get()) == 1,
        "build an RSA key");
  const Owned<EVP_PKEY> made(built);
  const Owned<BIO> der(BIO_new(BIO_s_mem()));
  Check(i2d_PUBKEY_bio(der.get(), made.get()) == 1, "write an RSA key");
  return Contents(der.get());
}

}  // namespace

std::string SshPublicKey::Line(std::string_view comment) const {
  std::string line = "ssh-" + type + " " + Base64Encode(blob);
  if (!comment.empty()) line += " " + std::string(comment);
  return line;
}

SshKeyPair GenerateSshKey(std::string_view type) { return type == "ed25519" ? GenerateEd25519() : GenerateRsa(); }

std::optional<SshPublicKey> ParseSshPublicKey(std::string_view line) {
  std::istringstream words{std::string(line)};
  std::string type;
  std::string text;
  words >> type >> text;
  if (type != kRsa && type != kEd25519) return std::nullopt;
  try {
    SshPublicKey key{.type = type.substr(4), .blob = Base64Decode(text)};
    std::string_view rest = key.blob;
    if (TakeString(rest) != type) return std::nullopt;
    TakeString(rest);
    if (type == kRsa) TakeString(rest);
    if (!rest.empty()) return std::nullopt;
    return key;
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  }
}

std::string ImportedFingerprint(const SshPublicKey& key) {
  return key.type == "rsa" ? ColonHex(Digest(EVP_md5(), RsaDer(key))) : Ed25519Fingerprint(key.blob);
}

}  // namespace adhoc::localcloud
