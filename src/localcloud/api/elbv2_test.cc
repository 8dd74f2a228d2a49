#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <string>

#include "localcloud/api/elbv2_internal.h"
#include "testing/local_api.h"

namespace adhoc::localcloud {
namespace {

using testing::ServiceError;

class Elbv2Test : public ::testing::Test {
 protected:
  Elbv2Test() {
    api_.cloud().settings.check_listener_ports = false;
    auto txn = api_.store().Begin();
    for (const std::string vpc : {"vpc-1", "vpc-2"}) txn->Put("ec2.vpcs", vpc, {{"VpcId", vpc}});
    PutSubnet(*txn, "subnet-a", "vpc-1", "us-east-1a");
    PutSubnet(*txn, "subnet-b", "vpc-1", "us-east-1b");
    PutSubnet(*txn, "subnet-b2", "vpc-1", "us-east-1b");
    PutSubnet(*txn, "subnet-other", "vpc-2", "us-east-1c");
    txn->Put("ec2.security_groups", "sg-1", {{"GroupId", "sg-1"}});
    txn->Put("acm.certificates", "arn:cert-1", {{"CertificateArn", "arn:cert-1"}});
    txn->Put("acm.certificates", "arn:cert-2", {{"CertificateArn", "arn:cert-2"}});
    txn->Commit();
  }

  static void PutSubnet(Store::Transaction& txn, const std::string& id, const std::string& vpc,
                        const std::string& zone) {
    txn.Put("ec2.subnets", id, {{"SubnetId", id}, {"VpcId", vpc}, {"AvailabilityZone", zone}});
  }

  Json Call(std::string_view operation, const Json& input = Json::object()) {
    return api_.Call("elbv2", operation, input);
  }
  std::string ErrorOf(std::string_view operation, const Json& input) { return api_.ErrorOf("elbv2", operation, input); }
  std::string MessageOf(std::string_view operation, const Json& input) {
    try {
      Call(operation, input);
      return "no error";
    } catch (const ServiceError& error) {
      return error.what();
    }
  }

  std::string MakeLoadBalancer(const std::string& name = "dev-alb") {
    return Call("CreateLoadBalancer",
                {{"Name", name}, {"Subnets", {"subnet-a", "subnet-b"}}})["LoadBalancers"][0]["LoadBalancerArn"];
  }
  std::string MakeGroup(const std::string& name, Json more = Json::object()) {
    Json input{{"Name", name}, {"Protocol", "HTTP"}, {"Port", 8000}, {"VpcId", "vpc-1"}, {"TargetType", "ip"}};
    input.update(more);
    return Call("CreateTargetGroup", input)["TargetGroups"][0]["TargetGroupArn"];
  }
  static Json NotFound() {
    return Json::array(
        {{{"Type", "fixed-response"},
          {"FixedResponseConfig", {{"StatusCode", "404"}, {"ContentType", "text/plain"}, {"MessageBody", "none"}}}}});
  }
  static Json Forward(const std::string& group) {
    return Json::array({{{"Type", "forward"}, {"TargetGroupArn", group}}});
  }
  static Json Path(const std::string& pattern) {
    return Json::array({{{"Field", "path-pattern"}, {"Values", {pattern}}}});
  }
  std::string MakeListener(const std::string& load_balancer, int port = 8080) {
    return Call("CreateListener", {{"LoadBalancerArn", load_balancer},
                                   {"Protocol", "HTTP"},
                                   {"Port", port},
                                   {"DefaultActions", NotFound()}})["Listeners"][0]["ListenerArn"];
  }
  std::string MakeRule(const std::string& listener, int priority, const Json& actions) {
    return Call("CreateRule", {{"ListenerArn", listener},
                               {"Priority", priority},
                               {"Conditions", Path("/p" + std::to_string(priority))},
                               {"Actions", actions}})["Rules"][0]["RuleArn"];
  }

