#include "aws/codec/xml_codec.h"

#include "aws/codec/values.h"

namespace adhoc::aws {

namespace {

Member UseOf(const Shape& shape) {
  Member use;
  use.shape = &shape;
  return use;
}

// XML 1.0 has no way to write most control characters; they become U+FFFD.
void AppendEscaped(std::string_view text, std::string& out, bool attribute = false) {
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string_view replacement;
    switch (const auto c = static_cast<unsigned char>(text[i])) {
      case '&':
        replacement = "&amp;";
        break;
      case '<':
        replacement = "&lt;";
        break;
      case '>':
        replacement = "&gt;";
        break;
      case '"':
        replacement = "&quot;";
        break;
      case '\r':
        replacement = "&#13;";  // a reader would make a bare one a line feed
        break;
      case '\t':
      case '\n':
        if (!attribute) continue;
        replacement = c == '\t' ? "&#9;" : "&#10;";  // a reader makes blanks of bare ones
        break;
      default:
        if (c >= 0x20) continue;
        replacement = "\xEF\xBF\xBD";
    }
    out.append(text.substr(start, i - start));
    out.append(replacement);
    start = i + 1;
  }
  out.append(text.substr(start));
}

std::string_view TextOf(pugi::xml_node node) { return node.text().get(); }

}  // namespace

void XmlWriter::Open(std::string_view name, std::string_view xml_namespace) {
  out_ += '<';
  out_ += name;
  if (!xml_namespace.empty()) {
    out_ += " xmlns=\"";
    out_ += xml_namespace;
    out_ += '"';
  }
  out_ += '>';
}

void XmlWriter::Close(std::string_view name) {
  out_ += "</";
  out_ += name;
  out_ += '>';
}

void XmlWriter::Text(std::string_view text) { AppendEscaped(text, out_); }

void XmlWriter::TextElement(std::string_view name, std::string_view text) {
  Open(name);
  Text(text);
  Close(name);
}

void XmlWriter::Write(const Member& use, std::string_view name, const Json& value) {
  switch (use.shape->type) {
    case ShapeType::kStructure:
      WriteStructure(use, name, value);
      return;
    case ShapeType::kList:
      WriteList(use, name, value);
      return;
    case ShapeType::kMap:
      WriteMap(use, name, value);
      return;
    case ShapeType::kString:
      TextElement(name, StringOf(use, value));
      return;
    default:
      TextElement(name, FormatScalar(use, value, TimestampFormat::kIso8601));
  }
}

void XmlWriter::CheckKnown(const Shape& shape, const Json& document) const {
  if (strict_) ForEachMember(shape, ObjectOf(UseOf(shape), document), true, [](const Member&, const Json&) {});
}

void XmlWriter::WriteMembers(const Shape& shape, const Json& document) {
  const auto& object = ObjectOf(UseOf(shape), document);
  CheckKnown(shape, document);
  for (const Member& member : shape.members) {
    if (member.location != Location::kBody || member.xml_attribute) continue;
    auto it = object.find(member.name);
    if (it != object.end() && !it->second.is_null()) Write(member, XmlName(member), it->second);
  }
}

void XmlWriter::WriteStructure(const Member& use, std::string_view name, const Json& value) {
  const auto& object = ObjectOf(use, value);
  out_ += '<';
  out_ += name;
  if (!use.xml_namespace.empty()) {
    out_ += " xmlns";
    if (!use.xml_namespace_prefix.empty()) {
      out_ += ':';
      out_ += use.xml_namespace_prefix;
    }
    out_ += "=\"";
    out_ += use.xml_namespace;
    out_ += '"';
  }
  for (const Member& member : use.shape->members) {
    if (!member.xml_attribute) continue;
    auto it = object.find(member.name);
    if (it == object.end() || it->second.is_null()) continue;
    out_ += ' ';
    out_ += member.wire_name();
    out_ += "=\"";
    AppendEscaped(FormatScalar(member, it->second, TimestampFormat::kIso8601), out_, true);
    out_ += '"';
  }
  out_ += '>';
  WriteMembers(*use.shape, value);
  Close(name);
}

void XmlWriter::WriteList(const Member& use, std::string_view name, const Json& value) {
  const Member& element = use.shape->element;
  const auto& items = ArrayOf(use, value);
  if (use.flattened) {
    for (const Json& item : items) {
      if (!item.is_null()) Write(element, name, item);
    }
    return;
  }
  Open(name);
  const std::string_view item_name =
      element.location_name.empty() ? list_element_ : std::string_view(element.location_name);
  for (const Json& item : items) {
    if (!item.is_null()) Write(element, item_name, item);
  }
  Close(name);
}

