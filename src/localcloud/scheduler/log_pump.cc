#include "localcloud/scheduler/log_pump.h"

#include <chrono>
#include <utility>

namespace adhoc::localcloud {
namespace {

using namespace std::chrono_literals;

constexpr auto kFlushInterval = 100ms;
// Long: what is not stored by then is lost with the container, and a busy machine may take seconds to say that a log
// has ended.
constexpr auto kFinishTimeout = 30s;
// lastIngestionTime and its like need not be exact ("eventually consistent" in CloudWatch, up to an hour).
constexpr double kNoteInterval = 1;

std::int64_t Milliseconds(TimePoint time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

}  // namespace

std::string LogStreamKey(const std::string& group, const std::string& stream) { return group + "\n" + stream; }

void EnsureLogStream(const Cloud& cloud, Store::Transaction& txn, const std::string& group, const std::string& stream) {
  const std::string key = LogStreamKey(group, stream);
  if (txn.Find("logs.streams", key) != nullptr) return;
  txn.Put("logs.streams", key,
          {{"logStreamName", stream},
           {"creationTime", Milliseconds(cloud.clock.Now())},
           {"arn", cloud.Arn("logs", "log-group:" + group + ":log-stream:" + stream)},
           {"uploadSequenceToken", "1"},
           {"storedBytes", 0}});
}

LogPump::LogPump(Cloud& cloud) : cloud_(cloud) {
  flusher_ = std::jthread([this](std::stop_token stop) {
    for (;;) {
      {
        auto followers = followers_.lock();
        const auto some = [&] {
          for (const auto& [id, follower] : *followers) {
            if (!follower->waiting.empty()) return true;
          }
          return false;
        };
        if (!followers.Wait(changed_, stop, some)) return;
        // Let a batch gather.
        followers.WaitUntil(changed_, stop, std::chrono::steady_clock::now() + kFlushInterval, [] { return false; });
      }
      Flush(false);
      if (stop.stop_requested()) return;
    }
  });
}

LogPump::~LogPump() {
  flusher_.request_stop();
  flusher_.join();
  Followers followers;
  {
    auto lock = followers_.lock();
    followers = *lock;
  }
  for (auto& [id, follower] : followers) follower->thread.request_stop();
  for (auto& [id, follower] : followers) {
    if (follower->thread.joinable()) follower->thread.join();
  }
  Flush(true);
}

void LogPump::Follow(const std::string& container, const std::string& group, const std::string& stream) {
  auto followers = followers_.lock();
  if (followers->contains(container)) return;
  auto follower = std::make_shared<Follower>();
  follower->group = group;
  follower->stream = stream;
  followers->emplace(container, follower);
  follower->thread =
      std::jthread([this, container, follower](std::stop_token stop) { Run(container, follower, stop); });
}

void LogPump::Run(const std::string& container, const std::shared_ptr<Follower>& follower, std::stop_token stop) {
  std::uint64_t taken = static_cast<std::uint64_t>(cloud_.logs.Count(follower->group, follower->stream));
  while (!stop.stop_requested()) {
    try {
      const LogOptions options{.skip_lines = taken, .follow = true};
      cloud_.runtime.FollowLogs(
          container, options,
          [&](const LogLine& line) {
            LogEvent event;
            event.timestamp_ms = Milliseconds(line.time);
            event.ingestion_ms = Milliseconds(cloud_.clock.Now());
            event.message = line.text;
            auto followers = followers_.lock();
            follower->waiting.push_back(std::move(event));
            ++taken;
            changed_.notify_all();
            return true;
          },
          stop);
      if (stop.stop_requested()) return;
      // The stream may have broken off although the container lives on.
      const auto state = cloud_.runtime.Inspect(container);
      if (!state || !state->running()) break;
    } catch (const RuntimeError& error) {
      if (error.kind() != RuntimeErrorKind::kUnreachable) break;
    }
    if (!cloud_.clock.SleepFor(1s, stop)) return;
  }
  auto followers = followers_.lock();
  follower->ended = true;
  changed_.notify_all();
}

void LogPump::Flush(bool all) {
  auto storing = storing_.lock();
  for (;;) {
    std::shared_ptr<Follower> follower;
    std::vector<LogEvent> events;
    {
      auto followers = followers_.lock();
      for (auto& [id, candidate] : *followers) {
        if (candidate->waiting.empty()) continue;
        follower = candidate;
        events = std::exchange(candidate->waiting, {});
        break;
      }
    }
    if (!follower) return;
    if (all) follower->noted_at = 0;
    Store(*follower, std::move(events));
  }
}

void LogPump::Store(Follower& follower, std::vector<LogEvent> events) {
  const double now = cloud_.Now();
  const bool note = now - follower.noted_at >= kNoteInterval;
  if (note) {
    follower.noted_at = now;
    auto txn = cloud_.store.Begin();
    // Somebody deleted the group: as with CloudWatch, what is written from then on goes nowhere.
    if (txn->Find("logs.groups", follower.group) == nullptr) return;
    EnsureLogStream(cloud_, *txn, follower.group, follower.stream);
    Json& stream = txn->Edit("logs.streams", LogStreamKey(follower.group, follower.stream));
    if (!stream.contains("firstEventTimestamp")) stream["firstEventTimestamp"] = events.front().timestamp_ms;
    stream["lastEventTimestamp"] = events.back().timestamp_ms;
    stream["lastIngestionTime"] = events.back().ingestion_ms;
    txn->Commit();
  }
  cloud_.logs.Append(follower.group, follower.stream, events);
}

void LogPump::Finish(const std::string& container) {
  std::shared_ptr<Follower> follower;
  {
    auto followers = followers_.lock();
    const auto found = followers->find(container);
    if (found == followers->end()) return;
    follower = found->second;
    followers.WaitUntil(changed_, std::stop_token(), std::chrono::steady_clock::now() + kFinishTimeout,
                        [&] { return follower->ended; });
  }
  Flush(true);
  follower->thread.request_stop();
  follower->thread.join();
  followers_.lock()->erase(container);
}

}  // namespace adhoc::localcloud
