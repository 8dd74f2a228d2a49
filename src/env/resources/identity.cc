#include <fmt/format.h>

#include "base/error.h"
#include "env/names.h"
#include "env/resources/resources.h"
#include "net/uri.h"

namespace adhoc::env {
namespace {

constexpr const char* kTasks = "ecs-tasks.amazonaws.com";
constexpr const char* kInstances = "ec2.amazonaws.com";
const char* const kPolicyName = "adhoc";

Json Statement(std::vector<std::string> actions, std::vector<std::string> resources) {
  return {{"Effect", "Allow"}, {"Action", std::move(actions)}, {"Resource", std::move(resources)}};
}

class Role : public Resource {
 public:
  Role(std::string name, std::string service) : Resource("role", std::move(name)), service_(std::move(service)) {}

  std::optional<Json> Read(Context& context) override {
    const auto found = context.CallUnless({"NoSuchEntity"}, "iam", "GetRole", {{"RoleName", name()}});
    if (!found) return std::nullopt;
    const auto policy = context.CallUnless({"NoSuchEntity"}, "iam", "GetRolePolicy",
                                           {{"RoleName", name()}, {"PolicyName", kPolicyName}});
    return Json{{"arn", (*found)["Role"]["Arn"]}, {"policy", policy ? policy->value("PolicyDocument", "") : ""}};
  }

  std::vector<Difference> Compare(Context& context, const Json& observed, const Plan&) override {
    const std::string text = observed["policy"];
    if (Json::parse(net::PercentDecode(text), nullptr, false) == Policy(context)) return {};
    return {{.what = text.empty() ? "policy is missing" : "policy changed"}};
  }

  Json Create(Context& context) override {
    const auto made = context.CallUnless({"EntityAlreadyExists"}, "iam", "CreateRole",
                                         {{"RoleName", name()},
                                          {"AssumeRolePolicyDocument", AssumePolicy().dump()},
                                          {"Tags", Tags(context, Owner(context))}});
    const Json role = made ? *made : context.Call("iam", "GetRole", {{"RoleName", name()}});
    return Update(context, {{"arn", role["Role"]["Arn"]}});
  }

  Json Update(Context& context, const Json& observed) override {
    context.Call("iam", "PutRolePolicy",
                 {{"RoleName", name()}, {"PolicyName", kPolicyName}, {"PolicyDocument", Policy(context).dump()}});
    return {{"arn", observed["arn"]}};
  }

  void Delete(Context& context, const Json&) override {
    context.CallUnless({"NoSuchEntity"}, "iam", "DeleteRolePolicy",
                       {{"RoleName", name()}, {"PolicyName", kPolicyName}});
    context.CallUnless({"NoSuchEntity"}, "iam", "DeleteRole", {{"RoleName", name()}});
  }

 private:
  virtual std::string Owner(const Context& context) const = 0;
  virtual Json Policy(Context& context) const = 0;
  Json AssumePolicy() const {
    return {
        {"Version", "2012-10-17"},
        {"Statement",
         Json::array({{{"Effect", "Allow"}, {"Principal", {{"Service", service_}}}, {"Action", "sts:AssumeRole"}}})}};
  }

  const std::string service_;  // that may act as it
};

// What ECS itself needs to start tasks: pull, write logs, read the secrets that a task definition names.
class ExecutionRole final : public Role {
 public:
  explicit ExecutionRole(const std::string& shared) : Role(Join(shared, "ecs-execution-role"), kTasks) {}

 private:
  std::string Owner(const Context& context) const override { return context.shared(); }
  Json Policy(Context& context) const override {
    const std::string scope = fmt::format("{}:{}", context.region(), context.config().target.account);
    Json secrets =
        Statement({"secretsmanager:GetSecretValue"}, {fmt::format("arn:aws:secretsmanager:{}:secret:*", scope)});
    secrets["Condition"] = {{"StringEquals", {{fmt::format("aws:ResourceTag/{}", kManagedByTag), kManagedBy}}}};
    return {
        {"Version", "2012-10-17"},
        {"Statement",
         Json::array({Statement({"ecr:GetAuthorizationToken"}, {"*"}),
                      Statement({"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
                                {fmt::format("arn:aws:ecr:{}:repository/*", scope)}),
                      Statement({"logs:CreateLogStream", "logs:PutLogEvents"},
                                {fmt::format("arn:aws:logs:{}:log-group:/ecs/*", scope)}),
                      secrets,
                      // The master password of the shared database, for the task that makes an environment's own.
                      Statement({"secretsmanager:GetSecretValue"},
                                {fmt::format("arn:aws:secretsmanager:{}:secret:rds!db-*", scope)})})}};
  }
};

// What the application may do: its own bucket, and the channels of ECS Exec.
class TaskRole final : public Role {
 public:
  explicit TaskRole(const std::string& env) : Role(TaskRoleName(env), kTasks) {}

