#include "localcloud/objects/object_cleaner.h"

#include <set>
#include <string>
#include <vector>

#include "localcloud/objects/blob_store.h"

namespace adhoc::localcloud {
namespace {

constexpr const char* kGarbage = "s3.garbage";
constexpr double kKeepSeconds = 300;
constexpr std::chrono::milliseconds kAgain{60000};
constexpr std::chrono::milliseconds kIdle{std::chrono::hours(1)};

}  // namespace

ObjectCleaner::ObjectCleaner(Cloud& cloud)
    : cloud_(cloud), thread_("object cleaner", cloud.store, {kGarbage}, [this](std::stop_token) { return Pass(); }) {}

std::chrono::milliseconds ObjectCleaner::Pass() {
  if (!swept_) Sweep();
  swept_ = true;
  BlobStore blobs(cloud_.settings.state_dir / "s3", cloud_.random);
  std::vector<std::string> due;
  bool waiting = false;
  {
    const auto txn = cloud_.store.Begin();
    for (const auto& [name, document] : txn->All(kGarbage)) {
      if (document.value("at", 0.0) + kKeepSeconds <= cloud_.Now()) {
        due.push_back(name);
      } else {
        waiting = true;
      }
    }
  }
  // First the files: a name without a file is forgotten next time, a file without a name only at the next start.
  for (const auto& name : due) blobs.Remove(name);
  if (!due.empty()) {
    const auto txn = cloud_.store.Begin();
    for (const auto& name : due) txn->Erase(kGarbage, name);
    txn->Commit();
  }
  return waiting ? kAgain : kIdle;
}

void ObjectCleaner::Sweep() {
  BlobStore blobs(cloud_.settings.state_dir / "s3", cloud_.random);
  // Uploads of this run may not be in the documents yet; what is an hour old is.
  const auto candidates = blobs.ListOlderThan(3600);
  if (candidates.empty()) return;
  std::set<std::string> known;
  {
    const auto txn = cloud_.store.Begin();
    for (const char* collection : {"s3.objects", "s3.versions", "s3.parts"}) {
      for (const auto& [key, document] : txn->All(collection)) known.insert(document.value("_blob", ""));
    }
  }
  for (const auto& name : candidates) {
    if (!known.contains(name)) blobs.Remove(name);
  }
}

}  // namespace adhoc::localcloud
