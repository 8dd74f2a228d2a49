#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "env/names.h"
#include "env/policies.h"
#include "env/resources/resources.h"
#include "net/uri.h"

namespace adhoc::env {
namespace {

// The trust of a role that a service of AWS acts as.
Json ServiceMayAssume(const char* service) {
  return {{"Version", "2012-10-17"},
          {"Statement",
           Json::array({{{"Effect", "Allow"}, {"Principal", {{"Service", service}}}, {"Action", "sts:AssumeRole"}}})}};
}

// As IAM answers documents.
Json Decoded(const std::string& document) { return Json::parse(net::PercentDecode(document), nullptr, false); }

class Role : public Resource {
 public:
  explicit Role(std::string name) : Resource("role", std::move(name)) {}

  std::optional<Json> Read(Context& context) override {
    const auto found = context.CallUnless({"NoSuchEntity"}, "iam", "GetRole", {{"RoleName", name()}});
    if (!found) return std::nullopt;
    return Json{{"arn", (*found)["Role"]["Arn"]},
                {"trust", Decoded((*found)["Role"].value("AssumeRolePolicyDocument", ""))},
                {"boundary", BoundaryOf((*found)["Role"])}};
  }

  std::vector<Difference> Compare(Context& context, const Json& observed, const Plan&) override {
    std::vector<Difference> differences;
    if (ChecksTrust() && observed["trust"] != Trust(context))
      differences.push_back({.what = "who may assume it changed"});
    if (const std::string wanted = Boundary(context); !wanted.empty() && observed["boundary"] != wanted) {
      differences.push_back({.what = "permissions boundary", .from = observed["boundary"], .to = wanted});
    }
    const auto policy =
        context.CallUnless({"NoSuchEntity"}, "iam", "GetRolePolicy", {{"RoleName", name()}, {"PolicyName", kPolicy}});
    if (!policy) {
      differences.push_back({.what = "policy is missing"});
    } else if (Decoded(policy->value("PolicyDocument", "")) != Policy(context)) {
      differences.push_back({.what = "policy changed"});
    }
    return differences;
  }

  Json Create(Context& context) override {
    Json input{{"RoleName", name()},
               {"AssumeRolePolicyDocument", Trust(context).dump()},
               {"Tags", Tags(context, Owner(context))}};
    if (const std::string wanted = Boundary(context); !wanted.empty()) input["PermissionsBoundary"] = wanted;
    const auto made = context.CallUnless({"EntityAlreadyExists", "NoSuchEntity"}, "iam", "CreateRole", input);
    const auto role = made ? made : context.CallUnless({"NoSuchEntity"}, "iam", "GetRole", {{"RoleName", name()}});
    if (!role) BoundaryIsMissing(context);
    return Update(context, {{"arn", (*role)["Role"]["Arn"]},
                            {"trust", made ? Trust(context) : Json()},
                            {"boundary", made ? Boundary(context) : BoundaryOf((*role)["Role"])}});
  }

  Json Update(Context& context, const Json& observed) override {
    if (ChecksTrust() && observed["trust"] != Trust(context)) {
      context.Call("iam", "UpdateAssumeRolePolicy", {{"RoleName", name()}, {"PolicyDocument", Trust(context).dump()}});
    }
    // Before the policy, which may be changed under it only.
    if (const std::string wanted = Boundary(context); !wanted.empty() && observed["boundary"] != wanted) {
      if (!context.CallUnless({"NoSuchEntity"}, "iam", "PutRolePermissionsBoundary",
                              {{"RoleName", name()}, {"PermissionsBoundary", wanted}})) {
        BoundaryIsMissing(context);
      }
    }
    context.Call("iam", "PutRolePolicy",
                 {{"RoleName", name()}, {"PolicyName", kPolicy}, {"PolicyDocument", Policy(context).dump()}});
    return {{"arn", observed["arn"]}};
  }

  void Delete(Context& context, const Json&) override {
    context.CallUnless({"NoSuchEntity"}, "iam", "DeleteRolePolicy", {{"RoleName", name()}, {"PolicyName", kPolicy}});
    context.CallUnless({"NoSuchEntity"}, "iam", "DeleteRole", {{"RoleName", name()}});
  }

 private:
  virtual std::string Owner(const Context& context) const = 0;
  static constexpr const char* kPolicy = "adhoc";

