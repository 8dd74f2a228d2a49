#include "aws/codec/rest_codec.h"

#include <openssl/evp.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "aws/codec/aws_chunked.h"
#include "aws/codec/json_codec.h"
#include "aws/codec/s3_quirks.h"
#include "aws/codec/values.h"
#include "aws/codec/xml_codec.h"
#include "net/uri.h"

namespace adhoc::aws {

namespace {

bool IsXml(const Service& service) { return service.protocol == Protocol::kRestXml; }

Member UseOf(const Shape& shape) {
  Member use;
  use.shape = &shape;
  return use;
}

const Member* PayloadMember(const Shape& shape) {
  return shape.payload.empty() ? nullptr : shape.FindMember(shape.payload);
}

// A body that is no document: S3's objects, the bucket policy's JSON text.
bool IsRawPayload(const Member& member) {
  return member.shape->type == ShapeType::kBlob || member.shape->type == ShapeType::kString;
}

bool HasBodyMembers(const Shape& shape) { return !shape.by_body_name.empty(); }

std::string ContentMd5(std::string_view body) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  EVP_Digest(body.data(), body.size(), digest, &length, EVP_md5(), nullptr);
  return Base64Encode({reinterpret_cast<const char*>(digest), length});
}

std::string HeaderText(const Member& use, const Json& value) {
  if (use.shape->type != ShapeType::kList) return FormatScalar(use, value, TimestampFormat::kRfc822);
  std::string text;
  for (const Json& item : ArrayOf(use, value)) {
    if (!text.empty()) text += ',';
    text += HeaderText(use.shape->element, item);
  }
  return text;
}

void CheckHeader(const Member& use, std::string_view value) {
  if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
    throw CodecError("the value of " + use.name + " has a line break, which no header can carry");
  }
}

void WriteHeaders(const Member& member, const Json& value, net::Headers& headers) {
  if (member.location == Location::kHeader) {
    if (member.shape->type == ShapeType::kList && value.empty()) return;
    const std::string text = HeaderText(member, value);
    CheckHeader(member, text);
    headers.Set(member.wire_name(), text);
  } else if (member.location == Location::kHeaders) {
    for (const auto& [key, item] : ObjectOf(member, value)) {
      CheckHeader(member, key);
      CheckHeader(member, StringOf(member.shape->value, item));
      headers.Set(member.location_name + key, StringOf(member.shape->value, item));
    }
  }
}

Json ReadHeader(const Member& use, std::string_view text) {
  if (use.shape->type != ShapeType::kList) return ParseScalar(use, text);
  Json list = Json::array();
  while (true) {
    const std::size_t comma = text.find(',');
    std::string_view item = text.substr(0, comma);
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
    list.push_back(ParseScalar(use.shape->element, item));
    if (comma == std::string_view::npos) return list;
    text.remove_prefix(comma + 1);
  }
}

void ReadHeaders(const Shape& shape, const net::Headers& headers, Json& document) {
  for (const Member& member : shape.members) {
    if (member.location == Location::kHeader) {
      auto text = headers.Get(member.wire_name());
      // S3 sends some headers empty to say nothing.
      if (!text || (text->empty() && member.shape->type != ShapeType::kString)) continue;
      CheckUtf8(*text);
      document[member.name] = ReadHeader(member, *text);
    } else if (member.location == Location::kHeaders) {
      Json map = Json::object();
      const std::string& prefix = member.location_name;
      for (const auto& [name, value] : headers) {
        if (name.size() < prefix.size() || !net::EqualsIgnoreCase(name.substr(0, prefix.size()), prefix)) continue;
        CheckUtf8(name);
        CheckUtf8(value);
        std::string key = name.substr(prefix.size());
        map[key] = value;
      }
      if (!map.empty()) document[member.name] = std::move(map);
    }
  }
}

