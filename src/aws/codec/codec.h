// One codec for both directions of all protocols (json, query, ec2, rest-json, rest-xml, CBOR): the client encodes
// requests and decodes responses, the server decodes requests and encodes responses, and decode(encode(x)) == x.
// Follows botocore's serialize.py and parsers.py. Pure functions; thread-safe.
//
// Where decode(encode(x)) can not give x: the forms of query and ec2 have no empty structure or map, ec2 and flattened
// XML no empty list, and header timestamps no fractions.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "aws/model/model.h"
#include "base/json.h"
#include "net/http_message.h"

namespace adhoc::aws {

// A message that does not follow its protocol: bad JSON, bad XML, a number that is no number.
class CodecError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The request without Host and Authorization. Members unknown to the model throw CodecError.
net::Request EncodeRequest(const Service& service, const Operation& operation, const Json& input);

Json DecodeRequest(const Service& service, const Operation& operation, const net::Request& request);

// Whether the request's body is a stream of bytes (S3's PutObject, UploadPart), which may be too large for a document.
// The server decodes such a request without its body, and takes that from where it is.
bool HasStreamedBody(const Operation& operation);
Json DecodeRequestHead(const Service& service, const Operation& operation, const net::Request& request);

// Members unknown to the model are left out, so documents may carry private fields.
net::Response EncodeResponse(const Service& service, const Operation& operation, const Json& output,
                             std::string_view request_id);
Json DecodeResponse(const Service& service, const Operation& operation, const net::Response& response);

// Whether S3 answered 200 and failed later, with an error as the body (CopyObject, CompleteMultipartUpload): read it
// with DecodeError and treat it as a 500.
bool HasErrorBody(const Service& service, const Operation& operation, const net::Response& response);

struct ErrorInfo {
  std::string code;  // the wire code
  std::string message;
  int status = 400;
  bool sender = true;            // query: Type Sender or Receiver
  Json fields = Json::object();  // further members of the error shape
  std::string request_id;
};

net::Response EncodeError(const Service& service, const ErrorInfo& error);
ErrorInfo DecodeError(const Service& service, const net::Response& response);

// The service in the protocol that the request speaks: CloudWatch takes CBOR and JSON besides query, and current SDKs
// prefer them. For every other service, the service itself. A server hands the result to the functions of this header.
const Service& ServiceAsSpoken(const Service& service, const net::Request& request);

// Which operation a request is for: by X-Amz-Target, Action, or the model's method and URI (the most specific match,
// with the virtual-host form of S3 already rewritten to the path form). Null when none matches.
const Operation* RouteRequest(const Service& service, const net::Request& request);

// Checks a document against the model: required members, types, enums, lengths, ranges, patterns.
struct Violation {
  enum class Kind { kMissing, kUnknown, kType, kEnum, kLength, kRange, kPattern };
  Kind kind;
  std::string path;     // containerDefinitions[0].name
  std::string message;  // AWS's wording where the service validates that way, see aws-facts
};
std::vector<Violation> Validate(const Shape& shape, const Json& document);

// "2 validation errors detected: …; …", as most services put them together.
std::string ValidationMessage(const std::vector<Violation>& violations);

}  // namespace adhoc::aws
