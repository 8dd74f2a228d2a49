// The front door of the local cloud: finds out which service and operation an HTTP request is for, decodes, validates,
// runs the handler in a transaction and encodes its answer or its error in the service's own form. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/sync.h"
#include "localcloud/api/api.h"
#include "localcloud/api/task_endpoint.h"
#include "localcloud/chaos.h"
#include "localcloud/cloud.h"
#include "localcloud/iam/authorize.h"
#include "net/http_message.h"

namespace adhoc::localcloud {

class Gateway {
 public:
  Gateway(Cloud& cloud, const Api& api);

  net::Response Handle(const net::Request& request);

  // Answers paths below /_adhoc/, which no AWS service uses: health, status, reset; /_adhoc/chaos and /_adhoc/calls
  // (how often each operation was called) are there already. What is not JSON of the right form may be answered by
  // throwing Error. Register before serving.
  using Page = std::function<net::Response(const net::Request&)>;
  void On(std::string method, std::string path, Page page);

  // Sees what calls need to be allowed, where IAM is enforced. Set before serving.
  void set_iam_watch(iam::Watch watch) { iam_watch_ = std::move(watch); }

 private:
  net::Response Answer(const std::string& service_name, const aws::Service& service, const net::Request& request,
                       std::optional<Fault>& fault);

  Cloud& cloud_;
  const Api& api_;
  Sync<std::map<std::string, std::uint64_t>> calls_;  // by "ecs RunTask"
  std::map<std::string, Page, std::less<>> pages_;    // "GET /_adhoc/health"
  Chaos chaos_;
  iam::Watch iam_watch_;
  TaskEndpoint tasks_;
};

}  // namespace adhoc::localcloud
