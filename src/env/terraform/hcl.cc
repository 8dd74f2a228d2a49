#include "env/terraform/hcl.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace adhoc::env {
namespace {

constexpr int kStep = 2;
constexpr std::size_t kMaxListLine = 100;

std::string Quote(const std::string& text) {
  std::string quoted = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    switch (c) {
      case '"':
        quoted += "\\\"";
        break;
      case '\\':
        quoted += "\\\\";
        break;
      case '\n':
        quoted += "\\n";
        break;
      case '\r':
        quoted += "\\r";
        break;
      case '\t':
        quoted += "\\t";
        break;
      case '$':
      case '%':
        quoted += c;
        if (i + 1 < text.size() && text[i + 1] == '{') quoted += c;  // else it would begin a template
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          quoted += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        } else {
          quoted += c;
        }
    }
  }
  return quoted + '"';
}

bool IsIdentifier(const std::string& text) {
  if (text.empty() || (std::isalpha(static_cast<unsigned char>(text[0])) == 0 && text[0] != '_')) return false;
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; });
}

std::string ListToHcl(const Json& list, int indent) {
  std::vector<std::string> items;
  std::size_t length = 0;
  bool one_line = true;
  for (const Json& item : list) {
    items.push_back(ToHcl(item, indent + kStep));
    length += items.back().size() + 2;
    one_line = one_line && items.back().find('\n') == std::string::npos;
  }
  if (one_line && length <= kMaxListLine) return fmt::format("[{}]", fmt::join(items, ", "));
  std::string text = "[\n";
  for (const auto& item : items) text += std::string(indent + kStep, ' ') + item + ",\n";
  return text + std::string(indent, ' ') + "]";
}

}  // namespace

std::string ToHcl(const Json& value, int indent) {
  if (value.is_string()) return Quote(value.get<std::string>());
  if (value.is_array()) return ListToHcl(value, indent);
  if (!value.is_object()) return value.dump();
  if (value.empty()) return "{}";
  HclAttributes attributes;
  for (const auto& [key, item] : value.items()) attributes.emplace_back(IsIdentifier(key) ? key : Quote(key), item);
  return "{\n" + HclLines(attributes, indent + kStep) + std::string(indent, ' ') + "}";
}

std::string HclLines(const HclAttributes& attributes, int indent) {
  struct Line {
    std::string name;
    std::string value;
    bool single() const { return value.find('\n') == std::string::npos; }
  };
  std::vector<Line> lines;
  for (const auto& [name, value] : attributes) lines.push_back({name, ToHcl(value, indent)});
  std::string text;
  for (std::size_t begin = 0; begin < lines.size();) {
    std::size_t end = begin;
    std::size_t width = 0;
    while (end < lines.size() && lines[end].single()) width = std::max(width, lines[end++].name.size());
    if (end == begin) width = lines[end++].name.size();
    for (; begin < end; ++begin) {
      text += fmt::format("{}{:<{}} = {}\n", std::string(indent, ' '), lines[begin].name, width, lines[begin].value);
    }
  }
  return text;
}

std::string HclImport(const std::string& to, const std::string& id) {
  return fmt::format("import {{\n  to = {}\n  id = {}\n}}\n", to, Quote(id));
}

std::string HclIndex(const std::string& resource, std::string_view key) {
  return fmt::format("{}[{}]", resource, Quote(std::string(key)));
}

}  // namespace adhoc::env