// /2013-04-01/hostedzone/{Id}/rrset/ with the labels filled in.
std::string RenderPath(const Service& service, const Operation& operation, const Json& input) {
  std::string_view uri = operation.uri;
  uri = uri.substr(0, uri.find('?'));
  std::string path;
  while (true) {
    const std::size_t brace = uri.find('{');
    path += uri.substr(0, brace);
    if (brace == std::string_view::npos) return path;
    uri.remove_prefix(brace + 1);
    std::string_view label = uri.substr(0, uri.find('}'));
    uri.remove_prefix(label.size() + 1);
    const bool greedy = label.ends_with('+');
    if (greedy) label.remove_suffix(1);
    const Member* member = nullptr;
    for (const Member& candidate : operation.input->members) {
      if (candidate.location == Location::kUri && candidate.wire_name() == label) member = &candidate;
    }
    const auto value = member == nullptr ? input.end() : input.find(member->name);
    if (member == nullptr || value == input.end() || value->is_null()) {
      throw CodecError(operation.name + " needs " + std::string(label) + " for its URI");
    }
    std::string text = FormatScalar(*member, *value, TimestampFormat::kIso8601);
    // Route 53 answers with /hostedzone/Z1 and /change/C1, and takes Z1 and C1.
    if (service.name == "route53" && !greedy) text.erase(0, text.rfind('/') + 1);
    if (text.empty()) throw CodecError(operation.name + " needs a " + member->name + " that is not empty");
    path += net::PercentEncode(text, greedy ? "/" : "");
  }
}

void AddQuery(const Member& member, const Json& value, net::QueryItems& items) {
  if (member.shape->type == ShapeType::kList) {
    for (const Json& item : ArrayOf(member, value)) {
      items.emplace_back(member.wire_name(), FormatScalar(member.shape->element, item, TimestampFormat::kIso8601));
    }
  } else if (member.shape->type == ShapeType::kMap) {
    for (const auto& [key, item] : ObjectOf(member, value)) {
      items.emplace_back(key, FormatScalar(member.shape->value, item, TimestampFormat::kIso8601));
    }
  } else {
    items.emplace_back(member.wire_name(), FormatScalar(member, value, TimestampFormat::kIso8601));
  }
}

void ReadQuery(const Operation& operation, const net::QueryItems& items, Json& document) {
  for (const auto& [name, text] : items) {
    CheckUtf8(name);
    CheckUtf8(text);
    const Member* rest = nullptr;
    const Member* found = nullptr;
    for (const Member& member : operation.input->members) {
      if (member.location != Location::kQueryString) continue;
      if (member.shape->type == ShapeType::kMap) rest = &member;
      if (member.wire_name() == name) found = &member;
    }
    if (found != nullptr && found->shape->type == ShapeType::kList) {
      Json& list = document[found->name];
      if (list.is_null()) list = Json::array();
      list.push_back(ParseScalar(found->shape->element, text));
    } else if (found != nullptr && found != rest) {
      document[found->name] = ParseScalar(*found, text);
    } else if (rest != nullptr) {
      document[rest->name][name] = ParseScalar(rest->shape->value, text);
    }
  }
}

// The encoded segments of a path; a final slash adds none.
std::vector<std::string_view> SplitPath(std::string_view path) {
  std::vector<std::string_view> segments;
  if (path.starts_with('/')) path.remove_prefix(1);
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  return segments;
}

// Binds the labels; false when the path is not the operation's. A greedy label takes the rest, slashes and all.
bool MatchPath(const Operation& operation, std::string_view path, const std::vector<std::string_view>& segments,
               std::vector<std::pair<std::string_view, std::string_view>>* labels) {
  for (std::size_t i = 0; i < operation.path.size(); ++i) {
    const UriSegment& wanted = operation.path[i];
    if (i >= segments.size()) return false;
    if (wanted.greedy) {
      const std::size_t start = static_cast<std::size_t>(segments[i].data() - path.data());
      const std::string_view rest = path.substr(start);
      if (rest.empty()) return false;
      if (labels != nullptr) labels->emplace_back(wanted.text, rest);
      return true;
    }
    if (wanted.label) {
      if (segments[i].empty()) return false;
      if (labels != nullptr) labels->emplace_back(wanted.text, segments[i]);
    } else if (segments[i] != wanted.text) {
      return false;
    }
  }
  return segments.size() == operation.path.size();
}

