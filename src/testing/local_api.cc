#include "testing/local_api.h"

#include <fstream>
#include <iterator>

#include "aws/codec/codec.h"
#include "aws/sign/sigv4.h"
#include "net/transport.h"

namespace adhoc::testing {

LocalApi::LocalApi()
    : clock_(FakeClock::Sleep::kAdvances),
      runtime_(clock_),
      store_(":memory:"),
      logs_(":memory:"),
      metrics_(":memory:"),
      cloud_{.settings = {.account = "123456789012",
                          .state_dir = folder_.path(),
                          .check_listener_ports = false,
                          .instance = "0badcafe"},
             .store = store_,
             .logs = logs_,
             .metrics = metrics_,
             .clock = clock_,
             .random = random_,
             .runtime = runtime_} {
  localcloud::RegisterServices(api_, cloud_);
  gateway_ = std::make_unique<localcloud::Gateway>(cloud_, api_);
}

LocalApi::~LocalApi() = default;

Json LocalApi::Call(std::string_view service_name, std::string_view operation_name, const Json& input) {
  const aws::Service& service = aws::GetService(service_name);
  const aws::Operation& operation = service.GetOperation(operation_name);
  net::Request request = aws::EncodeRequest(service, operation, input);
  request.headers.Set("Host", "127.0.0.1:4566");
  aws::Sign(request, {.access_key_id = access_key_, .secret_access_key = "test", .session_token = "", .expiration = {}},
            {.region = "us-east-1", .service = service.signing_name}, clock_.Now());
  const net::Response response = Send(request);
  if (response.fate != net::Response::Fate::kSent) {
    throw net::TransportError("no answer", true, response.fate == net::Response::Fate::kNeverSent);
  }
  if (response.status >= 300) {
    const aws::ErrorInfo error = aws::DecodeError(service, response);
    throw ServiceError(error.code, error.message, response.status, error.fields);
  }
  return aws::DecodeResponse(service, operation, response);
}

std::string LocalApi::ErrorOf(std::string_view service, std::string_view operation, const Json& input) {
  try {
    Call(service, operation, input);
    return "";
  } catch (const ServiceError& error) {
    return error.code();
  }
}

void LocalApi::EnforceIam(localcloud::iam::Watch watch) {
  cloud_.settings.iam = localcloud::Iam::kEnforce;
  gateway_->set_iam_watch(std::move(watch));
}

net::Response LocalApi::Send(const net::Request& request) {
  net::Response response = gateway_->Handle(request);
  if (!response.file.empty()) {
    std::ifstream file(response.file, std::ios::binary);
    file.seekg(static_cast<std::streamoff>(response.file_offset));
    response.body.resize(response.file_length);
    file.read(response.body.data(), static_cast<std::streamsize>(response.body.size()));
    response.file.clear();
  }
  return response;
}

Json LocalApi::Document(std::string_view collection, std::string_view key) {
  const auto txn = store_.Begin();
  const Json* document = txn->Find(collection, key);
  return document == nullptr ? Json() : *document;
}

}  // namespace adhoc::testing
