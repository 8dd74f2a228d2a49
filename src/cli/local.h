// What the subcommands of `adhoc local` share.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "base/json.h"
#include "cli/shell.h"

namespace adhoc::cli {

// Asks the running local cloud for one of its own pages. Throws Error: it does not run, or what it refuses.
Json CallLocalCloud(const std::string& method, const std::string& path, const Json& body = nullptr);

// `640 kB`, `1.5 GB`: decimal units, two or three digits.
std::string FormatBytes(std::int64_t bytes);

void AddLocalOperations(CLI::App& local, Shell& shell);
void AddLocalStatus(CLI::App& local, Shell& shell);
void AddLocalInterrupt(CLI::App& local, Shell& shell);
void AddLocalCapacity(CLI::App& local, Shell& shell);
void AddLocalChaos(CLI::App& local, Shell& shell);

}  // namespace adhoc::cli
