// A transport whose other end is written in the test: scripted answers first, in order, then a handler. Keeps what was
// sent.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "net/transport.h"

namespace adhoc::testing {

// Thread-safe.
class FakeTransport : public net::Transport {
 public:
  struct Sent {
    net::Uri origin;
    net::Request request;
  };
  // May throw net::TransportError.
  using Handler = std::function<net::Response(const net::Uri& origin, const net::Request& request)>;

  FakeTransport() = default;
  explicit FakeTransport(Handler handler) : handler_(std::move(handler)) {}

  void Then(Handler answer) {
    std::lock_guard lock(mutex_);
    script_.push_back(std::move(answer));
  }
  void ThenAnswer(int status, std::string body, net::Headers headers = {}) {
    Then([=](const net::Uri&, const net::Request&) {
      net::Response response;
      response.status = status;
      response.body = body;
      response.headers = headers;
      return response;
    });
  }
  void ThenFail(bool sent, bool timed_out) {
    Then([=](const net::Uri& origin, const net::Request&) -> net::Response {
      throw net::TransportError("cannot reach " + origin.host + ": " + (timed_out ? "no answer" : "connection reset"),
                                sent, timed_out);
    });
  }

  net::Response Send(const net::Uri& origin, const net::Request& request, const net::SendOptions&) override {
    Handler answer;
    {
      std::lock_guard lock(mutex_);
      sent_.push_back({origin, request});
      if (!script_.empty()) {
        answer = std::move(script_.front());
        script_.pop_front();
      } else {
        answer = handler_;
      }
    }
    if (!answer) throw net::TransportError("the test has no more answers", true, false);
    return answer(origin, request);
  }

  std::vector<Sent> sent() const {
    std::lock_guard lock(mutex_);
    return sent_;
  }

 private:
  mutable std::mutex mutex_;
  Handler handler_;
  std::deque<Handler> script_;
  std::vector<Sent> sent_;
};

}  // namespace adhoc::testing
