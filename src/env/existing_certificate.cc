#include "env/existing_certificate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace adhoc::env {
namespace {

constexpr const char* kIssued = "ISSUED";
constexpr std::size_t kShownNames = 5;

std::string ToLower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::string ListOf(const std::vector<std::string>& names) {
  const auto end = names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), kShownNames));
  std::string text = fmt::format("{}", fmt::join(names.begin(), end, ", "));
  if (names.size() > kShownNames) text += fmt::format(" and {} more", names.size() - kShownNames);
  return text;
}

}  // namespace

bool IsFor(const std::string& name, const std::string& host) {
  const std::string pattern = ToLower(name);
  const std::string wanted = ToLower(host);
  if (pattern == wanted) return true;
  const auto dot = wanted.find('.');
  return pattern.starts_with("*.") && dot != std::string::npos && pattern.substr(1) == wanted.substr(dot);
}

std::optional<Finding> JudgeCertificates(const std::vector<ListenerCertificate>& certificates, const std::string& host,
                                         const std::string& balancer, const std::string& listener) {
  const ListenerCertificate* unreadable = nullptr;
  const ListenerCertificate* invalid = nullptr;  // is for the host, but is no good
  std::vector<std::string> names;
  std::vector<std::string> some;  // of the hosts that the pattern stands for
  for (const auto& certificate : certificates) {
    if (certificate.status.empty()) {
      unreadable = &certificate;
      continue;
    }
    for (const auto& name : certificate.names) {
      const bool is_for = IsFor(name, host);
      if (certificate.status != kIssued) {
        if (is_for) invalid = &certificate;
        continue;
      }
      if (is_for) return std::nullopt;
      names.push_back(name);
      if (host.starts_with("*.") && IsFor(host, name)) some.push_back(name);
    }
  }
  const std::string add = fmt::format(
      "aws elbv2 add-listener-certificates --listener-arn {} --certificates CertificateArn=<ARN of one for {}>",
      listener, host);
  if (unreadable != nullptr) {
    return Finding{
        .works = true,
        .problem = fmt::format("whether load balancer {} has a certificate for {} cannot be told: {} cannot be "
                               "read",
                               balancer, host, unreadable->arn),
        .hint = "browsers refuse environments without one"};
  }
  if (!some.empty()) {
    return Finding{.works = true,
                   .problem = fmt::format("load balancer {} has no certificate for {}, only for {}: other environments "
                                          "are refused by browsers",
                                          balancer, host, ListOf(some)),
                   .hint = add};
  }
  if (invalid != nullptr) {
    return Finding{
        .works = false,
        .problem = fmt::format("the certificate for {} of load balancer {} is {}", host, balancer, invalid->status),
        .hint = "renew it, or import it again: aws acm describe-certificate --certificate-arn " + invalid->arn};
  }
  const std::string others = names.empty() ? "" : fmt::format(", only for {}", ListOf(names));
  return Finding{.works = false,
                 .problem = fmt::format("load balancer {} has no certificate for {}{}: browsers would refuse "
                                        "environments",
                                        balancer, host, others),
                 .hint = add};
}

}  // namespace adhoc::env
