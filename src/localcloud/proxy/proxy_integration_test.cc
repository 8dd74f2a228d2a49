// The load balancer with a real HAProxy container under load: targets and rules change, and no request fails.
//
// Needs a container engine and the image `localhost/adhoc/haproxy:2.6`. Everything it makes is labelled and removed
// again. Not part of the unit tests; configure with -DADHOC_CONTAINER_TESTS=ON.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <thread>

#include "base/random.h"
#include "localcloud/network/vpc_network.h"
#include "localcloud/proxy/balancer_view.h"
#include "localcloud/proxy/proxy_controller.h"
#include "localcloud/runtime/docker_runtime.h"
#include "localcloud/runtime/engine_setup.h"
#include "net/http_server.h"

namespace adhoc::localcloud::proxy {
namespace {

using namespace std::chrono_literals;

// A client connection to the load balancer.
class Client {
 public:
  explicit Client(int port) : port_(port) {}
  ~Client() { Close(); }

  struct Reply {
    int status = 0;
    std::string text;  // head and body
  };

  // Throws Error when the exchange fails in any way.
  Reply Get(const std::string& path, bool keep, const std::string& headers = "") {
    if (fd_ < 0) Open();
    const std::string request = fmt::format("GET {} HTTP/1.1\r\nHost: alpha.localhost:{}\r\n{}{}\r\n", path, port_,
                                            keep ? "" : "Connection: close\r\n", headers);
    if (send(fd_, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) Fail("send");
    Reply reply;
    std::size_t end = std::string::npos;
    char buffer[4096];
    for (;;) {
      if (end == std::string::npos) end = reply.text.find("\r\n\r\n");
      if (end != std::string::npos) {
        const auto at = reply.text.find("content-length: ");
        const std::size_t length = at < end ? std::stoul(reply.text.substr(at + 16)) : 0;
        if (reply.text.size() >= end + 4 + length) break;
      }
      const auto got = recv(fd_, buffer, sizeof buffer, 0);
      if (got <= 0) Fail(got == 0 ? "closed before the answer" : std::strerror(errno));
      reply.text.append(buffer, static_cast<std::size_t>(got));
    }
    reply.status = std::stoi(reply.text.substr(9, 3));
    if (!keep || reply.text.find("connection: close") < end) Close();
    return reply;
  }

 private:
  void Open() {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) Fail("connect");
  }
  [[noreturn]] void Fail(const char* what) {
    Close();
    throw Error(what);
  }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  int port_;
  int fd_ = -1;
};

int FreePort() {
  net::HttpServer server({}, [](const net::Request&) { return net::Response{}; });
  return server.port();
}

class LoadBalancerTest : public ::testing::Test {
 protected:
  static constexpr const char* kBalancer =
      "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/test-alb/0011223344556677";
  static constexpr const char* kListener =
      "arn:aws:elasticloadbalancing:us-east-1:1:listener/app/test-alb/0011223344556677/1";
  static constexpr const char* kGroup = "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/web/1";

  void SetUp() override {
    try {
      const EngineEnvironment environment = PrepareEngine({.state_dir = directory_});
      runtime_ = MakeDockerRuntime(environment.socket_path, RealClock());
    } catch (const Error& error) {
      GTEST_SKIP() << error.what();
    }
    std::filesystem::create_directories(directory_);
    cloud_ = std::unique_ptr<Cloud>(new Cloud{.settings = {.state_dir = directory_, .instance = instance_},
                                              .store = store_,
                                              .logs = logs_,
                                              .metrics = metrics_,
                                              .clock = RealClock(),
                                              .random = SystemRandom(),
                                              .runtime = *runtime_});
    if (!runtime_->FindImage(cloud_->settings.haproxy_image))
      GTEST_SKIP() << "no image " << cloud_->settings.haproxy_image;
    Edit([&](Store::Transaction& txn) {
      Json vpc{{"VpcId", "vpc-1"}, {"CidrBlock", "10.222.0.0/16"}};
      PlaceVpc(cloud_->settings, vpc, UsedRanges(*runtime_));
      Json subnet{
          {"SubnetId", "subnet-a"}, {"VpcId", "vpc-1"}, {"AvailabilityZone", "a"}, {"CidrBlock", "10.222.1.0/24"}};
      subnet["_cidr"] = PlaceSubnet(vpc, "10.222.1.0/24").ToString();
      gateway_ = vpc["_gateway"];
      txn.Put("ec2.vpcs", "vpc-1", vpc);
      txn.Put("ec2.subnets", "subnet-a", subnet);
      txn.Put(kLoadBalancers, kBalancer,
              {{"LoadBalancerArn", kBalancer},
               {"LoadBalancerName", "test-alb"},
               {"DNSName", "test-alb-1.us-east-1.elb.amazonaws.com"},
               {"VpcId", "vpc-1"},
               {"State", {{"Code", "provisioning"}}},
               {"AvailabilityZones", Json::array({{{"ZoneName", "a"}, {"SubnetId", "subnet-a"}}})}});
      txn.Put(kTargetGroups, kGroup,
              {{"TargetGroupArn", kGroup},
               {"TargetGroupName", "web"},
               {"Protocol", "HTTP"},
               {"Port", 80},
               {"HealthCheckIntervalSeconds", 5},
               {"HealthCheckTimeoutSeconds", 2},
               {"LoadBalancerArns", Json::array({kBalancer})},
               {"_attributes", {{"deregistration_delay.timeout_seconds", "1"}}}});
      txn.Put(kListeners, kListener,
              {{"ListenerArn", kListener}, {"LoadBalancerArn", kBalancer}, {"Port", port_}, {"Protocol", "HTTP"}});
    });
    PutRule("default", Json::array(), Forward());
    StartController();
  }

