// What keeps S3 from deleting a bucket: versions of objects, the markers of their deletions, and uploads in parts that
// were never finished (Amazon S3 API Reference, DeleteBucket). A bucket here is the members of a request that say
// which: Bucket, and ExpectedBucketOwner where it matters. One that is gone is empty.
#pragma once

#include <string>

#include "env/resource.h"

namespace adhoc::env {

// Of an answer of ListObjectVersions, as DeleteObjects takes them: versions and markers.
Json ObjectVersions(const Json& listed);

// All but those of the key `kept`. Throws Error when S3 leaves one.
void DeleteObjectVersions(Context& context, const std::string& id, const Json& bucket, const std::string& kept = "");

// Those without versions, by their keys. Throws likewise.
void DeleteObjects(Context& context, const std::string& id, const Json& bucket);

void AbortUploads(Context& context, const Json& bucket);

}  // namespace adhoc::env
