#include "localcloud/proxy/haproxy_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <numeric>
#include <utility>

#include "aws/sign/sigv4.h"
#include "base/error.h"

namespace adhoc::localcloud::proxy {
namespace {

bool IsAlphanumeric(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

bool IsOneOf(std::string_view characters, char c) { return characters.find(c) != std::string_view::npos; }

// Whether the text means itself to HAProxy's parser, unquoted and in every match method.
bool IsPlain(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return IsAlphanumeric(c) || IsOneOf("/_.~:@+-", c); });
}

std::string Member(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? "" : found->get<std::string>();
}

// The regular expression of one character that must not mean anything.
std::string EscapeForRegex(char c) {
  if (IsAlphanumeric(c) || IsOneOf("/_-", c)) return {c};
  if (c == '.') return "\\.";
  return fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
}

std::string Wildcards(std::string_view pattern, bool escapes, std::string_view any) {
  std::string regex;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (escapes && pattern[i] == '\\' && i + 1 < pattern.size()) {
      regex += EscapeForRegex(pattern[++i]);
    } else if (pattern[i] == '*') {
      regex += fmt::format("{}*", any);
    } else if (pattern[i] == '?') {
      regex += any;
    } else {
      regex += EscapeForRegex(pattern[i]);
    }
  }
  return regex;
}

// A pattern as the cheapest match that means the same.
std::string Match(std::string_view pattern) {
  if (IsPlain(pattern)) return fmt::format("-m str -- {}", pattern);
  if (pattern.ends_with('*') && IsPlain(pattern.substr(0, pattern.size() - 1))) {
    return fmt::format("-m beg -- {}", pattern.substr(0, pattern.size() - 1));
  }
  if (pattern.starts_with('*') && IsPlain(pattern.substr(1))) return fmt::format("-m end -- {}", pattern.substr(1));
  return fmt::format("-m reg -- '{}'", WildcardToRegex(pattern));
}

std::string QueryMatch(const Json& pair) {
  const std::string key = Member(pair, "Key");
  const std::string value = Wildcards(Member(pair, "Value"), true, "[^&]");
  const std::string name = key.empty() ? "([^&=]*=)?" : Wildcards(key, true, "[^&=]") + "=";
  return fmt::format("-m reg -- '(^|&){}{}(&|$)'", name, value);
}

// An IPv4 or IPv6 range.
bool IsRange(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0 || IsOneOf(".:/", c); });
}

bool IsHeaderName(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return IsAlphanumeric(c) || IsOneOf("-_.", c); });
}

// The lines `acl <name> …`, any of which makes the condition true.
std::vector<std::string> ConditionTests(const Json& condition) {
  const std::string field = Member(condition, "Field");
  std::vector<std::string> tests;
  const auto values = [&](const char* config) -> const Json& { return condition.at(config).at("Values"); };
  if (field == "host-header") {
    for (const auto& value : values("HostHeaderConfig")) {
      tests.push_back("req.hdr(host),host_only -i " + Match(value.get<std::string>()));
    }
  } else if (field == "path-pattern") {
    for (const auto& value : values("PathPatternConfig")) tests.push_back("path " + Match(value.get<std::string>()));
  } else if (field == "http-header") {
    const std::string name = Member(condition.at("HttpHeaderConfig"), "HttpHeaderName");
    if (!IsHeaderName(name))
      throw Error(fmt::format("cannot match the header '{}': its name has unusual characters", name));
    for (const auto& value : values("HttpHeaderConfig")) {
      tests.push_back(
          fmt::format("req.fhdr({}) -i -m reg -- '{}'", name, WildcardToRegex(value.get<std::string>(), true)));
    }
  } else if (field == "http-request-method") {
    for (const auto& value : values("HttpRequestMethodConfig")) {
      const std::string method = value.get<std::string>();
      if (!IsHeaderName(method)) throw Error(fmt::format("cannot match the method '{}': unusual characters", method));
      tests.push_back("method -m str -- " + method);
    }
  } else if (field == "query-string") {
    for (const auto& value : values("QueryStringConfig")) tests.push_back("query -i " + QueryMatch(value));
  } else if (field == "source-ip") {
    for (const auto& value : values("SourceIpConfig")) {
      const std::string range = value.get<std::string>();
      if (!IsRange(range)) throw Error(fmt::format("cannot match the source '{}': not an address range", range));
      tests.push_back("src -- " + range);
    }
  } else {
    throw Error(fmt::format("cannot match a condition on '{}'", field));
  }
  return tests;
}

