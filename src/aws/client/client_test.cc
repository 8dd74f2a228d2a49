#include "aws/client/client.h"

#include <gtest/gtest.h>

#include <thread>

#include "aws/codec/codec.h"
#include "aws/model/model.h"
#include "net/http_date.h"
#include "net/http_server.h"
#include "testing/fake_clock.h"
#include "testing/fake_random.h"
#include "testing/fake_transport.h"

namespace adhoc::aws {
namespace {

using adhoc::testing::FakeClock;
using adhoc::testing::FakeRandom;
using adhoc::testing::FakeTransport;

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() {
    options_.endpoint_url = "http://127.0.0.1:4566";
    client_.emplace(options_, credentials_, transport_, clock_, random_);
    client_->set_observer([this](const CallRecord& record) { records_.push_back(record); });
  }

  void ThenOutput(const char* service, const char* operation, const Json& output) {
    transport_->Then([=](const net::Uri&, const net::Request&) {
      return EncodeResponse(GetService(service), GetService(service).GetOperation(operation), output, "req-1");
    });
  }

  void ThenError(const char* service, const std::string& code, int status, const std::string& message = "no") {
    transport_->Then([=](const net::Uri&, const net::Request&) {
      ErrorInfo error;
      error.code = code;
      error.message = message;
      error.status = status;
      error.request_id = "req-1";
      return EncodeError(GetService(service), error);
    });
  }

  Duration slept() { return clock_.Now() - start_; }
  std::size_t sent() const { return transport_->sent().size(); }

