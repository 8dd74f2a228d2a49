#include "config/targets.h"

#include <fmt/format.h>

#include <algorithm>
#include <regex>
#include <utility>

#include "base/text.h"
#include "config/existing.h"
#include "config/rules.h"
#include "config/variables.h"

namespace adhoc::config {

namespace {

constexpr std::size_t kMaxTargetName = 32;

class TargetsReader {
 public:
  TargetsReader(Reader& reader, const TargetDefaults& defaults) : reader_(reader), defaults_(defaults) {}

  std::vector<TargetDeclaration> Read(const YamlNode* node) {
    std::vector<TargetDeclaration> targets;
    if (node != nullptr && node->kind != YamlNode::Kind::kNull && reader_.AnyMap(*node, "targets")) {
      for (const YamlEntry& entry : node->entries) ReadTarget(entry, targets);
    }
    if (targets.empty()) {
      TargetDeclaration local;
      local.target.name = "local";
      local.target.shared = defaults_.shared;
      local.target.domain = defaults_.domain;
      targets.push_back(std::move(local));
    }
    return targets;
  }

 private:
  void ReadTarget(const YamlEntry& entry, std::vector<TargetDeclaration>& targets) {
    const std::string name = "targets." + entry.key;
    if (const std::string problem = NameProblem(entry.key, kMaxTargetName); !problem.empty()) {
      reader_.Mistake(entry.key_range, fmt::format("`{}` is no name for a target: {}", entry.key, problem));
    }
    TargetDeclaration declaration;
    Target& target = declaration.target;
    target.name = entry.key;
    target.shared = defaults_.shared;
    target.domain = defaults_.domain;
    declaration.range = entry.key_range;
    YamlNode empty;
    empty.kind = YamlNode::Kind::kMap;
    const YamlNode& body = entry.value->kind == YamlNode::Kind::kNull ? empty : *entry.value;
    if (!reader_.AnyMap(body, name)) return;

    const YamlEntry* kind = body.Find("kind");
    target.kind = entry.key == "local" ? TargetKind::kLocal : TargetKind::kAws;
    if (kind != nullptr) {
      const std::string text = reader_.Literal(*kind->value, name + ".kind").value_or("");
      if (text == "local") {
        target.kind = TargetKind::kLocal;
      } else if (text == "aws") {
        target.kind = TargetKind::kAws;
      } else if (!text.empty()) {
        reader_.Mistake(kind->value->range, fmt::format("unknown kind of target: `{}`", text),
                        Suggest(text, {"local", "aws"}));
        return;
      }
    } else if (entry.key != "local") {
      reader_.Mistake(entry.key_range, fmt::format("`{}` has no kind", name), "add kind: aws or kind: local");
    }
    const bool aws = target.kind == TargetKind::kAws;
    CheckTargetKeys(body, name, aws);
    ReadCommon(body, name, target, declaration);
    if (aws) {
      ReadAws(entry, body, name, target);
    } else {
      ReadLocal(body, name, target);
    }
    targets.push_back(std::move(declaration));
  }

  void CheckTargetKeys(const YamlNode& body, const std::string& name, bool aws) {
    const std::vector<std::string> common = {"kind", "shared", "domain",  "variables", "network",
                                             "spot", "region", "bastion", "existing"};
    const std::vector<std::string> only_aws = {"account",     "profile",     "role",
                                               "certificate", "hosted_zone", "permissions_boundary"};
    const std::vector<std::string> only_local = {"endpoint", "http_port", "https_port", "https"};
    std::vector<std::string> keys = common;
    keys.insert(keys.end(), (aws ? only_aws : only_local).begin(), (aws ? only_aws : only_local).end());
    const std::vector<std::string>& other = aws ? only_local : only_aws;
    YamlNode rest = body;
    std::erase_if(rest.entries, [&](const YamlEntry& entry) {
      if (std::find(other.begin(), other.end(), entry.key) == other.end()) return false;
      reader_.Mistake(entry.key_range,
                      fmt::format("`{}.{}` is for {} targets only", name, entry.key, aws ? "local" : "AWS"),
                      "remove it");
      return true;
    });
    reader_.Map(rest, name, keys);
  }

