#include "localcloud/runtime/engine_setup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/process.h"
#include "localcloud/runtime/docker_runtime.h"
#include "net/stream_client.h"
#include "net/transport.h"

namespace adhoc::localcloud {
namespace {

namespace fs = std::filesystem;

constexpr const char* kInstallHint = "apt-get install -y podman runc netavark aardvark-dns";
constexpr const char* kDockerSocket = "/var/run/docker.sock";

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void WriteFile(const std::string& path, std::string_view text) {
  // Renamed into place: a reader never sees half of it.
  std::string temporary = path + ".new";
  std::ofstream file(temporary, std::ios::trunc);
  file << text;
  file.close();
  if (!file || std::rename(temporary.c_str(), path.c_str()) != 0) {
    throw Error(fmt::format("cannot write {}: {}", path, std::strerror(errno)),
                "check the free space and the permissions");
  }
}

// Held while an engine is looked for, so that two commands do not start two services.
class SetupLock {
 public:
  explicit SetupLock(const std::string& state_dir) {
    std::string path = state_dir + "/engine.lock";
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd_ < 0) throw Error(fmt::format("cannot open {}: {}", path, std::strerror(errno)));
    while (::flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~SetupLock() { ::close(fd_); }
  SetupLock(const SetupLock&) = delete;
  SetupLock& operator=(const SetupLock&) = delete;

 private:
  int fd_ = -1;
};

// Nothing when the engine answers on the socket, otherwise why not.
std::optional<std::string> WhyNotAnswering(const std::string& socket_path) {
  try {
    net::Request ping;
    ping.target = "/_ping";
    int status = net::MakeUnixSocketClient(socket_path)->Send(ping).status;
    return status == 200 ? std::nullopt : std::optional(fmt::format("it answered {}", status));
  } catch (const net::TransportError& error) {
    return error.what();
  }
}

std::string EngineNameAt(const std::string& socket_path) {
  return MakeDockerRuntime(socket_path, RealClock())->Engine().name;
}

// ---- podman

std::string Stamp(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) return path + " -\n";
  return fmt::format("{} {} {}.{}\n", path, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

std::string OurContainersConf(const std::string& state_dir) { return state_dir + "/containers.conf"; }

// The configuration that the user chose. Ours, exported for other programs, is no choice.
std::string OwnContainersConf(const std::string& state_dir) {
  std::string own = Variable("CONTAINERS_CONF");
  return own == OurContainersConf(state_dir) ? "" : own;
}

// Changes when what podman can do may have changed.
std::string ConfigurationKey(const std::string& podman, const std::string& state_dir) {
  std::string home = Variable("HOME");
  std::string key = Stamp(podman);
  for (const char* path :
       {"/usr/share/containers/containers.conf", "/etc/containers/containers.conf", "/etc/containers/containers.conf.d",
        "/etc/hosts", "/usr/lib/podman/netavark", "/usr/lib/podman/aardvark-dns", "/usr/bin/crun", "/usr/sbin/runc"}) {
    key += Stamp(path);
  }
  key += Stamp(home + "/.config/containers/containers.conf");
  if (std::string own = OwnContainersConf(state_dir); !own.empty()) key += Stamp(own);
  return key;
}

bool HasHelper(std::string_view name) {
  for (const char* directory :
       {"/usr/local/libexec/podman", "/usr/local/lib/podman", "/usr/libexec/podman", "/usr/lib/podman"}) {
    if (::access(fmt::format("{}/{}", directory, name).c_str(), X_OK) == 0) return true;
  }
  return false;
}

long HardLimit(int resource) {
  rlimit limit{};
  if (::getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) return 1024;
  return limit.rlim_max == RLIM_INFINITY ? 1L << 20 : static_cast<long>(limit.rlim_max);
}

PodmanFacts GatherFacts(const std::string& podman, const std::map<std::string, std::string>& variables) {
  PodmanFacts facts;
  ProcessResult info = RunProcess({podman, "info", "--format", "json"}, {.env = variables});
  Json document = Json::parse(info.out, nullptr, false);
  if (info.exit_code == 0 && document.is_object()) {
    facts.major_version = std::atoi(document.value("/version/Version"_json_pointer, std::string("0")).c_str());
    facts.runtime = document.value("/host/ociRuntime/name"_json_pointer, std::string());
    facts.network_backend = document.value("/host/networkBackend"_json_pointer, std::string());
  }
  facts.has_netavark = HasHelper("netavark") && HasHelper("aardvark-dns");
  facts.has_dnsname = ::access("/usr/lib/cni/dnsname", X_OK) == 0 || ::access("/opt/cni/bin/dnsname", X_OK) == 0;
  facts.has_runc = FindProgram("runc").has_value() || ::access("/usr/sbin/runc", X_OK) == 0;
  std::array<char, 256> hostname{};
  ::gethostname(hostname.data(), hostname.size() - 1);
  facts.hosts_file_has_names = HostsFileHasNames(ReadFile("/etc/hosts"), hostname.data());
  facts.open_files = HardLimit(RLIMIT_NOFILE);
  facts.processes = HardLimit(RLIMIT_NPROC);
  return facts;
}

// A root file system that needs no image: directories, and this machine's /usr mounted into it.
std::string MakeProbeRoot(const std::string& state_dir) {
  std::string root = state_dir + "/engine-probe";
  for (const char* name : {"dev", "proc", "sys", "etc", "tmp", "run", "usr"}) fs::create_directories(root + "/" + name);
  for (const char* name : {"bin", "sbin", "lib", "lib64"}) {
    std::error_code exists;
    fs::create_symlink(fmt::format("usr/{}", name), root + "/" + name, exists);
  }
  return root;
}

// Nothing when podman can run a container on a bridge network, otherwise its words.
std::optional<std::string> WhyNotRunning(const std::string& podman, const std::string& state_dir,
                                         const std::map<std::string, std::string>& variables) {
  ProcessResult result = RunProcess({podman, "run", "--rm", "--network=bridge", "--log-driver=k8s-file", "-v",
                                     "/usr:/usr:ro", "--rootfs", MakeProbeRoot(state_dir), "/usr/bin/true"},
                                    {.env = variables});
  if (result.exit_code == 0) return std::nullopt;
  // The last line is the failure; warnings come before it.
  std::string_view text = result.err;
  while (text.ends_with('\n')) text.remove_suffix(1);
  std::string_view last = text.substr(text.rfind('\n') + 1);
  if (last.starts_with("Error: ")) last.remove_prefix(7);
  return last.empty() ? fmt::format("exit code {}", result.exit_code) : std::string(last);
}

bool CanResolveNames(const PodmanFacts& facts) {
  return facts.network_backend == "netavark" ? facts.has_netavark : facts.has_dnsname;
}

// The variables with which podman works here. Throws Error when it cannot be made to.
std::map<std::string, std::string> MakePodmanWork(const std::string& podman, const EngineSetupOptions& options) {
  if (options.on_progress) options.on_progress("Trying out podman");
  std::string own = OwnContainersConf(options.state_dir);
  if (!own.empty()) {
    std::map<std::string, std::string> variables = {{"CONTAINERS_CONF", own}};
    if (CanResolveNames(GatherFacts(podman, variables)) && !WhyNotRunning(podman, options.state_dir, variables)) {
      return variables;
    }
  }
  std::string path = OurContainersConf(options.state_dir);
  // Empty, the variable stands for podman's own search.
  PodmanFacts facts = GatherFacts(podman, {{"CONTAINERS_CONF", ""}});
  if (!facts.has_netavark && !CanResolveNames(facts)) {
    throw Error("podman cannot resolve names between containers: netavark and aardvark-dns are not installed",
                kInstallHint);
  }
  std::optional<PodmanTuning> tuning = InitialTuning(facts);
  std::string failure;
  while (tuning) {
    std::map<std::string, std::string> variables;
    if (!tuning->empty()) {
      WriteFile(path, FormatContainersConf(*tuning, facts));
      variables["CONTAINERS_CONF"] = path;
    } else if (!Variable("CONTAINERS_CONF").empty()) {
      variables["CONTAINERS_CONF"] = "";
    }
    std::optional<std::string> why = WhyNotRunning(podman, options.state_dir, variables);
    if (!why) return variables;
    failure = *why;
    tuning = NextTuning(*tuning, failure, facts);
  }
  std::error_code ignored;
  fs::remove(path, ignored);
  throw Error(
      fmt::format("podman cannot run a container: {}", failure),
      facts.has_runc
          ? "make `podman run --rm docker.io/library/debian:12 true` work, or set DOCKER_HOST to an engine that does"
          : "apt-get install runc: it runs containers on some kernels on which crun does not");
}

// Starts a program in a session of its own that goes on when we end. Its parent is init, so that it never becomes our
// zombie.
pid_t StartDetached(const std::vector<std::string>& argv, const std::map<std::string, std::string>& variables,
                    const std::string& log_path) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry; ++entry) {
    std::string_view line = *entry;
    if (!variables.count(std::string(line.substr(0, line.find('='))))) environment.emplace_back(line);
  }
  for (const auto& [name, value] : variables) environment.push_back(name + "=" + value);
  auto pointers = [](const std::vector<std::string>& lines) {
    std::vector<char*> result;
    for (const std::string& line : lines) result.push_back(const_cast<char*>(line.c_str()));
    result.push_back(nullptr);
    return result;
  };
  // Not where the person happens to be: conmon leaves a file `oom` in its directory when a container was killed for
  // memory.
  const std::string directory = std::filesystem::path(log_path).parent_path().string();
  std::vector<char*> arguments = pointers(argv);
  std::vector<char*> variables_block = pointers(environment);
  int log = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  int ends[2];
  if (log < 0 || null < 0 || ::pipe2(ends, O_CLOEXEC) != 0) {
    throw Error(fmt::format("cannot start {}: {}", argv[0], std::strerror(errno)));
  }
  // Only async-signal-safe calls between fork and exec: other threads may hold any lock.
  pid_t middle = ::fork();
  if (middle == 0) {
    ::setsid();
    pid_t child = ::fork();
    if (child == 0) {
      ::dup2(null, 0);
      ::dup2(log, 1);
      ::dup2(log, 2);
      PrepareForExec();
      if (::chdir(directory.c_str()) != 0) ::_exit(127);
      ::execve(arguments[0], arguments.data(), variables_block.data());
      ::_exit(127);
    }
    ssize_t written = ::write(ends[1], &child, sizeof(child));
    ::_exit(written == sizeof(child) ? 0 : 1);
  }
  pid_t child = -1;
  ssize_t count = middle < 0 ? -1 : ::read(ends[0], &child, sizeof(child));
  if (middle > 0) ::waitpid(middle, nullptr, 0);
  for (int fd : {log, null, ends[0], ends[1]}) ::close(fd);
  if (count != sizeof(child) || child <= 0) throw Error(fmt::format("cannot start {}: no process", argv[0]));
  return child;
}

// The service whose pid was written down, if it is still that service.
std::optional<pid_t> RunningService(const std::string& state_dir) {
  int pid = std::atoi(ReadFile(state_dir + "/engine.pid").c_str());
  if (pid <= 1) return std::nullopt;
  std::string command = ReadFile(fmt::format("/proc/{}/cmdline", pid));
  bool ours = command.find(EngineSocketPath(state_dir)) != std::string::npos;
  return ours ? std::optional<pid_t>(pid) : std::nullopt;
}

bool EndService(const std::string& state_dir) {
  std::optional<pid_t> pid = RunningService(state_dir);
  if (!pid) return false;
  ::kill(*pid, SIGTERM);
  for (int attempt = 0; attempt < 100 && RunningService(state_dir); ++attempt) {
    if (attempt == 50) ::kill(*pid, SIGKILL);
    RealClock().SleepFor(std::chrono::milliseconds(20));
  }
  std::error_code ignored;
  fs::remove(EngineSocketPath(state_dir), ignored);
  fs::remove(state_dir + "/engine.pid", ignored);
  return true;
}

void StartService(const std::string& podman, const std::string& state_dir,
                  const std::map<std::string, std::string>& variables) {
  std::string socket = EngineSocketPath(state_dir);
  std::string log = state_dir + "/engine.log";
  pid_t pid = StartDetached({podman, "system", "service", "--time=0", "unix://" + socket}, variables, log);
  WriteFile(state_dir + "/engine.pid", fmt::format("{}\n", pid));
  std::optional<std::string> why;
  for (int attempt = 0; attempt < 500; ++attempt) {
    why = WhyNotAnswering(socket);
    if (!why) return;
    if (::kill(pid, 0) != 0) break;
    RealClock().SleepFor(std::chrono::milliseconds(20));
  }
  throw Error(fmt::format("podman's service does not answer: {}", *why), fmt::format("see {}", log));
}

EngineEnvironment PreparePodman(const std::string& podman, const EngineSetupOptions& options) {
  const std::string& state_dir = options.state_dir;
  std::string record_path = state_dir + "/engine.json";
  std::string key = ConfigurationKey(podman, state_dir);
  EngineEnvironment environment{"podman", EngineSocketPath(state_dir), {}};
  Json record = Json::parse(ReadFile(record_path), nullptr, false);
  if (!record.is_object()) record = Json::object();
  bool recorded = record.value("key", "") == key;
  if (recorded && record.contains("containers_conf")) {
    std::string conf = record.value("containers_conf", "");
    recorded = conf.empty() || fs::exists(conf);
    environment.variables["CONTAINERS_CONF"] = conf;
  }
  if (!recorded) {
    std::string before = ReadFile(OurContainersConf(state_dir));
    environment.variables = MakePodmanWork(podman, options);
    Json made = {{"key", key}};
    auto conf = environment.variables.find("CONTAINERS_CONF");
    if (conf != environment.variables.end()) made["containers_conf"] = conf->second;
    bool same = made.value("containers_conf", "") == record.value("containers_conf", "") &&
                ReadFile(OurContainersConf(state_dir)) == before;
    if (!same) EndService(state_dir);  // it runs with other settings
    WriteFile(record_path, made.dump(2) + "\n");
  }
  if (WhyNotAnswering(environment.socket_path)) {
    EndService(state_dir);
    StartService(podman, state_dir, environment.variables);
  }
  return environment;
}

}  // namespace

EngineEnvironment PrepareEngine(const EngineSetupOptions& given) {
  EngineSetupOptions options = given;
  options.state_dir = fs::absolute(given.state_dir);  // podman takes relative paths from elsewhere
  for (const char* name : {"ADHOC_CONTAINER_HOST", "DOCKER_HOST"}) {
    std::string host = Variable(name);
    if (host.empty()) continue;
    if (!host.starts_with("unix://")) {
      throw Error(fmt::format("cannot use {}={}: only unix:// sockets of this machine are supported", name, host),
                  fmt::format("unset {}, or set it to unix:///path/to/engine.sock", name));
    }
    std::string socket = host.substr(std::strlen("unix://"));
    if (std::optional<std::string> why = WhyNotAnswering(socket)) {
      throw Error(fmt::format("cannot use {}={}: {}", name, host, *why),
                  fmt::format("start that engine, or unset {}", name));
    }
    return {EngineNameAt(socket), socket, {{"DOCKER_HOST", host}}};
  }
  fs::create_directories(options.state_dir);
  SetupLock lock(options.state_dir);
  std::optional<Error> podman_failure;
  if (std::optional<std::string> podman = FindProgram("podman")) {
    try {
      return PreparePodman(*podman, options);
    } catch (const Error& error) {
      podman_failure = error;
    }
  }
  if (::access(kDockerSocket, F_OK) == 0 && !WhyNotAnswering(kDockerSocket)) {
    return {EngineNameAt(kDockerSocket), kDockerSocket, {}};
  }
  if (podman_failure) throw *podman_failure;
  throw Error("no container engine: neither podman nor Docker is on this machine", kInstallHint);
}

bool StopEngine(const std::string& given_dir) {
  std::string state_dir = fs::absolute(given_dir);
  if (!fs::exists(state_dir)) return false;
  SetupLock lock(state_dir);
  return EndService(state_dir);
}

std::unique_ptr<ContainerRuntime> MakeEngineRuntime(const EngineSetupOptions& options, Clock& clock) {
  return MakeDockerRuntime([options] { return PrepareEngine(options).socket_path; }, clock);
}

PodmanTuning InitialTuning(const PodmanFacts& facts) {
  PodmanTuning tuning;
  if (facts.network_backend != "netavark" && facts.has_netavark) tuning.network_backend = "netavark";
  tuning.no_host_names = facts.major_version < 5 && facts.hosts_file_has_names;
  return tuning;
}

std::optional<PodmanTuning> NextTuning(const PodmanTuning& tried, std::string_view error, const PodmanFacts& facts) {
  PodmanTuning next = tried;
  if (error.find("rlimit") != std::string_view::npos || error.find("RLIMIT") != std::string_view::npos) {
    next.own_limits = true;
  } else if (facts.has_runc && facts.runtime != "runc" && tried.runtime.empty()) {
    next.runtime = "runc";
  }
  return next == tried ? std::nullopt : std::optional(next);
}

std::string FormatContainersConf(const PodmanTuning& tuning, const PodmanFacts& facts) {
  std::string text = "# Written by adhoc: podman's defaults cannot run containers on this machine.\n";
  if (tuning.own_limits || tuning.no_host_names) text += "[containers]\n";
  if (tuning.own_limits) {
    // What podman's own processes have: it lowers its number of processes to this.
    constexpr long kPodmanProcesses = 32768;
    long processes = std::min(facts.processes, kPodmanProcesses);
    text += fmt::format("default_ulimits = [\"nofile={0}:{0}\", \"nproc={1}:{1}\"]\n", facts.open_files, processes);
  }
  if (tuning.no_host_names) text += "base_hosts_file = \"none\"\n";
  if (!tuning.runtime.empty()) text += fmt::format("[engine]\nruntime = \"{}\"\n", tuning.runtime);
  if (!tuning.network_backend.empty())
    text += fmt::format("[network]\nnetwork_backend = \"{}\"\n", tuning.network_backend);
  return text;
}

bool HostsFileHasNames(std::string_view hosts_file, std::string_view hostname) {
  static const std::set<std::string, std::less<>> kUsual = {
      "localhost",    "localhost.localdomain", "localhost4",   "localhost6",     "ip6-localhost", "ip6-loopback",
      "ip6-localnet", "ip6-mcastprefix",       "ip6-allnodes", "ip6-allrouters", "ip6-allhosts"};
  std::istringstream lines{std::string(hosts_file)};
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string word;
    words >> word;  // the address
    while (words >> word) {
      bool own = word == hostname || (word.starts_with(hostname) && word[hostname.size()] == '.');
      if (!own && !kUsual.count(word)) return true;
    }
  }
  return false;
}

std::string EngineSocketPath(const std::string& state_dir) {
  constexpr std::size_t kMaxSocketPath = 107;
  std::string path = state_dir + "/engine.sock";
  if (path.size() <= kMaxSocketPath) return path;
  return fmt::format("/tmp/adhoc-engine-{}-{:016x}.sock", ::getuid(), std::hash<std::string>()(state_dir));
}

}  // namespace adhoc::localcloud
