#include "localcloud/files/file_systems.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <vector>

#include "base/error.h"

namespace adhoc::localcloud {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kIdle{std::chrono::hours(1)};

[[noreturn]] void Refuse(const std::string& why) {
  throw Error("ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: " + why +
              " : unsuccessful EFS utils command execution; code: 1");
}

SharedFolder::Creation CreationOf(const Json& info) {
  SharedFolder::Creation creation{.uid = info.value("OwnerUid", 0U), .gid = info.value("OwnerGid", 0U)};
  const std::string mode = info.value("Permissions", "0755");
  std::from_chars(mode.data(), mode.data() + mode.size(), creation.mode, 8);
  return creation;
}

bool IsInside(const fs::path& path, const fs::path& root) {
  return std::mismatch(root.begin(), root.end(), path.begin(), path.end()).first == root.end();
}

}  // namespace

std::map<std::string, SharedFolder> SharedFoldersOf(const Store::Transaction& txn, const Settings& settings,
                                                    const Json& task_definition, const std::string& vpc_id) {
  std::map<std::string, SharedFolder> folders;
  for (const Json& volume : task_definition.value("volumes", Json::array())) {
    const auto efs = volume.find("efsVolumeConfiguration");
    if (efs == volume.end()) continue;
    SharedFolder folder{.file_system = efs->value("fileSystemId", ""), .path = efs->value("rootDirectory", "/")};
    const auto& targets = txn.All(kMountTargets);
    const bool reachable = std::any_of(targets.begin(), targets.end(), [&](const auto& target) {
      return target.second.value("FileSystemId", "") == folder.file_system &&
             target.second.value("VpcId", "") == vpc_id;
    });
    if (txn.Find(kFileSystems, folder.file_system) == nullptr || !reachable) {
      Refuse(
          fmt::format("Failed to resolve \"{}.efs.{}.amazonaws.com\" - check that your file system ID is correct, and "
                      "ensure that the VPC has an EFS mount target for this file system ID.",
                      folder.file_system, settings.region));
    }
    const std::string access_point = efs->value("/authorizationConfig/accessPointId"_json_pointer, "");
    if (!access_point.empty()) {
      const Json* found = txn.Find(kAccessPoints, access_point);
      if (found == nullptr || found->value("FileSystemId", "") != folder.file_system) {
        Refuse(fmt::format("mount.nfs4: access denied by server while mounting: {} has no access point {}",
                           folder.file_system, access_point));
      }
      const Json root = found->value("RootDirectory", Json::object());
      folder.path = root.value("Path", "/");
      if (root.contains("CreationInfo")) folder.creation = CreationOf(root["CreationInfo"]);
    }
    folders[volume.value("name", "")] = std::move(folder);
  }
  return folders;
}

fs::path FileSystemDirectory(const Settings& settings, const std::string& id) {
  return settings.state_dir / "efs" / id;
}

std::string OpenSharedFolder(const Settings& settings, const SharedFolder& folder) {
  fs::create_directories(FileSystemDirectory(settings, folder.file_system));
  const fs::path root = fs::canonical(FileSystemDirectory(settings, folder.file_system));
  const auto missing = [&] {
    Refuse(fmt::format("mount.nfs4: mounting {}:{} failed, reason given by server: No such file or directory",
                       folder.file_system, folder.path));
  };
  // Step by step: what containers have put there, links above all, must not lead anywhere else.
  fs::path directory = root;
  for (const fs::path& name : fs::path(folder.path).relative_path()) {
    if (name == ".." || name.empty()) missing();
    directory /= name;
    if (!fs::exists(directory)) {
      if (!folder.creation) missing();
      fs::create_directory(directory);
      fs::permissions(directory, static_cast<fs::perms>(folder.creation->mode & 07777));
      if (chown(directory.c_str(), folder.creation->uid, folder.creation->gid) != 0) {
        throw Error(fmt::format("cannot give {} to its owner: {}", directory.string(), strerror(errno)));
      }
    }
    directory = fs::canonical(directory);
    if (!IsInside(directory, root) || !fs::is_directory(directory)) missing();
  }
  return directory;
}

std::int64_t FileSystemBytes(const Settings& settings, const std::string& id) {
  std::int64_t bytes = 0;
  std::error_code error;  // files come and go meanwhile
  for (auto entry = fs::recursive_directory_iterator(FileSystemDirectory(settings, id), error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code gone;
    if (entry->is_symlink(gone) || !entry->is_regular_file(gone)) continue;
    if (const auto size = entry->file_size(gone); !gone) bytes += static_cast<std::int64_t>(size);
  }
  return bytes;
}

FileSystemCleaner::FileSystemCleaner(Cloud& cloud)
    : cloud_(cloud),
      thread_("file system cleaner", cloud.store, {kFileSystems}, [this](std::stop_token) { return Pass(); }) {}

std::chrono::milliseconds FileSystemCleaner::Pass() {
  std::error_code none;
  std::vector<fs::path> deleted;
  for (const auto& entry : fs::directory_iterator(cloud_.settings.state_dir / "efs", none)) {
    const auto txn = cloud_.store.Begin();
    if (txn->Find(kFileSystems, entry.path().filename().string()) == nullptr) deleted.push_back(entry.path());
  }
  for (const fs::path& directory : deleted) {
    std::error_code error;
    fs::remove_all(directory, error);
    if (error) spdlog::warn("cannot remove {}: {}", directory.string(), error.message());
  }
  return kIdle;
}

}  // namespace adhoc::localcloud