  void TearDown() override {
    controller_.reset();
    if (!cloud_) return;
    const Labels labels{{"adhoc.instance", instance_}};
    for (const auto& container : runtime_->List(labels)) runtime_->Remove(container.id, true);
    for (const auto& network : runtime_->ListNetworks(labels)) runtime_->RemoveNetwork(network.name);
    StopEngine(directory_);
    std::filesystem::remove_all(directory_);
  }

  void StartController() {
    controller_ = std::make_unique<ProxyController>(*cloud_, *cli_, *prober_);
    controller_->Start();
  }

  template <typename Change>
  void Edit(Change change) {
    const auto txn = store_.Begin();
    change(*txn);
    txn->Commit();
  }
  Json Document(std::string_view collection, std::string_view key) {
    const auto txn = store_.Begin();  // until it is copied: the controller changes documents meanwhile
    const Json* document = txn->Find(collection, key);
    return document == nullptr ? Json() : *document;
  }
  static Json Forward() {
    return {{"Type", "forward"},
            {"ForwardConfig", {{"TargetGroups", Json::array({{{"TargetGroupArn", kGroup}, {"Weight", 1}}})}}}};
  }
  void PutRule(const std::string& priority, const Json& conditions, const Json& action) {
    const std::string arn = fmt::format("{}/{}", kListener, priority);
    Edit([&](Store::Transaction& txn) {
      txn.Put(kRules, arn,
              {{"RuleArn", arn},
               {"_listener", kListener},
               {"Priority", priority},
               {"Conditions", conditions},
               {"Actions", Json::array({action})}});
    });
  }
  std::string Key(int port) const { return fmt::format("{}|{}|{}", kGroup, gateway_, port); }

  // An application on the VPC's gateway address, where HAProxy's container reaches it, in the place of a task.
  struct Application {
    std::unique_ptr<net::HttpServer> server;
    int port() const { return server->port(); }
  };
  Application StartApplication(const std::string& text) {
    Application application;
    application.server = std::make_unique<net::HttpServer>(
        net::ServerOptions{.listen = {{.ip = gateway_, .port = 0}}, .threads = 2}, [text](const net::Request& request) {
          net::Response response;
          response.body = text + "\n";
          for (const auto& [name, value] : request.headers) response.body += name + ": " + value + "\n";
          return response;
        });
    Edit([&](Store::Transaction& txn) {
      txn.Put(kTargets, Key(application.port()),
              {{"Target", {{"Id", gateway_}, {"Port", application.port()}}},
               {"TargetHealth", {{"State", "initial"}, {"Reason", "Elb.RegistrationInProgress"}}}});
    });
    return application;
  }
  void Drain(int port) {
    Edit([&](Store::Transaction& txn) {
      Json& target = txn.Edit(kTargets, Key(port));
      target["TargetHealth"] = {{"State", "draining"}, {"Reason", "Target.DeregistrationInProgress"}};
      target["_draining_since"] = cloud_->Now();
    });
  }
  template <typename Condition>
  bool Eventually(Condition condition, std::chrono::milliseconds patience = 20s) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(10ms);
    }
    return true;
  }
  bool Healthy(int port) {
    const Json target = Document(kTargets, Key(port));
    return !target.is_null() && target["TargetHealth"]["State"] == "healthy";
  }
  bool Answers(int status) {
    return Eventually([&] {
      try {
        return Client(port_).Get("/", false).status == status;
      } catch (const Error&) {
        return false;
      }
    });
  }

