#include "cli/forward_plan.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include "base/error.h"

namespace adhoc::cli {
namespace {

TEST(ForwardSpecTest, HasThreeForms) {
  EXPECT_EQ(ParseForwardSpec("5432"), (ForwardSpec{.local = 5432, .remote = 5432}));
  EXPECT_EQ(ParseForwardSpec("15432:5432"), (ForwardSpec{.local = 15432, .remote = 5432}));
  EXPECT_EQ(ParseForwardSpec("0:80"), (ForwardSpec{.local = 0, .remote = 80}));
  EXPECT_EQ(ParseForwardSpec("16379:redis:6379"), (ForwardSpec{.local = 16379, .host = "redis", .remote = 6379}));
  EXPECT_EQ(ParseForwardSpec("80:[::1]:8080"), (ForwardSpec{.local = 80, .host = "::1", .remote = 8080}));
}

TEST(ForwardSpecTest, RefusesWhatIsNoPort) {
  for (const char* text :
       {"", "postgres", "0", "65536", "-1", "80:", ":80", "80:host:", "80::90", "80:host:0", "8 0"}) {
    EXPECT_THROW(ParseForwardSpec(text), Error) << text;
  }
}

class ForwardPlanTest : public ::testing::Test {
 protected:
  void SetUp() override {
    config_.environment = "alpha";
    for (const auto& [name, port] :
         {std::pair("gunicorn", 8000), {"daphne", 8000}, {"frontend", 80}, {"redis", 6379}}) {
      config::Service service;
      service.name = name;
      service.port = port;
      service.discoverable = service.name == "redis";
      config_.services.push_back(service);
    }
    config_.database.emplace();
  }
  ForwardPlan Plan(const std::string& service, const std::string& spec) {
    return PlanForward(config_, service, ParseForwardSpec(spec));
  }
  std::string Refusal(const std::string& service, const std::string& spec) {
    try {
      Plan(service, spec);
    } catch (const Error& error) {
      return fmt::format("{}; {}", error.what(), error.hint());
    }
    return "";
  }
  config::Config config_;
};

TEST_F(ForwardPlanTest, PostgresPortIsTheDatabase) {
  EXPECT_EQ(Plan("", "5432").to, ForwardPlan::To::kDatabase);
  EXPECT_EQ(Plan("", "15432:5432").through.size(), 4u) << "any service's task will do";
  EXPECT_EQ(Plan("", "1:database:5432").to, ForwardPlan::To::kDatabase);
  EXPECT_EQ(Plan("gunicorn", "5432").to, ForwardPlan::To::kTask) << "the service was named";
  config_.database.reset();
  EXPECT_EQ(Refusal("", "5432"),
            "no service of alpha has port 5432; name the service: adhoc forward alpha gunicorn 5432");
}

TEST_F(ForwardPlanTest, APortMayNameItsService) {
  EXPECT_EQ(Plan("", "8080:80").through, std::vector<std::string>{"frontend"});
  EXPECT_EQ(Refusal("", "8000"),
            "several services have port 8000: gunicorn, daphne; name the service: adhoc forward alpha gunicorn 8000");
  EXPECT_EQ(Plan("daphne", "8000").through, std::vector<std::string>{"daphne"});
  EXPECT_EQ(Refusal("web", "8000"), "no service is called web; the services are gunicorn, daphne, frontend, redis");
}

TEST_F(ForwardPlanTest, AHostIsSeenFromATask) {
  EXPECT_EQ(Plan("", "1:redis:6379").to, ForwardPlan::To::kService);
  EXPECT_EQ(Plan("", "1:gunicorn:8000").to, ForwardPlan::To::kHost) << "it has no name";
  const ForwardPlan plan = Plan("gunicorn", "1:cache.example:6379");
  EXPECT_EQ(plan.to, ForwardPlan::To::kHost);
  EXPECT_EQ(plan.host, "cache.example");
  EXPECT_EQ(plan.through, std::vector<std::string>{"gunicorn"});
}

}  // namespace
}  // namespace adhoc::cli
