// adhoc doctor: whether this machine, or the account, has what environments need.
#include <fmt/format.h>
#include <netdb.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/error.h"
#include "cli/exit_codes.h"
#include "cli/local.h"
#include "cli/shell.h"
#include "config/definition.h"
#include "env/resources/resources.h"
#include "localcloud/cloud.h"
#include "localcloud/runtime/engine_setup.h"
#include "net/tcp.h"
#include "ui/view.h"

namespace adhoc::cli {
namespace {

constexpr const char* kHelp =
    R"(Check what environments need, and say what to do about what is missing. Nothing is changed.

On one machine: the container engine, the images, ports, names, room on the disk. On AWS: credentials and account, what they may
read, the domain's hosted zone and its name servers, the certificate.

  adhoc doctor
  adhoc --target dev doctor

Exits with 1 when something has to be done.)";

struct Finding {
  enum class State { kOk, kWarning, kFailed };
  State state = State::kOk;
  std::string subject;
  std::string text;
  std::string hint;
};
using Findings = std::vector<Finding>;
using State = Finding::State;

// What `look` finds, or its error as a finding.
template <typename Look>
void Check(Findings& findings, const std::string& subject, Look look) {
  try {
    Finding finding = look();
    finding.subject = subject;
    findings.push_back(std::move(finding));
  } catch (const Error& error) {
    findings.push_back({.state = State::kFailed, .subject = subject, .text = error.what(), .hint = error.hint()});
  }
}

// ---- One machine

Finding ImagesOn(localcloud::ContainerRuntime& runtime) {
  const localcloud::Settings settings;
  std::string missing;
  for (const auto& image : {settings.postgres_image, settings.haproxy_image, settings.pause_image}) {
    if (!runtime.FindImage(image)) missing += (missing.empty() ? "" : ", ") + image;
  }
  if (missing.empty()) return {.text = "the local cloud's own images are there"};
  return {
      .state = State::kFailed,
      .text = "missing: " + missing,
      .hint =
          "eval \"$(adhoc local engine)\" and run images/build in adhoc's sources, or pull your own under these names"};
}

bool IsTaken(int port) {
  try {
    net::ConnectTcp("127.0.0.1", port, std::chrono::seconds(1));
    return true;
  } catch (const Error&) {
    return false;
  }
}

Finding PortOf(const localcloud::LocalSettings& settings) {
  const auto probe = localcloud::ProbeLocalCloud(settings);
  if (probe.state == localcloud::Probe::State::kOurs) {
    return {.text = fmt::format("the local cloud runs on port {}", settings.port)};
  }
  if (probe.state == localcloud::Probe::State::kForeign || IsTaken(settings.port)) {
    return {.state = State::kFailed,
            .text = fmt::format("port {} is another program's", settings.port),
            .hint = "set ADHOC_PORT to a free port"};
  }
  return {.text = fmt::format("port {} is free; commands start the local cloud there", settings.port)};
}

Finding NamesOf(const std::string& domain) {
  const std::string host = "adhoc-doctor." + domain;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, freeaddrinfo);
  if (failed == 0) {
    char text[NI_MAXHOST] = "";
    getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
    const std::string address = text;
    if (address.starts_with("127.") || address == "::1") return {.text = fmt::format("{} is this machine", host)};
    return {.state = State::kFailed,
            .text = fmt::format("{} is {}, not this machine", host, address),
            .hint = "use the domain `localhost`, whose names browsers take for this machine"};
  }
  if (domain == "localhost") {
    return {.text = "browsers and curl take names below localhost for this machine, although the resolver does not"};
  }
  return {.state = State::kFailed,
          .text = fmt::format("{} does not resolve", host),
          .hint = fmt::format("let *.{} resolve to 127.0.0.1, or use the domain `localhost`", domain)};
}

