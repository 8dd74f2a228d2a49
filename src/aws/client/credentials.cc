#include "aws/client/credentials.h"

#include <fmt/format.h>

#include <fstream>
#include <map>
#include <sstream>
#include <vector>

#include "base/error.h"
#include "base/sync.h"
#include "base/text.h"

namespace adhoc::aws {
namespace {

constexpr const char* kHint =
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run: eval \"$(aws configure export-credentials --format "
    "env)\"";

using Section = std::map<std::string, std::string, std::less<>>;

std::string Trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1));
}

// The sections of ~/.aws/credentials or ~/.aws/config. Indented lines are the nested settings of a key (`s3 =`):
// skipped.
std::map<std::string, Section, std::less<>> ParseSections(const std::string& text) {
  std::map<std::string, Section, std::less<>> sections;
  Section* current = nullptr;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#' || line[0] == ';' || line[0] == ' ' || line[0] == '\t') continue;
    const std::string trimmed = Trim(line);
    if (trimmed.starts_with('[') && trimmed.ends_with(']')) {
      current = &sections[Trim(std::string_view(trimmed).substr(1, trimmed.size() - 2))];
      continue;
    }
    const std::size_t equals = trimmed.find('=');
    if (current == nullptr || equals == std::string::npos) continue;
    (*current)[Trim(std::string_view(trimmed).substr(0, equals))] = Trim(std::string_view(trimmed).substr(equals + 1));
  }
  return sections;
}

class StaticProvider final : public CredentialsProvider {
 public:
  explicit StaticProvider(Credentials credentials) : credentials_(std::move(credentials)) {}
  Credentials Get() override { return credentials_; }

 private:
  const Credentials credentials_;
};

class DefaultProvider final : public CredentialsProvider {
 public:
  DefaultProvider(EnvironmentReader environment, FileReader files)
      : environment_(std::move(environment)), files_(std::move(files)) {}

  Credentials Get() override {
    auto found = found_.lock();
    if (!*found) *found = Find();
    return **found;
  }

 private:
  Credentials Find() const {
    std::vector<std::string> tried;
    if (const auto credentials = FromEnvironment(tried)) return *credentials;
    const std::string profile =
        environment_("AWS_PROFILE").value_or(environment_("AWS_DEFAULT_PROFILE").value_or("default"));
    const std::string home = environment_("HOME").value_or("");
    const std::string credentials_file =
        environment_("AWS_SHARED_CREDENTIALS_FILE").value_or(home + "/.aws/credentials");
    const std::string config_file = environment_("AWS_CONFIG_FILE").value_or(home + "/.aws/config");
    if (const auto credentials = FromFile(credentials_file, profile, tried)) return *credentials;
    const std::string section = profile == "default" ? profile : "profile " + profile;
    if (const auto credentials = FromFile(config_file, section, tried)) return *credentials;
    throw Error(fmt::format("no AWS credentials: {}", Join(tried, "; ")), kHint);
  }

  std::optional<Credentials> FromEnvironment(std::vector<std::string>& tried) const {
    const auto key = environment_("AWS_ACCESS_KEY_ID");
    const auto secret = environment_("AWS_SECRET_ACCESS_KEY");
    if (key && secret) return Credentials{*key, *secret, environment_("AWS_SESSION_TOKEN").value_or(""), std::nullopt};
    if (key) {
      tried.push_back("AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY");
    } else {
      tried.push_back("AWS_ACCESS_KEY_ID is not set");
    }
    return std::nullopt;
  }

  std::optional<Credentials> FromFile(const std::string& path, const std::string& section,
                                      std::vector<std::string>& tried) const {
    const std::optional<std::string> text = files_(path);
    if (!text) {
      tried.push_back(path + " does not exist");
      return std::nullopt;
    }
    const auto sections = ParseSections(*text);
    const auto found = sections.find(section);
    if (found == sections.end()) {
      tried.push_back(fmt::format("{} has no section [{}]", path, section));
      return std::nullopt;
    }
    const auto value = [&found](std::string_view name) {
      const auto item = found->second.find(name);
      return item == found->second.end() ? std::string() : item->second;
    };
    if (!value("aws_access_key_id").empty() && !value("aws_secret_access_key").empty()) {
      return Credentials{value("aws_access_key_id"), value("aws_secret_access_key"), value("aws_session_token"),
                         std::nullopt};
    }
    for (const char* indirect :
         {"role_arn", "sso_session", "sso_start_url", "credential_process", "web_identity_token_file"}) {
      if (value(indirect).empty()) continue;
      tried.push_back(fmt::format("{} section [{}] uses {}, which is not read here", path, section, indirect));
      return std::nullopt;
    }
    tried.push_back(fmt::format("{} section [{}] has no access key", path, section));
    return std::nullopt;
  }

  const EnvironmentReader environment_;
  const FileReader files_;
  Sync<std::optional<Credentials>> found_;
};

}  // namespace

std::unique_ptr<CredentialsProvider> StaticCredentials(Credentials credentials) {
  return std::make_unique<StaticProvider>(std::move(credentials));
}

std::unique_ptr<CredentialsProvider> CredentialsFrom(EnvironmentReader environment, FileReader files) {
  return std::make_unique<DefaultProvider>(std::move(environment), std::move(files));
}

std::unique_ptr<CredentialsProvider> DefaultCredentials() {
  return CredentialsFrom(ProcessEnvironment(), [](const std::string& path) -> std::optional<std::string> {
    std::ifstream stream(path, std::ios::binary);
    if (!stream) return std::nullopt;
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
  });
}

}  // namespace adhoc::aws