  void ReadCommon(const YamlNode& body, const std::string& name, Target& target, TargetDeclaration& declaration) {
    if (const YamlEntry* shared = body.Find("shared")) {
      if (auto text = reader_.Literal(*shared->value, name + ".shared")) {
        if (reader_.Accept(*shared->value, name + ".shared", NameProblem(*text, kMaxSharedName))) target.shared = *text;
      }
    }
    if (const YamlEntry* domain = body.Find("domain")) {
      if (auto text = ReadDomain(*domain->value, name + ".domain", reader_)) target.domain = *text;
    }
    if (const YamlEntry* region = body.Find("region")) {
      if (auto text = reader_.Literal(*region->value, name + ".region")) {
        static const std::regex pattern("[a-z]{2}(-[a-z]+)+-[0-9]");
        const bool valid = text->size() < 32 && std::regex_match(*text, pattern);
        if (reader_.Accept(*region->value, name + ".region", valid ? "" : fmt::format("`{}` is no region", *text),
                           "for example us-east-1")) {
          target.region = *text;
        }
      }
    }
    target.spot = target.kind == TargetKind::kAws;
    if (const YamlEntry* spot = body.Find("spot")) {
      target.spot = reader_.Boolean(*spot->value, name + ".spot").value_or(target.spot);
    }
    if (const YamlEntry* bastion = body.Find("bastion")) {
      target.bastion = reader_.Boolean(*bastion->value, name + ".bastion").value_or(false);
    }
    if (const YamlEntry* network = body.Find("network"))
      ReadNetwork(*network->value, name + ".network", target.network);
    if (const YamlEntry* existing = body.Find("existing")) {
      target.existing = ReadExisting(*existing->value, name + ".existing", reader_);
      if (const YamlEntry* network = body.Find("network"); network != nullptr && !target.existing.vpc.empty()) {
        ForbidNetwork(*network->value, name, target.existing);
      }
      if (target.bastion && !target.existing.vpc.empty() && target.existing.public_subnets.empty()) {
        reader_.Mistake(body.Find("bastion")->key_range,
                        fmt::format("`{}.bastion` needs existing.public_subnets", name), "add them, or remove bastion");
      }
    }
    if (const YamlEntry* variables = body.Find("variables")) ReadTargetVariables(*variables->value, name, declaration);
  }

  void ForbidNetwork(const YamlNode& network, const std::string& name, const Existing& existing) {
    for (const YamlEntry& entry : network.entries) {
      const bool ingress = entry.key == "ingress";
      if (ingress && existing.load_balancer.empty()) continue;
      reader_.Mistake(entry.key_range,
                      fmt::format("`{}.network.{}` is of a {} that adhoc makes, and existing.{} names one", name,
                                  entry.key, ingress ? "load balancer" : "VPC", ingress ? "load_balancer" : "vpc"),
                      "remove it");
    }
  }

  void ReadTargetVariables(const YamlNode& node, const std::string& name, TargetDeclaration& declaration) {
    if (node.kind == YamlNode::Kind::kNull || !reader_.AnyMap(node, name + ".variables")) return;
    for (const YamlEntry& entry : node.entries) {
      const VariableDeclaration* variable = FindVariable(entry.key);
      if (variable == nullptr) {
        std::vector<std::string> names;
        for (const VariableDeclaration& known : *reader_.scope().declarations) names.push_back(known.name);
        reader_.Mistake(entry.key_range, fmt::format("unknown variable: `{}` is not declared", entry.key),
                        Suggest(entry.key, names));
        continue;
      }
      if (variable->sensitive) {
        reader_.Mistake(entry.key_range, fmt::format("`{}` is sensitive: a value here would put it in git", entry.key),
                        "remove it");
        continue;
      }
      const std::string path = fmt::format("{}.variables.{}", name, entry.key);
      if (auto value = ReadVariableValue(*entry.value, *variable, path, reader_)) {
        declaration.variables.push_back({entry.key, std::move(*value), entry.key_range});
      }
    }
  }

