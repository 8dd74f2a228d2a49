// AWS's own description of its services: the operations and shapes of botocore's service-2.json, its paginators and
// waiters, cut down to the operations that this project uses and embedded in the program at build time.
// Immutable after loading; references stay valid for the life of the program; thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace adhoc::aws {

// kCbor is Smithy's RPC v2; no model is of it, but CloudWatch answers in it, too.
enum class Protocol { kJson, kRestJson, kQuery, kEc2, kRestXml, kCbor };

enum class ShapeType {
  kStructure,
  kList,
  kMap,
  kString,
  kBlob,
  kBoolean,
  kInteger,
  kLong,
  kFloat,
  kDouble,
  kTimestamp
};

enum class Location { kBody, kUri, kQueryString, kHeader, kHeaders, kStatusCode };

struct Shape;

// A use of a shape: as a structure's member, a list's element, a map's key or value.
struct Member {
  std::string name;  // the member's name in documents
  const Shape* shape = nullptr;
  std::string location_name;  // the wire name where it differs from `name`, else empty
  std::string query_name;     // ec2 only
  Location location = Location::kBody;
  bool required = false;
  bool flattened = false;
  bool xml_attribute = false;
  bool streaming = false;
  bool idempotency_token = false;
  bool sensitive = false;
  bool host_label = false;
  std::string timestamp_format;  // iso8601, rfc822, unixTimestamp; empty: the protocol's default
  std::string xml_namespace;
  std::string xml_namespace_prefix;  // S3's Grantee: xsi

  // The traits of the shape count for its uses (as botocore resolves them), so a codec reads them here only.
  // The element or key name in a body.
  const std::string& wire_name() const { return location_name.empty() ? name : location_name; }
};

struct Shape {
  std::string name;
  ShapeType type = ShapeType::kString;
  std::vector<Member> members;  // structure: in the model's order (route53 depends on it)
  Member element;               // list
  Member key;                   // map
  Member value;                 // map
  bool flattened = false;
  std::string location_name;  // of a payload's or a flattened list's root
  std::string xml_namespace;
  std::string payload;  // the member that is the HTTP body, or empty
  std::vector<std::string> enumeration;
  std::optional<double> min;  // of a number's value, a string's length, a list's size
  std::optional<double> max;
  std::string pattern;
  std::string timestamp_format;
  bool streaming = false;
  bool sensitive = false;
  bool exception = false;
  std::string error_code;  // on the wire, e.g. PriorityInUse for PriorityInUseException
  int error_status = 400;
  bool fault = false;  // the service's fault, not the sender's

  // Null when the structure has no such member.
  const Member* FindMember(std::string_view member_name) const;
  // By the name in a JSON or XML body, members of other locations left out. A flattened list goes by its element's name
  // where it has one.
  const Member* FindBodyName(std::string_view wire_name) const;
  // By the name in a request of the query or ec2 protocol.
  const Member* FindQueryName(std::string_view wire_name) const;

  // Filled by the loader, sorted. The first is in the order of a document's keys.
  std::vector<const Member*> by_name;
  std::vector<std::pair<std::string, const Member*>> by_body_name;
  std::vector<std::pair<std::string, const Member*>> by_query_name;
};

// The name of a member in a request of the query or ec2 protocol.
std::string QueryName(const Member& member, Protocol protocol);
// The name of the XML elements that hold a member.
const std::string& XmlName(const Member& member);

// A piece of an operation's path between slashes: literal text or a label. A greedy label takes the rest of the path.
struct UriSegment {
  std::string text;
  bool label = false;
  bool greedy = false;
};

struct Operation {
  std::string name;
  std::string method = "POST";
  std::string uri = "/";  // as in the model: /{Bucket}/{Key+}?uploads
  int success_status = 200;
  const Shape* input = nullptr;  // null: no input
  const Shape* output = nullptr;
  Member input_root;           // the operation's own locationName/xmlNamespace for the input body (rest-xml)
  std::string result_wrapper;  // query: DescribeRulesResult
  std::vector<const Shape*> errors;
  bool host_prefix = false;
  std::string endpoint_prefix;     // of the operation's endpoint, e.g. "data-" (Cloud Map discovery); may be empty
  bool checksum_required = false;  // the body needs Content-MD5 or an x-amz-checksum-… header

  // `uri`, taken apart.
  std::vector<UriSegment> path;
  std::vector<std::pair<std::string, std::string>> query;  // ?list-type=2, ?uploads
};

struct Waiter {
  std::string operation;
  int delay_seconds = 0;
  int max_attempts = 0;
  Json acceptors;  // as in waiters-2.json
};

struct Paginator {
  std::vector<std::string> input_token;
  std::vector<std::string> output_token;  // JMESPath in the model; only the forms that occur
  std::string more_results;
  std::vector<std::string> result_keys;
  std::string limit_key;
};

struct Service {
  std::string name;  // botocore's folder name: ecs, elbv2, servicediscovery
  Protocol protocol = Protocol::kJson;
  std::string json_version;   // 1.0 or 1.1
  std::string target_prefix;  // of X-Amz-Target
  std::string api_version;
  std::string endpoint_prefix;
  std::string signing_name;
  std::string xml_namespace;
  bool global = false;   // one endpoint, signed for us-east-1 (iam, route53)
  bool partial = false;  // loaded for one operation
  std::map<std::string, Operation, std::less<>> operations;
  std::map<std::string, const Shape*, std::less<>> shapes;
  std::map<std::string, Waiter, std::less<>> waiters;        // by botocore's name, e.g. ServicesStable
  std::map<std::string, Paginator, std::less<>> paginators;  // by operation

  const Operation* FindOperation(std::string_view operation) const;
  // Throws Error when the operation is not embedded: that is a programming mistake.
  const Operation& GetOperation(std::string_view operation) const;
  // The exception shape whose wire code this is, or null.
  const Shape* FindError(std::string_view code) const;
};

// Null when the service is not embedded. Parsed on first use.
const Service* FindService(std::string_view name);
// Throws Error.
const Service& GetService(std::string_view name);
// The service with one operation and the shapes that it leads to; no waiters. A small part of the work of GetService,
// for a program that makes a few calls. Throws Error.
const Service& GetServiceFor(std::string_view name, std::string_view operation);
// The same service in another of its protocols.
const Service& GetServiceIn(std::string_view name, Protocol protocol);
const std::vector<std::string>& EmbeddedServices();

// Whether the operation is embedded, without parsing any model.
bool HasOperation(std::string_view service, std::string_view operation);

// What a server needs to find the service of a request, without parsing any model.
struct ServiceSummary {
  std::string_view name;
  std::string_view target_prefix;    // of X-Amz-Target, without the dot; may be empty
  std::string_view signing_name;     // in the credential scope
  std::string_view endpoint_prefix;  // first label of the host
  std::string_view api_version;      // Version= of query and ec2
};
const std::vector<ServiceSummary>& EmbeddedServiceSummaries();

}  // namespace adhoc::aws
