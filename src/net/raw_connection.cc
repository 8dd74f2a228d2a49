#include "net/raw_connection.h"

#include <condition_variable>
#include <thread>

#include "base/sync.h"

namespace adhoc::net {
namespace {

struct Progress {
  int finished = 0;
  int moved = 0;  // counts pieces, so that a wait can see whether there were any
};

}  // namespace

bool Relay(RawConnection& first, RawConnection& second, std::chrono::milliseconds linger) {
  Sync<Progress> progress;
  std::condition_variable_any changed;
  const auto copy = [&](RawConnection& from, RawConnection& to) {
    bool any = false;
    while (true) {
      const std::string data = from.ReadSome();
      if (data.empty()) break;
      any = true;
      if (!to.Write(data)) {
        from.Close();  // nobody takes it any more
        break;
      }
      progress.lock()->moved++;
    }
    to.CloseWrite();
    progress.lock()->finished++;
    changed.notify_all();
    return any;
  };
  bool answered = false;
  {
    std::jthread back([&] { answered = copy(second, first); });
    std::jthread there([&] { copy(first, second); });
    auto state = progress.lock();
    state.Wait(changed, {}, [&] { return state->finished > 0; });
    while (state->finished < 2) {
      const int moved = state->moved;
      const auto deadline = std::chrono::steady_clock::now() + linger;
      if (state.WaitUntil(changed, {}, deadline, [&] { return state->finished == 2; }) || state->moved == moved) break;
    }
    state.Unlock();
    first.Close();
    second.Close();
  }
  return answered;
}

}  // namespace adhoc::net