std::string WriteBody(const Service& service, const Operation& operation, const Json& input) {
  const Shape& shape = *operation.input;
  if (IsXml(service)) {
    XmlWriter writer(true, "member");
    const std::string& root =
        operation.input_root.location_name.empty() ? shape.name : operation.input_root.location_name;
    writer.Open(root, operation.input_root.xml_namespace);
    writer.WriteMembers(shape, input);
    writer.Close(root);
    return writer.Take();
  }
  std::string body;
  WriteJsonStructure(shape, input, true, body);
  return body;
}

std::string WriteXmlBody(const Service& service, const Operation& operation, const Json& output) {
  const Shape& shape = *operation.output;
  XmlWriter writer(false, "member");
  const std::string_view root = service.name == "s3" ? S3RootName(operation) : std::string_view(shape.name);
  writer.Open(root, service.xml_namespace);
  if (IsLocationConstraint(operation)) {
    writer.Text(output.value("LocationConstraint", ""));
  } else if (S3KeysAreUrlEncoded(output)) {
    Json encoded = output;
    UrlEncodeS3Keys(encoded);
    writer.WriteMembers(shape, encoded);
  } else {
    writer.WriteMembers(shape, output);
  }
  writer.Close(root);
  return writer.Take();
}

Json ReadXmlBody(const Service& service, const Operation& operation, pugi::xml_node root) {
  if (IsLocationConstraint(operation)) {
    const std::string_view region = root.text().get();
    return region.empty() ? Json::object() : Json{{"LocationConstraint", region}};
  }
  Json document = ReadXmlStructure(*operation.output, root);
  if (service.name == "s3" && S3KeysAreUrlEncoded(document)) UrlDecodeS3Keys(document);
  return document;
}

bool AnyBodyMember(const Shape& shape, const Json& document) {
  return std::any_of(shape.members.begin(), shape.members.end(), [&](const Member& member) {
    return member.location == Location::kBody && document.contains(member.name);
  });
}

bool HasItem(const net::QueryItems& items, std::string_view name) {
  return std::any_of(items.begin(), items.end(), [&](const auto& item) { return item.first == name; });
}

// Some SDKs move the headers of a presigned request into its query string.
void ReadHoistedHeaders(const Shape& shape, const net::QueryItems& items, Json& document) {
  net::Headers headers;
  for (const auto& [name, value] : items) {
    if (name.size() > 6 && net::EqualsIgnoreCase(name.substr(0, 6), "x-amz-")) headers.Add(name, value);
  }
  ReadHeaders(shape, headers, document);
}

Json DecodeChunkedRequest(const Service& service, const Operation& operation, const net::Request& request) {
  net::Request plain;
  plain.method = request.method;
  plain.target = request.target;
  plain.headers = WithoutAwsChunked(request.headers);
  plain.body = DecodeAwsChunked(request.headers, request.body, plain.headers);
  return DecodeRestRequest(service, operation, plain);
}

}  // namespace