Finding RoomIn(const std::string& directory) {
  struct statvfs found {};
  std::filesystem::path path = directory;
  while (!std::filesystem::exists(path)) path = path.parent_path();
  if (statvfs(path.c_str(), &found) != 0) return {.state = State::kWarning, .text = "cannot look at " + directory};
  const auto free = static_cast<std::int64_t>(found.f_bavail) * static_cast<std::int64_t>(found.f_frsize);
  constexpr std::int64_t kEnough = 2'000'000'000;
  const std::string text = fmt::format("{} free in {}", FormatBytes(free), directory);
  if (free >= kEnough) return {.text = text};
  return {.state = State::kWarning, .text = text, .hint = "databases and images need some; a few GB are safe"};
}

Findings CheckMachine(const config::Target& target) {
  const auto settings = LocalSettingsFromEnvironment();
  Findings findings;
  Check(findings, "disk", [&] { return RoomIn(settings.state_dir); });
  if (target.endpoint.empty()) {
    const localcloud::EngineSetupOptions options{.state_dir = settings.state_dir, .on_progress = nullptr};
    Check(findings, "engine", [&]() -> Finding {
      const auto engine = localcloud::PrepareEngine(options);
      const auto info = localcloud::MakeEngineRuntime(options, RealClock())->Engine();
      return {.text = fmt::format("{} {} answers on {}", info.name, info.version, engine.socket_path)};
    });
    if (findings.back().state == State::kOk) {
      Check(findings, "images", [&] { return ImagesOn(*localcloud::MakeEngineRuntime(options, RealClock())); });
    }
    Check(findings, "local cloud", [&] { return PortOf(settings); });
  }
  Check(findings, "names", [&] { return NamesOf(target.domain); });
  return findings;
}

// ---- An account

struct Reading {
  const char* service;
  const char* operation;
};

// One call to each service that `up` needs: what is refused here is refused there, half-way.
Finding ReadingAllowed(env::Context& context) {
  const Reading readings[] = {{"acm", "ListCertificates"},          {"ec2", "DescribeVpcs"},
                              {"ecr", "DescribeRepositories"},      {"ecs", "ListClusters"},
                              {"elbv2", "DescribeLoadBalancers"},   {"iam", "ListRoles"},
                              {"logs", "DescribeLogGroups"},        {"rds", "DescribeDBInstances"},
                              {"route53", "ListHostedZonesByName"}, {"s3", "ListBuckets"},
                              {"secretsmanager", "ListSecrets"},    {"servicediscovery", "ListNamespaces"}};
  std::string refused;
  for (const Reading& reading : readings) {
    try {
      context.Call(reading.service, reading.operation);
    } catch (const aws::AwsError& error) {
      if (error.code().find("AccessDenied") == std::string::npos && error.code() != "UnauthorizedOperation" &&
          error.code() != "AuthorizationError") {
        throw;
      }
      refused += fmt::format("{}{}:{}", refused.empty() ? "" : ", ", reading.service, reading.operation);
    }
  }
  if (refused.empty()) return {.text = "every service that environments use can be read"};
  return {.state = State::kFailed,
          .text = "refused: " + refused,
          .hint = "let an administrator allow it, or use a role that may (`role` of the target)"};
}

Finding ZoneOf(env::Context& context, const config::Target& target) {
  const auto found = env::MakeHostedZone(target.domain)->Read(context);
  if (!found) {
    return {.state = State::kFailed,
            .text = fmt::format("there is no hosted zone of {} or of a parent in this account", target.domain),
            .hint = "register the domain in Route 53, or name another `domain` or `hosted_zone` in the target"};
  }
  const Json zone = context.Call("route53", "GetHostedZone", {{"Id", (*found)["id"]}});
  const Json servers = zone.value("DelegationSet", Json::object()).value("NameServers", Json::array());
  return {.text =
              fmt::format("{}; the domain has to be delegated to {}", zone["HostedZone"]["Name"].get<std::string>(),
                          servers.empty() ? std::string("its name servers") : servers[0].get<std::string>() + " …")};
}

