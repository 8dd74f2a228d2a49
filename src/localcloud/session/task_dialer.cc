#include "localcloud/session/task_dialer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <thread>
#include <utility>

#include "base/error.h"
#include "localcloud/api/support.h"
#include "localcloud/instances/documents.h"
#include "localcloud/runtime/runtime.h"
#include "localcloud/scheduler/documents.h"
#include "net/tcp.h"

namespace adhoc::localcloud {
namespace {

constexpr std::chrono::seconds kTimeout{10};
constexpr const char* kLoopback = "127.0.0.1";

bool HasAddress(const std::string& ip) {
  ifaddrs* found = nullptr;
  if (::getifaddrs(&found) != 0) return false;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> addresses(found, ::freeifaddrs);
  for (const ifaddrs* one = found; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) continue;
    std::array<char, INET_ADDRSTRLEN> text{};
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr, text.data(), text.size());
    if (ip == text.data()) return true;
  }
  return false;
}

// Moves the calling thread, which must end afterwards, into the network namespace of a process. False when that is not
// the one with this address: the process ids of an engine elsewhere mean nothing here.
bool EnterNetwork(int pid, const std::string& ip) {
  const int fd = ::open(fmt::format("/proc/{}/ns/net", pid).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool entered = ::setns(fd, CLONE_NEWNET) == 0;
  ::close(fd);
  return entered && HasAddress(ip);
}

std::unique_ptr<net::RawConnection> DialFromTask(int pid, const std::string& ip, const std::string& address, int port) {
  std::unique_ptr<net::RawConnection> connection;
  std::exception_ptr failed;
  // A thread of its own, since it never comes back from the namespace.
  std::thread([&] {
    try {
      const bool inside = pid != 0 && EnterNetwork(pid, ip);
      connection = net::ConnectTcp(address == kLoopback && !inside ? ip : address, port, kTimeout);
    } catch (...) {
      failed = std::current_exception();
    }
  }).join();
  if (failed) std::rethrow_exception(failed);
  return connection;
}

}  // namespace

std::string PortTarget::ToString() const { return machine.empty() ? "the task " + task : "the instance " + machine; }

SessionPlace FindPlace(const Store::Transaction& txn, const PortTarget& target) {
  const Json* place =
      target.machine.empty() ? txn.Find(ecs::kTasks, target.task) : txn.Find(ec2::kInstances, target.machine);
  if (place == nullptr) return {.gone = target.ToString() + " is gone"};
  bool runs = false;
  if (target.machine.empty()) {
    const Json& containers = Items(*place, "containers");
    runs = std::any_of(containers.begin(), containers.end(), [&](const Json& container) {
      return Text(container, "_id") == target.container && Text(container, "lastStatus") == "RUNNING";
    });
  } else {
    runs = ec2::StateOf(*place) == "running" && Text(*place, "_container") == target.container;
  }
  return {.ip = Text(*place, target.machine.empty() ? "_ip" : "PrivateIpAddress"),
          .gone = runs ? "" : target.ToString() + " has stopped"};
}

std::string AddressInCloud(const Store::Transaction& txn, const std::string& host) {
  for (const auto& [id, instance] : txn.All("rds.instances")) {
    if (Text(instance, "_address") == host) return Text(instance, "_ip", host);
  }
  for (const auto& [id, service] : txn.All("servicediscovery.services")) {
    if (Text(service, "_fqdn") != host) continue;
    for (const auto& [key, instance] : txn.All("servicediscovery.instances")) {
      if (StartsWith(key, id + "/")) return Text(Fields(instance, "Attributes"), "AWS_INSTANCE_IPV4", host);
    }
  }
  for (const auto& [arn, balancer] : txn.All("elbv2.loadbalancers")) {
    if (Text(balancer, "DNSName") != host) continue;
    const Json* holding = txn.Find("elbv2.holdings", arn);
    const Json* interface = holding == nullptr ? nullptr : txn.Find(ecs::kEnis, Text(*holding, "interface"));
    if (interface != nullptr) return Text(*interface, "PrivateIpAddress", host);
  }
  return host;
}

Dialer MakeTaskDialer(Cloud& cloud) {
  return [&cloud](const PortTarget& target) {
    std::string ip;
    std::string address;
    {
      const auto txn = cloud.store.Begin();
      const SessionPlace place = FindPlace(*txn, target);
      if (!place.gone.empty()) throw Error("cannot connect: " + place.gone);
      ip = place.ip;
      address = target.host.empty() || target.host == "localhost" ? kLoopback : AddressInCloud(*txn, target.host);
    }
    const auto container = cloud.runtime.Inspect(target.container);
    if (!container || !container->running()) {
      throw Error(fmt::format("cannot connect: the container of {} does not run", target.ToString()));
    }
    if (address == target.host) {
      // Not of the cloud. The task's resolver cannot be asked from here, this machine's can, and it knows the same
      // world.
      sockaddr_in unused{};
      if (::inet_pton(AF_INET, address.c_str(), &unused.sin_addr) != 1)
        return net::ConnectTcp(address, target.port, kTimeout);
    }
    return DialFromTask(container->pid, ip, address, target.port);
  };
}

}  // namespace adhoc::localcloud
