// decode(encode(x)) == x for random documents of every embedded operation, in both directions.
#include <gtest/gtest.h>

#include <random>

#include "aws/codec/codec.h"
#include "aws/codec/random_document.h"

namespace adhoc::aws {
namespace {

constexpr int kDocumentsPerOperation = 4;

// Blobs are no text, so dump() needs a way to cope with them.
std::string Difference(const Json& wanted, const Json& found) {
  return Json::diff(wanted, found).dump(1, ' ', true, Json::error_handler_t::replace).substr(0, 3000);
}

class RoundTripTest : public testing::TestWithParam<std::string> {};

TEST_P(RoundTripTest, Requests) {
  const Service& service = GetService(GetParam());
  std::mt19937_64 random(20240131);
  for (const auto& [name, operation] : service.operations) {
    for (int i = 0; i < kDocumentsPerOperation; ++i) {
      const Json document = RandomDocument(service, operation.input, random, {.request = true});
      const net::Request request = EncodeRequest(service, operation, document);
      EXPECT_EQ(RouteRequest(service, request), &operation) << request.method << " " << request.target;
      Json read = DecodeRequest(service, operation, request);
      // Added to the messages of S3 that must have it.
      if (operation.checksum_required && !document.contains("ContentMD5")) read.erase("ContentMD5");
      ASSERT_EQ(read, document) << name << "\n"
                                << Difference(document, read) << "\n"
                                << request.target << "\n"
                                << request.body.substr(0, 3000);
    }
  }
}

TEST_P(RoundTripTest, Responses) {
  const Service& service = GetService(GetParam());
  std::mt19937_64 random(20240201);
  for (const auto& [name, operation] : service.operations) {
    for (int i = 0; i < kDocumentsPerOperation; ++i) {
      const Json document = RandomDocument(service, operation.output, random, {.request = false});
      const net::Response response = EncodeResponse(service, operation, document, "id");
      const Json read = DecodeResponse(service, operation, response);
      ASSERT_EQ(read, document) << name << "\n" << Difference(document, read) << "\n" << response.body.substr(0, 3000);
    }
  }
}

// A message cut off anywhere, or with a byte changed, is read or refused with a CodecError, never worse.
TEST_P(RoundTripTest, DamagedMessages) {
  const Service& service = GetService(GetParam());
  std::mt19937_64 random(20240202);
  auto damage = [&](std::string& text) {
    if (text.empty()) return;
    const std::size_t at = random() % text.size();
    if (random() % 2 == 0) {
      text.resize(at);
    } else {
      text[at] = static_cast<char>(random());
    }
  };
  int refused = 0;
  for (const auto& [name, operation] : service.operations) {
    for (int i = 0; i < kDocumentsPerOperation; ++i) {
      net::Request request =
          EncodeRequest(service, operation, RandomDocument(service, operation.input, random, {.request = true}));
      damage(i % 2 == 0 ? request.body : request.target);
      RouteRequest(service, request);
      try {
        DecodeRequest(service, operation, request);
      } catch (const CodecError&) {
        ++refused;
      }
      net::Response response = EncodeResponse(
          service, operation, RandomDocument(service, operation.output, random, {.request = false}), "id");
      damage(response.body);
      try {
        DecodeResponse(service, operation, response);
      } catch (const CodecError&) {
        ++refused;
      }
      response.status = 400;
      EXPECT_FALSE(DecodeError(service, response).code.empty());
    }
  }
  EXPECT_GT(refused, 0);
}

INSTANTIATE_TEST_SUITE_P(Services, RoundTripTest, testing::ValuesIn(EmbeddedServices()), [](const auto& info) {
  std::string name = info.param;
  std::erase(name, '-');
  return name;
});

}  // namespace
}  // namespace adhoc::aws
