#include "config/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"

namespace adhoc::config {

namespace {

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlnum(char c) { return IsLower(c) || IsUpper(c) || IsDigit(c); }
bool Contains(std::string_view set, char c) { return set.find(c) != std::string_view::npos; }

// A byte as a message shows it.
std::string Shown(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte < 0x20 || byte >= 0x7F) return fmt::format("the byte 0x{:02X}", byte);
  return c == ' ' ? "a space" : fmt::format("`{}`", c);
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<int> ParseNumber(std::string_view text, int low, int high) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || !IsDigit(text[0]) || error != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  if (number < low || number > high) return std::nullopt;
  return number;
}

}  // namespace

std::string NameProblem(std::string_view name, std::size_t max_length) {
  if (name.empty()) return "it is empty";
  for (const char c : name) {
    if (!IsLower(c) && !IsDigit(c) && c != '-') {
      return fmt::format("it may have only lower-case letters, digits and hyphens, and has {}", Shown(c));
    }
  }
  if (!IsLower(name.front())) return "it has to start with a letter";
  if (name.back() == '-') return "it may not end with a hyphen";
  if (name.find("--") != std::string_view::npos) return "it may not have two hyphens in a row";
  if (name.size() > max_length) return fmt::format("it has {} characters, and may have {}", name.size(), max_length);
  return "";
}

const std::vector<int>& FargateCpus() {
  static const std::vector<int> cpus = {256, 512, 1024, 2048, 4096, 8192, 16384};
  return cpus;
}

std::vector<int> FargateMemories(int cpu) {
  const auto steps = [](int from, int to, int step) {
    std::vector<int> sizes;
    for (int size = from; size <= to; size += step) sizes.push_back(size);
    return sizes;
  };
  switch (cpu) {
    case 256:
      return {512, 1024, 2048};
    case 512:
      return steps(1024, 4096, 1024);
    case 1024:
      return steps(2048, 8192, 1024);
    case 2048:
      return steps(4096, 16384, 1024);
    case 4096:
      return steps(8192, 30720, 1024);
    case 8192:
      return steps(16384, 61440, 4096);
    case 16384:
      return steps(32768, 122880, 8192);
    default:
      return {};
  }
}

std::string PlatformVersionProblem(std::string_view version) {
  // ECS Exec and ARM64 need 1.4.0.
  static const std::vector<std::string_view> kLinux = {"LATEST", "1.4.0"};
  if (std::find(kLinux.begin(), kLinux.end(), version) != kLinux.end()) return "";
  return fmt::format("Fargate has no platform version `{}` for what runs here; it has {}", version,
                     fmt::join(kLinux, " and "));
}

std::string FargateProblem(int cpu, int memory) {
  const std::vector<int> memories = FargateMemories(cpu);
  if (memories.empty())
    return fmt::format("Fargate has no {} CPU units; it has {}", cpu, fmt::join(FargateCpus(), ", "));
  if (std::find(memories.begin(), memories.end(), memory) != memories.end()) return "";
  if (memories.size() <= 4) {
    return fmt::format("with {} CPU units Fargate has {} MiB of memory, not {}", cpu, fmt::join(memories, ", "),
                       memory);
  }
  return fmt::format("with {} CPU units Fargate has {} to {} MiB of memory in steps of {}, not {}", cpu,
                     memories.front(), memories.back(), memories[1] - memories[0], memory);
}

int SmallestFargateCpu(int memory) {
  for (const int cpu : FargateCpus()) {
    if (FargateProblem(cpu, memory).empty()) return cpu;
  }
  return 0;
}

std::string PathPatternProblem(std::string_view pattern) {
  if (!pattern.starts_with('/')) return "a path pattern starts with `/`";
  if (pattern.size() > 128)
    return fmt::format("a path pattern has at most 128 characters, this one {}", pattern.size());
  for (const char c : pattern) {
    if (!IsAlnum(c) && !Contains("_-.$/~\"'@:+&*?", c)) return "a path pattern may not have " + Shown(c);
  }
  // Of a listener rule.
  constexpr auto kMaxWildcards = 5;
  const auto is_wildcard = [](char c) { return c == '*' || c == '?'; };
  if (const auto wildcards = std::count_if(pattern.begin(), pattern.end(), is_wildcard); wildcards > kMaxWildcards) {
    return fmt::format("a path pattern has at most {} wildcards, this one {}", kMaxWildcards, wildcards);
  }
  return "";
}

std::string MatcherProblem(std::string_view matcher) {
  for (const std::string_view item : Split(matcher, ',')) {
    const std::vector<std::string_view> ends = Split(item, '-');
    if (ends.size() > 2) return "write status codes as 200, 200,302 or 200-299";
    for (const std::string_view end : ends) {
      if (!ParseNumber(end, 200, 499)) return "write status codes from 200 to 499 as 200, 200,302 or 200-299";
    }
    if (ends.size() == 2 && ends[0] > ends[1]) return "the first status code of a range is the smaller one";
  }
  return "";
}

