#include "localcloud/identity.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace adhoc::localcloud {
namespace {

LocalSettings Asked(const std::string& account, const std::string& region) {
  return {.state_dir = "/state", .account = account, .region = region};
}

TEST(IdentityTest, IsChosenOnceAndThenKept) {
  const Identity ours{.account = "111122223333", .region = "eu-west-1"};
  struct Case {
    std::optional<Identity> kept;
    LocalSettings asked;
    Identity expected;
  };
  const Case cases[] = {
      {std::nullopt, Asked("", ""), {}},
      {std::nullopt, Asked("111122223333", "eu-west-1"), ours},
      {std::nullopt, Asked("", "ap-southeast-2"), {.account = "000000000000", .region = "ap-southeast-2"}},
      {ours, Asked("", ""), ours},
      {ours, Asked("111122223333", ""), ours},
      {ours, Asked("111122223333", "eu-west-1"), ours},
  };
  for (const Case& one : cases) EXPECT_EQ(ResolveIdentity(one.kept, one.asked), one.expected);
}

TEST(IdentityTest, AnotherOneThanTheStateHasIsRefused) {
  const Identity ours{.account = "111122223333", .region = "eu-west-1"};
  struct Case {
    std::optional<Identity> kept;
    LocalSettings asked;
    std::string message;
  };
  const Case cases[] = {
      {ours, Asked("000000000000", ""),
       "the local cloud of /state is account 111122223333, not 000000000000: what it "
       "holds is named after it"},
      {ours, Asked("", "us-east-1"),
       "the local cloud of /state is region eu-west-1, not us-east-1: what it holds is named after it"},
      {std::nullopt, Asked("12345", ""), "`12345` is no account: an account's number has 12 digits"},
      {std::nullopt, Asked("", "Frankfurt"), "`Frankfurt` is no region"},
  };
  for (const Case& one : cases) {
    try {
      ResolveIdentity(one.kept, one.asked);
      ADD_FAILURE() << one.message;
    } catch (const Error& error) {
      EXPECT_EQ(error.what(), one.message);
      EXPECT_FALSE(error.hint().empty());
    }
  }
}

TEST(IdentityTest, StateThatDoesNotSayIsOfTheDefaults) {
  Store fresh(":memory:");
  EXPECT_EQ(KeepIdentity(fresh, Asked("111122223333", "")).account, "111122223333");
  EXPECT_EQ(KeepIdentity(fresh, Asked("", "")).account, "111122223333");

  Store old(":memory:");
  {
    const auto txn = old.Begin();
    txn->Put("ecs.clusters", "alpha", Json::object());
    txn->Commit();
  }
  EXPECT_THROW(KeepIdentity(old, Asked("111122223333", "")), Error);
  EXPECT_EQ(KeepIdentity(old, Asked("", "")), Identity{});
}

}  // namespace
}  // namespace adhoc::localcloud
