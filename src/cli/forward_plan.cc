#include "cli/forward_plan.h"

#include <fmt/format.h>

#include <charconv>

#include "base/error.h"
#include "env/names.h"

namespace adhoc::cli {
namespace {

constexpr int kPostgresPort = 5432;

int ParsePort(std::string_view text, std::string_view spec, int minimum) {
  int port = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port < minimum || port > 65535) {
    throw Error(fmt::format("cannot forward {}: `{}` is not a port", spec, text),
                "write PORT, LOCAL:REMOTE or LOCAL:HOST:PORT, e.g. 15432:5432");
  }
  return port;
}

std::vector<std::string> ServiceNames(const config::Config& config) {
  std::vector<std::string> names;
  for (const auto& service : config.services) names.push_back(service.name);
  return names;
}

std::string List(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

ForwardSpec ParseForwardSpec(std::string_view text) {
  const auto first = text.find(':');
  if (first == std::string_view::npos) {
    const int port = ParsePort(text, text, 1);
    return {.local = port, .remote = port};
  }
  const auto last = text.rfind(':');
  ForwardSpec spec{.local = ParsePort(text.substr(0, first), text, 0),
                   .remote = ParsePort(text.substr(last + 1), text, 1)};
  if (first == last) return spec;
  std::string_view host = text.substr(first + 1, last - first - 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host.empty()) throw Error(fmt::format("cannot forward {}: the host is missing", text));
  spec.host = host;
  return spec;
}

ForwardPlan PlanForward(const config::Config& config, const std::string& service, const ForwardSpec& spec) {
  const std::vector<std::string> services = ServiceNames(config);
  if (!service.empty() && config.FindService(service) == nullptr) {
    throw Error(fmt::format("no service is called {}", service), fmt::format("the services are {}", List(services)));
  }
  ForwardPlan plan{.through = service.empty() ? services : std::vector<std::string>{service}};
  if (!spec.host.empty()) {
    const config::Service* named = config.FindService(spec.host);
    plan.host = spec.host;
    plan.to = spec.host == env::kDatabaseWorkload && config.database ? ForwardPlan::To::kDatabase
              : named != nullptr && named->discoverable              ? ForwardPlan::To::kService
                                                                     : ForwardPlan::To::kHost;
    return plan;
  }
  if (!service.empty()) return plan;

  std::vector<std::string> listening;
  for (const auto& one : config.services) {
    if (one.port == spec.remote) listening.push_back(one.name);
  }
  if (config.database && spec.remote == kPostgresPort) {
    plan.to = ForwardPlan::To::kDatabase;
    return plan;
  }
  if (listening.size() != 1) {
    throw Error(listening.empty() ? fmt::format("no service of {} has port {}", config.environment, spec.remote)
                                  : fmt::format("several services have port {}: {}", spec.remote, List(listening)),
                fmt::format("name the service: adhoc forward {} {} {}", config.environment,
                            listening.empty() ? (services.empty() ? "SERVICE" : services.front()) : listening.front(),
                            spec.remote));
  }
  plan.through = listening;
  return plan;
}

}  // namespace adhoc::cli
