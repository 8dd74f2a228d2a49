// Any bytes: the frames found mean the same after they were written again, however the bytes were cut; and a session
// that gets them keeps its limits.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/smux.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using adhoc::net::SmuxSession;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  adhoc::net::SmuxDecoder whole;
  std::vector<adhoc::net::SmuxFrame> frames;
  const bool good = whole.Feed(bytes, frames);

  std::string again;
  for (const auto& frame : frames) again += adhoc::net::EncodeSmux(frame);
  if (good ? bytes.substr(0, again.size()) != again : bytes.size() < again.size()) std::abort();

  adhoc::net::SmuxDecoder pieces;
  std::vector<adhoc::net::SmuxFrame> cut;
  bool still_good = true;
  for (std::size_t i = 0; i < size; ++i) still_good = pieces.Feed(bytes.substr(i, 1), cut);
  if (cut != frames || (size > 0 && still_good != good)) std::abort();

  // Whoever is connected reads nothing but closes at once, so that nothing waits.
  std::vector<std::unique_ptr<adhoc::net::RawConnection>> streams;
  SmuxSession session(
      SmuxSession::Side::kServer, [](std::string_view) { return true; },
      [&](std::unique_ptr<adhoc::net::RawConnection> stream) {
        if (streams.size() % 2 == 1) stream->Close();
        streams.push_back(std::move(stream));
        if (streams.size() > SmuxSession::kMaxStreams * 4) streams.clear();
      });
  session.Receive(bytes.substr(0, SmuxSession::kMaxBuffered));
  return 0;
}
