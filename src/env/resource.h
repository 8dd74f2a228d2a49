// One thing in the cloud that the engine keeps as the definition says. A class per kind, in env/resources/.
//
// The engine calls, in the order of the graph: Read on every resource, then Compare on those that exist (that is the
// plan), then Create, Update or Delete as the plan says. Every one of them may be cut off at any point, so each has to
// be right after a run that died in the middle of it: Create succeeds when the thing exists by now, Delete when it is
// gone. Called from several threads, but never two calls on one object at the same time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "env/context.h"

namespace adhoc::env {

// How what exists differs from what the definition wants.
struct Difference {
  std::string what;  // `image`, `cpu`, `environment LOG_LEVEL`; the reason shown in a plan
  std::string from;
  std::string to;
  bool replace = false;  // cannot be changed in place

  std::string ToString() const;  // `image: backend:v1.0.0 → backend:v1.1.0`
};

enum class Action { kNone, kCreate, kUpdate, kReplace, kDelete, kRun };

class Resource {
 public:
  Resource(std::string kind, std::string name) : kind_(std::move(kind)), name_(std::move(name)) {}
  virtual ~Resource() = default;
  Resource(const Resource&) = delete;
  Resource& operator=(const Resource&) = delete;

  const std::string& kind() const { return kind_; }  // `target group`
  const std::string& name() const { return name_; }  // `alpha-gunicorn`
  std::string id() const { return kind_ + " " + name_; }

  const std::vector<std::string>& dependencies() const { return dependencies_; }
  void DependsOn(std::string id) { dependencies_.push_back(std::move(id)); }

  // The attributes that others need, or nothing when it does not exist. Other resources find them through the Context
  // under id(); the engine publishes them.
  virtual std::optional<Json> Read(Context& context) = 0;
  // Sees, through the Plan in the making, what will happen to the resources it depends on.
  virtual std::vector<Difference> Compare(Context&, const Json& /*observed*/, const class Plan&) { return {}; }
  virtual Json Create(Context& context) = 0;
  // Of a resource that is never replaced or changed, nothing calls Update.
  virtual Json Update(Context& context, const Json& observed);
  virtual void Delete(Context& context, const Json& observed) = 0;

  // False for what the team made and the definition only uses: a destroy leaves it.
  virtual bool IsOurs(Context&, const Json& /*observed*/) { return true; }

  // A one-off task is run, not updated.
  virtual Action UpdateAction() const { return Action::kUpdate; }

 private:
  const std::string kind_;
  const std::string name_;
  std::vector<std::string> dependencies_;
};

using Resources = std::vector<std::unique_ptr<Resource>>;

}  // namespace adhoc::env
