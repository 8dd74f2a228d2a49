#include "net/smux.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/sync.h"

namespace adhoc::net {
namespace {

std::vector<SmuxFrame> Decode(std::string_view bytes) {
  SmuxDecoder decoder;
  std::vector<SmuxFrame> frames;
  EXPECT_TRUE(decoder.Feed(bytes, frames));
  return frames;
}

TEST(SmuxFrameTest, IsLaidOutAsSmuxDoes) {
  EXPECT_EQ(EncodeSmux({.command = SmuxCommand::kOpen, .stream = 3}),
            std::string("\x01\x00\x00\x00\x03\x00\x00\x00", 8));
  EXPECT_EQ(
      EncodeSmux({.command = SmuxCommand::kData, .stream = 0x01020304, .data = std::string(0x105, 'x')}).substr(0, 8),
      std::string("\x01\x02\x05\x01\x04\x03\x02\x01", 8));
}

TEST(SmuxDecoderTest, PutsTogetherWhatWasCutAnywhere) {
  const std::vector<SmuxFrame> sent = {{.command = SmuxCommand::kOpen, .stream = 3},
                                       {.command = SmuxCommand::kData, .stream = 3, .data = "hello"},
                                       {.command = SmuxCommand::kData, .stream = 3, .data = ""},
                                       {.command = SmuxCommand::kKeepAlive},
                                       {.command = SmuxCommand::kData, .stream = 5, .data = std::string(65535, 'y')},
                                       {.command = SmuxCommand::kFinish, .stream = 3}};
  std::string bytes;
  for (const auto& frame : sent) bytes += EncodeSmux(frame);
  EXPECT_EQ(Decode(bytes), sent);
  for (const std::size_t size : {1u, 3u, 7u, 1000u}) {
    SmuxDecoder decoder;
    std::vector<SmuxFrame> frames;
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      ASSERT_TRUE(decoder.Feed(std::string_view(bytes).substr(at, size), frames));
    }
    EXPECT_EQ(frames, sent) << "in pieces of " << size;
  }
}

TEST(SmuxDecoderTest, RefusesWhatIsNotSmux1ForGood) {
  const std::string good = EncodeSmux({.command = SmuxCommand::kOpen, .stream = 3});
  for (const std::string& bad : {std::string("\x02\x00\x00\x00\x03\x00\x00\x00", 8),   // version 2
                                 std::string("\x01\x04\x08\x00\x03\x00\x00\x00", 8),   // a command of version 2
                                 std::string("\x01\x00\x01\x00\x03\x00\x00\x00x", 9),  // an opening with data
                                 std::string("GET / HTTP/1.1\r\n")}) {
    SmuxDecoder decoder;
    std::vector<SmuxFrame> frames;
    EXPECT_FALSE(decoder.Feed(good + bad, frames));
    EXPECT_EQ(frames.size(), 1u) << "what came before is good";
    EXPECT_FALSE(decoder.Feed(good, frames));
    EXPECT_EQ(frames.size(), 1u);
  }
}

// Two sides joined by function calls. What the client writes is what the server receives, and the reverse.
struct Joined {
  Sync<std::vector<std::unique_ptr<RawConnection>>> accepted;
  SmuxSession* to_client = nullptr;
  SmuxSession server{SmuxSession::Side::kServer, [this](std::string_view bytes) { return to_client->Receive(bytes); },
                     [this](std::unique_ptr<RawConnection> stream) { accepted.lock()->push_back(std::move(stream)); }};
  SmuxSession client{SmuxSession::Side::kClient, [this](std::string_view bytes) { return server.Receive(bytes); }};
  Joined() { to_client = &client; }

