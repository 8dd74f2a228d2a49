// The thread of a controller: runs a pass whenever a commit touches what it watches, when it is woken, and when the
// pass itself asked for it. Passes are level-triggered: they compare documents with what runs, so one that fails is
// just tried again.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "localcloud/store/store.h"

namespace adhoc::localcloud {

class ControllerThread {
 public:
  // Returns after how long it wants to run again at the latest.
  using Pass = std::function<std::chrono::milliseconds(std::stop_token stop)>;

  // Subscribes to the store. `name` is for the log.
  ControllerThread(std::string name, Store& store, CollectionNames watched, Pass pass);
  ~ControllerThread();

  void Start();
  // Waits for the pass that runs.
  void Stop();
  void Wake();  // from any thread

 private:
  struct State;

  std::string name_;
  Pass pass_;
  std::shared_ptr<State> state_;  // a commit may still be waking it when we are gone
  Subscription subscription_;
  std::jthread thread_;
};

}  // namespace adhoc::localcloud