  testing::LocalApi api_;
};

TEST_F(Elbv2Test, LoadBalancerHasTheNamesThatAwsGivesIt) {
  const Json made = Call(
      "CreateLoadBalancer",
      {{"Name", "dev-alb"}, {"Subnets", {"subnet-a", "subnet-b"}}, {"SecurityGroups", {"sg-1"}}})["LoadBalancers"][0];
  EXPECT_TRUE(std::string(made["LoadBalancerArn"])
                  .starts_with("arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/dev-alb/"));
  EXPECT_TRUE(std::string(made["DNSName"]).starts_with("dev-alb-"));
  EXPECT_TRUE(std::string(made["DNSName"]).ends_with(".us-east-1.elb.amazonaws.com"));
  EXPECT_EQ(made["CanonicalHostedZoneId"], "Z35SXDOTRQ7X7K");
  EXPECT_EQ(made["State"]["Code"], "provisioning");
  EXPECT_EQ(made["VpcId"], "vpc-1");
  EXPECT_EQ(made["AvailabilityZones"].size(), 2u);
  EXPECT_EQ(Call("DescribeLoadBalancers", {{"Names", {"dev-alb"}}})["LoadBalancers"][0]["LoadBalancerArn"],
            made["LoadBalancerArn"]);
}

TEST_F(Elbv2Test, CreateLoadBalancerIsIdempotentForTheSameSettingsOnly) {
  const std::string arn = MakeLoadBalancer();
  EXPECT_EQ(MakeLoadBalancer(), arn);
  EXPECT_EQ(ErrorOf("CreateLoadBalancer",
                    {{"Name", "dev-alb"}, {"Scheme", "internal"}, {"Subnets", {"subnet-a", "subnet-b"}}}),
            "DuplicateLoadBalancerName");
}

TEST_F(Elbv2Test, CreateLoadBalancerChecksNameAndSubnets) {
  const Json two{"subnet-a", "subnet-b"};
  EXPECT_EQ(ErrorOf("CreateLoadBalancer", {{"Name", "-x"}, {"Subnets", two}}), "ValidationError");
  EXPECT_EQ(ErrorOf("CreateLoadBalancer", {{"Name", std::string(33, 'a')}, {"Subnets", two}}), "ValidationError");
  EXPECT_EQ(ErrorOf("CreateLoadBalancer", {{"Name", "internal-x"}, {"Subnets", two}}), "ValidationError");
  EXPECT_EQ(ErrorOf("CreateLoadBalancer", {{"Name", "x"}, {"Subnets", {"subnet-a"}}}), "ValidationError");
  EXPECT_EQ(ErrorOf("CreateLoadBalancer", {{"Name", "x"}, {"Subnets", {"subnet-a", "subnet-none"}}}), "SubnetNotFound");
  EXPECT_EQ(ErrorOf("CreateLoadBalancer", {{"Name", "x"}, {"Subnets", {"subnet-b", "subnet-b2"}}}),
            "InvalidConfigurationRequest");
  EXPECT_EQ(ErrorOf("CreateLoadBalancer", {{"Name", "x"}, {"Subnets", {"subnet-a", "subnet-other"}}}),
            "InvalidConfigurationRequest");
  EXPECT_EQ(ErrorOf("CreateLoadBalancer", {{"Name", "x"}, {"Subnets", two}, {"SecurityGroups", {"sg-none"}}}),
            "InvalidSecurityGroup");
}

TEST_F(Elbv2Test, UnknownThingsAreNotFoundWithAwssCodes) {
  EXPECT_EQ(ErrorOf("DescribeLoadBalancers", {{"Names", {"nope"}}}), "LoadBalancerNotFound");
  EXPECT_EQ(MessageOf("DescribeLoadBalancers", {{"Names", {"nope"}}}), "Load balancers '[nope]' not found");
  EXPECT_EQ(ErrorOf("DescribeTargetGroups", {{"Names", {"nope"}}}), "TargetGroupNotFound");
  EXPECT_EQ(ErrorOf("DescribeListeners", {{"ListenerArns", {"nope"}}}), "ListenerNotFound");
  EXPECT_EQ(ErrorOf("DescribeRules", {{"RuleArns", {"nope"}}}), "RuleNotFound");
  EXPECT_EQ(ErrorOf("DeleteRule", {{"RuleArn", "nope"}}), "RuleNotFound");
  EXPECT_EQ(ErrorOf("DeleteListener", {{"ListenerArn", "nope"}}), "ListenerNotFound");
  EXPECT_EQ(ErrorOf("DeleteLoadBalancer", {{"LoadBalancerArn", "nope"}}), "");
  EXPECT_EQ(ErrorOf("DeleteTargetGroup", {{"TargetGroupArn", "nope"}}), "");
}

TEST_F(Elbv2Test, DeletionProtectionIsObeyed) {
  const std::string arn = MakeLoadBalancer();
  Call("ModifyLoadBalancerAttributes",
       {{"LoadBalancerArn", arn}, {"Attributes", {{{"Key", "deletion_protection.enabled"}, {"Value", "true"}}}}});
  EXPECT_EQ(ErrorOf("DeleteLoadBalancer", {{"LoadBalancerArn", arn}}), "OperationNotPermitted");
  Call("ModifyLoadBalancerAttributes",
       {{"LoadBalancerArn", arn}, {"Attributes", {{{"Key", "deletion_protection.enabled"}, {"Value", "false"}}}}});
  EXPECT_EQ(ErrorOf("DeleteLoadBalancer", {{"LoadBalancerArn", arn}}), "");
  EXPECT_EQ(ErrorOf("DescribeLoadBalancers", {{"LoadBalancerArns", {arn}}}), "LoadBalancerNotFound");
}

TEST_F(Elbv2Test, DeletingALoadBalancerTakesListenersAndRulesAlong) {
  const std::string arn = MakeLoadBalancer();
  const std::string listener = MakeListener(arn);
  const std::string group = MakeGroup("web");
  MakeRule(listener, 1, Forward(group));
  Call("DeleteLoadBalancer", {{"LoadBalancerArn", arn}});
  EXPECT_EQ(ErrorOf("DescribeListeners", {{"ListenerArns", {listener}}}), "ListenerNotFound");
  EXPECT_TRUE(api_.store().Begin()->All("elbv2.rules").empty());
  EXPECT_EQ(ErrorOf("DeleteTargetGroup", {{"TargetGroupArn", group}}), "");
}

TEST_F(Elbv2Test, CreateListenerMakesTheDefaultRule) {
  const std::string listener = MakeListener(MakeLoadBalancer());
  const Json rules = Call("DescribeRules", {{"ListenerArn", listener}})["Rules"];
  ASSERT_EQ(rules.size(), 1u);
  EXPECT_EQ(rules[0]["Priority"], "default");
  EXPECT_EQ(rules[0]["IsDefault"], true);
  EXPECT_EQ(rules[0]["Actions"], NotFound());
  EXPECT_EQ(ErrorOf("DeleteRule", {{"RuleArn", rules[0]["RuleArn"]}}), "OperationNotPermitted");
  const Json redirect =
      Json::array({{{"Type", "redirect"},
                    {"RedirectConfig", {{"Protocol", "HTTPS"}, {"Port", "443"}, {"StatusCode", "HTTP_301"}}}}});
  Call("ModifyListener", {{"ListenerArn", listener}, {"DefaultActions", redirect}});
  const Json changed = Call("DescribeRules", {{"ListenerArn", listener}})["Rules"][0]["Actions"][0]["RedirectConfig"];
  EXPECT_EQ(changed["Path"], "/#{path}");
  EXPECT_EQ(changed["Query"], "#{query}");
  EXPECT_EQ(changed["Host"], "#{host}");
}

TEST_F(Elbv2Test, CreateListenerIsIdempotentForTheSameSettingsOnly) {
  const std::string load_balancer = MakeLoadBalancer();
  const std::string listener = MakeListener(load_balancer);
  EXPECT_EQ(MakeListener(load_balancer), listener);
  EXPECT_EQ(ErrorOf("CreateListener", {{"LoadBalancerArn", load_balancer},
                                       {"Protocol", "HTTP"},
                                       {"Port", 8080},
                                       {"DefaultActions", Forward(MakeGroup("web"))}}),
            "DuplicateListener");
}

TEST_F(Elbv2Test, LoadBalancersShareAPortOfTheMachineUnlessTheySpeakDifferently) {
  MakeListener(MakeLoadBalancer("one"), 8080);
  MakeListener(MakeLoadBalancer("two"), 8080);
  const Json input{{"LoadBalancerArn", MakeLoadBalancer("three")},
                   {"Protocol", "HTTPS"},
                   {"Port", 8080},
                   {"Certificates", Json::array({{{"CertificateArn", "arn:cert-1"}}})},
                   {"DefaultActions", NotFound()}};
  EXPECT_EQ(ErrorOf("CreateListener", input), "InvalidConfigurationRequest");
  EXPECT_NE(MessageOf("CreateListener", input).find("speaks HTTP there"), std::string::npos);
}

TEST_F(Elbv2Test, APortInUseByAnotherProgramIsRefusedUnlessOurContainerHoldsIt) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  socklen_t length = sizeof address;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  const int port = ntohs(address.sin_port);

