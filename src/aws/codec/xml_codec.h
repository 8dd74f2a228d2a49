// Documents as XML: the bodies of rest-xml, and the responses of query and ec2.
#pragma once

#include <pugixml.hpp>
#include <string>
#include <string_view>

#include "aws/model/model.h"
#include "base/json.h"

namespace adhoc::aws {

// `list_element` names the elements of lists whose model does not: `member`, or ec2's `item`.
class XmlWriter {
 public:
  XmlWriter(bool strict, std::string_view list_element) : strict_(strict), list_element_(list_element) {}

  // <name xmlns="…">, without the end; `xml_namespace` may be empty.
  void Open(std::string_view name, std::string_view xml_namespace = "");
  void Close(std::string_view name);
  void Text(std::string_view text);
  void TextElement(std::string_view name, std::string_view text);

  // The element or elements of a member.
  void Write(const Member& use, std::string_view name, const Json& value);
  // The members of the body, in the model's order, without an element around them.
  void WriteMembers(const Shape& shape, const Json& document);

  std::string Take() { return std::move(out_); }

 private:
  void WriteStructure(const Member& use, std::string_view name, const Json& value);
  void WriteList(const Member& use, std::string_view name, const Json& value);
  void WriteMap(const Member& use, std::string_view name, const Json& value);
  void CheckKnown(const Shape& shape, const Json& document) const;

  bool strict_;
  std::string_view list_element_;
  std::string out_;
};

// A parsed document. Entities other than XML's own five are not expanded.
class XmlDocument {
 public:
  explicit XmlDocument(std::string_view text);  // throws CodecError
  pugi::xml_node root() const { return document_.document_element(); }

 private:
  pugi::xml_document document_;
};

std::string_view LocalName(std::string_view name);
// The first child element of that local name.
pugi::xml_node FindChild(pugi::xml_node node, std::string_view local_name);

// The members of the body found in `node`.
Json ReadXmlStructure(const Shape& shape, pugi::xml_node node, int depth = 0);
Json ReadXml(const Member& use, pugi::xml_node node, int depth = 0);

}  // namespace adhoc::aws