void XmlWriter::WriteMap(const Member& use, std::string_view name, const Json& value) {
  const Member& key_use = use.shape->key;
  const Member& value_use = use.shape->value;
  const std::string_view key_name =
      key_use.location_name.empty() ? std::string_view("key") : std::string_view(key_use.location_name);
  const std::string_view value_name =
      value_use.location_name.empty() ? std::string_view("value") : std::string_view(value_use.location_name);
  if (!use.flattened) Open(name);
  for (const auto& [key, item] : ObjectOf(use, value)) {
    if (item.is_null()) continue;
    const std::string_view entry = use.flattened ? name : std::string_view("entry");
    Open(entry);
    TextElement(key_name, key);
    Write(value_use, value_name, item);
    Close(entry);
  }
  if (!use.flattened) Close(name);
}

XmlDocument::XmlDocument(std::string_view text) {
  CheckUtf8(text);
  const unsigned flags = pugi::parse_default | pugi::parse_ws_pcdata_single;
  const pugi::xml_parse_result result =
      document_.load_buffer(text.data(), text.size(), flags, pugi::xml_encoding::encoding_utf8);
  if (!result || !root()) throw CodecError("the body is not well-formed XML");
}

std::string_view LocalName(std::string_view name) {
  const std::size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

pugi::xml_node FindChild(pugi::xml_node node, std::string_view local_name) {
  for (pugi::xml_node child : node.children()) {
    if (child.type() == pugi::node_element && LocalName(child.name()) == local_name) return child;
  }
  return {};
}

Json ReadXmlStructure(const Shape& shape, pugi::xml_node node, int depth) {
  if (depth > kMaxDepth) throw CodecError("the XML nests too deep");
  Json document = Json::object();
  for (pugi::xml_node child : node.children()) {
    if (child.type() != pugi::node_element) continue;
    const Member* member = shape.FindBodyName(LocalName(child.name()));
    if (member == nullptr || member->xml_attribute) continue;
    if (member->flattened && member->shape->type == ShapeType::kList) {
      Json& list = document[member->name];
      if (list.is_null()) list = Json::array();
      list.push_back(ReadXml(member->shape->element, child, depth + 1));
    } else if (member->flattened && member->shape->type == ShapeType::kMap) {
      Json& map = document[member->name];
      if (map.is_null()) map = Json::object();
      map.update(ReadXml(*member, child, depth + 1));
    } else {
      document[member->name] = ReadXml(*member, child, depth + 1);
    }
  }
  for (pugi::xml_attribute attribute : node.attributes()) {
    const std::string_view name = attribute.name();
    if (name.starts_with("xmlns")) continue;
    for (const Member& member : shape.members) {
      if (member.xml_attribute && LocalName(member.wire_name()) == LocalName(name)) {
        document[member.name] = ParseScalar(member, attribute.value());
      }
    }
  }
  return document;
}

Json ReadXml(const Member& use, pugi::xml_node node, int depth) {
  if (depth > kMaxDepth) throw CodecError("the XML nests too deep");
  const Shape& shape = *use.shape;
  switch (shape.type) {
    case ShapeType::kStructure:
      return ReadXmlStructure(shape, node, depth);
    case ShapeType::kList: {
      Json list = Json::array();
      for (pugi::xml_node child : node.children()) {
        if (child.type() == pugi::node_element) list.push_back(ReadXml(shape.element, child, depth + 1));
      }
      return list;
    }
    case ShapeType::kMap: {
      const std::string_view key_name =
          shape.key.location_name.empty() ? std::string_view("key") : std::string_view(shape.key.location_name);
      const std::string_view value_name =
          shape.value.location_name.empty() ? std::string_view("value") : std::string_view(shape.value.location_name);
      Json map = Json::object();
      auto read_entry = [&](pugi::xml_node entry) {
        const pugi::xml_node key = FindChild(entry, key_name);
        const pugi::xml_node value = FindChild(entry, value_name);
        if (!key || !value) throw CodecError("an entry of a map lacks its " + std::string(key ? value_name : key_name));
        map[std::string(TextOf(key))] = ReadXml(shape.value, value, depth + 1);
      };
      if (use.flattened) {
        read_entry(node);
        return map;
      }
      for (pugi::xml_node child : node.children()) {
        if (child.type() == pugi::node_element) read_entry(child);
      }
      return map;
    }
    default:
      return ParseScalar(use, TextOf(node));
  }
}

}  // namespace adhoc::aws
