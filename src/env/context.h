// What one run of the engine (a plan, an apply, a deploy, a destroy) works with: the cloud, the configuration, where
// events go, and what has been found out so far about each resource. Thread-safe: graph vertices run in parallel.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "aws/client/client.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "base/sync.h"
#include "config/config.h"
#include "events/events.h"

namespace adhoc::env {

// Timing of waits, as it is on one machine. Pauses grow with what has been waited already, so that a wait is longer by
// a small part of itself, and a long one does not ask without end.
struct Pace {
  Duration poll = std::chrono::milliseconds(50);  // the shortest pause
  Duration max_poll = std::chrono::seconds(1);    // and the longest
  int parts = 16;                                 // a pause is this part of the time that has been waited
  Duration task_start{0};                         // no task starts sooner: until the first look at a new one
  std::chrono::seconds consistency{0};            // until everybody at AWS knows of what was made (env/consistency.h)
  Duration log = std::chrono::milliseconds(50);   // until the last lines of a log are there
  std::chrono::seconds timeout{600};              // of one wait
  std::chrono::seconds spot_patience{2};          // for Fargate Spot's capacity (env/capacity.h)
};

// In an account all is slow, and calls count.
Pace AccountPace();

class Context {
 public:
  Context(aws::Client& client, const config::Config& config, events::Sink& sink, Clock& clock, Random& random,
          Pace pace, std::stop_token stop = {});

  const config::Config& config() const { return config_; }
  const std::string& environment() const { return config_.environment; }
  const std::string& shared() const { return config_.target.shared; }
  bool local() const { return config_.target.kind == config::TargetKind::kLocal; }
  const std::string& region() const { return client_.region(); }
  // As a browser on this machine reaches the local cloud, e.g. http://localhost:4566; empty for an account.
  const std::string& endpoint() const { return endpoint_; }
  void set_endpoint(std::string endpoint) { endpoint_ = std::move(endpoint); }

  // Registry, repository and the tag that this run settles on (env/versions.h) of an entry of `images:`.
  std::string ImageUri(const std::string& image) const;
  void set_image_tags(std::map<std::string, std::string> tags) { image_tags_ = std::move(tags); }
  // The name of the load balancer that the environment is on (env/placement.h).
  const std::string& load_balancer() const { return load_balancer_; }
  void set_load_balancer(std::string name) { load_balancer_ = std::move(name); }
  aws::Client& client() const { return client_; }
  Clock& clock() const { return clock_; }
  Random& random() const { return random_; }
  events::Sink& sink() const { return sink_; }
  const Pace& pace() const { return pace_; }
  std::stop_token stop() const { return stop_; }

  using Codes = std::initializer_list<std::string_view>;  // of errors

  // As the client's, but that a call which comes too early for what this run has just made is made again; not after an
  // error of `at_once`, which means what it says.
  Json Call(std::string_view service, std::string_view operation, const Json& input = Json::object(),
            Codes at_once = {});
  Json List(std::string_view service, std::string_view operation, const Json& input, std::string_view result_key,
            Codes at_once = {});
  // As Call; nothing when AWS answers one of these error codes.
  std::optional<Json> CallUnless(Codes codes, std::string_view service, std::string_view operation, const Json& input);

  // Whether this run has made something so lately that not everybody at AWS may know of it.
  bool HasJustMadeSomething() const;

  // For cleaning up when the run was told to stop: not cut short by the stop request, and errors are swallowed.
  void CallAnyway(std::string_view service, std::string_view operation, const Json& input) noexcept;

  // The answer of a read that several resources share (all services of the cluster, all rules of the listener): `read`
  // runs once, the others wait for it.
  Json Once(const std::string& key, const std::function<Json()>& read);

  // Likewise of a read that waits repeat: its answer may be used by whoever is content with one that was asked for
  // after `not_before`.
  Json Recent(const std::string& key, TimePoint not_before, const std::function<Json()>& read);

  // What is known of a resource: ids, ARNs, addresses.
  void Publish(const std::string& resource, Json attributes);
  void Forget(const std::string& resource);
  std::optional<Json> Find(const std::string& resource) const;
  // Throws Error `vpc dev does not exist`.
  Json Get(const std::string& resource) const;
  std::string Get(const std::string& resource, const std::string& attribute) const;

  // Until what a wait that began at `begin` asks next.
  Duration PauseSince(TimePoint begin) const;
  // Calls `ready` until it is true. Throws Error on time-out: `gave up waiting for <what> after 600 s`.
  void WaitUntil(const std::string& what, const std::function<bool()>& ready);
  // Calls `act` until AWS no longer refuses it with one of these error codes, as it does while something else is in
  // use.
  void WaitWhileRefused(Codes codes, const std::string& what, const std::function<void()>& act);

  void Progress(const std::string& step, const std::string& message);

 private:
  Json CallUntilKnown(Codes at_once, std::string_view operation, const std::function<Json()>& call);

  struct Knowledge {
    std::map<std::string, Json> resources;
    std::map<std::string, std::shared_future<Json>> reads;
    std::map<std::string, std::pair<TimePoint, std::shared_future<Json>>> recent;  // with when it was asked for
  };
  aws::Client& client_;
  const config::Config& config_;
  events::Sink& sink_;
  Clock& clock_;
  Random& random_;
  const Pace pace_;
  const std::stop_token stop_;
  std::string endpoint_;                              // set before the run begins
  std::map<std::string, std::string> image_tags_;     // likewise
  std::string load_balancer_;                         // likewise
  std::atomic<TimePoint> made_at_{TimePoint::min()};  // the latest thing
  mutable Sync<Knowledge> knowledge_;
};

// [{Key, Value}] as most services take tags; the ECS family spells them in lower case.
Json Tags(const Context& context, std::string_view owner, std::string_view name = "");
Json LowerCaseTags(const Context& context, std::string_view owner);

}  // namespace adhoc::env
