#include "localcloud/proxy/haproxy_config.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>

#include "base/error.h"
#include "base/process.h"
#include "localcloud/proxy/haproxy_match.h"
#include "testing/fake_random.h"
#include "testing/temporary_folder.h"

namespace adhoc::localcloud::proxy {
namespace {

Json Condition(const char* field, const char* config, const Json& values) {
  return {{"Field", field}, {config, {{"Values", values}}}};
}
Json Host(const Json& values) { return Condition("host-header", "HostHeaderConfig", values); }
Json Path(const Json& values) { return Condition("path-pattern", "PathPatternConfig", values); }
Json Forward(const std::map<std::string, int>& groups) {
  Json list = Json::array();
  for (const auto& [arn, weight] : groups) list.push_back({{"TargetGroupArn", arn}, {"Weight", weight}});
  return Json::array({{{"Type", "forward"}, {"ForwardConfig", {{"TargetGroups", list}}}}});
}
Json Fixed(const std::string& status, const std::string& body, const std::string& type = "text/plain") {
  return Json::array(
      {{{"Type", "fixed-response"},
        {"FixedResponseConfig", {{"StatusCode", status}, {"ContentType", type}, {"MessageBody", body}}}}});
}
Json Redirect(Json more = Json::object()) {
  Json config{{"Protocol", "#{protocol}"}, {"Port", "#{port}"},   {"Host", "#{host}"},
              {"Path", "/#{path}"},        {"Query", "#{query}"}, {"StatusCode", "HTTP_301"}};
  config.update(more);
  return Json::array({{{"Type", "redirect"}, {"RedirectConfig", config}}});
}

// The environment `alpha` of the seed on port 8080: the API before the frontend, everything else 404.
LoadBalancerModel Sample() {
  LoadBalancerModel model;
  model.target_groups["arn:api"] = {.name = "alpha-gunicorn", .servers = {{"10.0.1.5", 8000}, {"10.0.2.6", 8000}}};
  model.target_groups["arn:web"] = {.name = "alpha-frontend"};
  model.listeners.push_back({.port = 8080,
                             .rules = {{"10", Json::array({Host({"alpha.localhost"}), Path({"/api/*", "/admin"})}),
                                        Forward({{"arn:api", 1}})},
                                       {"20", Json::array({Host({"alpha.localhost"})}), Forward({{"arn:web", 1}})},
                                       {"default", Json::array(), Fixed("404", "no such environment")}}});
  return model;
}

std::string Section(const std::string& text, const std::string& title) {
  const auto begin = text.find("\n" + title + "\n");
  if (begin == std::string::npos) return "(none)";
  const auto end = text.find("\n\n", begin + 1);
  return text.substr(begin + 1, end == std::string::npos ? end : end - begin);
}

// With HAProxy on this machine, whether it accepts the configuration; its words when it doesn't.
class Checker {
 public:
  static bool available() { return FindProgram("haproxy").has_value(); }

  std::string Complaints(const LoadBalancerModel& model) {
    const HaproxyConfig config = RenderHaproxyConfig(model, directory_.string());
    for (const auto& [name, content] : config.files) std::ofstream(directory_ / name, std::ios::binary) << content;
    std::ofstream(directory_ / "haproxy.cfg") << config.text;
    const auto result = RunProcess({"haproxy", "-c", "-f", (directory_ / "haproxy.cfg").string()});
    return result.exit_code == 0 && result.err.empty() ? "" : result.err + result.out;
  }

