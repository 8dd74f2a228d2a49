// Many connections over one ordered byte stream: version 1 of smux, which Session Manager's port sessions speak inside
// their data messages (github.com/xtaci/smux). A frame is
//
//   version (1) | command (1) | length (2, little-endian) | stream id (4, little-endian) | data
//
// Version 1 has no window per stream: a stream that nobody reads holds up the others once kMaxBuffered bytes wait.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/raw_connection.h"

namespace adhoc::net {

enum class SmuxCommand : std::uint8_t {
  kOpen = 0,
  kFinish = 1,  // the sender will send no more on this stream
  kData = 2,
  kKeepAlive = 3,
};

struct SmuxFrame {
  SmuxCommand command = SmuxCommand::kKeepAlive;
  std::uint32_t stream = 0;
  std::string data;  // at most 65535 bytes; only of kData

  friend bool operator==(const SmuxFrame&, const SmuxFrame&) = default;
};

std::string EncodeSmux(const SmuxFrame& frame);

// Cuts a byte stream into frames; holds less than one frame.
class SmuxDecoder {
 public:
  // Adds the frames that are complete now. False when this is not smux 1: then it never will be again.
  bool Feed(std::string_view bytes, std::vector<SmuxFrame>& frames);

 private:
  std::string buffer_;
  bool broken_ = false;
};

// One side of a multiplexed connection. Thread-safe, but Receive is called by one thread. Its streams may outlive it.
class SmuxSession {
 public:
  static constexpr std::size_t kMaxBuffered = 4 << 20;
  static constexpr std::size_t kMaxStreams = 1024;

  enum class Side { kClient, kServer };
  using Write = std::function<bool(std::string_view bytes)>;  // a whole frame; false: the connection is gone
  using Accept = std::function<void(std::unique_ptr<RawConnection> stream)>;

  // `write` is called by one thread at a time, never by Receive. `accept` gets each stream that the other side opens,
  // on the thread that called Receive; without it there may be none.
  SmuxSession(Side side, Write write, Accept accept = nullptr);
  ~SmuxSession();  // as Close

  // Nothing when the connection is gone.
  std::unique_ptr<RawConnection> Open();
  // What came from the other side. Waits while more than kMaxBuffered bytes have not been read from their streams.
  // False when it does not keep to the protocol; the session is then closed.
  bool Receive(std::string_view bytes);
  void KeepAlive();
  // Ends all streams.
  void Close();

 private:
  struct Shared;
  class Stream;

  bool Take(SmuxFrame frame);

  const Accept accept_;
  const std::shared_ptr<Shared> shared_;
  SmuxDecoder decoder_;
};

}  // namespace adhoc::net
