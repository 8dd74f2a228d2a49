#include "localcloud/api/ec2_internal.h"
#include "localcloud/api/support.h"
#include "localcloud/iam/needs.h"

namespace adhoc::localcloud::iam {
namespace {

// As [{Key, Value}], [{key, value}] or {key: value}.
std::map<std::string, std::string> ReadTags(const Json& tags) {
  std::map<std::string, std::string> read;
  for (const auto& [key, tag] : tags.items()) {
    if (tag.is_string()) {
      read[key] = tag.get<std::string>();
    } else if (tag.is_object()) {
      read[Text(tag, "Key", Text(tag, "key"))] = Text(tag, "Value", Text(tag, "value"));
    }
  }
  return read;
}

std::map<std::string, std::string> TagsIn(const Store::Transaction& txn, std::string_view collection,
                                          std::string_view key) {
  const Json* document = txn.Find(collection, key);
  if (document == nullptr) return {};
  for (const char* member : {"_tags", "Tags", "TagList"}) {
    if (document->contains(member)) return ReadTags((*document)[member]);
  }
  return {};
}

}  // namespace

std::map<std::string, std::string> ResourceTags(const Store::Transaction& txn, const std::string& arn) {
  // arn:partition:service:region:account:resource
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (parts.size() < 5) {
    const auto colon = arn.find(':', begin);
    if (colon == std::string::npos) return {};
    parts.push_back(arn.substr(begin, colon - begin));
    begin = colon + 1;
  }
  const std::string& service = parts[2];
  const std::string resource = arn.substr(begin);
  const auto separator = resource.find_first_of("/:");
  const std::string type = resource.substr(0, separator);
  const std::string id = separator == std::string::npos ? "" : resource.substr(separator + 1);
  const std::string last = resource.substr(resource.rfind('/') + 1);

  if (service == "ec2") {
    for (const auto& kind : ec2::Kinds()) {
      if (kind.type != type) continue;
      const Json* document = txn.Find(kind.collection, id);
      return document == nullptr ? std::map<std::string, std::string>() : ReadTags(Items(*document, kind.tags_member));
    }
    return {};
  }
  struct Place {
    std::string_view service;
    std::string_view type;
    std::string_view collection;
    const std::string& key;
  };
  const Place places[] = {
      {"acm", "certificate", "acm.certificates", arn},
      {"cloudwatch", "alarm", "cloudwatch.alarms", id},
      {"ecr", "repository", "ecr.repositories", id},
      {"ecs", "cluster", "ecs.clusters", id},
      {"ecs", "service", "ecs.services", id},
      {"ecs", "task", "ecs.tasks", id},
      {"ecs", "task-definition", "ecs.taskdefs", id},
      {"elasticfilesystem", "file-system", "efs.filesystems", id},
      {"elasticfilesystem", "access-point", "efs.accesspoints", id},
      {"elasticloadbalancing", "loadbalancer", "elbv2.loadbalancers", arn},
      {"elasticloadbalancing", "listener", "elbv2.listeners", arn},
      {"elasticloadbalancing", "listener-rule", "elbv2.rules", arn},
      {"elasticloadbalancing", "targetgroup", "elbv2.targetgroups", arn},
      {"iam", "role", "iam.roles", last},
      {"iam", "policy", "iam.policies", arn},
      {"iam", "instance-profile", "iam.instance_profiles", last},
      {"iam", "oidc-provider", "iam.oidc_providers", arn},
      {"rds", "db", "rds.instances", id},
      {"rds", "subgrp", "rds.subnet_groups", id},
      {"rds", "pg", "rds.parameter_groups", id},
      {"secretsmanager", "secret", "secretsmanager.secrets", arn},
      {"servicediscovery", "namespace", "servicediscovery.namespaces", id},
      {"servicediscovery", "service", "servicediscovery.services", id},
  };
  for (const auto& place : places) {
    if (place.service == service && place.type == type) return TagsIn(txn, place.collection, place.key);
  }
  if (service == "logs") return TagsIn(txn, "logs.groups", id.substr(0, id.find(':')));
  if (service == "ssm" && type == "parameter") {
    auto tags = TagsIn(txn, "ssm.parameters", id);
    return tags.empty() ? TagsIn(txn, "ssm.parameters", "/" + id) : tags;
  }
  return {};
}

}  // namespace adhoc::localcloud::iam
