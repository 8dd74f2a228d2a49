#include "localcloud/names/record_data.h"

#include <gtest/gtest.h>

#include "net/dns_message.h"

namespace adhoc::localcloud {
namespace {

using namespace std::string_literals;

std::optional<std::string> Data(std::string_view type, std::string_view value) {
  return RecordData(*RecordType(type), value);
}

TEST(RecordData, IsWhatGoesOverTheWire) {
  EXPECT_EQ(Data("A", "192.0.2.1"), "\xC0\x00\x02\x01"s);
  EXPECT_EQ(Data("AAAA", "2001:db8::1"), "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01"s);
  EXPECT_EQ(Data("CNAME", "www.Example.com"), "\3www\7Example\3com\0"s);
  EXPECT_EQ(Data("MX", "10 mail.example.com."), "\0\x0A\4mail\7example\3com\0"s);
  EXPECT_EQ(Data("SRV", "1 2 5060 sip.x"), "\0\1\0\2\x13\xC4\3sip\1x\0"s);
  EXPECT_EQ(Data("TXT", R"("v=spf1 -all" "two")"), "\x0Bv=spf1 -all\3two"s);
  EXPECT_EQ(Data("TXT", R"("say \"hi\" \101")"), "\x0Asay \"hi\" A"s);
  EXPECT_EQ(Data("CAA", R"(0 issue "ca.example.net")"), "\0\5issueca.example.net"s);
  EXPECT_EQ(Data("SOA", "ns.x. me.x. 1 7200 900 1209600 86400")->size(), 6u + 6 + 20);
  EXPECT_EQ(Data("NAPTR", R"(100 50 "u" "E2U+sip" "!^.*$!sip:a@b!" .)"),
            "\0\x64\0\x32\1u\7E2U+sip\x0E!^.*$!sip:a@b!\0"s);
}

TEST(RecordData, IsNothingForWrongValues) {
  const std::pair<const char*, const char*> wrong[] = {
      {"A", "192.0.2"},      {"A", "192.0.2.1 "},  {"AAAA", "192.0.2.1"},  {"CNAME", "a..b"},
      {"CNAME", "a b"},      {"CNAME", ""},        {"MX", "mail.x"},       {"MX", "70000 mail.x"},
      {"MX", "10 mail.x y"}, {"SRV", "1 2 sip.x"}, {"TXT", "no quotes"},   {"TXT", "\"open"},
      {"TXT", ""},           {"CAA", "0 issue"},   {"SOA", "ns.x. me.x."}, {"MX", "1x mail.x"},
      {"SRV", "1 2 3 a.b c"}};
  for (const auto& [type, value] : wrong) EXPECT_FALSE(Data(type, value)) << type << " " << value;
  EXPECT_FALSE(Data("TXT", "\"" + std::string(256, 'a') + "\""));
  EXPECT_TRUE(Data("TXT", "\"" + std::string(255, 'a') + "\""));
  EXPECT_FALSE(RecordType("DS"));
}

}  // namespace
}  // namespace adhoc::localcloud
