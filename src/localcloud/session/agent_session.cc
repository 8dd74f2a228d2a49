#include "localcloud/session/agent_session.h"

#include <fmt/format.h>

#include <future>
#include <thread>
#include <utility>

#include "localcloud/api/ssm.h"
#include "localcloud/api/support.h"

namespace adhoc::localcloud {
namespace {

using namespace std::chrono_literals;
using net::SsmPayload;

constexpr auto kTick = 100ms;
constexpr int kFlushTicks = 20;  // how long the last words may take to be acknowledged

// A socket that belongs to the thread which made this object, lent to others until it is destroyed.
class Loan {
 public:
  explicit Loan(net::WebSocket& socket) : lent_(&socket, [this](net::WebSocket*) { returned_.set_value(); }) {}
  ~Loan() {
    lent_.reset();
    returned_.get_future().wait();
  }
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;
  const std::shared_ptr<net::WebSocket>& socket() const { return lent_; }

 private:
  std::promise<void> returned_;
  std::shared_ptr<net::WebSocket> lent_;
};

}  // namespace

AgentSession::AgentSession(Cloud& cloud, std::string id, std::chrono::milliseconds patience)
    : cloud_(cloud),
      id_(std::move(id)),
      patience_(patience),
      channel_(net::kSsmOutput, cloud.clock, cloud.random, [this](const std::string& bytes) { return Write(bytes); }) {}

// What is written between two connections is not lost: the channel has it.
bool AgentSession::Write(const std::string& bytes) {
  std::shared_ptr<net::WebSocket> connection;
  {
    auto connections = connections_.lock();
    if (connections->over) return false;
    connection = connections->current;
  }
  if (connection) connection->Write({.binary = true, .data = bytes});
  return true;
}

void AgentSession::TellStatus(bool over) {
  const auto telling = telling_.lock();
  const bool connected = connections_.lock()->current != nullptr;
  auto txn = cloud_.store.Begin();
  const Json* found = txn->Find(ssm::kSessions, id_);
  if (found == nullptr || ssm::IsOver(*found)) return;
  // Who asked for the end is not overruled by a connection that comes or goes.
  if (Text(*found, "Status") == "Terminating" && !over) return;
  const char* status = over ? "Terminated" : connected ? "Connected" : "Disconnected";
  ssm::SetStatus(txn->Edit(ssm::kSessions, id_), status, cloud_.Now());
  txn->Commit();
}

void AgentSession::Run(net::WebSocket& first, SessionWork& work, std::stop_token stop) {
  const Loan loan(first);  // destroyed last: nobody uses the socket after we return
  work_ = &work;
  {
    auto connections = connections_.lock();
    if (!connections->current) connections->current = loan.socket();
  }
  try {
    Serve(stop);
  } catch (...) {
    GoOver();
    work.End();
    connections_.lock()->current = nullptr;
    TellStatus(true);
    throw;
  }
  TellStatus(true);
  connections_.lock()->current = nullptr;
}

void AgentSession::Serve(std::stop_token stop) {
  TellStatus();
  started_at_ = cloud_.clock.Now();
  channel_.Send(SsmPayload::kHandshakeRequest,
                Json{{"AgentVersion", std::string(kAgentVersion)},
                     {"RequestedClientActions",
                      Json::array({{{"ActionType", "SessionType"},
                                    {"ActionParameters",
                                     {{"SessionType", work_->type()}, {"Properties", work_->properties()}}}}})}}
                    .dump());
  const std::stop_callback on_stop(stop, [this] { GoOver(); });
  std::jthread watcher([this](std::stop_token ended) { Watch(ended); });
  while (const auto connection = AwaitConnection(stop)) {
    const auto message = connection->Read();
    if (!message) {
      Lose(connection);
      continue;
    }
    if (!message->binary) continue;
    for (const auto& frame : channel_.Receive(message->data)) {
      if (!Handle(frame)) GoOver();
    }
  }
  GoOver();
  work_->End();
}

void AgentSession::Continue(net::WebSocket& next) {
  const Loan loan(next);
  std::shared_ptr<net::WebSocket> before;
  {
    auto connections = connections_.lock();
    if (connections->over) return;
    before = std::exchange(connections->current, loan.socket());
  }
  changed_.notify_all();
  // The client knew before us that it broke.
  if (before) before->Close();
  before.reset();
  TellStatus();
  channel_.ResendAll();
}

std::shared_ptr<net::WebSocket> AgentSession::AwaitConnection(std::stop_token stop) {
  auto connections = connections_.lock();
  connections.WaitUntil(changed_, stop, std::chrono::steady_clock::now() + patience_,
                        [&] { return connections->over || connections->current != nullptr; });
  return connections->over ? nullptr : connections->current;
}

void AgentSession::Lose(const std::shared_ptr<net::WebSocket>& connection) {
  {
    auto connections = connections_.lock();
    if (connections->over || connections->current != connection) return;
    connections->current = nullptr;
  }
  TellStatus();
}

void AgentSession::GoOver() {
  std::shared_ptr<net::WebSocket> connection;
  {
    auto connections = connections_.lock();
    connections->over = true;
    connection = connections->current;
  }
  changed_.notify_all();
  channel_.Stop();
  if (work_ != nullptr) work_->Interrupt();
  if (connection) connection->Close();
}

void AgentSession::Finish(const std::string& output) {
  for (int i = 0; i < kFlushTicks && !channel_.idle(); ++i) cloud_.clock.SleepFor(kTick / 10);
  for (int i = 0; i < kFlushTicks && !channel_.idle(); ++i) cloud_.clock.SleepFor(kTick);
  channel_.SendClosed(id_, output);
  GoOver();
}

bool AgentSession::Handle(const net::SsmFrame& frame) {
  if (frame.payload_type == SsmPayload::kFlag && net::DecodeSsmFlag(frame.payload) == net::kSsmTerminateSession) {
    return false;
  }
  if (frame.payload_type != SsmPayload::kHandshakeResponse) {
    work_->OnData(frame.payload_type, frame.payload);
    return true;
  }
  if (std::exchange(ready_, true)) return true;
  const auto elapsed = std::chrono::duration_cast<std::chrono::nanoseconds>(cloud_.clock.Now() - started_at_);
  channel_.Send(SsmPayload::kHandshakeComplete,
                Json{{"HandshakeTimeToComplete", elapsed.count()}, {"CustomerMessage", ""}}.dump());
  const Json response = Json::parse(frame.payload, nullptr, false);
  work_->Start(*this, response.is_object() ? Text(response, "ClientVersion") : "");
  return true;
}

void AgentSession::Watch(std::stop_token stop) {
  while (cloud_.clock.SleepFor(kTick, stop)) {
    if (!channel_.Resend()) return GoOver();
    bool asked = false;
    {
      const auto txn = cloud_.store.Begin();
      const Json* session = txn->Find(ssm::kSessions, id_);
      asked = session == nullptr || Text(*session, "Status") == "Terminating";
    }
    if (asked) return Finish("");
    if (const std::string gone = work_->gone(); !gone.empty()) return Finish(gone);
  }
}

}  // namespace adhoc::localcloud