  const std::string instance_ = SystemRandom().Hex(8);
  const std::string directory_ = "/tmp/adhoc-lb-" + instance_;
  const int port_ = FreePort();
  std::string gateway_;
  std::unique_ptr<ContainerRuntime> runtime_;
  Store store_{":memory:"};
  LogStore logs_{":memory:"};
  MetricStore metrics_{":memory:"};
  std::unique_ptr<Cloud> cloud_;
  std::unique_ptr<HaproxyCli> cli_ = MakeHaproxyCli();
  std::unique_ptr<Prober> prober_ = MakeHttpProber();
  std::unique_ptr<ProxyController> controller_;
};

// Requests in the ways that clients have: busy and idle kept-alive connections, and a new connection each time.
class Load {
 public:
  explicit Load(int port) {
    for (int i = 0; i < 3; ++i) Run(port, true, 1ms);
    for (int i = 0; i < 6; ++i) Run(port, true, std::chrono::milliseconds(300 + 450 * i));
    for (int i = 0; i < 2; ++i) Run(port, false, 1ms);
  }
  void Stop() {
    for (auto& thread : threads_) thread.request_stop();
    threads_.clear();
  }
  std::atomic<int> requests{0};
  std::atomic<int> failures{0};

 private:
  void Run(int port, bool keep, std::chrono::milliseconds pause) {
    threads_.emplace_back([this, port, keep, pause](std::stop_token stop) {
      Client client(port);
      while (!stop.stop_requested()) {
        try {
          const auto reply = client.Get("/page", keep);
          if (reply.status != 200) throw Error(fmt::format("status {}: {}", reply.status, reply.text));
        } catch (const std::exception& error) {
          ++failures;
          std::cerr << "failed (" << (keep ? "kept alive" : "new connection") << ", pause " << pause.count()
                    << " ms): " << error.what() << "\n";
        }
        ++requests;
        for (auto slept = 0ms; slept < pause && !stop.stop_requested(); slept += 50ms)
          std::this_thread::sleep_for(std::min<std::chrono::milliseconds>(50ms, pause));
      }
    });
  }
  std::vector<std::jthread> threads_;
};

TEST_F(LoadBalancerTest, AnswersLikeAnAlb) {
  ASSERT_TRUE(Answers(503)) << Document(kLoadBalancers, kBalancer).dump();
  Client client(port_);
  EXPECT_NE(client.Get("/", true).text.find("server: awselb/2.0"), std::string::npos);
  Application application = StartApplication("hello");
  ASSERT_TRUE(Eventually([&] { return Healthy(application.port()); }));
  ASSERT_TRUE(Answers(200));
  const std::string seen = client.Get("/", true, "X-Forwarded-For: 192.0.2.1\r\n").text;
  EXPECT_NE(seen.find("x-forwarded-for: 192.0.2.1, "), std::string::npos) << seen;
  EXPECT_NE(seen.find("x-forwarded-proto: http\n"), std::string::npos) << seen;
  EXPECT_NE(seen.find(fmt::format("x-forwarded-port: {}\n", port_)), std::string::npos) << seen;
  EXPECT_NE(seen.find(fmt::format("host: alpha.localhost:{}\n", port_)), std::string::npos) << seen;
  EXPECT_NE(seen.find("x-amzn-trace-id: Root=1-"), std::string::npos) << seen;

  PutRule("10", Json::array({{{"Field", "path-pattern"}, {"PathPatternConfig", {{"Values", {"/old/*"}}}}}}),
          {{"Type", "redirect"},
           {"RedirectConfig",
            {{"Protocol", "HTTPS"},
             {"Port", "443"},
             {"Host", "#{host}"},
             {"Path", "/#{path}"},
             {"Query", "#{query}"},
             {"StatusCode", "HTTP_301"}}}});
  ASSERT_TRUE(Eventually([&] { return Client(port_).Get("/old/x", false).status == 301; }));
  EXPECT_NE(client.Get("/old/x?a=1", true).text.find("location: https://alpha.localhost:443/old/x?a=1\r\n"),
            std::string::npos);
  EXPECT_EQ(client.Get("/olds", true).status, 200);

  application.server.reset();
  EXPECT_TRUE(Answers(502)) << "registered, but nobody listens";
}

