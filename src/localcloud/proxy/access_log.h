// A load balancer's access log: what HAProxy says about a request, as the entry of an ALB's log. Pure functions.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace adhoc::localcloud::proxy {

// What a request's line doesn't say.
struct AccessLogContext {
  std::string load_balancer;  // app/<name>/<id>
  std::string dns_name;
  std::map<std::string, std::string> target_groups;  // ARN by backend
  std::map<std::string, std::string> certificates;   // ARN by SHA-1, in upper case hex digits
  bool operator==(const AccessLogContext&) const = default;
};

// The lines of a frontend that have HAProxy write one line per request into the ring `access`, before any other rule.
std::string AccessLogRules(bool tls, int port);
// The ring, whose lines go to this socket. It keeps them while nobody listens there.
std::string AccessLogRing(const std::string& socket);

// One line as an entry.
std::string AccessLogEntry(std::string_view line, const AccessLogContext& context);

struct AccessLogPlace {
  std::string prefix;
  std::string account;
  std::string region;
};
// The key of a file with the entries until `end`; `ip` is the load balancer's.
std::string AccessLogKey(const AccessLogPlace& place, const std::string& load_balancer, TimePoint end,
                         const std::string& ip, const std::string& random);

std::string Gzip(std::string_view text);

}  // namespace adhoc::localcloud::proxy
