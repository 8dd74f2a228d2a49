#include "net/ssm_channel.h"

#include <algorithm>
#include <chrono>

#include "base/json.h"

namespace adhoc::net {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxPayload = 1024;
constexpr std::size_t kMaxEarly = 10000;
constexpr auto kFirstResend = 200ms;
constexpr auto kResend = 1s;
constexpr auto kGranularity = 10ms;
constexpr int kMaxTries = 300;
constexpr std::uint64_t kFirstAndLast = 3;

}  // namespace

SsmChannel::SsmChannel(std::string_view data_type, Clock& clock, Random& random, Write write)
    : data_type_(data_type), clock_(clock), random_(random), write_(std::move(write)) {}

SsmFrame SsmChannel::NewFrame(std::string_view type) {
  SsmFrame frame;
  frame.type = type;
  frame.created_ms = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.Now().time_since_epoch()).count();
  frame.message_id = random_.Uuid();
  return frame;
}

// One message of `payload`, which loses what was sent.
bool SsmChannel::SendPart(State& state, SsmPayload type, std::string_view& payload) {
  SsmFrame frame = NewFrame(data_type_);
  frame.payload_type = type;
  // Only streams may be cut; a handshake is one message.
  const bool stream = type == SsmPayload::kOutput || type == SsmPayload::kError || type == SsmPayload::kStderr;
  frame.payload = payload.substr(0, stream ? kMaxPayload : payload.size());
  payload.remove_prefix(frame.payload.size());
  frame.sequence = state.next_to_send++;
  // The plugin takes the first message of a stream by this flag.
  if (frame.sequence == 0) frame.flags = 1;
  std::string bytes = EncodeSsmFrame(frame);
  const bool written = write_(bytes);
  state.sent.emplace(frame.sequence, Unacknowledged{std::move(bytes), clock_.Now(), 1});
  return written;
}

bool SsmChannel::Send(SsmPayload type, std::string_view payload) {
  do {
    auto state = state_.lock();
    if (!SendPart(*state, type, payload)) return false;
  } while (!payload.empty());
  return true;
}

bool SsmChannel::SendBulk(SsmPayload type, std::string_view payload) {
  do {
    auto state = state_.lock();
    state.Wait(acknowledged_, {}, [&] { return state->stopped || state->sent.size() < kWindow; });
    if (state->stopped || !SendPart(*state, type, payload)) return false;
  } while (!payload.empty());
  return true;
}

void SsmChannel::Stop() {
  state_.lock()->stopped = true;
  acknowledged_.notify_all();
}

bool SsmChannel::SendClosed(const std::string& session_id, const std::string& output) {
  SsmFrame frame = NewFrame(kSsmChannelClosed);
  frame.flags = kFirstAndLast;
  frame.payload = Json{
      {"MessageId", frame.message_id},
      {"CreatedDate", std::to_string(frame.created_ms)},
      {"DestinationId", ""},
      {"SessionId", session_id},
      {"MessageType", std::string(kSsmChannelClosed)},
      {"SchemaVersion", 1},
      {"Output",
       output}}.dump();
  auto state = state_.lock();
  return write_(EncodeSsmFrame(frame));
}

std::vector<SsmFrame> SsmChannel::Receive(std::string_view bytes) {
  std::vector<SsmFrame> ready;
  auto frame = DecodeSsmFrame(bytes);
  if (!frame) return ready;
  if (frame->type == kSsmChannelClosed) {
    ready.push_back(std::move(*frame));
    return ready;
  }
  if (frame->type == kSsmAcknowledge) {
    const Json content = Json::parse(frame->payload, nullptr, false);
    if (content.is_object() && content.contains("AcknowledgedMessageSequenceNumber") &&
        content["AcknowledgedMessageSequenceNumber"].is_number_integer()) {
      Acknowledged(*state_.lock(), content["AcknowledgedMessageSequenceNumber"].get<std::int64_t>());
      acknowledged_.notify_all();
    }
    return ready;
  }
  if (frame->type != kSsmInput && frame->type != kSsmOutput) return ready;

  SsmFrame acknowledgement = NewFrame(kSsmAcknowledge);
  acknowledgement.flags = kFirstAndLast;
  acknowledgement.payload = Json{
      {"AcknowledgedMessageType", frame->type},
      {"AcknowledgedMessageId", frame->message_id},
      {"AcknowledgedMessageSequenceNumber", frame->sequence},
      {"IsSequentialMessage",
       true}}.dump();
  auto state = state_.lock();
  // What doesn't fit is not acknowledged either, so it comes again.
  if (frame->sequence > state->next_to_receive && state->early.size() >= kMaxEarly) return ready;
  write_(EncodeSsmFrame(acknowledgement));
  if (frame->sequence < state->next_to_receive) return ready;
  state->early.emplace(frame->sequence, std::move(*frame));
  while (!state->early.empty() && state->early.begin()->first == state->next_to_receive) {
    ready.push_back(std::move(state->early.begin()->second));
    state->early.erase(state->early.begin());
    ++state->next_to_receive;
  }
  return ready;
}

void SsmChannel::Acknowledged(State& state, std::int64_t sequence) {
  const auto message = state.sent.find(sequence);
  if (message == state.sent.end()) return;
  // Of one that was sent twice nobody knows which is answered.
  if (message->second.tries == 1) {
    const Duration sample = clock_.Now() - message->second.sent_at;
    const Duration difference = sample > state.round_trip ? sample - state.round_trip : state.round_trip - sample;
    state.variation = (3 * state.variation + difference) / 4;
    state.round_trip = (7 * state.round_trip + sample) / 8;
  }
  state.sent.erase(message);
}

bool SsmChannel::Resend() {
  const TimePoint now = clock_.Now();
  auto state = state_.lock();
  if (state->sent.empty()) return true;
  Unacknowledged& oldest = state->sent.begin()->second;
  const Duration measured = state->round_trip + std::max<Duration>(4 * state->variation, kGranularity);
  const Duration due = oldest.tries == 1 ? std::clamp<Duration>(measured, kFirstResend, kResend) : Duration(kResend);
  if (now - oldest.sent_at < due) return true;
  if (++oldest.tries > kMaxTries) return false;
  oldest.sent_at = now;
  return write_(oldest.bytes);
}

bool SsmChannel::ResendAll() {
  auto state = state_.lock();
  for (auto& [sequence, message] : state->sent) {
    message.sent_at = clock_.Now();
    ++message.tries;
    if (!write_(message.bytes)) return false;
  }
  return true;
}

bool SsmChannel::idle() { return state_.lock()->sent.empty(); }

}  // namespace adhoc::net
