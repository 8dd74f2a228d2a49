#include "aws/client/refreshing.h"

#include <algorithm>

#include "base/error.h"
#include "base/sync.h"

namespace adhoc::aws {
namespace {

constexpr std::chrono::minutes kEarly{15};
constexpr std::chrono::minutes kBetweenTries{1};

class RefreshingProvider final : public CredentialsProvider {
 public:
  RefreshingProvider(std::function<Fetched()> fetch, Clock& clock) : fetch_(std::move(fetch)), clock_(clock) {}

  Credentials Get() override {
    auto state = state_.lock();
    Renew(*state);
    return state->fetched->credentials;
  }

  std::string Source() override {
    auto state = state_.lock();
    Renew(*state);
    return state->fetched->source;
  }

 private:
  struct State {
    std::optional<Fetched> fetched;
    TimePoint next = TimePoint::max();
  };

  void Renew(State& state) {
    const TimePoint now = clock_.Now();
    if (state.fetched && now < state.next) return;
    try {
      state.fetched = fetch_();
    } catch (const std::exception&) {
      if (!state.fetched) throw;
      if (now >= *state.fetched->credentials.expiration) {
        RethrowWithContext("the AWS session has ended and cannot be renewed");
      }
      state.next = now + kBetweenTries;
      return;
    }
    const auto& expiration = state.fetched->credentials.expiration;
    // Whatever gives us the same ones again is not asked at every call.
    state.next = expiration ? std::max(RefreshTime(now, *expiration), now + kBetweenTries) : TimePoint::max();
  }

  const std::function<Fetched()> fetch_;
  Clock& clock_;
  Sync<State> state_;
};

}  // namespace

TimePoint RefreshTime(TimePoint fetched, TimePoint expiration) {
  const auto lifetime = expiration - fetched;
  return expiration - std::min<TimePoint::duration>(kEarly, lifetime / 4);
}

std::unique_ptr<CredentialsProvider> Refreshing(std::function<Fetched()> fetch, Clock& clock) {
  return std::make_unique<RefreshingProvider>(std::move(fetch), clock);
}

}  // namespace adhoc::aws
