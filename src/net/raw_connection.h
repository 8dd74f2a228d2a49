// A connection of two byte streams, whatever carries them: a TCP connection, a stream of a multiplexed one, an HTTP
// connection taken over after `101 Switching Protocols`.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace adhoc::net {

// ReadSome and the writing calls may be used from two threads, Close from any.
class RawConnection {
 public:
  virtual ~RawConnection() = default;
  virtual std::string ReadSome() = 0;  // empty at the end
  virtual bool Write(std::string_view data) = 0;
  virtual void CloseWrite() = 0;
  virtual void Close() = 0;  // unblocks ReadSome and Write
};

// Copies both ways until both ends have finished, and closes both. An end that has finished may still receive; that
// ends when nothing has come for `linger`, since a connection that is gone looks the same as one that only listens.
// Returns whether `second` ever sent anything.
bool Relay(RawConnection& first, RawConnection& second, std::chrono::milliseconds linger = std::chrono::seconds(30));

}  // namespace adhoc::net