  static std::string BoundaryOf(const Json& role) {
    return role.value("PermissionsBoundary", Json::object()).value("PermissionsBoundaryArn", "");
  }
  [[noreturn]] void BoundaryIsMissing(const Context& context) const {
    throw Error(
        fmt::format("{} cannot be made: there is no policy {} for its permissions boundary", id(), Boundary(context)),
        context.config().target.makes_boundary ? "adhoc bootstrap up makes it"
                                               : "correct `permissions_boundary` of the target in adhoc.yaml");
  }

  virtual Json Policy(Context& context) const = 0;
  // ARN of the policy that limits the role, or empty: then it has what somebody gave it.
  virtual std::string Boundary(const Context&) const { return ""; }
  virtual Json Trust(Context&) const { return ServiceMayAssume("ecs-tasks.amazonaws.com"); }
  virtual bool ChecksTrust() const { return false; }
};

class ExecutionRole final : public Role {
 public:
  explicit ExecutionRole(const std::string& shared) : Role(Join(shared, "ecs-execution-role")) {}

 private:
  std::string Owner(const Context& context) const override { return context.shared(); }
  Json Policy(Context& context) const override { return ExecutionPolicy(ScopeOf(context.config())); }
};

class TaskRole final : public Role {
 public:
  explicit TaskRole(const std::string& env) : Role(TaskRoleName(env)) {}

 private:
  std::string Owner(const Context& context) const override { return context.environment(); }
  Json Policy(Context& context) const override {
    return TaskPolicy(ScopeOf(context.config()), context.environment(), context.config().bucket.has_value());
  }
  std::string Boundary(const Context& context) const override { return BoundaryArn(context.config().target); }
};

// What limits the roles of all environments' tasks.
class TaskBoundaryPolicy final : public Resource {
 public:
  explicit TaskBoundaryPolicy(const std::string& shared) : Resource("policy", TaskBoundaryName(shared)) {}

  std::optional<Json> Read(Context& context) override {
    const auto found = context.CallUnless({"NoSuchEntity"}, "iam", "GetPolicy", Policy(context));
    if (!found) return std::nullopt;
    Json input = Policy(context);
    input["VersionId"] = (*found)["Policy"]["DefaultVersionId"];
    const Json version = context.Call("iam", "GetPolicyVersion", input);
    return Json{{"policy", Decoded(version["PolicyVersion"].value("Document", ""))}};
  }

  std::vector<Difference> Compare(Context& context, const Json& observed, const Plan&) override {
    if (observed["policy"] == Wanted(context)) return {};
    return {{.what = "policy changed"}};
  }

  Json Create(Context& context) override {
    const auto made = context.CallUnless({"EntityAlreadyExists"}, "iam", "CreatePolicy",
                                         {{"PolicyName", name()},
                                          {"PolicyDocument", Wanted(context).dump()},
                                          {"Tags", Tags(context, context.shared())}});
    return made ? Json{{"policy", Wanted(context)}} : Update(context, Json());
  }

  Json Update(Context& context, const Json&) override {
    const Json others = OtherVersions(context);
    // IAM keeps five.
    if (others.size() >= 4) {
      DeleteVersion(context, *std::min_element(others.begin(), others.end(), [](const Json& a, const Json& b) {
                      return a.value("CreateDate", 0.0) < b.value("CreateDate", 0.0);
                    }));
    }
    Json input = Policy(context);
    input.update({{"PolicyDocument", Wanted(context).dump()}, {"SetAsDefault", true}});
    context.Call("iam", "CreatePolicyVersion", input);
    return {{"policy", Wanted(context)}};
  }

  void Delete(Context& context, const Json&) override {
    for (const Json& version : OtherVersions(context)) DeleteVersion(context, version);
    if (context.CallUnless({"NoSuchEntity", "DeleteConflict"}, "iam", "DeletePolicy", Policy(context))) return;
    if (!context.CallUnless({"NoSuchEntity"}, "iam", "GetPolicy", Policy(context))) return;
    throw Error(fmt::format("{} limits the tasks of environments that are there", id()),
                "adhoc ls, then adhoc down each");
  }

 private:
  static Json Wanted(const Context& context) { return TaskBoundary(ScopeOf(context.config())); }
  static Json Policy(const Context& context) { return {{"PolicyArn", BoundaryArn(context.config().target)}}; }

  // But the one in force.
  static Json OtherVersions(Context& context) {
    Json others = Json::array();
    const auto listed = context.CallUnless({"NoSuchEntity"}, "iam", "ListPolicyVersions", Policy(context));
    if (!listed) return others;
    for (const Json& version : listed->value("Versions", Json::array())) {
      if (!version.value("IsDefaultVersion", false)) others.push_back(version);
    }
    return others;
  }

