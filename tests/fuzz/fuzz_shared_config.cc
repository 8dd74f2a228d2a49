// Feeds the parsers of what credentials are found in: the SDKs' shared files, a credential_process' command line and
// output, a single sign-on token, a metadata service's answer. Nothing but an Error may come out.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "aws/client/credential_sources.h"
#include "aws/client/shared_config.h"
#include "base/error.h"

namespace {

template <typename Function>
void Try(Function function) {
  try {
    function();
  } catch (const adhoc::Error&) {
    // The answer to most inputs.
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Try([&] {
    const auto shared = adhoc::aws::MakeSharedConfig(text, "config", text, "credentials");
    for (const auto& [name, settings] : shared.config) {
      if (!shared.Has(name) || shared.Profile(name).size() < settings.size()) __builtin_trap();
    }
  });
  Try([&] { adhoc::aws::SplitCommandLine(text); });
  Try([&] { adhoc::aws::ParseProcessOutput(text); });
  Try([&] { adhoc::aws::ParseMetadataAnswer(text); });
  Try([&] { adhoc::aws::ParseSsoToken(text); });
  return 0;
}
