#include "localcloud/proxy/balancer_view.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <string_view>

namespace adhoc::localcloud::proxy {
namespace {

std::string Member(const Json& object, const char* key, const char* otherwise = "") {
  return object.value(key, std::string(otherwise));
}

std::string TextAttribute(const Json& document, const char* key, const char* otherwise = "") {
  const auto attributes = document.find("_attributes");
  return attributes == document.end() ? otherwise : Member(*attributes, key, otherwise);
}

int Attribute(const Json& document, const char* key, int otherwise) {
  const std::string text = TextAttribute(document, key);
  return text.empty() ? otherwise : std::atoi(text.c_str());
}

// The headers that a listener's attributes put into answers: `….strict_transport_security.header_value` is that of
// `Strict-Transport-Security`.
std::map<std::string, std::string> ResponseHeaders(const Json& listener) {
  constexpr std::string_view kPrefix = "routing.http.response.";
  constexpr std::string_view kSuffix = ".header_value";
  std::map<std::string, std::string> headers;
  const Json attributes = listener.value("_attributes", Json::object());
  for (const auto& [key, value] : attributes.items()) {
    if (!key.starts_with(kPrefix) || !key.ends_with(kSuffix) || value.get<std::string>().empty()) continue;
    std::string name = key.substr(kPrefix.size(), key.size() - kPrefix.size() - kSuffix.size());
    bool begins = true;
    for (char& c : name) {
      if (c == '_')
        c = '-';
      else if (begins)
        c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      begins = c == '-';
    }
    headers[name] = value.get<std::string>();
  }
  return headers;
}

// Certificate, chain and key in one text, or nothing when ACM no longer has it.
std::string Pem(const Store::Transaction& txn, const std::string& arn) {
  const Json* certificate = txn.Find(kCertificates, arn);
  if (certificate == nullptr) return "";
  std::string pem;
  for (const char* part : {"_certificate", "_chain", "_private_key"}) {
    const std::string text = Member(*certificate, part);
    pem += text;
    if (!text.empty() && text.back() != '\n') pem += '\n';
  }
  return pem;
}

std::vector<RuleModel> Rules(const std::map<std::string, std::vector<const Json*>>& by_listener,
                             const std::string& listener) {
  std::vector<std::pair<int, RuleModel>> rules;
  if (const auto found = by_listener.find(listener); found != by_listener.end()) {
    for (const Json* rule : found->second) {
      const std::string priority = Member(*rule, "Priority");
      const int order = priority == "default" ? 1000000 : std::atoi(priority.c_str());
      rules.emplace_back(order, RuleModel{priority, rule->at("Conditions"), rule->at("Actions")});
    }
  }
  std::sort(rules.begin(), rules.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<RuleModel> sorted;
  for (auto& [order, rule] : rules) sorted.push_back(std::move(rule));
  return sorted;
}

TargetGroupModel Group(const Store::Transaction& txn, const Json& group, TimePoint now, BalancerView& view) {
  TargetGroupModel model{.name = Member(group, "TargetGroupName"), .tls = Member(group, "Protocol") == "HTTPS"};
  model.algorithm = TextAttribute(group, "load_balancing.algorithm.type", "round_robin");
  if (TextAttribute(group, "stickiness.enabled") == "true") {
    if (TextAttribute(group, "stickiness.type") == "app_cookie") {
      model.stickiness = {Attribute(group, "stickiness.app_cookie.duration_seconds", 86400),
                          TextAttribute(group, "stickiness.app_cookie.cookie_name")};
    } else {
      model.stickiness.seconds = Attribute(group, "stickiness.lb_cookie.duration_seconds", 86400);
    }
  }
  const std::string prefix = Member(group, "TargetGroupArn") + "|";
  const auto& targets = txn.All(kTargets);
  std::vector<std::pair<std::string, ServerModel>> healthy;
  std::vector<std::pair<std::string, ServerModel>> others;
  for (auto it = targets.lower_bound(prefix); it != targets.end() && it->first.starts_with(prefix); ++it) {
    const std::string state = Member(it->second.at("TargetHealth"), "State");
    if (state == "draining") continue;
    const Json& target = it->second.at("Target");
    (state == "healthy" || it->second.contains(kPassed) ? healthy : others)
        .emplace_back(it->first, ServerModel{Member(target, "Id"), target.value("Port", 0),
                                             SlowStartWeight(group, it->second, now)});
  }
  for (auto& [key, server] : healthy.empty() ? others : healthy) {
    view.targets.insert(key);
    view.starts_slowly |= server.weight < 100;
    model.servers.push_back(std::move(server));
  }
  return model;
}

// The host names that are a load balancer's: its own, and those of a listener's rules.
std::vector<std::string> Hosts(const BalancerView& view, const ListenerModel& listener) {
  std::vector<std::string> hosts{view.dns_name};
  for (const auto& rule : listener.rules) {
    for (const auto& condition : rule.conditions) {
      if (Member(condition, "Field") != "host-header") continue;
      for (const auto& host : condition.at("HostHeaderConfig").at("Values")) hosts.push_back(host);
    }
  }
  return hosts;
}

// Decides who publishes which port, and tells it of its neighbours there. A name that several have is the eldest's.
void ShareMachine(const Store::Transaction& txn, std::vector<BalancerView>& views) {
  std::vector<BalancerView*> by_age;
  for (auto& view : views) by_age.push_back(&view);
  std::stable_sort(by_age.begin(), by_age.end(), [&](const BalancerView* a, const BalancerView* b) {
    const auto created = [&](const BalancerView* view) {
      return txn.Find(kLoadBalancers, view->arn)->value("CreatedTime", 0.0);
    };
    return created(a) < created(b);
  });
  struct Port {
    ListenerModel* listener = nullptr;  // of the one that publishes it
    std::set<std::string> taken;
  };
  std::map<int, Port> ports;
  for (BalancerView* view : by_age) {
    for (ListenerModel& listener : view->model.listeners) {
      Port& port = ports[listener.port];
      const bool first = port.listener == nullptr;
      std::vector<std::string> hosts;
      for (const auto& host : Hosts(*view, listener)) {
        if (port.taken.insert(host).second) hosts.push_back(host);
      }
      if (first) {
        port.listener = &listener;
        view->published.push_back(listener.port);
      } else if (port.listener->tls == listener.tls) {
        port.listener->neighbours.push_back(
            {.directory = std::string(kAllInside) + "/" + ContainerId(view->arn), .hosts = std::move(hosts)});
        auto& certificates = port.listener->certificates;
        for (const auto& pem : listener.certificates) {
          if (std::find(certificates.begin(), certificates.end(), pem) == certificates.end()) {
            certificates.push_back(pem);
          }
        }
      }
    }
  }
}

}  // namespace

std::string ContainerId(const std::string& arn) {
  const auto app = arn.rfind("app/");
  std::string id = arn.substr(app == std::string::npos ? 0 : app + 4);
  std::replace(id.begin(), id.end(), '/', '-');
  return id;
}

std::filesystem::path DirectoryOf(const std::filesystem::path& state_dir, const std::string& arn) {
  return state_dir / "proxy" / ContainerId(arn);
}

std::vector<BalancerView> ReadBalancers(const Store::Transaction& txn, TimePoint now) {
  std::map<std::string, std::vector<const Json*>> listeners;  // by load balancer
  std::map<std::string, std::vector<const Json*>> rules;      // by listener
  for (const auto& [arn, listener] : txn.All(kListeners))
    listeners[Member(listener, "LoadBalancerArn")].push_back(&listener);
  for (const auto& [arn, rule] : txn.All(kRules)) rules[Member(rule, "_listener")].push_back(&rule);

  std::vector<BalancerView> views;
  for (const auto& [arn, document] : txn.All(kLoadBalancers)) {
    BalancerView view{.arn = arn,
                      .name = Member(document, "LoadBalancerName"),
                      .dns_name = Member(document, "DNSName"),
                      .vpc_id = Member(document, "VpcId"),
                      .active_at = FromSeconds(document.value("_active_at", 0.0))};
    if (!document.at("AvailabilityZones").empty())
      view.subnet_id = Member(document["AvailabilityZones"][0], "SubnetId");
    view.model.idle_seconds = Attribute(document, "idle_timeout.timeout_seconds", 60);
    const auto enabled = [&document = document](const std::string& key) {
      return TextAttribute(document, (key + ".enabled").c_str());
    };
    view.model.preserve_host_header = enabled("routing.http.preserve_host_header") == "true";
    view.model.forwarded_for = TextAttribute(document, "routing.http.xff_header_processing.mode", "append");
    view.model.forwarded_for_port = enabled("routing.http.xff_client_port") == "true";
    view.model.drop_invalid_headers = enabled("routing.http.drop_invalid_header_fields") == "true";
    view.model.tls_headers = enabled("routing.http.x_amzn_tls_version_and_cipher_suite") == "true";
    view.model.http2 = enabled("routing.http2") != "false";
    view.model.access_log = enabled("access_logs.s3") == "true";
    std::set<std::string> groups;
    for (const Json* listener : listeners[arn]) {
      ListenerModel model{.port = listener->value("Port", 0), .tls = Member(*listener, "Protocol") == "HTTPS"};
      model.response_headers = ResponseHeaders(*listener);
      model.server_header = TextAttribute(*listener, "routing.http.response.server.enabled") != "false";
      model.tls_version_header = TextAttribute(*listener, "routing.http.request.x_amzn_tls_version.header_name",
                                               model.tls_version_header.c_str());
      model.tls_cipher_header = TextAttribute(*listener, "routing.http.request.x_amzn_tls_cipher_suite.header_name",
                                              model.tls_cipher_header.c_str());
      std::vector<std::string> certificates;
      for (const char* list : {"Certificates", "_certificates"}) {
        for (const auto& certificate : listener->value(list, Json::array())) {
          certificates.push_back(Member(certificate, "CertificateArn"));
        }
      }
      for (const auto& certificate : certificates) {
        if (std::string pem = Pem(txn, certificate); !pem.empty()) model.certificates.push_back(std::move(pem));
      }
      model.rules = Rules(rules, Member(*listener, "ListenerArn"));
      for (const auto& rule : model.rules) {
        for (const auto& action : rule.actions) {
          if (!action.contains("ForwardConfig")) continue;
          for (const auto& group : action["ForwardConfig"]["TargetGroups"])
            groups.insert(Member(group, "TargetGroupArn"));
        }
      }
      view.ports.push_back(model.port);
      view.model.listeners.push_back(std::move(model));
    }
    std::sort(view.ports.begin(), view.ports.end());
    std::sort(view.model.listeners.begin(), view.model.listeners.end(),
              [](const ListenerModel& a, const ListenerModel& b) { return a.port < b.port; });
    for (const auto& group : groups) {
      if (const Json* target_group = txn.Find(kTargetGroups, group)) {
        view.model.target_groups[group] = Group(txn, *target_group, now, view);
      }
    }
    views.push_back(std::move(view));
  }
  ShareMachine(txn, views);
  return views;
}

std::string GroupOf(std::string_view target_key) { return std::string(target_key.substr(0, target_key.find('|'))); }

HealthCheck ReadHealthCheck(const Json& group, Duration initial_interval) {
  HealthCheck check;
  check.interval = std::chrono::seconds(group.value("HealthCheckIntervalSeconds", 30));
  check.timeout = std::chrono::seconds(group.value("HealthCheckTimeoutSeconds", 5));
  check.initial_interval = initial_interval;
  check.healthy_threshold = group.value("HealthyThresholdCount", 5);
  check.unhealthy_threshold = group.value("UnhealthyThresholdCount", 2);
  if (group.contains("Matcher")) check.matcher = Member(group["Matcher"], "HttpCode", "200");
  return check;
}

Duration DeregistrationDelay(const Json& group) {
  return std::chrono::seconds(Attribute(group, "deregistration_delay.timeout_seconds", 300));
}

int SlowStartWeight(const Json& group, const Json& target, TimePoint now) {
  const std::chrono::duration<double> whole = std::chrono::seconds(Attribute(group, "slow_start.duration_seconds", 0));
  const double since = target.value(kSlowStartSince, 0.0);
  if (since == 0 || whole.count() == 0) return 100;
  const std::chrono::duration<double> gone = now - FromSeconds(since);
  return std::clamp(static_cast<int>(100 * gone / whole), 1, 100);
}

bool StartsSlowly(const Store::Transaction& txn, const Json& group, TimePoint now) {
  if (Attribute(group, "slow_start.duration_seconds", 0) == 0) return false;
  const std::string prefix = Member(group, "TargetGroupArn") + "|";
  const auto& targets = txn.All(kTargets);
  for (auto it = targets.lower_bound(prefix); it != targets.end() && it->first.starts_with(prefix); ++it) {
    if (Member(it->second.at("TargetHealth"), "State") == "healthy" && SlowStartWeight(group, it->second, now) == 100) {
      return true;
    }
  }
  return false;
}

}  // namespace adhoc::localcloud::proxy
