#include "net/smux.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <utility>

#include "base/sync.h"

namespace adhoc::net {
namespace {

constexpr unsigned char kVersion = 1;
constexpr std::size_t kHeaderSize = 8;
// Small enough that one stream's bulk does not keep the others waiting.
constexpr std::size_t kMaxData = 16 * 1024;

std::uint32_t GetNumber(std::string_view bytes, std::size_t offset, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = count; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[offset + i]);
  return value;
}

}  // namespace

std::string EncodeSmux(const SmuxFrame& frame) {
  std::string bytes;
  bytes.reserve(kHeaderSize + frame.data.size());
  bytes += static_cast<char>(kVersion);
  bytes += static_cast<char>(frame.command);
  for (int shift = 0; shift < 16; shift += 8) bytes += static_cast<char>(frame.data.size() >> shift & 0xff);
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(frame.stream >> shift & 0xff);
  bytes += frame.data;
  return bytes;
}

bool SmuxDecoder::Feed(std::string_view bytes, std::vector<SmuxFrame>& frames) {
  if (broken_) return false;
  buffer_ += bytes;
  std::size_t at = 0;
  while (buffer_.size() - at >= kHeaderSize) {
    const std::string_view rest = std::string_view(buffer_).substr(at);
    const auto command = static_cast<unsigned char>(rest[1]);
    const std::size_t length = GetNumber(rest, 2, 2);
    const bool carries_data = command == static_cast<unsigned char>(SmuxCommand::kData);
    if (static_cast<unsigned char>(rest[0]) != kVersion ||
        command > static_cast<unsigned char>(SmuxCommand::kKeepAlive) || (length > 0 && !carries_data)) {
      broken_ = true;
      buffer_.clear();
      return false;
    }
    if (rest.size() < kHeaderSize + length) break;
    frames.push_back({.command = static_cast<SmuxCommand>(command),
                      .stream = GetNumber(rest, 4, 4),
                      .data = std::string(rest.substr(kHeaderSize, length))});
    at += kHeaderSize + length;
  }
  buffer_.erase(0, at);
  return true;
}

// Outlives the session while streams do.
struct SmuxSession::Shared {
  struct StreamState {
    std::deque<std::string> incoming;
    std::size_t size = 0;  // of incoming
    bool peer_finished = false;
    bool finished = false;   // we told the other side so
    bool abandoned = false;  // nobody reads here any more

    bool over() const { return peer_finished && finished && abandoned; }
  };
  struct State {
    std::map<std::uint32_t, StreamState> streams;
    std::uint32_t next_id = 0;
    std::size_t buffered = 0;
    bool closed = false;
  };

  bool Send(const SmuxFrame& frame) {
    const auto writing = writer.lock();
    if (state.lock()->closed) return false;
    return write(EncodeSmux(frame));
  }

  // Tells the other side once that a stream sends no more.
  void Finish(std::uint32_t id) {
    {
      auto locked = state.lock();
      const auto stream = locked->streams.find(id);
      if (stream == locked->streams.end() || std::exchange(stream->second.finished, true)) return;
    }
    Send({.command = SmuxCommand::kFinish, .stream = id});
    Forget(id);
  }

  void Abandon(std::uint32_t id) {
    {
      auto locked = state.lock();
      const auto stream = locked->streams.find(id);
      if (stream == locked->streams.end() || std::exchange(stream->second.abandoned, true)) return;
      locked->buffered -= stream->second.size;
      stream->second.size = 0;
      stream->second.incoming.clear();
    }
    changed.notify_all();
    Finish(id);
    Forget(id);
  }

  // Drops the state of a stream that both sides are through with.
  void Forget(std::uint32_t id) {
    auto locked = state.lock();
    const auto stream = locked->streams.find(id);
    if (stream != locked->streams.end() && stream->second.over()) locked->streams.erase(stream);
  }

  Write write;
  struct Writing {};
  Sync<Writing> writer;  // held while writing, so that frames are whole
  Sync<State> state;
  std::condition_variable_any changed;
};

class SmuxSession::Stream final : public RawConnection {
 public:
  Stream(std::shared_ptr<Shared> shared, std::uint32_t id) : shared_(std::move(shared)), id_(id) {}
  ~Stream() override { shared_->Abandon(id_); }

