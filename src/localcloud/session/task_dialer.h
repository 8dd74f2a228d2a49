// How a port session reaches what it forwards to: from inside the task or EC2 instance, as AWS's agent does, so that
// `localhost` is its own and a process that listens on 127.0.0.1 only is found.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "localcloud/cloud.h"
#include "net/raw_connection.h"

namespace adhoc::localcloud {

struct PortTarget {
  std::string task;       // key, or
  std::string machine;    // an EC2 instance's id
  std::string container;  // the engine's id
  std::string host;       // empty: the task or instance itself
  int port = 0;

  std::string ToString() const;  // the task alpha-cluster/1234, the instance i-1234
};
// Where a session is: its address, or why it is over.
struct SessionPlace {
  std::string ip;
  std::string gone;
};
SessionPlace FindPlace(const Store::Transaction& txn, const PortTarget& target);

// Throws Error `cannot connect to …`. Blocks.
using Dialer = std::function<std::unique_ptr<net::RawConnection>(const PortTarget&)>;

// Enters the container's network namespace. Where that is impossible, because the engine's processes are not this
// machine's, it connects to the task's address instead.
Dialer MakeTaskDialer(Cloud& cloud);

// The address of a name that only the local cloud knows: a DB instance's endpoint, a service in Cloud Map, a load
// balancer. Else the name itself.
std::string AddressInCloud(const Store::Transaction& txn, const std::string& host);

}  // namespace adhoc::localcloud
