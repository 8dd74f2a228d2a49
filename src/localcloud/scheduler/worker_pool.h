// A few threads that run jobs in order of arrival. Threads are made when they are first needed.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "base/sync.h"

namespace adhoc::localcloud {

// Thread-safe. The destructor lets running jobs end and drops the ones that wait.
class WorkerPool {
 public:
  using Job = std::function<void()>;  // must not throw

  // 0 threads: jobs wait for RunAll (single-threaded tests).
  explicit WorkerPool(int threads) : max_threads_(threads) {}
  ~WorkerPool();

  void Submit(Job job);
  // Runs what waits on the calling thread; returns how many jobs that were.
  int RunAll();

 private:
  struct State {
    std::deque<Job> jobs;
    std::vector<std::jthread> threads;
    int idle = 0;
    bool closed = false;
  };

  void Work(std::stop_token stop);

  const int max_threads_;
  std::condition_variable_any changed_;
  Sync<State> state_;
};

}  // namespace adhoc::localcloud
