#include "localcloud/session/port_work.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "base/error.h"
#include "net/ssm_client.h"

namespace adhoc::localcloud {

using net::SsmPayload;

namespace {

constexpr std::string_view kLastWithoutMultiplexing = "1.1.69";

}  // namespace

PortWork::PortWork(Cloud& cloud, PortTarget target, int local_port, Dialer dial)
    : cloud_(cloud),
      target_(std::move(target)),
      local_port_(local_port),
      dial_(std::move(dial)),
      smux_(
          net::SmuxSession::Side::kServer,
          [this](std::string_view bytes) { return session_->SendBulk(SsmPayload::kOutput, bytes); },
          [this](std::unique_ptr<net::RawConnection> stream) { Accept(std::move(stream)); }) {}

PortWork::~PortWork() { End(); }

Json PortWork::properties() const {
  Json properties = {{"portNumber", std::to_string(target_.port)},
                     {"localPortNumber", std::to_string(local_port_)},
                     {"type", "LocalPortForwarding"}};
  if (!target_.host.empty()) properties["host"] = target_.host;
  return properties;
}

void PortWork::Start(AgentSession& session, const std::string& client_version) {
  session_ = &session;
  multiplexed_ = net::IsLaterVersion(client_version, kLastWithoutMultiplexing);
}

void PortWork::OnData(SsmPayload type, const std::string& payload) {
  if (type == SsmPayload::kFlag && net::DecodeSsmFlag(payload) == net::kSsmDisconnectFromPort) CloseOnly();
  if (type != SsmPayload::kOutput || session_ == nullptr) return;
  if (multiplexed_) {
    if (!smux_.Receive(payload)) spdlog::info("a port session's client does not speak smux 1");
    return;
  }
  std::shared_ptr<net::RawConnection> only = *only_.lock();
  if (!only) only = DialOnly();
  if (only) only->Write(payload);
}

std::unique_ptr<net::RawConnection> PortWork::Dial() {
  try {
    return dial_(target_);
  } catch (const Error& error) {
    spdlog::info("a port session with {}: {}", target_.ToString(), error.what());
    session_->Send(SsmPayload::kFlag, net::EncodeSsmFlag(net::kSsmConnectToPortError));
    return nullptr;
  }
}

void PortWork::Accept(std::unique_ptr<net::RawConnection> accepted) {
  connections_.remove_if([](const Connection& earlier) { return earlier.ended->load(); });
  const auto ended = std::make_shared<std::atomic<bool>>(false);
  const std::shared_ptr<net::RawConnection> stream = std::move(accepted);
  connections_.push_back({ended, std::jthread([this, stream, ended](std::stop_token stop) {
                            if (const auto connection = Dial()) {
                              const std::stop_callback close(stop, [&] { connection->Close(); });
                              net::Relay(*stream, *connection);
                            }
                            stream->Close();
                            *ended = true;
                          })});
}

std::shared_ptr<net::RawConnection> PortWork::DialOnly() {
  std::shared_ptr<net::RawConnection> connection = Dial();
  if (!connection) return nullptr;
  *only_.lock() = connection;
  only_reader_ = std::jthread([session = session_, connection] {
    while (true) {
      const std::string data = connection->ReadSome();
      if (data.empty() || !session->SendBulk(SsmPayload::kOutput, data)) return;
    }
  });
  return connection;
}

void PortWork::CloseOnly() {
  if (const auto only = std::exchange(*only_.lock(), nullptr)) only->Close();
  if (only_reader_.joinable()) only_reader_.join();
}

std::string PortWork::gone() {
  const auto txn = cloud_.store.Begin();
  return FindPlace(*txn, target_).gone;
}

void PortWork::Interrupt() {
  smux_.Close();
  if (const auto only = *only_.lock()) only->Close();
}

void PortWork::End() {
  Interrupt();
  CloseOnly();
  connections_.clear();
}

}  // namespace adhoc::localcloud