  api_.cloud().settings.check_listener_ports = true;
  const Json input{
      {"LoadBalancerArn", MakeLoadBalancer()}, {"Protocol", "HTTP"}, {"Port", port}, {"DefaultActions", NotFound()}};
  EXPECT_EQ(ErrorOf("CreateListener", input), "InvalidConfigurationRequest");
  EXPECT_TRUE(MessageOf("CreateListener", input)
                  .starts_with("port " + std::to_string(port) + " on 127.0.0.1 is in use by another program"));
  auto txn = api_.store().Begin();
  txn->Put(elbv2::kHoldings, "arn:some", {{"ports", {port}}});
  txn->Commit();
  txn.reset();
  EXPECT_EQ(ErrorOf("CreateListener", input), "");
  close(fd);
}

TEST_F(Elbv2Test, HttpsNeedsACertificateAndHttpForbidsOne) {
  const std::string load_balancer = MakeLoadBalancer();
  Json input{{"LoadBalancerArn", load_balancer}, {"Protocol", "HTTPS"}, {"Port", 443}, {"DefaultActions", NotFound()}};
  EXPECT_EQ(ErrorOf("CreateListener", input), "ValidationError");
  input["Certificates"] = {{{"CertificateArn", "arn:none"}}};
  EXPECT_EQ(ErrorOf("CreateListener", input), "CertificateNotFound");
  input["Certificates"] = {{{"CertificateArn", "arn:cert-1"}}};
  input["SslPolicy"] = "nope";
  EXPECT_EQ(ErrorOf("CreateListener", input), "SSLPolicyNotFound");
  input.erase("SslPolicy");
  const Json listener = Call("CreateListener", input)["Listeners"][0];
  EXPECT_EQ(listener["SslPolicy"], "ELBSecurityPolicy-2016-08");
  input["Protocol"] = "HTTP";
  input["Port"] = 80;
  EXPECT_EQ(ErrorOf("CreateListener", input), "ValidationError");

  const std::string arn = listener["ListenerArn"];
  Call("AddListenerCertificates", {{"ListenerArn", arn}, {"Certificates", {{{"CertificateArn", "arn:cert-2"}}}}});
  const Json both = Call("DescribeListenerCertificates", {{"ListenerArn", arn}})["Certificates"];
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0]["IsDefault"], true);
  EXPECT_EQ(both[1]["CertificateArn"], "arn:cert-2");
  EXPECT_EQ(ErrorOf("RemoveListenerCertificates",
                    {{"ListenerArn", arn}, {"Certificates", {{{"CertificateArn", "arn:cert-1"}}}}}),
            "OperationNotPermitted");
  Call("RemoveListenerCertificates", {{"ListenerArn", arn}, {"Certificates", {{{"CertificateArn", "arn:cert-2"}}}}});
  EXPECT_EQ(Call("DescribeListenerCertificates", {{"ListenerArn", arn}})["Certificates"].size(), 1u);
}

