// Takes the lines that containers write into CloudWatch Logs streams, as the awslogs driver does.
//
// A thread follows each container; lines are stored in batches, at most 200 ms after they were written. How many lines
// a stream holds is how many of its container's lines were taken, so after a restart following goes on at the next one:
// none is lost and none stored twice.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/sync.h"
#include "localcloud/cloud.h"
#include "localcloud/runtime/runtime.h"

namespace adhoc::localcloud {

// Thread-safe.
class LogPump {
 public:
  explicit LogPump(Cloud& cloud);
  ~LogPump();  // stores what it has

  // Follows a container that has been started. No effect when it is followed already.
  void Follow(const std::string& container, const std::string& group, const std::string& stream);
  // After the container has ended: waits until its last line is stored; half a minute at most.
  void Finish(const std::string& container);

 private:
  struct Follower {
    std::string group;
    std::string stream;
    std::vector<LogEvent> waiting;
    double noted_at = 0;  // when the stream's document was last brought up to date
    bool ended = false;
    std::jthread thread;
  };
  using Followers = std::map<std::string, std::shared_ptr<Follower>>;

  void Run(const std::string& container, const std::shared_ptr<Follower>& follower, std::stop_token stop);
  void Flush(bool all);
  void Store(Follower& follower, std::vector<LogEvent> events);

  Cloud& cloud_;
  std::condition_variable_any changed_;
  Sync<Followers> followers_;
  Sync<int> storing_;  // held while a batch is taken and stored, so that batches of a stream keep their order
  std::jthread flusher_;
};

// The key of a stream's document in `logs.streams`.
std::string LogStreamKey(const std::string& group, const std::string& stream);

// Makes the stream's document when it is missing. The group must exist.
void EnsureLogStream(const Cloud& cloud, Store::Transaction& txn, const std::string& group, const std::string& stream);

}  // namespace adhoc::localcloud