Finding CertificateOf(env::Context& context, const config::Target& target) {
  if (!target.existing.load_balancer.empty()) return {.text = "the existing load balancer has its own"};
  if (!target.certificate.empty()) {
    const Json found =
        context.Call("acm", "DescribeCertificate", {{"CertificateArn", target.certificate}})["Certificate"];
    const std::string status = found.value("Status", "");
    if (status == "ISSUED") return {.text = target.certificate + " is issued"};
    return {.state = State::kFailed, .text = target.certificate + " is " + status, .hint = "name one that is ISSUED"};
  }
  const std::string wanted = "*." + target.domain;
  if (const auto found = env::MakeCertificate(target.domain)->Read(context)) {
    if ((*found)["status"] == "ISSUED") return {.text = wanted + " is issued"};
    return {.state = State::kWarning,
            .text = wanted + " waits for its validation record",
            .hint = "adhoc shared up writes it; the domain has to be delegated to the hosted zone's name servers"};
  }
  return {.text = fmt::format("none of {} yet; adhoc shared up requests it", wanted)};
}

Findings CheckAccount(Shell& shell) {
  Findings findings;
  std::unique_ptr<Session> session;
  Check(findings, "credentials", [&]() -> Finding {
    session = std::make_unique<Session>(shell.globals, Subject{}, Session::Variables::kNone);
    session->EndView();
    const Json who = session->context().Call("sts", "GetCallerIdentity");
    return {.text = fmt::format("{} of account {}", who["Arn"].get<std::string>(), who["Account"].get<std::string>())};
  });
  if (!session) return findings;
  env::Context& context = session->context();
  const config::Target& target = session->config().target;
  Check(findings, "permissions", [&] { return ReadingAllowed(context); });
  Check(findings, "hosted zone", [&] { return ZoneOf(context, target); });
  Check(findings, "certificate", [&] { return CertificateOf(context, target); });
  return findings;
}

// ---- The report

Json ToJson(const Findings& findings) {
  static constexpr const char* kNames[] = {"ok", "warning", "failed"};
  Json list = Json::array();
  for (const Finding& finding : findings) {
    list.push_back({{"subject", finding.subject},
                    {"state", kNames[static_cast<int>(finding.state)]},
                    {"text", finding.text},
                    {"hint", finding.hint}});
  }
  return {{"findings", list}};
}

void Print(const Findings& findings) {
  const bool colour = ui::UseColour(STDOUT_FILENO);
  for (const Finding& finding : findings) {
    const std::string mark = finding.state == State::kOk        ? ui::Styled("✓", ui::Style::kGreen, colour)
                             : finding.state == State::kWarning ? ui::Styled("!", ui::Style::kYellow, colour)
                                                                : ui::Styled("✗", ui::Style::kRed, colour);
    fmt::print("{} {:<12} {}\n", mark, finding.subject, finding.text);
    if (!finding.hint.empty()) fmt::print("  {:<12} try: {}\n", "", finding.hint);
  }
}

int Diagnose(Shell& shell) {
  Findings findings;
  config::Target target;  // this machine, where there is no definition
  target.domain = "localhost";
  Check(findings, "definition", [&]() -> Finding {
    const std::string path = config::FindDefinition(shell.globals.directory.empty() ? "." : shell.globals.directory);
    target = config::LoadDefinition(path).GetTarget(shell.globals.target).target;
    return {.text = fmt::format("{}, target {}", path, target.name)};
  });
  const Findings more = target.kind == config::TargetKind::kLocal ? CheckMachine(target) : CheckAccount(shell);
  findings.insert(findings.end(), more.begin(), more.end());
  if (shell.globals.json) {
    PrintJson(ToJson(findings));
  } else {
    Print(findings);
  }
  const bool failed = std::any_of(findings.begin(), findings.end(),
                                  [](const Finding& finding) { return finding.state == State::kFailed; });
  return failed ? kFailed : kOk;
}

}  // namespace

void AddDoctor(CLI::App& app, Shell& shell) {
  app.add_subcommand("doctor", kHelp)->callback([&shell] { shell.action = [&shell] { return Diagnose(shell); }; });
}

}  // namespace adhoc::cli
