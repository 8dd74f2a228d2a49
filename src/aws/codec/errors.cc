// EncodeError and DecodeError.
#include <algorithm>

#include "aws/codec/cbor_codec.h"
#include "aws/codec/codec.h"
#include "aws/codec/json_codec.h"
#include "aws/codec/s3_quirks.h"
#include "aws/codec/values.h"
#include "aws/codec/xml_codec.h"

namespace adhoc::aws {

namespace {

bool IsMessage(std::string_view name) { return name == "message" || name == "Message"; }

// The member of an error's shape that holds its message, as the service spells it.
std::string_view MessageName(const Shape* shape, std::string_view otherwise) {
  if (shape != nullptr) {
    for (const Member& member : shape->members) {
      if (IsMessage(member.name)) return member.wire_name();
    }
  }
  return otherwise;
}

net::Response EncodeJsonError(const Service& service, const ErrorInfo& error) {
  net::Response response;
  response.status = error.status;
  response.headers.Set("Content-Type", service.protocol == Protocol::kJson
                                           ? "application/x-amz-json-" + service.json_version
                                           : std::string("application/json"));
  response.headers.Set("x-amzn-RequestId", error.request_id);
  const Shape* shape = service.FindError(error.code);
  std::string& body = response.body;
  body = "{";
  if (service.protocol == Protocol::kJson) {
    // DynamoDB qualifies its codes, and its clients cope with nothing else in older versions.
    const std::string prefix = service.name == "dynamodb" ? "com.amazonaws.dynamodb.v20120810#" : "";
    body += "\"__type\":";
    WriteJsonString(prefix + error.code, body);
  } else {
    response.headers.Set("x-amzn-errortype", error.code);
    body += "\"code\":";
    WriteJsonString(error.code, body);
  }
  if (!error.message.empty()) {
    body += ",\"";
    body += MessageName(shape, "message");
    body += "\":";
    WriteJsonString(error.message, body);
  }
  if (shape != nullptr && error.fields.is_object()) {
    ForEachMember(*shape, error.fields.get_ref<const Json::object_t&>(), false,
                  [&](const Member& member, const Json& value) {
                    if (IsMessage(member.name)) return;
                    body += ",\"" + member.wire_name() + "\":";
                    WriteJson(member, value, false, body);
                  });
  }
  body += '}';
  return response;
}

net::Response EncodeCborError(const Service& service, const ErrorInfo& error) {
  net::Response response;
  response.status = error.status;
  response.headers.Set("Content-Type", "application/cbor");
  response.headers.Set("smithy-protocol", "rpc-v2-cbor");
  response.headers.Set("x-amzn-RequestId", error.request_id);
  const Shape* shape = service.FindError(error.code);
  WriteCborMapHead(2, response.body);
  WriteCborText("__type", response.body);
  WriteCborText(error.code, response.body);
  WriteCborText(MessageName(shape, "message"), response.body);
  WriteCborText(error.message, response.body);
  return response;
}

// The error shape's further members, and strings that the model does not know (S3's Resource, BucketName, Key…).
void WriteXmlFields(XmlWriter& writer, const Shape* shape, const Json& fields) {
  if (!fields.is_object()) return;
  for (const auto& [name, value] : fields.items()) {
    if (IsMessage(name) || name == "Code") continue;
    const Member* member = shape == nullptr ? nullptr : shape->FindMember(name);
    if (member != nullptr) {
      writer.Write(*member, XmlName(*member), value);
    } else if (value.is_string()) {
      writer.TextElement(name, value.get_ref<const std::string&>());
    }
  }
}

net::Response EncodeXmlError(const Service& service, const ErrorInfo& error) {
  const Shape* shape = service.FindError(error.code);
  const bool s3 = service.name == "s3";
  XmlWriter writer(false, "member");
  if (s3) {
    writer.Open("Error");
    writer.TextElement("Code", error.code);
    writer.TextElement("Message", error.message);
    WriteXmlFields(writer, shape, error.fields);
    writer.TextElement("RequestId", error.request_id);
    writer.TextElement("HostId", error.request_id);
    writer.Close("Error");
  } else if (service.protocol == Protocol::kEc2) {
    writer.Open("Response");
    writer.Open("Errors");
    writer.Open("Error");
    writer.TextElement("Code", error.code);
    writer.TextElement("Message", error.message);
    writer.Close("Error");
    writer.Close("Errors");
    writer.TextElement("RequestID", error.request_id);
    writer.Close("Response");
  } else {
    writer.Open("ErrorResponse", service.xml_namespace);
    writer.Open("Error");
    writer.TextElement("Type", error.sender ? "Sender" : "Receiver");
    writer.TextElement("Code", error.code);
    writer.TextElement("Message", error.message);
    WriteXmlFields(writer, shape, error.fields);
    writer.Close("Error");
    writer.TextElement("RequestId", error.request_id);
    writer.Close("ErrorResponse");
  }
  net::Response response;
  response.status = error.status;
  response.headers.Set("Content-Type", s3 ? "application/xml" : "text/xml");
  if (s3) {
    response.headers.Set("x-amz-request-id", error.request_id);
    response.headers.Set("x-amz-id-2", error.request_id);
  } else {
    response.headers.Set("x-amzn-RequestId", error.request_id);
  }
  response.body = kXmlDeclaration + writer.Take();
  return response;
}

// "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException:http://…" means its middle.
std::string CleanCode(std::string_view code) {
  if (std::size_t hash = code.rfind('#'); hash != std::string_view::npos) code.remove_prefix(hash + 1);
  return std::string(code.substr(0, code.find(':')));
}

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 301:
      return "Moved Permanently";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 416:
      return "Range Not Satisfiable";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "";
  }
}

