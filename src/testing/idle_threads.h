// Whether this process has a thread with something to do.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

namespace adhoc::testing {

// Of each other thread, what Linux says of its state and how often it has run (proc_pid_status(5)).
inline std::map<std::string, std::string> OtherThreads() {
  std::map<std::string, std::string> threads;
  const std::string us = std::to_string(gettid());
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    const std::string id = thread.path().filename();
    if (id == us) continue;
    std::ifstream status(thread.path() / "status");
    std::string& said = threads[id];
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("State:") || line.find("ctxt_switches:") != std::string::npos) said += line + "\n";
    }
  }
  return threads;
}

// True when all other threads wait for something. Two looks that show the same: none has run in between, and so none
// was woken by one that the first look had not come to.
inline bool OthersAreIdle() {
  const auto threads = OtherThreads();
  for (const auto& [id, said] : threads) {
    if (said.starts_with("State:\tR") || said.starts_with("State:\tD")) return false;
  }
  return threads == OtherThreads();
}

}  // namespace adhoc::testing