  static void DeleteVersion(Context& context, const Json& version) {
    Json input = Policy(context);
    input["VersionId"] = version["VersionId"];
    context.CallUnless({"NoSuchEntity"}, "iam", "DeletePolicyVersion", input);
  }
};

// What pipelines of one GitHub repository may do.
class PipelineRole final : public Role {
 public:
  using PolicyMaker = Json (*)(const PolicyScope& scope);
  PipelineRole(std::string name, std::string repository, PolicyMaker make_policy)
      : Role(std::move(name)), repository_(std::move(repository)), make_policy_(make_policy) {
    DependsOn("identity provider " + std::string(kGithubIssuer));
  }

 private:
  std::string Owner(const Context& context) const override { return context.shared(); }
  Json Policy(Context& context) const override { return make_policy_(ScopeOf(context.config())); }
  bool ChecksTrust() const override { return true; }
  Json Trust(Context& context) const override {
    const std::string issuer(kGithubIssuer);
    const auto slash = repository_.find('/');
    const std::string owner = repository_.substr(0, slash);
    const std::string name = repository_.substr(std::min(repository_.size(), slash + 1));
    // Repositories made since July 2026 have their numbers in the subject.
    const Json subjects =
        Json::array({fmt::format("repo:{}/{}:*", owner, name), fmt::format("repo:{}@*/{}@*:*", owner, name)});
    return {{"Version", "2012-10-17"},
            {"Statement", Json::array({{{"Effect", "Allow"},
                                        {"Principal",
                                         {{"Federated", fmt::format("arn:aws:iam::{}:oidc-provider/{}",
                                                                    context.config().target.account, issuer)}}},
                                        {"Action", "sts:AssumeRoleWithWebIdentity"},
                                        {"Condition",
                                         {{"StringEquals", {{issuer + ":aud", kGithubAudience}}},
                                          {"StringLike", {{issuer + ":sub", subjects}}}}}}})}};
  }

  const std::string repository_;
  const PolicyMaker make_policy_;
};

// GitHub Actions, as somebody whose tokens the account takes. There is one in an account: one that others made is used,
// and left.
class IdentityProvider final : public Resource {
 public:
  IdentityProvider() : Resource("identity provider", std::string(kGithubIssuer)) {}

  std::optional<Json> Read(Context& context) override {
    const auto found = context.CallUnless({"NoSuchEntity"}, "iam", "GetOpenIDConnectProvider",
                                          {{"OpenIDConnectProviderArn", Arn(context)}});
    if (!found) return std::nullopt;
    const Json ours{{"Key", kManagedByTag}, {"Value", kManagedBy}};
    const Json tags = found->value("Tags", Json::array());
    return Json{{"arn", Arn(context)},
                {"audiences", found->value("ClientIDList", Json::array())},
                {"ours", std::find(tags.begin(), tags.end(), ours) != tags.end()}};
  }

  std::vector<Difference> Compare(Context&, const Json& observed, const Plan&) override {
    const Json& audiences = observed["audiences"];
    if (std::find(audiences.begin(), audiences.end(), Json(kGithubAudience)) != audiences.end()) return {};
    return {{.what = "audience", .to = std::string(kGithubAudience)}};
  }

  Json Create(Context& context) override {
    context.CallUnless({"EntityAlreadyExists"}, "iam", "CreateOpenIDConnectProvider",
                       {{"Url", "https://" + name()},
                        {"ClientIDList", Json::array({kGithubAudience})},
                        {"Tags", Tags(context, context.shared())}});
    return {{"arn", Arn(context)}, {"ours", true}};
  }

  Json Update(Context& context, const Json&) override {
    throw Error(fmt::format("{} is not made for the audience {}", id(), kGithubAudience),
                fmt::format("aws iam add-client-id-to-open-id-connect-provider --client-id {} "
                            "--open-id-connect-provider-arn {}",
                            kGithubAudience, Arn(context)));
  }

  void Delete(Context& context, const Json& observed) override {
    if (!observed.value("ours", false)) return;
    context.CallUnless({"NoSuchEntity"}, "iam", "DeleteOpenIDConnectProvider",
                       {{"OpenIDConnectProviderArn", Arn(context)}});
  }

 private:
  std::string Arn(const Context& context) const {
    return fmt::format("arn:aws:iam::{}:oidc-provider/{}", context.config().target.account, name());
  }
};

class BastionRole final : public Role {
 public:
  explicit BastionRole(const std::string& shared) : Role(Join(shared, "bastion-role")) {}

