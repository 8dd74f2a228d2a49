#include "base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/error.h"

namespace adhoc {
namespace {

struct Pipe {
  int read = -1;
  int write = -1;
  Pipe() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) throw Error(std::string("cannot make a pipe: ") + strerror(errno));
    read = ends[0];
    write = ends[1];
  }
  ~Pipe() {
    CloseRead();
    CloseWrite();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void CloseRead() { Close(read); }
  void CloseWrite() { Close(write); }

 private:
  static void Close(int& fd) {
    if (fd >= 0) close(fd);
    fd = -1;
  }
};

}  // namespace

std::optional<std::string> FindProgram(std::string_view name) {
  if (name.find('/') != std::string_view::npos) {
    return access(std::string(name).c_str(), X_OK) == 0 ? std::optional<std::string>(name) : std::nullopt;
  }
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
  while (!rest.empty()) {
    const auto colon = rest.find(':');
    std::string candidate = std::string(rest.substr(0, colon)) + "/" + std::string(name);
    std::error_code ignored;
    if (access(candidate.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(candidate, ignored)) return candidate;
    rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
  }
  return std::nullopt;
}

void PrepareForExec() {
  // The system call: glibc's wrapper came with Linux 5.11's headers.
  syscall(SYS_close_range, 3U, ~0U, 0U);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

ProcessResult RunProcess(const std::vector<std::string>& argv, const ProcessOptions& options) {
  const auto program = FindProgram(argv.at(0));
  if (!program) throw Error(argv[0] + ": command not found");

  // Everything the child needs is made before fork: between fork and exec only async-signal-safe calls are allowed.
  std::vector<char*> args;
  for (const auto& arg : argv) args.push_back(const_cast<char*>(arg.c_str()));
  args.push_back(nullptr);
  std::vector<std::string> variables;
  for (const auto& [name, value] : options.env) variables.push_back(name + "=" + value);
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!options.env.contains(std::string(text.substr(0, text.find('='))))) variables.emplace_back(text);
  }
  std::vector<char*> env;
  for (auto& variable : variables) env.push_back(variable.data());
  env.push_back(nullptr);

  Pipe in;
  Pipe out;
  Pipe err;
  const pid_t pid = fork();
  if (pid < 0) throw Error(std::string("cannot fork: ") + strerror(errno));
  if (pid == 0) {
    dup2(in.read, 0);
    dup2(out.write, 1);
    dup2(err.write, 2);
    PrepareForExec();
    if (!options.working_directory.empty() && chdir(options.working_directory.c_str()) != 0) _exit(126);
    execve(program->c_str(), args.data(), env.data());
    _exit(127);
  }
  in.CloseRead();
  out.CloseWrite();
  err.CloseWrite();
  fcntl(in.write, F_SETFL, O_NONBLOCK);

  ProcessResult result;
  std::string_view pending = options.input;
  if (pending.empty()) in.CloseWrite();
  const auto drain = [](int fd, std::string& text, const std::function<void(std::string_view)>& sink) {
    std::array<char, 16384> buffer{};
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count <= 0) return count < 0 && errno == EINTR;
    const std::string_view chunk(buffer.data(), static_cast<std::size_t>(count));
    if (sink) {
      sink(chunk);
    } else {
      text += chunk;
    }
    return true;
  };
  while (out.read >= 0 || err.read >= 0) {
    std::array<pollfd, 3> fds{{{out.read, POLLIN, 0}, {err.read, POLLIN, 0}, {in.write, POLLOUT, 0}}};
    if (poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) break;
    if (fds[0].revents != 0 && !drain(out.read, result.out, options.on_out)) out.CloseRead();
    if (fds[1].revents != 0 && !drain(err.read, result.err, options.on_err)) err.CloseRead();
    if (fds[2].revents != 0) {
      const ssize_t count = write(in.write, pending.data(), pending.size());
      if (count > 0) pending.remove_prefix(static_cast<std::size_t>(count));
      if (pending.empty() || (count < 0 && errno != EAGAIN && errno != EINTR)) in.CloseWrite();
    }
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace adhoc