std::string RepositoryProblem(std::string_view repository) {
  if (repository.size() < 2 || repository.size() > 256) return "a repository's name has 2 to 256 characters";
  for (const std::string_view part : Split(repository, '/')) {
    if (part.empty()) return "a repository's name has no empty part";
    if (!IsLower(part.front()) && !IsDigit(part.front())) return "each part starts with a lower-case letter or digit";
    if (!IsLower(part.back()) && !IsDigit(part.back())) return "each part ends with a lower-case letter or digit";
    for (const char c : part) {
      if (!IsLower(c) && !IsDigit(c) && !Contains("._-", c)) return "a repository's name may not have " + Shown(c);
    }
  }
  return "";
}

std::string TagProblem(std::string_view tag) {
  if (tag.empty()) return "it is empty";
  if (tag.size() > 128) return "a tag has at most 128 characters";
  if (!IsAlnum(tag.front()) && tag.front() != '_') return "a tag may not start with " + Shown(tag.front());
  for (const char c : tag) {
    if (!IsAlnum(c) && !Contains("._-", c)) return "a tag may not have " + Shown(c);
  }
  return "";
}

std::string ImageUriProblem(std::string_view uri) {
  if (uri.empty()) return "it is empty";
  if (uri.size() > 512) return "an image's name has at most 512 characters";
  for (const char c : uri) {
    if (!IsAlnum(c) && !Contains("._-/:@", c)) return "an image's name may not have " + Shown(c);
  }
  if (!IsAlnum(uri.front())) return "an image's name may not start with " + Shown(uri.front());
  std::string_view rest = uri;
  if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
    const std::string_view digest = rest.substr(at + 1);
    const bool hexadecimal = std::all_of(digest.begin() + std::min<std::size_t>(7, digest.size()), digest.end(),
                                         [](char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); });
    if (!digest.starts_with("sha256:") || digest.size() != 71 || !hexadecimal) {
      return "after `@` comes sha256: and 64 hexadecimal digits";
    }
    rest = rest.substr(0, at);
  }
  const std::size_t slash = rest.rfind('/');
  const std::string_view last = slash == std::string_view::npos ? rest : rest.substr(slash + 1);
  if (const std::size_t colon = last.find(':'); colon != std::string_view::npos) {
    if (const std::string problem = TagProblem(last.substr(colon + 1)); !problem.empty()) {
      return "its tag is wrong: " + problem;
    }
    if (colon == 0) return "it has no name before the tag";
  } else if (last.empty()) {
    return "it ends with `/`";
  }
  return "";
}

std::string DomainProblem(std::string_view domain) {
  if (domain.empty()) return "it is empty";
  if (domain.size() > 253) return "a domain has at most 253 characters";
  for (const std::string_view label : Split(domain, '.')) {
    if (label.empty()) return "it has an empty label: look for two dots in a row, or one at an end";
    if (label.size() > 63) return "each label has at most 63 characters";
    for (const char c : label) {
      if (IsUpper(c)) return "write it in lower case";
      if (!IsLower(c) && !IsDigit(c) && c != '-') return "it may not have " + Shown(c);
    }
    if (label.front() == '-' || label.back() == '-') return "a label may not start or end with a hyphen";
  }
  const std::string_view top = domain.substr(domain.rfind('.') + 1);
  // The load balancer's host condition: only letters after the last dot.
  if (!std::all_of(top.begin(), top.end(), IsLower)) return "its last label may have only letters";
  return "";
}

std::string CidrProblem(std::string_view cidr, int min_prefix, int max_prefix) {
  const std::size_t slash = cidr.find('/');
  if (slash == std::string_view::npos) return "write an IPv4 network such as 10.0.0.0/16";
  const std::vector<std::string_view> bytes = Split(cidr.substr(0, slash), '.');
  const std::optional<int> prefix = ParseNumber(cidr.substr(slash + 1), 0, 32);
  if (bytes.size() != 4 || !prefix) return "write an IPv4 network such as 10.0.0.0/16";
  unsigned address = 0;
  for (const std::string_view byte : bytes) {
    const std::optional<int> number = ParseNumber(byte, 0, 255);
    if (!number) return "write an IPv4 network such as 10.0.0.0/16";
    address = address << 8 | static_cast<unsigned>(*number);
  }
  if (*prefix < min_prefix || *prefix > max_prefix) {
    return fmt::format("its prefix has to be from /{} to /{}", min_prefix, max_prefix);
  }
  const unsigned mask = *prefix == 0 ? 0 : ~0U << (32 - *prefix);
  if ((address & ~mask) != 0) {
    const unsigned network = address & mask;
    return fmt::format("its address has bits beyond the prefix: the network is {}.{}.{}.{}/{}", network >> 24,
                       network >> 16 & 255, network >> 8 & 255, network & 255, *prefix);
  }
  return "";
}

std::string VariableNameProblem(std::string_view name) {
  if (name.empty()) return "it is empty";
  if (name.size() > 255) return "it has more than 255 characters";
  if (IsDigit(name.front())) return "it may not start with a digit";
  for (const char c : name) {
    if (!IsAlnum(c) && c != '_') return "it may have only letters, digits and underscores, and has " + Shown(c);
  }
  return "";
}

}  // namespace adhoc::config
