#include "localcloud/iam/task_roles.h"

#include <fmt/format.h>

#include "localcloud/api/support.h"
#include "localcloud/iam/authorize.h"
#include "localcloud/iam/needs.h"

namespace adhoc::localcloud::iam {
namespace {

constexpr const char* kUnableToPull =
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: ";

// The registry's repository of an image, or nothing for one that is elsewhere.
std::string RepositoryOf(const std::string& image) {
  const auto slash = image.find('/');
  if (slash == std::string::npos || image.substr(0, slash).find(".dkr.ecr.") == std::string::npos) return "";
  return image.substr(slash + 1, image.find_first_of(":@", slash) - slash - 1);
}

class ExecutionRole {
 public:
  ExecutionRole(const Cloud& cloud, const Store::Transaction& txn, const std::string& arn, const std::string& task_id)
      : cloud_(cloud), txn_(txn), arn_(arn), task_id_(task_id) {}

  // Throws Error: `before`, then what AWS answered the agent.
  void Require(const char* action, const std::string& resource, const std::string& before) const {
    Permission permission{action, resource, {}};
    for (const auto& [key, value] : ResourceTags(txn_, resource)) {
      permission.keys["aws:resourcetag/" + ToLower(key)] = {value};
      permission.keys["secretsmanager:resourcetag/" + ToLower(key)] = {value};
    }
    const Decision decision = RoleMay(cloud_, txn_, arn_, permission);
    if (decision.allowed) return;
    const std::string session = fmt::format("arn:aws:sts::{}:assumed-role/{}/{}", cloud_.settings.account,
                                            arn_.substr(arn_.rfind('/') + 1), task_id_);
    throw Error(before + "AccessDeniedException: " + Refusal(session, permission, decision));
  }

 private:
  const Cloud& cloud_;
  const Store::Transaction& txn_;
  const std::string arn_;
  const std::string task_id_;
};

}  // namespace

void CheckExecutionRole(const Cloud& cloud, const Store::Transaction& txn, const Json& task_definition,
                        const std::string& task_id) {
  if (cloud.settings.iam != Iam::kEnforce) return;
  const ExecutionRole role(cloud, txn, Text(task_definition, "executionRoleArn"), task_id);
  for (const Json& container : Items(task_definition, "containerDefinitions")) {
    if (const std::string repository = RepositoryOf(Text(container, "image")); !repository.empty()) {
      role.Require("ecr:GetAuthorizationToken", "*",
                   std::string(kUnableToPull) +
                       "unable to retrieve ecr registry auth: service call has been retried 3 time(s): ");
      for (const char* action :
           {"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}) {
        role.Require(action, cloud.Arn("ecr", "repository/" + repository),
                     "CannotPullContainerError: pull image manifest has been retried 1 time(s): ");
      }
    }
    for (const Json& secret : Items(container, "secrets")) {
      const std::string from = Text(secret, "valueFrom");
      if (from.find(":secretsmanager:") != std::string::npos) {
        // arn:aws:secretsmanager:region:account:secret:name[:key:stage:version]
        std::size_t end = 0;
        for (int colons = 0; colons < 7 && end != std::string::npos; ++colons) end = from.find(':', end + 1);
        const std::string arn = from.substr(0, end);
        role.Require(
            "secretsmanager:GetSecretValue", arn,
            fmt::format("{}unable to retrieve secret from asm: service call has been retried 1 time(s): failed "
                        "to fetch secret {} from secrets manager: ",
                        kUnableToPull, arn));
      } else {
        const std::string name = StartsWith(from, "/") ? from : "/" + from;
        role.Require("ssm:GetParameters", StartsWith(from, "arn:") ? from : cloud.Arn("ssm", "parameter" + name),
                     std::string(kUnableToPull) +
                         "unable to retrieve secrets from ssm: service call has been retried 1 time(s): ");
      }
    }
    const Json& logs = Fields(container, "logConfiguration");
    if (Text(logs, "logDriver") != "awslogs") continue;
    const std::string stream = cloud.Arn("logs", "log-group:" + Text(Fields(logs, "options"), "awslogs-group")) +
                               ":log-stream:" + Text(Fields(logs, "options"), "awslogs-stream-prefix");
    for (const char* action : {"logs:CreateLogStream", "logs:PutLogEvents"}) {
      role.Require(
          action, stream,
          "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: "
          "failed to create Cloudwatch log stream: ");
    }
  }
}

bool MayOpenChannels(const Cloud& cloud, const Store::Transaction& txn, const Json& task) {
  std::string role = Text(Fields(task, "overrides"), "taskRoleArn");
  if (role.empty()) {
    const std::string arn = Text(task, "taskDefinitionArn");
    const Json* definition = txn.Find("ecs.taskdefs", arn.substr(arn.rfind('/') + 1));
    if (definition != nullptr) role = Text(*definition, "taskRoleArn");
  }
  for (const char* action : {"CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel"}) {
    if (!RoleMay(cloud, txn, role, {std::string("ssmmessages:") + action, "*", {}}).allowed) return false;
  }
  return true;
}

}  // namespace adhoc::localcloud::iam
