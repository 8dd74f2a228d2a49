#include "net/port_forward.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "base/error.h"

namespace adhoc::net {
namespace {

constexpr std::string_view kMultiplexesAfter = "3.0.196.0";
constexpr std::string_view kNoKeepAliveAfter = "3.1.1511.0";
constexpr std::chrono::seconds kKeepAlive{10};

}  // namespace

PortForward::PortForward(SsmClient& client, TcpListener& listener, Observer observer, Clock& clock)
    : client_(client),
      listener_(listener),
      observer_(std::move(observer)),
      clock_(clock),
      smux_(SmuxSession::Side::kClient,
            [&client](std::string_view bytes) { return client.SendBulk(SsmPayload::kOutput, bytes); }) {}

PortForward::~PortForward() { End(); }

std::optional<std::string> PortForward::Run(std::stop_token stop) {
  std::optional<std::string> closing;
  {
    const std::stop_callback on_stop(stop, [this] {
      client_.Terminate();
      smux_.Close();  // a session that waits for its readers ends, too
    });
    try {
      closing = client_.Run(*this);
    } catch (...) {
      client_.Terminate();
      throw;
    }
  }
  End();
  if (stop.stop_requested()) return "";
  return closing;
}

void PortForward::End() {
  smux_.Close();
  acceptor_.request_stop();
  if (const auto only = *only_.lock()) only->Close();
  if (acceptor_.joinable()) acceptor_.join();
  keeper_ = {};
  connections_.clear();  // their streams have ended
}

void PortForward::OnReady(const SsmClient::Session& session) {
  if (session.type != "Port") {
    throw Error(fmt::format("cannot forward: the agent opened a session of type {}", session.type));
  }
  multiplexed_ = IsLaterVersion(session.agent_version, kMultiplexesAfter);
  if (multiplexed_ && !IsLaterVersion(session.agent_version, kNoKeepAliveAfter)) {
    // The agent gives up when it has heard nothing for 30 s.
    keeper_ = std::jthread([this](std::stop_token stop) {
      while (clock_.SleepFor(kKeepAlive, stop)) smux_.KeepAlive();
    });
  }
  acceptor_ = std::jthread([this](std::stop_token stop) {
    if (multiplexed_) {
      AcceptSeveral(stop);
    } else {
      AcceptOneByOne(stop);
    }
  });
  if (observer_.on_ready) observer_.on_ready(multiplexed_);
}

void PortForward::OnData(SsmPayload type, const std::string& payload) {
  if (type == SsmPayload::kFlag) {
    if (DecodeSsmFlag(payload) == kSsmConnectToPortError && observer_.on_refused) observer_.on_refused();
    return;
  }
  if (type != SsmPayload::kOutput) return;
  if (multiplexed_) {
    if (!smux_.Receive(payload)) client_.Terminate();
  } else if (const auto only = *only_.lock()) {
    only->Write(payload);
  }
}

void PortForward::AcceptSeveral(std::stop_token stop) {
  while (std::shared_ptr<RawConnection> connection = listener_.Accept(stop)) {
    connections_.remove_if([](const Connection& earlier) { return earlier.ended->load(); });
    std::shared_ptr<RawConnection> stream = smux_.Open();
    if (!stream) continue;  // too many, or over: the connection is closed
    const auto ended = std::make_shared<std::atomic<bool>>(false);
    connections_.push_back({ended, std::jthread([connection, stream, ended](std::stop_token stopped) {
                              const std::stop_callback close(stopped, [&] { connection->Close(); });
                              Relay(*connection, *stream);
                              *ended = true;
                            })});
  }
}

void PortForward::AcceptOneByOne(std::stop_token stop) {
  while (std::shared_ptr<RawConnection> connection = listener_.Accept(stop)) {
    *only_.lock() = connection;
    while (!stop.stop_requested()) {
      const std::string data = connection->ReadSome();
      if (data.empty() || !client_.SendBulk(SsmPayload::kOutput, data)) break;
    }
    *only_.lock() = nullptr;
    client_.Send(SsmPayload::kFlag, EncodeSsmFlag(kSsmDisconnectFromPort));
  }
}

}  // namespace adhoc::net
