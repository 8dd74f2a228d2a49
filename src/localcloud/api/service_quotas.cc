// Service Quotas: AWS's defaults of what bounds environments
// (https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html), and increases, which are granted at
// once. The local cloud itself refuses by the quotas of elbv2 only, as they were in the beginning.
#include <algorithm>

#include "localcloud/api/support.h"

namespace adhoc::localcloud {
namespace {

constexpr std::string_view kGranted = "servicequotas.granted";    // service/code → {value}
constexpr std::string_view kRequests = "servicequotas.requests";  // id → RequestedQuota

struct Quota {
  const char* service;
  const char* code;
  const char* name;
  double value;
  bool adjustable;
  bool global = false;
};

constexpr Quota kQuotas[] = {
    {"ec2", "L-0263D0A3", "EC2-VPC Elastic IPs", 5, true},
    {"ecs", "L-21C621EB", "Clusters per account", 10000, true},
    {"ecs", "L-9EF96962", "Services per cluster", 5000, true},
    {"elasticloadbalancing", "L-53DA6B97", "Application Load Balancers per Region", 50, true},
    {"elasticloadbalancing", "L-7E6692B2", "Targets per Application Load Balancer", 1000, true},
    {"elasticloadbalancing", "L-7EED9B64", "Rules per Application Load Balancer", 100, true},
    {"elasticloadbalancing", "L-9365A611", "Certificates per Application Load Balancer", 25, true},
    {"elasticloadbalancing", "L-A0D0B863", "Targets per Target Group per Region", 1000, true},
    {"elasticloadbalancing", "L-B22855CB", "Target Groups per Region", 3000, true},
    {"elasticloadbalancing", "L-B6DF7632", "Listeners per Application Load Balancer", 50, true},
    {"fargate", "L-3032A538", "Fargate On-Demand vCPU resource count", 6, true},
    {"fargate", "L-36FBB829", "Fargate Spot vCPU resource count", 6, true},
    {"iam", "L-858F3967", "OpenID Connect Providers per Account", 100, true, true},
    {"iam", "L-FE177D64", "Roles per Account", 1000, true, true},
    {"logs", "L-C7B9AAAB", "Log groups", 1000000, true},
    {"rds", "L-7B6409FD", "DB instances", 40, true},
    {"route53", "L-4EA4796A", "Domain name hosted zones", 500, true, true},
    {"route53", "L-E209CC9F", "Records per hosted zone", 10000, true, true},
    {"s3", "L-DC2B2D3D", "General purpose buckets", 10000, true, true},
    {"servicediscovery", "L-0FE3F50E", "Namespaces per Region", 50, true},
    {"servicediscovery", "L-D95E8A57", "Instances per namespace", 2000, true},
    {"vpc", "L-0EA8095F", "Inbound or outbound rules per security group", 60, true},
    {"vpc", "L-DF5E4CA3", "Network interfaces per Region", 5000, true},
    {"vpc", "L-F678F1CE", "VPCs per Region", 5, true},
    {"vpc", "L-FE5A380F", "NAT gateways per Availability Zone", 5, true},
};

std::string KeyOf(const std::string& service, const std::string& code) { return service + "/" + code; }

Json Describe(const Cloud& cloud, const Quota& quota, double value) {
  return {{"ServiceCode", quota.service},
          {"ServiceName", quota.service},
          {"QuotaArn", cloud.Arn("servicequotas", KeyOf(quota.service, quota.code))},
          {"QuotaCode", quota.code},
          {"QuotaName", quota.name},
          {"Value", value},
          {"Unit", "None"},
          {"Adjustable", quota.adjustable},
          {"GlobalQuota", quota.global}};
}

double Applied(const Call& call, const Quota& quota) {
  const Json* granted = call.txn.Find(kGranted, KeyOf(quota.service, quota.code));
  return granted == nullptr ? quota.value : granted->at("value").get<double>();
}

const Quota& Require(const Call& call) {
  const std::string service = Text(call.input, "ServiceCode");
  const std::string code = Text(call.input, "QuotaCode");
  for (const Quota& quota : kQuotas) {
    if (service == quota.service && code == quota.code) return quota;
  }
  throw ApiError("NoSuchResourceException", "The request failed because the specified service does not exist.");
}

Json GetServiceQuota(Cloud& cloud, Call& call) {
  const Quota& quota = Require(call);
  return {{"Quota", Describe(cloud, quota, Applied(call, quota))}};
}

Json GetAWSDefaultServiceQuota(Cloud& cloud, Call& call) {
  const Quota& quota = Require(call);
  return {{"Quota", Describe(cloud, quota, quota.value)}};
}

Json List(Cloud& cloud, Call& call, bool applied) {
  const std::string service = Text(call.input, "ServiceCode");
  KeyedItems items;
  for (const Quota& quota : kQuotas) {
    if (service != quota.service) continue;
    items.emplace_back(quota.code, Describe(cloud, quota, applied ? Applied(call, quota) : quota.value));
  }
  if (items.empty()) {
    throw ApiError("NoSuchResourceException", "The request failed because the specified service does not exist.");
  }
  Page page = TakePage(std::move(items), Number(call.input, "MaxResults", 100), Text(call.input, "NextToken"),
                       "InvalidPaginationTokenException");
  Json output{{"Quotas", std::move(page.items)}};
  if (!page.next.empty()) output["NextToken"] = page.next;
  return output;
}

Json ListServiceQuotas(Cloud& cloud, Call& call) { return List(cloud, call, true); }
Json ListAWSDefaultServiceQuotas(Cloud& cloud, Call& call) { return List(cloud, call, false); }

Json ListServices(Cloud&, Call& call) {
  KeyedItems items;
  for (const Quota& quota : kQuotas) {
    if (items.empty() || items.back().first != quota.service) {
      items.emplace_back(quota.service, Json{{"ServiceCode", quota.service}, {"ServiceName", quota.service}});
    }
  }
  Page page = TakePage(std::move(items), Number(call.input, "MaxResults", 100), Text(call.input, "NextToken"),
                       "InvalidPaginationTokenException");
  Json output{{"Services", std::move(page.items)}};
  if (!page.next.empty()) output["NextToken"] = page.next;
  return output;
}

Json RequestIncrease(Cloud& cloud, Call& call) {
  const Quota& quota = Require(call);
  const double wanted = call.input["DesiredValue"].get<double>();
  if (wanted <= Applied(call, quota)) {
    throw ApiError("IllegalArgumentException", "You must provide a quota value greater than the current quota value.");
  }
  call.txn.Put(kGranted, KeyOf(quota.service, quota.code), {{"value", wanted}});
  const std::string id = cloud.random.Hex(32) + "abcdefgh";
  const Json request = {{"Id", id},
                        {"ServiceCode", quota.service},
                        {"ServiceName", quota.service},
                        {"QuotaCode", quota.code},
                        {"QuotaName", quota.name},
                        {"DesiredValue", wanted},
                        {"Status", "APPROVED"},
                        {"Created", cloud.Now()},
                        {"LastUpdated", cloud.Now()},
                        {"Requester", Json{{"accountId", cloud.settings.account}}.dump()},
                        {"QuotaArn", cloud.Arn("servicequotas", KeyOf(quota.service, quota.code))},
                        {"GlobalQuota", quota.global},
                        {"Unit", "None"}};
  call.txn.Put(kRequests, id, request);
  return {{"RequestedQuota", request}};
}

Json GetRequestedChange(Cloud&, Call& call) {
  const Json* found = call.txn.Find(kRequests, Text(call.input, "RequestId"));
  if (found == nullptr) throw ApiError("NoSuchResourceException", "The requested change does not exist.");
  return {{"RequestedQuota", *found}};
}

}  // namespace

void RegisterServiceQuotas(Api& api, Cloud& cloud) {
  RegisterHandlers(api, cloud, "service-quotas",
                   {{"GetAWSDefaultServiceQuota", GetAWSDefaultServiceQuota},
                    {"GetRequestedServiceQuotaChange", GetRequestedChange},
                    {"GetServiceQuota", GetServiceQuota},
                    {"ListAWSDefaultServiceQuotas", ListAWSDefaultServiceQuotas},
                    {"ListServiceQuotas", ListServiceQuotas},
                    {"ListServices", ListServices},
                    {"RequestServiceQuotaIncrease", RequestIncrease, Effect::kRecorded}});
}

}  // namespace adhoc::localcloud
