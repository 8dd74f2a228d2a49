// Hosted zones that another service makes for itself (a Cloud Map namespace), in Route 53's documents.
#pragma once

#include <string>
#include <string_view>

#include "localcloud/cloud.h"

namespace adhoc::localcloud {

// A private zone for one VPC; returns its id (Z…). `owner` is what the zone's comment says.
std::string PutPrivateZone(Cloud& cloud, Store::Transaction& txn, const std::string& name, const std::string& vpc_id,
                           const std::string& owner);
// Whether a public hosted zone has a CNAME record of that name with that value.
bool HasPublicCname(const Store::Transaction& txn, const std::string& name, const std::string& value);
// With its records; no effect when there is none.
void EraseZone(Store::Transaction& txn, std::string_view zone_id);

}  // namespace adhoc::localcloud
