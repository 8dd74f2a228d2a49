// A load balancer as HAProxy's configuration. Pure functions: the same model gives the same bytes.
//
// One frontend per listener. Its rules become `use_backend … if …` lines in priority order, so the first match wins as
// on an ALB. A target group is a backend; a redirect or a fixed response is a backend that answers by itself. Text from
// requests (patterns, header names, redirects) reaches the configuration only through the escaping below; bodies and
// certificates travel in files of their own, so there is nothing to escape.
//
// The version names everything but the targets, which can be changed in a running HAProxy (see haproxy_control.h).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace adhoc::localcloud::proxy {

struct ServerModel {
  std::string ip;
  int port = 0;
  bool operator==(const ServerModel&) const = default;
};

struct TargetGroupModel {
  std::string name;
  bool tls = false;
  bool least_outstanding_requests = false;
  int sticky_seconds = 0;  // 0: not sticky
  // Those that requests may go to, in a fixed order; empty although there are registered targets only if none can be
  // used.
  std::vector<ServerModel> servers;
};

struct RuleModel {
  std::string name;                 // its priority, or "default"
  Json conditions = Json::array();  // as DescribeRules answers them
  Json actions = Json::array();
};

struct ListenerModel {
  int port = 0;
  bool tls = false;
  std::vector<std::string> certificates;  // PEM: certificate, chain and key; the default one first
  std::vector<RuleModel> rules;           // in the order of evaluation, the default rule last
};

struct LoadBalancerModel {
  int idle_seconds = 60;
  bool preserve_host_header = false;
  std::string forwarded_for = "append";  // or preserve, remove
  std::vector<ListenerModel> listeners;
  std::map<std::string, TargetGroupModel> target_groups;  // by ARN
};

struct HaproxyConfig {
  std::string version;  // 16 hex digits
  std::string text;
  std::map<std::string, std::string> files;  // by name, in the directory given; names tell the content apart
  // Servers by backend that can be changed at run time, and how `add server` has to be told about them.
  struct Backend {
    std::map<std::string, std::string> servers;  // name → address and options
    bool operator==(const Backend&) const = default;
  };
  std::map<std::string, Backend> backends;
};

// `directory` is where HAProxy finds the files. Throws Error for a model that the elbv2 API would not have accepted.
HaproxyConfig RenderHaproxyConfig(const LoadBalancerModel& model, const std::string& directory);

// ---- Shared with tests.

// An anchored regular expression in printable characters without quotes or white space. '*' is any run, '?' any one
// character; with `escapes`, '\' takes the next one literally.
std::string WildcardToRegex(std::string_view pattern, bool escapes = false);
// The log-format string of a redirect's Location: `https://%[req.hdr(host),host_only]:443/…`.
std::string RedirectFormat(const Json& redirect, const ListenerModel& listener);

}  // namespace adhoc::localcloud::proxy
