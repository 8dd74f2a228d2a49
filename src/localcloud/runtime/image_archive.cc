#include "localcloud/runtime/image_archive.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <fstream>

#include "base/error.h"
#include "base/json.h"

namespace adhoc::localcloud {
namespace {

constexpr std::size_t kBlock = 512;

// A regular file's header (POSIX ustar).
std::array<char, kBlock> HeaderOf(const std::string& name, std::uint64_t size) {
  std::array<char, kBlock> header{};
  const auto put = [&](std::size_t at, const std::string& text) {
    std::memcpy(header.data() + at, text.data(), text.size());
  };
  put(0, name);
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  put(124, fmt::format("{:011o}", size));
  put(136, "00000000000");
  put(148, "        ");
  header[156] = '0';
  put(257, "ustar");
  put(263, "00");
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(148, fmt::format("{:06o}", sum));
  header[154] = '\0';
  return header;
}

class TarWriter {
 public:
  explicit TarWriter(const std::filesystem::path& file) : out_(file, std::ios::binary | std::ios::trunc) {
    out_.exceptions(std::ios::failbit | std::ios::badbit);
  }

  void Add(const std::string& name, std::string_view data) {
    Begin(name, data.size());
    out_.write(data.data(), static_cast<std::streamsize>(data.size()));
    Pad(data.size());
  }

  void AddFile(const std::string& name, const std::filesystem::path& file) {
    const std::uint64_t size = std::filesystem::file_size(file);
    Begin(name, size);
    std::ifstream in(file, std::ios::binary);
    if (size > 0) out_ << in.rdbuf();
    Pad(size);
  }

  void End() {
    const std::string zeroes(2 * kBlock, '\0');
    out_.write(zeroes.data(), static_cast<std::streamsize>(zeroes.size()));
    out_.close();
  }

 private:
  void Begin(const std::string& name, std::uint64_t size) {
    const auto header = HeaderOf(name, size);
    out_.write(header.data(), header.size());
  }
  void Pad(std::uint64_t size) {
    const std::string zeroes((kBlock - size % kBlock) % kBlock, '\0');
    out_.write(zeroes.data(), static_cast<std::streamsize>(zeroes.size()));
  }

  std::ofstream out_;
};

}  // namespace

void WriteImageArchive(const ImageParts& parts, const std::filesystem::path& file) {
  const std::string config = parts.config_digest.substr(parts.config_digest.find(':') + 1) + ".json";
  Json layers = Json::array();
  for (std::size_t i = 0; i < parts.layers.size(); ++i) layers.push_back(fmt::format("{}/layer.tar", i));
  try {
    TarWriter tar(file);
    tar.Add(
        "manifest.json",
        Json::array({{{"Config", config}, {"RepoTags", Json::array({parts.reference})}, {"Layers", layers}}}).dump());
    tar.Add(config, parts.config);
    for (std::size_t i = 0; i < parts.layers.size(); ++i) tar.AddFile(layers[i], parts.layers[i]);
    tar.End();
  } catch (const std::ios::failure& error) {
    throw Error(fmt::format("cannot write {}: {}", file.string(), error.what()));
  } catch (const std::filesystem::filesystem_error& error) {
    throw Error(fmt::format("cannot write {}: {}", file.string(), error.what()));
  }
}

}  // namespace adhoc::localcloud
