#include "net/dns_message.h"

#include <gtest/gtest.h>

namespace adhoc::net {
namespace {

DnsName Name(std::string_view text) { return *ParseDnsName(text); }

DnsRecord Address(std::string_view name, const char* data = "\x0A\x00\x01\x04") {
  return {.name = Name(name), .type = kDnsA, .ttl = 60, .data = std::string(data, 4)};
}

// As dig 9.18 sends it: `dig +noedns +nocookie Redis.dev-sd-ns A`.
TEST(DnsMessage, ReadsAQuery) {
  using namespace std::string_literals;
  const auto query =
      DecodeDns("\x12\x34\x01\x20\x00\x01\x00\x00\x00\x00\x00\x00\x05Redis\x09"s + "dev-sd-ns\x00\x00\x01\x00\x01"s);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->id, 0x1234);
  EXPECT_FALSE(query->is_response);
  EXPECT_TRUE(query->recursion_desired);
  ASSERT_EQ(query->questions.size(), 1u);
  EXPECT_EQ(query->questions[0].name, (DnsName{"Redis", "dev-sd-ns"}));
  EXPECT_EQ(query->questions[0].type, kDnsA);
  EXPECT_FALSE(query->edns);
}

TEST(DnsMessage, WritesWhatItReads) {
  DnsMessage message{.id = 7, .is_response = true, .authoritative = true, .recursion_desired = true};
  message.questions = {{.name = Name("www.example.com")}};
  message.answers = {
      {.name = Name("www.example.com"), .type = kDnsCname, .ttl = 300, .data = DnsNameData(Name("a.example.com"))},
      Address("a.example.com")};
  message.authorities = {
      {.name = Name("example.com"), .type = kDnsNs, .ttl = 5, .data = DnsNameData(Name("ns.x.org"))}};
  message.additionals = {{.name = Name("t.example.com"), .type = kDnsTxt, .ttl = 5, .data = "\x02hi"},
                         {.name = Name("m.example.com"),
                          .type = kDnsMx,
                          .ttl = 5,
                          .data = DnsNumber(10) + DnsNameData(Name("mail.example.com"))}};
  message.edns = DnsEdns{.udp_size = 1232, .dnssec_ok = true};
  const std::string bytes = EncodeDns(message);
  EXPECT_EQ(DecodeDns(bytes), message);
  message.code = kDnsBadVersion;  // the upper bits are in the OPT record
  EXPECT_EQ(DecodeDns(EncodeDns(message)), message);
}

TEST(DnsMessage, CompressesNames) {
  DnsMessage message{.is_response = true};
  message.questions = {{.name = Name("www.example.com")}};
  const std::size_t before = EncodeDns(message).size();
  message.answers = {Address("www.example.com")};
  EXPECT_EQ(EncodeDns(message).size(), before + 2 + 10 + 4);
}

TEST(DnsMessage, ExpandsNamesInData) {
  using namespace std::string_literals;
  // An answer whose CNAME points into the question: www → a pointer to example.com.
  const std::string bytes = "\x00\x01\x80\x00\x00\x01\x00\x01\x00\x00\x00\x00\x03www\x07"s + "example\x03"s +
                            "com\x00\x00\x05\x00\x01"s + "\xC0\x0C\x00\x05\x00\x01\x00\x00\x00\x3C\x00\x04\x01"s +
                            "b\xC0\x10"s;
  const auto message = DecodeDns(bytes);
  ASSERT_TRUE(message);
  EXPECT_EQ(ParseDnsNameData(message->answers[0].data), Name("b.example.com"));
}

TEST(DnsMessage, RefusesWhatIsNotWellFormed) {
  using namespace std::string_literals;
  const std::string head = "\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"s;
  EXPECT_FALSE(DecodeDns(""));
  EXPECT_FALSE(DecodeDns(head));  // no question
  EXPECT_TRUE(DecodeDns(head + "\x01"s + "a\x00\x00\x01\x00\x01"s));
  EXPECT_FALSE(DecodeDns(head + "\x01"s + "a\x00\x00\x01\x00\x01 "s));     // more than it says
  EXPECT_FALSE(DecodeDns(head + "\xC0\x0C\x00\x01\x00\x01"s));             // a pointer to itself
  EXPECT_FALSE(DecodeDns(head + "\x01"s + "a\xC0\x20\x00\x01\x00\x01"s));  // forwards
  EXPECT_FALSE(DecodeDns(head + "\x01"s + "a\xC0\x0C\x00\x01\x00\x01"s));  // round and round
  EXPECT_FALSE(DecodeDns(head + "\x41" + std::string(65, 'a') + "\x00\x00\x01\x00\x01"s));
  std::string long_name;
  for (int i = 0; i < 5; ++i) long_name += "\x3F" + std::string(63, 'a');
  EXPECT_FALSE(DecodeDns(head + long_name + "\x00\x00\x01\x00\x01"s));
}

TEST(DnsMessage, LeavesOutWhatDoesNotFit) {
  DnsMessage message{.is_response = true};
  message.questions = {{.name = Name("many.example.com")}};
  for (int i = 0; i < 100; ++i) message.answers.push_back(Address("many.example.com"));
  message.edns = DnsEdns{.udp_size = 1232};
  const std::string bytes = EncodeDns(message, 512);
  EXPECT_LE(bytes.size(), 512u);
  const auto read = DecodeDns(bytes);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->truncated);
  EXPECT_GT(read->answers.size(), 20u);
  EXPECT_TRUE(read->edns);
  EXPECT_FALSE(DecodeDns(EncodeDns(message))->truncated);
}

TEST(DnsName, IsReadFromText) {
  EXPECT_EQ(ParseDnsName("www.example.com."), (DnsName{"www", "example", "com"}));
  EXPECT_EQ(ParseDnsName("."), DnsName());
  EXPECT_EQ(ParseDnsName("a\\.b.c"), (DnsName{"a.b", "c"}));
  EXPECT_EQ(ParseDnsName("\\042.c", 10), (DnsName{"*", "c"}));
  EXPECT_EQ(ParseDnsName("\\052.c", 8), (DnsName{"*", "c"}));
  for (const char* wrong : {"", "..", "a..b", ".a", "a\\", "a\\12", "a\\999", "a\\12x"}) {
    EXPECT_FALSE(ParseDnsName(wrong)) << wrong;
  }
  EXPECT_FALSE(ParseDnsName(std::string(64, 'a')));
  EXPECT_TRUE(ParseDnsName(std::string(63, 'a')));
}

TEST(DnsName, IsComparedWithoutCase) {
  EXPECT_EQ(DnsKey(Name("WWW.Example.com")), "www.example.com.");
  EXPECT_EQ(DnsKey(DnsName{"a.b", "c"}), "a\\046b.c.");
  EXPECT_TRUE(EqualDnsNames(Name("A.b"), Name("a.B")));
  EXPECT_FALSE(EqualDnsNames(Name("a.b"), Name("a.b.c")));
  EXPECT_TRUE(IsAtOrBelow(Name("x.Example.com"), Name("example.COM")));
  EXPECT_TRUE(IsAtOrBelow(Name("example.com"), Name("example.com")));
  EXPECT_FALSE(IsAtOrBelow(Name("myexample.com"), Name("example.com")));
  EXPECT_FALSE(IsAtOrBelow(Name("com"), Name("example.com")));
}

}  // namespace
}  // namespace adhoc::net
