// What AWS and the registries accept, as pure checks: each returns what is wrong, or an empty text. Internal to the
// config layer. Thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace adhoc::config {

// Lower-case letters, digits and single hyphens; a letter first, no hyphen last.
std::string NameProblem(std::string_view name, std::size_t max_length);

// CPU units that Fargate has, and the memory sizes (MiB) that go with one of them; empty for any other.
const std::vector<int>& FargateCpus();
std::vector<int> FargateMemories(int cpu);
std::string FargateProblem(int cpu, int memory);
std::string PlatformVersionProblem(std::string_view version);
// The smallest CPU that goes with this memory, or 0.
int SmallestFargateCpu(int memory);

// A path pattern of a listener rule.
std::string PathPatternProblem(std::string_view pattern);
// Success codes of a target group's health check: 200, 200,302 or 200-299.
std::string MatcherProblem(std::string_view matcher);
// ECR's repository name and an image tag.
std::string RepositoryProblem(std::string_view repository);
std::string TagProblem(std::string_view tag);
// A full image name: registry/path:tag or registry/path@sha256:….
std::string ImageUriProblem(std::string_view uri);
// A DNS name in lower case.
std::string DomainProblem(std::string_view domain);
// An IPv4 network: 10.0.0.0/16.
std::string CidrProblem(std::string_view cidr, int min_prefix, int max_prefix);
// The name of an environment variable or secret.
std::string VariableNameProblem(std::string_view name);

}  // namespace adhoc::config