TEST_F(Elbv2Test, RulesAreListedInPriorityOrder) {
  const std::string listener = MakeListener(MakeLoadBalancer());
  const std::string late = MakeRule(listener, 100, NotFound());
  const std::string early = MakeRule(listener, 20, NotFound());
  Json rules = Call("DescribeRules", {{"ListenerArn", listener}})["Rules"];
  ASSERT_EQ(rules.size(), 3u);
  EXPECT_EQ(rules[0]["RuleArn"], early);
  EXPECT_EQ(rules[0]["Conditions"][0]["PathPatternConfig"]["Values"][0], "/p20");
  EXPECT_EQ(rules[0]["Conditions"][0]["Values"][0], "/p20");
  EXPECT_EQ(rules[2]["Priority"], "default");

  EXPECT_EQ(ErrorOf("CreateRule",
                    {{"ListenerArn", listener}, {"Priority", 20}, {"Conditions", Path("/x")}, {"Actions", NotFound()}}),
            "PriorityInUse");
  EXPECT_EQ(ErrorOf("SetRulePriorities", {{"RulePriorities", {{{"RuleArn", late}, {"Priority", 20}}}}}),
            "PriorityInUse");
  Call("SetRulePriorities",
       {{"RulePriorities", {{{"RuleArn", late}, {"Priority", 20}}, {{"RuleArn", early}, {"Priority", 100}}}}});
  EXPECT_EQ(Call("DescribeRules", {{"ListenerArn", listener}})["Rules"][0]["RuleArn"], late);
}

TEST_F(Elbv2Test, APageEndsWithAMarker) {
  const std::string listener = MakeListener(MakeLoadBalancer());
  for (int i = 1; i <= 4; ++i) MakeRule(listener, i, NotFound());
  const Json first = Call("DescribeRules", {{"ListenerArn", listener}, {"PageSize", 3}});
  ASSERT_EQ(first["Rules"].size(), 3u);
  const Json second =
      Call("DescribeRules", {{"ListenerArn", listener}, {"PageSize", 3}, {"Marker", first["NextMarker"]}});
  EXPECT_EQ(second["Rules"].size(), 2u);
  EXPECT_FALSE(second.contains("NextMarker"));
  EXPECT_EQ(ErrorOf("DescribeRules", {{"ListenerArn", listener}, {"Marker", "x"}}), "ValidationError");
}

TEST_F(Elbv2Test, AHundredRulesFitOnALoadBalancer) {
  const std::string load_balancer = MakeLoadBalancer();
  const std::string one = MakeListener(load_balancer, 80);
  const std::string two = MakeListener(load_balancer, 81);
  for (int i = 1; i <= 60; ++i) MakeRule(one, i, NotFound());
  for (int i = 1; i <= 40; ++i) MakeRule(two, i, NotFound());
  EXPECT_EQ(ErrorOf("CreateRule",
                    {{"ListenerArn", two}, {"Priority", 41}, {"Conditions", Path("/x")}, {"Actions", NotFound()}}),
            "TooManyRules");
}

TEST_F(Elbv2Test, AHundredTargetGroupsFitOnALoadBalancer) {
  const std::string load_balancer = MakeLoadBalancer();
  const std::string listener = MakeListener(load_balancer);
  for (int rule = 0; rule < 20; ++rule) {
    Json groups = Json::array();
    for (int i = 0; i < 5; ++i)
      groups.push_back({{"TargetGroupArn", MakeGroup("g" + std::to_string(rule * 5 + i))}, {"Weight", i}});
    MakeRule(listener, rule + 1, Json::array({{{"Type", "forward"}, {"ForwardConfig", {{"TargetGroups", groups}}}}}));
  }
  const std::string further = MakeGroup("one-more");
  EXPECT_EQ(
      ErrorOf("CreateRule",
              {{"ListenerArn", listener}, {"Priority", 50}, {"Conditions", Path("/x")}, {"Actions", Forward(further)}}),
      "TooManyUniqueTargetGroupsPerLoadBalancer");
  // Refused means unchanged.
  EXPECT_EQ(Call("DescribeRules", {{"ListenerArn", listener}})["Rules"].size(), 21u);
}

