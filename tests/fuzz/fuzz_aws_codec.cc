// Any bytes as a request, a response or an error of any operation: the decoders end with a document or a CodecError.
// What they read can be checked against the model, and what it encodes to stays the same when it is read and encoded
// again.
//
// The first four bytes choose the service, the operation and the kind of message. A request is a target, header lines
// and, after an empty line, the body.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>

#include "aws/codec/codec.h"
#include "raw_request.h"

namespace {

using namespace adhoc::aws;
using adhoc::Json;

void Check(bool promise) {
  if (!promise) std::abort();
}

adhoc::net::Request ReadRequest(const Operation& operation, std::string_view text) {
  adhoc::net::Request request;
  request.method = operation.method;
  request.target = std::string("/") + std::string(adhoc::fuzz::TakeLine(text));
  adhoc::fuzz::ReadHeadersAndBody(text, request);
  return request;
}

// Forms have no way to say some documents, so they may take another round to settle.
bool IsForm(const Service& service) {
  return service.protocol == Protocol::kQuery || service.protocol == Protocol::kEc2;
}

void TryRequest(const Service& service, const adhoc::net::Request& request, const Operation& operation) {
  const Json input = DecodeRequest(service, operation, request);
  if (operation.input != nullptr) Validate(*operation.input, input);
  const adhoc::net::Request again = EncodeRequest(service, operation, input);
  const adhoc::net::Request twice = EncodeRequest(service, operation, DecodeRequest(service, operation, again));
  if (!IsForm(service)) Check(again.target == twice.target && again.body == twice.body);
}

void TryResponse(const Service& service, const Operation& operation, const adhoc::net::Response& response) {
  const Json output = DecodeResponse(service, operation, response);
  const adhoc::net::Response again = EncodeResponse(service, operation, output, "id");
  Check(again.body == EncodeResponse(service, operation, DecodeResponse(service, operation, again), "id").body);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  const auto& services = EmbeddedServices();
  const Service* service = &GetService(services[data[0] % services.size()]);
  if (service->name == "cloudwatch" && data[3] >= 0x80) service = &GetServiceIn("cloudwatch", Protocol::kCbor);
  const std::size_t index = (data[1] | data[2] << 8) % service->operations.size();
  const Operation& operation = std::next(service->operations.begin(), static_cast<std::ptrdiff_t>(index))->second;
  const std::string_view text(reinterpret_cast<const char*>(data) + 4, size - 4);

  adhoc::net::Response response;
  response.body = text;
  try {
    switch (data[3] % 4) {
      case 0: {
        const adhoc::net::Request request = ReadRequest(operation, text);
        if (const Operation* routed = RouteRequest(*service, request)) TryRequest(*service, request, *routed);
        break;
      }
      case 1: {
        adhoc::net::Request request;
        request.method = operation.method;
        request.target = operation.uri;
        request.body = text;
        TryRequest(*service, request, operation);
        break;
      }
      case 2:
        TryResponse(*service, operation, response);
        break;
      default:
        response.status = 400;
        Check(!DecodeError(*service, response).code.empty());
    }
  } catch (const CodecError&) {
    // The way out for bytes that are no message.
  }
  return 0;
}