  ClientOptions options_;
  std::shared_ptr<FakeTransport> transport_ = std::make_shared<FakeTransport>();
  std::shared_ptr<CredentialsProvider> credentials_ = StaticCredentials({"AKID", "secret", "", std::nullopt});
  FakeClock clock_{FakeClock::Sleep::kAdvances};
  FakeRandom random_;
  const TimePoint start_ = clock_.Now();
  std::vector<CallRecord> records_;
  std::optional<Client> client_;
};

TEST_F(ClientTest, SendsASignedRequestAndDecodesTheAnswer) {
  ThenOutput("ecs", "ListClusters", {{"clusterArns", {"a"}}});
  EXPECT_EQ(client_->Call("ecs", "ListClusters", {{"maxResults", 5}}), (Json{{"clusterArns", {"a"}}}));
  const FakeTransport::Sent sent = transport_->sent().at(0);
  EXPECT_EQ(sent.origin.ToString(), "http://127.0.0.1:4566/");
  EXPECT_EQ(sent.request.headers.Get("Host"), "127.0.0.1:4566");
  EXPECT_EQ(sent.request.headers.Get("X-Amz-Target"), "AmazonEC2ContainerServiceV20141113.ListClusters");
  EXPECT_EQ(Json::parse(sent.request.body), (Json{{"maxResults", 5}}));
  const auto authorization = ParseAuthorization(sent.request);
  ASSERT_TRUE(authorization);
  EXPECT_EQ(authorization->service, "ecs");
  EXPECT_EQ(authorization->region, "us-east-1");
  EXPECT_TRUE(VerifySignature(sent.request, *authorization, "secret"));
  ASSERT_EQ(records_.size(), 1u);
  EXPECT_EQ(records_[0].operation, "ListClusters");
  EXPECT_EQ(records_[0].attempts, 1);
  EXPECT_EQ(records_[0].status, 200);
}

TEST_F(ClientTest, S3CarriesItsContentHash) {
  ThenOutput("s3", "PutObject", {{"ETag", "\"e\""}});
  client_->Call("s3", "PutObject", {{"Bucket", "b-1"}, {"Key", "a b"}, {"Body", "hello"}});
  const net::Request request = transport_->sent().at(0).request;
  EXPECT_EQ(request.target, "/b-1/a%20b");
  EXPECT_EQ(request.headers.Get("X-Amz-Content-SHA256"), Sha256Hex("hello"));
  EXPECT_TRUE(VerifySignature(request, ParseAuthorization(request).value(), "secret"));
}

TEST_F(ClientTest, GlobalServicesAreSignedForUsEast1) {
  options_.region = "eu-west-1";
  Client client(options_, credentials_, transport_, clock_, random_);
  ThenOutput("iam", "ListRoles", {{"Roles", Json::array()}, {"IsTruncated", false}});
  client.Call("iam", "ListRoles");
  EXPECT_EQ(ParseAuthorization(transport_->sent().at(0).request).value().region, "us-east-1");
}

TEST_F(ClientTest, InvalidInputIsRefusedBeforeItIsSent) {
  try {
    client_->Call("ecs", "CreateService", {{"desiredCount", "two"}});
    FAIL();
  } catch (const AwsError&) {
    FAIL() << "sent";
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_TRUE(message.starts_with("ecs CreateService: the input is invalid: ")) << message;
    EXPECT_NE(message.find("serviceName"), std::string::npos) << message;
    EXPECT_NE(message.find("desiredCount"), std::string::npos) << message;
  }
  EXPECT_EQ(sent(), 0u);
  EXPECT_THROW(client_->Call("ecs", "NoSuchOperation"), Error);
}

TEST_F(ClientTest, AnAwsErrorKeepsItsParts) {
  ThenError("ecs", "ClusterNotFoundException", 400, "Cluster not found.");
  try {
    client_->Call("ecs", "ListServices", {{"cluster", "c"}});
    FAIL();
  } catch (const AwsError& error) {
    EXPECT_STREQ(error.what(), "ecs ListServices: ClusterNotFoundException: Cluster not found. (request req-1)");
    EXPECT_EQ(error.code(), "ClusterNotFoundException");
    EXPECT_EQ(error.message(), "Cluster not found.");
    EXPECT_EQ(error.status(), 400);
    EXPECT_EQ(error.request_id(), "req-1");
  }
  EXPECT_EQ(sent(), 1u);
  EXPECT_EQ(records_.at(0).status, 400);
}

TEST_F(ClientTest, ThrottlingIsTriedAgainAndSignedAgain) {
  ThenError("ecs", "ThrottlingException", 400);
  ThenError("ecs", "ServerException", 500);
  ThenOutput("ecs", "ListClusters", {{"clusterArns", Json::array()}});
  client_->Call("ecs", "ListClusters");
  EXPECT_EQ(sent(), 3u);
  EXPECT_EQ(records_.at(0).attempts, 3);
  EXPECT_GT(slept(), Duration::zero());
  EXPECT_LE(slept(), std::chrono::seconds(3));
  for (const FakeTransport::Sent& each : transport_->sent()) {
    EXPECT_TRUE(VerifySignature(each.request, ParseAuthorization(each.request).value(), "secret"));
  }
}

TEST_F(ClientTest, GivesUpAfterTheLastAttemptWithTheErrorItGot) {
  for (int i = 0; i < 5; ++i) ThenError("ecs", "ServerException", 500, "sorry");
  EXPECT_THROW(client_->Call("ecs", "ListClusters"), AwsError);
  EXPECT_EQ(sent(), 5u);
}

TEST_F(ClientTest, TransportErrorsAreRetriedThenNamed) {
  for (int i = 0; i < 5; ++i) transport_->ThenFail(false, false);
  try {
    client_->Call("ecs", "ListClusters");
    FAIL();
  } catch (const net::TransportError& error) {
    EXPECT_STREQ(error.what(), "ecs ListClusters: cannot reach 127.0.0.1: connection reset (5 attempts)");
    EXPECT_FALSE(error.sent());
  }
  EXPECT_EQ(sent(), 5u);
}

TEST_F(ClientTest, ACreateThatMayHaveArrivedIsNotRepeated) {
  const Json input = {{"ListenerArn", "l"}, {"Priority", 1}, {"Conditions", Json::array()}, {"Actions", Json::array()}};
  transport_->ThenFail(true, true);
  EXPECT_THROW(client_->Call("elbv2", "CreateRule", input), net::TransportError);
  EXPECT_EQ(sent(), 1u);
  transport_->ThenFail(false, false);  // this one did not leave
  ThenOutput("elbv2", "CreateRule", {{"Rules", Json::array()}});
  client_->Call("elbv2", "CreateRule", input);
  EXPECT_EQ(sent(), 3u);
}

TEST_F(ClientTest, AnIdempotencyTokenIsFilledAndKeptOverRetries) {
  transport_->ThenFail(true, false);
  ThenOutput("servicediscovery", "CreateHttpNamespace", {{"OperationId", "o"}});
  client_->Call("servicediscovery", "CreateHttpNamespace", {{"Name", "n"}});
  ASSERT_EQ(sent(), 2u);
  const Json first = Json::parse(transport_->sent()[0].request.body);
  EXPECT_EQ(first["CreatorRequestId"].get<std::string>().size(), 36u);
  EXPECT_EQ(Json::parse(transport_->sent()[1].request.body), first);
}

TEST_F(ClientTest, StopsRetryingWhenTheQuotaIsSpent) {
  for (int call = 0; call < 26; ++call) {
    for (int i = 0; i < 5; ++i) ThenError("ecs", "ServerException", 500);
  }
  for (int call = 0; call < 25; ++call) EXPECT_THROW(client_->Call("ecs", "ListClusters"), AwsError);
  EXPECT_EQ(sent(), 125u);  // 100 retries at 5 of the 500
  EXPECT_THROW(client_->Call("ecs", "ListClusters"), AwsError);
  EXPECT_EQ(sent(), 126u);
}

TEST_F(ClientTest, AClockThatIsWrongIsCorrectedFromTheAnswer) {
  const TimePoint server_time = start_ + std::chrono::hours(2);
  transport_->Then([=](const net::Uri&, const net::Request&) {
    net::Response response =
        EncodeError(GetService("ecs"), {"InvalidSignatureException", "Signature expired", 400, true, {}, "r"});
    response.headers.Set("Date", net::FormatHttpDate(server_time));
    return response;
  });
  ThenOutput("ecs", "ListClusters", Json::object());
  ThenOutput("ecs", "ListClusters", Json::object());
  client_->Call("ecs", "ListClusters");
  client_->Call("ecs", "ListClusters");
  ASSERT_EQ(sent(), 3u);
  EXPECT_EQ(ParseAuthorization(transport_->sent()[0].request)->signed_at, start_);
  EXPECT_EQ(ParseAuthorization(transport_->sent()[1].request)->signed_at, server_time);
  EXPECT_EQ(ParseAuthorization(transport_->sent()[2].request)->signed_at, server_time);
  EXPECT_EQ(slept(), Duration::zero());
}

TEST_F(ClientTest, AWrongKeyWithARightClockIsNotRetried) {
  transport_->Then([=, this](const net::Uri&, const net::Request&) {
    net::Response response = EncodeError(GetService("ecs"), {"InvalidSignatureException", "no", 400, true, {}, "r"});
    response.headers.Set("Date", net::FormatHttpDate(start_));
    return response;
  });
  try {
    client_->Call("ecs", "ListClusters");
    FAIL();
  } catch (const AwsError& error) {
    EXPECT_FALSE(error.hint().empty());
  }
  EXPECT_EQ(sent(), 1u);
}

TEST_F(ClientTest, StopInterruptsTheBackOff) {
  std::stop_source source;
  transport_->Then([&](const net::Uri&, const net::Request&) -> net::Response {
    source.request_stop();
    throw net::TransportError("cannot reach it", false, false);
  });
  try {
    client_->Call("ecs", "ListClusters", Json::object(), source.get_token());
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "ecs ListClusters: interrupted");
  }
  EXPECT_EQ(sent(), 1u);
}