 private:
  std::string Owner(const Context& context) const override { return context.environment(); }
  Json Policy(Context& context) const override {
    Json statements = Json::array({Statement({"ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
                                              "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel"},
                                             {"*"})});
    if (context.config().bucket) {
      const std::string bucket = "arn:aws:s3:::" + BucketName(context.config().target.domain, context.environment());
      statements.push_back(Statement({"s3:ListBucket"}, {bucket}));
      statements.push_back(Statement({"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}, {bucket + "/*"}));
    }
    return {{"Version", "2012-10-17"}, {"Statement", statements}};
  }
};

// The channels of Session Manager, and nothing else: no right in the account comes with a shell on the bastion. AWS's
// own policy for this would let it read every parameter.
class BastionRole final : public Role {
 public:
  explicit BastionRole(const std::string& shared) : Role(Join(shared, "bastion-role"), kInstances) {}

 private:
  std::string Owner(const Context& context) const override { return context.shared(); }
  Json Policy(Context&) const override {
    return {{"Version", "2012-10-17"},
            {"Statement", Json::array({Statement({"ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel",
                                                  "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel",
                                                  "ssmmessages:OpenDataChannel"},
                                                 {"*"})})}};
  }
};

class Secret final : public Resource {
 public:
  Secret(const std::string& env, const config::Secret& secret)
      : Resource("secret", SecretName(env, secret.name)), secret_(secret) {}

  std::optional<Json> Read(Context& context) override {
    const auto found =
        context.CallUnless({"ResourceNotFoundException"}, "secretsmanager", "DescribeSecret", {{"SecretId", name()}});
    if (!found || found->contains("DeletedDate")) return std::nullopt;
    Json tags = Json::object();
    for (const Json& tag : found->value("Tags", Json::array())) tags[tag["Key"].get<std::string>()] = tag["Value"];
    return Json{{"arn", (*found)["ARN"]}, {"tags", tags}};
  }

  std::vector<Difference> Compare(Context& context, const Json& observed, const Plan&) override {
    if (secret_.generate > 0) return {};  // made once, then kept
    const Json value = context.Call("secretsmanager", "GetSecretValue", {{"SecretId", observed["arn"]}});
    if (value.value("SecretString", "") == secret_.value) return {};
    return {{.what = "the value changed"}};
  }

  Json Create(Context& context) override {
    const auto made = context.CallUnless(
        {"InvalidRequestException", "ResourceExistsException"}, "secretsmanager", "CreateSecret",
        {{"Name", name()}, {"SecretString", Value(context)}, {"Tags", Tags(context, context.environment())}});
    if (made) return {{"arn", (*made)["ARN"]}};
    // Scheduled for deletion by somebody: it is ours again, with a value of our own.
    const Json restored = context.Call("secretsmanager", "RestoreSecret", {{"SecretId", name()}});
    return Put(context, {{"arn", restored["ARN"]}});
  }

  Json Update(Context& context, const Json& observed) override { return Put(context, observed); }

  void Delete(Context& context, const Json&) override {
    context.CallUnless({"ResourceNotFoundException"}, "secretsmanager", "DeleteSecret",
                       {{"SecretId", name()}, {"ForceDeleteWithoutRecovery", true}});
  }

 private:
  Json Put(Context& context, const Json& observed) {
    context.Call("secretsmanager", "PutSecretValue", {{"SecretId", observed["arn"]}, {"SecretString", Value(context)}});
    return observed;
  }

  std::string Value(Context& context) const {
    if (secret_.generate <= 0) return secret_.value;
    // Letters and digits only: such a value fits in a URL, a shell and a configuration file as it is.
    const std::string text =
        SystemRandom().Pick("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789", secret_.generate);
    if (secret_.name != kDatabaseWorkload) return text;
    return Json{{"username", DatabaseUser(context.environment())},
                {"password", text},
                {"dbname", DatabaseName(context.environment())}}
        .dump();
  }

  const config::Secret secret_;
};

}  // namespace

ResourcePtr MakeExecutionRole(const std::string& shared) { return std::make_unique<ExecutionRole>(shared); }
ResourcePtr MakeTaskRole(const std::string& env) { return std::make_unique<TaskRole>(env); }
ResourcePtr MakeBastionRole(const std::string& shared) { return std::make_unique<BastionRole>(shared); }
ResourcePtr MakeSecret(const std::string& env, const config::Secret& secret) {
  return std::make_unique<Secret>(env, secret);
}

}  // namespace adhoc::env
