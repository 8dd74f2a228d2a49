#include "localcloud/network/metadata_route.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <sstream>

#include "base/error.h"

namespace adhoc::localcloud {
namespace {

constexpr const char* kChain = "PREROUTING";
constexpr int kDnsPort = 53;

std::string CommentOf(const std::string& instance) { return "adhoc-" + instance; }

std::vector<std::string> Words(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

// Throws Error unless iptables did it.
std::string Run(const Iptables& iptables, std::vector<std::string> arguments) {
  // -w: another program may be changing rules at this moment, podman for one.
  arguments.insert(arguments.begin(), {"-w", "5", "-t", "nat"});
  const ProcessResult result = iptables(arguments);
  if (result.exit_code != 0) {
    throw Error(fmt::format("iptables {}: {}", fmt::join(arguments, " "), result.err.substr(0, result.err.find('\n'))));
  }
  return result.out;
}

void Change(const Iptables& iptables, const std::string& action, const std::string& rule) {
  std::vector<std::string> arguments = {action, kChain};
  for (std::string& word : Words(rule)) arguments.push_back(std::move(word));
  Run(iptables, std::move(arguments));
}

std::vector<std::string> ListRules(const Iptables& iptables, const std::string& instance) {
  return RulesOf(instance, Run(iptables, {"-S", kChain}));
}

bool Contains(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

}  // namespace

ProcessResult RunIptables(const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {"iptables"};
  // Not on everybody's PATH.
  if (!FindProgram("iptables")) argv[0] = "/usr/sbin/iptables";
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return RunProcess(argv);
}

std::vector<std::string> RouteRules(const std::string& instance, const std::string& range, const std::string& gateway,
                                    int port, int dns_port) {
  const auto rule = [&](std::string_view address, const char* protocol, int from_port, int to_port) {
    return fmt::format("-s {} -d {}/32 -p {} -m {} --dport {} -m comment --comment {} -j DNAT --to-destination {}:{}",
                       range, address, protocol, protocol, from_port, CommentOf(instance), gateway, to_port);
  };
  return {rule(kTaskEndpointAddress, "tcp", 80, port), rule(kResolverAddress, "udp", kDnsPort, dns_port),
          rule(kResolverAddress, "tcp", kDnsPort, dns_port)};
}

std::vector<std::string> RulesOf(const std::string& instance, std::string_view listing) {
  const std::string prefix = fmt::format("-A {} ", kChain);
  const std::string comment = fmt::format(" --comment {} ", CommentOf(instance));
  std::vector<std::string> rules;
  std::istringstream lines{std::string(listing)};
  for (std::string line; std::getline(lines, line);) {
    // Some versions quote every comment.
    for (std::size_t quote; (quote = line.find('"')) != std::string::npos;) line.erase(quote, 1);
    if (line.starts_with(prefix) && line.find(comment) != std::string::npos)
      rules.push_back(line.substr(prefix.size()));
  }
  return rules;
}

MetadataRoute::MetadataRoute(Cloud& cloud, Iptables iptables) : cloud_(cloud), iptables_(std::move(iptables)) {}

std::vector<std::string> MetadataRoute::WantedRules(int dns_port) const {
  std::vector<std::string> rules;
  const auto txn = cloud_.store.Begin();
  for (const auto& [id, vpc] : txn->All("ec2.vpcs")) {
    if (!vpc.contains("_cidr")) continue;
    for (std::string& rule : RouteRules(cloud_.settings.instance, vpc.at("_cidr").get<std::string>(),
                                        vpc.at("_gateway").get<std::string>(), cloud_.settings.port, dns_port)) {
      rules.push_back(std::move(rule));
    }
  }
  return rules;
}

bool MetadataRoute::Reconcile() { return Apply(cloud_.settings.dns_port); }

void MetadataRoute::LeaveNamesToEngine() { Apply(kDnsPort); }

bool MetadataRoute::Apply(int dns_port) {
  auto last_failure = last_failure_.lock();
  try {
    const std::vector<std::string> wanted = WantedRules(dns_port);
    const std::vector<std::string> found = ListRules(iptables_, cloud_.settings.instance);
    for (const std::string& rule : found) {
      if (!Contains(wanted, rule)) Change(iptables_, "-D", rule);
    }
    for (const std::string& rule : wanted) {
      // In front: what a local cloud that is gone left for the same range must not come first.
      if (!Contains(found, rule)) Change(iptables_, "-I", rule);
    }
    last_failure->clear();
    return true;
  } catch (const Error& error) {
    if (*last_failure != error.what()) {
      spdlog::warn(
          "containers cannot reach {} and {}, so their credentials are fixed ones in variables, and of names they know "
          "only those of containers: {}",
          kTaskEndpointAddress, kResolverAddress, error.what());
    }
    *last_failure = error.what();
    return false;
  }
}

void RemoveMetadataRoutes(const std::string& instance, const Iptables& iptables) {
  try {
    for (const std::string& rule : ListRules(iptables, instance)) Change(iptables, "-D", rule);
  } catch (const Error& error) {
    spdlog::debug("{}", error.what());
  }
}

}  // namespace adhoc::localcloud
