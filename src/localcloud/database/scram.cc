#include "localcloud/database/scram.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/error.h"

namespace adhoc::localcloud {
namespace {

constexpr int kHashBytes = 32;

std::string Hmac(std::string_view key, std::string_view data) {
  std::string mac(kHashBytes, '\0');
  unsigned int length = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(data.data()),
           data.size(), reinterpret_cast<unsigned char*>(mac.data()), &length) == nullptr) {
    throw Error("cannot compute a password verifier");
  }
  return mac;
}

std::string Sha256(std::string_view data) {
  std::string digest(kHashBytes, '\0');
  if (EVP_Digest(data.data(), data.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr, EVP_sha256(),
                 nullptr) != 1) {
    throw Error("cannot compute a password verifier");
  }
  return digest;
}

std::string Base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  text.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                                       reinterpret_cast<const unsigned char*>(bytes.data()),
                                                       static_cast<int>(bytes.size()))));
  return text;
}

}  // namespace

std::string ScramVerifier(std::string_view password, std::string_view salt, int iterations) {
  std::string salted(kHashBytes, '\0');
  if (PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                        reinterpret_cast<const unsigned char*>(salt.data()), static_cast<int>(salt.size()), iterations,
                        EVP_sha256(), kHashBytes, reinterpret_cast<unsigned char*>(salted.data())) != 1) {
    throw Error("cannot compute a password verifier");
  }
  const std::string stored_key = Sha256(Hmac(salted, "Client Key"));
  const std::string server_key = Hmac(salted, "Server Key");
  return "SCRAM-SHA-256$" + std::to_string(iterations) + ":" + Base64(salt) + "$" + Base64(stored_key) + ":" +
         Base64(server_key);
}

}  // namespace adhoc::localcloud
