// One side's half of the Session Manager protocol that both sides have in common: numbering data messages,
// acknowledging the other side's, keeping them in order, and sending again what was not acknowledged.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/sync.h"
#include "net/ssm_frame.h"

namespace adhoc::net {

// Thread-safe; `write` is called by one thread at a time.
class SsmChannel {
 public:
  using Write = std::function<bool(const std::string& bytes)>;  // false: the connection is gone

  // `data_type`: kSsmOutput on the agent's side, kSsmInput on the client's.
  SsmChannel(std::string_view data_type, Clock& clock, Random& random, Write write);

  // In messages of at most 1024 bytes. False when the connection is gone.
  bool Send(SsmPayload type, std::string_view payload);
  // Tells the client that the session is over; not acknowledged, not repeated.
  bool SendClosed(const std::string& session_id, const std::string& output);

  // Takes a binary message as it came from the connection; returns the data messages that are next in order, and
  // channel_closed. What is damaged is dropped: the other side sends it again.
  std::vector<SsmFrame> Receive(std::string_view bytes);

  // Sends again what is due; call it every 100 ms or so. False when the connection is gone or the other side has not
  // acknowledged a message for five minutes.
  bool Resend();
  // Whether everything sent was acknowledged.
  bool idle();

 private:
  struct Unacknowledged {
    std::string bytes;
    TimePoint sent_at;
    int tries = 1;
  };
  struct State {
    std::int64_t next_to_send = 0;
    std::int64_t next_to_receive = 0;
    std::map<std::int64_t, Unacknowledged> sent;
    std::map<std::int64_t, SsmFrame> early;
  };

  SsmFrame NewFrame(std::string_view type);

  const std::string data_type_;
  Clock& clock_;
  Random& random_;
  const Write write_;
  Sync<State> state_;  // held while writing, which keeps messages in order
};

}  // namespace adhoc::net