TEST_F(Elbv2Test, ATargetGroupBelongsToOneLoadBalancer) {
  const std::string group = MakeGroup("web");
  const std::string one = MakeLoadBalancer("one");
  const std::string listener = MakeListener(one, 80);
  const std::string rule = MakeRule(listener, 1, Forward(group));
  EXPECT_EQ(Call("DescribeTargetGroups", {{"LoadBalancerArn", one}})["TargetGroups"][0]["LoadBalancerArns"],
            Json::array({one}));
  EXPECT_EQ(MessageOf("DeleteTargetGroup", {{"TargetGroupArn", group}}),
            "Target group '" + group + "' is currently in use by a listener or a rule");
  const std::string other = MakeListener(MakeLoadBalancer("two"), 81);
  EXPECT_EQ(ErrorOf("CreateRule",
                    {{"ListenerArn", other}, {"Priority", 1}, {"Conditions", Path("/x")}, {"Actions", Forward(group)}}),
            "TargetGroupAssociationLimit");
  Call("DeleteRule", {{"RuleArn", rule}});
  EXPECT_TRUE(
      Call("DescribeTargetGroups", {{"TargetGroupArns", {group}}})["TargetGroups"][0]["LoadBalancerArns"].empty());
  EXPECT_EQ(ErrorOf("DeleteTargetGroup", {{"TargetGroupArn", group}}), "");
}

TEST_F(Elbv2Test, ConditionsAreChecked) {
  const std::string listener = MakeListener(MakeLoadBalancer());
  int priority = 0;
  const auto error = [&](const Json& conditions) {
    return ErrorOf(
        "CreateRule",
        {{"ListenerArn", listener}, {"Priority", ++priority}, {"Conditions", conditions}, {"Actions", NotFound()}});
  };
  const auto host = [](const Json& values) {
    return Json{{"Field", "host-header"}, {"HostHeaderConfig", {{"Values", values}}}};
  };
  EXPECT_EQ(error(Json::array({host({"*.example.com", "alpha.localhost"})})), "");
  EXPECT_EQ(error(Json::array({host({"nodots"})})), "ValidationError");
  EXPECT_EQ(error(Json::array({host({"a b.com"})})), "ValidationError");
  EXPECT_EQ(error(Json::array({host({"a.c0m"})})), "ValidationError");
  EXPECT_EQ(error(Json::array({host({"a.com\nbind :1"})})), "ValidationError");
  EXPECT_EQ(error(Json::array({host({"a.com"}), host({"b.com"})})), "ValidationError");
  EXPECT_EQ(error(Json::array({host({"a.com", "b.com"}), {{"Field", "path-pattern"}, {"Values", {"/1", "/2", "/3"}}}})),
            "");
  EXPECT_EQ(
      error(Json::array({host({"a.com", "b.com"}), {{"Field", "path-pattern"}, {"Values", {"/1", "/2", "/3", "/4"}}}})),
      "ValidationError");
  EXPECT_EQ(error(Path("/a*b*c*d*e*")), "");
  EXPECT_EQ(error(Path("/a*b*c*d*e*f?")), "ValidationError");
  EXPECT_EQ(error(Path("/a b")), "ValidationError");
  EXPECT_EQ(error(Path("/" + std::string(128, 'a'))), "ValidationError");
  EXPECT_EQ(error(Path("/it's\"$HOME&(x)")), "");
  EXPECT_EQ(error(Json::array({{{"Field", "source-ip"}, {"SourceIpConfig", {{"Values", {"10.0.0.0/8"}}}}}})), "");
  EXPECT_EQ(error(Json::array({{{"Field", "source-ip"}, {"SourceIpConfig", {{"Values", {"10.0.0.0/33"}}}}}})),
            "ValidationError");
  EXPECT_EQ(error(Json::array(
                {{{"Field", "http-header"}, {"HttpHeaderConfig", {{"HttpHeaderName", "X-A"}, {"Values", {"v*"}}}}}})),
            "");
  EXPECT_EQ(error(Json::array(
                {{{"Field", "http-header"}, {"HttpHeaderConfig", {{"HttpHeaderName", "X A"}, {"Values", {"v"}}}}}})),
            "ValidationError");
  EXPECT_EQ(error(Json::array(
                {{{"Field", "http-header"}, {"HttpHeaderConfig", {{"HttpHeaderName", "host"}, {"Values", {"v"}}}}}})),
            "ValidationError");
  EXPECT_EQ(
      error(Json::array({{{"Field", "http-request-method"}, {"HttpRequestMethodConfig", {{"Values", {"GET"}}}}}})), "");
  EXPECT_EQ(
      error(Json::array({{{"Field", "http-request-method"}, {"HttpRequestMethodConfig", {{"Values", {"get"}}}}}})),
      "ValidationError");
  EXPECT_EQ(
      error(Json::array({{{"Field", "query-string"},
                          {"QueryStringConfig", {{"Values", {{{"Key", "v"}, {"Value", "1*"}}, {{"Value", "x"}}}}}}}})),
      "");
  EXPECT_EQ(error(Json::array({{{"Field", "cookie"}, {"Values", {"x"}}}})), "ValidationError");
  EXPECT_EQ(error(Json::array()), "ValidationError");
}

