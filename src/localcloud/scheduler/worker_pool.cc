#include "localcloud/scheduler/worker_pool.h"

#include <utility>

namespace adhoc::localcloud {

WorkerPool::~WorkerPool() {
  std::vector<std::jthread> threads;
  {
    auto state = state_.lock();
    state->closed = true;
    state->jobs.clear();
    threads = std::exchange(state->threads, {});
  }
  for (auto& thread : threads) thread.request_stop();
}

void WorkerPool::Submit(Job job) {
  auto state = state_.lock();
  if (state->closed) return;
  state->jobs.push_back(std::move(job));
  if (static_cast<int>(state->jobs.size()) > state->idle && static_cast<int>(state->threads.size()) < max_threads_) {
    state->threads.emplace_back([this](std::stop_token stop) { Work(stop); });
  }
  changed_.notify_one();
}

int WorkerPool::RunAll() {
  int count = 0;
  for (;; ++count) {
    Job job;
    {
      auto state = state_.lock();
      if (state->jobs.empty()) return count;
      job = std::move(state->jobs.front());
      state->jobs.pop_front();
    }
    job();
  }
}

void WorkerPool::Work(std::stop_token stop) {
  for (;;) {
    Job job;
    {
      auto state = state_.lock();
      ++state->idle;
      const bool some = state.Wait(changed_, stop, [&] { return !state->jobs.empty(); });
      --state->idle;
      if (!some || stop.stop_requested()) return;
      job = std::move(state->jobs.front());
      state->jobs.pop_front();
    }
    job();
  }
}

}  // namespace adhoc::localcloud
