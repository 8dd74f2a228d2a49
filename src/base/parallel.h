// The same work for many things at once, on threads that live as long as the call.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace adhoc {

// Calls `act` for each item, at most `threads` at a time, and returns when all have been seen. An exception does not
// keep the others from their turn; the first one is thrown at the end.
template <typename Item, typename Act>
void ForEachParallel(const std::vector<Item>& items, std::size_t threads, Act act) {
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::exception_ptr failure;
  const auto work = [&] {
    for (std::size_t i = next++; i < items.size(); i = next++) {
      try {
        act(items[i]);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
      }
    }
  };
  {
    std::vector<std::jthread> helpers;
    for (std::size_t i = 1; i < std::min(threads, items.size()); ++i) helpers.emplace_back(work);
    work();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace adhoc
