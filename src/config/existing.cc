#include "config/existing.h"

#include <fmt/format.h>

#include <optional>
#include <regex>

namespace adhoc::config {
namespace {

class ExistingReader {
 public:
  ExistingReader(const YamlNode& node, const std::string& name, Reader& reader)
      : node_(node), name_(name), reader_(reader) {}

  Existing Read() {
    if (!reader_.Map(
            node_, name_,
            {"state", "vpc", "public_subnets", "private_subnets", "security_group", "load_balancer", "database"})) {
      return {};
    }
    if (const YamlEntry* state = node_.Find("state")) {
      const std::string text = reader_.Literal(*state->value, name_ + ".state").value_or("");
      static const std::regex object("s3://[^/]+/.+");
      const bool valid = !text.starts_with("s3:") || std::regex_match(text, object);
      if (reader_.Accept(*state->value, name_ + ".state", valid ? "" : "it has no bucket and key",
                         "for example s3://bucket/shared/terraform.tfstate")) {
        made_.state = text;
      }
    }
    Set(node_, name_, "vpc", "vpc-[0-9a-f]+", "vpc-0123456789abcdef0", made_.vpc);
    made_.public_subnets = Subnets("public_subnets");
    made_.private_subnets = Subnets("private_subnets");
    Set(node_, name_, "security_group", "sg-[0-9a-f]+", "sg-0123456789abcdef0", made_.security_group);
    Set(node_, name_, "load_balancer", "arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:loadbalancer/app/.+",
        "the ARN of an application load balancer", made_.load_balancer);
    ReadDatabase();
    CheckTogether();
    return std::move(made_);
  }

 private:
  // A value itself, or an output of the state.
  std::optional<std::string> Name(const YamlNode& node, const std::string& name, const char* pattern,
                                  const char* example) {
    static const std::regex output(R"(\$\{state(\.[A-Za-z0-9_-]+)+\})");
    if (node.kind == YamlNode::Kind::kScalar && std::regex_match(node.scalar, output)) {
      if (made_.state.empty()) {
        reader_.Mistake(node.range, fmt::format("`{}` is an output of a state, and `{}.state` names none", name, name_),
                        "add state: s3://bucket/key, or the path of a file");
        return std::nullopt;
      }
      return node.scalar;
    }
    const auto text = reader_.Literal(node, name);
    if (!text) return std::nullopt;
    const bool valid = text->size() < 2048 && std::regex_match(*text, std::regex(pattern));
    if (!reader_.Accept(node, name, valid ? "" : fmt::format("`{}` is no such name", *text),
                        fmt::format("for example {}", example))) {
      return std::nullopt;
    }
    return text;
  }

  void Set(const YamlNode& body, const std::string& name, const char* key, const char* pattern, const char* example,
           std::string& value) {
    const YamlEntry* entry = body.Find(key);
    if (entry == nullptr) return;
    if (auto text = Name(*entry->value, fmt::format("{}.{}", name, key), pattern, example)) value = std::move(*text);
  }

  ExistingSubnets Subnets(const char* key) {
    constexpr const char* kPattern = "subnet-[0-9a-f]+";
    constexpr const char* kExample = "[subnet-0123456789abcdef0], or tags that they have: {Tier: private}";
    ExistingSubnets subnets;
    const YamlEntry* entry = node_.Find(key);
    if (entry == nullptr) return subnets;
    const YamlNode& value = *entry->value;
    const std::string name = fmt::format("{}.{}", name_, key);
    if (value.kind == YamlNode::Kind::kMap) {
      for (const YamlEntry& tag : value.entries) {
        if (auto text = reader_.Literal(*tag.value, fmt::format("{}.{}", name, tag.key))) subnets.tags[tag.key] = *text;
      }
    } else if (value.kind == YamlNode::Kind::kSequence) {
      for (std::size_t i = 0; i < value.items.size(); ++i) {
        if (auto text = Name(*value.items[i], fmt::format("{}[{}]", name, i), kPattern, kExample))
          subnets.ids.push_back(std::move(*text));
      }
    } else if (auto text = Name(value, name, kPattern, kExample)) {
      subnets.ids.push_back(std::move(*text));
    }
    return subnets;
  }

  void ReadDatabase() {
    const YamlEntry* entry = node_.Find("database");
    if (entry == nullptr) return;
    constexpr const char* kIdentifier = "[a-z][a-z0-9-]{0,62}";
    constexpr const char* kExample = "shop-postgres, the identifier of an RDS instance";
    const std::string name = name_ + ".database";
    if (entry->value->kind != YamlNode::Kind::kMap) {
      Set(node_, name_, "database", kIdentifier, kExample, made_.database);
      return;
    }
    const YamlNode& body = *entry->value;
    reader_.Map(body, name, {"instance", "secret"});
    Set(body, name, "instance", kIdentifier, kExample, made_.database);
    Set(body, name, "secret", "arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:.+",
        "the ARN of the secret that holds the master user's password", made_.database_secret);
    if (body.Find("instance") == nullptr) {
      reader_.Mistake(entry->key_range, fmt::format("`{}` has no instance", name),
                      "add instance: with the identifier of the RDS instance");
    }
  }

  // Whatever is in a network needs that network.
  void CheckTogether() {
    const bool has_vpc = node_.Find("vpc") != nullptr;
    for (const char* key : {"public_subnets", "private_subnets", "security_group", "load_balancer", "database"}) {
      const YamlEntry* entry = node_.Find(key);
      if (entry != nullptr && !has_vpc) {
        reader_.Mistake(entry->key_range,
                        fmt::format("`{}.{}` needs `vpc`: what adhoc makes goes into the same one", name_, key),
                        "add vpc: vpc-…");
      }
    }
    if (!has_vpc) return;
    const bool has_balancer = node_.Find("load_balancer") != nullptr;
    if (!has_balancer && node_.Find("public_subnets") == nullptr) {
      reader_.Mistake(node_.Find("vpc")->key_range,
                      fmt::format("`{}` has no public_subnets: the load balancer that adhoc makes has no place", name_),
                      "add public_subnets: [subnet-…, subnet-…], or load_balancer:");
    } else if (node_.Find("public_subnets") == nullptr && node_.Find("private_subnets") == nullptr) {
      reader_.Mistake(node_.Find("vpc")->key_range, fmt::format("`{}` has no subnets: tasks have no place", name_),
                      "add private_subnets: [subnet-…]");
    }
  }

  const YamlNode& node_;
  const std::string& name_;
  Reader& reader_;
  Existing made_;
};

}  // namespace

Existing ReadExisting(const YamlNode& node, const std::string& name, Reader& reader) {
  return ExistingReader(node, name, reader).Read();
}

}  // namespace adhoc::config
