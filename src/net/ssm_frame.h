// The binary messages of a Session Manager data channel (ECS Exec), as aws/session-manager-plugin's message package
// lays them out. Values and pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace adhoc::net {

enum class SsmPayload : std::uint32_t {
  kNone = 0,
  kOutput = 1,
  kError = 2,
  kSize = 3,  // {"cols":80,"rows":24}
  kParameter = 4,
  kHandshakeRequest = 5,
  kHandshakeResponse = 6,
  kHandshakeComplete = 7,
  kEncryptionChallengeRequest = 8,
  kEncryptionChallengeResponse = 9,
  kFlag = 10,  // a big-endian u32, one of those below
  kStderr = 11,
  kExitCode = 12,  // decimal digits
};

inline constexpr std::string_view kSsmInput = "input_stream_data";    // client → agent
inline constexpr std::string_view kSsmOutput = "output_stream_data";  // agent → client
inline constexpr std::string_view kSsmAcknowledge = "acknowledge";
inline constexpr std::string_view kSsmChannelClosed = "channel_closed";

// Of kFlag.
inline constexpr std::uint32_t kSsmDisconnectFromPort = 1;  // client: the connection of a port session ended here
inline constexpr std::uint32_t kSsmTerminateSession = 2;    // client
inline constexpr std::uint32_t kSsmConnectToPortError = 3;  // agent: nothing answers at the port

struct SsmFrame {
  std::string type;  // one of the above, or start_publication, pause_publication
  std::uint32_t schema_version = 1;
  std::int64_t created_ms = 0;
  std::int64_t sequence = 0;
  std::uint64_t flags = 0;  // bit 0: first, bit 1: last
  std::string message_id;   // a UUID as text
  SsmPayload payload_type = SsmPayload::kNone;
  std::string payload;

  friend bool operator==(const SsmFrame&, const SsmFrame&) = default;
};

std::string EncodeSsmFrame(const SsmFrame& frame);
// Nothing when it is too short, its lengths contradict each other, or its digest is wrong.
std::optional<SsmFrame> DecodeSsmFrame(std::string_view bytes);

// The payload of kFlag.
std::string EncodeSsmFlag(std::uint32_t flag);
std::optional<std::uint32_t> DecodeSsmFlag(std::string_view payload);

}  // namespace adhoc::net
