// The framing of a container's output on the Docker Engine API's log, attach and exec streams: 1 byte stream (1 out, 2
// err), 3 zero bytes, 4 bytes length (big endian), payload. Pure and single-threaded.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "localcloud/runtime/runtime.h"

namespace adhoc::localcloud {

// Cuts a byte stream into frames.
class FrameDecoder {
 public:
  struct Frame {
    bool from_stderr = false;
    std::string payload;
  };

  // The frames that `data` completes. Throws RuntimeError when it is no such stream.
  std::vector<Frame> Feed(std::string_view data);

 private:
  std::string pending_;
};

// Makes lines of log output that was asked for with timestamps=1.
//
// A frame is `2026-11-23T07:54:20Z text`, with a newline unless the line goes on in that stream's next frame (long
// lines, or a process that has not written the rest yet). podman gives whole seconds; then a line that was written just
// now gets `now`.
class LogAssembler {
 public:
  using Sink = std::function<bool(const LogLine&)>;

  // Terminal output has no frames: raw means lines, each with its timestamp, all from stdout.
  LogAssembler(bool raw, std::uint64_t skip_lines) : raw_(raw), delivered_(skip_lines) {}

  // False when `sink` returned false; that line counts as delivered.
  bool Feed(std::string_view data, TimePoint now, const Sink& sink);
  // The container has ended: the unfinished lines are lines.
  bool Finish(const Sink& sink);
  // A new reading of the same log begins; what was delivered is skipped.
  void Restart();

 private:
  struct Partial {
    bool open = false;
    LogLine line;
  };

  bool Add(bool from_stderr, std::string_view payload, TimePoint now, const Sink& sink);
  bool Deliver(Partial& partial, const Sink& sink);

  bool raw_;
  std::uint64_t seen_ = 0;       // lines of this reading so far
  std::uint64_t delivered_ = 0;  // lines of the log that were delivered, in this reading or before
  TimePoint last_time_{};
  FrameDecoder decoder_;
  std::string raw_pending_;
  Partial partial_[2];  // stdout, stderr
};

// RFC 3339, with any offset and fraction; nothing for anything else and for the engines' zero time (year 1).
std::optional<TimePoint> ParseEngineTime(std::string_view text);

}  // namespace adhoc::localcloud
