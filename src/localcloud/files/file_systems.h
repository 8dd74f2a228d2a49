// EFS file systems as directories of this machine: `<state dir>/efs/<file system id>`, mounted into every container
// whose task definition names them. They outlive tasks, services and the server, and go when their document is gone.
//
// Documents: `efs.filesystems`, `efs.mounttargets`, `efs.accesspoints` by id, as their Describe calls answer.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "base/json.h"
#include "localcloud/cloud.h"
#include "localcloud/controller.h"

namespace adhoc::localcloud {

inline constexpr const char* kFileSystems = "efs.filesystems";
inline constexpr const char* kMountTargets = "efs.mounttargets";
inline constexpr const char* kAccessPoints = "efs.accesspoints";

// What a volume of a task definition shows of a file system.
struct SharedFolder {
  std::string file_system;  // id
  std::string path = "/";   // in it
  struct Creation {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint32_t mode = 0755;
  };
  std::optional<Creation> creation;  // of an access point: how to make it when it is missing
};

// By the name of the volume. Throws Error with the stoppedReason's text when there is no such file system or access
// point, or the VPC has no mount target for it.
std::map<std::string, SharedFolder> SharedFoldersOf(const Store::Transaction& txn, const Settings& settings,
                                                    const Json& task_definition, const std::string& vpc_id);

std::filesystem::path FileSystemDirectory(const Settings& settings, const std::string& id);
// The directory on this machine, made when it may be. Throws Error, as above, when it is missing or leads out of its
// file system.
std::string OpenSharedFolder(const Settings& settings, const SharedFolder& folder);

// Bytes of the files in a file system; 0 when nothing was ever mounted.
std::int64_t FileSystemBytes(const Settings& settings, const std::string& id);

// Removes the directories of file systems that are deleted.
class FileSystemCleaner {
 public:
  explicit FileSystemCleaner(Cloud& cloud);  // before threads use the store
  void Start() { thread_.Start(); }
  std::chrono::milliseconds Pass();  // for tests without threads

 private:
  Cloud& cloud_;
  ControllerThread thread_;
};

}  // namespace adhoc::localcloud