  void ReadNetwork(const YamlNode& node, const std::string& name, Network& network) {
    if (!reader_.Map(node, name, {"cidr", "zones", "nat", "ingress"})) return;
    if (const YamlEntry* cidr = node.Find("cidr")) {
      if (auto text = reader_.Literal(*cidr->value, name + ".cidr")) {
        // Room for a public and a private subnet in each zone, of at least 16 addresses.
        if (reader_.Accept(*cidr->value, name + ".cidr", CidrProblem(*text, 16, 24))) network.cidr = *text;
      }
    }
    if (const YamlEntry* zones = node.Find("zones")) {
      network.zones = reader_.Integer(*zones->value, name + ".zones", 2, 6).value_or(network.zones);
    }
    if (const YamlEntry* nat = node.Find("nat")) {
      const std::string text = reader_.Literal(*nat->value, name + ".nat").value_or("");
      const auto* known = std::find(std::begin(kNatNames), std::end(kNatNames), text);
      if (known != std::end(kNatNames)) {
        network.nat = static_cast<NatKind>(known - std::begin(kNatNames));
      } else if (!text.empty()) {
        reader_.Mistake(nat->value->range, fmt::format("`{}.nat` is not valid: `{}` is unknown", name, text),
                        Suggest(text, {"single", "per-zone", "endpoints", "none"}));
      }
    }
    if (const YamlEntry* ingress = node.Find("ingress")) {
      if (const auto list = reader_.Texts(*ingress->value, name + ".ingress")) {
        network.ingress.clear();
        for (std::size_t i = 0; i < list->size(); ++i) {
          if (reader_.Accept(*ingress->value->items[i], fmt::format("{}.ingress[{}]", name, i),
                             CidrProblem((*list)[i], 0, 32))) {
            network.ingress.push_back((*list)[i]);
          }
        }
        if (list->empty()) {
          reader_.Mistake(ingress->value->range,
                          fmt::format("`{}.ingress` is empty: nobody could reach an environment", name),
                          "leave it out to let everybody in");
        }
      }
    }
  }

  void ReadAws(const YamlEntry& entry, const YamlNode& body, const std::string& name, Target& target) {
    target.account.clear();
    target.http_port = 80;
    target.https_port = 443;
    target.https = true;
    for (const char* key : {"region", "account"}) {
      if (body.Find(key) == nullptr) {
        reader_.Mistake(entry.key_range, fmt::format("`{}` has no {}", name, key),
                        std::string_view(key) == "account"
                            ? "add account: with the 12 digits of the account, so that no other one is ever touched"
                            : "add region: us-east-1");
      }
    }
    if (const YamlEntry* account = body.Find("account")) {
      if (auto text = reader_.Literal(*account->value, name + ".account")) {
        const bool valid = text->size() == 12 && text->find_first_not_of("0123456789") == std::string::npos;
        if (reader_.Accept(*account->value, name + ".account", valid ? "" : "an account's number has 12 digits",
                           "write it in quotes: \"111122223333\"")) {
          target.account = *text;
        }
      }
    }
    const auto arn = [&](const char* key, const char* service, std::string& value) {
      const YamlEntry* found = body.Find(key);
      if (found == nullptr) return;
      auto text = reader_.Literal(*found->value, fmt::format("{}.{}", name, key));
      if (!text) return;
      const std::regex pattern(fmt::format("arn:aws[a-z-]*:{}:[a-z0-9-]*:[0-9]{{12}}:.+", service));
      const bool valid = text->size() < 2048 && std::regex_match(*text, pattern);
      if (reader_.Accept(*found->value, fmt::format("{}.{}", name, key),
                         valid ? "" : fmt::format("it is not an ARN of {}", service))) {
        value = *text;
      }
    };
    arn("role", "iam", target.role);
    arn("certificate", "acm", target.certificate);
    if (const YamlEntry* profile = body.Find("profile")) {
      target.profile = reader_.Literal(*profile->value, name + ".profile").value_or("");
    }
    if (const YamlEntry* zone = body.Find("hosted_zone")) {
      target.hosted_zone = reader_.Literal(*zone->value, name + ".hosted_zone").value_or("");
    }
    if (const YamlEntry* boundary = body.Find("permissions_boundary")) ReadBoundary(*boundary->value, name, target);
    if (target.domain == "localhost" || target.domain.find('.') == std::string::npos) {
      const YamlEntry* domain = body.Find("domain");
      reader_.Mistake(domain != nullptr ? domain->value->range : entry.key_range,
                      fmt::format("`{}` needs a domain of its own: `{}` cannot be registered", name, target.domain),
                      "add domain: dev.example.com");
    }
  }

