#include "localcloud/gateway.h"

#include <gtest/gtest.h>

#include <iterator>
#include <set>

#include "aws/codec/codec.h"
#include "aws/sign/sigv4.h"
#include "testing/local_api.h"
#include "testing/plausible_document.h"

namespace adhoc::localcloud {
namespace {

using testing::LocalApi;

net::Request Signed(net::Request request, const aws::Service& service, TimePoint now) {
  request.headers.Set("Host", "127.0.0.1:4566");
  aws::Sign(request, {.access_key_id = "AKIATEST", .secret_access_key = "test", .session_token = "", .expiration = {}},
            {.region = "us-east-1", .service = service.signing_name}, now);
  return request;
}

// An operation that no service has, in the service's protocol.
net::Request RequestForNothing(const aws::Service& service) {
  net::Request request{.method = "POST", .target = "/", .headers = {}, .body = "{}"};
  switch (service.protocol) {
    case aws::Protocol::kJson:
      request.headers.Set("X-Amz-Target", service.target_prefix + ".InventWarpDrive");
      request.headers.Set("Content-Type", "application/x-amz-json-" + service.json_version);
      break;
    case aws::Protocol::kQuery:
    case aws::Protocol::kEc2:
      request.headers.Set("Content-Type", "application/x-www-form-urlencoded");
      request.body = "Action=InventWarpDrive&Version=" + service.api_version;
      break;
    case aws::Protocol::kCbor:
      request.target = "/service/GraniteServiceVersion20100801/operation/InventWarpDrive";
      request.headers.Set("smithy-protocol", "rpc-v2-cbor");
      request.body = "\xa0";
      break;
    default:
      request.method = "PATCH";
      request.target = "/2013-04-01/warp-drive";
  }
  return request;
}

TEST(GatewayTest, AnUnknownOperationGetsTheServicesOwnError) {
  LocalApi api;
  std::set<std::string> tried;
  for (const auto& name : aws::EmbeddedServices()) {
    const aws::Service& service = aws::GetService(name);
    const net::Response response = api.Send(Signed(RequestForNothing(service), service, api.clock().Now()));
    const aws::ErrorInfo error = aws::DecodeError(service, response);
    switch (service.protocol) {
      case aws::Protocol::kJson:
        EXPECT_EQ(error.code, "UnknownOperationException") << name << ": " << response.body;
        EXPECT_EQ(response.status, 400) << name;
        break;
      case aws::Protocol::kQuery:
      case aws::Protocol::kEc2:
        EXPECT_EQ(error.code, "InvalidAction") << name << ": " << response.body;
        EXPECT_EQ(response.status, 400) << name;
        break;
      default:
        EXPECT_GE(response.status, 400) << name << ": " << response.body;
        EXPECT_NE(response.status, 500) << name << ": " << response.body;
    }
    tried.insert(name);
  }
  EXPECT_GE(tried.size(), 12u);
}

// Found when the registry came to /v2/: a bucket that the host names may have keys that begin so.
TEST(GatewayTest, ABucketOfTheHostHasAnyKey) {
  LocalApi api;
  api.Call("s3", "CreateBucket", {{"Bucket", "site"}});
  api.Call("s3", "PutObject", {{"Bucket", "site"}, {"Key", "v2/page"}, {"Body", "here"}});
  net::Request request{.method = "GET", .target = "/v2/page"};
  request.headers.Set("Host", "site.s3.localhost:4566");
  aws::Sign(request, {.access_key_id = "AKIATEST", .secret_access_key = "test", .session_token = "", .expiration = {}},
            {.region = "us-east-1", .service = "s3"}, api.clock().Now());
  EXPECT_EQ(api.Send(request).body, "here");
}

// Every operation that the models have, answered here or not: ten thousand calls of clients that know what they do,
// more or less. Whatever they ask for, the answer is never "our mistake".
TEST(GatewayTest, NoCallIsAnsweredWithA500) {
  LocalApi api;
  testing::FakeRandom random(7);
  testing::PlausibleDocuments documents(random);
  std::set<std::string> succeeded;
  for (int i = 0; i < 10'000; ++i) {
    const auto& services = aws::EmbeddedServices();
    const aws::Service& service = aws::GetService(services[random.Next() % services.size()]);
    const aws::Operation& operation =
        std::next(service.operations.begin(), static_cast<std::ptrdiff_t>(random.Next() % service.operations.size()))
            ->second;
    const Json input = operation.input == nullptr ? Json::object() : documents.Of(*operation.input);
    net::Request request;
    try {
      request = aws::EncodeRequest(service, operation, input);
    } catch (const aws::CodecError&) {
      continue;  // no client could send this
    }
    const net::Response response = api.Send(Signed(request, service, api.clock().Now()));
    EXPECT_NE(response.status, 500) << service.name << " " << operation.name << "\n"
                                    << input.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n"
                                    << response.body;
    if (response.status < 300) {
      succeeded.insert(service.name + ":" + operation.name);
      documents.Learn(aws::DecodeResponse(service, operation, response));
    }
  }
  EXPECT_GT(succeeded.size(), 100u);  // else the calls are too wild to say anything
}

}  // namespace
}  // namespace adhoc::localcloud
