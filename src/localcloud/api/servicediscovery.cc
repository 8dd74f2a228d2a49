// AWS Cloud Map. Healthy instances are names that the DNS server answers (names/). Operations finish by the clock, so
// that a client that does not poll is found out.
#include <algorithm>

#include "localcloud/api/route53.h"
#include "localcloud/api/support.h"

namespace adhoc::localcloud {
namespace {

constexpr std::string_view kNamespaces = "servicediscovery.namespaces";
constexpr std::string_view kServices = "servicediscovery.services";
constexpr std::string_view kInstances = "servicediscovery.instances";  // key: service id / instance id
constexpr std::string_view kOperations = "servicediscovery.operations";

constexpr double kDoneAfter = 0.1;
constexpr double kPendingShare = 0.3;  // of that time, it is only submitted
constexpr double kOperationRemembered = 24 * 3600;

std::string NewId(Cloud& cloud, const char* prefix) {
  return prefix + cloud.random.Pick("abcdefghijklmnopqrstuvwxyz234567", 16);
}

// An id, or the id at the end of an ARN.
std::string IdOf(const std::string& id) { return StartsWith(id, "arn:") ? id.substr(id.rfind('/') + 1) : id; }

const Json& GetNamespace(const Call& call, const std::string& id) {
  const Json* found = call.txn.Find(kNamespaces, IdOf(id));
  if (found == nullptr) throw ApiError("NamespaceNotFound", "Namespace does not exist.");
  return *found;
}

const Json& GetService(const Call& call, const std::string& id) {
  const Json* found = call.txn.Find(kServices, IdOf(id));
  if (found == nullptr) throw ApiError("ServiceNotFound", "No service found with the specified Id.");
  return *found;
}

std::vector<std::pair<std::string, const Json*>> InstancesOf(const Store::Transaction& txn,
                                                             const std::string& service) {
  std::vector<std::pair<std::string, const Json*>> found;
  const std::string prefix = service + "/";
  const auto& all = txn.All(kInstances);
  for (auto it = all.lower_bound(prefix); it != all.end() && StartsWith(it->first, prefix); ++it) {
    found.emplace_back(it->first.substr(prefix.size()), &it->second);
  }
  return found;
}

// ---- Operations

Json StartOperation(Cloud& cloud, Call& call, const char* type, Json targets) {
  const double now = cloud.Now();
  std::vector<std::string> old;
  for (const auto& [id, operation] : call.txn.All(kOperations)) {
    if (operation.value("CreateDate", now) < now - kOperationRemembered) old.push_back(id);
  }
  for (const auto& id : old) call.txn.Erase(kOperations, id);

  const std::string id = cloud.random.Pick("abcdefghijklmnopqrstuvwxyz234567", 31) + "-" +
                         cloud.random.Pick("abcdefghijklmnopqrstuvwxyz0123456789", 8);
  const bool of_namespace = std::string_view(type).ends_with("_NAMESPACE");
  Json operation{{"Id", id},
                 {"Type", type},
                 {"CreateDate", now},
                 {"Targets", std::move(targets)},
                 {"_done_at", cloud.DueAt(of_namespace ? Slow::kNamespaceChange : Slow::kDiscoveryChange, kDoneAfter)}};
  if (call.input.contains("CreatorRequestId")) operation["_creator_request_id"] = call.input["CreatorRequestId"];
  call.txn.Put(kOperations, id, std::move(operation));
  return {{"OperationId", id}};
}

// The operation that this CreatorRequestId started before, if any.
std::optional<Json> Replayed(const Call& call, std::string_view type) {
  const std::string token = Text(call.input, "CreatorRequestId");
  if (token.empty()) return std::nullopt;
  for (const auto& [id, operation] : call.txn.All(kOperations)) {
    if (Text(operation, "_creator_request_id") == token && Text(operation, "Type") == type)
      return Json{{"OperationId", id}};
  }
  return std::nullopt;
}

Json OperationAnswer(Cloud& cloud, const Json& operation) {
  Json answer = operation;
  const double started = operation["CreateDate"];
  const double done = operation.value("_done_at", started);
  const double pending = started + (done - started) * kPendingShare;
  const double now = cloud.Now();
  answer["Status"] = now < pending ? "SUBMITTED" : now < done ? "PENDING" : "SUCCESS";
  answer["UpdateDate"] = now < pending ? started : now < done ? pending : done;
  return answer;
}

Json GetOperation(Cloud& cloud, Call& call) {
  const Json* operation = call.txn.Find(kOperations, Text(call.input, "OperationId"));
  if (operation == nullptr) throw ApiError("OperationNotFound", "No operation found with the specified Id.");
  return {{"Operation", OperationAnswer(cloud, *operation)}};
}

// [{Name, Values, Condition}] against the fields of one thing.
bool MatchesFilters(const Json& filters, const Json& fields) {
  for (const auto& filter : filters) {
    const std::string value = Text(fields, Text(filter, "Name"));
    const std::string condition = Text(filter, "Condition", "EQ");
    const auto wanted = Strings(filter, "Values");
    const bool found = std::any_of(wanted.begin(), wanted.end(), [&](const std::string& one) {
      return condition == "BEGINS_WITH" ? StartsWith(value, one) : value == one;
    });
    if (!found) return false;
  }
  return true;
}

Json Paged(const Call& call, KeyedItems items, const char* output) {
  Page page =
      TakePage(std::move(items), Number(call.input, "MaxResults", 100), Text(call.input, "NextToken"), "InvalidInput");
  Json answer{{output, std::move(page.items)}};
  if (!page.next.empty()) answer["NextToken"] = page.next;
  return answer;
}

Json ListOperations(Cloud& cloud, Call& call) {
  KeyedItems items;
  for (const auto& [id, operation] : call.txn.All(kOperations)) {
    const Json answer = OperationAnswer(cloud, operation);
    const Json& targets = Fields(answer, "Targets");
    const Json fields{{"NAMESPACE_ID", Text(targets, "NAMESPACE")},
                      {"SERVICE_ID", Text(targets, "SERVICE")},
                      {"STATUS", Text(answer, "Status")},
                      {"TYPE", Text(answer, "Type")}};
    if (MatchesFilters(Items(call.input, "Filters"), fields)) {
      items.emplace_back(id, Json{{"Id", id}, {"Status", Text(answer, "Status")}});
    }
  }
  return Paged(call, std::move(items), "Operations");
}

// ---- Namespaces

Json CreateNamespace(Cloud& cloud, Call& call, const std::string& type) {
  if (auto replayed = Replayed(call, "CREATE_NAMESPACE")) return *replayed;
  const std::string name = Text(call.input, "Name");
  for (const auto& [id, other] : call.txn.All(kNamespaces)) {
    if (ToLower(Text(other, "Name")) == ToLower(name) && Text(other, "_vpc") == Text(call.input, "Vpc")) {
      throw ApiError("NamespaceAlreadyExists", "Namespace with name " + name + " already exists.",
                     {{"NamespaceId", id}});
    }
  }
  const std::string id = NewId(cloud, "ns-");
  Json space{{"Id", id},
             {"Arn", cloud.Arn("servicediscovery", "namespace/" + id)},
             {"Name", name},
             {"Type", type},
             {"CreateDate", cloud.Now()},
             {"Properties", {{"HttpProperties", {{"HttpName", name}}}}},
             {"_tags", Items(call.input, "Tags")}};
  CopyMembers(call.input, space, {"Description", "CreatorRequestId"});
  if (type == "DNS_PRIVATE") {
    const std::string vpc = Text(call.input, "Vpc");
    if (call.txn.Find("ec2.vpcs", vpc) == nullptr) {
      throw ApiError("InvalidInput", "The VPC " + vpc + " in region " + cloud.settings.region +
                                         " that you provided is not authorized to make the association.");
    }
    Json soa{{"TTL", 15}};
    const Json& given = Fields(Fields(Fields(call.input, "Properties"), "DnsProperties"), "SOA");
    if (given.contains("TTL")) soa = given;
    space["_vpc"] = vpc;
    space["Properties"]["DnsProperties"] = {
        {"HostedZoneId", PutPrivateZone(cloud, call.txn, name, vpc,
                                        "Created by AWS Cloud Map namespace with ARN " + Text(space, "Arn"))},
        {"SOA", soa}};
  }
  call.txn.Put(kNamespaces, id, std::move(space));
  return StartOperation(cloud, call, "CREATE_NAMESPACE", {{"NAMESPACE", id}});
}

Json CreateHttpNamespace(Cloud& cloud, Call& call) { return CreateNamespace(cloud, call, "HTTP"); }
Json CreatePrivateDnsNamespace(Cloud& cloud, Call& call) { return CreateNamespace(cloud, call, "DNS_PRIVATE"); }

std::vector<std::string> ServicesIn(const Call& call, const std::string& space) {
  std::vector<std::string> ids;
  for (const auto& [id, service] : call.txn.All(kServices)) {
    if (Text(service, "NamespaceId") == space) ids.push_back(id);
  }
  return ids;
}

Json NamespaceAnswer(const Call& call, const Json& space) {
  Json answer = space;
  answer["ServiceCount"] = ServicesIn(call, Text(space, "Id")).size();
  return answer;
}

Json GetNamespaceCall(Cloud&, Call& call) {
  return {{"Namespace", NamespaceAnswer(call, GetNamespace(call, Text(call.input, "Id")))}};
}

Json ListNamespaces(Cloud&, Call& call) {
  KeyedItems items;
  for (const auto& [id, space] : call.txn.All(kNamespaces)) {
    const Json fields{{"TYPE", Text(space, "Type")}, {"NAME", Text(space, "Name")}, {"HTTP_NAME", Text(space, "Name")}};
    if (MatchesFilters(Items(call.input, "Filters"), fields)) items.emplace_back(id, NamespaceAnswer(call, space));
  }
  return Paged(call, std::move(items), "Namespaces");
}

Json UpdateNamespace(Cloud& cloud, Call& call) {
  const std::string id = IdOf(Text(call.input, "Id"));
  GetNamespace(call, id);
  Json& space = call.txn.Edit(kNamespaces, id);
  const Json& change = Fields(call.input, "Namespace");
  CopyMembers(change, space, {"Description"});
  const Json& soa = Fields(Fields(Fields(change, "Properties"), "DnsProperties"), "SOA");
  if (soa.contains("TTL")) space["Properties"]["DnsProperties"]["SOA"] = soa;
  return StartOperation(cloud, call, "UPDATE_NAMESPACE", {{"NAMESPACE", id}});
}

Json DeleteNamespace(Cloud& cloud, Call& call) {
  const std::string id = IdOf(Text(call.input, "Id"));
  const Json& space = GetNamespace(call, id);
  if (!ServicesIn(call, id).empty()) {
    throw ApiError(
        "ResourceInUse",
        "Namespace has associated services. To delete a namespace, all of its services must be deleted first.");
  }
  const std::string zone = Text(Fields(Fields(space, "Properties"), "DnsProperties"), "HostedZoneId");
  if (!zone.empty()) EraseZone(call.txn, zone);
  call.txn.Erase(kNamespaces, id);
  return StartOperation(cloud, call, "DELETE_NAMESPACE", {{"NAMESPACE", id}});
}

// ---- Services

Json ServiceAnswer(const Call& call, const Json& service) {
  Json answer = service;
  answer["InstanceCount"] = InstancesOf(call.txn, Text(service, "Id")).size();
  return answer;
}

Json CreateService(Cloud& cloud, Call& call) {
  std::string space_id = Text(call.input, "NamespaceId");
  const Json& dns = Fields(call.input, "DnsConfig");
  if (space_id.empty()) space_id = Text(dns, "NamespaceId");
  space_id = IdOf(space_id);
  const Json& space = GetNamespace(call, space_id);
  const std::string name = Text(call.input, "Name");
  if (call.input.contains("HealthCheckConfig") && call.input.contains("HealthCheckCustomConfig")) {
    throw ApiError("InvalidInput",
                   "You can specify either HealthCheckConfig or HealthCheckCustomConfig, but not both.");
  }
  if (call.input.contains("HealthCheckConfig") && Text(space, "Type") == "DNS_PRIVATE") {
    throw ApiError("InvalidInput", "Health checks are not supported for services in a private DNS namespace.");
  }
  for (const auto& other : ServicesIn(call, space_id)) {
    const Json& service = *call.txn.Find(kServices, other);
    if (ToLower(Text(service, "Name")) != ToLower(name)) continue;
    if (call.input.contains("CreatorRequestId") &&
        service.value("CreatorRequestId", Json()) == call.input["CreatorRequestId"]) {
      return {{"Service", ServiceAnswer(call, service)}};
    }
    throw ApiError("ServiceAlreadyExists", "Service already exists.",
                   {{"ServiceId", other}, {"CreatorRequestId", Text(service, "CreatorRequestId")}});
  }
  const std::string id = NewId(cloud, "srv-");
  Json service{{"Id", id},
               {"Arn", cloud.Arn("servicediscovery", "service/" + id)},
               {"Name", name},
               {"NamespaceId", space_id},
               {"Type", Text(space, "Type") == "HTTP" || Text(call.input, "Type") == "HTTP" ? "HTTP"
                        : dns.empty()                                                       ? "HTTP"
                                                                                            : "DNS_HTTP"},
               {"CreateDate", cloud.Now()},
               {"_fqdn", name + "." + Text(space, "Name")},
               {"_tags", Items(call.input, "Tags")}};
  CopyMembers(call.input, service,
              {"Description", "CreatorRequestId", "DnsConfig", "HealthCheckConfig", "HealthCheckCustomConfig"});
  if (service.contains("DnsConfig")) {
    service["DnsConfig"]["NamespaceId"] = space_id;
    if (!service["DnsConfig"].contains("RoutingPolicy")) service["DnsConfig"]["RoutingPolicy"] = "MULTIVALUE";
  }
  if (service.contains("HealthCheckCustomConfig")) service["HealthCheckCustomConfig"]["FailureThreshold"] = 1;
  Json answer = ServiceAnswer(call, service);
  call.txn.Put(kServices, id, std::move(service));
  return {{"Service", std::move(answer)}};
}

Json GetServiceCall(Cloud&, Call& call) {
  return {{"Service", ServiceAnswer(call, GetService(call, Text(call.input, "Id")))}};
}

Json ListServices(Cloud&, Call& call) {
  KeyedItems items;
  for (const auto& [id, service] : call.txn.All(kServices)) {
    if (MatchesFilters(Items(call.input, "Filters"), {{"NAMESPACE_ID", Text(service, "NamespaceId")}})) {
      items.emplace_back(id, ServiceAnswer(call, service));
    }
  }
  return Paged(call, std::move(items), "Services");
}

Json UpdateService(Cloud& cloud, Call& call) {
  const std::string id = IdOf(Text(call.input, "Id"));
  GetService(call, id);
  Json& service = call.txn.Edit(kServices, id);
  const Json& change = Fields(call.input, "Service");
  CopyMembers(change, service, {"Description", "HealthCheckConfig"});
  if (change.contains("DnsConfig")) service["DnsConfig"]["DnsRecords"] = Items(change["DnsConfig"], "DnsRecords");
  return StartOperation(cloud, call, "UPDATE_SERVICE", {{"SERVICE", id}});
}

Json DeleteService(Cloud&, Call& call) {
  const std::string id = IdOf(Text(call.input, "Id"));
  GetService(call, id);
  if (!InstancesOf(call.txn, id).empty()) {
    throw ApiError("ResourceInUse",
                   "Service contains registered instances; delete the instances before deleting the service");
  }
  call.txn.Erase(kServices, id);
  return Json::object();
}

// ---- Instances

Json RegisterInstance(Cloud& cloud, Call& call) {
  if (auto replayed = Replayed(call, "REGISTER_INSTANCE")) return *replayed;
  const std::string service_id = IdOf(Text(call.input, "ServiceId"));
  const Json& service = GetService(call, service_id);
  const std::string instance = Text(call.input, "InstanceId");
  const Json& attributes = Fields(call.input, "Attributes");
  for (const auto& record : Items(Fields(service, "DnsConfig"), "DnsRecords")) {
    const std::string type = Text(record, "Type");
    const char* needed = type == "A"       ? "AWS_INSTANCE_IPV4"
                         : type == "AAAA"  ? "AWS_INSTANCE_IPV6"
                         : type == "CNAME" ? "AWS_INSTANCE_CNAME"
                                           : "AWS_INSTANCE_PORT";
    if (!attributes.contains(needed) && !(type == "A" && attributes.contains("AWS_ALIAS_DNS_NAME"))) {
      throw ApiError("InvalidInput", std::string("Attribute ") + needed +
                                         " is required for a service with a DNS record of type " + type + ".");
    }
  }
  call.txn.Put(kInstances, service_id + "/" + instance,
               {{"Id", instance},
                {"Attributes", attributes},
                {"_health", Text(attributes, "AWS_INIT_HEALTH_STATUS", "HEALTHY")}});
  return StartOperation(cloud, call, "REGISTER_INSTANCE", {{"INSTANCE", instance}, {"SERVICE", service_id}});
}

std::string InstanceKey(const Call& call) {
  const std::string service = IdOf(Text(call.input, "ServiceId"));
  GetService(call, service);
  std::string key = service + "/" + Text(call.input, "InstanceId");
  if (call.txn.Find(kInstances, key) == nullptr) {
    throw ApiError("InstanceNotFound", "No instance found with the specified Id.");
  }
  return key;
}

Json DeregisterInstance(Cloud& cloud, Call& call) {
  call.txn.Erase(kInstances, InstanceKey(call));
  return StartOperation(
      cloud, call, "DEREGISTER_INSTANCE",
      {{"INSTANCE", Text(call.input, "InstanceId")}, {"SERVICE", IdOf(Text(call.input, "ServiceId"))}});
}

Json GetInstance(Cloud&, Call& call) { return {{"Instance", *call.txn.Find(kInstances, InstanceKey(call))}}; }

Json ListInstances(Cloud&, Call& call) {
  const std::string service = IdOf(Text(call.input, "ServiceId"));
  GetService(call, service);
  KeyedItems items;
  for (const auto& [id, instance] : InstancesOf(call.txn, service)) items.emplace_back(id, *instance);
  return Paged(call, std::move(items), "Instances");
}

Json GetInstancesHealthStatus(Cloud&, Call& call) {
  const std::string service = IdOf(Text(call.input, "ServiceId"));
  GetService(call, service);
  const Json& wanted = Items(call.input, "Instances");
  Json status = Json::object();
  for (const auto& [id, instance] : InstancesOf(call.txn, service)) {
    if (wanted.empty() || std::find(wanted.begin(), wanted.end(), Json(id)) != wanted.end())
      status[id] = Text(*instance, "_health", "HEALTHY");
  }
  for (const auto& id : wanted) {
    if (!status.contains(id.get<std::string>()))
      throw ApiError("InstanceNotFound", "No instance found with the specified Id.");
  }
  return {{"Status", std::move(status)}};
}

Json UpdateInstanceCustomHealthStatus(Cloud&, Call& call) {
  const std::string key = InstanceKey(call);
  if (!GetService(call, Text(call.input, "ServiceId")).contains("HealthCheckCustomConfig")) {
    throw ApiError("CustomHealthNotFound", "The service has no custom health check.");
  }
  call.txn.Edit(kInstances, key)["_health"] = Text(call.input, "Status");
  return Json::object();
}

Json DiscoverInstances(Cloud&, Call& call) {
  const std::string space_name = Text(call.input, "NamespaceName");
  const std::string service_name = Text(call.input, "ServiceName");
  const Json* space = nullptr;
  for (const auto& [id, candidate] : call.txn.All(kNamespaces)) {
    if (ToLower(Text(candidate, "Name")) == ToLower(space_name)) space = &candidate;
  }
  if (space == nullptr) throw ApiError("NamespaceNotFound", "Namespace does not exist.");
  const Json* service = nullptr;
  for (const auto& id : ServicesIn(call, Text(*space, "Id"))) {
    const Json* candidate = call.txn.Find(kServices, id);
    if (ToLower(Text(*candidate, "Name")) == ToLower(service_name)) service = candidate;
  }
  if (service == nullptr) throw ApiError("ServiceNotFound", "No service found with the specified name.");
  const std::string wanted = Text(call.input, "HealthStatus", "HEALTHY_OR_ELSE_ALL");
  Json healthy = Json::array();
  Json unhealthy = Json::array();
  for (const auto& [id, instance] : InstancesOf(call.txn, Text(*service, "Id"))) {
    const Json& attributes = Fields(*instance, "Attributes");
    const Json& query = Fields(call.input, "QueryParameters");
    const bool matches = std::all_of(query.items().begin(), query.items().end(), [&](const auto& pair) {
      return attributes.value(pair.key(), Json()) == pair.value();
    });
    if (!matches) continue;
    const std::string health = Text(*instance, "_health", "HEALTHY");
    (health == "HEALTHY" ? healthy : unhealthy)
        .push_back({{"InstanceId", id},
                    {"NamespaceName", space_name},
                    {"ServiceName", service_name},
                    {"HealthStatus", health},
                    {"Attributes", attributes}});
  }
  Json found = wanted == "UNHEALTHY" ? unhealthy : healthy;
  if (wanted == "ALL" || (wanted == "HEALTHY_OR_ELSE_ALL" && healthy.empty())) {
    for (auto& one : unhealthy) found.push_back(one);
  }
  Json limited = Json::array();
  const auto limit = static_cast<std::size_t>(Number(call.input, "MaxResults", 100));
  for (std::size_t i = 0; i < found.size() && i < limit; ++i) limited.push_back(found[i]);
  return {{"Instances", std::move(limited)}};
}

// ---- Tags

Json& TagsOf(Call& call) {
  const std::string arn = Text(call.input, "ResourceARN");
  for (const auto collection : {kNamespaces, kServices}) {
    const std::string id = IdOf(arn);
    if (call.txn.Find(collection, id) != nullptr) return call.txn.Edit(collection, id)["_tags"];
  }
  throw ApiError("ResourceNotFoundException", "Resource not found", {{"ResourceName", arn}});
}

Json TagResource(Cloud&, Call& call) {
  MergeTags(TagsOf(call), Items(call.input, "Tags"));
  return Json::object();
}

Json UntagResource(Cloud&, Call& call) {
  RemoveTags(TagsOf(call), Items(call.input, "TagKeys"));
  return Json::object();
}

Json ListTagsForResource(Cloud&, Call& call) { return {{"Tags", TagsOf(call)}}; }

}  // namespace

void RegisterServiceDiscovery(Api& api, Cloud& cloud) {
  RegisterHandlers(api, cloud, "servicediscovery",
                   {{"CreateHttpNamespace", CreateHttpNamespace},
                    {"CreatePrivateDnsNamespace", CreatePrivateDnsNamespace},
                    {"CreateService", CreateService},
                    {"DeleteNamespace", DeleteNamespace},
                    {"DeleteService", DeleteService},
                    {"DeregisterInstance", DeregisterInstance},
                    {"DiscoverInstances", DiscoverInstances},
                    {"GetInstance", GetInstance},
                    {"GetInstancesHealthStatus", GetInstancesHealthStatus},
                    {"GetNamespace", GetNamespaceCall},
                    {"GetOperation", GetOperation},
                    {"GetService", GetServiceCall},
                    {"ListInstances", ListInstances},
                    {"ListNamespaces", ListNamespaces},
                    {"ListOperations", ListOperations},
                    {"ListServices", ListServices},
                    {"ListTagsForResource", ListTagsForResource},
                    {"RegisterInstance", RegisterInstance},
                    {"TagResource", TagResource},
                    {"UntagResource", UntagResource},
                    {"UpdateHttpNamespace", UpdateNamespace},
                    {"UpdateInstanceCustomHealthStatus", UpdateInstanceCustomHealthStatus},
                    {"UpdatePrivateDnsNamespace", UpdateNamespace},
                    {"UpdateService", UpdateService}});
}

}  // namespace adhoc::localcloud