TEST_F(ClientTest, AnUnreadableAnswerIsAnError) {
  transport_->ThenAnswer(200, "<html>");
  EXPECT_THROW(client_->Call("ecs", "ListClusters"), Error);
}

TEST_F(ClientTest, NoCredentialsIsAnErrorBeforeSending) {
  class None : public CredentialsProvider {
    Credentials Get() override { throw Error("no AWS credentials: nothing is set", "set something"); }
    std::string Source() override { return "nowhere"; }
  };
  Client client(options_, std::make_shared<None>(), transport_, clock_, random_);
  EXPECT_THROW(client.Call("ecs", "ListClusters"), Error);
  EXPECT_EQ(sent(), 0u);
}

TEST(AwsErrorTest, SaysWhatToDoNext) {
  const auto hint = [](const std::string& code, int status = 400) {
    return AwsError("ec2", "AllocateAddress", code, "", status, "", Json::object()).hint();
  };
  const std::string quota = "a quota of the account is used up: adhoc quota shows what binds, AWS raises it on request";
  EXPECT_EQ(hint("AddressLimitExceeded"), quota);
  EXPECT_EQ(hint("TooManyTargetGroups"), quota);
  EXPECT_EQ(hint("ServiceQuotaExceededException"), quota);
  const std::string busy = "others keep the account busy: run the command again in a minute, it goes on from here";
  EXPECT_EQ(hint("ThrottlingException"), busy);
  EXPECT_EQ(hint("SlowDown", 503), busy);
  EXPECT_EQ(hint("InternalFailure", 500), "AWS has a problem: run the command again in a minute, it goes on from here");
  EXPECT_NE(hint("AccessDeniedException").find("adhoc iam policy"), std::string::npos);
  EXPECT_NE(hint("UnrecognizedClientException").find("aws sts get-caller-identity"), std::string::npos);
  EXPECT_NE(hint("ExpiredTokenException").find("get new credentials"), std::string::npos);
  EXPECT_EQ(hint("ValidationError"), "");
}

