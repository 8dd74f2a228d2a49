#include "net/ssm_channel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <thread>

#include "base/json.h"
#include "testing/fake_clock.h"
#include "testing/fake_random.h"

namespace adhoc::net {
namespace {

using namespace std::chrono_literals;

TEST(SsmFrameTest, DecodesWhatItEncoded) {
  SsmFrame frame;
  frame.type = kSsmOutput;
  frame.created_ms = 1700000000123;
  frame.sequence = 7;
  frame.flags = 1;
  frame.message_id = "00112233-4455-6677-8899-aabbccddeeff";
  frame.payload_type = SsmPayload::kExitCode;
  frame.payload = std::string("bin\0ary", 7);
  const std::string bytes = EncodeSsmFrame(frame);
  EXPECT_EQ(bytes.size(), 127u);
  EXPECT_EQ(bytes.substr(0, 4), std::string("\0\0\0\x74", 4));
  EXPECT_EQ(bytes.substr(4, 32), "output_stream_data              ");
  EXPECT_EQ(bytes.substr(64, 2), "\x88\x99") << "the second half of the id comes first";
  EXPECT_EQ(bytes.substr(72, 2), std::string("\x00\x11", 2));
  EXPECT_EQ(DecodeSsmFrame(bytes), frame);
}

TEST(SsmFrameTest, RefusesWhatIsDamaged) {
  SsmFrame frame;
  frame.type = kSsmInput;
  frame.payload = "hello";
  const std::string bytes = EncodeSsmFrame(frame);
  ASSERT_TRUE(DecodeSsmFrame(bytes));
  EXPECT_FALSE(DecodeSsmFrame(""));
  EXPECT_FALSE(DecodeSsmFrame(bytes.substr(0, 119)));
  EXPECT_FALSE(DecodeSsmFrame(bytes.substr(0, bytes.size() - 1)));
  EXPECT_FALSE(DecodeSsmFrame(bytes + "x"));
  std::string altered = bytes;
  altered.back() = 'O';
  EXPECT_FALSE(DecodeSsmFrame(altered)) << "the digest is wrong";
  altered = bytes;
  altered[0] = '\xff';
  EXPECT_FALSE(DecodeSsmFrame(altered)) << "a header longer than the message";
}

TEST(SsmFrameTest, NamesPaddedWithZerosAreTrimmedToo) {
  SsmFrame frame;
  frame.type = kSsmInput;
  std::string bytes = EncodeSsmFrame(frame);
  for (std::size_t i = 4 + kSsmInput.size(); i < 36; ++i) bytes[i] = '\0';
  EXPECT_EQ(DecodeSsmFrame(bytes)->type, kSsmInput);
}

// Two sides and the messages on their way.
struct Pair {
  testing::FakeClock clock;
  testing::FakeRandom random;
  std::deque<std::string> to_client;
  std::deque<std::string> to_agent;
  SsmChannel agent{kSsmOutput, clock, random, [this](const std::string& bytes) {
                     to_client.push_back(bytes);
                     return true;
                   }};
  SsmChannel client{kSsmInput, clock, random, [this](const std::string& bytes) {
                      to_agent.push_back(bytes);
                      return true;
                    }};

