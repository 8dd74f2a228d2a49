// The chain that finds credentials, in the SDKs' order (docs/credentials.md), with everything outside of the process
// passed in.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aws/client/client.h"
#include "aws/client/endpoint.h"
#include "aws/client/shared_config.h"
#include "base/process.h"

namespace adhoc::aws {

// Reads a whole file; nothing when there is none.
using FileReader = std::function<std::optional<std::string>(const std::string& path)>;
// Replaces a file that only its owner may read. A failure is nobody's concern: what is written are caches.
using FileWriter = std::function<void(const std::string& path, const std::string& text)>;

struct ChainEdges {
  EnvironmentReader environment;
  FileReader files;
  FileWriter write;
  std::function<ProcessResult(const std::vector<std::string>& argv)> run;
  std::shared_ptr<net::Transport> transport;
  Clock* clock = nullptr;
  Random* random = nullptr;
};

// What a profile says of endpoints. Pure.
ProfileEndpoints EndpointsOf(const SharedConfig& shared, std::string_view profile);

std::unique_ptr<CredentialsProvider> CredentialsFrom(ChainOptions options, ChainEdges edges);

}  // namespace adhoc::aws
