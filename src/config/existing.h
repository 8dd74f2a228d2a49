// Reads `existing:` of a target. Internal to the config layer.
#pragma once

#include <string>

#include "config/config.h"
#include "config/reader.h"
#include "config/yaml.h"

namespace adhoc::config {

Existing ReadExisting(const YamlNode& node, const std::string& name, Reader& reader);

}  // namespace adhoc::config
