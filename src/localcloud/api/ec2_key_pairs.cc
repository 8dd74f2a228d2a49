// Key pairs: real keys, of which only the public half is kept.
#include <algorithm>

#include "localcloud/api/ec2_internal.h"
#include "localcloud/api/ssh_keys.h"

namespace adhoc::localcloud::ec2 {
namespace {

[[noreturn]] void ThrowNoKeyPair(const std::string& name) {
  throw ApiError("InvalidKeyPair.NotFound", "The key pair '" + name + "' does not exist");
}

Json PutKeyPair(Cloud& cloud, Call& call, const SshPublicKey& key, const std::string& fingerprint) {
  const std::string name = Text(call.input, "KeyName");
  if (!IdsWith(call.txn, kKeyPairs, "KeyName", name).empty()) {
    throw ApiError("InvalidKeyPair.Duplicate", "The keypair already exists");
  }
  const std::string id = NewId(cloud, "key-");
  Json pair{{"KeyPairId", id},
            {"KeyName", name},
            {"KeyType", key.type},
            {"KeyFingerprint", fingerprint},
            {"CreateTime", cloud.Now()},
            {"Tags", TagsFor(call.input, "key-pair")},
            {"_public_key", key.Line(name)}};
  call.txn.Put(kKeyPairs, id, pair);
  return pair;
}

std::any MakeKey(const Json& input, const net::Request&) {
  if (Text(input, "KeyFormat", "pem") != "pem") {
    throw ApiError("InvalidParameterValue", "The local cloud makes keys in the format pem.");
  }
  return GenerateSshKey(Text(input, "KeyType", "rsa"));
}

Json CreateKeyPair(Cloud& cloud, Call& call) {
  const auto& made = std::any_cast<const SshKeyPair&>(call.prepared);
  Json pair = PutKeyPair(cloud, call, made.public_key, made.fingerprint);
  pair["KeyMaterial"] = made.private_pem;
  return pair;
}

Json ImportKeyPair(Cloud& cloud, Call& call) {
  const auto key = ParseSshPublicKey(Text(call.input, "PublicKeyMaterial"));
  if (!key) throw ApiError("InvalidKey.Format", "Key is not in valid OpenSSH public key format");
  return PutKeyPair(cloud, call, *key, ImportedFingerprint(*key));
}

Json DescribeKeyPairs(Cloud&, Call& call) {
  for (const auto& name : Strings(call.input, "KeyNames")) {
    if (IdsWith(call.txn, kKeyPairs, "KeyName", name).empty()) ThrowNoKeyPair(name);
  }
  const Json names = Items(call.input, "KeyNames");
  const bool with_key = Flag(call.input, "IncludePublicKey");
  if (!names.empty()) call.input["Filters"].push_back({{"Name", "key-name"}, {"Values", names}});
  return Describe(call, {.collection = kKeyPairs,
                         .ids_input = "KeyPairIds",
                         .output = "KeyPairs",
                         .filters = {{"fingerprint", "KeyFingerprint"}},
                         .answer = [with_key](const Call&, const Json& pair) {
                           Json answer = pair;
                           if (with_key) answer["PublicKey"] = pair["_public_key"];
                           return answer;
                         }});
}

// One that is not there counts as deleted.
Json DeleteKeyPair(Cloud&, Call& call) {
  call.txn.Erase(kKeyPairs, Text(call.input, "KeyPairId"));
  for (const auto& id : IdsWith(call.txn, kKeyPairs, "KeyName", Text(call.input, "KeyName"))) {
    call.txn.Erase(kKeyPairs, id);
  }
  return Json::object();
}

}  // namespace

void RegisterKeyPairs(Api& api, Cloud& cloud) {
  Register(api, cloud,
           {{"CreateKeyPair", CreateKeyPair},
            {"DeleteKeyPair", DeleteKeyPair},
            {"DescribeKeyPairs", DescribeKeyPairs},
            {"ImportKeyPair", ImportKeyPair, Effect::kRecorded}});
  api.SetPrepare("ec2", "CreateKeyPair", MakeKey);
}

}  // namespace adhoc::localcloud::ec2