TEST_F(LoadBalancerTest, NoRequestFailsWhileTargetsAndRulesChange) {
  ASSERT_TRUE(Answers(503)) << "the gateway's address is there from now on";
  Application current = StartApplication("0");
  ASSERT_TRUE(Eventually([&] { return Healthy(current.port()); }));
  ASSERT_TRUE(Answers(200));
  Load load(port_);
  double slowest = 0;
  for (int i = 1; i <= 20; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    Application next = StartApplication(std::to_string(i));
    ASSERT_TRUE(Eventually([&] { return Healthy(next.port()); }));
    slowest = std::max(slowest, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    Drain(current.port());
    if (i % 3 == 0) {
      PutRule(
          std::to_string(i),
          Json::array({{{"Field", "path-pattern"}, {"PathPatternConfig", {{"Values", {fmt::format("/r{}/*", i)}}}}}}),
          Forward());
    }
    const int draining = current.port();
    ASSERT_TRUE(Eventually([&] { return Document(kTargets, Key(draining)).is_null(); }));
    current = std::move(next);  // the old one ends here
  }
  load.Stop();
  std::cout << load.requests << " requests, " << load.failures << " failed; a new target was in use after " << slowest
            << " s at most\n";
  EXPECT_EQ(load.failures, 0);
  EXPECT_GT(load.requests, 1000);
}

TEST_F(LoadBalancerTest, TwoLoadBalancersShareAPortByHostNames) {
  ASSERT_TRUE(Answers(503));
  const std::string second = std::string(kBalancer) + "-2";
  const std::string listener = std::string(kListener) + "-2";
  const std::string rule = listener + "/1";
  Edit([&](Store::Transaction& txn) {
    Json balancer = *txn.Find(kLoadBalancers, kBalancer);
    balancer.update({{"LoadBalancerArn", second}, {"DNSName", "second.elb.amazonaws.com"}, {"CreatedTime", 1.0}});
    txn.Put(kLoadBalancers, second, balancer);
    txn.Put(kListeners, listener,
            {{"ListenerArn", listener}, {"LoadBalancerArn", second}, {"Port", port_}, {"Protocol", "HTTP"}});
    txn.Put(
        kRules, rule,
        {{"RuleArn", rule},
         {"_listener", listener},
         {"Priority", "1"},
         {"Conditions", Json::array({{{"Field", "host-header"},
                                      {"HostHeaderConfig", {{"Values", Json::array({"alpha.localhost"})}}}}})},
         {"Actions", Json::array({{{"Type", "fixed-response"},
                                   {"FixedResponseConfig", {{"StatusCode", "418"}, {"MessageBody", "second"}}}}})}});
  });
  ASSERT_TRUE(Answers(418)) << Document(kLoadBalancers, second).dump();
  // Its own container, which takes the request that comes in at the first one's port.
  EXPECT_EQ(runtime_->List({{"adhoc.instance", instance_}, {"adhoc.loadbalancer", ""}}).size(), 2u);
  Edit([&](Store::Transaction& txn) {
    txn.Erase(kLoadBalancers, kBalancer);
    txn.Erase(kListeners, kListener);
  });
  EXPECT_TRUE(Eventually([&] {
    return runtime_->List({{"adhoc.instance", instance_}, {"adhoc.loadbalancer", ""}}).size() == 1;
  }));
  EXPECT_TRUE(Answers(418)) << "the port is the second one's now";
}

TEST_F(LoadBalancerTest, SurvivesARestartAndRepairsAKilledContainer) {
  ASSERT_TRUE(Answers(503));
  Application application = StartApplication("hello");
  ASSERT_TRUE(Eventually([&] { return Healthy(application.port()); }));
  ASSERT_TRUE(Answers(200));
  const Labels labels{{"adhoc.instance", instance_}, {"adhoc.loadbalancer", ""}};
  const std::string id = runtime_->List(labels).at(0).id;
  controller_.reset();
  EXPECT_TRUE(Answers(200)) << "it does not need us";
  StartController();
  PutRule("5", Json::array({{{"Field", "path-pattern"}, {"PathPatternConfig", {{"Values", {"/teapot"}}}}}}),
          {{"Type", "fixed-response"},
           {"FixedResponseConfig",
            {{"StatusCode", "418"}, {"ContentType", "text/plain"}, {"MessageBody", "short and stout"}}}});
  EXPECT_TRUE(Eventually([&] { return Client(port_).Get("/teapot", false).status == 418; }));
  EXPECT_EQ(runtime_->List(labels).at(0).id, id);
  runtime_->Kill(id, "SIGKILL");
  EXPECT_TRUE(Eventually([&] {
    const auto containers = runtime_->List(labels);
    return containers.size() == 1 && containers[0].id != id && containers[0].running();
  }));
  EXPECT_TRUE(Answers(200));
}

}  // namespace
}  // namespace adhoc::localcloud::proxy
