#include "localcloud/settings.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/process.h"
#include "localcloud/identity.h"
#include "net/transport.h"

namespace adhoc::localcloud {
namespace {

constexpr std::chrono::milliseconds kPoll{20};
constexpr std::chrono::seconds kStartTimeout{60};
constexpr int kShownLogLines = 15;

std::string LastLines(const std::string& path, int count) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(line);
    if (static_cast<int>(lines.size()) > count) lines.erase(lines.begin());
  }
  return fmt::format("{}", fmt::join(lines, "\n"));
}

// A grandchild in a session of its own, so that it outlives us and no terminal signal reaches it.
pid_t StartDetached(const LocalSettings& settings, const std::string& program) {
  std::vector<std::string> words = {
      program, "local", "run", "--state-dir", settings.state_dir, "--port", std::to_string(settings.port)};
  if (settings.dns_port != 0) words.insert(words.end(), {"--dns-port", std::to_string(settings.dns_port)});
  if (!settings.account.empty()) words.insert(words.end(), {"--account", settings.account});
  if (!settings.region.empty()) words.insert(words.end(), {"--region", settings.region});
  if (settings.engineless) words.insert(words.end(), {"--runtime", "none"});
  if (settings.timing != Timing()) words.insert(words.end(), {"--timing", settings.timing.ToString()});
  if (settings.iam != Iam::kOff) words.insert(words.end(), {"--iam", ToString(settings.iam)});
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const int log = open(settings.log_file().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (log < 0) {
    throw Error(fmt::format("cannot write {}: {}", settings.log_file(), strerror(errno)), "is the disk full?");
  }
  const pid_t child = fork();
  if (child < 0) throw Error(std::string("cannot fork: ") + strerror(errno));
  if (child == 0) {
    setsid();
    const int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    dup2(log, 1);
    dup2(log, 2);
    PrepareForExec();
    execv(program.c_str(), arguments.data());
    _exit(127);
  }
  close(log);
  return child;
}

}  // namespace

Probe ProbeLocalCloud(const LocalSettings& settings) {
  const auto transport = net::MakeCurlTransport();
  try {
    net::Request request{.target = "/_adhoc/health"};
    request.headers.Set("Host", fmt::format("127.0.0.1:{}", settings.port));
    const net::Response response =
        transport->Send(net::Uri::Parse(settings.endpoint()), request,
                        {.connect_timeout = std::chrono::seconds(1), .timeout = std::chrono::seconds(5)});
    const Json health = Json::parse(response.body, nullptr, false);
    if (health.is_object() && health.value("state_dir", "") == settings.state_dir) {
      return {.state = Probe::State::kOurs, .health = health};
    }
    return {.state = Probe::State::kForeign, .health = health.is_object() ? health : Json::object()};
  } catch (const net::TransportError& error) {
    return {.state = error.sent() ? Probe::State::kForeign : Probe::State::kNone};
  }
}

namespace {

void StartServer(const LocalSettings& settings, const std::string& program, const Probe& probe,
                 const std::function<void(std::string_view)>& on_progress) {
  if (probe.state == Probe::State::kForeign) {
    const std::string other = probe.health.value("state_dir", "");
    throw Error(fmt::format("port {} on 127.0.0.1 is in use by {}", settings.port,
                            other.empty() ? "another program" : "another local cloud, of " + other),
                "stop it, or choose another port: ADHOC_PORT=4567");
  }
  std::error_code failed;
  std::filesystem::create_directories(settings.state_dir, failed);
  if (failed)
    throw Error(fmt::format("cannot make {}: {}", settings.state_dir, failed.message()),
                "set ADHOC_HOME to another folder");
  on_progress("Starting the local cloud");
  const pid_t child = StartDetached(settings, program);
  const auto deadline = std::chrono::steady_clock::now() + kStartTimeout;
  while (ProbeLocalCloud(settings).state != Probe::State::kOurs) {
    int status = 0;
    if (waitpid(child, &status, WNOHANG) == child) {
      // Another process may have been quicker to start it.
      if (ProbeLocalCloud(settings).state == Probe::State::kOurs) return;
      throw Error("the local cloud did not start:\n" + LastLines(settings.log_file(), kShownLogLines),
                  "its whole log is " + settings.log_file());
    }
    if (std::chrono::steady_clock::now() > deadline) {
      throw Error(fmt::format("the local cloud did not answer within {} s:\n{}", kStartTimeout.count(),
                              LastLines(settings.log_file(), kShownLogLines)),
                  "its whole log is " + settings.log_file());
    }
    std::this_thread::sleep_for(kPoll);
  }
}

}  // namespace

void EnsureLocalCloud(const LocalSettings& settings, const std::string& program,
                      const std::function<void(std::string_view)>& on_progress) {
  Probe probe = ProbeLocalCloud(settings);
  if (probe.state != Probe::State::kOurs) {
    StartServer(settings, program, probe, on_progress);
    probe = ProbeLocalCloud(settings);
  } else {
    ResolveIdentity(Identity{.account = probe.health.value("account", Identity().account),
                             .region = probe.health.value("region", Identity().region)},
                    settings);
    const std::string timing = probe.health.value("timing", Timing().ToString());
    if (settings.timing != Timing() && settings.timing.ToString() != timing) {
      throw Error(fmt::format("the local cloud runs already, with timing {}", timing), "adhoc local stop");
    }
  }
  // It answers before the container engine is there, which is of no use to a person.
  const auto deadline = std::chrono::steady_clock::now() + kStartTimeout;
  while (true) {
    const Json engine = probe.health.value("engine", Json::object());
    const std::string state = engine.value("state", "");
    if (state == "ready") return;
    if (state == "failed") throw Error(engine.value("error", "there is no container engine"), engine.value("hint", ""));
    if (std::chrono::steady_clock::now() > deadline) {
      throw Error(fmt::format("the container engine did not answer within {} s", kStartTimeout.count()),
                  "adhoc local status");
    }
    std::this_thread::sleep_for(kPoll);
    probe = ProbeLocalCloud(settings);
  }
}

namespace {

// Not when it has ended and its parent hasn't asked how.
bool IsRunning(pid_t pid) {
  if (kill(pid, 0) != 0) return false;
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string stat;
  std::getline(file, stat);
  const auto name_end = stat.rfind(") ");
  return name_end == std::string::npos || stat[name_end + 2] != 'Z';
}

}  // namespace

bool StopLocalCloud(const LocalSettings& settings) {
  const Probe probe = ProbeLocalCloud(settings);
  if (probe.state != Probe::State::kOurs) return false;
  const pid_t pid = probe.health.value("pid", 0);
  if (pid <= 1 || kill(pid, SIGTERM) != 0) return false;
  for (int i = 0; i < 1000 && IsRunning(pid); ++i) std::this_thread::sleep_for(kPoll);
  return true;
}

}  // namespace adhoc::localcloud
