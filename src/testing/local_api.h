// The local cloud's API in-process: every service registered on a store in memory, over a fake clock, randomness and
// container engine. Requests take the real path (encode, sign, gateway, decode), so what a test sees is what a client
// sees. Not thread-safe; controllers that a test starts may share its cloud().
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "localcloud/api/api.h"
#include "localcloud/cloud.h"
#include "localcloud/gateway.h"
#include "localcloud/iam/authorize.h"
#include "localcloud/routing.h"
#include "net/http_message.h"
#include "testing/fake_clock.h"
#include "testing/fake_random.h"
#include "testing/fake_runtime.h"
#include "testing/temporary_folder.h"

namespace adhoc::testing {

// What the service answered with an error; what() is its message.
class ServiceError : public Error {
 public:
  ServiceError(std::string code, const std::string& message, int status, Json fields)
      : Error(message), code_(std::move(code)), status_(status), fields_(std::move(fields)) {}
  const std::string& code() const { return code_; }
  int status() const { return status_; }
  const Json& fields() const { return fields_; }

 private:
  std::string code_;
  int status_;
  Json fields_;
};

class LocalApi {
 public:
  LocalApi();
  ~LocalApi();

  // Throws ServiceError, and net::TransportError for an answer that a fault on request takes away.
  Json Call(std::string_view service, std::string_view operation, const Json& input = Json::object());
  // Whose access key signs the calls from now on; at first the account's root.
  void set_access_key(std::string key) { access_key_ = std::move(key); }
  // The error's code, or "" when the call succeeded.
  std::string ErrorOf(std::string_view service, std::string_view operation, const Json& input = Json::object());
  // A request as it is, unsigned unless it carries a signature; a file body is read into `body`.
  net::Response Send(const net::Request& request);
  // Enforces IAM from now on; `watch` sees what calls need.
  void EnforceIam(localcloud::iam::Watch watch = {});

  localcloud::Cloud& cloud() { return cloud_; }
  localcloud::Store& store() { return store_; }
  FakeClock& clock() { return clock_; }
  FakeRuntime& runtime() { return runtime_; }
  // A copy of a document, private fields and all; null when there is none.
  Json Document(std::string_view collection, std::string_view key);

 private:
  TemporaryFolder folder_;
  FakeClock clock_;
  FakeRandom random_;
  FakeRuntime runtime_;
  localcloud::Store store_;
  localcloud::LogStore logs_;
  localcloud::MetricStore metrics_;
  localcloud::Cloud cloud_;
  localcloud::Api api_;
  std::string access_key_ = "AKIATEST";
  std::unique_ptr<localcloud::Gateway> gateway_;
};

}  // namespace adhoc::testing
