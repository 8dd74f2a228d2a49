// Calls AWS operations by name with documents, for any service in the embedded models: encode, validate against the
// model, sign, send, retry with full jitter (botocore's `standard` mode), decode.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "aws/sign/sigv4.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/random.h"
#include "net/transport.h"

namespace adhoc::aws {

// AWS answered with an error. what() reads `ecs CreateService: InvalidParameterException: Creation of service was …`.
class AwsError : public Error {
 public:
  AwsError(std::string service, std::string operation, std::string code, std::string message, int status,
           std::string request_id, Json fields);
  const std::string& service() const { return service_; }
  const std::string& operation() const { return operation_; }
  const std::string& code() const { return code_; }
  const std::string& message() const { return message_; }
  int status() const { return status_; }
  const std::string& request_id() const { return request_id_; }
  const Json& fields() const { return fields_; }

 private:
  std::string service_, operation_, code_, message_, request_id_;
  int status_;
  Json fields_;
};

// Thread-safe.
class CredentialsProvider {
 public:
  virtual ~CredentialsProvider() = default;
  virtual Credentials Get() = 0;     // throws Error with a hint
  virtual std::string Source() = 0;  // where they are from, for people; throws as Get
};
// A request with an empty access key is sent unsigned.
std::unique_ptr<CredentialsProvider> StaticCredentials(Credentials credentials);

struct ChainOptions {
  std::string profile;  // preferred over the environment's keys where the shared files have it; AWS_PROFILE counts more
  std::string role;     // ARN of a role to assume with what was found; empty: none
  std::string region;   // of STS
  // Asks a person for an MFA code; nothing when nobody is there.
  std::function<std::optional<std::string>(const std::string& prompt)> ask;
};
// The SDKs' chain: environment, profile (roles, web identity, single sign-on, keys, credential_process), container,
// instance. Renewed before they end.
std::unique_ptr<CredentialsProvider> DefaultCredentials(ChainOptions options,
                                                        std::shared_ptr<net::Transport> transport);

// What the profile that the chain would use says of endpoints (aws/client/endpoint.h). `preferred`: as
// ChainOptions::profile. Throws Error when the shared files cannot be read.
std::map<std::string, std::string, std::less<>> ReadProfileEndpoints(const std::string& preferred);

struct ClientOptions {
  std::string region = "us-east-1";
  std::string endpoint_url;  // one endpoint for every service (the local cloud); empty: AWS_ENDPOINT_URL…, else the
                             // profile's, else AWS's own
  std::map<std::string, std::string, std::less<>> profile_endpoints;  // ReadProfileEndpoints
  int max_attempts = 5;
  // How often a call may be throttled in addition: it was refused before it did anything, and an account that others
  // work in throttles for minutes. Terraform's AWS provider tries 25 times.
  int max_throttled_attempts = 20;
  net::SendOptions send;
};

struct CallRecord {  // for counting and tracing
  std::string service;
  std::string operation;
  int attempts = 0;
  int status = 0;
  Duration elapsed{};
};

// Thread-safe.
class Client {
 public:
  Client(ClientOptions options, std::shared_ptr<CredentialsProvider> credentials,
         std::shared_ptr<net::Transport> transport, Clock& clock, Random& random);
  ~Client();

  // Throws AwsError, net::TransportError after the last attempt, or Error when the model refuses the input.
  Json Call(std::string_view service, std::string_view operation, const Json& input = Json::object(),
            std::stop_token stop = {});

  // Calls until the last page; appends all pages' `result_key` lists into one array.
  Json List(std::string_view service, std::string_view operation, Json input, std::string_view result_key,
            std::stop_token stop = {});

  // A model waiter (`ecs`, `TasksStopped`). `poll` overrides the model's delay when positive: it starts there and grows
  // by half up to the model's delay. Throws Error on failure or time-out, naming the last state.
  void Wait(std::string_view service, std::string_view waiter, const Json& input, Duration poll = {},
            std::stop_token stop = {});

  const std::string& region() const;
  // The clock as AWS has it, by the Date of the latest answer (to the second); ours before the first.
  TimePoint ServerTime();
  // Called after every call, from the calling thread.
  void set_observer(std::function<void(const CallRecord&)> observer);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace adhoc::aws
