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

bool SsmChannel::Send(SsmPayload type, std::string_view payload) {
  do {
    SsmFrame frame = NewFrame(data_type_);
    frame.payload_type = type;
    // Only streams may be cut; a handshake is one message.
    const bool stream = type == SsmPayload::kOutput || type == SsmPayload::kError || type == SsmPayload::kStderr;
    frame.payload = payload.substr(0, stream ? kMaxPayload : payload.size());
    payload.remove_prefix(frame.payload.size());
    auto state = state_.lock();
    frame.sequence = state->next_to_send++;
    // The plugin takes the first message of a stream by this flag.
    if (frame.sequence == 0) frame.flags = 1;
    std::string bytes = EncodeSsmFrame(frame);
    const bool written = write_(bytes);
    state->sent.emplace(frame.sequence, Unacknowledged{std::move(bytes), clock_.Now(), 1});
    if (!written) return false;
  } while (!payload.empty());
  return true;
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
      state_.lock()->sent.erase(content["AcknowledgedMessageSequenceNumber"].get<std::int64_t>());
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

bool SsmChannel::Resend() {
  const TimePoint now = clock_.Now();
  auto state = state_.lock();
  for (auto& [sequence, message] : state->sent) {
    if (now - message.sent_at < (message.tries == 1 ? Duration(kFirstResend) : Duration(kResend))) continue;
    if (++message.tries > kMaxTries) return false;
    message.sent_at = now;
    if (!write_(message.bytes)) return false;
  }
  return true;
}

bool SsmChannel::idle() { return state_.lock()->sent.empty(); }

}  // namespace adhoc::net