net::Request EncodeRestRequest(const Service& service, const Operation& operation, const Json& input) {
  net::Request request;
  request.method = operation.method;
  if (operation.input == nullptr) {
    if (!input.empty()) throw CodecError(operation.name + " takes no input");
    request.target = operation.uri;
    return request;
  }
  const Shape& shape = *operation.input;
  request.target = RenderPath(service, operation, input);
  net::QueryItems items(operation.query.begin(), operation.query.end());
  ForEachMember(shape, ObjectOf(UseOf(shape), input), true, [&](const Member& member, const Json& value) {
    if (member.location == Location::kQueryString) AddQuery(member, value, items);
    WriteHeaders(member, value, request.headers);
  });
  // ?uploads is written without an equals sign, as botocore leaves it.
  std::string query;
  for (std::size_t i = 0; i < items.size(); ++i) {
    query += query.empty() ? "?" : "&";
    query += net::PercentEncode(items[i].first);
    if (i >= operation.query.size() || !items[i].second.empty()) query += "=" + net::PercentEncode(items[i].second);
  }
  request.target += query;

  const Member* payload = PayloadMember(shape);
  if (payload != nullptr) {
    const auto value = input.find(payload->name);
    if (value != input.end() && !value->is_null()) {
      if (IsRawPayload(*payload)) {
        request.body = StringOf(*payload, *value);
      } else if (IsXml(service)) {
        XmlWriter writer(true, "member");
        writer.Write(*payload, payload->wire_name(), *value);
        request.body = writer.Take();
      } else {
        WriteJson(*payload, *value, true, request.body);
      }
    } else if (!IsXml(service) && !IsRawPayload(*payload)) {
      request.body = "{}";
    }
  } else if (AnyBodyMember(shape, input)) {
    request.body = WriteBody(service, operation, input);
  } else if (!IsXml(service) && HasBodyMembers(shape)) {
    request.body = "{}";
  }
  const bool raw = payload != nullptr && IsRawPayload(*payload);
  if (!IsXml(service) && !raw && !request.body.empty() && !request.headers.Has("Content-Type")) {
    request.headers.Set("Content-Type", "application/json");
  }
  if (IsXml(service) && !raw && !request.body.empty() && !request.headers.Has("Content-Type")) {
    request.headers.Set("Content-Type", "application/xml");
  }
  if (operation.checksum_required && !request.headers.Has("Content-MD5")) {
    request.headers.Set("Content-MD5", ContentMd5(request.body));
  }
  return request;
}

Json DecodeRestRequest(const Service& service, const Operation& operation, const net::Request& request) {
  Json document = Json::object();
  if (operation.input == nullptr) return document;
  const Shape& shape = *operation.input;
  if (service.name == "s3" && IsAwsChunked(request.headers)) return DecodeChunkedRequest(service, operation, request);

  const Member* payload = PayloadMember(shape);
  if (payload != nullptr) {
    if (IsRawPayload(*payload)) {
      if (payload->shape->type == ShapeType::kString) CheckUtf8(request.body);
      if (!request.body.empty()) document[payload->name] = request.body;
    } else if (!request.body.empty()) {
      if (IsXml(service)) {
        const XmlDocument xml(request.body);
        if (LocalName(xml.root().name()) != payload->wire_name()) {
          throw CodecError("the body's root is " + std::string(xml.root().name()) + " instead of " +
                           payload->wire_name());
        }
        document[payload->name] = ReadXml(*payload, xml.root());
      } else {
        document[payload->name] = FromJson(*payload, ParseJson(request.body));
      }
    }
  } else if (HasBodyMembers(shape) && !request.body.empty()) {
    document = IsXml(service) ? ReadXmlStructure(shape, XmlDocument(request.body).root())
                              : ReadJsonStructure(shape, request.body);
  }

  std::vector<std::pair<std::string_view, std::string_view>> labels;
  const std::string_view path = request.path();
  if (!MatchPath(operation, path, SplitPath(path), &labels)) {
    throw CodecError("the path " + std::string(path) + " is not one of " + operation.name);
  }
  for (const auto& [label, text] : labels) {
    for (const Member& member : shape.members) {
      if (member.location != Location::kUri || member.wire_name() != label) continue;
      const std::string value = net::PercentDecode(text);
      CheckUtf8(value);
      document[member.name] = ParseScalar(member, value);
    }
  }
  const net::QueryItems query = net::ParseQuery(request.query(), true);
  ReadQuery(operation, query, document);
  if (service.name == "s3" && HasItem(query, "X-Amz-Signature")) ReadHoistedHeaders(shape, query, document);
  ReadHeaders(shape, request.headers, document);
  return document;
}

