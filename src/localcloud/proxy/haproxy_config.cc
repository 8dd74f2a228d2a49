#include "localcloud/proxy/haproxy_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <numeric>
#include <utility>

#include "aws/sign/sigv4.h"
#include "base/error.h"
#include "localcloud/proxy/access_log.h"
#include "localcloud/proxy/haproxy_match.h"

namespace adhoc::localcloud::proxy {
namespace {

std::string Page(std::string_view title) {
  return fmt::format(
      "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n</body>\r\n</html>\r\n",
      title);
}

// Eight hexadecimal digits of chance: decimal ones, the cheapest that HAProxy has.
constexpr std::string_view kDigits = "%[rand(90000000),add(10000000)]";

// A target that refuses connections has done so twice by then; one that is gone has not, not even where the kernel says
// after three seconds that there is nobody at its address.
constexpr int kUnreachableMilliseconds = 2500;

// The headers that every answer of a load balancer's own has.
constexpr std::string_view kOwnHeaders = "hdr Server awselb/2.0 hdr Date %[date,http_date]";

// The lines that put a cookie of the load balancer into an answer, twice: browsers send the second one to other sites'
// requests too. `value` is in base64.
std::string SetCookies(std::string_view name, std::string_view value, std::string_view condition) {
  const auto line = [&](std::string_view suffix, std::string_view attributes) {
    return fmt::format(
        "  http-response add-header Set-Cookie \"{}{}={}; Expires=%[date(604800),http_date]; Path=/{}\"{}\n", name,
        suffix, value, attributes, condition);
  };
  return line("", "") + line("CORS", "; SameSite=None%[var(txn.secure)]");
}

// Reads what a cookie of the load balancer's says into a variable, unless its time is over.
std::string ReadCookie(std::string_view variable, std::initializer_list<std::string_view> names) {
  std::string text;
  for (const auto name : names) {
    text +=
        fmt::format("  http-request set-var({0}) req.cook({1}),b64dec if !{{ var({0}) -m found }}\n", variable, name);
  }
  return text + fmt::format(
                    "  http-request set-var(txn.now) date\n"
                    "  http-request unset-var({0}) if {{ var({0}),field(2,|),sub(txn.now) -m int le 0 }}\n",
                    variable);
}

class Renderer {
 public:
  Renderer(const LoadBalancerModel& model, const std::string& directory) : model_(model), directory_(directory) {}

  HaproxyConfig Render() {
    RenderListeners();
    RenderTargetGroups();
    std::string identity = head_ = Head();
    for (const auto& text : sections_) identity += text;
    for (const auto& [name, content] : config_.files) identity += name + "\n" + content + "\n";
    config_.version = aws::Sha256Hex(identity).substr(0, 16);
    config_.text =
        fmt::format(
            "# Made by the local cloud; changes are overwritten.\nglobal\n  set-var proc.adhoc_version str({})\n",
            config_.version) +
        head_;
    for (std::size_t i = 0; i < sections_.size(); ++i) config_.text += sections_[i] + servers_[i];
    return std::move(config_);
  }

 private:
  // Continues the global section.
  std::string Head() {
    // A request that is no HTTP/1 gets what HAProxy's parser has built in for 400, 408 and 501: with `errorfile` and
    // `http-error` it takes nothing there but silence.
    std::string errors;
    for (const std::string_view title :
         {"400 Bad Request", "408 Request Timeout", "500 Internal Server Error", "502 Bad Gateway",
          "503 Service Temporarily Unavailable", "504 Gateway Time-out"}) {
      errors += fmt::format("  http-error status {}\n", Answer(title));
    }
    return fmt::format(
        "  log stdout format raw local0 notice\n"
        "  nbthread 2\n"
        "  fd-hard-limit 20000\n"
        "  no strict-limits\n"
        "  hard-stop-after 10m\n"
        // An ALB takes 64 K of headers.
        "  tune.bufsize 69632\n"
        "{2}\n"
        "defaults\n"
        "  mode http\n"
        "  option http-server-close\n"
        "  option idle-close-on-response\n"
        "  option redispatch 1\n"
        "  option abortonclose\n"
        // Two attempts, so that like an ALB it gives up after ten seconds. A refused one is followed by one at another
        // target at once, by one at the same target after a second.
        "  retries 1\n"
        "  timeout connect 5s\n"
        "  timeout client {0}s\n"
        "  timeout server {0}s\n"
        "  timeout tunnel {0}s\n"
        "  timeout http-request {0}s\n"
        "  timeout http-keep-alive {0}s\n"
        "{1}",
        model_.idle_seconds, errors,
        model_.access_log ? AccessLogRing(fmt::format("{}/{}", directory_, kAccessLogSocket)) : "");
  }