void DecodeJsonError(const Service& service, const net::Response& response, ErrorInfo& error) {
  Json body = Json::object();
  try {
    if (!response.body.empty()) {
      body = service.protocol == Protocol::kCbor ? ParseCbor(response.body) : ParseJson(response.body);
    }
  } catch (const CodecError&) {
    // A proxy's page; the status says more.
  }
  if (!body.is_object()) body = Json::object();
  auto text = [&](const char* name) {
    auto it = body.find(name);
    return it != body.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  if (auto query_error = response.headers.Get("x-amzn-query-error")) {
    const std::size_t semicolon = query_error->find(';');
    if (semicolon != std::string_view::npos) error.code = query_error->substr(0, semicolon);
  }
  if (auto type = response.headers.Get("x-amzn-errortype"); error.code.empty() && type) error.code = CleanCode(*type);
  for (const char* name : {"__type", "code", "Code"}) {
    if (error.code.empty()) error.code = CleanCode(text(name));
  }
  for (const char* name : {"message", "Message", "errorMessage"}) {
    if (error.message.empty()) error.message = text(name);
  }
  if (const Shape* shape = service.FindError(error.code)) {
    for (const char* name : {"__type", "code", "Code", "message", "Message"}) body.erase(name);
    Member use;
    use.shape = shape;
    error.fields = FromJson(use, std::move(body));
  }
}

void DecodeXmlError(const Service& service, const net::Response& response, ErrorInfo& error) {
  if (response.body.empty()) return;
  const XmlDocument document(response.body);
  const pugi::xml_node root = document.root();
  const std::string_view root_name = LocalName(root.name());
  if (root_name == "html") return;
  if (root_name == "InvalidChangeBatch") {
    error.code = root_name;
    std::string messages;
    for (pugi::xml_node message : FindChild(root, "Messages").children()) {
      messages += (messages.empty() ? "" : ", ") + std::string(message.text().get());
    }
    error.message = "[" + messages + "]";
  }
  pugi::xml_node node = root;
  if (root_name != "Error") {
    const pugi::xml_node errors = FindChild(root, "Errors");  // ec2
    node = FindChild(errors ? errors : root, "Error");
  }
  for (std::string_view name : {"RequestId", "RequestID"}) {
    if (const pugi::xml_node id = FindChild(root, name); id && error.request_id.empty())
      error.request_id = id.text().get();
  }
  if (!node) return;
  error.code = FindChild(node, "Code").text().get();
  error.message = FindChild(node, "Message").text().get();
  if (const pugi::xml_node type = FindChild(node, "Type"))
    error.sender = std::string_view(type.text().get()) == "Sender";
  const Shape* shape = service.FindError(error.code);
  for (pugi::xml_node child : node.children()) {
    if (child.type() != pugi::node_element) continue;
    const std::string name(LocalName(child.name()));
    if (IsMessage(name) || name == "Code" || name == "Type" || name == "RequestId" || name == "HostId") continue;
    const Member* member = shape == nullptr ? nullptr : shape->FindBodyName(name);
    if (member != nullptr) {
      error.fields[member->name] = ReadXml(*member, child);
    } else if (!child.first_child() || child.first_child() == child.last_child()) {
      error.fields[name] = child.text().get();
    }
  }
}

}  // namespace

net::Response EncodeError(const Service& service, const ErrorInfo& error) {
  switch (service.protocol) {
    case Protocol::kJson:
    case Protocol::kRestJson:
    case Protocol::kCbor: {
      net::Response response =
          service.protocol == Protocol::kCbor ? EncodeCborError(service, error) : EncodeJsonError(service, error);
      // Clients that knew the query form keep the codes that it had.
      if (!service.xml_namespace.empty()) {
        response.headers.Set("x-amzn-query-error", error.code + (error.sender ? ";Sender" : ";Receiver"));
      }
      return response;
    }
    default:
      return EncodeXmlError(service, error);
  }
}

ErrorInfo DecodeError(const Service& service, const net::Response& response) {
  ErrorInfo error;
  error.status = response.status;
  error.sender = response.status < 500;
  for (const char* name : {"x-amzn-RequestId", "x-amz-request-id"}) {
    if (error.request_id.empty()) error.request_id = response.headers.GetOr(name, "");
  }
  try {
    if (service.protocol == Protocol::kJson || service.protocol == Protocol::kRestJson ||
        service.protocol == Protocol::kCbor) {
      DecodeJsonError(service, response, error);
    } else {
      DecodeXmlError(service, response, error);
    }
  } catch (const CodecError&) {
    // What stands in `error` by now has to do: the status, at least.
  }
  if (error.code.empty()) {
    error.code = std::to_string(response.status);
    if (error.message.empty()) error.message = ReasonPhrase(response.status);
  }
  return error;
}

}  // namespace adhoc::aws
