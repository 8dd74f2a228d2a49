// The operations that the local cloud answers, as a page for people and as a document for programs. Pure functions.
#pragma once

#include <string>

#include "base/json.h"
#include "localcloud/api/api.h"

namespace adhoc::localcloud {

// [{service, operation, effect: real | recorded}], in order.
Json ListOperations(const Api& api);
// docs/reference/local-cloud.md
std::string OperationsPage(const Api& api);

// Every operation of this program, without a cloud behind them.
Json ListAllOperations();
std::string AllOperationsPage();

}  // namespace adhoc::localcloud
