// The part of JMESPath (jmespath.org/specification.html) that AWS's waiters and paginators use: fields, `[]`, `[n]`,
// `[*]`,
// `[?…]`, comparisons, `&&`, `||`, `!`, literals and length(). Pure; thread-safe.
#pragma once

#include <string_view>

#include "base/json.h"

namespace adhoc::aws {

// What the expression finds in the document; null when nothing. Throws Error when the expression is outside of that
// part. Unlike the specification, length() of nothing is 0: documents leave out empty lists.
Json JmesSearch(std::string_view expression, const Json& document);

}  // namespace adhoc::aws
