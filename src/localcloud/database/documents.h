// The documents of RDS, which its API writes and the database controller makes true.
//
// `rds.instances`, key identifier: as DescribeDBInstances, plus
//   _vpc                 the VPC of its subnet group
//   _subnet              where its address is
//   _address, _port      its endpoint, also before it is shown
//   _interface, _ip      its address, given by the controller
//   _verifier            of the master password that is wanted (scram.h); the password itself is in the managed secret
//                        or nowhere
//   _admin_password      of the hidden superuser; it is never told to anybody
//   _applied             {container, verifier}: what has been set up where
//   _created             whether it has been available before
//   _due_at              when `creating`, `modifying` and the like end at the earliest
//   _backup_until        when `backing-up` ends
//   _restart             set by RebootDBInstance until PostgreSQL has been stopped
// `rds.subnet_groups`, key name: as DescribeDBSubnetGroups, plus _tags
// `rds.parameter_groups`, key name: as DescribeDBParameterGroups, plus _tags and _parameters {name: value}
#pragma once

#include <string_view>

namespace adhoc::localcloud::database {

inline constexpr std::string_view kInstances = "rds.instances";
inline constexpr std::string_view kSubnetGroups = "rds.subnet_groups";
inline constexpr std::string_view kParameterGroups = "rds.parameter_groups";

// PostgreSQL's superuser, as on RDS: there it is a reserved name, too.
inline constexpr const char* kAdminUser = "rdsadmin";

}  // namespace adhoc::localcloud::database