TEST_F(ClientTest, ListFollowsTheTokens) {
  ThenOutput("ecs", "ListClusters", {{"clusterArns", {"a", "b"}}, {"nextToken", "t1"}});
  ThenOutput("ecs", "ListClusters", {{"clusterArns", Json::array()}, {"nextToken", "t2"}});
  ThenOutput("ecs", "ListClusters", {{"clusterArns", {"c"}}});
  EXPECT_EQ(client_->List("ecs", "ListClusters", Json::object(), "clusterArns"), (Json{"a", "b", "c"}));
  EXPECT_FALSE(Json::parse(transport_->sent()[0].request.body).contains("nextToken"));
  EXPECT_EQ(Json::parse(transport_->sent()[2].request.body)["nextToken"], "t2");
}

TEST_F(ClientTest, ListEndsAtAnEmptyToken) {
  ThenOutput("ecs", "ListClusters", {{"clusterArns", {"a"}}, {"nextToken", ""}});
  EXPECT_EQ(client_->List("ecs", "ListClusters", Json::object(), "clusterArns"), (Json{"a"}));
  EXPECT_EQ(sent(), 1u);
}

TEST_F(ClientTest, ListFollowsSeveralTokensWhileMoreResultsSaysSo) {
  const Json record = {{"Name", "a."}, {"Type", "A"}};
  ThenOutput("route53", "ListResourceRecordSets",
             {{"ResourceRecordSets", {record}},
              {"IsTruncated", true},
              {"MaxItems", "1"},
              {"NextRecordName", "b."},
              {"NextRecordType", "A"}});
  ThenOutput("route53", "ListResourceRecordSets",
             {{"ResourceRecordSets", {record}}, {"IsTruncated", false}, {"MaxItems", "1"}, {"NextRecordName", "c."}});
  EXPECT_EQ(client_->List("route53", "ListResourceRecordSets", {{"HostedZoneId", "Z1"}}, "ResourceRecordSets").size(),
            2u);
  ASSERT_EQ(sent(), 2u);
  EXPECT_EQ(transport_->sent()[1].request.query(), "name=b.&type=A");
}

TEST_F(ClientTest, ListEndsWhenTheTokenRepeats) {
  const Json page = {{"events", {{{"timestamp", 1}, {"message", "m"}, {"ingestionTime", 1}}}}, {"nextToken", "same"}};
  ThenOutput("logs", "FilterLogEvents", page);
  ThenOutput("logs", "FilterLogEvents", page);
  EXPECT_EQ(client_->List("logs", "FilterLogEvents", {{"logGroupName", "g"}}, "events").size(), 2u);
}

