// Certificates that wait for their domain's owner to publish a record.
#pragma once

#include "localcloud/cloud.h"

namespace adhoc::localcloud {

// Issues those whose validation records are all in public hosted zones. AWS looks every few minutes; here the records
// are looked at whenever they, or the certificates, change.
void IssueValidatedCertificates(Cloud& cloud, Store::Transaction& txn);

}  // namespace adhoc::localcloud