net::Response EncodeRestResponse(const Service& service, const Operation& operation, const Json& output) {
  net::Response response;
  response.status = operation.success_status;
  if (operation.output == nullptr) return response;
  const Shape& shape = *operation.output;
  ForEachMember(shape, ObjectOf(UseOf(shape), output), false, [&](const Member& member, const Json& value) {
    if (member.location == Location::kStatusCode) response.status = value.get<int>();
    WriteHeaders(member, value, response.headers);
  });

  const Member* payload = PayloadMember(shape);
  if (payload != nullptr) {
    const auto value = output.find(payload->name);
    if (value == output.end() || value->is_null()) return response;
    if (IsRawPayload(*payload)) {
      response.body = StringOf(*payload, *value);
      // A bucket policy is the only text of this kind.
      if (payload->shape->type == ShapeType::kString) response.headers.Set("Content-Type", "application/json");
      return response;
    }
    if (IsXml(service)) {
      Member use = *payload;
      if (use.xml_namespace.empty()) use.xml_namespace = service.xml_namespace;
      XmlWriter writer(false, "member");
      writer.Write(use, payload->wire_name(), *value);
      response.body = kXmlDeclaration + writer.Take();
    } else {
      WriteJson(*payload, *value, false, response.body);
    }
  } else if (HasBodyMembers(shape)) {
    if (IsXml(service)) {
      response.body = kXmlDeclaration + WriteXmlBody(service, operation, output);
    } else {
      WriteJsonStructure(shape, output, false, response.body);
    }
  } else {
    return response;
  }
  if (!response.headers.Has("Content-Type")) {
    response.headers.Set("Content-Type", IsXml(service) ? "application/xml" : "application/json");
  }
  return response;
}

Json DecodeRestResponse(const Service& service, const Operation& operation, const net::Response& response) {
  Json document = Json::object();
  if (operation.output == nullptr) return document;
  const Shape& shape = *operation.output;
  const Member* payload = PayloadMember(shape);
  if (payload != nullptr) {
    if (IsRawPayload(*payload)) {
      document[payload->name] = response.body;
    } else if (!response.body.empty()) {
      document[payload->name] = IsXml(service) ? ReadXml(*payload, XmlDocument(response.body).root())
                                               : FromJson(*payload, ParseJson(response.body));
    }
  } else if (HasBodyMembers(shape) && !response.body.empty()) {
    document = IsXml(service) ? ReadXmlBody(service, operation, XmlDocument(response.body).root())
                              : ReadJsonStructure(shape, response.body);
  }
  ReadHeaders(shape, response.headers, document);
  for (const Member& member : shape.members) {
    if (member.location == Location::kStatusCode) document[member.name] = response.status;
  }
  return document;
}

const Operation* RouteRest(const Service& service, const net::Request& request) {
  const std::string_view path = request.path();
  const std::vector<std::string_view> segments = SplitPath(path);
  const net::QueryItems query = net::ParseQuery(request.query(), true);
  auto has_query = [&](const std::string& name, const std::string* value) {
    return std::any_of(query.begin(), query.end(), [&](const auto& item) {
      return item.first == name && (value == nullptr || item.second == *value);
    });
  };

  // -1: does not match.
  auto score = [&](const Operation& operation, bool need_headers) {
    if (operation.method != request.method || !MatchPath(operation, path, segments, nullptr)) return -1;
    int points = 0;
    for (const auto& [name, value] : operation.query) {
      if (!has_query(name, value.empty() ? nullptr : &value)) return -1;
      points += 100;
    }
    if (operation.input != nullptr) {
      for (const Member& member : operation.input->members) {
        if (!member.required) continue;
        if (member.location == Location::kQueryString) {
          if (!has_query(member.wire_name(), nullptr)) return -1;
          points += 10;
        } else if (member.location == Location::kHeader) {
          if (request.headers.Has(member.wire_name())) {
            points += 10;
          } else if (need_headers && operation.query.empty()) {
            return -1;
          }
        }
      }
    }
    // Literal segments before labels.
    for (const UriSegment& segment : operation.path) points += segment.label ? 0 : 1;
    return points;
  };
  // A required header tells CopyObject from PutObject. Where the query says enough (?attributes), or nothing else is
  // left, its absence is for validation to find.
  for (const bool need_headers : {true, false}) {
    const Operation* best = nullptr;
    int best_score = -1;
    for (const auto& [name, operation] : service.operations) {
      if (const int points = score(operation, need_headers); points > best_score) {
        best = &operation;
        best_score = points;
      }
    }
    if (best != nullptr) return best;
  }
  return nullptr;
}

}  // namespace adhoc::aws