TEST_F(ClientTest, ListOfAnOperationWithoutPagesCallsOnce) {
  ThenOutput("ecs", "DescribeClusters", {{"clusters", {{{"clusterName", "c"}}}}});
  EXPECT_EQ(client_->List("ecs", "DescribeClusters", Json::object(), "clusters").size(), 1u);
}

TEST_F(ClientTest, WaitPollsFasterAtFirst) {
  const Json running = {{"tasks", {{{"lastStatus", "RUNNING"}}}}};
  for (int i = 0; i < 3; ++i) ThenOutput("ecs", "DescribeTasks", running);
  ThenOutput("ecs", "DescribeTasks", {{"tasks", {{{"lastStatus", "STOPPED"}}}}});
  client_->Wait("ecs", "TasksStopped", {{"tasks", {"t"}}}, std::chrono::milliseconds(100));
  EXPECT_EQ(slept(), std::chrono::milliseconds(100 + 150 + 225));
}

TEST_F(ClientTest, WaitUsesTheModelsDelayAndLimit) {
  const Json running = {{"tasks", {{{"lastStatus", "RUNNING"}}}}};
  for (int i = 0; i < 200; ++i) ThenOutput("ecs", "DescribeTasks", running);
  try {
    client_->Wait("ecs", "TasksStopped", {{"tasks", {"t"}}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "waiting for ecs TasksStopped timed out after 600 s: tasks[].lastStatus is [\"RUNNING\"]");
  }
  EXPECT_EQ(sent(), 101u);  // at 0, 6, … 600 s
}

TEST_F(ClientTest, WaitSaysWhyItFailed) {
  ThenOutput("ecs", "DescribeTasks", {{"failures", {{{"arn", "t"}, {"reason", "MISSING"}}}}});
  try {
    client_->Wait("ecs", "TasksRunning", {{"tasks", {"t"}}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "waiting for ecs TasksRunning failed: failures[].reason is [\"MISSING\"]");
  }
}

TEST_F(ClientTest, WaitThrowsErrorsThatTheWaiterDoesNotExpect) {
  ThenError("ecs", "ClusterNotFoundException", 400);
  EXPECT_THROW(client_->Wait("ecs", "TasksRunning", {{"tasks", {"t"}}}), AwsError);
  EXPECT_THROW(client_->Wait("ecs", "NoSuchWaiter", Json::object()), Error);
}

TEST_F(ClientTest, WaitForAnErrorThatIsTheGoal) {
  ThenOutput("rds", "DescribeDBInstances", {{"DBInstances", {{{"DBInstanceStatus", "deleting"}}}}});
  ThenError("rds", "DBInstanceNotFound", 404);
  client_->Wait("rds", "DBInstanceDeleted", {{"DBInstanceIdentifier", "d"}}, std::chrono::seconds(1));
  EXPECT_EQ(sent(), 2u);
}

// The whole way, over the network: threads share one client, and the server finds every signature right.
TEST(ClientOverHttpTest, ThreadsShareAClient) {
  const Service& ecs = GetService("ecs");
  std::atomic<int> verified = 0;
  net::HttpServer server({}, [&](const net::Request& request) {
    const Operation* const operation = RouteRequest(ecs, request);
    const auto authorization = ParseAuthorization(request);
    if (authorization && VerifySignature(request, *authorization, "secret")) ++verified;
    const Json input = DecodeRequest(ecs, *operation, request);
    return EncodeResponse(ecs, *operation, {{"clusterArns", {std::to_string(input.at("maxResults").get<int>())}}}, "r");
  });
  ClientOptions options;
  options.endpoint_url = "http://127.0.0.1:" + std::to_string(server.port());
  FakeRandom random;
  Client client(options, StaticCredentials({"AKID", "secret", "token", std::nullopt}), net::MakeCurlTransport(),
                RealClock(), random);
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int i = 1; i <= 4; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 10; ++n) {
        const int number = i * 10 + n;
        if (client.Call("ecs", "ListClusters", {{"maxResults", number}}).at("clusterArns").at(0) ==
            std::to_string(number))
          ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 40);
  EXPECT_EQ(verified, 40);
}

}  // namespace
}  // namespace adhoc::aws
