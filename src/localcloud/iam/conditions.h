// The Condition element of a policy's statement. Pure functions; thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "localcloud/iam/evaluate.h"

namespace adhoc::localcloud::iam {

// Whether all operators, and all keys below each, are satisfied. An operator that does not exist never is.
bool Satisfies(const Json& condition, const Keys& keys);
// With or without ForAllValues:, ForAnyValue: and …IfExists.
bool IsConditionOperator(std::string_view name);

// ${aws:PrincipalTag/team} replaced, also with a default as ${aws:PrincipalTag/team, 'none'}; ${*}, ${?} and ${$} stand
// for themselves. Wildcards in what is put in are literal; the result is for MatchesWildcard. Nothing when a key is not
// there.
std::optional<std::string> ExpandVariables(std::string_view pattern, const Keys& keys);

// One string or a list of them.
std::vector<std::string> StringsOf(const Json& value);

}  // namespace adhoc::localcloud::iam
