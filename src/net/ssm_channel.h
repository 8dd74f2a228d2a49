// One side's half of the Session Manager protocol that both sides have in common: numbering data messages,
// acknowledging the other side's, keeping them in order, and sending again what was not acknowledged. It outlives a
// connection: what was under way when one broke goes out again on the next.
#pragma once

#include <condition_variable>
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
  static constexpr std::size_t kWindow = 1000;

  using Write = std::function<bool(const std::string& bytes)>;  // false: the connection is gone

  // `data_type`: kSsmOutput on the agent's side, kSsmInput on the client's.
  SsmChannel(std::string_view data_type, Clock& clock, Random& random, Write write);

  // In messages of at most 1024 bytes. False when the connection is gone.
  bool Send(SsmPayload type, std::string_view payload);
  // As Send, but waits while kWindow messages are unacknowledged, so that a fast sender does not outrun the other side.
  // Not for the thread that calls Receive. False also after Stop.
  bool SendBulk(SsmPayload type, std::string_view payload);
  // Ends every SendBulk.
  void Stop();
  // Tells the client that the session is over; not acknowledged, not repeated.
  bool SendClosed(const std::string& session_id, const std::string& output);

  // Takes a binary message as it came from the connection; returns the data messages that are next in order, and
  // channel_closed. What is damaged is dropped: the other side sends it again.
  std::vector<SsmFrame> Receive(std::string_view bytes);

  // Sends the oldest unacknowledged message again when it is due; call it every 100 ms or so. Only that one: what came
  // after it may well be there. False when the connection is gone or the other side has not acknowledged a message for
  // five minutes.
  bool Resend();
  // Sends all of them again, on a new connection.
  bool ResendAll();
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
    // As TCP measures it (RFC 6298).
    Duration round_trip = std::chrono::milliseconds(100);
    Duration variation{0};
    bool stopped = false;
  };

  SsmFrame NewFrame(std::string_view type);
  bool SendPart(State& state, SsmPayload type, std::string_view& payload);
  void Acknowledged(State& state, std::int64_t sequence);

  const std::string data_type_;
  Clock& clock_;
  Random& random_;
  const Write write_;
  Sync<State> state_;  // held while writing, which keeps messages in order
  std::condition_variable_any acknowledged_;
};

}  // namespace adhoc::net
