// Runs another program and waits for it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace adhoc {

struct ProcessOptions {
  std::string working_directory;                 // empty: ours
  std::map<std::string, std::string> env;        // added to ours
  std::string input;                             // written to stdin, which is then closed
  std::function<void(std::string_view)> on_out;  // each chunk as it arrives, instead of collecting it in `out`
  std::function<void(std::string_view)> on_err;
};

struct ProcessResult {
  int exit_code = 0;  // 128 + signal number when killed by a signal
  std::string out;
  std::string err;
};

// Throws Error when the program cannot be started (`podman: command not found`); a non-zero exit is a result.
ProcessResult RunProcess(const std::vector<std::string>& argv, const ProcessOptions& options = {});

// For a child between fork and exec: closes what it must not inherit (a server's listening sockets, above all) and lets
// it receive signals that we block. Async-signal-safe.
void PrepareForExec();

// The path of a program on PATH, or nothing.
std::optional<std::string> FindProgram(std::string_view name);

}  // namespace adhoc