 private:
  std::string Owner(const Context& context) const override { return context.shared(); }
  Json Trust(Context&) const override { return ServiceMayAssume("ec2.amazonaws.com"); }
  Json Policy(Context&) const override { return BastionPolicy(); }
};

class Secret final : public Resource {
 public:
  Secret(const std::string& env, const config::Secret& secret)
      : Resource("secret", SecretName(env, secret.name)), secret_(secret) {}

  std::optional<Json> Read(Context& context) override {
    const auto found =
        context.CallUnless({"ResourceNotFoundException"}, "secretsmanager", "DescribeSecret", {{"SecretId", name()}});
    if (!found || found->contains("DeletedDate")) return std::nullopt;
    Json attributes{{"arn", (*found)["ARN"]}, {"tags", ByKey(found->value("Tags", Json::array()))}};
    const Json versions = found->value("VersionIdsToStages", Json::object());
    for (const auto& [version, stages] : versions.items()) {
      if (std::find(stages.begin(), stages.end(), "AWSCURRENT") != stages.end()) attributes["version"] = version;
    }
    return attributes;
  }

  std::vector<Difference> Compare(Context& context, const Json& observed, const Plan&) override {
    if (secret_.generate > 0) return {};  // made once, then kept
    const Json value = context.Call("secretsmanager", "GetSecretValue", {{"SecretId", observed["arn"]}});
    if (value.value("SecretString", "") == secret_.value) return {};
    return {{.what = "the value changed"}};
  }

  Json Create(Context& context) override {
    Json tags = Tags(context, context.environment());
    if (secret_.name == kDatabaseWorkload) tags.push_back({{"Key", kDatabaseTag}, {"Value", kDatabaseBegun}});
    Json attributes;
    context.WaitUntil(id() + " to be free", [&] {
      const auto made =
          context.CallUnless({"InvalidRequestException", "ResourceExistsException"}, "secretsmanager", "CreateSecret",
                             {{"Name", name()}, {"SecretString", Value(context)}, {"Tags", tags}});
      if (made) {
        attributes = {{"arn", (*made)["ARN"]}, {"tags", ByKey(tags)}, {"version", (*made)["VersionId"]}};
        return true;
      }
      // Scheduled for deletion by somebody: it is ours again, with a value of our own. One that is deleted without a
      // way back, by a `down` a moment ago, takes that moment.
      const auto restored = context.CallUnless({"InvalidRequestException", "ResourceNotFoundException"},
                                               "secretsmanager", "RestoreSecret", {{"SecretId", name()}});
      if (restored) attributes = Put(context, {{"arn", (*restored)["ARN"]}});
      return restored.has_value();
    });
    return attributes;
  }

  Json Update(Context& context, const Json& observed) override { return Put(context, observed); }

  void Delete(Context& context, const Json&) override {
    context.CallUnless({"ResourceNotFoundException"}, "secretsmanager", "DeleteSecret",
                       {{"SecretId", name()}, {"ForceDeleteWithoutRecovery", true}});
  }

 private:
  static Json ByKey(const Json& tags) {
    Json values = Json::object();
    for (const Json& tag : tags) values[tag["Key"].get<std::string>()] = tag["Value"];
    return values;
  }

  Json Put(Context& context, const Json& observed) {
    const Json put = context.Call("secretsmanager", "PutSecretValue",
                                  {{"SecretId", observed["arn"]}, {"SecretString", Value(context)}});
    Json attributes = observed;
    attributes["version"] = put["VersionId"];
    return attributes;
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
ResourcePtr MakeTaskBoundary(const std::string& shared) { return std::make_unique<TaskBoundaryPolicy>(shared); }
ResourcePtr MakeBastionRole(const std::string& shared) { return std::make_unique<BastionRole>(shared); }
ResourcePtr MakeDeployRole(const std::string& shared, const std::string& repository) {
  return std::make_unique<PipelineRole>(DeployRoleName(shared), repository, EnvironmentsPolicy);
}
ResourcePtr MakeSharedRole(const std::string& shared, const std::string& repository) {
  return std::make_unique<PipelineRole>(SharedRoleName(shared), repository, SharedPolicy);
}
ResourcePtr MakeIdentityProvider() { return std::make_unique<IdentityProvider>(); }
ResourcePtr MakeSecret(const std::string& env, const config::Secret& secret) {
  return std::make_unique<Secret>(env, secret);
}

}  // namespace adhoc::env
