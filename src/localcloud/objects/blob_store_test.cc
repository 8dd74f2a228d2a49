#include "localcloud/objects/blob_store.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "base/error.h"
#include "testing/fake_random.h"
#include "testing/temporary_folder.h"

namespace adhoc::localcloud {
namespace {

struct BlobStoreTest : ::testing::Test {
  const testing::TemporaryFolder folder;
  const std::filesystem::path& directory = folder.path();
  testing::FakeRandom random;
  BlobStore store{directory / "s3", random};

  std::string Read(const std::string& name) {
    std::ifstream file(store.PathOf(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

TEST_F(BlobStoreTest, ReturnsWhatWasWritten) {
  const std::string bytes("a\0b", 3);
  const Blob blob = store.Write(bytes);
  EXPECT_EQ(Read(blob.name), bytes);
  EXPECT_EQ(blob.size, 3u);
  EXPECT_EQ(blob.md5.size(), 16u);
  EXPECT_EQ(static_cast<unsigned char>(store.Write("").md5[0]), 0xd4);  // of nothing: d41d8cd9…
}

TEST_F(BlobStoreTest, PutsPartsTogether) {
  const Blob first = store.Write("hello ");
  const Blob second = store.Write("xxworldxx");
  const Blob whole = store.Concatenate({{first.name, 0, 6}, {second.name, 2, 5}});
  EXPECT_EQ(Read(whole.name), "hello world");
  EXPECT_EQ(whole.md5, store.Write("hello world").md5);
  EXPECT_THROW(store.Concatenate({{first.name, 0, 7}}), Error);
}

TEST_F(BlobStoreTest, ALinkOutlivesTheOriginal) {
  const Blob blob = store.Write("shared");
  const std::string copy = store.Link(blob.name);
  store.Remove(blob.name);
  EXPECT_EQ(Read(copy), "shared");
}

TEST_F(BlobStoreTest, APendingBlobGoesUnlessItIsKept) {
  std::string dropped;
  std::string kept;
  {
    PendingBlob a(store, store.Write("a"));
    PendingBlob b(store, store.Write("b"));
    dropped = a.blob().name;
    kept = b.blob().name;
    b.Keep();
  }
  EXPECT_FALSE(std::filesystem::exists(store.PathOf(dropped)));
  EXPECT_EQ(store.ListOlderThan(0), std::vector<std::string>{kept});
  EXPECT_TRUE(store.ListOlderThan(3600).empty());
}

}  // namespace
}  // namespace adhoc::localcloud
