#include "aws/client/endpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "base/error.h"

namespace adhoc::aws {
namespace {

// The service id as settings spell it, in lower case; for these services it is not the model's folder name.
std::string SettingName(const std::string& service) {
  static const std::map<std::string, std::string_view, std::less<>> kServiceIds = {
      {"application-autoscaling", "application_auto_scaling"},
      {"elbv2", "elastic_load_balancing_v2"},
      {"events", "eventbridge"},
      {"logs", "cloudwatch_logs"},
      {"resourcegroupstaggingapi", "resource_groups_tagging_api"},
      {"route53", "route_53"},
      {"secretsmanager", "secrets_manager"},
  };
  if (const auto found = kServiceIds.find(service); found != kServiceIds.end()) return std::string(found->second);
  std::string name = service;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::string UpperCase(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  return text;
}

net::Uri AwsEndpoint(const Service& service, std::string_view region) {
  const bool china = region.starts_with("cn-");
  const std::string_view suffix = china ? "amazonaws.com.cn" : "amazonaws.com";
  net::Uri uri;
  uri.scheme = "https";
  uri.port = 443;
  uri.path = "/";
  uri.host = service.global ? fmt::format("{}.{}", service.endpoint_prefix, suffix)
                            : fmt::format("{}.{}.{}", service.endpoint_prefix, region, suffix);
  return uri;
}

// Lower-case letters, digits and hyphens only: a dot would not match the certificate's wildcard.
bool FitsIntoHost(std::string_view bucket) {
  if (bucket.size() < 3 || bucket.size() > 63) return false;
  return bucket.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

}  // namespace

EnvironmentReader ProcessEnvironment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* const value = std::getenv(std::string(name).c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  };
}

Endpoint ResolveEndpoint(const Service& service, std::string_view region, std::string_view configured,
                         const EnvironmentReader& environment, const ProfileEndpoints& profile) {
  Endpoint endpoint;
  endpoint.signing_region = service.global ? "us-east-1" : region;
  if (service.global && region.starts_with("cn-")) endpoint.signing_region = "cn-north-1";

  std::string url(configured);
  std::string source = "the endpoint";
  const bool ignored = environment("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").value_or("") == "true";
  if (!ignored) {
    const std::string setting = SettingName(service.name);
    for (const std::string& name : {"AWS_ENDPOINT_URL_" + UpperCase(setting), std::string("AWS_ENDPOINT_URL")}) {
      if (!url.empty()) break;
      if (const auto value = environment(name)) {
        url = *value;
        source = name;
      }
    }
    for (const std::string& name : {setting, std::string()}) {
      if (!url.empty()) break;
      if (const auto found = profile.find(name); found != profile.end()) {
        url = found->second;
        source = name.empty() ? "the profile's endpoint_url" : fmt::format("the profile's endpoint_url of {}", name);
      }
    }
  }
  if (url.empty()) {
    endpoint.uri = AwsEndpoint(service, region);
    return endpoint;
  }
  try {
    endpoint.uri = net::Uri::Parse(url);
  } catch (const Error&) {
    RethrowWithContext(source);
  }
  endpoint.custom = true;
  return endpoint;
}

net::Uri PlaceRequest(const Service& service, const Operation& operation, const Endpoint& endpoint,
                      net::Request& request) {
  net::Uri origin = endpoint.uri;
  origin.path = "/";
  origin.query.clear();
  if (endpoint.custom) {
    std::string prefix = endpoint.uri.path;
    while (prefix.ends_with('/')) prefix.pop_back();
    request.target.insert(0, prefix);
  } else {
    origin.host.insert(0, operation.endpoint_prefix);
    if (service.name == "s3") {
      const std::string_view path = request.path();
      const std::size_t end = std::min(path.find('/', 1), path.size());
      if (const std::string bucket(path.substr(1, end - 1)); FitsIntoHost(bucket)) {
        origin.host.insert(0, bucket + ".");
        request.target.erase(0, end);
        if (!request.target.starts_with('/')) request.target.insert(0, "/");
      }
    }
  }
  request.headers.Set("Host", origin.authority());
  return origin;
}

}  // namespace adhoc::aws
