#include "localcloud/routing.h"

#include <fmt/format.h>

#include "aws/model/model.h"
#include "aws/sign/sigv4.h"
#include "base/error.h"
#include "net/uri.h"

namespace adhoc::localcloud {
namespace {

// The service of which `field` is `value`, e.g. the one with this signing name. Parses no model.
std::string FindServiceBy(std::string_view aws::ServiceSummary::*field, std::string_view value) {
  for (const aws::ServiceSummary& summary : aws::EmbeddedServiceSummaries()) {
    if (summary.*field == value) return std::string(summary.name);
  }
  return "";
}

std::string ServiceOfHost(std::string_view host) {
  host = host.substr(0, host.rfind(':'));
  for (const std::string_view label : {"s3", "route53", "sts", "iam", "ecs", "ec2", "rds", "logs"}) {
    if (host.starts_with(fmt::format("{}.", label)) ||
        host.find(fmt::format(".{}.", label)) != std::string_view::npos) {
      return std::string(label);
    }
  }
  return "";
}

}  // namespace

std::string ServiceOf(const net::Request& request) {
  if (const auto target = request.headers.Get("X-Amz-Target")) {
    return FindServiceBy(&aws::ServiceSummary::target_prefix, target->substr(0, target->rfind('.')));
  }
  std::string scope;
  try {
    if (const auto authorization = aws::ParseAuthorization(request)) scope = authorization->service;
  } catch (const Error&) {
    // Routed by the rest; the service then refuses the signature.
  }
  if (scope == "s3" || scope == "s3express") return "s3";
  if (!scope.empty()) {
    std::string name = FindServiceBy(&aws::ServiceSummary::signing_name, scope);
    if (!name.empty()) return name;
  }
  if (request.method == "POST" && request.body.find("Version=") != std::string::npos &&
      request.headers.GetOr("Content-Type", "").starts_with("application/x-www-form-urlencoded")) {
    for (const auto& [name, value] : net::ParseQuery(request.body, true)) {
      if (name != "Version") continue;
      std::string service = FindServiceBy(&aws::ServiceSummary::api_version, value);
      if (!service.empty()) return service;
    }
  }
  if (std::string name = ServiceOfHost(request.headers.GetOr("Host", "")); !name.empty()) return name;
  if (request.path().starts_with("/2013-04-01/")) return "route53";
  return "s3";
}

std::optional<std::string> TargetWithBucket(const net::Request& request) {
  std::string host = request.headers.GetOr("Host", "");
  host = host.substr(0, host.rfind(':'));
  const auto at = host.find(".s3.");
  if (at == std::string::npos || at == 0) return std::nullopt;
  return "/" + host.substr(0, at) + (request.target == "/" ? "" : request.target);
}

}  // namespace adhoc::localcloud