TEST_F(Elbv2Test, ActionsAreCheckedAndCompleted) {
  const std::string listener = MakeListener(MakeLoadBalancer());
  const std::string group = MakeGroup("web");
  const Json action = Call("CreateRule", {{"ListenerArn", listener},
                                          {"Priority", 1},
                                          {"Conditions", Path("/")},
                                          {"Actions", Forward(group)}})["Rules"][0]["Actions"][0];
  EXPECT_EQ(action["TargetGroupArn"], group);
  EXPECT_EQ(action["ForwardConfig"]["TargetGroups"][0]["Weight"], 1);
  EXPECT_EQ(action["ForwardConfig"]["TargetGroupStickinessConfig"]["Enabled"], false);

  const auto error = [&](const Json& act) {
    return ErrorOf(
        "CreateRule",
        {{"ListenerArn", listener}, {"Priority", 2}, {"Conditions", Path("/")}, {"Actions", Json::array({act})}});
  };
  const auto redirect = [](const Json& more) {
    Json config{{"StatusCode", "HTTP_302"}};
    config.update(more);
    return Json{{"Type", "redirect"}, {"RedirectConfig", config}};
  };
  EXPECT_EQ(error({{"Type", "forward"}, {"TargetGroupArn", "arn:none"}}), "TargetGroupNotFound");
  EXPECT_EQ(error({{"Type", "forward"}}), "ValidationError");
  EXPECT_EQ(error({{"Type", "fixed-response"},
                   {"FixedResponseConfig", {{"StatusCode", "200"}, {"ContentType", "image/png"}}}}),
            "ValidationError");
  EXPECT_EQ(error({{"Type", "fixed-response"}, {"FixedResponseConfig", {{"StatusCode", "302"}}}}), "ValidationError");
  EXPECT_EQ(error(redirect(Json::object())), "InvalidLoadBalancerAction");
  EXPECT_EQ(error(redirect({{"Path", "relative"}})), "ValidationError");
  EXPECT_EQ(error(redirect({{"Path", "/#{nope}"}})), "ValidationError");
  EXPECT_EQ(error(redirect({{"Port", "70000"}})), "ValidationError");
  EXPECT_EQ(error(redirect({{"Host", "a\r\nX: y"}})), "ValidationError");
  EXPECT_EQ(error(redirect({{"Path", "/new/#{path}"}})), "");
}

TEST_F(Elbv2Test, TargetGroupDefaultsAndIdempotency) {
  const Json made = Call("CreateTargetGroup", {{"Name", "web"},
                                               {"Protocol", "HTTP"},
                                               {"Port", 80},
                                               {"VpcId", "vpc-1"},
                                               {"TargetType", "ip"}})["TargetGroups"][0];
  EXPECT_EQ(made["HealthCheckPath"], "/");
  EXPECT_EQ(made["HealthCheckIntervalSeconds"], 30);
  EXPECT_EQ(made["HealthCheckTimeoutSeconds"], 5);
  EXPECT_EQ(made["HealthyThresholdCount"], 5);
  EXPECT_EQ(made["UnhealthyThresholdCount"], 2);
  EXPECT_EQ(made["Matcher"]["HttpCode"], "200");
  EXPECT_EQ(made["HealthCheckPort"], "traffic-port");
  const std::string arn = made["TargetGroupArn"];
  EXPECT_EQ(MakeGroup("web", {{"Port", 80}}), arn);
  EXPECT_EQ(ErrorOf("CreateTargetGroup",
                    {{"Name", "web"}, {"Protocol", "HTTP"}, {"Port", 81}, {"VpcId", "vpc-1"}, {"TargetType", "ip"}}),
            "DuplicateTargetGroupName");

  Json attributes = Call("DescribeTargetGroupAttributes", {{"TargetGroupArn", arn}})["Attributes"];
  EXPECT_NE(std::find(attributes.begin(), attributes.end(),
                      Json({{"Key", "deregistration_delay.timeout_seconds"}, {"Value", "300"}})),
            attributes.end());
  const auto set = [&](const char* key, const char* value) {
    return ErrorOf("ModifyTargetGroupAttributes",
                   {{"TargetGroupArn", arn}, {"Attributes", {{{"Key", key}, {"Value", value}}}}});
  };
  EXPECT_EQ(set("deregistration_delay.timeout_seconds", "5"), "");
  EXPECT_EQ(set("deregistration_delay.timeout_seconds", "3601"), "ValidationError");
  EXPECT_EQ(set("deregistration_delay.timeout_seconds", "5s"), "ValidationError");
  EXPECT_EQ(set("nope", "5"), "InvalidConfigurationRequest");
}

