// The configuration files that AWS's SDKs and CLI share: ~/.aws/config and ~/.aws/credentials. Pure; thread-safe.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace adhoc::aws {

// The keys of a section. What is indented below `s3 =` is there as `s3.name`.
using Settings = std::map<std::string, std::string, std::less<>>;

// Of one file, by the text between the brackets: `default`, `profile work`. Throws Error, `<path>:<line>: …`, on a line
// that is neither section, nor setting, nor comment.
std::map<std::string, Settings, std::less<>> ParseSections(std::string_view text, std::string_view path);

struct SharedConfig {
  std::map<std::string, Settings, std::less<>> config;        // profiles of the config file
  std::map<std::string, Settings, std::less<>> credentials;   // profiles of the credentials file
  std::map<std::string, Settings, std::less<>> sso_sessions;  // [sso-session …] of the config file
  std::map<std::string, Settings, std::less<>> services;      // [services …] of the config file

  bool Has(std::string_view profile) const;
  // Of both files; the credentials file counts more.
  Settings Profile(std::string_view profile) const;
};

// Other sections of the config file are left out, as the SDKs do.
SharedConfig MakeSharedConfig(std::string_view config_text, std::string_view config_path,
                              std::string_view credentials_text, std::string_view credentials_path);

}  // namespace adhoc::aws