  RawConnection& Accepted(std::size_t index) { return *accepted.lock()->at(index); }
};

std::string ReadAll(RawConnection& stream) {
  std::string all;
  for (std::string data = stream.ReadSome(); !data.empty(); data = stream.ReadSome()) all += data;
  return all;
}

TEST(SmuxSessionTest, CarriesSeveralStreamsBothWays) {
  Joined joined;
  const auto one = joined.client.Open();
  const auto two = joined.client.Open();
  ASSERT_EQ(joined.accepted.lock()->size(), 2u);
  EXPECT_TRUE(two->Write("second"));
  EXPECT_TRUE(one->Write("first"));
  EXPECT_EQ(joined.Accepted(0).ReadSome(), "first");
  EXPECT_EQ(joined.Accepted(1).ReadSome(), "second");
  const std::string bulk(100000, 'b');
  EXPECT_TRUE(joined.Accepted(0).Write(bulk));
  joined.Accepted(0).CloseWrite();
  EXPECT_EQ(ReadAll(*one), bulk);
}

TEST(SmuxSessionTest, AStreamThatFinishedStillReceives) {
  Joined joined;
  const auto stream = joined.client.Open();
  stream->CloseWrite();
  EXPECT_EQ(joined.Accepted(0).ReadSome(), "");
  EXPECT_FALSE(stream->Write("more"));
  EXPECT_TRUE(joined.Accepted(0).Write("answer"));
  EXPECT_EQ(stream->ReadSome(), "answer");
}

TEST(SmuxSessionTest, WhatComesForAClosedStreamIsDropped) {
  Joined joined;
  const auto stream = joined.client.Open();
  stream->Close();
  EXPECT_TRUE(joined.Accepted(0).Write("late"));
  EXPECT_EQ(stream->ReadSome(), "");
  EXPECT_TRUE(joined.client.Open()) << "the session lives on";
}

TEST(SmuxSessionTest, ClosingEndsWhoeverReads) {
  Joined joined;
  const auto stream = joined.client.Open();
  std::jthread closer([&] { joined.client.Close(); });
  EXPECT_EQ(stream->ReadSome(), "");
  closer.join();
  EXPECT_FALSE(stream->Write("x"));
  EXPECT_EQ(joined.client.Open(), nullptr);
}

TEST(SmuxSessionTest, WaitsUntilSomebodyReads) {
  Joined joined;
  const auto stream = joined.client.Open();
  const std::string piece(16 * 1024, 'x');
  std::atomic<std::size_t> written = 0;
  std::jthread writer([&] {
    for (std::size_t i = 0; i < 2 * SmuxSession::kMaxBuffered / piece.size(); ++i) {
      stream->Write(piece);
      written += piece.size();
    }
    stream->CloseWrite();
  });
  std::size_t read = 0;
  while (true) {
    const std::string data = joined.Accepted(0).ReadSome();
    if (data.empty()) break;
    read += data.size();
    EXPECT_LE(written, read + SmuxSession::kMaxBuffered + piece.size());
  }
  EXPECT_EQ(read, 2 * SmuxSession::kMaxBuffered);
}

TEST(SmuxSessionTest, RefusesStreamsBeyondTheLimitAndThoseNobodyTakes) {
  Joined joined;
  std::vector<std::unique_ptr<RawConnection>> streams;
  for (std::size_t i = 0; i < SmuxSession::kMaxStreams; ++i) streams.push_back(joined.client.Open());
  EXPECT_TRUE(streams.back());
  EXPECT_EQ(joined.client.Open(), nullptr);
  EXPECT_FALSE(joined.server.Receive(EncodeSmux({.command = SmuxCommand::kOpen, .stream = 99999})));
  EXPECT_EQ(joined.server.Open(), nullptr) << "closed";

  SmuxSession client(SmuxSession::Side::kClient, [](std::string_view) { return true; });
  EXPECT_FALSE(client.Receive(EncodeSmux({.command = SmuxCommand::kOpen, .stream = 2})));
}

TEST(SmuxSessionTest, FramesForUnknownStreamsDoNoHarm) {
  Joined joined;
  const auto stream = joined.client.Open();
  for (const auto command : {SmuxCommand::kData, SmuxCommand::kFinish, SmuxCommand::kKeepAlive}) {
    EXPECT_TRUE(joined.server.Receive(EncodeSmux({.command = command, .stream = 77})));
  }
  EXPECT_TRUE(joined.server.Receive(EncodeSmux({.command = SmuxCommand::kOpen, .stream = 3}))) << "again";
  EXPECT_EQ(joined.accepted.lock()->size(), 1u);
}

}  // namespace
}  // namespace adhoc::net
