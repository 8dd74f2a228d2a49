#include "localcloud/api/ec2_catalog.h"

#include <fmt/format.h>

#include "aws/sign/sigv4.h"

namespace adhoc::localcloud::ec2 {
namespace {

struct Release {
  const char* name;  // {} is the architecture
  const char* description;
  const char* created;
  const char* owner;
  const char* alias;
  const char* volume_type;
  std::vector<const char*> parameters;  // {} likewise
};

constexpr const char* kAmazon = "/aws/service/ami-amazon-linux-latest/";

const std::vector<Release>& Releases() {
  static const std::vector<Release> kReleases = {
      {"al2023-ami-2023.7.20250414.0-kernel-6.1-{}",
       "Amazon Linux 2023 AMI 2023.7.20250414.0 {} HVM kernel-6.1",
       "2025-04-11T02:03:25.000Z",
       "137112412989",
       "amazon",
       "gp3",
       {"al2023-ami-kernel-default-{}", "al2023-ami-kernel-6.1-{}"}},
      {"al2023-ami-minimal-2023.7.20250414.0-kernel-6.1-{}",
       "Amazon Linux 2023 Minimal AMI 2023.7.20250414.0 {} HVM kernel-6.1",
       "2025-04-11T02:03:31.000Z",
       "137112412989",
       "amazon",
       "gp3",
       {"al2023-ami-minimal-kernel-default-{}", "al2023-ami-minimal-kernel-6.1-{}"}},
      {"amzn2-ami-hvm-2.0.20250414.0-{}-gp2",
       "Amazon Linux 2 AMI 2.0.20250414.0 {} HVM gp2",
       "2025-04-12T00:59:43.000Z",
       "137112412989",
       "amazon",
       "gp2",
       {"amzn2-ami-hvm-{}-gp2"}},
      {"debian-12-{}-20250428-2096",
       "Debian 12 (20250428-2096)",
       "2025-04-28T08:28:37.000Z",
       "136693071363",
       "",
       "gp3",
       {"/aws/service/debian/release/12/latest/{}"}},
  };
  return kReleases;
}

// Debian calls x86_64 amd64.
std::string ArchitectureIn(const Release& release, const std::string& architecture) {
  return std::string_view(release.alias).empty() && architecture == "x86_64" ? "amd64" : architecture;
}

std::string Fill(const char* text, const std::string& architecture) {
  return fmt::format(fmt::runtime(text), architecture);
}

Json MakeImage(const Release& release, const std::string& architecture) {
  const std::string name = Fill(release.name, ArchitectureIn(release, architecture));
  const std::string id = aws::Sha256Hex(name).substr(0, 17);
  Json image{{"ImageId", "ami-" + id},
             {"Name", name},
             {"ImageLocation", fmt::format("{}/{}", *release.alias != '\0' ? release.alias : release.owner, name)},
             {"Description", Fill(release.description, ArchitectureIn(release, architecture))},
             {"Architecture", architecture},
             {"CreationDate", release.created},
             {"OwnerId", release.owner},
             {"ImageType", "machine"},
             {"Public", true},
             {"State", "available"},
             {"PlatformDetails", "Linux/UNIX"},
             {"UsageOperation", "RunInstances"},
             {"RootDeviceName", "/dev/xvda"},
             {"RootDeviceType", "ebs"},
             {"VirtualizationType", "hvm"},
             {"Hypervisor", "xen"},
             {"EnaSupport", true},
             {"SriovNetSupport", "simple"},
             {"BootMode", architecture == "arm64" ? "uefi" : "uefi-preferred"},
             {"ImdsSupport", "v2.0"},
             {"BlockDeviceMappings", Json::array({{{"DeviceName", "/dev/xvda"},
                                                   {"Ebs",
                                                    {{"DeleteOnTermination", true},
                                                     {"SnapshotId", "snap-" + id},
                                                     {"VolumeSize", 8},
                                                     {"VolumeType", release.volume_type},
                                                     {"Encrypted", false}}}}})},
             {"Tags", Json::array()}};
  if (*release.alias != '\0') image["ImageOwnerAlias"] = release.alias;
  return image;
}

struct TypeFacts {
  const char* name;
  const char* architecture;
  int cpus;
  int threads_per_core;
  int memory_mib;
  bool burstable;
};

Json MakeType(const TypeFacts& facts) {
  return {{"InstanceType", facts.name},
          {"CurrentGeneration", true},
          {"FreeTierEligible", std::string_view(facts.name).ends_with(".micro") && facts.burstable},
          {"SupportedUsageClasses", {"on-demand", "spot"}},
          {"SupportedRootDeviceTypes", {"ebs"}},
          {"SupportedVirtualizationTypes", {"hvm"}},
          {"BareMetal", false},
          {"Hypervisor", "nitro"},
          {"ProcessorInfo", {{"SupportedArchitectures", {facts.architecture}}}},
          {"VCpuInfo",
           {{"DefaultVCpus", facts.cpus},
            {"DefaultCores", facts.cpus / facts.threads_per_core},
            {"DefaultThreadsPerCore", facts.threads_per_core}}},
          {"MemoryInfo", {{"SizeInMiB", facts.memory_mib}}},
          {"InstanceStorageSupported", false},
          {"EbsInfo",
           {{"EbsOptimizedSupport", "default"}, {"EncryptionSupport", "supported"}, {"NvmeSupport", "required"}}},
          {"NetworkInfo",
           {{"NetworkPerformance", "Up to 5 Gigabit"},
            {"MaximumNetworkInterfaces", 2},
            {"Ipv4AddressesPerInterface", 2},
            {"Ipv6AddressesPerInterface", 2},
            {"Ipv6Supported", true},
            {"EnaSupport", "required"}}},
          {"HibernationSupported", false},
          {"BurstablePerformanceSupported", facts.burstable},
          {"DedicatedHostsSupported", !facts.burstable},
          {"AutoRecoverySupported", true}};
}

}  // namespace

const std::vector<Json>& Images() {
  static const std::vector<Json> kImages = [] {
    std::vector<Json> images;
    for (const auto& release : Releases()) {
      for (const char* architecture : {"x86_64", "arm64"}) images.push_back(MakeImage(release, architecture));
    }
    return images;
  }();
  return kImages;
}

const Json* FindImage(std::string_view id) {
  for (const auto& image : Images()) {
    if (image["ImageId"] == id) return &image;
  }
  return nullptr;
}

const std::map<std::string, std::string, std::less<>>& ImageParameters() {
  static const std::map<std::string, std::string, std::less<>> kParameters = [] {
    std::map<std::string, std::string, std::less<>> parameters;
    for (const auto& release : Releases()) {
      for (const char* architecture : {"x86_64", "arm64"}) {
        const std::string id = MakeImage(release, architecture)["ImageId"];
        for (const char* parameter : release.parameters) {
          const std::string name = Fill(parameter, ArchitectureIn(release, architecture));
          parameters[name.starts_with('/') ? name : kAmazon + name] = id;
        }
      }
    }
    return parameters;
  }();
  return kParameters;
}

const std::vector<Json>& InstanceTypes() {
  static const std::vector<Json> kTypes = [] {
    std::vector<Json> types;
    for (const char* family : {"t3", "t3a", "t4g"}) {
      const bool arm = std::string_view(family) == "t4g";
      for (const auto& [size, memory] :
           {std::pair{"nano", 512}, {"micro", 1024}, {"small", 2048}, {"medium", 4096}, {"large", 8192}}) {
        const std::string name = fmt::format("{}.{}", family, size);
        types.push_back(MakeType({name.c_str(), arm ? "arm64" : "x86_64", 2, arm ? 1 : 2, memory, true}));
      }
    }
    for (const auto& facts : {TypeFacts{"m5.large", "x86_64", 2, 2, 8192, false},
                              {"m6i.large", "x86_64", 2, 2, 8192, false},
                              {"m6g.medium", "arm64", 1, 1, 4096, false},
                              {"m7g.medium", "arm64", 1, 1, 4096, false},
                              {"c6g.medium", "arm64", 1, 1, 2048, false},
                              {"c6i.large", "x86_64", 2, 2, 4096, false}}) {
      types.push_back(MakeType(facts));
    }
    return types;
  }();
  return kTypes;
}

const Json* FindInstanceType(std::string_view name) {
  for (const auto& type : InstanceTypes()) {
    if (type["InstanceType"] == name) return &type;
  }
  return nullptr;
}

}  // namespace adhoc::localcloud::ec2
