#include "localcloud/runtime/docker_runtime.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <deque>
#include <thread>
#include <tuple>
#include <utility>

#include "base/json.h"
#include "base/random.h"
#include "base/sync.h"
#include "localcloud/runtime/docker_wire.h"
#include "localcloud/runtime/multiplexed_stream.h"
#include "net/stream_client.h"
#include "net/transport.h"
#include "net/uri.h"

namespace adhoc::localcloud {
namespace {

using docker::ErrorOf;

constexpr std::string_view kApi = "/v1.41";
constexpr std::string_view kPodmanApi = "/v4.0.0/libpod";
// After this long without a line, a container whose log is followed is looked at.
constexpr std::chrono::seconds kSilence{2};

std::string Path(std::string_view kind, std::string_view name, std::string_view action = "") {
  // Image names keep their slashes and colons: the engines route on the rest of the path.
  return fmt::format("{}/{}/{}{}", kApi, kind, net::PercentEncode(name, "/:@"), action);
}

net::Request MakeRequest(std::string method, std::string target, const Json* body = nullptr) {
  net::Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  if (body) {
    request.headers.Set("Content-Type", "application/json");
    request.body = body->dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  return request;
}

RuntimeError Unreachable(const net::TransportError& error) {
  return RuntimeError(RuntimeErrorKind::kUnreachable,
                      fmt::format("cannot reach the container engine: {}", error.what()),
                      "run `adhoc doctor` to see which engine is used and whether it works");
}

std::string ShortId(const std::string& id) {
  bool hex = id.size() == 64 && id.find_first_not_of("0123456789abcdef") == std::string::npos;
  return hex ? id.substr(0, 12) : id;
}

std::string Base64Url(const std::string& data) {
  std::string text(4 * ((data.size() + 2) / 3) + 1, '\0');
  int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                               reinterpret_cast<const unsigned char*>(data.data()), static_cast<int>(data.size()));
  text.resize(static_cast<std::size_t>(length));
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

// What the kernel has said; empty without the right to read it.
std::string ReadKernelLog() {
  std::string log;
  int fd = ::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return log;
  char record[8192];
  ssize_t count;
  // EPIPE: a record was overwritten before it was read; the next one follows.
  while ((count = ::read(fd, record, sizeof(record))) > 0 || errno == EPIPE || errno == EINTR) {
    if (count > 0) log.append(record, static_cast<std::size_t>(count));
    errno = 0;
  }
  ::close(fd);
  return log;
}

// The engine's calls with their failures turned into RuntimeErrors.
class Api {
 public:
  Api(std::function<std::string()> find, Clock& clock) : find_(std::move(find)), clock_(clock) {}

  net::Response Call(const net::Request& request) {
    return Try([&](net::StreamClient& client) { return client.Send(request); });
  }
  // As Call; a status of 400 or more throws.
  net::Response Do(std::string_view what, const net::Request& request) {
    net::Response response = Call(request);
    if (response.status >= 400) throw ErrorOf(what, response.status, response.body);
    return response;
  }
  // The document, or nothing when there is no such thing.
  std::optional<Json> Find(std::string_view what, const std::string& target) {
    net::Response response = Call(MakeRequest("GET", target));
    if (response.status < 400) return Parse(what, response.body);
    RuntimeError error = ErrorOf(what, response.status, response.body);
    if (IsAbsent(error)) return std::nullopt;
    throw error;
  }
  // No effect when there is no such thing.
  void Delete(std::string_view what, const std::string& target) {
    net::Response response = Call(MakeRequest("DELETE", target));
    if (response.status < 400) return;
    RuntimeError error = ErrorOf(what, response.status, response.body);
    if (!IsAbsent(error)) throw error;
  }
  Json Get(std::string_view what, const std::string& target) {
    return Parse(what, Do(what, MakeRequest("GET", target)).body);
  }
  Json Post(std::string_view what, const std::string& target, const Json& body) {
    return Parse(what, Do(what, MakeRequest("POST", target, &body)).body);
  }
  void Stream(std::string_view what, const net::Request& request, const std::function<bool(std::string_view)>& on_body,
              std::stop_token stop, std::chrono::milliseconds idle = std::chrono::milliseconds(0)) {
    net::Response response =
        Try([&](net::StreamClient& client) { return client.Stream(request, on_body, stop, idle); });
    if (response.status >= 400) throw ErrorOf(what, response.status, response.body);
  }
  std::unique_ptr<net::RawConnection> Hijack(std::string_view what, const net::Request& request) {
    net::StreamClient::Hijacked hijacked = Try([&](net::StreamClient& client) { return client.Hijack(request); });
    if (!hijacked.connection) throw ErrorOf(what, hijacked.response.status, hijacked.response.body);
    return std::move(hijacked.connection);
  }

 private:
  struct Connection {
    std::shared_ptr<net::StreamClient> client;
    int number = 0;  // counts the times that a socket was found
    std::optional<RuntimeError> failure;
    TimePoint failed_at{};
  };

  // A request that was not sent is tried once more, on a socket that is looked for again.
  template <typename Action>
  auto Try(Action action) -> decltype(action(std::declval<net::StreamClient&>())) {
    auto [client, number] = Client(0);
    try {
      return action(*client);
    } catch (const net::TransportError& error) {
      if (error.sent()) throw Unreachable(error);
    }
    std::tie(client, number) = Client(number);
    try {
      return action(*client);
    } catch (const net::TransportError& error) {
      throw Unreachable(error);
    }
  }

  // The client, a newer one than number `failed`.
  std::pair<std::shared_ptr<net::StreamClient>, int> Client(int failed) {
    constexpr std::chrono::seconds kBetweenAttempts{5};
    auto connection = connection_.lock();  // held while looking: everybody else has to wait for the result anyway
    if (!connection->client || connection->number <= failed) {
      connection->client = nullptr;
      if (connection->failure && clock_.Now() - connection->failed_at < kBetweenAttempts) throw *connection->failure;
      connection->failure.reset();
      try {
        connection->client = net::MakeUnixSocketClient(find_());
        ++connection->number;
      } catch (const Error& error) {
        connection->failure = RuntimeError(RuntimeErrorKind::kUnreachable, error.what(), error.hint());
        connection->failed_at = clock_.Now();
        throw *connection->failure;
      }
    }
    return {connection->client, connection->number};
  }

  static bool IsAbsent(const RuntimeError& error) {
    return error.kind() == RuntimeErrorKind::kNotFound || error.kind() == RuntimeErrorKind::kImageNotFound;
  }

  static Json Parse(std::string_view what, const std::string& body) {
    Json document = Json::parse(body, nullptr, false);
    if (document.is_discarded()) {
      throw RuntimeError(RuntimeErrorKind::kOther, fmt::format("{}: the engine's answer is not JSON", what));
    }
    return document;
  }

  const std::function<std::string()> find_;
  Clock& clock_;
  Sync<Connection> connection_;
};

class DockerExec : public ExecSession {
 public:
  DockerExec(Api& api, Clock& clock, std::string id, bool tty, std::unique_ptr<net::RawConnection> connection)
      : api_(api), clock_(clock), id_(std::move(id)), tty_(tty), connection_(std::move(connection)) {}
  ~DockerExec() override { connection_->Close(); }

  std::optional<Output> Read() override {
    while (frames_.empty()) {
      std::string data = connection_->ReadSome();
      if (data.empty()) return std::nullopt;
      if (tty_) return Output{false, std::move(data)};
      for (FrameDecoder::Frame& frame : decoder_.Feed(data)) {
        if (!frame.payload.empty()) frames_.push_back(std::move(frame));
      }
    }
    Output output{frames_.front().from_stderr, std::move(frames_.front().payload)};
    frames_.pop_front();
    return output;
  }
  bool Write(std::string_view data) override { return connection_->Write(data); }
  void CloseInput() override { connection_->CloseWrite(); }

  void Resize(int columns, int rows) override {
    if (!tty_) return;
    // podman refuses for a moment after the start, while its exec session is still being made.
    for (int attempt = 0; attempt < 25; ++attempt) {
      if (api_.Call(MakeRequest("POST", Path("exec", id_, fmt::format("/resize?h={}&w={}", rows, columns)))).status <
          400) {
        return;
      }
      clock_.SleepFor(std::chrono::milliseconds(20));
    }
  }
  void Close() override { connection_->Close(); }

  std::optional<int> ExitCode() override {
    // The output ends a moment before the engine has seen the process end.
    for (int attempt = 0; attempt < 50; ++attempt) {
      Json state = api_.Get("cannot tell how the command ended", Path("exec", id_, "/json"));
      if (!state.value("Running", false)) {
        const Json& code = state["ExitCode"];
        return code.is_number() ? std::optional(code.get<int>()) : std::nullopt;
      }
      clock_.SleepFor(std::chrono::milliseconds(20));
    }
    return std::nullopt;
  }

 private:
  Api& api_;
  Clock& clock_;
  const std::string id_;
  const bool tty_;
  std::unique_ptr<net::RawConnection> connection_;
  FrameDecoder decoder_;
  std::deque<FrameDecoder::Frame> frames_;
};

class DockerRuntime : public ContainerRuntime {
 public:
  DockerRuntime(std::function<std::string()> find, Clock& clock) : api_(std::move(find), clock), clock_(clock) {}

  EngineInfo Engine() override {
    return docker::ParsePing(
        api_.Do("cannot ask the container engine for its version", MakeRequest("GET", "/_ping")).headers);
  }

  std::string Create(const ContainerSpec& spec) override {
    std::string what = fmt::format("cannot create container {}", spec.name);
    for (const Mount& mount : spec.mounts) {
      // Both engines would make a missing directory on the host, owned by root.
      struct stat status;
      if (!mount.host_path.empty() && ::stat(mount.host_path.c_str(), &status) != 0) {
        throw RuntimeError(RuntimeErrorKind::kOther, fmt::format("{}: {} does not exist", what, mount.host_path));
      }
    }
    std::string target = fmt::format("{}/containers/create", kApi);
    if (!spec.name.empty()) target += "?name=" + net::PercentEncode(spec.name);
    return api_.Post(what, target, docker::CreateContainerBody(spec)).value("Id", "");
  }

  void Start(const std::string& id) override {
    api_.Do(fmt::format("cannot start container {}", ShortId(id)),
            MakeRequest("POST", Path("containers", id, "/start")));
  }

  void Stop(const std::string& id, std::chrono::seconds grace) override {
    api_.Do(fmt::format("cannot stop container {}", ShortId(id)),
            MakeRequest("POST", Path("containers", id, fmt::format("/stop?t={}", grace.count()))));
  }

  void Kill(const std::string& id, const std::string& signal) override {
    api_.Do(fmt::format("cannot send {} to container {}", signal, ShortId(id)),
            MakeRequest("POST", Path("containers", id, "/kill?signal=" + net::PercentEncode(signal))));
  }

  void Remove(const std::string& id, bool force) override {
    api_.Delete(fmt::format("cannot remove container {}", ShortId(id)),
                Path("containers", id, force ? "?force=true&v=true" : "?v=true"));
  }

  std::optional<ContainerState> Inspect(const std::string& id) override {
    std::optional<Json> document = InspectDocument(id);
    if (!document) return std::nullopt;
    ContainerState state = docker::ParseContainer(*document);
    // With cgroup v1, podman's monitor often misses it.
    if (state.exit_code == 137 && !state.oom_killed && docker::HasMemoryLimit(*document)) {
      state.oom_killed = docker::KernelKilledForMemory(ReadKernelLog(), state.id);
    }
    return state;
  }

  std::vector<ContainerState> List(const Labels& labels) override {
    std::string target = fmt::format("{}/containers/json?all=true", kApi);
    if (!labels.empty()) target += "&filters=" + net::PercentEncode(docker::LabelFilter(labels));
    std::vector<ContainerState> result;
    // The list has neither exit codes nor exact times, so each one is looked at.
    for (const Json& entry : api_.Get("cannot list containers", target)) {
      if (std::optional<ContainerState> state = Inspect(entry.value("Id", ""))) result.push_back(std::move(*state));
    }
    SortForRemoval(result);
    return result;
  }

  std::optional<int> Wait(const std::string& id, std::stop_token stop) override {
    // By events: podman's own wait polls, and answers half a second late.
    std::stop_source over;
    std::stop_callback chain(stop, [&] { over.request_stop(); });
    std::optional<ContainerState> state;
    auto look = [&] {
      state = Inspect(id);
      if (!state || !state->running()) over.request_stop();
    };
    auto on_event = [&](const ContainerEvent& event) {
      if (event.id == id || event.name == id) look();
    };
    WatchEvents({}, look, on_event, over.get_token());
    if (stop.stop_requested()) return std::nullopt;
    if (!state) {
      throw RuntimeError(RuntimeErrorKind::kNotFound,
                         fmt::format("cannot wait for container {}: there is no such container", ShortId(id)));
    }
    return state->exit_code.value_or(0);
  }

  void FollowLogs(const std::string& id, const LogOptions& options, const std::function<bool(const LogLine&)>& sink,
                  std::stop_token stop) override {
    std::string what = fmt::format("cannot read the logs of container {}", ShortId(id));
    std::optional<Json> inspect = InspectDocument(id);
    if (!inspect) throw RuntimeError(RuntimeErrorKind::kNotFound, fmt::format("{}: there is no such container", what));
    LogAssembler assembler(docker::HasTerminal(*inspect), options.skip_lines);
    while (!stop.stop_requested()) {
      bool running = docker::ParseContainer(*inspect).running();
      bool follow = options.follow && running;
      bool wanted = true;
      bool head = true;
      auto on_data = [&](std::string_view data) {
        if (!data.empty() || std::exchange(head, false)) return wanted = assembler.Feed(data, clock_.Now(), sink);
        // podman never ends the stream of a container that was removed.
        std::optional<ContainerState> state = Inspect(id);
        return state && state->running();
      };
      assembler.Restart();
      net::Request request = MakeRequest(
          "GET",
          Path("containers", id, fmt::format("/logs?stdout=true&stderr=true&timestamps=true&follow={}", follow)));
      try {
        api_.Stream(what, request, on_data, stop, kSilence);
      } catch (const RuntimeError& error) {
        if (error.kind() == RuntimeErrorKind::kNotFound) return;  // removed meanwhile
        throw;
      }
      if (!wanted || stop.stop_requested()) return;
      if (!running) {
        assembler.Finish(sink);
        return;
      }
      if (!options.follow) return;
      // The stream of a container that ended may miss its last lines, so they are read once more, without following.
      inspect = InspectDocument(id);
      if (!inspect) return;
      if (docker::ParseContainer(*inspect).running()) clock_.SleepFor(std::chrono::milliseconds(100), stop);
    }
  }

  void WatchEvents(const Labels& labels, const std::function<void()>& ready,
                   const std::function<void(const ContainerEvent&)>& sink, std::stop_token stop) override {
    // No filter by event: podman 4.3 wants `died` where Docker wants `die`.
    std::string filters = net::PercentEncode(R"({"type":["container"]})");
    // Since now: podman answers before it has begun to listen.
    TimePoint begin = clock_.Now();
    net::Request request = MakeRequest("GET", fmt::format("{}/events?filters={}&since={}", kApi, filters,
                                                          std::chrono::system_clock::to_time_t(begin)));
    std::string pending;
    bool announced = false;
    api_.Stream(
        "cannot watch the container engine's events", request,
        [&](std::string_view data) {
          if (!announced) {
            announced = true;
            if (ready) ready();
          }
          pending += data;
          std::size_t end;
          while ((end = pending.find('\n')) != std::string::npos) {
            Json document = Json::parse(pending.substr(0, end), nullptr, false);
            pending.erase(0, end + 1);
            std::optional<ContainerEvent> event = docker::ParseEvent(document);
            if (event && event->time >= begin && MatchesLabels(event->labels, labels)) sink(*event);
          }
          return true;
        },
        stop);
    if (!stop.stop_requested()) {
      throw RuntimeError(RuntimeErrorKind::kUnreachable, "the container engine closed its stream of events");
    }
  }

  ContainerStats Stats(const std::string& id) override {
    std::string what = fmt::format("cannot measure container {}", ShortId(id));
    std::optional<ContainerState> state = Inspect(id);
    if (!state) throw RuntimeError(RuntimeErrorKind::kNotFound, fmt::format("{}: there is no such container", what));
    if (!state->running()) return {};
    return docker::ParseStats(api_.Get(what, Path("containers", id, "/stats?stream=false&one-shot=true")));
  }

  void SetCpus(const std::string& id, double cpus) override {
    // podman 4 has this only in its own API.
    const bool podman = Engine().name == "podman";
    const Json body = podman ? docker::PodmanUpdateBody(cpus) : docker::UpdateBody(cpus);
    const std::string target = podman ? fmt::format("{}/containers/{}/update", kPodmanApi, net::PercentEncode(id))
                                      : Path("containers", id, "/update");
    api_.Do(fmt::format("cannot limit the CPUs of container {}", ShortId(id)), MakeRequest("POST", target, &body));
  }

  std::unique_ptr<ExecSession> Exec(const std::string& id, const ExecSpec& spec) override {
    std::string what = fmt::format("cannot run {} in container {}", spec.argv.empty() ? "" : spec.argv[0], ShortId(id));
    std::string exec = api_.Post(what, Path("containers", id, "/exec"), docker::CreateExecBody(spec)).value("Id", "");
    Json start = {{"Detach", false}, {"Tty", spec.tty}};
    auto connection = api_.Hijack(what, MakeRequest("POST", Path("exec", exec, "/start"), &start));
    auto session = std::make_unique<DockerExec>(api_, clock_, exec, spec.tty, std::move(connection));
    if (spec.columns > 0 && spec.rows > 0) session->Resize(spec.columns, spec.rows);
    return session;
  }

  ExecResult RunExec(const std::string& id, const ExecSpec& spec, std::chrono::milliseconds timeout) override {
    ExecSpec unattended = spec;
    unattended.stdin_open = false;
    std::unique_ptr<ExecSession> session = Exec(id, unattended);
    // A thread of its own closes the connection when the time is over.
    std::atomic<bool> timed_out = false;
    std::jthread timer;
    if (timeout.count() > 0) {
      timer = std::jthread([&](std::stop_token stop) {
        if (clock_.SleepFor(timeout, stop)) {
          timed_out = true;
          session->Close();
        }
      });
    }
    ExecResult result;
    while (std::optional<ExecSession::Output> output = session->Read()) result.output += output->data;
    if (timer.joinable()) {
      timer.request_stop();
      timer.join();
    }
    result.timed_out = timed_out;
    result.exit_code = result.timed_out ? -1 : session->ExitCode().value_or(-1);
    return result;
  }

  std::optional<ImageInfo> FindImage(const std::string& reference) override {
    std::optional<Json> document =
        api_.Find(fmt::format("cannot look at image {}", reference), Path("images", reference, "/json"));
    return document ? std::optional(docker::ParseImage(*document)) : std::nullopt;
  }

  std::vector<ImageInfo> ListImages(const std::vector<std::string>& repositories) override {
    std::vector<ImageInfo> result;
    for (const Json& entry : api_.Get("cannot list images", fmt::format("{}/images/json", kApi))) {
      ImageInfo image = docker::ParseImageSummary(entry);
      bool wanted = repositories.empty();
      for (const std::string& reference : image.references) {
        std::string repository = docker::SplitReference(reference).repository;
        wanted = wanted || std::find(repositories.begin(), repositories.end(), repository) != repositories.end();
      }
      if (wanted) result.push_back(std::move(image));
    }
    return result;
  }

  void TagImage(const std::string& source, const std::string& target) override {
    docker::Reference reference = docker::SplitReference(target);
    api_.Do(
        fmt::format("cannot tag image {} as {}", source, target),
        MakeRequest("POST", Path("images", source,
                                 fmt::format("/tag?repo={}&tag={}", net::PercentEncode(reference.repository),
                                             net::PercentEncode(reference.tag.empty() ? "latest" : reference.tag)))));
  }

  void RemoveImage(const std::string& reference) override {
    api_.Delete(fmt::format("cannot remove image {}", reference), Path("images", reference));
  }

  void PullImage(const std::string& reference, const std::string& authorization) override {
    std::string what = fmt::format("cannot pull {}", reference);
    docker::Reference parts = docker::SplitReference(reference);
    bool by_digest = reference.find('@') != std::string::npos;
    std::string target = fmt::format("{}/images/create?fromImage={}", kApi,
                                     net::PercentEncode(by_digest ? reference : parts.repository));
    // Without a tag the engine would fetch all of them.
    if (!by_digest) target += "&tag=" + net::PercentEncode(parts.tag.empty() ? "latest" : parts.tag);
    net::Request request = MakeRequest("POST", target);
    if (!authorization.empty()) {
      std::size_t colon = authorization.find(':');
      Json account = {{"username", authorization.substr(0, colon)},
                      {"password", colon == std::string::npos ? "" : authorization.substr(colon + 1)}};
      request.headers.Set("X-Registry-Auth", Base64Url(account.dump()));
    }
    if (const std::string error = FollowProgress(what, request); !error.empty()) {
      throw RuntimeError(RuntimeErrorKind::kImageNotFound, docker::ErrorOfMessage(what, 404, error).what());
    }
    if (!FindImage(reference)) {  // podman before 4.6 can lose the error
      throw RuntimeError(RuntimeErrorKind::kImageNotFound, fmt::format("{}: the registry did not provide it", what));
    }
  }

  void LoadImage(const ImageParts& parts, const std::filesystem::path& scratch) override {
    const std::string what = fmt::format("cannot load {}", parts.reference);
    const std::string archive = scratch / fmt::format("load-{}.tar", SystemRandom().Hex(16));
    const std::shared_ptr<void> remove(nullptr, [&](void*) {
      std::error_code ignored;
      std::filesystem::remove(archive, ignored);
    });
    WriteImageArchive(parts, archive);
    net::Request request = MakeRequest("POST", fmt::format("{}/images/load?quiet=true", kApi));
    request.headers.Set("Content-Type", "application/x-tar");
    request.body_file = archive;
    if (const std::string error = FollowProgress(what, request); !error.empty()) {
      throw docker::ErrorOfMessage(what, 500, error);
    }
    if (!FindImage(parts.reference)) {
      throw RuntimeError(RuntimeErrorKind::kOther, fmt::format("{}: the engine did not take it", what));
    }
  }

  NetworkInfo EnsureNetwork(const NetworkSpec& spec) override {
    std::string what = fmt::format("cannot create network {}", spec.name);
    if (std::optional<NetworkInfo> existing = FindSameNetwork(what, spec)) return *existing;
    try {
      api_.Post(what, fmt::format("{}/networks/create", kApi), docker::CreateNetworkBody(spec));
    } catch (const RuntimeError& error) {
      // Somebody else made it meanwhile.
      if (error.kind() == RuntimeErrorKind::kNameInUse) {
        if (std::optional<NetworkInfo> existing = FindSameNetwork(what, spec)) return *existing;
      }
      throw;
    }
    std::optional<NetworkInfo> made = FindNetwork(spec.name);
    if (!made) throw RuntimeError(RuntimeErrorKind::kOther, fmt::format("{}: it vanished at once", what));
    return *made;
  }

  void RemoveNetwork(const std::string& name) override {
    api_.Delete(fmt::format("cannot remove network {}", name), Path("networks", name));
  }

  std::vector<NetworkInfo> ListNetworks(const Labels& labels) override {
    std::string target = fmt::format("{}/networks", kApi);
    if (!labels.empty()) target += "?filters=" + net::PercentEncode(docker::LabelFilter(labels));
    std::vector<NetworkInfo> result;
    for (const Json& entry : api_.Get("cannot list networks", target)) {
      NetworkInfo network = docker::ParseNetwork(entry);
      if (MatchesLabels(network.labels, labels)) result.push_back(std::move(network));
    }
    return result;
  }

  void EnsureVolume(const std::string& name, const Labels& labels) override {
    Json body = {{"Name", name}, {"Labels", labels}};
    api_.Post(fmt::format("cannot create volume {}", name), fmt::format("{}/volumes/create", kApi), body);
  }

  void RemoveVolume(const std::string& name) override {
    api_.Delete(fmt::format("cannot remove volume {}", name), Path("volumes", name));
  }

  std::vector<VolumeInfo> ListVolumes(const Labels& labels) override {
    std::string target = fmt::format("{}/volumes", kApi);
    if (!labels.empty()) target += "?filters=" + net::PercentEncode(docker::LabelFilter(labels));
    Json document = api_.Get("cannot list volumes", target);
    std::vector<VolumeInfo> result;
    if (!document["Volumes"].is_array()) return result;
    for (const Json& entry : document["Volumes"]) {
      VolumeInfo volume{entry.value("Name", ""), {}};
      if (entry.contains("Labels") && entry["Labels"].is_object()) volume.labels = entry["Labels"].get<Labels>();
      if (MatchesLabels(volume.labels, labels)) result.push_back(std::move(volume));
    }
    return result;
  }

 private:
  // Reads an answer of progress lines to its end: failures after the head come inside. The error's text, or "".
  std::string FollowProgress(const std::string& what, const net::Request& request) {
    std::string progress;
    api_.Stream(
        what, request, [&](std::string_view data) { return progress += data, true; }, std::stop_token());
    std::size_t at = 0;
    while (at < progress.size()) {
      const std::size_t end = std::min(progress.find('\n', at), progress.size());
      const Json line = Json::parse(progress.substr(at, end - at), nullptr, false);
      at = end + 1;
      if (line.is_object() && line.contains("error") && line["error"].is_string()) return line["error"];
    }
    return "";
  }

  std::optional<Json> InspectDocument(const std::string& id) {
    return api_.Find(fmt::format("cannot look at container {}", ShortId(id)), Path("containers", id, "/json"));
  }

  // Nothing when there is no network of that name; throws kNameInUse when it is a different one.
  std::optional<NetworkInfo> FindSameNetwork(const std::string& what, const NetworkSpec& spec) {
    std::optional<NetworkInfo> existing = FindNetwork(spec.name);
    if (!existing) return std::nullopt;
    bool same = existing->subnet == spec.subnet && MatchesLabels(existing->labels, spec.labels) &&
                (spec.gateway.empty() || existing->gateway == spec.gateway);
    if (same) return existing;
    throw RuntimeError(RuntimeErrorKind::kNameInUse,
                       fmt::format("{}: there is another one of that name with subnet {}", what, existing->subnet));
  }

  std::optional<NetworkInfo> FindNetwork(const std::string& name) {
    std::optional<Json> document = api_.Find(fmt::format("cannot look at network {}", name), Path("networks", name));
    if (!document) return std::nullopt;
    NetworkInfo network = docker::ParseNetwork(*document);
    // Docker also finds by the beginning of an id.
    return network.name == name ? std::optional(network) : std::nullopt;
  }

  Api api_;
  Clock& clock_;
};

}  // namespace

std::unique_ptr<ContainerRuntime> MakeDockerRuntime(const std::string& socket_path, Clock& clock) {
  return MakeDockerRuntime([socket_path] { return socket_path; }, clock);
}

std::unique_ptr<ContainerRuntime> MakeDockerRuntime(std::function<std::string()> find, Clock& clock) {
  return std::make_unique<DockerRuntime>(std::move(find), clock);
}

}  // namespace adhoc::localcloud