  std::string Deliver(SsmChannel& to, std::deque<std::string>& queue) {
    std::string text;
    while (!queue.empty()) {
      const std::string bytes = queue.front();
      queue.pop_front();
      for (const auto& frame : to.Receive(bytes)) text += frame.payload;
    }
    return text;
  }
};

TEST(SsmChannelTest, CutsLongOutputAndPutsItTogetherInOrder) {
  Pair pair;
  std::string sent;
  for (int i = 0; i < 5000; ++i) sent += static_cast<char>('a' + i % 26);
  pair.agent.Send(SsmPayload::kOutput, sent);
  EXPECT_EQ(pair.to_client.size(), 5u);
  std::swap(pair.to_client[1], pair.to_client[3]);
  EXPECT_EQ(pair.Deliver(pair.client, pair.to_client), sent);
  EXPECT_FALSE(pair.agent.idle());
  pair.Deliver(pair.agent, pair.to_agent);
  EXPECT_TRUE(pair.agent.idle());
}

TEST(SsmChannelTest, SendsAgainWhatWasLostAndDeliversItOnce) {
  Pair pair;
  pair.agent.Send(SsmPayload::kOutput, "one ");
  pair.to_client.clear();  // lost
  pair.agent.Send(SsmPayload::kOutput, "two");
  EXPECT_EQ(pair.Deliver(pair.client, pair.to_client), "");
  pair.clock.Advance(100ms);
  EXPECT_TRUE(pair.agent.Resend());
  EXPECT_TRUE(pair.to_client.empty()) << "not due yet";
  pair.clock.Advance(100ms);
  EXPECT_TRUE(pair.agent.Resend());
  EXPECT_EQ(pair.to_client.size(), 1u) << "the oldest";
  EXPECT_EQ(pair.Deliver(pair.client, pair.to_client), "one two");
  pair.Deliver(pair.agent, pair.to_agent);
  EXPECT_TRUE(pair.agent.idle());
}

TEST(SsmChannelTest, WhatComesTwiceIsAcknowledgedTwiceAndDeliveredOnce) {
  Pair pair;
  pair.agent.Send(SsmPayload::kOutput, "one ");
  pair.agent.Send(SsmPayload::kOutput, "two");
  const std::deque<std::string> sent = pair.to_client;
  EXPECT_EQ(pair.Deliver(pair.client, pair.to_client), "one two");
  EXPECT_EQ(pair.to_agent.size(), 2u);
  pair.to_agent.clear();  // the acknowledgements were lost
  pair.to_client = sent;
  EXPECT_EQ(pair.Deliver(pair.client, pair.to_client), "");
  EXPECT_EQ(pair.to_agent.size(), 2u);
  pair.Deliver(pair.agent, pair.to_agent);
  EXPECT_TRUE(pair.agent.idle());
}

TEST(SsmChannelTest, WaitsLongerForAcknowledgementsThatTakeLong) {
  Pair pair;
  for (int i = 0; i < 20; ++i) {
    pair.agent.Send(SsmPayload::kOutput, "x");
    pair.clock.Advance(600ms);
    pair.Deliver(pair.client, pair.to_client);
    pair.Deliver(pair.agent, pair.to_agent);
  }
  pair.agent.Send(SsmPayload::kOutput, "y");
  pair.to_client.clear();
  pair.clock.Advance(500ms);
  EXPECT_TRUE(pair.agent.Resend());
  EXPECT_TRUE(pair.to_client.empty()) << "no acknowledgement could be here yet";
  pair.clock.Advance(500ms);
  EXPECT_TRUE(pair.agent.Resend());
  EXPECT_EQ(pair.to_client.size(), 1u);
}

TEST(SsmChannelTest, SendsAllThatWasUnderWayAgainOnANewConnection) {
  Pair pair;
  for (const char* text : {"one ", "two ", "three"}) pair.agent.Send(SsmPayload::kOutput, text);
  pair.to_client.clear();  // the connection broke
  EXPECT_TRUE(pair.agent.ResendAll());
  EXPECT_EQ(pair.Deliver(pair.client, pair.to_client), "one two three");
}

TEST(SsmChannelTest, BulkWaitsForTheOtherSide) {
  Pair pair;
  const std::string window(SsmChannel::kWindow * 1024, 'w');
  EXPECT_TRUE(pair.agent.SendBulk(SsmPayload::kOutput, window));
  std::atomic<bool> sent = false;
  std::jthread sender([&] { sent = pair.agent.SendBulk(SsmPayload::kOutput, "more"); });
  EXPECT_EQ(pair.to_client.size(), SsmChannel::kWindow);
  pair.client.Receive(pair.to_client.front());
  pair.agent.Receive(pair.to_agent.front());
  sender.join();
  EXPECT_TRUE(sent);
  EXPECT_EQ(pair.to_client.size(), SsmChannel::kWindow + 1);

  std::jthread stopper([&] { pair.agent.Stop(); });
  EXPECT_FALSE(pair.agent.SendBulk(SsmPayload::kOutput, "too much"));
}

TEST(SsmChannelTest, GivesUpOnAPeerThatNeverAnswers) {
  Pair pair;
  pair.agent.Send(SsmPayload::kOutput, "hello");
  int rounds = 0;
  while (pair.agent.Resend() && rounds < 10000) {
    pair.clock.Advance(1s);
    ++rounds;
  }
  EXPECT_GT(rounds, 250);
  EXPECT_LT(rounds, 400);
}

TEST(SsmChannelTest, TheEndOfTheSessionIsDeliveredAsItIs) {
  Pair pair;
  pair.agent.SendClosed("session-1", "exit status 3");
  const auto frames = pair.client.Receive(pair.to_client.front());
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].type, kSsmChannelClosed);
  const Json content = Json::parse(frames[0].payload);
  EXPECT_EQ(content["SessionId"], "session-1");
  EXPECT_EQ(content["Output"], "exit status 3");
  EXPECT_TRUE(pair.to_agent.empty()) << "nothing is acknowledged";
}

}  // namespace
}  // namespace adhoc::net
