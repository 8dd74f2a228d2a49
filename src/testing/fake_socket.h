// Both ends of a websocket, joined in memory. Closing either end, or the wire, ends both.
#pragma once

#include <condition_variable>
#include <deque>
#include <optional>

#include "base/sync.h"
#include "net/http_server.h"

namespace adhoc::testing {

// One end.
class FakeSocket : public net::WebSocket {
 public:
  struct Queue {
    std::deque<Message> messages;
    bool closed = false;
  };
  struct Wire {
    Sync<Queue> queues[2];
    std::condition_variable_any changed;
  };

  FakeSocket(Wire& wire, int side) : wire_(wire), side_(side) {}

  std::optional<Message> Read() override {
    auto queue = wire_.queues[side_].lock();
    queue.Wait(wire_.changed, std::stop_token(), [&] { return queue->closed || !queue->messages.empty(); });
    if (queue->messages.empty()) return std::nullopt;
    Message message = std::move(queue->messages.front());
    queue->messages.pop_front();
    return message;
  }
  bool Write(const Message& message) override {
    auto queue = wire_.queues[1 - side_].lock();
    if (queue->closed) return false;
    queue->messages.push_back(message);
    wire_.changed.notify_all();
    return true;
  }
  void Close() override {
    for (auto& side : wire_.queues) side.lock()->closed = true;
    wire_.changed.notify_all();
  }

 private:
  Wire& wire_;
  const int side_;
};

}  // namespace adhoc::testing