  // The path of a file with this content.
  std::string File(std::string_view suffix, const std::string& content) {
    const std::string name = aws::Sha256Hex(content).substr(0, 16) + std::string(suffix);
    config_.files[name] = content;
    return directory_ + "/" + name;
  }

  // The arguments of `http-error` or `http-request return` for a page of the load balancer's own.
  std::string Answer(std::string_view title) {
    return fmt::format("{} content-type text/html file {} {}", title.substr(0, 3), File(".html", Page(title)),
                       kOwnHeaders);
  }

  // `servers` may change without a new version.
  void AddSection(std::string text, std::string servers = "") {
    sections_.push_back(std::move(text));
    servers_.push_back(std::move(servers));
  }

  void RenderListeners() {
    for (const auto& listener : model_.listeners) {
      if (listener.tls && listener.certificates.empty()) continue;  // HAProxy would refuse the whole configuration
      RenderListener(listener);
    }
  }

  void RenderListener(const ListenerModel& listener) {
    const std::string frontend = fmt::format("p{}", listener.port);
    const std::string again = fmt::format("unix@{}/{}.sock", directory_, frontend);
    std::string text = fmt::format("\nfrontend {}\n  bind :{}", frontend, listener.port);
    if (listener.tls) {
      text += " ssl";
      for (const auto& pem : listener.certificates) text += " crt " + File(".pem", pem);
      text += model_.http2 ? " alpn h2,http/1.1" : " alpn http/1.1";
    }
    // A kept-alive connection outlives a reload: its next request still comes to the old worker, whose rules and
    // targets are no longer true and can no longer be changed. It hands the request as it is to the worker in charge,
    // then closes.
    text += fmt::format(
        "\n  bind {} accept-proxy mode 600\n"
        // What is the same for every request of a connection is made once.
        "  tcp-request session set-var-fmt(sess.client) {}\n"
        "  tcp-request session set-var-fmt(sess.chance) {}\n"
        "{}"
        "  http-request allow if {{ stopping }}\n",
        again, model_.forwarded_for_port ? "%[src]:%[src_port]" : "%[src]", kDigits,
        model_.access_log ? "  http-request set-log-level silent if { stopping }\n" : "");
    text += HandOver(listener, frontend);
    if (model_.access_log) text += AccessLogRules(listener.tls, listener.port);
    answering_backends_.push_back(
        fmt::format("\nbackend {}-again\n  server again {} send-proxy-v2\n", frontend, again));
    text += fmt::format(
        "  http-request return status {} if METH_TRACE\n"
        "  http-request return status {} if {{ url -m len gt 16384 }}\n"
        // Of what most requests lack, a variable is cheaper to ask than the headers.
        "  http-request set-var(txn.forwarded) req.fhdr(x-forwarded-for)\n"
        "  acl is_forwarded var(txn.forwarded) -m found\n"
        "  http-request return status {} if is_forwarded {{ req.hdr_cnt(x-forwarded-for) gt 30 }}\n",
        Answer("405 Not Allowed"), Answer("414 Request-URI Too Large"), Answer("463"));
    const bool sticky = std::any_of(listener.rules.begin(), listener.rules.end(),
                                    [](const RuleModel& rule) { return GroupSeconds(rule) > 0; });
    if (sticky) text += ReadCookie("txn.group", {"AWSALBTG", "AWSALBTGCORS"});
    text += RequestHeaders(listener);
    // Which rule takes a request is decided by `use_backend`, which ends with the first that fits. Only where somebody
    // asks for the rule's name later, a variable keeps it.
    const bool named = sticky || model_.access_log;
    std::string choices;
    for (const auto& rule : listener.rules) {
      std::string when;
      int number = 0;
      for (const auto& condition : rule.conditions) {
        const std::string acl = fmt::format("r{}-{}", rule.name, number++);
        for (const auto& test : ConditionTests(condition)) text += fmt::format("  acl {} {}\n", acl, test);
        when += " " + acl;
      }
      if (named) {
        text += fmt::format("  http-request set-var(txn.rule) str({}) if !{{ var(txn.rule) -m found }}{}\n", rule.name,
                            when);
      }
      choices += RenderChoice(listener, frontend, rule, when);
    }
    text += RenderGroupStickiness(listener);
    text += ResponseHeaders(listener, frontend);
    text += fmt::format(
        "  use_backend {}-again if {{ stopping }}\n"
        "{}{}",
        frontend,
        listener.neighbours.empty() ? "" : "  use_backend %[var(txn.neighbour)] if { var(txn.neighbour) -m found }\n",
        choices);
    AddSection(std::move(text));
    for (auto& backend : std::exchange(answering_backends_, {})) AddSection(std::move(backend));
  }

