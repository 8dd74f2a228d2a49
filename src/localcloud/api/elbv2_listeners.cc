#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <map>
#include <optional>

#include "localcloud/api/elbv2_internal.h"
#include "localcloud/api/support.h"

namespace adhoc::localcloud::elbv2 {
namespace {

using Txn = Store::Transaction;

constexpr const char* kDefaultSslPolicy = "ELBSecurityPolicy-2016-08";

ApiError Invalid(const std::string& message) { return {"ValidationError", message}; }

// Whether another program listens there. Anything but "address in use" is for the container engine to find out: it may
// have rights that this process lacks.
bool IsTaken(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);  // connections in TIME_WAIT do not count
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const bool taken = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 && errno == EADDRINUSE;
  close(fd);
  return taken;
}

// Load balancers that listen on the same port share it, on the same loopback address, by host names: they have to speak
// the same there.
void CheckPortIsFree(const Cloud& cloud, const Txn& txn, std::int64_t port, const std::string& protocol) {
  for (const auto& [arn, listener] : txn.All(kListeners)) {
    if (Number(listener, "Port") != port) continue;
    if (Text(listener, "Protocol") == protocol) return;
    throw ApiError("InvalidConfigurationRequest",
                   fmt::format("port {} on 127.0.0.1 is in use by load balancer '{}', which speaks {} there; use "
                               "another port",
                               port, Text(listener, "LoadBalancerArn"), Text(listener, "Protocol")));
  }
  if (port == cloud.settings.port) {
    throw ApiError("InvalidConfigurationRequest",
                   fmt::format("port {} on 127.0.0.1 is in use by the local cloud itself; use another port", port));
  }
  // A container of ours may still hold the port of a listener that was just deleted.
  for (const auto& [arn, holding] : txn.All(kHoldings)) {
    const Json& ports = Items(holding, "ports");
    if (std::find(ports.begin(), ports.end(), Json(port)) != ports.end()) return;
  }
  if (!cloud.settings.check_listener_ports) return;
  if (IsTaken(static_cast<int>(port))) {
    throw ApiError("InvalidConfigurationRequest",
                   fmt::format("port {} on 127.0.0.1 is in use by another program; stop it or use another port "
                               "(`ss -ltnp sport = :{}` names it)",
                               port, port));
  }
}

std::string CheckSslPolicy(const std::string& name) {
  if (!IsSslPolicy(name)) throw ApiError("SSLPolicyNotFound", fmt::format("SSL policy '{}' not found", name));
  return name;
}

void CheckCertificate(const Txn& txn, const std::string& arn) {
  const Json* certificate = txn.Find("acm.certificates", arn);
  if (certificate == nullptr) throw ApiError("CertificateNotFound", fmt::format("Certificate '{}' not found", arn));
  if (Text(*certificate, "Status", "ISSUED") != "ISSUED") {
    throw ApiError(
        "UnsupportedCertificate",
        fmt::format("The certificate '{}' must have a fully-qualified domain name, a supported signature, and a "
                    "supported key size.",
                    arn));
  }
}

// The default certificate of a request's Certificates, which may name one.
Json DefaultCertificate(const Txn& txn, const Json& certificates) {
  if (certificates.empty()) throw Invalid("A certificate must be specified for HTTPS listeners");
  if (certificates.size() > 1) {
    throw Invalid("Only one certificate can be specified for HTTPS listeners; add others with AddListenerCertificates");
  }
  const std::string arn = Text(certificates[0], "CertificateArn");
  CheckCertificate(txn, arn);
  return Json::array({{{"CertificateArn", arn}}});
}

// "…:listener/app/x/1/2" → "…:listener-rule/app/x/1/2/<id>"
std::string NewRuleArn(std::string listener_arn, Random& random) {
  const auto at = listener_arn.find(":listener/");
  return listener_arn.replace(at, 10, ":listener-rule/") + "/" + random.Hex(16);
}

std::string DefaultRuleArn(const Txn& txn, std::string_view listener_arn) {
  return Text(*RulesOf(txn, listener_arn).back(), "RuleArn");
}

// The protocol's parts of a listener: SslPolicy and Certificates.
void SetProtocol(const Txn& txn, Json& listener, const std::string& protocol, const Json& input) {
  if (protocol != "HTTP" && protocol != "HTTPS") {
    throw ApiError("UnsupportedProtocol", fmt::format("Listener protocol '{}' must be one of 'HTTP, HTTPS'", protocol));
  }
  listener["Protocol"] = protocol;
  if (protocol == "HTTP") {
    if (!Items(input, "Certificates").empty() || input.contains("SslPolicy")) {
      throw Invalid("Certificates and an SSL policy can only be specified for HTTPS listeners");
    }
    listener.erase("SslPolicy");
    listener.erase("Certificates");
    listener["_certificates"] = Json::array();
    return;
  }
  if (input.contains("Certificates") || !listener.contains("Certificates")) {
    listener["Certificates"] = DefaultCertificate(txn, Items(input, "Certificates"));
  }
  if (input.contains("SslPolicy") || !listener.contains("SslPolicy")) {
    listener["SslPolicy"] = CheckSslPolicy(Text(input, "SslPolicy", kDefaultSslPolicy));
  }
}

Json CreateListener(Cloud& cloud, Call& call) {
  auto& txn = call.txn;
  const std::string load_balancer_arn = Text(call.input, "LoadBalancerArn");
  LoadBalancer(txn, load_balancer_arn);
  if (!call.input.contains("Port")) throw Invalid("A port must be specified");
  const auto port = Number(call.input, "Port");
  const std::string protocol = Text(call.input, "Protocol");
  if (protocol.empty()) throw Invalid("A protocol must be specified");
  const Json actions = NormalizeActions(txn, Items(call.input, "DefaultActions"), protocol);
  const Json tags = CheckTags(Items(call.input, "Tags"));
  Json listener{{"LoadBalancerArn", load_balancer_arn}, {"Port", port}, {"DefaultActions", actions}};
  SetProtocol(txn, listener, protocol, call.input);

  const auto siblings = ListenerArns(txn, load_balancer_arn);
  for (const auto& arn : siblings) {
    const Json& existing = Listener(txn, arn);
    if (Number(existing, "Port") != port) continue;
    for (const auto& [member, value] : listener.items()) {
      if (member != "_certificates" && existing[member] != value) {
        throw ApiError(
            "DuplicateListener",
            fmt::format("A listener already exists on this port for this load balancer '{}'", load_balancer_arn));
      }
    }
    return {{"Listeners", Json::array({existing})}};
  }
  if (siblings.size() >= static_cast<std::size_t>(kMaxListenersPerLoadBalancer)) {
    throw ApiError("TooManyListeners",
                   fmt::format("The maximum number of listeners per load balancer, '{}', has been reached",
                               kMaxListenersPerLoadBalancer));
  }
  CheckPortIsFree(cloud, txn, port, protocol);

  std::string arn = load_balancer_arn;
  arn = arn.replace(arn.find(":loadbalancer/"), 14, ":listener/") + "/" + cloud.random.Hex(16);
  listener["ListenerArn"] = arn;
  listener["_tags"] = tags;
  listener["_certificates"] = Json::array();
  txn.Put(kListeners, arn, listener);
  const std::string rule_arn = NewRuleArn(arn, cloud.random);
  txn.Put(kRules, rule_arn,
          {{"RuleArn", rule_arn},
           {"Priority", "default"},
           {"Conditions", Json::array()},
           {"Actions", actions},
           {"IsDefault", true},
           {"_listener", arn},
           {"_tags", Json::array()}});
  UpdateAssociations(txn);
  return {{"Listeners", Json::array({std::move(listener)})}};
}

Json DescribeListeners(Cloud&, Call& call) {
  auto& txn = call.txn;
  auto arns = Strings(call.input, "ListenerArns");
  const std::string load_balancer = Text(call.input, "LoadBalancerArn");
  if (arns.empty()) {
    if (load_balancer.empty()) throw Invalid("You must specify either listener ARNs or a load balancer ARN");
    LoadBalancer(txn, load_balancer);
    arns = ListenerArns(txn, load_balancer);
  }
  std::vector<Json> found;
  for (const auto& arn : arns) found.push_back(Listener(txn, arn));
  return MarkedPage(call.input, std::move(found), "Listeners");
}

Json ModifyListener(Cloud& cloud, Call& call) {
  auto& txn = call.txn;
  const std::string arn = Text(call.input, "ListenerArn");
  Json listener = Listener(txn, arn);
  if (call.input.contains("Port") && call.input["Port"] != listener["Port"]) {
    const auto port = Number(call.input, "Port");
    for (const auto& sibling : ListenerArns(txn, Text(listener, "LoadBalancerArn"))) {
      if (Number(Listener(txn, sibling), "Port") == port) {
        throw ApiError("DuplicateListener",
                       fmt::format("A listener already exists on this port for this load balancer '{}'",
                                   Text(listener, "LoadBalancerArn")));
      }
    }
    CheckPortIsFree(cloud, txn, port, Text(call.input, "Protocol", Text(listener, "Protocol")));
    listener["Port"] = port;
  }
  const std::string protocol = Text(call.input, "Protocol", Text(listener, "Protocol"));
  SetProtocol(txn, listener, protocol, call.input);
  if (call.input.contains("DefaultActions")) {
    listener["DefaultActions"] = NormalizeActions(txn, call.input["DefaultActions"], protocol);
    txn.Edit(kRules, DefaultRuleArn(txn, arn))["Actions"] = listener["DefaultActions"];
  }
  txn.Put(kListeners, arn, listener);
  UpdateAssociations(txn);
  return {{"Listeners", Json::array({std::move(listener)})}};
}

Json DeleteListener(Cloud&, Call& call) {
  auto& txn = call.txn;
  const std::string arn = Text(call.input, "ListenerArn");
  Listener(txn, arn);
  for (const Json* rule : RulesOf(txn, arn)) txn.Erase(kRules, Text(*rule, "RuleArn"));
  txn.Erase(kListeners, arn);
  UpdateAssociations(txn);
  return Json::object();
}

// ---- Attributes: the headers of requests and answers.

const std::map<std::string, std::string, std::less<>>& DefaultAttributes(std::string_view protocol) {
  static const std::map<std::string, std::string, std::less<>> kHttp = {
      {"routing.http.response.access_control_allow_credentials.header_value", ""},
      {"routing.http.response.access_control_allow_headers.header_value", ""},
      {"routing.http.response.access_control_allow_methods.header_value", ""},
      {"routing.http.response.access_control_allow_origin.header_value", ""},
      {"routing.http.response.access_control_expose_headers.header_value", ""},
      {"routing.http.response.access_control_max_age.header_value", ""},
      {"routing.http.response.content_security_policy.header_value", ""},
      {"routing.http.response.server.enabled", "true"},
      {"routing.http.response.strict_transport_security.header_value", ""},
      {"routing.http.response.x_content_type_options.header_value", ""},
      {"routing.http.response.x_frame_options.header_value", ""},
  };
  // The names of the headers that tell a target about the client's certificate and the connection.
  static const auto kHttps = [] {
    auto all = kHttp;
    for (const auto& [suffix, header] :
         {std::pair{"mtls_clientcert.header_name", "X-Amzn-Mtls-Clientcert"},
          std::pair{"mtls_clientcert_issuer.header_name", "X-Amzn-Mtls-Clientcert-Issuer"},
          std::pair{"mtls_clientcert_leaf.header_name", "X-Amzn-Mtls-Clientcert-Leaf"},
          std::pair{"mtls_clientcert_serial_number.header_name", "X-Amzn-Mtls-Clientcert-Serial-Number"},
          std::pair{"mtls_clientcert_subject.header_name", "X-Amzn-Mtls-Clientcert-Subject"},
          std::pair{"mtls_clientcert_validity.header_name", "X-Amzn-Mtls-Clientcert-Validity"},
          std::pair{"tls_cipher_suite.header_name", "X-Amzn-Tls-Cipher-Suite"},
          std::pair{"tls_version.header_name", "X-Amzn-Tls-Version"}}) {
      all[std::string("routing.http.request.x_amzn_") + suffix] = header;
    }
    return all;
  }();
  return protocol == "HTTPS" ? kHttps : kHttp;
}

// Names of headers, values of headers, and whether to send one.
void CheckListenerAttribute(const std::string& key, const std::string& value) {
  const auto all = [&](auto&& fits) { return std::all_of(value.begin(), value.end(), fits); };
  bool is_valid = true;
  if (key.ends_with(".enabled")) {
    is_valid = value == "true" || value == "false";
  } else if (key.ends_with(".header_name")) {
    is_valid = !value.empty() && value.size() <= 40 &&
               all([](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; });
  } else {
    is_valid = value.size() <= 1024 && all([](unsigned char c) { return c >= 0x20 && c <= 0x7e; });
  }
  if (!is_valid) {
    throw ApiError("InvalidConfigurationRequest",
                   fmt::format("Listener attribute '{}' value '{}' is not valid", key, value));
  }
}

Json ListenerAttributes(const Json& listener) {
  const Json& changed = Fields(listener, "_attributes");
  Json list = Json::array();
  for (const auto& [key, value] : DefaultAttributes(Text(listener, "Protocol"))) {
    list.push_back({{"Key", key}, {"Value", changed.value(key, value)}});
  }
  return {{"Attributes", std::move(list)}};
}

Json DescribeListenerAttributes(Cloud&, Call& call) {
  return ListenerAttributes(Listener(call.txn, Text(call.input, "ListenerArn")));
}

Json ModifyListenerAttributes(Cloud&, Call& call) {
  const std::string arn = Text(call.input, "ListenerArn");
  Json listener = Listener(call.txn, arn);
  for (const auto& attribute : Items(call.input, "Attributes")) {
    const std::string key = Text(attribute, "Key");
    if (!DefaultAttributes(Text(listener, "Protocol")).contains(key)) {
      throw ApiError("InvalidConfigurationRequest", fmt::format("Listener attribute key '{}' is not recognized", key));
    }
    CheckListenerAttribute(key, Text(attribute, "Value"));
    listener["_attributes"][key] = Text(attribute, "Value");
  }
  call.txn.Put(kListeners, arn, listener);
  return ListenerAttributes(listener);
}

// ---- Certificates

Json& HttpsListener(Txn& txn, const std::string& arn) {
  if (Text(Listener(txn, arn), "Protocol") != "HTTPS") {
    throw ApiError("OperationNotPermitted", fmt::format("Listener '{}' is not an HTTPS listener", arn));
  }
  return txn.Edit(kListeners, arn);
}

Json AddListenerCertificates(Cloud&, Call& call) {
  auto& txn = call.txn;
  const std::string listener_arn = Text(call.input, "ListenerArn");
  Json& listener = HttpsListener(txn, listener_arn);
  Json added = Json::array();
  for (const auto& certificate : Items(call.input, "Certificates")) {
    const std::string arn = Text(certificate, "CertificateArn");
    CheckCertificate(txn, arn);
    Json& list = listener["_certificates"];
    const Json entry{{"CertificateArn", arn}};
    if (std::find(list.begin(), list.end(), entry) == list.end()) list.push_back(entry);
    added.push_back({{"CertificateArn", arn}, {"IsDefault", false}});
  }
  std::size_t certificates = 0;
  for (const auto& sibling : ListenerArns(txn, Text(listener, "LoadBalancerArn"))) {
    certificates += Items(Listener(txn, sibling), "_certificates").size();
  }
  if (certificates > static_cast<std::size_t>(kMaxCertificatesPerLoadBalancer)) {
    throw ApiError("TooManyCertificates",
                   fmt::format("The maximum number of certificates per load balancer, '{}', has been reached",
                               kMaxCertificatesPerLoadBalancer));
  }
  return {{"Certificates", std::move(added)}};
}

Json RemoveListenerCertificates(Cloud&, Call& call) {
  Json& listener = HttpsListener(call.txn, Text(call.input, "ListenerArn"));
  for (const auto& certificate : Items(call.input, "Certificates")) {
    const std::string arn = Text(certificate, "CertificateArn");
    if (Text(listener["Certificates"][0], "CertificateArn") == arn) {
      throw ApiError("OperationNotPermitted", "The default certificate of a listener cannot be removed");
    }
    Json& list = listener["_certificates"];
    list.erase(std::remove(list.begin(), list.end(), Json({{"CertificateArn", arn}})), list.end());
  }
  return Json::object();
}

Json DescribeListenerCertificates(Cloud&, Call& call) {
  const Json& listener = Listener(call.txn, Text(call.input, "ListenerArn"));
  std::vector<Json> list;
  for (const auto& certificate : Items(listener, "Certificates")) {
    list.push_back({{"CertificateArn", certificate["CertificateArn"]}, {"IsDefault", true}});
  }
  for (const auto& certificate : Items(listener, "_certificates")) {
    list.push_back({{"CertificateArn", certificate["CertificateArn"]}, {"IsDefault", false}});
  }
  return MarkedPage(call.input, std::move(list), "Certificates");
}

// ---- Rules

std::size_t CountRules(const Txn& txn, const std::string& load_balancer_arn) {
  std::size_t count = 0;
  for (const auto& [arn, rule] : txn.All(kRules)) {
    const Json* listener = txn.Find(kListeners, Text(rule, "_listener"));
    if (!IsDefault(rule) && listener != nullptr && Text(*listener, "LoadBalancerArn") == load_balancer_arn) ++count;
  }
  return count;
}

Json CreateRule(Cloud& cloud, Call& call) {
  auto& txn = call.txn;
  const std::string listener_arn = Text(call.input, "ListenerArn");
  const Json& listener = Listener(txn, listener_arn);
  const std::string priority = std::to_string(Number(call.input, "Priority"));
  const Json conditions = NormalizeConditions(Items(call.input, "Conditions"));
  const Json actions = NormalizeActions(txn, Items(call.input, "Actions"), Text(listener, "Protocol"));
  const Json tags = CheckTags(Items(call.input, "Tags"));
  for (const Json* rule : RulesOf(txn, listener_arn)) {
    if (Text(*rule, "Priority") == priority) {
      throw ApiError("PriorityInUse", fmt::format("Priority '{}' is currently in use", priority));
    }
  }
  if (CountRules(txn, Text(listener, "LoadBalancerArn")) >= static_cast<std::size_t>(kMaxRulesPerLoadBalancer)) {
    throw ApiError("TooManyRules", fmt::format("The maximum number of rules per load balancer, '{}', has been reached",
                                               kMaxRulesPerLoadBalancer));
  }
  const std::string arn = NewRuleArn(listener_arn, cloud.random);
  Json rule{{"RuleArn", arn},     {"Priority", priority}, {"Conditions", conditions},
            {"Actions", actions}, {"IsDefault", false},   {"_listener", listener_arn},
            {"_tags", tags}};
  txn.Put(kRules, arn, rule);
  UpdateAssociations(txn);
  return {{"Rules", Json::array({std::move(rule)})}};
}

Json DescribeRules(Cloud&, Call& call) {
  auto& txn = call.txn;
  const auto arns = Strings(call.input, "RuleArns");
  const std::string listener = Text(call.input, "ListenerArn");
  if (arns.empty() == listener.empty()) throw Invalid("You must specify either a listener ARN or rule ARNs");
  std::vector<Json> found;
  for (const auto& arn : arns) found.push_back(Rule(txn, arn));
  if (!listener.empty()) {
    Listener(txn, listener);
    for (const Json* rule : RulesOf(txn, listener)) found.push_back(*rule);
  }
  return MarkedPage(call.input, std::move(found), "Rules");
}

Json ModifyRule(Cloud&, Call& call) {
  auto& txn = call.txn;
  const std::string arn = Text(call.input, "RuleArn");
  Json rule = Rule(txn, arn);
  if (IsDefault(rule))
    throw ApiError("OperationNotPermitted",
                   fmt::format("Default rule '{}' cannot be modified; modify the listener", arn));
  if (call.input.contains("Conditions")) rule["Conditions"] = NormalizeConditions(call.input["Conditions"]);
  if (call.input.contains("Actions")) {
    rule["Actions"] =
        NormalizeActions(txn, call.input["Actions"], Text(Listener(txn, Text(rule, "_listener")), "Protocol"));
  }
  txn.Put(kRules, arn, rule);
  UpdateAssociations(txn);
  return {{"Rules", Json::array({std::move(rule)})}};
}

Json DeleteRule(Cloud&, Call& call) {
  const std::string arn = Text(call.input, "RuleArn");
  if (IsDefault(Rule(call.txn, arn))) {
    throw ApiError("OperationNotPermitted", fmt::format("Default rule '{}' cannot be deleted", arn));
  }
  call.txn.Erase(kRules, arn);
  UpdateAssociations(call.txn);
  return Json::object();
}

Json SetRulePriorities(Cloud&, Call& call) {
  auto& txn = call.txn;
  std::set<std::string> listeners;
  std::vector<Json> changed;
  for (const auto& pair : Items(call.input, "RulePriorities")) {
    const std::string arn = Text(pair, "RuleArn");
    const Json& rule = Rule(txn, arn);
    if (IsDefault(rule)) {
      throw ApiError("OperationNotPermitted", fmt::format("The priority of default rule '{}' cannot be changed", arn));
    }
    listeners.insert(Text(rule, "_listener"));
    Json& document = txn.Edit(kRules, arn);
    document["Priority"] = std::to_string(Number(pair, "Priority"));
    changed.push_back(document);
  }
  if (listeners.size() > 1) throw Invalid("All rules must belong to the same listener");
  for (const auto& listener : listeners) {
    std::set<std::string> seen;
    for (const Json* rule : RulesOf(txn, listener)) {
      const std::string priority = Text(*rule, "Priority");
      if (!seen.insert(priority).second) {
        throw ApiError("PriorityInUse", fmt::format("Priority '{}' is currently in use", priority));
      }
    }
  }
  return {{"Rules", Json(std::move(changed))}};
}

}  // namespace

void RegisterListeners(Api& api, Cloud& cloud) {
  RegisterHandlers(api, cloud, "elbv2",
                   {{"CreateListener", CreateListener},
                    {"DescribeListeners", DescribeListeners},
                    {"ModifyListener", ModifyListener},
                    {"DeleteListener", DeleteListener},
                    {"DescribeListenerAttributes", DescribeListenerAttributes},
                    {"ModifyListenerAttributes", ModifyListenerAttributes},
                    {"AddListenerCertificates", AddListenerCertificates},
                    {"RemoveListenerCertificates", RemoveListenerCertificates},
                    {"DescribeListenerCertificates", DescribeListenerCertificates},
                    {"CreateRule", CreateRule},
                    {"DescribeRules", DescribeRules},
                    {"ModifyRule", ModifyRule},
                    {"DeleteRule", DeleteRule},
                    {"SetRulePriorities", SetRulePriorities}});
}

}  // namespace adhoc::localcloud::elbv2
