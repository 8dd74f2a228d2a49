#include "localcloud/runtime/multiplexed_stream.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace adhoc::localcloud {
namespace {

constexpr std::size_t kHeader = 8;
constexpr std::size_t kMaxFrame = 64 << 20;

// The engine's time of a line, unless that is only a whole second and the line is fresh.
TimePoint LineTime(std::string_view stamp, TimePoint now) {
  std::optional<TimePoint> engine = ParseEngineTime(stamp);
  if (!engine) return now;
  bool whole_seconds = stamp.find('.') == std::string_view::npos;
  if (!whole_seconds) return *engine;
  auto age = now - *engine;
  return age >= std::chrono::seconds(0) && age < std::chrono::seconds(2) ? now : *engine;
}

}  // namespace

std::vector<FrameDecoder::Frame> FrameDecoder::Feed(std::string_view data) {
  pending_ += data;
  std::vector<Frame> frames;
  std::size_t at = 0;
  while (pending_.size() - at >= kHeader) {
    auto byte = [&](std::size_t index) {
      return static_cast<std::size_t>(static_cast<unsigned char>(pending_[at + index]));
    };
    std::size_t length = byte(4) << 24 | byte(5) << 16 | byte(6) << 8 | byte(7);
    if (byte(0) > 3 || byte(1) || byte(2) || byte(3) || length > kMaxFrame) {
      throw RuntimeError(RuntimeErrorKind::kOther,
                         "cannot read the container's output: it is not a multiplexed stream");
    }
    if (pending_.size() - at - kHeader < length) break;
    frames.push_back({byte(0) == 2, pending_.substr(at + kHeader, length)});
    at += kHeader + length;
  }
  pending_.erase(0, at);
  return frames;
}

bool LogAssembler::Feed(std::string_view data, TimePoint now, const Sink& sink) {
  if (raw_) {
    raw_pending_ += data;
    std::size_t end;
    while ((end = raw_pending_.find('\n')) != std::string::npos) {
      std::string line = raw_pending_.substr(0, end + 1);
      raw_pending_.erase(0, end + 1);
      if (!Add(false, line, now, sink)) return false;
    }
    return true;
  }
  for (const FrameDecoder::Frame& frame : decoder_.Feed(data)) {
    if (!Add(frame.from_stderr, frame.payload, now, sink)) return false;
  }
  return true;
}

bool LogAssembler::Add(bool from_stderr, std::string_view payload, TimePoint now, const Sink& sink) {
  std::size_t space = payload.find(' ');
  std::string_view stamp = payload.substr(0, space);
  std::string_view text = space == std::string_view::npos ? std::string_view() : payload.substr(space + 1);
  bool complete = text.ends_with('\n');
  if (complete) text.remove_suffix(1);
  if (text.ends_with('\r') && raw_) text.remove_suffix(1);
  Partial& partial = partial_[from_stderr ? 1 : 0];
  if (!partial.open) {
    partial.open = true;
    partial.line = {LineTime(stamp, now), from_stderr, std::string(text)};
  } else {
    partial.line.text += text;
  }
  return !complete || Deliver(partial, sink);
}

bool LogAssembler::Deliver(Partial& partial, const Sink& sink) {
  partial.open = false;
  if (++seen_ <= delivered_) return true;
  delivered_ = seen_;
  // Read times and the engine's are mixed; the order of lines must not show it.
  partial.line.time = last_time_ = std::max(last_time_, partial.line.time);
  return sink(partial.line);
}

bool LogAssembler::Finish(const Sink& sink) {
  if (raw_ && !raw_pending_.empty()) {
    std::string rest = std::move(raw_pending_);
    raw_pending_.clear();
    // Its timestamp decides; the read time would only matter for a line written within this second.
    if (!Add(false, rest + "\n", TimePoint(), sink)) return false;
  }
  for (Partial& partial : partial_) {
    if (partial.open && !Deliver(partial, sink)) return false;
  }
  return true;
}

void LogAssembler::Restart() {
  seen_ = 0;
  decoder_ = FrameDecoder();
  raw_pending_.clear();
  for (Partial& partial : partial_) partial.open = false;
}

std::optional<TimePoint> ParseEngineTime(std::string_view text) {
  std::string copy(text);
  std::tm parts{};
  int used = 0;
  if (std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &parts.tm_year, &parts.tm_mon, &parts.tm_mday,
                  &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &used) != 6 ||
      parts.tm_year <= 1) {
    return std::nullopt;
  }
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  std::chrono::nanoseconds since_epoch = std::chrono::seconds(timegm(&parts));
  std::size_t at = static_cast<std::size_t>(used);
  if (at < copy.size() && copy[at] == '.') {
    std::chrono::nanoseconds unit(100000000);
    for (++at; at < copy.size() && copy[at] >= '0' && copy[at] <= '9'; ++at, unit /= 10)
      since_epoch += unit * (copy[at] - '0');
  }
  std::string zone = copy.substr(at);
  if (zone != "Z") {
    char sign = 0;
    int hours = 0;
    int minutes = 0;
    if (std::sscanf(zone.c_str(), "%c%2d:%2d", &sign, &hours, &minutes) != 3 || (sign != '+' && sign != '-')) {
      return std::nullopt;
    }
    std::chrono::minutes offset(hours * 60 + minutes);
    since_epoch += sign == '+' ? -offset : offset;
  }
  return TimePoint(std::chrono::duration_cast<TimePoint::duration>(since_epoch));
}

}  // namespace adhoc::localcloud
