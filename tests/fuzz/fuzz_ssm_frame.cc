// Any bytes: a Session Manager message is refused or means the same after it was written again, and a channel survives
// both.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "net/ssm_channel.h"
#include "net/ssm_frame.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto frame = adhoc::net::DecodeSsmFrame(bytes)) {
    if (adhoc::net::DecodeSsmFrame(adhoc::net::EncodeSsmFrame(*frame)) != frame) std::abort();
  }
  // The digest keeps a fuzzer out of the rest, so the same bytes are also a valid message's payload.
  for (const auto type : {adhoc::net::kSsmAcknowledge, adhoc::net::kSsmInput}) {
    adhoc::net::SsmChannel channel(adhoc::net::kSsmOutput, adhoc::RealClock(), adhoc::SystemRandom(),
                                   [](const std::string&) { return true; });
    adhoc::net::SsmFrame frame;
    frame.type = type;
    frame.payload = bytes;
    const auto ready = channel.Receive(adhoc::net::EncodeSsmFrame(frame));
    if (ready.size() != (type == adhoc::net::kSsmInput ? 1u : 0u)) std::abort();
  }
  adhoc::net::DecodeSsmFlag(bytes);
  return 0;
}