TEST_F(Elbv2Test, AttributesOfTargetGroupsThatExcludeEachOther) {
  const std::string arn = MakeGroup("web");
  const auto set = [&](const std::map<std::string, std::string>& attributes) {
    Json list = Json::array();
    for (const auto& [key, value] : attributes) list.push_back({{"Key", key}, {"Value", value}});
    return MessageOf("ModifyTargetGroupAttributes", {{"TargetGroupArn", arn}, {"Attributes", list}});
  };
  const std::string algorithm = "load_balancing.algorithm.type";
  EXPECT_EQ(set({{"slow_start.duration_seconds", "30"}}), "no error");
  EXPECT_EQ(set({{algorithm, "least_outstanding_requests"}}),
            "You cannot enable both slow start and least outstanding requests algorithm on a target group");
  EXPECT_EQ(set({{algorithm, "weighted_random"}}),
            "You cannot enable both slow start and weighted random algorithm on a target group");
  EXPECT_EQ(set({{algorithm, "weighted_random"}, {"slow_start.duration_seconds", "0"}}), "no error");
  EXPECT_EQ(set({{"load_balancing.algorithm.anomaly_mitigation", "on"}}), "no error");
  EXPECT_NE(set({{algorithm, "round_robin"}}), "no error");
  EXPECT_NE(set({{"stickiness.enabled", "true"}, {"stickiness.type", "app_cookie"}}), "no error") << "which cookie?";
  EXPECT_NE(set({{"stickiness.app_cookie.cookie_name", "AWSALBAPP"}}), "no error");
  EXPECT_NE(set({{"stickiness.app_cookie.cookie_name", "a; b"}}), "no error");
  EXPECT_EQ(set({{"stickiness.enabled", "true"},
                 {"stickiness.type", "app_cookie"},
                 {"stickiness.app_cookie.cookie_name", "sessionid"}}),
            "no error");
}

TEST_F(Elbv2Test, ListenersHaveAttributes) {
  const std::string arn = Call("CreateListener", {{"LoadBalancerArn", MakeLoadBalancer()},
                                                  {"Protocol", "HTTP"},
                                                  {"Port", 80},
                                                  {"DefaultActions", NotFound()}})["Listeners"][0]["ListenerArn"];
  const auto has = [&](const Json& answer, const char* key, const char* value) {
    const Json wanted{{"Key", key}, {"Value", value}};
    return std::find(answer["Attributes"].begin(), answer["Attributes"].end(), wanted) != answer["Attributes"].end();
  };
  EXPECT_TRUE(
      has(Call("DescribeListenerAttributes", {{"ListenerArn", arn}}), "routing.http.response.server.enabled", "true"));
  const auto set = [&](const char* key) {
    return ErrorOf("ModifyListenerAttributes",
                   {{"ListenerArn", arn}, {"Attributes", {{{"Key", key}, {"Value", "false"}}}}});
  };
  EXPECT_EQ(set("routing.http.response.server.enabled"), "");
  EXPECT_EQ(set("nope"), "InvalidConfigurationRequest");
  const auto error = [&](const char* key, const std::string& value) {
    return ErrorOf("ModifyListenerAttributes",
                   {{"ListenerArn", arn}, {"Attributes", {{{"Key", key}, {"Value", value}}}}});
  };
  constexpr const char* kPolicy = "routing.http.response.content_security_policy.header_value";
  EXPECT_EQ(error(kPolicy, "default-src 'self'; img-src *"), "");
  EXPECT_EQ(error(kPolicy, ""), "") << "as it was";
  EXPECT_EQ(error(kPolicy, "a\r\nSet-Cookie: b"), "InvalidConfigurationRequest");
  EXPECT_EQ(error(kPolicy, std::string(1025, 'x')), "InvalidConfigurationRequest");
  EXPECT_EQ(error("routing.http.response.server.enabled", "no"), "InvalidConfigurationRequest");
  EXPECT_EQ(set("routing.http.request.x_amzn_tls_version.header_name"), "InvalidConfigurationRequest");  // HTTPS only
  EXPECT_TRUE(
      has(Call("DescribeListenerAttributes", {{"ListenerArn", arn}}), "routing.http.response.server.enabled", "false"));
}

TEST_F(Elbv2Test, HealthCheckSettingsAreChecked) {
  const auto error = [&](const Json& more) {
    Json input{{"Name", "web"}, {"Protocol", "HTTP"}, {"Port", 80}, {"VpcId", "vpc-1"}, {"TargetType", "ip"}};
    input.update(more);
    return ErrorOf("CreateTargetGroup", input);
  };
  EXPECT_EQ(error({{"HealthCheckIntervalSeconds", 5}, {"HealthCheckTimeoutSeconds", 5}}), "ValidationError");
  EXPECT_EQ(error({{"HealthCheckPath", "health"}}), "ValidationError");
  EXPECT_EQ(error({{"HealthCheckPath", "/x HTTP/1.1"}}), "ValidationError");
  EXPECT_EQ(error({{"HealthCheckPort", "http"}}), "ValidationError");
  EXPECT_EQ(error({{"Matcher", {{"HttpCode", "500"}}}}), "ValidationError");
  EXPECT_EQ(error({{"Name", "-web"}}), "ValidationError");
  EXPECT_EQ(error({{"VpcId", "vpc-none"}}), "ValidationError");
  EXPECT_EQ(error({{"Matcher", {{"HttpCode", "200-299,404"}}}, {"HealthCheckPort", "8081"}}), "");
}