  // Of requests for other load balancers, before anything is done to them.
  std::string HandOver(const ListenerModel& listener, const std::string& frontend) {
    std::string text;
    int number = 0;
    for (const auto& neighbour : listener.neighbours) {
      const std::string backend = fmt::format("{}-n{}", frontend, number++);
      const Json condition{{"Field", "host-header"}, {"HostHeaderConfig", {{"Values", neighbour.hosts}}}};
      for (const auto& test : ConditionTests(condition)) text += fmt::format("  acl for-{} {}\n", backend, test);
      text += fmt::format("  http-request set-var(txn.neighbour) str({0}) if for-{0}\n", backend);
      answering_backends_.push_back(fmt::format("\nbackend {}\n  server neighbour unix@{}/{}.sock send-proxy-v2\n",
                                                backend, neighbour.directory, frontend));
    }
    if (text.empty()) return text;
    if (model_.access_log) text += "  http-request set-log-level silent if { var(txn.neighbour) -m found }\n";
    return text + "  http-request allow if { var(txn.neighbour) -m found }\n";
  }

  // What a target is told in headers.
  std::string RequestHeaders(const ListenerModel& listener) const {
    std::string text;
    if (model_.drop_invalid_headers) text += "  http-request del-header [^-a-zA-Z0-9] -m reg\n";
    text += ForwardedFor();
    text += fmt::format(
        "  http-request set-header X-Forwarded-Proto {}\n"
        "  http-request set-header X-Forwarded-Port {}\n",
        listener.tls ? "https" : "http", listener.port);
    if (listener.tls && model_.tls_headers) {
      for (const auto& name : {listener.tls_version_header, listener.tls_cipher_header}) {
        if (!IsHeaderName(name)) throw Error(fmt::format("cannot send the header '{}': unusual characters", name));
      }
      text += fmt::format(
          "  http-request set-header {} %[ssl_fc_protocol]\n"
          "  http-request set-header {} %[ssl_fc_cipher]\n",
          listener.tls_version_header, listener.tls_cipher_header);
    }
    // A trace that somebody has begun goes on, with this load balancer as `Self`. An id is eight hexadecimal digits of
    // time and 24 of chance, a third of which the connection's requests have in common.
    text += fmt::format(
        "  http-request set-var(txn.traced) req.fhdr(x-amzn-trace-id)\n"
        "  acl is_traced var(txn.traced) -m found\n"
        "  acl has_root var(txn.traced) -m sub Root=\n"
        "  http-request add-header X-Amzn-Trace-Id Root={0} if !is_traced\n"
        "  http-request set-header X-Amzn-Trace-Id \"Self={0};%[var(txn.traced),regsub(Self=[^;]*;?,)]\" "
        "if is_traced has_root\n"
        "  http-request set-header X-Amzn-Trace-Id \"Root={0};%[var(txn.traced)]\" if is_traced !has_root\n",
        fmt::format("1-%[date,bytes(4),hex,lower]-%[var(sess.chance)]{0}{0}", kDigits));
    if (model_.access_log) text += "  http-request set-var(txn.trace) req.hdr(x-amzn-trace-id)\n";
    if (listener.tls) text += "  http-request set-var(txn.secure) str(\"; Secure\")\n";
    if (!model_.preserve_host_header) {
      // As most clients have written it already: with the port, unless it is the usual one.
      text += listener.port == 80 || listener.port == 443
                  ? "  http-request set-header Host %[req.fhdr(host),host_only] if { req.fhdr(host) -m sub : }\n"
                  : fmt::format(
                        "  http-request set-header Host %[req.fhdr(host),host_only]:{0} "
                        "if {{ req.fhdr(host),port_only,xor({0}) -m bool }}\n",
                        listener.port);
    }
    return text;
  }

