// Whether the certificates of a load balancer that a team has are for environments' names; pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "env/existing_network.h"

namespace adhoc::env {

// One of a listener, as ACM describes it.
struct ListenerCertificate {
  std::string arn;
  std::string status;              // ISSUED, EXPIRED, …; empty: it cannot be read, as one of IAM's
  std::vector<std::string> names;  // shop.example.com, *.shop.example.com
};

// Whether clients that ask for `host` accept one of this name (RFC 6125: an asterisk stands for one label). The host
// may itself be a pattern, *.dev.example.com, which only its like is for.
bool IsFor(const std::string& name, const std::string& host);

// `listener` is its ARN, `balancer` a name. With a pattern as host, certificates for some names of it are enough: they
// are said to be for those only.
std::optional<Finding> JudgeCertificates(const std::vector<ListenerCertificate>& certificates, const std::string& host,
                                         const std::string& balancer, const std::string& listener);

}  // namespace adhoc::env