std::string Page(std::string_view title) {
  return fmt::format(
      "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n</body>\r\n</html>\r\n",
      title);
}

// A whole response, as `errorfile` wants it.
std::string ErrorFile(std::string_view status) {
  const std::string page = Page(status);
  return fmt::format(
      "HTTP/1.1 {}\r\nServer: awselb/2.0\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: "
      "close\r\n\r\n{}",
      status, page.size(), page);
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
    const std::string errors = fmt::format(
        "  errorfile 400 {}\n  errorfile 408 {}\n  errorfile 502 {}\n  errorfile 503 {}\n  errorfile 504 {}\n",
        File(".http", ErrorFile("400 Bad Request")), File(".http", ErrorFile("408 Request Timeout")),
        File(".http", ErrorFile("502 Bad Gateway")), File(".http", ErrorFile("503 Service Temporarily Unavailable")),
        File(".http", ErrorFile("504 Gateway Time-out")));
    return fmt::format(
        "  log stdout format raw local0 notice\n"
        "  nbthread 2\n"
        "  fd-hard-limit 20000\n"
        "  no strict-limits\n"
        "  hard-stop-after 10m\n"
        "\n"
        "defaults\n"
        "  mode http\n"
        "  log global\n"
        "  option dontlog-normal\n"
        "  option http-server-close\n"
        "  option idle-close-on-response\n"
        "  option redispatch 1\n"
        "  retries 3\n"
        "  timeout connect 10s\n"
        "  timeout client {0}s\n"
        "  timeout server {0}s\n"
        "  timeout tunnel {0}s\n"
        "  timeout http-request {0}s\n"
        "  timeout http-keep-alive {0}s\n"
        "{1}",
        model_.idle_seconds, errors);
  }

  // The path of a file with this content.
  std::string File(std::string_view suffix, const std::string& content) {
    const std::string name = aws::Sha256Hex(content).substr(0, 16) + std::string(suffix);
    config_.files[name] = content;
    return directory_ + "/" + name;
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
      text += " alpn h2,http/1.1";
    }
    // A kept-alive connection outlives a reload: its next request still comes to the old worker, whose rules and
    // targets are no longer true and can no longer be changed. It hands the request as it is to the worker in charge,
    // then closes.
    text += fmt::format(
        "\n  bind {} accept-proxy mode 600\n"
        "  http-request allow if {{ stopping }}\n",
        again);
    answering_backends_.push_back(
        fmt::format("\nbackend {}-again\n  server again {} send-proxy-v2\n", frontend, again));
    text += fmt::format(
        "  http-request return status 405 content-type text/html file {} hdr Server awselb/2.0 if METH_TRACE\n",
        File(".html", Page("405 Not Allowed")));
    text += ForwardedFor();
    text += fmt::format(
        "  http-request set-header X-Forwarded-Proto {}\n"
        "  http-request set-header X-Forwarded-Port {}\n"
        "  http-request set-header X-Amzn-Trace-Id Root=1-%[date,hex,bytes(8)]-%[uuid,regsub(-,,g),bytes(0,24)] "
        "if !{{ req.hdr(x-amzn-trace-id) -m found }}\n",
        listener.tls ? "https" : "http", listener.port);
    if (!model_.preserve_host_header) {
      const bool usual = listener.port == 80 || listener.port == 443;
      text +=
          fmt::format("  http-request set-header Host %[req.hdr(host),host_only]{} if {{ req.hdr(host) -m found }}\n",
                      usual ? "" : fmt::format(":{}", listener.port));
    }
    // Chosen once per request, before the rules refer to it.
    std::string choices;
    std::string rules = fmt::format("  use_backend {}-again if {{ stopping }}\n", frontend);
    for (const auto& rule : listener.rules) RenderRule(listener, frontend, rule, choices, rules);
    AddSection(text + choices + rules);
    for (auto& backend : std::exchange(answering_backends_, {})) AddSection(std::move(backend));
  }

  std::string ForwardedFor() const {
    if (model_.forwarded_for == "preserve") return "";
    if (model_.forwarded_for == "remove") return "  http-request del-header X-Forwarded-For\n";
    return "  http-request set-header X-Forwarded-For \"%[req.fhdr(x-forwarded-for)], %[src]\" "
           "if { req.fhdr_cnt(x-forwarded-for) eq 1 }\n"
           "  http-request add-header X-Forwarded-For %[src] if !{ req.fhdr_cnt(x-forwarded-for) eq 1 }\n";
  }

  void RenderRule(const ListenerModel& listener, const std::string& frontend, const RuleModel& rule,
                  std::string& choices, std::string& rules) {
    std::string when;
    int number = 0;
    for (const auto& condition : rule.conditions) {
      const std::string acl = fmt::format("r{}-{}", rule.name, number++);
      for (const auto& test : ConditionTests(condition)) rules += fmt::format("  acl {} {}\n", acl, test);
      when += " " + acl;
    }
    const Json& action = rule.actions.at(0);
    const std::string type = Member(action, "Type");
    if (type != "forward") {
      const std::string backend = fmt::format("{}-r{}", frontend, rule.name);
      answering_backends_.push_back(fmt::format("\nbackend {}\n{}", backend, Answer(listener, action)));
      rules += UseBackend(backend, when);
      return;
    }
    const Json& groups = action.at("ForwardConfig").at("TargetGroups");
    std::vector<std::pair<std::string, int>> weighted;
    for (const auto& group : groups) {
      const int weight = groups.size() == 1 ? 1 : group.value("Weight", 1);
      if (weight > 0) weighted.emplace_back(Member(group, "TargetGroupArn"), weight);
    }
    if (weighted.empty()) {
      const std::string backend = fmt::format("{}-r{}", frontend, rule.name);
      answering_backends_.push_back(fmt::format("\nbackend {}\n{}", backend, Unavailable()));
      rules += UseBackend(backend, when);
      return;
    }
    const int total =
        std::accumulate(weighted.begin(), weighted.end(), 0, [](int sum, const auto& w) { return sum + w.second; });
    const std::string variable = fmt::format("txn.choice_{}", rule.name);
    if (weighted.size() > 1) choices += fmt::format("  http-request set-var({}) rand({})\n", variable, total);
    int below = 0;
    for (std::size_t i = 0; i < weighted.size(); ++i) {
      below += weighted[i].second;
      const bool last = i + 1 == weighted.size();
      const std::string choice = last ? "" : fmt::format(" {{ var({}) -m int lt {} }}", variable, below);
      rules += UseBackend(BackendOf(weighted[i].first), when + choice);
    }
  }

  static std::string UseBackend(const std::string& backend, const std::string& when) {
    return when.empty() ? fmt::format("  default_backend {}\n", backend)
                        : fmt::format("  use_backend {} if{}\n", backend, when);
  }

  std::string BackendOf(const std::string& arn) const {
    const auto found = model_.target_groups.find(arn);
    if (found == model_.target_groups.end()) throw Error(fmt::format("no target group '{}'", arn));
    return "tg-" + found->second.name;
  }

  std::string Unavailable() {
    return fmt::format("  http-request return status 503 content-type text/html file {} hdr Server awselb/2.0\n",
                       File(".html", Page("503 Service Temporarily Unavailable")));
  }

  std::string Answer(const ListenerModel& listener, const Json& action) {
    if (Member(action, "Type") == "redirect") {
      const Json& redirect = action.at("RedirectConfig");
      const bool permanent = Member(redirect, "StatusCode") == "HTTP_301";
      return fmt::format(
          "  http-request set-var-fmt(txn.query) ?%[query] if {{ query -m len gt 0 }}\n"
          "  http-request return status {} content-type text/html file {} hdr Server awselb/2.0 hdr Location '{}'\n",
          permanent ? 301 : 302, File(".html", Page(permanent ? "301 Moved Permanently" : "302 Found")),
          RedirectFormat(redirect, listener));
    }
    const Json& fixed = action.at("FixedResponseConfig");
    const std::string status = Member(fixed, "StatusCode");
    if (status.size() != 3 ||
        !std::all_of(status.begin(), status.end(), [](unsigned char c) { return std::isdigit(c) != 0; })) {
      throw Error(fmt::format("cannot answer with the status '{}'", status));
    }
    const std::string body = Member(fixed, "MessageBody");
    if (body.empty()) return fmt::format("  http-request return status {} hdr Server awselb/2.0\n", status);
    std::string type = Member(fixed, "ContentType");
    if (!IsPlain(type)) type = "text/plain";
    return fmt::format("  http-request return status {} content-type {} file {} hdr Server awselb/2.0\n", status, type,
                       File(".body", body));
  }

  void RenderTargetGroups() {
    const std::string unreachable = File(".http", ErrorFile("502 Bad Gateway"));
    for (const auto& [arn, group] : model_.target_groups) {
      const std::string backend = "tg-" + group.name;
      std::string text = fmt::format("\nbackend {}\n  balance {}\n", backend,
                                     group.least_outstanding_requests ? "leastconn" : "roundrobin");
      if (group.sticky_seconds > 0) {
        text += fmt::format("  cookie AWSALB insert indirect nocache maxlife {}s\n", group.sticky_seconds);
      }
      // Not `nbsrv`, which is 0 in every worker that a reload has replaced, whatever servers it has.
      text += fmt::format(
          "  http-request return status 503 content-type text/html file {} hdr Server awselb/2.0 "
          "if {{ connslots({}) eq 0 }}\n",
          File(".html", Page("503 Service Temporarily Unavailable")), backend);
      // With a server to try, HAProxy's own 503 means that it could not be reached.
      text += fmt::format("  errorfile 503 {}\n", unreachable);
      std::string servers;
      HaproxyConfig::Backend entry;
      for (const auto& server : group.servers) {
        std::string name = server.ip;
        std::replace(name.begin(), name.end(), '.', '_');
        name = fmt::format("t{}-{}", name, server.port);
        const std::string address = fmt::format("{}:{}{}", server.ip, server.port, group.tls ? " ssl verify none" : "");
        // A running HAProxy takes no servers with cookies, so with stickiness each change is a new version.
        servers += group.sticky_seconds > 0 ? fmt::format("  server {} {} cookie {}\n", name, address, name)
                                            : fmt::format("  server {} {}\n", name, address);
        entry.servers[name] = address;
      }
      if (group.sticky_seconds > 0) {
        AddSection(text + servers);
      } else {
        AddSection(std::move(text), std::move(servers));
        config_.backends[backend] = std::move(entry);
      }
    }
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

std::string WildcardToRegex(std::string_view pattern, bool escapes) {
  return fmt::format("^{}$", Wildcards(pattern, escapes, "."));
}

std::string RedirectFormat(const Json& redirect, const ListenerModel& listener) {
  const std::string protocol = listener.tls ? "https" : "http";
  const auto expand = [&](const std::string& text) {
    std::string format;
    for (std::size_t i = 0; i < text.size();) {
      const std::string_view rest = std::string_view(text).substr(i);
      bool replaced = false;
      for (const auto& [keyword, meaning] :
           {std::pair<std::string_view, std::string>{"#{host}", "%[req.hdr(host),host_only]"},
            {"#{path}", "%[path,bytes(1)]"},
            {"#{query}", "%[query]"},
            {"#{port}", std::to_string(listener.port)},
            {"#{protocol}", protocol}}) {
        if (!rest.starts_with(keyword)) continue;
        format += meaning;
        i += keyword.size();
        replaced = true;
        break;
      }
      if (replaced) continue;
      const char c = text[i++];
      if (c == '%') {
        format += "%%";
      } else if (IsAlphanumeric(c) || IsOneOf("/_.~:@!$&()*+,;=?-#[]", c)) {
        format += c;
      } else {
        format += fmt::format("%%{:02X}", static_cast<unsigned char>(c));
      }
    }
    return format;
  };
  const std::string wanted = Member(redirect, "Protocol");
  const std::string port = Member(redirect, "Port");
  std::string location = fmt::format("{}://{}:{}{}",
                                     wanted == "HTTPS"  ? "https"
                                     : wanted == "HTTP" ? "http"
                                                        : protocol,
                                     expand(Member(redirect, "Host")), expand(port), expand(Member(redirect, "Path")));
  const std::string query = Member(redirect, "Query");
  if (query == "#{query}") {
    location += "%[var(txn.query)]";  // with its '?', or nothing
  } else if (!query.empty()) {
    location += "?" + expand(query);
  }
  return location;
}

}  // namespace adhoc::localcloud::proxy
