// What the real engines do only now and then, on an engine that answers as a test says.
#include "localcloud/runtime/docker_runtime.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <thread>
#include <vector>

#include "base/sync.h"
#include "localcloud/runtime/runtime.h"
#include "testing/fake_clock.h"
#include "testing/temporary_folder.h"

namespace adhoc::localcloud {
namespace {

// Answers each request on a connection of its own: by what its request line contains, else with 404.
class ScriptedEngine {
 public:
  struct Answer {
    int status = 200;
    std::string body;
  };

  explicit ScriptedEngine(std::map<std::string, Answer> answers) : answers_(std::move(answers)) {
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path().c_str());
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    thread_ = std::jthread([this] {
      for (int connection = 0; (connection = ::accept(listener_, nullptr, nullptr)) >= 0; ::close(connection)) {
        Serve(connection);
      }
    });
  }
  ~ScriptedEngine() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

  std::string path() const { return (folder_.path() / "s").string(); }
  std::vector<std::string> requests() { return *requests_.lock(); }

 private:
  void Serve(int connection) {
    std::string text;
    char byte = 0;
    while (!text.ends_with("\r\n\r\n") && ::recv(connection, &byte, 1, 0) == 1) text += byte;
    if (text.empty()) return;
    const std::string line = text.substr(0, text.find(" HTTP/"));
    requests_.lock()->push_back(line);
    Answer answer{.status = 404, .body = R"({"message": "no such image"})"};
    for (const auto& [part, scripted] : answers_) {
      if (line.find(part) != std::string::npos) answer = scripted;
    }
    const std::string response = fmt::format(
        "HTTP/1.1 {} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
        answer.status, answer.body.size(), answer.body);
    ::send(connection, response.data(), response.size(), MSG_NOSIGNAL);
  }

  const testing::TemporaryFolder folder_;
  const std::map<std::string, Answer> answers_;
  Sync<std::vector<std::string>> requests_;
  int listener_ = -1;
  std::jthread thread_;
};

class PullImage : public ::testing::Test {
 protected:
  // The error, or nothing.
  std::optional<RuntimeError> Pull(ScriptedEngine& engine, const std::string& reference) {
    try {
      MakeDockerRuntime(engine.path(), clock_)->PullImage(reference, "");
      return std::nullopt;
    } catch (const RuntimeError& error) {
      return error;
    }
  }
  testing::FakeClock clock_;
};

// podman before 4.6 answers 200 and says nothing.
TEST_F(PullImage, ThatBroughtNoImageHasFailed) {
  ScriptedEngine engine({{"/images/create", {.status = 200, .body = ""}}});
  const auto error = Pull(engine, "registry.example.com/web:1");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), RuntimeErrorKind::kImageNotFound);
  EXPECT_NE(std::string(error->what()).find("the registry did not provide it"), std::string::npos);
}

// Without a tag an engine would fetch all of a repository's.
TEST_F(PullImage, FetchesOneTagOnly) {
  for (const auto& [reference, wanted] : std::map<std::string, std::string>{
           {"registry.example.com/web", "fromImage=registry.example.com%2Fweb&tag=latest"},
           {"registry.example.com:5000/web", "fromImage=registry.example.com%3A5000%2Fweb&tag=latest"},
           {"registry.example.com/web:1", "fromImage=registry.example.com%2Fweb&tag=1"}}) {
    ScriptedEngine engine({{"/images/create", {.status = 200, .body = R"({"status": "done"})"}},
                           {"/json", {.status = 200, .body = R"({"Id": "sha256:1", "RepoTags": [], "Config": {}})"}}});
    EXPECT_FALSE(Pull(engine, reference));
    const auto requests = engine.requests();
    ASSERT_FALSE(requests.empty());
    EXPECT_TRUE(requests[0].ends_with(wanted)) << requests[0];
  }
}

// Errors come inside a stream that began with 200.
TEST_F(PullImage, FailsWithWhatTheStreamSays) {
  ScriptedEngine engine(
      {{"/images/create",
        {.status = 200, .body = "{\"status\": \"pulling\"}\n{\"error\": \"manifest unknown: no such tag\"}\n"}}});
  const auto error = Pull(engine, "registry.example.com/web:1");
  ASSERT_TRUE(error);
  EXPECT_NE(std::string(error->what()).find("manifest unknown"), std::string::npos) << error->what();
}

}  // namespace
}  // namespace adhoc::localcloud
