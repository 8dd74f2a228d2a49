// A request's document as it may be written to a log.
#pragma once

#include "aws/model/model.h"
#include "base/json.h"

namespace adhoc::localcloud {

// The document with "***" for what the model calls sensitive, for passwords (which older models do not mark) and for
// the values of containers' variables. Pure.
Json Redact(const aws::Shape& shape, const Json& document);

}  // namespace adhoc::localcloud
