#include "env/context.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "env/consistency.h"
#include "env/names.h"

namespace adhoc::env {
namespace {

bool IsOneOf(Context::Codes codes, const aws::AwsError& error) {
  return std::find(codes.begin(), codes.end(), error.code()) != codes.end();
}

void Fulfil(std::promise<Json>& promise, const std::function<Json()>& read) {
  try {
    promise.set_value(read());
  } catch (...) {
    promise.set_exception(std::current_exception());
  }
}

}  // namespace

Pace AccountPace() {
  return {.poll = std::chrono::seconds(5),
          .max_poll = std::chrono::seconds(10),
          .parts = 4,
          .task_start = std::chrono::seconds(30),
          .consistency = std::chrono::minutes(5),
          .log = std::chrono::seconds(1),
          .timeout = std::chrono::minutes(30),
          .spot_patience = std::chrono::minutes(1)};
}

Context::Context(aws::Client& client, const config::Config& config, events::Sink& sink, Clock& clock, Random& random,
                 Pace pace, std::stop_token stop)
    : client_(client),
      config_(config),
      sink_(sink),
      clock_(clock),
      random_(random),
      pace_(pace),
      stop_(stop),
      load_balancer_(LoadBalancerName(shared())) {}

std::string Context::ImageUri(const std::string& name) const {
  const config::Image* image = config_.FindImage(name);
  if (image == nullptr) throw Error("the definition has no image " + name);
  const auto tag = image_tags_.find(name);
  return fmt::format("{}.dkr.ecr.{}.amazonaws.com/{}:{}", config_.target.account, region(), image->repository,
                     tag == image_tags_.end() ? image->tag : tag->second);
}

Json Context::CallUntilKnown(Codes at_once, std::string_view operation, const std::function<Json()>& call) {
  const TimePoint begin = clock_.Now();
  bool told = false;
  while (true) {
    try {
      Json answer = call();
      if (IsMaking(operation)) made_at_ = clock_.Now();
      return answer;
    } catch (const aws::AwsError& error) {
      if (IsOneOf(at_once, error) || !MayBeTooEarly(error) || !HasJustMadeSomething()) throw;
      if (!told)
        sink_.Emit(
            events::Notice{.text = fmt::format("not everybody at AWS knows of all that was made: {}", error.what())});
      told = true;
    }
    if (!clock_.SleepFor(PauseSince(begin), stop_)) throw Error(fmt::format("stopped before {}", operation));
  }
}

Json Context::Call(std::string_view service, std::string_view operation, const Json& input, Codes at_once) {
  return CallUntilKnown(at_once, operation, [&] { return client_.Call(service, operation, input, stop_); });
}

Json Context::List(std::string_view service, std::string_view operation, const Json& input, std::string_view result_key,
                   Codes at_once) {
  return CallUntilKnown(at_once, operation, [&] { return client_.List(service, operation, input, result_key, stop_); });
}

std::optional<Json> Context::CallUnless(Codes codes, std::string_view service, std::string_view operation,
                                        const Json& input) {
  try {
    return Call(service, operation, input, codes);
  } catch (const aws::AwsError& error) {
    if (!IsOneOf(codes, error)) throw;
    return std::nullopt;
  }
}

bool Context::HasJustMadeSomething() const {
  const TimePoint made_at = made_at_;
  return made_at != TimePoint::min() && clock_.Now() - made_at < pace_.consistency;
}

void Context::CallAnyway(std::string_view service, std::string_view operation, const Json& input) noexcept {
  try {
    client_.Call(service, operation, input);
  } catch (const std::exception& error) {
    sink_.Emit(events::Notice{.level = events::Notice::Level::kWarning, .text = error.what()});
  }
}

Json Context::Once(const std::string& key, const std::function<Json()>& read) {
  std::promise<Json> promise;
  std::shared_future<Json> result;
  bool ours = false;
  {
    auto knowledge = knowledge_.lock();
    const auto found = knowledge->reads.find(key);
    ours = found == knowledge->reads.end();
    result = ours ? knowledge->reads.emplace(key, promise.get_future().share()).first->second : found->second;
  }
  if (ours) Fulfil(promise, read);
  return result.get();
}

Json Context::Recent(const std::string& key, TimePoint not_before, const std::function<Json()>& read) {
  std::promise<Json> promise;
  std::shared_future<Json> result;
  bool ours = false;
  {
    auto knowledge = knowledge_.lock();
    auto& [asked_at, answer] = knowledge->recent[key];
    ours = !answer.valid() || asked_at <= not_before;
    if (ours) {
      asked_at = clock_.Now();
      answer = promise.get_future().share();
    }
    result = answer;
  }
  if (ours) Fulfil(promise, read);
  return result.get();
}

void Context::Publish(const std::string& resource, Json attributes) {
  knowledge_.lock()->resources.insert_or_assign(resource, std::move(attributes));
}

void Context::Forget(const std::string& resource) { knowledge_.lock()->resources.erase(resource); }

std::optional<Json> Context::Find(const std::string& resource) const {
  auto knowledge = knowledge_.lock();
  const auto found = knowledge->resources.find(resource);
  return found == knowledge->resources.end() ? std::nullopt : std::optional<Json>(found->second);
}

Json Context::Get(const std::string& resource) const {
  auto found = Find(resource);
  if (!found) throw Error(resource + " does not exist");
  return std::move(*found);
}

std::string Context::Get(const std::string& resource, const std::string& attribute) const {
  const Json attributes = Get(resource);
  const auto found = attributes.find(attribute);
  if (found == attributes.end()) throw Error(fmt::format("{} of {} is not known", attribute, resource));
  return found->get<std::string>();
}

void Context::WaitUntil(const std::string& what, const std::function<bool()>& ready) {
  const TimePoint begin = clock_.Now();
  const TimePoint deadline = begin + pace_.timeout;
  while (!ready()) {
    if (clock_.Now() >= deadline) {
      throw Error(fmt::format("gave up waiting for {} after {} s", what, pace_.timeout.count()));
    }
    if (!clock_.SleepFor(PauseSince(begin), stop_)) throw Error("stopped while waiting for " + what);
  }
}

Duration Context::PauseSince(TimePoint begin) const {
  const auto waited = std::chrono::duration_cast<Duration>(clock_.Now() - begin);
  return std::clamp<Duration>(waited / pace_.parts, pace_.poll, pace_.max_poll);
}

void Context::WaitWhileRefused(Codes codes, const std::string& what, const std::function<void()>& act) {
  WaitUntil(what, [&] {
    try {
      act();
      return true;
    } catch (const aws::AwsError& error) {
      if (!IsOneOf(codes, error)) throw;
      return false;
    }
  });
}

void Context::Progress(const std::string& step, const std::string& message) {
  sink_.Emit(events::StepProgress{.step = step, .message = message});
}

Json Tags(const Context& context, std::string_view owner, std::string_view name) {
  Json tags = Json::array({{{"Key", kEnvironmentTag}, {"Value", owner}},
                           {{"Key", kManagedByTag}, {"Value", kManagedBy}},
                           {{"Key", "application"}, {"Value", context.config().application}}});
  if (!name.empty()) tags.push_back({{"Key", "Name"}, {"Value", name}});
  return tags;
}

Json LowerCaseTags(const Context& context, std::string_view owner) {
  Json tags = Json::array();
  for (const Json& tag : Tags(context, owner)) tags.push_back({{"key", tag["Key"]}, {"value", tag["Value"]}});
  return tags;
}

}  // namespace adhoc::env
