// What RDS's files share: identifiers, errors, filters.
#pragma once

#include <string>
#include <string_view>

#include "localcloud/api/support.h"

namespace adhoc::localcloud::rds {

// The group's document, for members of an answer and for the instances in it. Throws DBSubnetGroupNotFoundFault. The
// name `default` is made from the default VPC when it is asked for.
const Json& GetSubnetGroup(Cloud& cloud, Call& call, const std::string& name);

// The tags of whatever an ARN names, in its document; throws the kind's not-found error.
Json& TagsOf(Cloud& cloud, Call& call, const std::string& arn);

// An answer of one page: `MaxRecords` and `Marker`.
Json Paged(const Call& call, KeyedItems items, const char* output);

// The major version that the local cloud runs, from its image's tag; 0 when the tag tells none, and any is taken.
int MajorVersion(const Settings& settings);
// "15" → its newest minor version, "15.4" as it is, "" → the default. Throws InvalidParameterCombination.
std::string ResolveVersion(const Settings& settings, const std::string& asked);

void RegisterInstances(Api& api, Cloud& cloud);
void RegisterGroups(Api& api, Cloud& cloud);

}  // namespace adhoc::localcloud::rds
