// AWS Systems Manager, as far as sessions go: StartSession on a task or an EC2 instance, with the documents that
// forward ports or give a shell, and what keeps a session.
#include "localcloud/api/ssm.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "localcloud/api/support.h"
#include "localcloud/instances/documents.h"
#include "localcloud/scheduler/documents.h"

namespace adhoc::localcloud {
namespace ssm {
namespace {

// A session that nobody connected to is forgotten after this time, one that has ended after 30 days (as in AWS).
constexpr double kUnusedSeconds = 20 * 60;
constexpr double kHistorySeconds = 30 * 24 * 3600;

constexpr const char* kRunShell = "SSM-SessionManagerRunShell";
constexpr const char* kForwardPort = "AWS-StartPortForwardingSession";
constexpr const char* kForwardToHost = "AWS-StartPortForwardingSessionToRemoteHost";
constexpr const char* kInteractiveCommand = "AWS-StartInteractiveCommand";

std::string StreamUrl(const Cloud& cloud, const std::string& id) {
  return fmt::format("ws://127.0.0.1:{}/v1/data-channel/{}?role=publish_subscribe", cloud.settings.port, id);
}

struct TargetParts {
  std::string task;  // key
  std::string runtime_id;
};

// ecs:<cluster>_<task id>_<runtime id>; a cluster's name may have underscores.
std::optional<TargetParts> ParseTarget(std::string_view target) {
  constexpr std::string_view kPrefix = "ecs:";
  const auto last = target.rfind('_');
  if (!StartsWith(target, kPrefix) || last == std::string_view::npos || last == 0) return std::nullopt;
  const auto middle = target.rfind('_', last - 1);
  if (middle == std::string_view::npos || middle <= kPrefix.size()) return std::nullopt;
  return TargetParts{fmt::format("{}/{}", target.substr(kPrefix.size(), middle - kPrefix.size()),
                                 target.substr(middle + 1, last - middle - 1)),
                     std::string(target.substr(last + 1))};
}

// The container, when its agent would be connected.
const Json* FindContainer(const Store::Transaction& txn, const TargetParts& target) {
  const Json* task = txn.Find(ecs::kTasks, target.task);
  if (task == nullptr || Text(*task, "lastStatus") != "RUNNING" || !Flag(*task, "enableExecuteCommand")) return nullptr;
  for (const Json& container : Items(*task, "containers")) {
    if (Text(container, "runtimeId") == target.runtime_id && Text(container, "lastStatus") == "RUNNING") {
      return &container;
    }
  }
  return nullptr;
}

// Where a session with this target goes; nothing when no agent is connected there.
std::optional<SessionTemplate> FindTarget(const Store::Transaction& txn, const std::string& target) {
  if (const Json* instance = FindConnectedInstance(txn, target)) {
    return SessionTemplate{.target = target, .machine = target, .runtime = Text(*instance, "_container")};
  }
  const auto parts = ParseTarget(target);
  const Json* container = parts ? FindContainer(txn, *parts) : nullptr;
  if (container == nullptr) return std::nullopt;
  return SessionTemplate{.target = target, .task = parts->task, .runtime = Text(*container, "_id")};
}

// A document's parameters: each is a list of one value here.
class Parameters {
 public:
  Parameters(const Json& input, std::string document, std::vector<std::string> known)
      : given_(Fields(input, "Parameters")), document_(std::move(document)) {
    for (const auto& [name, values] : given_.items()) {
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        throw ApiError("InvalidParameters",
                       fmt::format("Parameter \"{}\" is not defined in document {}.", name, document_));
      }
    }
  }
  std::string Get(const std::string& name, const std::string& otherwise) const {
    const Json& values = Items(given_, name);
    return values.empty() ? otherwise : values.front().get<std::string>();
  }
  std::string Require(const std::string& name) const {
    const std::string value = Get(name, "");
    if (value.empty()) {
      throw ApiError("InvalidParameters", fmt::format("Parameter \"{}\" of document {} is required.", name, document_));
    }
    return value;
  }
  int Port(const std::string& name, const std::string& otherwise, int minimum) const {
    const std::string value = Get(name, otherwise);
    int port = -1;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), port);
    if (error != std::errc() || end != value.data() + value.size() || port < minimum || port > 65535) {
      throw ApiError("InvalidParameters", fmt::format("Parameter \"{}\": {} is not a port.", name, value));
    }
    return port;
  }

 private:
  const Json& given_;
  const std::string document_;
};

Json PortDetails(const Parameters& parameters, const std::string& host) {
  return {{"_host", host},
          {"_port", parameters.Port("portNumber", "80", 1)},
          {"_local_port", parameters.Port("localPortNumber", "0", 0)}};
}

Json Start(Cloud& cloud, Call& call) {
  const Json& input = call.input;
  const std::string target = Text(input, "Target");
  const auto found = FindTarget(call.txn, target);
  if (!found) throw ApiError("TargetNotConnected", target + " is not connected.");

  SessionTemplate session = *found;
  const std::string document = Text(input, "DocumentName", kRunShell);
  session.id_prefix = "session-";
  session.document = document;
  session.reason = Text(input, "Reason");
  if (document == kForwardPort) {
    session.kind = kPort;
    session.details = PortDetails(Parameters(input, document, {"portNumber", "localPortNumber"}), "");
  } else if (document == kForwardToHost) {
    const Parameters parameters(input, document, {"portNumber", "localPortNumber", "host"});
    session.kind = kPort;
    session.details = PortDetails(parameters, parameters.Require("host"));
  } else if (document == kInteractiveCommand) {
    session.details = {{"_command", Parameters(input, document, {"command"}).Require("command")}};
  } else if (document == kRunShell) {
    session.details = {{"_command", "/bin/sh"}};
  } else {
    throw ApiError("InvalidDocument", fmt::format("Document with name {} does not exist.", document));
  }
  return StartSession(cloud, call.txn, std::move(session));
}

