// The bytes of S3's objects: immutable files with random names, which documents refer to.
//
// A blob is written under a temporary name and renamed, so what has a blob's name is whole. Nobody
// deletes a blob that an answer may still be sending: documents that no longer need one put its name into `s3.garbage`,
// and the cleaner removes it a while later, as it does with blobs that no document knows (a server that died in
// between).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "localcloud/objects/checksum.h"

namespace adhoc::localcloud {

struct Blob {
  std::string name;  // relative to the store's directory
  std::uint64_t size = 0;
  std::string md5;       // raw, 16 bytes
  std::string checksum;  // raw, of the algorithm that was asked for
};

// A part of a blob: [offset, offset + length).
struct BlobSlice {
  std::string name;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

// Thread-safe.
class BlobStore {
 public:
  BlobStore(std::filesystem::path directory, Random& random) : directory_(std::move(directory)), random_(random) {}

  // The next bytes, good until the next call; empty at the end.
  using Source = std::function<std::string_view()>;

  // Throw Error (disk full), and what `source` throws; then nothing is left of it.
  Blob Write(const Source& source, ChecksumAlgorithm algorithm = ChecksumAlgorithm::kCrc64Nvme);
  Blob Write(std::string_view data, ChecksumAlgorithm algorithm = ChecksumAlgorithm::kCrc64Nvme);
  Blob Concatenate(const std::vector<BlobSlice>& slices, ChecksumAlgorithm algorithm = ChecksumAlgorithm::kCrc64Nvme);
  // A second name for the same bytes, without copying them.
  std::string Link(const std::string& name);

  std::filesystem::path PathOf(const std::string& name) const { return directory_ / name; }
  void Remove(const std::string& name) noexcept;
  // Every blob that was last written before `seconds` ago.
  std::vector<std::string> ListOlderThan(double seconds) const;

 private:
  class Writer;
  std::string NewName();

  std::filesystem::path directory_;
  Random& random_;
};

// A blob that goes away again unless it is kept: an upload whose request fails leaves nothing.
class PendingBlob {
 public:
  PendingBlob(BlobStore& store, Blob blob) : store_(store), blob_(std::move(blob)) {}
  ~PendingBlob() {
    if (!kept_) store_.Remove(blob_.name);
  }
  PendingBlob(const PendingBlob&) = delete;
  PendingBlob& operator=(const PendingBlob&) = delete;

  const Blob& blob() const { return blob_; }
  void Keep() { kept_ = true; }

 private:
  BlobStore& store_;
  Blob blob_;
  bool kept_ = false;
};

}  // namespace adhoc::localcloud
