#include "localcloud/store/store.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "testing/temporary_folder.h"

namespace adhoc::localcloud {
namespace {

class StoreFile : public ::testing::Test {
 protected:
  const adhoc::testing::TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "cloud.db";
};

TEST_F(StoreFile, KeepsWhatWasCommittedAcrossAReopen) {
  {
    Store store(path_);
    auto txn = store.Begin();
    txn->Put("ecs.clusters", "alpha-cluster", {{"status", "ACTIVE"}, {"bytes", std::string("\xff\x00", 2)}});
    EXPECT_EQ(txn->NextNumber("revision"), 1);
    txn->Commit();
  }
  Store store(path_);
  auto txn = store.Begin();
  ASSERT_NE(txn->Find("ecs.clusters", "alpha-cluster"), nullptr);
  EXPECT_EQ(txn->Find("ecs.clusters", "alpha-cluster")->at("bytes"), std::string("\xff\x00", 2));
  EXPECT_EQ(txn->NextNumber("revision"), 2);
}

TEST(StoreTest, ATransactionWithoutCommitLeavesNoTrace) {
  Store store(":memory:");
  {
    auto txn = store.Begin();
    txn->Put("c", "kept", {{"n", 1}});
    txn->Commit();
  }
  {
    auto txn = store.Begin();
    txn->Edit("c", "kept")["n"] = 2;
    txn->Put("c", "new", {{"n", 3}});
    txn->Erase("c", "kept");
    EXPECT_EQ(txn->Find("c", "kept"), nullptr);
  }
  auto txn = store.Begin();
  EXPECT_EQ(txn->Find("c", "kept")->at("n"), 1);
  EXPECT_EQ(txn->All("c").size(), 1);
}

TEST(StoreTest, AnnouncesOnlyWhatReallyChanged) {
  Store store(":memory:");
  Changes announced;
  int calls = 0;
  const Subscription subscription = store.Subscribe([&](const Changes& changed) {
    announced = changed;
    ++calls;
    store.Begin();  // the lock is free by now
  });
  {
    auto txn = store.Begin();
    txn->Put("a", "k", 1);
    txn->Put("b", "k", 1);
    txn->Erase("b", "k");
    txn->Commit();
  }
  EXPECT_EQ(announced, (Changes{{"a", {"k"}}}));
  {
    auto txn = store.Begin();
    txn->Edit("a", "k") = 1;
    txn->Commit();
  }
  EXPECT_EQ(calls, 1);
}

TEST(StoreTest, ASubscriptionEndsWithItsObject) {
  int kept_calls = 0;
  int ended_calls = 0;
  Subscription outlives;
  Store store(":memory:");
  const Subscription kept = store.Subscribe([&](const Changes&) { ++kept_calls; });
  const auto commit = [&](int value) {
    auto txn = store.Begin();
    txn->Put("c", "k", value);
    txn->Commit();
  };
  {
    const Subscription ended = store.Subscribe([&](const Changes&) { ++ended_calls; });
    commit(1);
  }
  commit(2);
  EXPECT_EQ(kept_calls, 2);
  EXPECT_EQ(ended_calls, 1);
  outlives = store.Subscribe([&](const Changes&) { ++ended_calls; });
  commit(3);
  EXPECT_EQ(ended_calls, 2);
}

TEST(StoreTest, EditOfAMissingDocumentIsAnError) {
  Store store(":memory:");
  auto txn = store.Begin();
  EXPECT_THROW(txn->Edit("c", "missing"), Error);
}

TEST_F(StoreFile, ADamagedFileIsRefusedWithAHint) {
  {
    FILE* file = fopen(path_.c_str(), "w");
    fputs("this is not a database, not even a little bit of one, whatever its name says", file);
    fclose(file);
  }
  try {
    Store store(path_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("cannot open the local cloud's database"), std::string::npos);
    EXPECT_FALSE(error.hint().empty());
  }
}

TEST_F(StoreFile, ResetErasesEverything) {
  Store store(path_);
  {
    auto txn = store.Begin();
    txn->Put("c", "k", 1);
    txn->Commit();
  }
  EXPECT_FALSE(store.empty());
  store.Reset();
  EXPECT_TRUE(store.empty());
  EXPECT_TRUE(store.Begin()->All("c").empty());
}

}  // namespace
}  // namespace adhoc::localcloud