Json Resume(Cloud& cloud, Call& call) {
  const std::string id = Text(call.input, "SessionId");
  const Json* found = call.txn.Find(kSessions, id);
  if (found == nullptr) throw ApiError("DoesNotExistException", fmt::format("Session {} does not exist.", id));
  // Without a token the session has ended.
  if (IsOver(*found) || Text(*found, "Status") == "Terminating") return {{"SessionId", id}};
  const std::string token = cloud.random.Hex(64);
  call.txn.Edit(kSessions, id)["_token"] = token;
  return {{"SessionId", id}, {"TokenValue", token}, {"StreamUrl", StreamUrl(cloud, id)}};
}

Json Terminate(Cloud& cloud, Call& call) {
  const std::string id = Text(call.input, "SessionId");
  if (const Json* found = call.txn.Find(kSessions, id); found != nullptr && !IsOver(*found)) {
    // Who serves it sees to the rest; where nobody ever connected there is none.
    SetStatus(call.txn.Edit(kSessions, id), Text(*found, "Status") == "Connecting" ? "Terminated" : "Terminating",
              cloud.Now());
  }
  return {{"SessionId", id}};
}

bool Matches(const Json& session, const Json& filter) {
  const std::string key = Text(filter, "key");
  const std::string value = Text(filter, "value");
  if (key == "InvokedAfter") return IsoTime(session.value("StartDate", 0.0)) >= value;
  if (key == "InvokedBefore") return IsoTime(session.value("StartDate", 0.0)) < value;
  return Text(session, key) == value;  // Target, Owner, Status, SessionId, AccessType
}

Json Describe(Cloud&, Call& call) {
  const bool active = Text(call.input, "State") == "Active";
  KeyedItems items;
  for (const auto& [id, session] : call.txn.All(kSessions)) {
    const Json& filters = Items(call.input, "Filters");
    if (IsOver(session) == active ||
        !std::all_of(filters.begin(), filters.end(),
                     [&session = session](const Json& filter) { return Matches(session, filter); })) {
      continue;
    }
    items.emplace_back(id, session);
  }
  Page page = TakePage(std::move(items), Number(call.input, "MaxResults", 200), Text(call.input, "NextToken"),
                       "InvalidNextToken");
  Json output = {{"Sessions", std::move(page.items)}};
  if (!page.next.empty()) output["NextToken"] = page.next;
  return output;
}

}  // namespace

Json StartSession(Cloud& cloud, Store::Transaction& txn, SessionTemplate from) {
  std::vector<std::string> forgotten;
  for (const auto& [id, session] : txn.All(kSessions)) {
    const bool unused =
        Text(session, "Status") == "Connecting" && session.value("StartDate", 0.0) + kUnusedSeconds < cloud.Now();
    const bool old = IsOver(session) && session.value("EndDate", 0.0) + kHistorySeconds < cloud.Now();
    if (unused || old) forgotten.push_back(id);
  }
  for (const auto& id : forgotten) txn.Erase(kSessions, id);

  const std::string id = from.id_prefix + cloud.random.Hex(17);
  const std::string token = cloud.random.Hex(64);
  Json session = {{"SessionId", id},
                  {"Target", from.target},
                  {"Status", "Connecting"},
                  {"StartDate", cloud.Now()},
                  {"DocumentName", from.document},
                  {"Owner", cloud.GlobalArn("iam", "root")},
                  {"AccessType", "Standard"},
                  {"_token", token},
                  {"_runtime", from.runtime},
                  {"_kind", from.kind}};
  if (!from.task.empty()) session["_task"] = from.task;
  if (!from.machine.empty()) session["_machine"] = from.machine;
  if (!from.reason.empty()) session["Reason"] = from.reason;
  session.update(from.details);
  txn.Put(kSessions, id, std::move(session));
  return {{"SessionId", id}, {"TokenValue", token}, {"StreamUrl", StreamUrl(cloud, id)}};
}

std::string TaskTarget(const std::string& task, const Json& container) {
  const auto slash = task.find('/');
  return fmt::format("ecs:{}_{}_{}", task.substr(0, slash), task.substr(slash + 1), Text(container, "runtimeId"));
}

const Json* FindConnectedInstance(const Store::Transaction& txn, std::string_view id) {
  const Json* instance = txn.Find(ec2::kInstances, id);
  if (instance == nullptr || ec2::StateOf(*instance) != "running" || !instance->contains("_profile")) return nullptr;
  return instance;
}

bool IsConnected(const Store::Transaction& txn, const std::string& target) {
  return FindTarget(txn, target).has_value();
}

bool IsOver(const Json& session) { return Text(session, "Status") == "Terminated"; }

void SetStatus(Json& session, std::string_view status, double now) {
  session["Status"] = status;
  if (IsOver(session)) session["EndDate"] = now;
}

}  // namespace ssm

void RegisterSsm(Api& api, Cloud& cloud) {
  RegisterHandlers(api, cloud, "ssm",
                   {{"StartSession", ssm::Start},
                    {"ResumeSession", ssm::Resume},
                    {"TerminateSession", ssm::Terminate},
                    {"DescribeSessions", ssm::Describe}});
}

}  // namespace adhoc::localcloud