 private:
  const testing::TemporaryFolder folder_;
  const std::filesystem::path& directory_ = folder_.path();
};

TEST(HaproxyConfigTest, RulesBecomeBackendsInOrder) {
  const HaproxyConfig config = RenderHaproxyConfig(Sample(), "/d");
  const std::string frontend = Section(config.text, "frontend p8080");
  EXPECT_NE(frontend.find("  acl r10-0 req.hdr(host),host_only -i -m str -- alpha.localhost\n"
                          "  acl r10-1 path -m beg -- /api/\n"
                          "  acl r10-1 path -m str -- /admin\n"
                          "  acl r20-0 req.hdr(host),host_only -i -m str -- alpha.localhost\n"
                          "  use_backend p8080-again if { stopping }\n"
                          "  use_backend tg-alpha-gunicorn if r10-0 r10-1\n"
                          "  use_backend tg-alpha-frontend if r20-0\n"
                          "  use_backend p8080-rdefault\n"),
            std::string::npos)
      << frontend;
  EXPECT_NE(frontend.find("  bind :8080\n"), std::string::npos);
  EXPECT_NE(frontend.find("set-header X-Forwarded-Port 8080\n"), std::string::npos);
  EXPECT_NE(Section(config.text, "backend tg-alpha-gunicorn")
                .find("  server t10_0_1_5-8000 10.0.1.5:8000 weight 100\n"
                      "  server t10_0_2_6-8000 10.0.2.6:8000 weight 100\n"),
            std::string::npos)
      << config.text;
  EXPECT_EQ(config.backends.at("tg-alpha-gunicorn").servers.size(), 2u);
  EXPECT_TRUE(config.backends.at("tg-alpha-frontend").servers.empty());
}

TEST(HaproxyConfigTest, AReplacedWorkerHandsRequestsOnUntouched) {
  const std::string text = RenderHaproxyConfig(Sample(), "/d").text;
  EXPECT_NE(Section(text, "frontend p8080")
                .find("  bind unix@/d/p8080.sock accept-proxy mode 600\n"
                      "  tcp-request session set-var-fmt(sess.client) %[src]\n"
                      "  tcp-request session set-var-fmt(sess.chance) %[rand(90000000),add(10000000)]\n"
                      "  http-request allow if { stopping }\n"
                      "  http-request "),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("backend p8080-again\n  server again unix@/d/p8080.sock send-proxy-v2\n"), std::string::npos);
  EXPECT_EQ(text.find("nbsrv"), std::string::npos) << "is 0 in a replaced worker";
}

TEST(HaproxyConfigTest, RequestsForANeighbourAreHandedOverUntouched) {
  LoadBalancerModel model = Sample();
  model.listeners[0].neighbours = {{"/all/two", {"beta.localhost"}}, {"/all/three", {"gamma.localhost", "*.dev"}}};
  const std::string text = RenderHaproxyConfig(model, "/d").text;
  EXPECT_NE(Section(text, "frontend p8080")
                .find("  http-request allow if { stopping }\n"
                      "  acl for-p8080-n0 req.hdr(host),host_only -i -m str -- beta.localhost\n"
                      "  http-request set-var(txn.neighbour) str(p8080-n0) if for-p8080-n0\n"
                      "  acl for-p8080-n1 req.hdr(host),host_only -i -m str -- gamma.localhost\n"
                      "  acl for-p8080-n1 req.hdr(host),host_only -i -m end -- .dev\n"
                      "  http-request set-var(txn.neighbour) str(p8080-n1) if for-p8080-n1\n"
                      "  http-request allow if { var(txn.neighbour) -m found }\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("backend p8080-n1\n  server neighbour unix@/all/three/p8080.sock send-proxy-v2\n"),
            std::string::npos)
      << text;
  if (!Checker::available()) GTEST_SKIP() << "no haproxy on this machine";
  model.access_log = true;
  Checker checker;
  EXPECT_EQ(checker.Complaints(model), "");
}

TEST(HaproxyConfigTest, HostHeaderCarriesThePortExceptTheUsualOnes) {
  LoadBalancerModel model = Sample();
  const auto frontend = [&] { return RenderHaproxyConfig(model, "/d").text; };
  EXPECT_NE(frontend().find(
                "set-header Host %[req.fhdr(host),host_only]:8080 if { req.fhdr(host),port_only,xor(8080) -m bool }"),
            std::string::npos);
  model.listeners[0].port = 80;
  EXPECT_NE(frontend().find("set-header Host %[req.fhdr(host),host_only] if { req.fhdr(host) -m sub : }"),
            std::string::npos);
  model.preserve_host_header = true;
  EXPECT_EQ(frontend().find("set-header Host"), std::string::npos);
}

TEST(HaproxyConfigTest, AttributesOfAListenerChangeItsAnswersAlone) {
  LoadBalancerModel model = Sample();
  EXPECT_EQ(RenderHaproxyConfig(model, "/d").text.find("http-after-response del-header"), std::string::npos);
  model.listeners.push_back({.port = 80, .rules = {{"default", Json::array(), Fixed("404", "")}}});
  model.listeners[0].neighbours = {{"/all/two", {"beta.localhost"}}};
  model.listeners[0].server_header = false;
  model.listeners[0].response_headers = {{"Content-Security-Policy", "script-src 'self'; img-src *%2F \"${HOME}\" #"},
                                         {"X-Frame-Options", "DENY"}};
  const std::string text = RenderHaproxyConfig(model, "/d").text;
  EXPECT_NE(Section(text, "frontend p8080")
                .find("  acl is_handed_over be_name -m str -- p8080-again\n"
                      "  acl is_handed_over var(txn.neighbour) -m found\n"
                      "  http-after-response set-header Content-Security-Policy "
                      "'script-src '\\''self'\\''; img-src *%%2F \"${HOME}\" #' unless is_handed_over\n"
                      "  http-after-response set-header X-Frame-Options 'DENY' unless is_handed_over\n"
                      "  http-after-response del-header Server if !is_handed_over "
                      "{ res.fhdr(server) -m str -- awselb/2.0 }\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(Section(text, "frontend p80").find("is_handed_over"), std::string::npos) << "only who wants it pays for it";
  model.listeners[0].response_headers = {{"X-Frame-Options", "DENY\r\nSet-Cookie: a=b"}};
  EXPECT_THROW(RenderHaproxyConfig(model, "/d"), Error);
}

TEST(HaproxyConfigTest, TheHeadersAboutTlsHaveTheNamesOfTheListener) {
  LoadBalancerModel model = Sample();
  model.tls_headers = true;
  model.listeners = {
      {.port = 443, .tls = true, .certificates = {"pem"}, .rules = {{"default", Json::array(), Fixed("404", "")}}}};
  std::string text = RenderHaproxyConfig(model, "/d").text;
  EXPECT_NE(text.find("set-header X-Amzn-Tls-Version %[ssl_fc_protocol]\n"), std::string::npos);
  EXPECT_NE(text.find("set-header X-Amzn-Tls-Cipher-Suite %[ssl_fc_cipher]\n"), std::string::npos);
  model.listeners[0].tls_version_header = "Tls_Version";
  model.listeners[0].tls_cipher_header = "Custom-Cipher";
  text = RenderHaproxyConfig(model, "/d").text;
  EXPECT_NE(text.find("set-header Tls_Version %[ssl_fc_protocol]\n"), std::string::npos);
  EXPECT_NE(text.find("set-header Custom-Cipher %[ssl_fc_cipher]\n"), std::string::npos);
  EXPECT_EQ(text.find("X-Amzn-Tls"), std::string::npos);
  model.listeners[0].tls_cipher_header = "a b";
  EXPECT_THROW(RenderHaproxyConfig(model, "/d"), Error);
}

TEST(HaproxyConfigTest, TheVersionTellsEverythingButTargetsApart) {
  LoadBalancerModel model = Sample();
  const std::string version = RenderHaproxyConfig(model, "/d").version;
  EXPECT_EQ(version.size(), 16u);
  model.target_groups["arn:api"].servers.pop_back();
  EXPECT_EQ(RenderHaproxyConfig(model, "/d").version, version);
  EXPECT_NE(RenderHaproxyConfig(model, "/d").text, RenderHaproxyConfig(Sample(), "/d").text);
  model.listeners[0].rules.erase(model.listeners[0].rules.begin());
  EXPECT_NE(RenderHaproxyConfig(model, "/d").version, version);
  model = Sample();
  model.listeners[0].rules[2].actions = Fixed("404", "another body");  // only a file differs
  EXPECT_NE(RenderHaproxyConfig(model, "/d").version, version);
}

TEST(HaproxyConfigTest, StickyTargetsComeAndGoAtRunTimeToo) {
  LoadBalancerModel model = Sample();
  model.target_groups["arn:api"].stickiness.seconds = 60;
  const HaproxyConfig config = RenderHaproxyConfig(model, "/d");
  const std::string backend = Section(config.text, "backend tg-alpha-gunicorn");
  for (const std::string line :
       {"  http-request set-var(txn.stuck) req.cook(AWSALB),b64dec if !{ var(txn.stuck) -m found }\n",
        "  http-request set-var(txn.stuck) req.cook(AWSALBCORS),b64dec if !{ var(txn.stuck) -m found }\n",
        "  use-server %[var(txn.stuck),field(1,|)] if { var(txn.stuck) -m found }\n",
        "  http-response set-var-fmt(txn.cookie) \"%s|%[date(60)]\"\n",
        "Set-Cookie \"AWSALB=%[var(txn.cookie),base64]; Expires=%[date(604800),http_date]; Path=/\"\n",
        "Path=/; SameSite=None%[var(txn.secure)]\"\n"}) {
    EXPECT_NE(backend.find(line), std::string::npos) << line << backend;
  }
  model.target_groups["arn:api"].servers.pop_back();
  EXPECT_EQ(RenderHaproxyConfig(model, "/d").version, config.version);
}

TEST(HaproxyConfigTest, AnApplicationsCookieMakesItsClientsSticky) {
  LoadBalancerModel model = Sample();
  model.target_groups["arn:api"].stickiness = {60, "sessionid"};
  const std::string backend = Section(RenderHaproxyConfig(model, "/d").text, "backend tg-alpha-gunicorn");
  EXPECT_NE(backend.find("  http-request unset-var(txn.stuck) if !{ req.cook(sessionid) -m found }\n"),
            std::string::npos);
  EXPECT_NE(backend.find("  acl is_stuck res.cook(sessionid) -m found\n"), std::string::npos);
  EXPECT_NE(backend.find("AWSALBAPP-3=_remove_;"), std::string::npos);
  model.target_groups["arn:api"].stickiness.application = "a) b";
  EXPECT_THROW(RenderHaproxyConfig(model, "/d"), Error);
}

TEST(HaproxyConfigTest, WeightsDivideTheRequests) {
  LoadBalancerModel model = Sample();
  model.listeners[0].rules[1].actions = Forward({{"arn:api", 30}, {"arn:web", 70}});
  std::string text = RenderHaproxyConfig(model, "/d").text;
  EXPECT_NE(text.find("  use_backend tg-alpha-gunicorn if r20-0 { rand(100) lt 30 }\n"
                      "  use_backend tg-alpha-frontend if r20-0\n"),
            std::string::npos)
      << text;
  model.listeners[0].rules[1].actions = Forward({{"arn:api", 0}, {"arn:web", 7}});
  text = RenderHaproxyConfig(model, "/d").text;
  EXPECT_NE(text.find("  use_backend tg-alpha-frontend if r20-0\n"), std::string::npos);
  EXPECT_EQ(text.find(" rand(100) "), std::string::npos);
}

TEST(HaproxyConfigTest, ACookieMayNameTheTargetGroup) {
  LoadBalancerModel model = Sample();
  EXPECT_EQ(RenderHaproxyConfig(model, "/d").text.find("AWSALBTG"), std::string::npos);
  auto& actions = model.listeners[0].rules[1].actions;
  actions = Forward({{"arn:api", 30}, {"arn:web", 70}});
  actions[0]["ForwardConfig"]["TargetGroupStickinessConfig"] = {{"Enabled", true}, {"DurationSeconds", 90}};
  const std::string frontend = Section(RenderHaproxyConfig(model, "/d").text, "frontend p8080");
  for (const std::string line :
       {"  http-request set-var(txn.group) req.cook(AWSALBTG),b64dec if !{ var(txn.group) -m found }\n",
        "  http-request set-var(txn.rule) str(10) if !{ var(txn.rule) -m found } r10-0 r10-1\n",
        " r20-0 { var(txn.group),field(1,|) -m str -- tg-alpha-gunicorn }\n",
        " r20-0 { var(txn.group),field(1,|) -m str -- tg-alpha-frontend }\n",
        "\"%[be_name]|%[date(90)]\" if { var(txn.rule) -m str -- 20 }\n",
        "Set-Cookie \"AWSALBTGCORS=%[var(txn.group_cookie),base64]; "}) {
    EXPECT_NE(frontend.find(line), std::string::npos) << line << frontend;
  }
}

TEST(HaproxyConfigTest, WildcardsBecomeAnchoredExpressions) {
  EXPECT_EQ(WildcardToRegex("/a?c/*.js"), "^/a.c/.*\\.js$");
  EXPECT_EQ(WildcardToRegex("it's \"$x\"\n#%"), "^it\\x27s\\x20\\x22\\x24x\\x22\\x0a\\x23\\x25$");
  EXPECT_EQ(WildcardToRegex("a\\*b\\?c*", true), "^a\\x2ab\\x3fc.*$");
  EXPECT_EQ(WildcardToRegex("trailing\\", true), "^trailing\\x5c$");
  const std::regex regex(WildcardToRegex("/api/v?/*"));
  EXPECT_TRUE(std::regex_match("/api/v1/posts/3", regex));
  EXPECT_FALSE(std::regex_match("/api/v10/posts", regex));
  EXPECT_FALSE(std::regex_match("/api/v1", regex));
}

TEST(HaproxyConfigTest, RedirectsAreExpandedAndEncoded) {
  const auto format = [&](const Json& more) { return RedirectFormat(Redirect(more)[0]["RedirectConfig"], false, 80); };
  EXPECT_EQ(format({{"Protocol", "HTTPS"}, {"Port", "443"}}),
            "https://%[req.hdr(host),host_only]:443/%[path,bytes(1)]%[var(txn.query)]");
  EXPECT_EQ(format({{"Host", "www.#{host}"}, {"Path", "/x/#{path}"}, {"Query", ""}}),
            "http://www.%[req.hdr(host),host_only]:80/x/%[path,bytes(1)]");
  EXPECT_EQ(format({{"Path", "/a'b\"c d%41\\"}, {"Query", "from=#{host}&#{query}"}}),
            "http://%[req.hdr(host),host_only]:80/a%%27b%%22c%%20d%%41%%5C?from=%[req.hdr(host),host_only]&%[query]");
}

TEST(HaproxyConfigTest, HostileTextStaysInsideItsArgument) {
  LoadBalancerModel model = Sample();
  const std::string hostile = "/x' }\n  http-request deny\n\"${HOME}\" #\\";
  model.listeners[0].rules[0].conditions = Json::array({Path({hostile})});
  model.listeners[0].rules[1].actions = Redirect({{"Path", hostile}});
  model.listeners[0].rules[2].actions = Fixed("404", hostile);
  const HaproxyConfig config = RenderHaproxyConfig(model, "/d");
  EXPECT_EQ(config.text.find("\n  http-request deny"), std::string::npos);
  EXPECT_EQ(config.text.find("${HOME}"), std::string::npos);
  bool body_found = false;
  for (const auto& [name, content] : config.files) body_found |= content == hostile;
  EXPECT_TRUE(body_found);

  const Json header{{"Field", "http-header"},
                    {"HttpHeaderConfig", {{"HttpHeaderName", "X) -m found\n"}, {"Values", {"x"}}}}};
  model.listeners[0].rules[0].conditions = Json::array({header});
  EXPECT_THROW(RenderHaproxyConfig(model, "/d"), Error);
  model.listeners[0].rules[0].conditions = Json::array({Condition("source-ip", "SourceIpConfig", {"10.0.0.0/8 }"})});
  EXPECT_THROW(RenderHaproxyConfig(model, "/d"), Error);
  model.listeners[0].rules[0].conditions =
      Json::array({Condition("http-request-method", "HttpRequestMethodConfig", {"GET }"})});
  EXPECT_THROW(RenderHaproxyConfig(model, "/d"), Error);
}

TEST(HaproxyConfigTest, AnHttpsListenerWithoutCertificateIsLeftOut) {
  LoadBalancerModel model = Sample();
  model.listeners.push_back({.port = 443, .tls = true, .rules = {{"default", Json::array(), Fixed("404", "")}}});
  EXPECT_EQ(RenderHaproxyConfig(model, "/d").text.find("frontend p443"), std::string::npos);
  model.listeners[1].certificates = {"first", "second"};
  const HaproxyConfig config = RenderHaproxyConfig(model, "/d");
  EXPECT_TRUE(std::regex_search(config.text,
                                std::regex("bind :443 ssl crt /d/[0-9a-f]{16}\\.pem crt /d/[0-9a-f]{16}\\.pem alpn")));
  EXPECT_NE(config.text.find("X-Forwarded-Proto https"), std::string::npos);
}

TEST(HaproxyConfigTest, HaproxyAcceptsEveryKindOfRule) {
  if (!Checker::available()) GTEST_SKIP() << "no haproxy on this machine";
  LoadBalancerModel model = Sample();
  model.target_groups["arn:tls"] = {
      .name = "tls", .tls = true, .algorithm = "least_outstanding_requests", .servers = {{"10.0.1.7", 443}}};
  model.target_groups["arn:sticky"] = {
      .name = "sticky", .algorithm = "weighted_random", .stickiness = {60, ""}, .servers = {{"10.0.1.8", 80}}};
  model.target_groups["arn:app"] = {.name = "app", .stickiness = {60, "sessionid"}, .servers = {{"10.0.1.9", 80}}};
  auto& rules = model.listeners[0].rules;
  const auto add = [&](const std::string& name, const Json& conditions, const Json& actions) {
    rules.insert(rules.end() - 1, {name, conditions, actions});
  };
  add("30",
      Json::array({Host({"*.example.com", "a?.example.com", "*"}), Path({"/it's\"$HOME&(x)~@:+*", "-m", "*.js", "*"})}),
      Forward({{"arn:tls", 30}, {"arn:sticky", 70}}));
  add("31",
      Json::array(
          {{{"Field", "http-header"},
            {"HttpHeaderConfig", {{"HttpHeaderName", "User-Agent"}, {"Values", {"*Mozilla/5.0 (X11; \\* 'q')*"}}}}}}),
      Redirect({{"Protocol", "HTTPS"}, {"Port", "443"}, {"StatusCode", "HTTP_302"}}));
  add("32",
      Json::array({Condition("http-request-method", "HttpRequestMethodConfig", {"GET", "PURGE"}),
                   Condition("source-ip", "SourceIpConfig", {"10.0.0.0/8", "2001:db8::/32"})}),
      Redirect({{"Path", "/a'b\"c d%41\\"}, {"Query", "from=#{host}&#{query}"}}));
  add("33",
      Json::array({Condition("query-string", "QueryStringConfig",
                             {{{"Key", "version"}, {"Value", "v1*"}}, {{"Value", "*ex'ample\\?"}}})}),
      Fixed("503", "down for\n'maintenance' \"${HOME}\" %[src]", "text/html"));
  add("34", Json::array({Path({"/empty"})}), Fixed("200", ""));
  add("35", Json::array({Path({"/zero"})}), Forward({{"arn:tls", 0}, {"arn:sticky", 0}}));
  Json both = Forward({{"arn:app", 1}, {"arn:sticky", 2}});
  both[0]["ForwardConfig"]["TargetGroupStickinessConfig"] = {{"Enabled", true}, {"DurationSeconds", 90}};
  add("36", Json::array({Path({"/sticky"})}), both);
  model.listeners.push_back(
      {.port = 80, .rules = {{"default", Json::array(), Redirect({{"Protocol", "HTTPS"}, {"Port", "443"}})}}});
  Checker checker;
  EXPECT_EQ(checker.Complaints(model), "");
  model.listeners[1].rules[0].actions = Redirect({{"Path", "no\nslash' }"}});
  EXPECT_EQ(checker.Complaints(model), "");
}

TEST(HaproxyConfigTest, HaproxyAcceptsWhatAttributesAdd) {
  if (!Checker::available()) GTEST_SKIP() << "no haproxy on this machine";
  LoadBalancerModel model = Sample();
  model.forwarded_for_port = model.drop_invalid_headers = model.tls_headers = model.access_log = true;
  model.http2 = false;
  const std::string text = RenderHaproxyConfig(model, "/d").text;
  EXPECT_NE(text.find("set-var-fmt(sess.client) %[src]:%[src_port]\n"), std::string::npos);
  EXPECT_NE(text.find("\n  server collector unix@/d/access.sock\n"), std::string::npos);
  Checker checker;
  EXPECT_EQ(checker.Complaints(model), "");
}

TEST(HaproxyConfigTest, HaproxyAcceptsWhateverTheTextIs) {
  if (!Checker::available()) GTEST_SKIP() << "no haproxy on this machine";
  testing::FakeRandom random;
  const auto text = [&] {
    static constexpr std::string_view kTroublesome = "'\"\\ \t\n\r#%${}[]()*?|^.,;&=!-~\x01\x7f\xff";
    std::string made;
    for (auto length = 1 + random.Next() % 20; length > 0; --length) {
      made += random.Next() % 2 == 0 ? kTroublesome[random.Next() % kTroublesome.size()]
                                     : static_cast<char>('a' + random.Next() % 26);
    }
    return made;
  };
  LoadBalancerModel model = Sample();
  auto& rules = model.listeners[0].rules;
  for (int i = 0; i < 90; ++i) {
    const Json header{{"Field", "http-header"}, {"HttpHeaderConfig", {{"HttpHeaderName", "X"}, {"Values", {text()}}}}};
    rules.insert(
        rules.begin(),
        {fmt::format("{}", 1000 - i),
         Json::array({Host({text()}), Path({text(), text()}), header,
                      Condition("query-string", "QueryStringConfig", {{{"Key", text()}, {"Value", text()}}})}),
         i % 2 == 0 ? Redirect({{"Host", text()}, {"Path", "/" + text()}, {"Query", text()}}) : Fixed("200", text())});
  }
  std::string printable;
  for (char c = 0x20; c < 0x7f; ++c) printable += c;
  model.listeners[0].response_headers = {{"Content-Security-Policy", printable}};
  for (int i = 0; i < 20; ++i) {
    std::string value = text();
    std::erase_if(value, [](char c) { return c < 0x20 || c > 0x7e; });
    model.listeners[0].response_headers[fmt::format("X-{}", i)] = value;
  }
  Checker checker;
  EXPECT_EQ(checker.Complaints(model), "");
}

TEST(HaproxyConfigTest, HaproxyAcceptsCertificates) {
  if (!Checker::available() || !FindProgram("openssl")) GTEST_SKIP() << "no haproxy or openssl on this machine";
  const auto made = RunProcess({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                                "-nodes", "-subj", "/CN=*.localhost", "-keyout", "-", "-out", "-"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  LoadBalancerModel model = Sample();
  model.listeners.push_back({.port = 443,
                             .tls = true,
                             .certificates = {made.out, made.out},
                             .rules = {{"default", Json::array(), Fixed("404", "x")}}});
  model.tls_headers = true;
  model.listeners[1].server_header = false;
  Checker checker;
  EXPECT_EQ(checker.Complaints(model), "");
}

}  // namespace
}  // namespace adhoc::localcloud::proxy
