#include "localcloud/objects/blob_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace adhoc::localcloud {

namespace {

constexpr std::size_t kBuffer = 1 << 20;
constexpr const char* kTemporary = "tmp";

[[noreturn]] void Fail(const std::filesystem::path& path, int error) {
  throw Error("cannot write " + path.string() + ": " + std::strerror(error),
              error == ENOSPC ? "free some disk space, then try again" : "");
}

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace

// Writes under a temporary name; without Finish the file is removed.
class BlobStore::Writer {
 public:
  Writer(BlobStore& store, std::string name, ChecksumAlgorithm algorithm)
      : store_(store),
        name_(std::move(name)),
        temporary_(store.directory_ / kTemporary / name_.substr(3)),
        checksum_(MakeChecksum(algorithm)) {
    std::filesystem::create_directories(temporary_.parent_path());
    descriptor_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor_ < 0) Fail(temporary_, errno);
  }
  ~Writer() {
    if (descriptor_ >= 0) close(descriptor_);
    if (!finished_) unlink(temporary_.c_str());
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void Add(std::string_view data) {
    md5_->Add(data);
    checksum_->Add(data);
    size_ += data.size();
    while (!data.empty()) {
      const ssize_t written = write(descriptor_, data.data(), data.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) Fail(temporary_, errno);
      data.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  Blob Finish() {
    const auto target = store_.PathOf(name_);
    std::filesystem::create_directories(target.parent_path());
    if (rename(temporary_.c_str(), target.c_str()) != 0) Fail(target, errno);
    finished_ = true;
    return {name_, size_, md5_->Finish(), checksum_->Finish()};
  }

 private:
  BlobStore& store_;
  std::string name_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
  bool finished_ = false;
  std::uint64_t size_ = 0;
  const std::unique_ptr<Checksum> md5_ = MakeMd5();
  const std::unique_ptr<Checksum> checksum_;
};

std::string BlobStore::NewName() {
  const std::string digits = random_.Hex(32);
  return digits.substr(0, 2) + "/" + digits;
}

Blob BlobStore::Write(const Source& source, ChecksumAlgorithm algorithm) {
  Writer writer(*this, NewName(), algorithm);
  for (std::string_view piece = source(); !piece.empty(); piece = source()) writer.Add(piece);
  return writer.Finish();
}

Blob BlobStore::Write(std::string_view data, ChecksumAlgorithm algorithm) {
  return Write([&data] { return std::exchange(data, std::string_view()); }, algorithm);
}

Blob BlobStore::Concatenate(const std::vector<BlobSlice>& slices, ChecksumAlgorithm algorithm) {
  Writer writer(*this, NewName(), algorithm);
  std::string buffer(kBuffer, '\0');
  for (const auto& slice : slices) {
    const auto path = PathOf(slice.name);
    const File source(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (source.get() < 0) throw Error("cannot read " + path.string() + ": " + std::strerror(errno));
    std::uint64_t offset = slice.offset;
    std::uint64_t left = slice.length;
    while (left > 0) {
      const ssize_t length =
          pread(source.get(), buffer.data(), std::min<std::uint64_t>(left, buffer.size()), static_cast<off_t>(offset));
      if (length < 0 && errno == EINTR) continue;
      if (length <= 0) throw Error("cannot read " + path.string() + ": it is shorter than it should be");
      writer.Add({buffer.data(), static_cast<std::size_t>(length)});
      offset += static_cast<std::uint64_t>(length);
      left -= static_cast<std::uint64_t>(length);
    }
  }
  return writer.Finish();
}

std::string BlobStore::Link(const std::string& name) {
  std::string copy = NewName();
  const auto target = PathOf(copy);
  std::filesystem::create_directories(target.parent_path());
  if (link(PathOf(name).c_str(), target.c_str()) != 0) Fail(target, errno);
  return copy;
}

void BlobStore::Remove(const std::string& name) noexcept {
  if (!name.empty()) unlink((directory_ / name).c_str());
}

std::vector<std::string> BlobStore::ListOlderThan(double seconds) const {
  std::vector<std::string> names;
  std::error_code error;
  const auto before =
      std::filesystem::file_time_type::clock::now() -
      std::chrono::duration_cast<std::filesystem::file_time_type::duration>(std::chrono::duration<double>(seconds));
  for (auto entry = std::filesystem::recursive_directory_iterator(directory_, error);
       !error && entry != std::filesystem::end(entry); entry.increment(error)) {
    std::error_code gone;
    if (entry->is_regular_file(gone) && entry->last_write_time(gone) <= before && !gone) {
      names.push_back(std::filesystem::relative(entry->path(), directory_).string());
    }
  }
  return names;
}

}  // namespace adhoc::localcloud