TEST_F(Elbv2Test, TargetsAreRegisteredDrainedAndDescribed) {
  const std::string group = MakeGroup("web");
  const auto health = [&](const Json& targets = nullptr) {
    Json input{{"TargetGroupArn", group}};
    if (targets.is_array()) input["Targets"] = targets;
    return Call("DescribeTargetHealth", input)["TargetHealthDescriptions"];
  };
  Call("RegisterTargets",
       {{"TargetGroupArn", group}, {"Targets", {{{"Id", "10.0.0.5"}}, {{"Id", "10.0.0.6"}, {"Port", 9000}}}}});
  Json all = health();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0]["Target"], Json({{"Id", "10.0.0.5"}, {"Port", 8000}}));
  EXPECT_EQ(all[0]["HealthCheckPort"], "8000");
  EXPECT_EQ(all[0]["TargetHealth"]["State"], "initial");
  EXPECT_EQ(all[0]["TargetHealth"]["Reason"], "Elb.RegistrationInProgress");

  Call("DeregisterTargets", {{"TargetGroupArn", group}, {"Targets", {{{"Id", "10.0.0.6"}}}}});
  all = health();
  EXPECT_EQ(all[1]["TargetHealth"]["State"], "draining");
  EXPECT_EQ(all[1]["TargetHealth"]["Reason"], "Target.DeregistrationInProgress");
  EXPECT_TRUE(api_.Document("elbv2.targets", group + "|10.0.0.6|9000").contains("_draining_since"));

  const Json unknown = health(Json::array({{{"Id", "10.0.0.9"}}}))[0];
  EXPECT_EQ(unknown["TargetHealth"]["State"], "unused");
  EXPECT_EQ(unknown["TargetHealth"]["Reason"], "Target.NotRegistered");
  EXPECT_EQ(ErrorOf("DeregisterTargets", {{"TargetGroupArn", group}, {"Targets", {{{"Id", "10.0.0.9"}}}}}), "");

  EXPECT_EQ(ErrorOf("RegisterTargets", {{"TargetGroupArn", group}, {"Targets", {{{"Id", "i-1234"}}}}}),
            "ValidationError");
  EXPECT_EQ(ErrorOf("RegisterTargets", {{"TargetGroupArn", group}, {"Targets", {{{"Id", "8.8.8.8"}}}}}),
            "ValidationError");
  const std::string instances = MakeGroup("instances", {{"TargetType", "instance"}});
  EXPECT_EQ(ErrorOf("RegisterTargets", {{"TargetGroupArn", instances}, {"Targets", {{{"Id", "i-1234"}}}}}),
            "InvalidTarget");
}

TEST_F(Elbv2Test, RegisteringADrainingTargetBringsItBack) {
  const std::string group = MakeGroup("web");
  const Json targets{{"TargetGroupArn", group}, {"Targets", {{{"Id", "10.0.0.5"}}}}};
  Call("RegisterTargets", targets);
  Call("DeregisterTargets", targets);
  Call("RegisterTargets", targets);
  EXPECT_EQ(Call("DescribeTargetHealth", targets)["TargetHealthDescriptions"][0]["TargetHealth"]["State"], "initial");
}

TEST_F(Elbv2Test, EverythingCanBeTagged) {
  const std::string load_balancer = MakeLoadBalancer();
  const std::string listener = MakeListener(load_balancer);
  const std::string rule = MakeRule(listener, 1, NotFound());
  const std::string group = MakeGroup("web", {{"Tags", {{{"Key", "env"}, {"Value", "alpha"}}}}});
  const Json arns{load_balancer, listener, rule, group};
  Call("AddTags", {{"ResourceArns", arns}, {"Tags", {{{"Key", "owner"}, {"Value", "me"}}}}});
  Json tags = Call("DescribeTags", {{"ResourceArns", arns}})["TagDescriptions"];
  ASSERT_EQ(tags.size(), 4u);
  for (const auto& description : tags) EXPECT_EQ(description["Tags"].back(), Json({{"Key", "owner"}, {"Value", "me"}}));
  EXPECT_EQ(tags[3]["Tags"][0]["Value"], "alpha");
  Call("RemoveTags", {{"ResourceArns", {group}}, {"TagKeys", {"env"}}});
  EXPECT_EQ(Call("DescribeTags", {{"ResourceArns", {group}}})["TagDescriptions"][0]["Tags"].size(), 1u);
  EXPECT_EQ(ErrorOf("AddTags", {{"ResourceArns", {group}},
                                {"Tags", {{{"Key", "a"}, {"Value", "1"}}, {{"Key", "a"}, {"Value", "2"}}}}}),
            "DuplicateTagKeys");
  Json many = Json::array();
  for (int i = 0; i < 50; ++i) many.push_back({{"Key", "k" + std::to_string(i)}, {"Value", ""}});
  EXPECT_EQ(ErrorOf("AddTags", {{"ResourceArns", {group}}, {"Tags", many}}), "TooManyTags");
}

TEST_F(Elbv2Test, LimitsAndPoliciesAreListed) {
  const Json limits = Call("DescribeAccountLimits")["Limits"];
  EXPECT_NE(
      std::find(limits.begin(), limits.end(), Json({{"Name", "rules-per-application-load-balancer"}, {"Max", "100"}})),
      limits.end());
  EXPECT_EQ(Call("DescribeSSLPolicies", {{"Names", {"ELBSecurityPolicy-TLS13-1-2-2021-06"}}})["SslPolicies"].size(),
            1u);
  EXPECT_EQ(ErrorOf("DescribeSSLPolicies", {{"Names", {"nope"}}}), "SSLPolicyNotFound");
}

}  // namespace
}  // namespace adhoc::localcloud
