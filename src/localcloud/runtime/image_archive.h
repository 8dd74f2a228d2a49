// An image as `docker save` writes it: a tar with manifest.json, the configuration and the layers. Pure but for files.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace adhoc::localcloud {

struct ImageParts {
  std::string reference;                      // what the engine is to call it: repository:tag
  std::string config;                         // the configuration's bytes
  std::string config_digest;                  // sha256:…
  std::vector<std::filesystem::path> layers;  // tars, compressed or not, the lowest first
};

// Throws Error (disk full, a layer that is not there).
void WriteImageArchive(const ImageParts& parts, const std::filesystem::path& file);

}  // namespace adhoc::localcloud
