#include "net/http_message.h"

#include <algorithm>

namespace adhoc::net {
namespace {

char LowerAscii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return LowerAscii(x) == LowerAscii(y); });
}

std::optional<std::string_view> Headers::Get(std::string_view name) const {
  for (const auto& [key, value] : lines_) {
    if (EqualsIgnoreCase(key, name)) return value;
  }
  return std::nullopt;
}

std::string Headers::GetOr(std::string_view name, std::string_view otherwise) const {
  return std::string(Get(name).value_or(otherwise));
}

void Headers::Set(std::string_view name, std::string_view value) {
  Remove(name);
  Add(name, value);
}

void Headers::Add(std::string_view name, std::string_view value) { lines_.emplace_back(name, value); }

void Headers::Remove(std::string_view name) {
  std::erase_if(lines_, [name](const auto& line) { return EqualsIgnoreCase(line.first, name); });
}

std::string_view Request::path() const {
  const std::string_view view = target;
  return view.substr(0, view.find('?'));
}

std::string_view Request::query() const {
  const std::string_view view = target;
  const std::size_t mark = view.find('?');
  return mark == std::string_view::npos ? std::string_view() : view.substr(mark + 1);
}

}  // namespace adhoc::net
