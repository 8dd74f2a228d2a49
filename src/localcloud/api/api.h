// How an AWS operation is answered: one function per operation, registered by name, one file per service.
//
// The gateway decodes and validates the request against the model, begins a transaction, calls the handler, commits,
// and encodes what it returned. A handler that throws ApiError (or anything) leaves no trace. Handlers must not block:
// work on containers is done by controllers that see the committed documents, and what an answer needs from outside the
// store (the engine's images, the bytes of an S3 object on disk) is fetched by the operation's `prepare` step before
// the transaction.
#pragma once

#include <any>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "aws/model/model.h"
#include "base/error.h"
#include "base/json.h"
#include "localcloud/cloud.h"
#include "net/http_message.h"

namespace adhoc::localcloud {

// An error that the service defines. The HTTP status and the Sender/Receiver side come from the model when it knows the
// code, else 400; `status` overrides both (S3's model has no statuses).
class ApiError : public Error {
 public:
  ApiError(std::string code, const std::string& message, Json fields = Json::object(), int status = 0)
      : Error(message), code_(std::move(code)), fields_(std::move(fields)), status_(status) {}
  const std::string& code() const { return code_; }
  const Json& fields() const { return fields_; }
  int status() const { return status_; }
  // Headers of the error's answer, e.g. that the object is a delete marker.
  void SetHeader(std::string_view name, std::string_view value) { headers_.Set(name, value); }
  const net::Headers& headers() const { return headers_; }

 private:
  std::string code_;
  Json fields_;
  int status_;
  net::Headers headers_;
};

struct Call {
  const aws::Operation& operation;
  Json input;
  std::any prepared;  // what the operation's Prepare returned
  Store::Transaction& txn;
  const net::Request& http;
  std::string service;     // botocore's name
  std::string access_key;  // empty: anonymous
  std::string region;
  std::string request_id;
  // Set by handlers whose answer is more than a document (S3 object bodies from files, odd status codes): the encoded
  // response gets this status, these headers on top, and this file as its body.
  std::optional<net::Response> raw;
};

using Handler = std::function<Json(Call&)>;

// Runs before the transaction begins, without any lock, and may block for a moment. It may throw ApiError.
using Prepare = std::function<std::any(const Json& input, const net::Request& http)>;

// What a call of an operation does here.
enum class Effect {
  kReal,      // what AWS's does, as far as one machine can
  kRecorded,  // it is kept and answered, and changes nothing else: there is nothing here that it could change
};

// Filled before the server starts, then read-only.
class Api {
 public:
  // Throws Error when the model has no such operation or it is registered twice.
  void On(std::string_view service, std::string_view operation, Handler handler, Effect effect = Effect::kReal);
  // After On.
  void SetPrepare(std::string_view service, std::string_view operation, Prepare prepare);
  const Handler* Find(std::string_view service, std::string_view operation) const;
  const Prepare* FindPrepare(std::string_view service, std::string_view operation) const;  // null for most
  // What is registered: service → operation → effect.
  const std::map<std::string, std::map<std::string, Effect>>& operations() const { return operations_; }

 private:
  std::map<std::string, Handler, std::less<>> handlers_;  // "ecs.CreateService"
  std::map<std::string, Prepare, std::less<>> prepares_;
  std::map<std::string, std::map<std::string, Effect>> operations_;
};

// All of them.
void RegisterServices(Api& api, Cloud& cloud);
// Each in api/<service>.cc.
void RegisterAcm(Api& api, Cloud& cloud);
void RegisterApplicationAutoScaling(Api& api, Cloud& cloud);
void RegisterCloudwatch(Api& api, Cloud& cloud);
void RegisterEc2(Api& api, Cloud& cloud);
void RegisterEcr(Api& api, Cloud& cloud);
void RegisterEcs(Api& api, Cloud& cloud);
void RegisterEfs(Api& api, Cloud& cloud);
void RegisterElbv2(Api& api, Cloud& cloud);
void RegisterIam(Api& api, Cloud& cloud);
void RegisterLogs(Api& api, Cloud& cloud);
void RegisterRds(Api& api, Cloud& cloud);
void RegisterRoute53(Api& api, Cloud& cloud);
void RegisterS3(Api& api, Cloud& cloud);
void RegisterSecretsManager(Api& api, Cloud& cloud);
void RegisterServiceDiscovery(Api& api, Cloud& cloud);
void RegisterServiceQuotas(Api& api, Cloud& cloud);
void RegisterSsm(Api& api, Cloud& cloud);
void RegisterSsmInstances(Api& api, Cloud& cloud);
void RegisterSsmParameters(Api& api, Cloud& cloud);
void RegisterSts(Api& api, Cloud& cloud);

}  // namespace adhoc::localcloud
