#include "localcloud/session/ssm_server.h"

#include <spdlog/spdlog.h>

#include <optional>
#include <utility>
#include <vector>

#include "localcloud/api/ssm.h"
#include "localcloud/api/support.h"
#include "localcloud/session/port_work.h"
#include "localcloud/session/shell_work.h"

namespace adhoc::localcloud {
namespace {

// Uses up the token. Nothing when the session is unknown or over, or the token is wrong.
std::optional<Json> OpenSession(Cloud& cloud, const std::string& id, const std::string& token) {
  auto txn = cloud.store.Begin();
  const Json* found = txn->Find(ssm::kSessions, id);
  if (found == nullptr || ssm::IsOver(*found) || token.empty() || Text(*found, "_token") != token) return std::nullopt;
  Json& session = txn->Edit(ssm::kSessions, id);
  session["_token"] = "";
  Json copy = session;
  txn->Commit();
  return copy;
}

}  // namespace

SsmServer::SsmServer(Cloud& cloud, Dialer dial, std::chrono::milliseconds patience)
    : cloud_(cloud), dial_(std::move(dial)), patience_(patience) {}

void SsmServer::EndEarlierSessions() {
  auto txn = cloud_.store.Begin();
  std::vector<std::string> open;
  for (const auto& [id, session] : txn->All(ssm::kSessions)) {
    if (!ssm::IsOver(session) && Text(session, "Status") != "Connecting") open.push_back(id);
  }
  for (const auto& id : open) ssm::SetStatus(txn->Edit(ssm::kSessions, id), "Terminated", cloud_.Now());
  txn->Commit();
}

std::unique_ptr<SessionWork> SsmServer::MakeWork(const Json& session) const {
  if (Text(session, "_kind") != ssm::kPort) {
    return std::make_unique<ShellWork>(cloud_, Text(session, "_runtime"), Text(session, "_command"));
  }
  return std::make_unique<PortWork>(cloud_,
                                    PortTarget{.task = Text(session, "_task"),
                                               .machine = Text(session, "_machine"),
                                               .container = Text(session, "_runtime"),
                                               .host = Text(session, "_host"),
                                               .port = static_cast<int>(Number(session, "_port"))},
                                    static_cast<int>(Number(session, "_local_port")), dial_);
}

void SsmServer::Serve(const std::string& id, net::WebSocket& socket) {
  const auto opening = socket.Read();
  if (!opening) return;
  const Json request = Json::parse(opening->data, nullptr, false);
  const auto document = OpenSession(cloud_, id, request.is_object() ? Text(request, "TokenValue") : "");
  if (!document) {
    spdlog::info("refused the session {}: unknown, over, or a wrong token", id);
    socket.Close();
    return;
  }
  std::shared_ptr<AgentSession> session;
  bool first = false;
  {
    auto live = live_.lock();
    std::shared_ptr<AgentSession>& known = (*live)[id];
    first = known == nullptr;
    if (first) known = std::make_shared<AgentSession>(cloud_, id, patience_);
    session = known;
  }
  if (!first) return session->Continue(socket);
  const auto work = MakeWork(*document);
  try {
    session->Run(socket, *work, stop_.get_token());
  } catch (const std::exception& error) {
    spdlog::error("session {}: {}", id, error.what());
  }
  live_.lock()->erase(id);
}

void SsmServer::Stop() { stop_.request_stop(); }

std::string SessionIdOf(std::string_view path) {
  constexpr std::string_view kPrefix = "/v1/data-channel/";
  if (!path.starts_with(kPrefix)) return "";
  return std::string(path.substr(kPrefix.size()));
}

}  // namespace adhoc::localcloud
