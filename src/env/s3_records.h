// Records and locks of an AWS target: objects in one bucket of the account and region, which keeps old versions,
// encrypts, and is nobody else's to read. docs/records-and-lock.md describes them.
#pragma once

#include <memory>
#include <string>

#include "aws/client/client.h"
#include "env/record.h"

namespace adhoc::env {

struct RecordsBucket {
  std::string account;  // S3 refuses when the bucket is another account's
  std::string region;
  std::string name() const;
};

// Makes the bucket, or sets what is missing of its settings. Right after a run that was cut off in it. Throws Error.
void EnsureRecordsBucket(aws::Client& client, const RecordsBucket& bucket);

// The lock of what `adhoc bootstrap` makes in the account and region, the bucket itself among it.
inline constexpr const char* kBootstrapLock = "bootstrap";
// The object that is the lock of `key`: locks/environment/alpha.json of `environment alpha`.
std::string LockObject(std::string key);

// Reads find nothing where there is no bucket; the first write makes it. Times are S3's, not this machine's: a clock
// that is wrong takes nobody's lock away.
std::unique_ptr<RecordStore> OpenS3Records(aws::Client& client, RecordsBucket bucket);

}  // namespace adhoc::env
