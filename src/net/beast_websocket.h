// A websocket over a Beast stream, for both sides of a connection. Included by http_server.cc and websocket.cc only,
// because Beast is slow to compile.
//
// Beast's stream is not thread-safe, so every operation runs on the stream's strand and the calling thread waits for
// it. A read is always outstanding (up to kReadAhead messages are held), because Beast answers pings and close frames
// only while reading.
#pragma once

#include <atomic>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <memory>
#include <utility>

#include "base/sync.h"
#include "net/http_server.h"

namespace adhoc::net {

using Strand = boost::asio::strand<boost::asio::io_context::executor_type>;
using TcpStream = boost::beast::basic_stream<boost::asio::ip::tcp, Strand>;

template <typename Stream>
class BeastWebSocket final : public WebSocket, public std::enable_shared_from_this<BeastWebSocket<Stream>> {
 public:
  explicit BeastWebSocket(boost::beast::websocket::stream<Stream> stream)
      : stream_(std::move(stream)), close_timer_(stream_.get_executor()) {}

  // Begins to read; call once, after the handshake.
  void Start() {
    boost::asio::dispatch(stream_.get_executor(), [self = this->shared_from_this()] { self->ReadNext(); });
  }

  std::optional<Message> Read() override {
    auto state = state_.lock();
    state.Wait(changed_, {}, [&] { return state->closed || state->ended || !state->queue.empty(); });
    if (state->closed || state->queue.empty()) return std::nullopt;
    Message message = std::move(state->queue.front());
    state->queue.pop_front();
    if (std::exchange(state->paused, false)) Start();
    return message;
  }

  bool Write(const Message& message) override {
    std::promise<bool> written;
    boost::asio::dispatch(stream_.get_executor(), [this, self = this->shared_from_this(), &message, &written] {
      if (finished()) return written.set_value(false);
      stream_.binary(message.binary);
      stream_.async_write(boost::asio::buffer(message.data),
                          [self, &written](boost::beast::error_code error, std::size_t) { written.set_value(!error); });
    });
    return written.get_future().get();
  }

  // After Close: waits for the closing handshake, at most kCloseTimeout.
  void AwaitEnd() {
    auto state = state_.lock();
    state.Wait(changed_, {}, [&] { return state->ended; });
  }

  void Close() override {
    {
      auto state = state_.lock();
      if (std::exchange(state->closed, true)) return;
    }
    changed_.notify_all();
    boost::asio::dispatch(stream_.get_executor(), [this, self = this->shared_from_this()] {
      if (state_.lock()->ended) return;
      // A peer that does not answer, or does not even read, must not keep the connection.
      close_timer_.expires_after(kCloseTimeout);
      close_timer_.async_wait([self](boost::beast::error_code error) {
        if (!error) boost::beast::get_lowest_layer(self->stream_).close();
      });
      stream_.async_close(boost::beast::websocket::close_code::normal,
                          [self](boost::beast::error_code) { self->End(); });
    });
  }

 private:
  static constexpr std::size_t kReadAhead = 16;
  static constexpr std::chrono::seconds kCloseTimeout{2};

  struct State {
    std::deque<Message> queue;
    bool paused = false;  // the queue is full, no read is outstanding
    bool ended = false;   // the connection is over
    bool closed = false;  // Close was called
  };

  bool finished() {
    auto state = state_.lock();
    return state->closed || state->ended;
  }

  // On the strand, as everything below.
  void ReadNext() {
    stream_.async_read(buffer_, [self = this->shared_from_this()](boost::beast::error_code error, std::size_t) {
      self->OnRead(error);
    });
  }

  void OnRead(boost::beast::error_code error) {
    if (error) return End();
    Message message{stream_.got_binary(), boost::beast::buffers_to_string(buffer_.data())};
    buffer_.consume(buffer_.size());
    bool paused = false;
    {
      auto state = state_.lock();
      state->queue.push_back(std::move(message));
      paused = state->paused = state->queue.size() >= kReadAhead;
    }
    changed_.notify_all();
    if (!paused) ReadNext();
  }

  void End() {
    state_.lock()->ended = true;
    changed_.notify_all();
    close_timer_.cancel();
  }

  boost::beast::websocket::stream<Stream> stream_;
  boost::asio::basic_waitable_timer<std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>,
                                    Strand>
      close_timer_;
  boost::beast::flat_buffer buffer_;
  Sync<State> state_;
  std::condition_variable_any changed_;
};

}  // namespace adhoc::net
