// The access logs of the load balancers that have one: receives what their HAProxies write into `access.sock` in their
// directories, and delivers it to S3, a file for each load balancer and interval.
//
// What arrived and is not yet delivered is in memory: a crash loses it, as an ALB's log may lose entries. What HAProxy
// writes while nobody listens stays in its ring.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "localcloud/cloud.h"

namespace adhoc::localcloud::proxy {

class AccessLogController {
 public:
  // Puts a file into a bucket. Throws Error when that may not be, or there is no such bucket.
  using Deliver = std::function<void(const std::string& bucket, const std::string& key, const std::string& bytes)>;

  AccessLogController(Cloud& cloud, Deliver deliver);
  ~AccessLogController();  // delivers what is left

  // Runs the passes on a thread until destruction. Tests call them instead.
  void Start();

  // Opens and closes sockets as the documents say, takes what arrives within `patience`, and delivers what is due.
  void Pass(std::chrono::milliseconds patience);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace adhoc::localcloud::proxy
