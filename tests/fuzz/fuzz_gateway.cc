// Any bytes as a request to the local cloud: it finds a service and an operation or an error of the service's, and
// never answers with a 500, which would be our mistake.
//
// Requests are separated by a zero byte; those of one input go to the same cloud.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <spdlog/spdlog.h>

#include "raw_request.h"
#include "testing/local_api.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool kQuiet = [] {
    spdlog::set_level(spdlog::level::err);
    return true;
  }();
  (void)kQuiet;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  adhoc::testing::LocalApi api;
  for (int i = 0; i < 8 && !rest.empty(); ++i) {
    const std::size_t end = rest.find('\0');
    const adhoc::net::Request request = adhoc::fuzz::ReadRawRequest(rest.substr(0, end));
    if (request.method.empty()) return 0;
    const adhoc::net::Response response = api.Send(request);
    if (response.status == 500 || response.status < 100) std::abort();
    if (end == std::string_view::npos) return 0;
    rest.remove_prefix(end + 1);
  }
  return 0;
}
