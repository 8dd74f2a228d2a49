#include "net/ssm_client.h"

#include <charconv>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"

namespace adhoc::net {
namespace {

using namespace std::chrono_literals;

constexpr auto kTick = 100ms;
constexpr int kReconnects = 5;
constexpr auto kFirstPause = 200ms;

std::vector<int> Numbers(std::string_view version) {
  std::vector<int> numbers;
  while (true) {
    int number = 0;
    const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), number);
    if (error != std::errc()) return {};
    numbers.push_back(number);
    version.remove_prefix(static_cast<std::size_t>(end - version.data()));
    if (version.empty()) return numbers;
    if (version.front() != '.') return {};
    version.remove_prefix(1);
  }
}

std::string TextOf(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

bool IsLaterVersion(std::string_view version, std::string_view than) {
  const auto left = Numbers(version);
  const auto right = Numbers(than);
  return !left.empty() && !right.empty() && left > right;
}

SsmClient::SsmClient(SsmConnection connection, Clock& clock, Random& random, Resume resume)
    : clock_(clock),
      random_(random),
      resume_(std::move(resume)),
      client_id_(random.Uuid()),
      channel_(kSsmInput, clock, random, [this](const std::string& bytes) { return Write(bytes); }) {
  Open(std::move(connection));
}

SsmClient::~SsmClient() { channel_.Stop(); }

// Where a connection can follow this one, what is written meanwhile is not lost: the channel has it.
bool SsmClient::Write(const std::string& bytes) {
  const std::shared_ptr<WebSocket> socket = *socket_.lock();
  if (socket->Write({.binary = true, .data = bytes})) return true;
  return resume_ != nullptr && !over_.stop_requested();
}

void SsmClient::Open(SsmConnection connection) {
  const Json open = {{"MessageSchemaVersion", "1.0"},
                     {"RequestId", random_.Uuid()},
                     {"TokenValue", connection.token},
                     {"ClientId", client_id_},
                     {"ClientVersion", std::string(kSsmClientVersion)}};
  connection.socket->Write({.binary = false, .data = open.dump()});
  *socket_.lock() = std::move(connection.socket);
}

bool SsmClient::Reconnect() {
  if (!resume_) return false;
  auto pause = Duration(kFirstPause);
  for (int i = 0; i < kReconnects; ++i, pause *= 2) {
    if (over_.stop_requested() || !clock_.SleepFor(pause, over_.get_token())) return false;
    try {
      Open(resume_());
      channel_.ResendAll();
      return true;
    } catch (const Error&) {
      // The service may be back a moment later.
    }
  }
  return false;
}

std::optional<std::string> SsmClient::Run(Handler& handler) {
  std::jthread resender([this](std::stop_token stop) {
    while (clock_.SleepFor(kTick, stop)) {
      if (channel_.Resend()) continue;
      over_.request_stop();
      (*socket_.lock())->Close();
      return;
    }
  });
  while (!closed_) {
    const std::shared_ptr<WebSocket> socket = *socket_.lock();
    const auto message = socket->Read();
    if (over_.stop_requested()) break;
    if (!message) {
      if (!Reconnect()) break;
      continue;
    }
    if (!message->binary) continue;
    for (const SsmFrame& frame : channel_.Receive(message->data)) Handle(frame, handler);
  }
  over_.request_stop();
  channel_.Stop();
  (*socket_.lock())->Close();
  return closed_;
}

void SsmClient::Handle(const SsmFrame& frame, Handler& handler) {
  if (frame.type == kSsmChannelClosed) {
    const Json content = Json::parse(frame.payload, nullptr, false);
    closed_ = content.is_object() ? TextOf(content, "Output") : "";
    return;
  }
  switch (frame.payload_type) {
    case SsmPayload::kHandshakeRequest:
      session_ = AnswerHandshake(frame.payload);
      break;
    case SsmPayload::kHandshakeComplete:
      BeReady(handler);
      break;
    case SsmPayload::kOutput:
      BeReady(handler);  // old agents begin without a handshake
      handler.OnData(frame.payload_type, frame.payload);
      break;
    default:
      handler.OnData(frame.payload_type, frame.payload);
      break;
  }
}

void SsmClient::BeReady(Handler& handler) {
  if (!std::exchange(ready_, true)) handler.OnReady(session_);
}

SsmClient::Session SsmClient::AnswerHandshake(const std::string& request) {
  Session session;
  Json actions = Json::array();
  const Json parsed = Json::parse(request, nullptr, false);
  if (parsed.is_object()) {
    session.agent_version = TextOf(parsed, "AgentVersion");
    for (const Json& action : parsed.value("RequestedClientActions", Json::array())) {
      if (!action.is_object()) continue;
      const std::string type = TextOf(action, "ActionType");
      const bool known = type == "SessionType";
      const auto parameters = action.find("ActionParameters");
      if (known && parameters != action.end() && parameters->is_object()) {
        session.type = TextOf(*parameters, "SessionType");
        session.properties = parameters->value("Properties", Json::object());
      }
      actions.push_back({{"ActionType", type},
                         {"ActionStatus", known ? 1 : 3},
                         {"ActionResult", nullptr},
                         {"Error", known ? "" : "unsupported"}});
    }
  }
  channel_.Send(SsmPayload::kHandshakeResponse, Json{{"ClientVersion", std::string(kSsmClientVersion)},
                                                     {"ProcessedClientActions", actions},
                                                     {"Errors", Json::array()}}
                                                    .dump());
  return session;
}

bool SsmClient::Send(SsmPayload type, std::string_view payload) { return channel_.Send(type, payload); }

bool SsmClient::SendBulk(SsmPayload type, std::string_view payload) { return channel_.SendBulk(type, payload); }

void SsmClient::Terminate() {
  channel_.Send(SsmPayload::kFlag, EncodeSsmFlag(kSsmTerminateSession));
  over_.request_stop();
  channel_.Stop();
  (*socket_.lock())->Close();
}

}  // namespace adhoc::net
