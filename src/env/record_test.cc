#include "env/record.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <sys/wait.h>

#include <array>
#include <filesystem>

#include "base/error.h"
#include "testing/fake_clock.h"
#include "testing/temporary_folder.h"

namespace adhoc::env {
namespace {

class RecordTest : public ::testing::Test {
 protected:
  const testing::TemporaryFolder folder_;
  const std::string path_ = folder_.path() / "records.db";
};

TEST_F(RecordTest, ComesBackAsItWas) {
  const auto records = OpenLocalRecords(path_, RealClock());
  Record record{.name = "alpha", .shared = "dev", .owner = "ada@host", .created_at = 12.5};
  record.variables = {{"log_level", "info"}};
  record.applied_tags["backend"] = "v1.0.0";
  record.good_revisions["gunicorn"] = "arn:3";
  record.Remember({.at = 13, .who = "ada@host", .what = "up", .ok = false});
  records->Put(record);
  const auto read = OpenLocalRecords(path_, RealClock())->Get("alpha");
  ASSERT_TRUE(read);
  EXPECT_EQ(ToJson(*read), ToJson(record));
  records->Delete("alpha");
  EXPECT_FALSE(records->Get("alpha"));
}

// Two `adhoc up` in a new project: one ended with "database is locked".
TEST_F(RecordTest, SeveralProcessesMayMakeTheFileAtOnce) {
  for (int round = 0; round < 40; ++round) {
    const std::string path = folder_.path() / std::to_string(round);
    std::array<pid_t, 4> children{};
    for (pid_t& child : children) {
      child = fork();
      ASSERT_GE(child, 0);
      if (child != 0) continue;
      try {
        OpenLocalRecords(path, RealClock())->Put({.name = "alpha"});
        _exit(0);
      } catch (const std::exception&) {
        _exit(1);
      }
    }
    for (const pid_t child : children) {
      int status = -1;
      waitpid(child, &status, 0);
      EXPECT_EQ(status, 0);
    }
  }
}

TEST_F(RecordTest, KeepsTheNewestFiftyEntriesOfItsHistory) {
  Record record;
  for (int i = 0; i < 60; ++i) record.Remember({.at = static_cast<double>(i)});
  ASSERT_EQ(record.history.size(), 50);
  EXPECT_EQ(record.history.back().at, 59);
}

LockHolder Holder(const char* host, double since, int pid = 1) {
  return {.who = std::string("ada@") + host, .what = "adhoc up alpha", .pid = pid, .host = host, .since = since};
}

TEST_F(RecordTest, ALockHasOneHolderUntilItIsReleased) {
  const auto records = OpenLocalRecords(path_, RealClock());
  EXPECT_FALSE(records->TryLock("environment alpha", Holder("elsewhere", 1)));
  const auto holder = records->TryLock("environment alpha", Holder("here", 2));
  ASSERT_TRUE(holder);
  EXPECT_EQ(holder->who, "ada@elsewhere");
  EXPECT_FALSE(records->TryLock("environment beta", Holder("here", 2)));
  records->Unlock("environment alpha", Holder("here", 2));  // not theirs to release
  EXPECT_TRUE(records->TryLock("environment alpha", Holder("here", 2)));
  records->Unlock("environment alpha", Holder("elsewhere", 1));
  EXPECT_FALSE(records->TryLock("environment alpha", Holder("here", 2)));
}

TEST_F(RecordTest, ALeaseRunsOut) {
  adhoc::testing::FakeClock clock;
  const auto records = OpenLocalRecords(path_, clock);
  EXPECT_FALSE(records->TryLock("k", Holder("elsewhere", 1)));
  clock.Advance(std::chrono::seconds(20));
  EXPECT_TRUE(records->Renew("k", Holder("elsewhere", 1)));
  clock.Advance(std::chrono::seconds(20));
  EXPECT_TRUE(records->TryLock("k", Holder("here", 2)));
  clock.Advance(std::chrono::seconds(31));
  EXPECT_FALSE(records->TryLock("k", Holder("here", 2)));
}

TEST_F(RecordTest, ABrokenLockIsLost) {
  const auto records = OpenLocalRecords(path_, RealClock());
  records->TryLock("k", Holder("elsewhere", 1));
  EXPECT_EQ(records->Holder("k")->who, "ada@elsewhere");
  records->Break("k");
  EXPECT_FALSE(records->Holder("k"));
  EXPECT_FALSE(records->Renew("k", Holder("elsewhere", 1)));
  EXPECT_FALSE(records->TryLock("k", Holder("here", 2)));
}

// `kill -9` of an `up` must not block the next one for the rest of the lease.
TEST_F(RecordTest, TheLockOfAProcessThatIsGoneIsFree) {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  const pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
  const auto records = OpenLocalRecords(path_, RealClock());
  EXPECT_FALSE(records->TryLock("k", Holder(host.data(), 1, child)));
  EXPECT_FALSE(records->TryLock("k", Holder(host.data(), 2, getpid())));
}

TEST_F(RecordTest, AnImpatientCommandSaysWhoHoldsTheLock) {
  const auto records = OpenLocalRecords(path_, RealClock());
  records->TryLock("environment alpha", Holder("elsewhere", ToSeconds(RealClock().Now()), 7));
  events::Recorder sink;
  try {
    const Lock lock(*records, "environment alpha", "adhoc up alpha", std::chrono::seconds(0), sink, RealClock(), {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(
        std::string(error.what()).find("environment alpha is being changed by ada@elsewhere (`adhoc up alpha`, pid 7"),
        std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace adhoc::env