  // What the listener's attributes make of answers. Those of another worker or load balancer have theirs already.
  static std::string ResponseHeaders(const ListenerModel& listener, const std::string& frontend) {
    if (listener.response_headers.empty() && listener.server_header) return "";
    std::string text = fmt::format("  acl is_handed_over be_name -m str -- {}-again\n", frontend);
    if (!listener.neighbours.empty()) text += "  acl is_handed_over var(txn.neighbour) -m found\n";
    for (const auto& [name, value] : listener.response_headers) {
      if (!IsHeaderName(name)) throw Error(fmt::format("cannot send the header '{}': unusual characters", name));
      text +=
          fmt::format("  http-after-response set-header {} {} unless is_handed_over\n", name, HeaderValueFormat(value));
    }
    if (!listener.server_header) {
      text += "  http-after-response del-header Server if !is_handed_over { res.fhdr(server) -m str -- awselb/2.0 }\n";
    }
    return text;
  }

  std::string ForwardedFor() const {
    if (model_.forwarded_for == "preserve") return "";
    if (model_.forwarded_for == "remove") return "  http-request del-header X-Forwarded-For\n";
    return "  acl is_forwarded_once req.fhdr_cnt(x-forwarded-for) eq 1\n"
           "  http-request set-header X-Forwarded-For \"%[var(txn.forwarded)], %[var(sess.client)]\" "
           "if is_forwarded is_forwarded_once\n"
           "  http-request add-header X-Forwarded-For %[var(sess.client)] if !is_forwarded || !is_forwarded_once\n";
  }

  // The backends of what a rule does `when` its conditions are met.
  std::string RenderChoice(const ListenerModel& listener, const std::string& frontend, const RuleModel& rule,
                           const std::string& when) {
    std::string text;
    const auto choose = [&](const std::string& backend, const std::string& further = "") {
      const std::string condition = when + further;
      text += fmt::format("  use_backend {}{}{}\n", backend, condition.empty() ? "" : " if", condition);
    };
    const auto answer = [&](const std::string& how) {
      const std::string backend = fmt::format("{}-r{}", frontend, rule.name);
      answering_backends_.push_back(fmt::format("\nbackend {}\n{}", backend, how));
      choose(backend);
      return text;
    };
    const Json& action = rule.actions.at(0);
    if (Member(action, "Type") != "forward") return answer(Respond(listener, action));
    const Json& groups = action.at("ForwardConfig").at("TargetGroups");
    std::vector<std::pair<std::string, int>> weighted;
    for (const auto& group : groups) {
      const int weight = groups.size() == 1 ? 1 : group.value("Weight", 1);
      if (weight > 0) weighted.emplace_back(BackendOf(Member(group, "TargetGroupArn")), weight);
    }
    if (weighted.empty()) {
      return answer(fmt::format("  http-request return status {}\n", Answer("503 Service Temporarily Unavailable")));
    }
    if (weighted.size() > 1 && GroupSeconds(rule) > 0) {
      for (const auto& [backend, weight] : weighted) {
        choose(backend, fmt::format(" {{ var(txn.group),field(1,|) -m str -- {} }}", backend));
      }
    }
    // Each by its share of what the ones before it have left.
    int left =
        std::accumulate(weighted.begin(), weighted.end(), 0, [](int sum, const auto& w) { return sum + w.second; });
    for (std::size_t i = 0; i + 1 < weighted.size(); ++i) {
      choose(weighted[i].first, fmt::format(" {{ rand({}) lt {} }}", left, weighted[i].second));
      left -= weighted[i].second;
    }
    choose(weighted.back().first);
    return text;
  }

