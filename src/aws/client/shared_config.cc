#include "aws/client/shared_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace adhoc::aws {
namespace {

std::string_view Trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

// A comment may follow a value after white space; within a word, `#` and `;` are characters like others.
std::string_view WithoutComment(std::string_view value) {
  for (std::size_t at = 1; at < value.size(); ++at) {
    if ((value[at] == '#' || value[at] == ';') && (value[at - 1] == ' ' || value[at - 1] == '\t'))
      return Trim(value.substr(0, at));
  }
  return value;
}

// `profile "my work"` → `my work`
std::string Unquoted(std::string_view name) {
  name = Trim(name);
  if (name.size() >= 2 && (name.front() == '"' || name.front() == '\'') && name.back() == name.front()) {
    name = name.substr(1, name.size() - 2);
  }
  return std::string(name);
}

}  // namespace

std::map<std::string, Settings, std::less<>> ParseSections(std::string_view text, std::string_view path) {
  std::map<std::string, Settings, std::less<>> sections;
  Settings* current = nullptr;
  std::string parent;  // the setting without a value that what is indented belongs to
  int number = 0;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    const std::string_view trimmed = Trim(line);
    if (trimmed.empty() || trimmed.front() == '#' || trimmed.front() == ';') continue;
    if (line.front() == ' ' || line.front() == '\t') {
      const std::size_t equals = trimmed.find('=');
      // Otherwise it is the rest of a value in several lines.
      if (!parent.empty() && equals != std::string_view::npos) {
        (*current)[fmt::format("{}.{}", parent, Trim(trimmed.substr(0, equals)))] =
            std::string(WithoutComment(Trim(trimmed.substr(equals + 1))));
      }
      continue;
    }
    parent.clear();
    const auto fail = [&](std::string_view why) {
      throw Error(fmt::format("{}:{}: {}", path, number, why), "mend the file: aws configure list");
    };
    if (trimmed.front() == '[') {
      const std::size_t close = trimmed.find(']');
      if (close == std::string_view::npos) fail("a section without `]`");
      const std::string_view rest = Trim(trimmed.substr(close + 1));
      if (!rest.empty() && rest.front() != '#' && rest.front() != ';') fail("text after the section's `]`");
      current = &sections[std::string(Trim(trimmed.substr(1, close - 1)))];
      continue;
    }
    const std::size_t equals = trimmed.find('=');
    if (equals == std::string_view::npos) fail("neither `[section]` nor `name = value`");
    if (current == nullptr) fail("a setting before the first `[section]`");
    const std::string name(Trim(trimmed.substr(0, equals)));
    const std::string value(WithoutComment(Trim(trimmed.substr(equals + 1))));
    if (value.empty()) parent = name;
    (*current)[name] = value;
  }
  return sections;
}

bool SharedConfig::Has(std::string_view profile) const {
  return config.contains(profile) || credentials.contains(profile);
}

Settings SharedConfig::Profile(std::string_view profile) const {
  Settings settings;
  if (const auto found = credentials.find(profile); found != credentials.end()) settings = found->second;
  if (const auto found = config.find(profile); found != config.end())
    settings.insert(found->second.begin(), found->second.end());
  return settings;
}

SharedConfig MakeSharedConfig(std::string_view config_text, std::string_view config_path,
                              std::string_view credentials_text, std::string_view credentials_path) {
  SharedConfig shared;
  shared.credentials = ParseSections(credentials_text, credentials_path);
  for (auto& [name, settings] : ParseSections(config_text, config_path)) {
    const std::size_t space = name.find_first_of(" \t");
    const std::string_view kind = std::string_view(name).substr(0, space);
    if (name == "default") {
      shared.config.emplace("default", settings);
    } else if (space == std::string::npos) {
      continue;
    } else if (kind == "profile") {
      shared.config[Unquoted(std::string_view(name).substr(space))] =
          settings;  // `[profile default]` counts more than `[default]`
    } else if (kind == "services") {
      shared.services[Unquoted(std::string_view(name).substr(space))] = settings;
    } else if (kind == "sso-session") {
      shared.sso_sessions[Unquoted(std::string_view(name).substr(space))] = settings;
    }
  }
  return shared;
}

}  // namespace adhoc::aws
