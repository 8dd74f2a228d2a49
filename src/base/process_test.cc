#include "base/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

#include "base/error.h"

namespace adhoc {
namespace {

TEST(RunProcessTest, CollectsOutputAndExitCode) {
  const ProcessResult result = RunProcess({"sh", "-c", "cat; echo err >&2; exit 3"}, {.input = "in"});
  EXPECT_EQ(result.out, "in");
  EXPECT_EQ(result.err, "err\n");
  EXPECT_EQ(result.exit_code, 3);
}

TEST(RunProcessTest, AProgramThatIsMissingIsNamed) {
  try {
    RunProcess({"no-such-program-anywhere"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "no-such-program-anywhere: command not found");
  }
}

TEST(RunProcessTest, EnvironmentIsAddedAndReplaced) {
  const ProcessResult result =
      RunProcess({"sh", "-c", "echo $HOME $ADDED"}, {.env = {{"HOME", "/here"}, {"ADDED", "yes"}}});
  EXPECT_EQ(result.out, "/here yes\n");
}

// podman's service held the local cloud's port open after the local cloud had ended.
TEST(RunProcessTest, TheChildInheritsNoDescriptors) {
  const int open_fd = open("/dev/null", O_RDONLY);
  ASSERT_GT(open_fd, 2);
  const ProcessResult result =
      RunProcess({"sh", "-c", "[ -e /proc/self/fd/" + std::to_string(open_fd) + " ] && echo inherited"});
  close(open_fd);
  EXPECT_EQ(result.out, "");
}

TEST(RunProcessTest, TheChildReceivesSignalsThatWeBlock) {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const ProcessResult result = RunProcess({"sh", "-c", "kill -TERM $$; echo survived"});
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(result.exit_code, 128 + SIGTERM);
  EXPECT_EQ(result.out, "");
}

}  // namespace
}  // namespace adhoc
