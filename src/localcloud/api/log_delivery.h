// Files that Elastic Load Balancing's log delivery puts into buckets.
#pragma once

#include <string>

#include "localcloud/cloud.h"

namespace adhoc::localcloud {

// Throws ApiError: NoSuchBucket, or AccessDenied when the bucket's policy does not let log delivery put this object.
void DeliverLog(Cloud& cloud, Store::Transaction& txn, const std::string& bucket, const std::string& key,
                const std::string& bytes);

}  // namespace adhoc::localcloud
