// How a port session reaches what it forwards to: from inside the task, as AWS's agent does, so that `localhost` is the
// task's own and a process that listens on 127.0.0.1 only is found.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "localcloud/cloud.h"
#include "net/raw_connection.h"

namespace adhoc::localcloud {

struct PortTarget {
  std::string task;       // key
  std::string container;  // the engine's id
  std::string host;       // empty: the task itself
  int port = 0;
};

// Throws Error `cannot connect to …`. Blocks.
using Dialer = std::function<std::unique_ptr<net::RawConnection>(const PortTarget&)>;

// Enters the container's network namespace. Where that is impossible, because the engine's processes are not this
// machine's, it connects to the task's address instead.
Dialer MakeTaskDialer(Cloud& cloud);

// The address of a name that only the local cloud knows: a DB instance's endpoint, a service in Cloud Map, a load
// balancer. Else the name itself.
std::string AddressInCloud(const Store::Transaction& txn, const std::string& host);

}  // namespace adhoc::localcloud
