#include "aws/codec/cbor_codec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "aws/codec/codec.h"
#include "aws/codec/random_document.h"

namespace adhoc::aws {
namespace {

std::string Bytes(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

// RFC 8949, appendix A.
TEST(CborTest, ReadsTheExamplesOfTheRfc) {
  const std::pair<const char*, Json> examples[] = {{"00", 0},
                                                   {"17", 23},
                                                   {"1818", 24},
                                                   {"1903e8", 1000},
                                                   {"1a000f4240", 1000000},
                                                   {"1b000000e8d4a51000", 1000000000000},
                                                   {"20", -1},
                                                   {"3903e7", -1000},
                                                   {"f93c00", 1.0},
                                                   {"f97bff", 65504.0},
                                                   {"f90001", 5.960464477539063e-8},
                                                   {"f9c400", -4.0},
                                                   {"fa47c35000", 100000.0},
                                                   {"fb3ff199999999999a", 1.1},
                                                   {"f4", false},
                                                   {"f5", true},
                                                   {"f6", nullptr},
                                                   {"c11a514b67b0", 1363896240},
                                                   {"c1fb41d452d9ec200000", 1363896240.5},
                                                   {"4401020304", "\x01\x02\x03\x04"},
                                                   {"62c3bc", "ü"},
                                                   {"83010203", {1, 2, 3}},
                                                   {"a26161016162820203", {{"a", 1}, {"b", {2, 3}}}},
                                                   {"7f657374726561646d696e67ff", "streaming"},
                                                   {"9f018202039f0405ffff", {1, {2, 3}, {4, 5}}},
                                                   {"bf61610161629f0203ffff", {{"a", 1}, {"b", {2, 3}}}}};
  for (const auto& [hex, value] : examples) EXPECT_EQ(ParseCbor(Bytes(hex)), value) << hex;
  EXPECT_TRUE(std::isinf(ParseCbor(Bytes("f97c00")).get<double>()));
  EXPECT_TRUE(std::isnan(ParseCbor(Bytes("f97e00")).get<double>()));
}

TEST(CborTest, RefusesWhatIsMalformed) {
  for (const char* hex : {"18", "1c", "61", "7bffffffffffffffff", "9f01", "bf6161", "a10101", "7f6161", "5f6161ff",
                          "ff", "0000", "61ff", "3bffffffffffffffff", "9bffffffffffffffff"}) {
    EXPECT_THROW(ParseCbor(Bytes(hex)), CodecError) << hex;
  }
  EXPECT_THROW(ParseCbor(std::string(100'000, '\x81')), CodecError);
  EXPECT_THROW(ParseCbor(std::string(100'000, '\xc1')), CodecError);
}

class CloudWatchTest : public testing::TestWithParam<Protocol> {};

TEST_P(CloudWatchTest, RoundTrips) {
  const Service& service = GetServiceIn("cloudwatch", GetParam());
  std::mt19937_64 random(7);
  for (const auto& [name, operation] : service.operations) {
    for (int i = 0; i < 4; ++i) {
      const Json input = RandomDocument(service, operation.input, random, {.request = true});
      const net::Request request = EncodeRequest(service, operation, input);
      EXPECT_EQ(&ServiceAsSpoken(GetService("cloudwatch"), request), &service);
      EXPECT_EQ(RouteRequest(service, request), &operation);
      ASSERT_EQ(DecodeRequest(service, operation, request), input) << name;
      const Json output = RandomDocument(service, operation.output, random, {.request = false});
      ASSERT_EQ(DecodeResponse(service, operation, EncodeResponse(service, operation, output, "id")), output) << name;
    }
  }
}

TEST_P(CloudWatchTest, ErrorsKeepTheCodesOfTheQueryForm) {
  const Service& service = GetServiceIn("cloudwatch", GetParam());
  const net::Response response = EncodeError(
      service, {.code = "ResourceNotFound", .message = "no ü", .status = 404, .sender = true, .request_id = "r"});
  EXPECT_EQ(response.headers.GetOr("x-amzn-query-error", ""),
            GetParam() == Protocol::kQuery ? "" : "ResourceNotFound;Sender");
  const ErrorInfo error = DecodeError(service, response);
  EXPECT_EQ(error.code, "ResourceNotFound");
  EXPECT_EQ(error.message, "no ü");
  EXPECT_EQ(error.status, 404);
}

INSTANTIATE_TEST_SUITE_P(Protocols, CloudWatchTest,
                         testing::Values(Protocol::kQuery, Protocol::kJson, Protocol::kCbor));

TEST(CloudWatchProtocolTest, WhereACborRequestGoes) {
  const Service& service = GetServiceIn("cloudwatch", Protocol::kCbor);
  const net::Request request = EncodeRequest(service, service.GetOperation("ListMetrics"), {{"Namespace", "n"}});
  EXPECT_EQ(request.target, "/service/GraniteServiceVersion20100801/operation/ListMetrics");
  EXPECT_EQ(request.headers.Get("smithy-protocol"), "rpc-v2-cbor");
  EXPECT_EQ(request.body, Bytes("a1694e616d657370616365616e"));
}

TEST(CloudWatchProtocolTest, OtherServicesSpeakOneProtocol) {
  net::Request request;
  request.headers.Set("X-Amz-Target", "x.Y");
  request.headers.Set("smithy-protocol", "rpc-v2-cbor");
  for (const char* name : {"ecs", "s3", "elbv2", "ec2"}) {
    EXPECT_EQ(&ServiceAsSpoken(GetService(name), request), &GetService(name));
  }
}

}  // namespace
}  // namespace adhoc::aws
