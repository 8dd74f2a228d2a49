// Documents as form bodies: the requests of the query and ec2 protocols.
#pragma once

#include <string>
#include <string_view>

#include "aws/model/model.h"
#include "base/json.h"

namespace adhoc::aws {

// Action=…&Version=…&….
std::string WriteForm(const Service& service, const Operation& operation, const Json& input);

// `form` and `query` are both read: presigned requests carry everything in the query string.
Json ReadForm(const Service& service, const Operation& operation, std::string_view form, std::string_view query);

// The value of a parameter such as Action without reading the whole form, or empty.
std::string FindFormParameter(std::string_view form, std::string_view name);

}  // namespace adhoc::aws