  std::string ReadSome() override {
    std::string data;
    {
      auto state = shared_->state.lock();
      const auto stream = state->streams.find(id_);
      if (stream == state->streams.end()) return data;
      Shared::StreamState& mine = stream->second;  // stays while this object has not abandoned it
      state.Wait(shared_->changed, {}, [&] {
        return state->closed || !state->streams.contains(id_) || mine.abandoned || mine.peer_finished ||
               !mine.incoming.empty();
      });
      if (!state->streams.contains(id_) || mine.incoming.empty()) return data;
      data = std::move(mine.incoming.front());
      mine.incoming.pop_front();
      mine.size -= data.size();
      state->buffered -= data.size();
    }
    shared_->changed.notify_all();
    return data;
  }

  bool Write(std::string_view data) override {
    while (!data.empty()) {
      {
        auto state = shared_->state.lock();
        const auto stream = state->streams.find(id_);
        if (stream == state->streams.end() || stream->second.finished) return false;
      }
      const std::string_view piece = data.substr(0, kMaxData);
      if (!shared_->Send({.command = SmuxCommand::kData, .stream = id_, .data = std::string(piece)})) return false;
      data.remove_prefix(piece.size());
    }
    return true;
  }

  void CloseWrite() override { shared_->Finish(id_); }
  void Close() override { shared_->Abandon(id_); }

 private:
  const std::shared_ptr<Shared> shared_;
  const std::uint32_t id_;
};

SmuxSession::SmuxSession(Side side, Write write, Accept accept)
    : accept_(std::move(accept)), shared_(std::make_shared<Shared>()) {
  shared_->write = std::move(write);
  // A client's first stream is 3, a server's 2, as smux counts.
  shared_->state.lock()->next_id = side == Side::kClient ? 3 : 2;
}

SmuxSession::~SmuxSession() {
  Close();
  // No write is under way any more, and none begins: what it refers to may go.
  const auto writing = shared_->writer.lock();
}

std::unique_ptr<RawConnection> SmuxSession::Open() {
  std::uint32_t id = 0;
  {
    auto state = shared_->state.lock();
    if (state->closed || state->streams.size() >= kMaxStreams) return nullptr;
    id = state->next_id;
    state->next_id += 2;
    state->streams.emplace(id, Shared::StreamState{});
  }
  auto stream = std::make_unique<Stream>(shared_, id);
  if (!shared_->Send({.command = SmuxCommand::kOpen, .stream = id})) return nullptr;
  return stream;
}

bool SmuxSession::Receive(std::string_view bytes) {
  std::vector<SmuxFrame> frames;
  bool good = decoder_.Feed(bytes, frames);
  for (SmuxFrame& frame : frames) good = Take(std::move(frame)) && good;
  if (!good) Close();
  return good;
}

bool SmuxSession::Take(SmuxFrame frame) {
  auto state = shared_->state.lock();
  const auto stream = state->streams.find(frame.stream);
  switch (frame.command) {
    case SmuxCommand::kKeepAlive:
      return true;
    case SmuxCommand::kOpen: {
      if (stream != state->streams.end()) return true;
      if (!accept_ || state->streams.size() >= kMaxStreams) return false;
      state->streams.emplace(frame.stream, Shared::StreamState{});
      state.Unlock();
      accept_(std::make_unique<Stream>(shared_, frame.stream));
      return true;
    }
    case SmuxCommand::kFinish:
      if (stream == state->streams.end()) return true;
      stream->second.peer_finished = true;
      if (stream->second.over()) state->streams.erase(stream);
      break;
    case SmuxCommand::kData: {
      // What comes for a stream that was closed here is lost, as with any connection.
      if (stream == state->streams.end() || stream->second.abandoned || stream->second.peer_finished) return true;
      stream->second.size += frame.data.size();
      state->buffered += frame.data.size();
      if (!frame.data.empty()) stream->second.incoming.push_back(std::move(frame.data));
      shared_->changed.notify_all();
      state.Wait(shared_->changed, {}, [&] { return state->closed || state->buffered <= kMaxBuffered; });
      return true;
    }
  }
  shared_->changed.notify_all();
  return true;
}

void SmuxSession::KeepAlive() { shared_->Send({.command = SmuxCommand::kKeepAlive}); }

void SmuxSession::Close() {
  shared_->state.lock()->closed = true;
  shared_->changed.notify_all();
}

}  // namespace adhoc::net
