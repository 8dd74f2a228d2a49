// Any bytes as a request: reading its signature ends with a value, nothing or an Error, and judging it ends. Whatever
// the request is, once it has been signed by us the signature is read and found right; with another secret it is wrong.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "aws/sign/sigv4.h"
#include "base/error.h"
#include "raw_request.h"

namespace {

using namespace adhoc::aws;

constexpr auto kNow = adhoc::TimePoint(std::chrono::seconds(1'700'000'000));

void Check(bool promise) {
  if (!promise) std::abort();
}

void SignAndVerify(adhoc::net::Request request, std::string_view service) {
  const Credentials credentials{
      .access_key_id = "AKIATEST", .secret_access_key = "secret", .session_token = "", .expiration = {}};
  request.headers.Remove("X-Amz-Content-SHA256");  // what a client says of its body may be untrue
  request.headers.Remove("Host");
  request.headers.Add("Host", "localhost");
  Sign(request, credentials, {"us-east-1", std::string(service)}, kNow);
  const auto authorization = ParseAuthorization(request);
  Check(authorization && authorization->access_key_id == credentials.access_key_id);
  Check(authorization->service == service);
  Check(VerifySignature(request, *authorization, credentials.secret_access_key));
  Check(!VerifySignature(request, *authorization, "another"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const adhoc::net::Request request =
      adhoc::fuzz::ReadRawRequest(std::string_view(reinterpret_cast<const char*>(data), size));
  try {
    if (const auto authorization = ParseAuthorization(request)) {
      VerifySignature(request, *authorization, "secret");
      (void)authorization->expired(kNow);
    }
  } catch (const adhoc::Error&) {
    // The way out for what is no signature.
  }
  if (request.query().find("X-Amz-") == std::string_view::npos) {  // else it is a presigned one
    SignAndVerify(request, "ecs");
    SignAndVerify(request, "s3");
  }
  return 0;
}
