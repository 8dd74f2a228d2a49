// The parts of DefaultCredentials (client.h) that tests reach.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "aws/client/client.h"
#include "aws/client/endpoint.h"

namespace adhoc::aws {

// Reads a whole file; nothing when there is none.
using FileReader = std::function<std::optional<std::string>(const std::string& path)>;

std::unique_ptr<CredentialsProvider> CredentialsFrom(EnvironmentReader environment, FileReader files);

}  // namespace adhoc::aws
