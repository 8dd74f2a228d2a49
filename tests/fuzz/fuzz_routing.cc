// Any bytes as a request: its service is one that is embedded, and whatever operation it is routed to is one of that
// service, whose input is decoded or refused with a CodecError.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "aws/codec/codec.h"
#include "aws/model/model.h"
#include "localcloud/routing.h"
#include "raw_request.h"

namespace {

void Check(bool promise) {
  if (!promise) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace adhoc;
  net::Request request = fuzz::ReadRawRequest(std::string_view(reinterpret_cast<const char*>(data), size));
  if (request.method.empty()) return 0;
  const std::string name = localcloud::ServiceOf(request);
  const aws::Service* found = aws::FindService(name);
  // Only an unknown X-Amz-Target names no service; everything else is S3's at the end.
  Check(found != nullptr || (name.empty() && request.headers.Has("X-Amz-Target")));
  if (found == nullptr) return 0;
  const aws::Service& service = aws::ServiceAsSpoken(*found, request);
  if (name == "s3") {
    if (auto target = localcloud::TargetWithBucket(request)) {
      Check(target->starts_with('/'));
      request.target = std::move(*target);
    }
  }
  const aws::Operation* operation = aws::RouteRequest(service, request);
  if (operation == nullptr) return 0;
  Check(service.FindOperation(operation->name) == operation);
  try {
    (void)(aws::HasStreamedBody(*operation) ? aws::DecodeRequestHead(service, *operation, request)
                                            : aws::DecodeRequest(service, *operation, request));
  } catch (const aws::CodecError&) {
    // The way out for what is no input of the operation.
  }
  return 0;
}
