#include "aws/codec/codec.h"

#include "aws/codec/aws_chunked.h"
#include "aws/codec/cbor_codec.h"
#include "aws/codec/json_codec.h"
#include "aws/codec/query_codec.h"
#include "aws/codec/rest_codec.h"
#include "aws/codec/s3_quirks.h"
#include "aws/codec/values.h"
#include "aws/codec/xml_codec.h"

namespace adhoc::aws {

namespace {

constexpr char kCborProtocol[] = "rpc-v2-cbor";

// The service goes by the name of its JSON form.
std::string CborPath(const Service& service) { return "/service/" + service.target_prefix + "/operation/"; }

// The models have ec2's namespace without the slash that its answers have.
std::string ResponseNamespace(const Service& service) {
  return service.protocol == Protocol::kEc2 && !service.xml_namespace.ends_with('/') ? service.xml_namespace + '/'
                                                                                     : service.xml_namespace;
}

net::Response EncodeQueryResponse(const Service& service, const Operation& operation, const Json& output,
                                  std::string_view request_id) {
  const bool ec2 = service.protocol == Protocol::kEc2;
  XmlWriter writer(false, ec2 ? "item" : "member");
  const std::string root = operation.name + "Response";
  writer.Open(root, ResponseNamespace(service));
  if (ec2) {
    writer.TextElement("requestId", request_id);
    if (operation.output != nullptr) {
      writer.WriteMembers(*operation.output, output);
    } else {
      writer.TextElement("return", "true");
    }
  } else {
    if (operation.output != nullptr) {
      const std::string wrapper =
          operation.result_wrapper.empty() ? operation.name + "Result" : operation.result_wrapper;
      writer.Open(wrapper);
      writer.WriteMembers(*operation.output, output);
      writer.Close(wrapper);
    }
    writer.Open("ResponseMetadata");
    writer.TextElement("RequestId", request_id);
    writer.Close("ResponseMetadata");
  }
  writer.Close(root);
  net::Response response;
  response.headers.Set("Content-Type", ec2 ? "text/xml;charset=UTF-8" : "text/xml");
  response.body = (ec2 ? kXmlDeclaration : "") + writer.Take();
  return response;
}

Json DecodeQueryResponse(const Operation& operation, const net::Response& response) {
  if (operation.output == nullptr) return Json::object();
  const XmlDocument document(response.body);
  pugi::xml_node node = document.root();
  if (!operation.result_wrapper.empty()) {
    node = FindChild(node, operation.result_wrapper);
    if (!node) throw CodecError("the answer lacks its " + operation.result_wrapper);
  }
  return ReadXmlStructure(*operation.output, node);
}

}  // namespace

net::Request EncodeRequest(const Service& service, const Operation& operation, const Json& input) {
  net::Request request;
  switch (service.protocol) {
    case Protocol::kRestJson:
    case Protocol::kRestXml:
      return EncodeRestRequest(service, operation, input);
    case Protocol::kJson:
      request.method = operation.method;
      request.headers.Set("X-Amz-Target", service.target_prefix + "." + operation.name);
      request.headers.Set("Content-Type", "application/x-amz-json-" + service.json_version);
      if (operation.input != nullptr) {
        WriteJsonStructure(*operation.input, input, true, request.body);
      } else if (input.empty()) {
        request.body = "{}";
      } else {
        throw CodecError(operation.name + " takes no input");
      }
      break;
    case Protocol::kCbor:
      request.method = "POST";
      request.target = CborPath(service) + operation.name;
      request.headers.Set("smithy-protocol", kCborProtocol);
      request.headers.Set("Accept", "application/cbor");
      if (operation.input != nullptr) {
        request.headers.Set("Content-Type", "application/cbor");
        WriteCborStructure(*operation.input, input, true, request.body);
      } else if (!input.empty()) {
        throw CodecError(operation.name + " takes no input");
      }
      break;
    case Protocol::kQuery:
    case Protocol::kEc2:
      request.method = operation.method;
      request.headers.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
      request.body = WriteForm(service, operation, input);
      break;
  }
  return request;
}

bool HasStreamedBody(const Operation& operation) {
  if (operation.input == nullptr || operation.input->payload.empty()) return false;
  const Member* payload = operation.input->FindMember(operation.input->payload);
  return payload->streaming || payload->shape->streaming;
}

Json DecodeRequestHead(const Service& service, const Operation& operation, const net::Request& request) {
  net::Request head;
  head.method = request.method;
  head.target = request.target;
  head.headers = IsAwsChunked(request.headers) ? WithoutAwsChunked(request.headers) : request.headers;
  return DecodeRequest(service, operation, head);
}

Json DecodeRequest(const Service& service, const Operation& operation, const net::Request& request) {
  switch (service.protocol) {
    case Protocol::kRestJson:
    case Protocol::kRestXml:
      return DecodeRestRequest(service, operation, request);
    case Protocol::kJson:
      return operation.input == nullptr ? Json::object() : ReadJsonStructure(*operation.input, request.body);
    case Protocol::kCbor:
      return operation.input == nullptr ? Json::object() : ReadCborStructure(*operation.input, request.body);
    case Protocol::kQuery:
    case Protocol::kEc2:
      return ReadForm(service, operation, request.body, request.query());
  }
  return Json::object();
}

net::Response EncodeResponse(const Service& service, const Operation& operation, const Json& output,
                             std::string_view request_id) {
  net::Response response;
  switch (service.protocol) {
    case Protocol::kRestJson:
    case Protocol::kRestXml:
      response = EncodeRestResponse(service, operation, output);
      break;
    case Protocol::kJson:
      response.headers.Set("Content-Type", "application/x-amz-json-" + service.json_version);
      // Operations without an output answer with an empty body.
      if (operation.output != nullptr) WriteJsonStructure(*operation.output, output, false, response.body);
      break;
    case Protocol::kCbor:
      response.headers.Set("smithy-protocol", kCborProtocol);
      if (operation.output != nullptr) {
        response.headers.Set("Content-Type", "application/cbor");
        WriteCborStructure(*operation.output, output, false, response.body);
      }
      break;
    case Protocol::kQuery:
    case Protocol::kEc2:
      response = EncodeQueryResponse(service, operation, output, request_id);
      break;
  }
  if (service.name == "s3") {
    response.headers.Set("x-amz-request-id", request_id);
    response.headers.Set("x-amz-id-2", request_id);
  } else {
    response.headers.Set("x-amzn-RequestId", request_id);
  }
  return response;
}

Json DecodeResponse(const Service& service, const Operation& operation, const net::Response& response) {
  switch (service.protocol) {
    case Protocol::kRestJson:
    case Protocol::kRestXml:
      return DecodeRestResponse(service, operation, response);
    case Protocol::kJson:
      return operation.output == nullptr ? Json::object() : ReadJsonStructure(*operation.output, response.body);
    case Protocol::kCbor:
      return operation.output == nullptr ? Json::object() : ReadCborStructure(*operation.output, response.body);
    case Protocol::kQuery:
    case Protocol::kEc2:
      return DecodeQueryResponse(operation, response);
  }
  return Json::object();
}

bool HasErrorBody(const Service& service, const Operation& operation, const net::Response& response) {
  if (service.name != "s3" || response.status >= 300) return false;
  if (operation.name != "CopyObject" && operation.name != "UploadPartCopy" &&
      operation.name != "CompleteMultipartUpload") {
    return false;
  }
  try {
    return LocalName(XmlDocument(response.body).root().name()) == "Error";
  } catch (const CodecError&) {
    return true;  // cut off, which is a failure too
  }
}

const Service& ServiceAsSpoken(const Service& service, const net::Request& request) {
  // Of the services that have a form of their own, only CloudWatch has another besides.
  if (service.protocol != Protocol::kQuery || service.target_prefix.empty()) return service;
  if (request.headers.Get("smithy-protocol") == kCborProtocol) return GetServiceIn(service.name, Protocol::kCbor);
  if (request.headers.Has("X-Amz-Target")) return GetServiceIn(service.name, Protocol::kJson);
  return service;
}

const Operation* RouteRequest(const Service& service, const net::Request& request) {
  switch (service.protocol) {
    case Protocol::kRestJson:
    case Protocol::kRestXml:
      return RouteRest(service, request);
    case Protocol::kJson: {
      const auto target = request.headers.Get("X-Amz-Target");
      if (!target) return nullptr;
      const std::size_t dot = target->rfind('.');
      if (dot == std::string_view::npos || target->substr(0, dot) != service.target_prefix) return nullptr;
      return service.FindOperation(target->substr(dot + 1));
    }
    case Protocol::kCbor: {
      const std::string prefix = CborPath(service);
      const std::string_view path = request.path();
      return path.starts_with(prefix) ? service.FindOperation(path.substr(prefix.size())) : nullptr;
    }
    case Protocol::kQuery:
    case Protocol::kEc2: {
      std::string action = FindFormParameter(request.body, "Action");
      if (action.empty()) action = FindFormParameter(request.query(), "Action");
      return service.FindOperation(action);
    }
  }
  return nullptr;
}

}  // namespace adhoc::aws
