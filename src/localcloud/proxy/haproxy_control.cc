#include "localcloud/proxy/haproxy_control.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <sstream>

#include "base/error.h"

namespace adhoc::localcloud::proxy {
namespace {

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

class UnixSocketCli : public HaproxyCli {
 public:
  std::string Run(const std::filesystem::path& directory, const std::string& command) override {
    const auto fail = [&](const char* what) -> Error {
      return Error(fmt::format("cannot talk to HAProxy in {}: {}: {}", directory.string(), what, std::strerror(errno)));
    };
    // A socket's path may have 107 characters at most; a state directory's may be longer.
    const FileDescriptor parent(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (parent.get() < 0) throw fail("open");
    const FileDescriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (fd.get() < 0) throw fail("socket");
    const timeval patience{.tv_sec = 3, .tv_usec = 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = fmt::format("/proc/self/fd/{}/master.sock", parent.get());
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) throw fail("connect");
    const std::string line = command + "\n";
    if (send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) throw fail("send");
    shutdown(fd.get(), SHUT_WR);
    std::string answer;
    char buffer[16384];
    for (;;) {
      const ssize_t length = recv(fd.get(), buffer, sizeof buffer, 0);
      if (length == 0) return answer;
      if (length < 0 && errno == EINTR) continue;
      // The master executes itself anew on "reload" and may drop this connection.
      if (length < 0 && errno == ECONNRESET) return answer;
      if (length < 0) throw fail("receive");
      answer.append(buffer, static_cast<std::size_t>(length));
    }
  }
};

std::string OnWorker(const std::string& worker, std::string_view command) {
  return fmt::format("@!{} {}", worker, command);
}

}  // namespace

std::unique_ptr<HaproxyCli> MakeHaproxyCli() { return std::make_unique<UnixSocketCli>(); }

std::string ParseWorker(std::string_view show_proc) {
  std::string current;
  std::istringstream lines{std::string(show_proc)};
  for (std::string line; std::getline(lines, line) && !line.starts_with("# old workers");) {
    std::istringstream words(line);
    std::string pid;
    std::string type;
    if (words >> pid >> type && type == "worker") current = pid;
  }
  return current;
}

ServerStates ParseServers(std::string_view show_servers_state) {
  ServerStates states;
  std::istringstream lines{std::string(show_servers_state)};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream words(line);
    std::string backend_id, backend, server_id, server, address;
    int running = 0;
    int administrative = 0;
    int weight = 0;
    if (words >> backend_id >> backend >> server_id >> server >> address >> running >> administrative >> weight) {
      states[backend][server] = {administrative == 0, weight};
    }
  }
  return states;
}

Commands ServerCommands(const std::map<std::string, HaproxyConfig::Backend>& wanted, const ServerStates& observed) {
  Commands commands;
  for (const auto& [backend, target] : wanted) {
    const auto found = observed.find(backend);
    static const std::map<std::string, ServerState> kNone;
    const auto& present = found == observed.end() ? kNone : found->second;
    for (const auto& [server, entry] : target.servers) {
      const auto state = present.find(server);
      const std::string name = backend + "/" + server;
      if (state == present.end()) {
        commands.additions.push_back(fmt::format("add server {} {} weight {}", name, entry.address, entry.weight));
      } else if (state->second.weight != entry.weight) {
        commands.additions.push_back(fmt::format("set server {} weight {}", name, entry.weight));
      }
      if (state == present.end() || !state->second.ready) {
        commands.additions.push_back(fmt::format("set server {} state ready", name));
      }
    }
    for (const auto& [server, state] : present) {
      if (target.servers.contains(server)) continue;
      commands.removals.push_back(state.ready ? fmt::format("set server {}/{} state maint", backend, server)
                                              : fmt::format("del server {}/{}", backend, server));
    }
  }
  return commands;
}

bool HasServers(const std::map<std::string, HaproxyConfig::Backend>& wanted, const ServerStates& observed) {
  for (const auto& [backend, target] : wanted) {
    const auto found = observed.find(backend);
    std::size_t ready = 0;
    if (found != observed.end()) {
      for (const auto& [server, state] : found->second) {
        if (!state.ready) continue;
        if (!target.servers.contains(server)) return false;
        ++ready;
      }
    }
    if (ready != target.servers.size()) return false;
  }
  return true;
}

std::string LiveVersion(HaproxyCli& cli, const std::filesystem::path& directory) {
  try {
    const std::string worker = ParseWorker(cli.Run(directory, "show proc"));
    if (worker.empty()) return "";
    const std::string answer = cli.Run(directory, OnWorker(worker, "get var proc.adhoc_version"));
    const auto begin = answer.find('<');
    const auto end = answer.find('>');
    return begin == std::string::npos || end == std::string::npos ? "" : answer.substr(begin + 1, end - begin - 1);
  } catch (const Error&) {
    return "";
  }
}

bool ApplyServers(HaproxyCli& cli, const std::filesystem::path& directory,
                  const std::map<std::string, HaproxyConfig::Backend>& wanted) {
  const std::string worker = ParseWorker(cli.Run(directory, "show proc"));
  if (worker.empty()) return false;
  const auto observe = [&] { return ParseServers(cli.Run(directory, OnWorker(worker, "show servers state"))); };
  const auto run = [&](const std::vector<std::string>& commands) {
    for (const auto& command : commands) cli.Run(directory, OnWorker(worker, command));
  };
  Commands commands = ServerCommands(wanted, observe());
  if (!commands.additions.empty()) {
    run(commands.additions);
    commands = ServerCommands(wanted, observe());
    if (!commands.additions.empty()) return false;  // without them nothing is taken out
  }
  run(commands.removals);
  return HasServers(wanted, observe());
}

}  // namespace adhoc::localcloud::proxy
