// What the two files of CloudWatch's API share. Only api/cloudwatch*.cc include this.
#pragma once

#include <map>
#include <string>

#include "localcloud/api/api.h"

namespace adhoc::localcloud::cloudwatch {

void RegisterAlarms(Api& api, Cloud& cloud);

// Throws InvalidParameterValue for one that is not computed here.
void CheckStatistic(const std::string& statistic);
// [{Name, Value}] as name → value. Throws InvalidParameterValue when there are too many.
std::map<std::string, std::string> DimensionsOf(const Json& document);

}  // namespace adhoc::localcloud::cloudwatch
