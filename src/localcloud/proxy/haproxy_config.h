// A load balancer as HAProxy's configuration. Pure functions: the same model gives the same bytes.
//
// One frontend per listener. Its rules are lines `use_backend` in priority order, so the first match wins as on an ALB.
// A target group is a backend; a redirect or a fixed response is a backend that answers by itself.
// Text from requests (patterns, header names, redirects) reaches the configuration only through the escaping of
// haproxy_match.h; bodies and certificates travel in files of their own, so there is nothing to escape.
//
// Stickiness is in the cookies alone: their value is base64 of `<server>|<end>` (or `<backend>|<end>`, for target
// groups), so it outlives reloads, and servers come and go at run time as anywhere else (docs/decisions/0016).
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
  int weight = 100;  // to 1, while it starts slowly
  bool operator==(const ServerModel&) const = default;
};

struct StickinessModel {
  int seconds = 0;          // 0: not sticky
  std::string application;  // the cookie of an application that makes its clients sticky, if it isn't for all of them
};

struct TargetGroupModel {
  std::string name;
  bool tls = false;
  std::string algorithm = "round_robin";  // or least_outstanding_requests, weighted_random
  StickinessModel stickiness;
  // Those that requests may go to, in a fixed order; empty although there are registered targets only if none can be
  // used.
  std::vector<ServerModel> servers;
};

struct RuleModel {
  std::string name;                 // its priority, or "default"
  Json conditions = Json::array();  // as DescribeRules answers them
  Json actions = Json::array();
};

// Another load balancer that listens on the same port of this machine. Requests for its names are handed to it as they
// are, as those that a name server would have sent to its address.
struct NeighbourModel {
  std::string directory;           // of its own, as the container sees it
  std::vector<std::string> hosts;  // patterns of host names
};

struct ListenerModel {
  int port = 0;
  bool tls = false;
  std::vector<NeighbourModel> neighbours;
  std::vector<std::string> certificates;  // PEM: certificate, chain and key; the default one first
  std::vector<RuleModel> rules;           // in the order of evaluation, the default rule last
  // Its attributes.
  std::map<std::string, std::string> response_headers;  // that every answer has, in place of a target's
  bool server_header = true;                            // which says that an answer is the load balancer's own
  std::string tls_version_header = "X-Amzn-Tls-Version";
  std::string tls_cipher_header = "X-Amzn-Tls-Cipher-Suite";
};

struct LoadBalancerModel {
  int idle_seconds = 60;
  bool preserve_host_header = false;
  std::string forwarded_for = "append";  // or preserve, remove
  bool forwarded_for_port = false;       // with the client's port
  bool drop_invalid_headers = false;     // those whose names have more than letters, digits and hyphens
  bool tls_headers = false;              // that tell a target about the client's TLS connection
  bool http2 = true;
  bool access_log = false;
  std::vector<ListenerModel> listeners;
  std::map<std::string, TargetGroupModel> target_groups;  // by ARN
};

struct HaproxyConfig {
  std::string version;  // 16 hex digits
  std::string text;
  std::map<std::string, std::string> files;  // by name, in the directory given; names tell the content apart
  // Servers by backend, which can be changed at run time.
  struct Server {
    std::string address;  // and options, as `add server` takes them
    int weight = 100;
    bool operator==(const Server&) const = default;
  };
  struct Backend {
    std::map<std::string, Server> servers;  // by name
    bool operator==(const Backend&) const = default;
  };
  std::map<std::string, Backend> backends;
};

// In the directory: where HAProxy finds who takes its access log.
inline constexpr const char* kAccessLogSocket = "access.sock";

// `directory` is where HAProxy finds the files. Throws Error for a model that the elbv2 API would not have accepted.
HaproxyConfig RenderHaproxyConfig(const LoadBalancerModel& model, const std::string& directory);

}  // namespace adhoc::localcloud::proxy
