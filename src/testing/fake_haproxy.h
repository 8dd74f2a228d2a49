// HAProxy without a process: what the proxy controller's command line talks to in tests. Not thread-safe.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "localcloud/proxy/haproxy_control.h"
#include "testing/fake_runtime.h"

namespace adhoc::testing {

// The HAProxy of every container that mounts a directory: it loads the configuration there when its container starts
// and on `reload`, and answers the master's command line.
class FakeHaproxy : public localcloud::proxy::HaproxyCli {
 public:
  struct Worker {
    int pid = 0;
    std::string version;
    localcloud::proxy::ServerStates servers;
  };
  struct Process {
    std::string container;
    std::vector<Worker> workers;  // the current one last
  };

  explicit FakeHaproxy(FakeRuntime& runtime) : runtime_(runtime) {}

  std::string Run(const std::filesystem::path& directory, const std::string& command) override {
    Process& process = Find(directory);
    commands.push_back(command);
    if (command == "reload") {
      if (!refuses) process.workers.push_back(Load(directory));
      return "";
    }
    if (command == "show proc") {
      std::string text = fmt::format("1 master 0 [failed: 0] 0d 2.6\n# workers\n{} worker 0 0d 2.6\n# old workers\n",
                                     process.workers.back().pid);
      for (std::size_t i = 0; i + 1 < process.workers.size(); ++i)
        text += fmt::format("{} worker 1 0d 2.6\n", process.workers[i].pid);
      return text + "# programs\n";
    }
    std::istringstream words(command);
    std::string to, verb, what, name, rest, state;
    words >> to >> verb >> what >> name >> rest >> state;
    for (auto& worker : process.workers) {
      if (to != fmt::format("@!{}", worker.pid)) continue;
      if (verb == "get") return fmt::format("proc.adhoc_version: type=str value=<{}>\n", worker.version);
      if (verb == "show") {
        std::string text = "1\n# be_id\n";
        for (const auto& [backend, servers] : worker.servers) {
          for (const auto& [server, state] : servers)
            text += fmt::format("3 {} 1 {} 10.0.0.1 2 {} {} 100\n", backend, server, state.ready ? 0 : 1, state.weight);
        }
        return text;
      }
      const std::string backend = name.substr(0, name.find('/'));
      const std::string server = name.substr(name.find('/') + 1);
      if (verb == "add") worker.servers[backend][server] = {false, Weight(command)};
      if (verb == "del") worker.servers[backend].erase(server);
      if (verb == "set" && rest == "state") worker.servers[backend][server].ready = state == "ready";
      if (verb == "set" && rest == "weight") worker.servers[backend][server].weight = Weight(command);
    }
    return "";
  }

  // The servers that take requests.
  std::vector<std::string> Ready(const std::string& backend) {
    std::vector<std::string> ready;
    if (processes_.empty()) return ready;
    for (const auto& [server, state] : processes_.begin()->second.workers.back().servers[backend]) {
      if (state.ready) ready.push_back(server);
    }
    return ready;
  }
  int WeightOf(const std::string& backend, const std::string& server) {
    return processes_.begin()->second.workers.back().servers.at(backend).at(server).weight;
  }
  int Count(const std::string& command) const {
    return static_cast<int>(std::count(commands.begin(), commands.end(), command));
  }

  std::vector<std::string> commands;
  bool refuses = false;

 private:
  // The number after `weight`, which is last.
  static int Weight(const std::string& text) {
    const auto at = text.find(" weight ");
    return at == std::string::npos ? 100 : std::atoi(text.c_str() + at + 8);
  }

  Process& Find(const std::filesystem::path& directory) {
    for (const auto& container : runtime_.List({{"adhoc.loadbalancer", ""}})) {
      const auto spec = runtime_.SpecOf(container.id);
      if (!container.running() || spec->mounts.at(0).host_path != directory) continue;
      Process& process = processes_[directory.string()];
      if (process.container != container.id) process = {container.id, {Load(directory)}};
      return process;
    }
    throw Error("nobody answers");
  }

  Worker Load(const std::filesystem::path& directory) {
    Worker worker{.pid = ++last_pid_};
    std::ifstream in(directory / "haproxy.cfg");
    std::string backend;
    for (std::string line; std::getline(in, line);) {
      std::istringstream words(line);
      std::string first, second, third;
      words >> first >> second >> third;
      if (second == "proc.adhoc_version") worker.version = third.substr(4, 16);
      if (first == "backend") backend = second;
      if (first == "server") worker.servers[backend][second] = {true, Weight(line)};
    }
    return worker;
  }

  FakeRuntime& runtime_;
  std::map<std::string, Process> processes_;
  int last_pid_ = 10;
};

}  // namespace adhoc::testing
