// Reads `services:` and `tasks:` of a definition. Internal to the config layer.
#pragma once

#include <cstddef>
#include <vector>

#include "config/config.h"
#include "config/reader.h"
#include "config/yaml.h"

namespace adhoc::config {

// Of an image, service or task; with the shortest environment name it still fits everywhere.
inline constexpr std::size_t kMaxWorkloadName = 28;

std::vector<Service> ReadServices(const YamlNode& node, Reader& reader, bool spot_by_default);
std::vector<Task> ReadTasks(const YamlNode& node, Reader& reader);

}  // namespace adhoc::config