  // For how long a rule's requests of one client go to the same target group; 0: it isn't sticky.
  static int GroupSeconds(const RuleModel& rule) {
    const Json& action = rule.actions.at(0);
    if (!action.contains("ForwardConfig")) return 0;
    const Json stickiness = action["ForwardConfig"].value("TargetGroupStickinessConfig", Json::object());
    return stickiness.value("Enabled", false) ? stickiness.value("DurationSeconds", 0) : 0;
  }

  // The cookies that name the target group.
  static std::string RenderGroupStickiness(const ListenerModel& listener) {
    std::string text;
    for (const auto& rule : listener.rules) {
      if (const int seconds = GroupSeconds(rule); seconds > 0) {
        text += fmt::format(
            "  http-response set-var-fmt(txn.group_cookie) \"%[be_name]|%[date({})]\" "
            "if {{ var(txn.rule) -m str -- {} }}\n",
            seconds, rule.name);
      }
    }
    if (text.empty()) return text;
    return text + SetCookies("AWSALBTG", "%[var(txn.group_cookie),base64]", " if { var(txn.group_cookie) -m found }");
  }

  std::string BackendOf(const std::string& arn) const {
    const auto found = model_.target_groups.find(arn);
    if (found == model_.target_groups.end()) throw Error(fmt::format("no target group '{}'", arn));
    return "tg-" + found->second.name;
  }

  std::string Respond(const ListenerModel& listener, const Json& action) {
    if (Member(action, "Type") == "redirect") {
      const Json& redirect = action.at("RedirectConfig");
      const bool permanent = Member(redirect, "StatusCode") == "HTTP_301";
      return fmt::format(
          "  http-request set-var-fmt(txn.query) ?%[query] if {{ query -m len gt 0 }}\n"
          "  http-request set-var-fmt(txn.location) '{}'\n"
          "  http-request return status {} hdr Location %[var(txn.location)]\n"
          "{}",
          RedirectFormat(redirect, listener.tls, listener.port),
          Answer(permanent ? "301 Moved Permanently" : "302 Found"),
          permanent ? "" : "  http-after-response set-status 302 reason Found\n");
    }
    const Json& fixed = action.at("FixedResponseConfig");
    const std::string status = Member(fixed, "StatusCode");
    if (status.size() != 3 ||
        !std::all_of(status.begin(), status.end(), [](unsigned char c) { return std::isdigit(c) != 0; })) {
      throw Error(fmt::format("cannot answer with the status '{}'", status));
    }
    const std::string body = Member(fixed, "MessageBody");
    if (body.empty()) return fmt::format("  http-request return status {} {}\n", status, kOwnHeaders);
    std::string type = Member(fixed, "ContentType");
    if (!IsPlain(type)) type = "text/plain";
    return fmt::format("  http-request return status {} content-type {} file {} {}\n", status, type,
                       File(".body", body), kOwnHeaders);
  }

