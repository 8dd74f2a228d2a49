// The codec as a filter, for tests in other languages: a JSON request per line in, a JSON answer per line out.
//
//   {"do": "services"}                                              → {"services": {"ecs": ["CreateCluster", …], …}}
//   {"do": "generate", "service", "operation", "request": bool, "seed": n, "whole_seconds": bool}  → {"document"}
//   {"do": "encode_request", "service", "operation", "document"}    → {"method", "target", "headers", "body"}
//   {"do": "decode_request", "service", "method", "target", "headers", "body"}       → {"operation", "document"}
//   {"do": "encode_response", "service", "operation", "document"}   → {"status", "headers", "body"}
//   {"do": "decode_response", "service", "operation", "status", "headers", "body"}   → {"document"}
//   {"do": "encode_error", "service", "code", "message", "status"}  → {"status", "headers", "body"}
//   {"do": "decode_error", "service", "status", "headers", "body"}  → {"code", "message", "fields"}
//
// "protocol": "cbor" or "json" asks for another of the service's protocols than its model's. Bodies and blobs are
// base64; headers are lists of pairs. What goes wrong is answered with {"error"}.
#include <cstdio>
#include <iostream>
#include <random>

#include "aws/codec/codec.h"
#include "aws/codec/random_document.h"
#include "aws/codec/values.h"

namespace {

using adhoc::Json;
using namespace adhoc::aws;  // a test tool of one file

Json ConvertBlobs(const Member& use, Json value, std::string (*convert)(std::string_view)) {
  const Shape& shape = *use.shape;
  switch (shape.type) {
    case ShapeType::kStructure:
      for (auto& [name, item] : value.items()) {
        if (const Member* member = shape.FindMember(name)) item = ConvertBlobs(*member, std::move(item), convert);
      }
      return value;
    case ShapeType::kList:
      for (Json& item : value) item = ConvertBlobs(shape.element, std::move(item), convert);
      return value;
    case ShapeType::kMap:
      for (Json& item : value) item = ConvertBlobs(shape.value, std::move(item), convert);
      return value;
    case ShapeType::kBlob:
      return convert(value.get_ref<const std::string&>());
    default:
      return value;
  }
}

Json ConvertBlobs(const Shape* shape, Json document, std::string (*convert)(std::string_view)) {
  if (shape == nullptr) return document;
  Member use;
  use.shape = shape;
  return ConvertBlobs(use, std::move(document), convert);
}

adhoc::net::Headers ReadHeaders(const Json& lines) {
  adhoc::net::Headers headers;
  for (const Json& line : lines) headers.Add(line.at(0).get<std::string>(), line.at(1).get<std::string>());
  return headers;
}

Json WriteHeaders(const adhoc::net::Headers& headers) {
  Json lines = Json::array();
  for (const auto& [name, value] : headers) lines.push_back({name, value});
  return lines;
}

Json WriteResponse(const adhoc::net::Response& response) {
  return {
      {"status", response.status}, {"headers", WriteHeaders(response.headers)}, {"body", Base64Encode(response.body)}};
}

adhoc::net::Response ReadResponse(const Json& order) {
  adhoc::net::Response response;
  response.status = order.at("status");
  response.headers = ReadHeaders(order.at("headers"));
  response.body = Base64Decode(order.at("body").get<std::string>());
  return response;
}

Json Answer(const Json& order) {
  const std::string what = order.at("do");
  if (what == "services") {
    Json services = Json::object();
    for (const std::string& name : EmbeddedServices()) {
      for (const auto& [operation, description] : GetService(name).operations) services[name].push_back(operation);
    }
    return {{"services", services}};
  }
  const std::string name = order.at("service");
  const std::string protocol = order.value("protocol", "");
  const Service& service = protocol == "cbor"   ? GetServiceIn(name, Protocol::kCbor)
                           : protocol == "json" ? GetServiceIn(name, Protocol::kJson)
                                                : GetService(name);
  if (what == "encode_error") {
    return WriteResponse(EncodeError(service, {.code = order.at("code"),
                                               .message = order.at("message"),
                                               .status = order.at("status"),
                                               .request_id = "request-1"}));
  }
  if (what == "decode_error") {
    const ErrorInfo error = DecodeError(service, ReadResponse(order));
    return {{"code", error.code}, {"message", error.message}, {"fields", error.fields}};
  }
  if (what == "decode_request") {
    adhoc::net::Request request;
    request.method = order.at("method");
    request.target = order.at("target");
    request.headers = ReadHeaders(order.at("headers"));
    request.body = Base64Decode(order.at("body").get<std::string>());
    const Service& spoken = ServiceAsSpoken(service, request);
    const Operation* operation = RouteRequest(spoken, request);
    if (operation == nullptr) return {{"error", "no operation matches"}};
    return {{"operation", operation->name},
            {"document", ConvertBlobs(operation->input, DecodeRequest(spoken, *operation, request), Base64Encode)}};
  }
  const Operation& operation = service.GetOperation(order.at("operation").get<std::string>());
  if (what == "generate") {
    std::mt19937_64 random(order.at("seed").get<std::uint64_t>());
    const bool request = order.at("request");
    const Shape* shape = request ? operation.input : operation.output;
    Json document = RandomDocument(service, shape, random,
                                   {.request = request, .whole_seconds = order.at("whole_seconds").get<bool>()});
    return {{"document", ConvertBlobs(shape, std::move(document), Base64Encode)}};
  }
  if (what == "encode_request") {
    const auto request =
        EncodeRequest(service, operation, ConvertBlobs(operation.input, order.at("document"), Base64Decode));
    return {{"method", request.method},
            {"target", request.target},
            {"headers", WriteHeaders(request.headers)},
            {"body", Base64Encode(request.body)}};
  }
  if (what == "encode_response") {
    return WriteResponse(EncodeResponse(
        service, operation, ConvertBlobs(operation.output, order.at("document"), Base64Decode), "request-1"));
  }
  if (what == "decode_response") {
    return {{"document",
             ConvertBlobs(operation.output, DecodeResponse(service, operation, ReadResponse(order)), Base64Encode)}};
  }
  return {{"error", "unknown order " + what}};
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    Json answer;
    try {
      answer = Answer(Json::parse(line));
    } catch (const std::exception& error) {
      answer = {{"error", error.what()}};
    }
    std::cout << answer.dump(-1, ' ', true) << std::endl;
  }
  return 0;
}