  void ReadBoundary(const YamlNode& node, const std::string& name, Target& target) {
    const auto text = reader_.Literal(node, name + ".permissions_boundary");
    if (!text) return;
    target.makes_boundary = *text == "true";
    if (*text == "true" || *text == "false") return;
    static const std::regex pattern("arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/.+");
    const bool valid = text->size() < 2048 && std::regex_match(*text, pattern);
    if (reader_.Accept(node, name + ".permissions_boundary", valid ? "" : "it is not an ARN of a policy",
                       "true for one that adhoc bootstrap makes")) {
      target.permissions_boundary = *text;
    }
  }

  void ReadLocal(const YamlNode& body, const std::string& name, Target& target) {
    if (const YamlEntry* port = body.Find("http_port")) {
      target.http_port = reader_.Integer(*port->value, name + ".http_port", 1, 65535).value_or(target.http_port);
    }
    if (const YamlEntry* port = body.Find("https_port")) {
      target.https_port = reader_.Integer(*port->value, name + ".https_port", 1, 65535).value_or(target.https_port);
      if (target.https_port == target.http_port) {
        reader_.Mistake(port->value->range,
                        fmt::format("`{}.https_port` and `http_port` are both {}", name, target.http_port));
      }
    }
    if (const YamlEntry* https = body.Find("https")) {
      target.https = reader_.Boolean(*https->value, name + ".https").value_or(false);
      if (target.https && target.domain.find('.') == std::string::npos) {
        reader_.Mistake(https->value->range,
                        fmt::format("`{}.https` needs a domain with a dot: no certificate can be had for *.{}", name,
                                    target.domain),
                        fmt::format("add domain: dev.{}", target.domain));
      }
    }
    if (const YamlEntry* endpoint = body.Find("endpoint")) {
      if (auto text = reader_.Literal(*endpoint->value, name + ".endpoint")) {
        const bool valid = text->starts_with("http://") || text->starts_with("https://");
        if (reader_.Accept(*endpoint->value, name + ".endpoint", valid ? "" : "it is not a URL",
                           "for example http://127.0.0.1:4566")) {
          target.endpoint = *text;
        }
      }
    }
  }

  const VariableDeclaration* FindVariable(std::string_view name) const { return reader_.scope().FindVariable(name); }

  Reader& reader_;
  const TargetDefaults& defaults_;
};

}  // namespace

std::vector<TargetDeclaration> ReadTargets(const YamlNode* node, const TargetDefaults& defaults, Reader& reader) {
  return TargetsReader(reader, defaults).Read(node);
}

std::optional<std::string> ReadDomain(const YamlNode& node, const std::string& name, Reader& reader) {
  auto text = reader.Literal(node, name);
  if (!text || !reader.Accept(node, name, DomainProblem(*text))) return std::nullopt;
  return text;
}

}  // namespace adhoc::config