  void RenderTargetGroups() {
    // What HAProxy calls 503 with a server to try: it refused, twice within a second, or could not be reached.
    const std::string unreachable = File(
        ".html", Page(fmt::format("%[date(0,ms),sub(txn.begun),div({}),bool,iif(504 Gateway Time-out,502 Bad Gateway)]",
                                  kUnreachableMilliseconds)));
    for (const auto& [arn, group] : model_.target_groups) {
      const std::string backend = "tg-" + group.name;
      std::string text = fmt::format("\nbackend {}\n  balance {}\n", backend,
                                     group.algorithm == "least_outstanding_requests" ? "leastconn"
                                     : group.algorithm == "weighted_random"          ? "random(1)"
                                                                                     : "roundrobin");
      // Not `nbsrv`, which is 0 in every worker that a reload has replaced, whatever servers it has.
      text += fmt::format("  http-request return status {} if {{ connslots({}) eq 0 }}\n",
                          Answer("503 Service Temporarily Unavailable"), backend);
      if (group.stickiness.seconds > 0) text += RenderStickiness(group.stickiness);
      text += fmt::format(
          "  http-request set-var(txn.begun) date(0,ms)\n"
          "  http-response set-var(txn.target_status) {}\n"
          "  http-error status 503 content-type text/html lf-file {} {}\n"
          // In the order that ends soonest for what a target has answered.
          "  acl has_answered var(txn.target_status) -m found\n"
          "  acl unreachable status 503\n"
          "  acl has_begun var(txn.begun) -m found\n"
          "  http-after-response set-status 504 reason \"Gateway Time-out\" if !has_answered unreachable has_begun "
          "{{ date(0,ms),sub(txn.begun) ge {} }}\n"
          "  http-after-response set-status 502 reason \"Bad Gateway\" if !has_answered unreachable has_begun\n",
          // Without an access log, that there is one is all that is asked of it.
          model_.access_log ? "status" : "bool(true)", unreachable, kOwnHeaders, kUnreachableMilliseconds);
      if (group.stickiness.seconds > 0) {
        text += "  use-server %[var(txn.stuck),field(1,|)] if { var(txn.stuck) -m found }\n";
      }
      std::string servers;
      HaproxyConfig::Backend entry;
      for (const auto& server : group.servers) {
        std::string name = server.ip;
        std::replace(name.begin(), name.end(), '.', '_');
        name = fmt::format("t{}-{}", name, server.port);
        const std::string address = fmt::format("{}:{}{}", server.ip, server.port, group.tls ? " ssl verify none" : "");
        servers += fmt::format("  server {} {} weight {}\n", name, address, server.weight);
        entry.servers[name] = {address, server.weight};
      }
      AddSection(std::move(text), std::move(servers));
      config_.backends[backend] = std::move(entry);
    }
  }

  // A cookie names the server. One that isn't there (any more) is as good as none.
  static std::string RenderStickiness(const StickinessModel& stickiness) {
    const std::string& application = stickiness.application;
    std::string text = application.empty() ? ReadCookie("txn.stuck", {"AWSALB", "AWSALBCORS"})
                                           : ReadCookie("txn.stuck", {"AWSALBAPP-0"});
    if (!application.empty()) {
      if (!IsHeaderName(application)) {
        throw Error(fmt::format("cannot be sticky by the cookie '{}': its name has unusual characters", application));
      }
      text += fmt::format("  http-request unset-var(txn.stuck) if !{{ req.cook({}) -m found }}\n", application);
    }
    text += fmt::format("  http-response set-var-fmt(txn.cookie) \"%s|%[date({})]\"\n", stickiness.seconds);
    if (application.empty()) return text + SetCookies("AWSALB", "%[var(txn.cookie),base64]", "");
    // An ALB spreads what doesn't fit over four cookies, and takes back those that it does not need.
    text += fmt::format("  acl is_stuck res.cook({}) -m found\n  acl is_stuck var(txn.stuck) -m found\n", application);
    const auto set = [&](int number, std::string_view value, std::string_view condition) {
      text += fmt::format(
          "  http-response add-header Set-Cookie \"AWSALBAPP-{}={}; Expires=%[date(604800),http_date]; Path=/\"{}\n",
          number, value, condition);
    };
    set(0, "%[var(txn.cookie),base64]", " if is_stuck");
    set(0, "_remove_", " if !is_stuck");
    for (int number = 1; number <= 3; ++number) set(number, "_remove_", "");
    return text;
  }

  const LoadBalancerModel& model_;
  std::string directory_;
  HaproxyConfig config_;
  std::string head_;
  std::vector<std::string> sections_;
  std::vector<std::string> servers_;             // of each section
  std::vector<std::string> answering_backends_;  // of the frontend being rendered
};

}  // namespace

HaproxyConfig RenderHaproxyConfig(const LoadBalancerModel& model, const std::string& directory) {
  return Renderer(model, directory).Render();
}

}  // namespace adhoc::localcloud::proxy
