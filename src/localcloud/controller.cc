#include "localcloud/controller.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <exception>

#include "base/sync.h"

namespace adhoc::localcloud {

namespace {
constexpr std::chrono::milliseconds kAfterFailure{1000};
}

struct ControllerThread::State {
  Sync<bool> woken{true};
  std::condition_variable_any changed;

  void Wake() {
    *woken.lock() = true;
    changed.notify_all();
  }
};

ControllerThread::ControllerThread(std::string name, Store& store, CollectionNames watched, Pass pass)
    : name_(std::move(name)), pass_(std::move(pass)), state_(std::make_shared<State>()) {
  subscription_ = store.Subscribe([state = state_, watched = std::move(watched)](const Changes& changed) {
    const bool ours =
        std::any_of(changed.begin(), changed.end(), [&](const auto& one) { return watched.contains(one.first); });
    if (ours) state->Wake();
  });
}

ControllerThread::~ControllerThread() { Stop(); }

void ControllerThread::Start() {
  thread_ = std::jthread([this](std::stop_token stop) {
    while (!stop.stop_requested()) {
      *state_->woken.lock() = false;
      std::chrono::milliseconds delay = kAfterFailure;
      try {
        delay = pass_(stop);
      } catch (const std::exception& error) {
        spdlog::warn("{}: {}", name_, error.what());
      }
      auto woken = state_->woken.lock();
      woken.WaitUntil(state_->changed, stop, std::chrono::steady_clock::now() + delay, [&] { return *woken; });
    }
  });
}

void ControllerThread::Stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

void ControllerThread::Wake() { state_->Wake(); }

}  // namespace adhoc::localcloud
