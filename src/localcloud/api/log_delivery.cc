#include "localcloud/api/log_delivery.h"

#include "localcloud/api/s3_internal.h"

namespace adhoc::localcloud {

void DeliverLog(Cloud& cloud, Store::Transaction& txn, const std::string& bucket, const std::string& key,
                const std::string& bytes) {
  const std::string policy = Text(s3::GetBucket(txn, bucket), "_policy");
  if (!s3::PolicyAllowsLogDelivery(policy, cloud.settings.region, "arn:aws:s3:::" + bucket + "/" + key)) {
    throw s3::Fault("AccessDenied", "Access Denied");
  }
  BlobStore blobs = s3::Blobs(cloud);
  PendingBlob pending(blobs, blobs.Write(bytes));
  const Blob& blob = pending.blob();
  s3::PutVersion(cloud, txn, bucket, key,
                 {{"ETag", s3::Quoted(blob.md5)},
                  {"Size", blob.size},
                  {"ContentType", "application/octet-stream"},
                  {"_blob", blob.name},
                  {s3::ChecksumMember(ChecksumAlgorithm::kCrc64Nvme), Base64Encode(blob.checksum)},
                  {"ChecksumType", "FULL_OBJECT"}});
  pending.Keep();
}

}  // namespace adhoc::localcloud
