// Random documents for the tests of the codec: of a shape, and such as its protocol can carry there and back. Each
// member that is not required is there or not by chance; strings are random text, not what the service would accept.
#pragma once

#include <random>

#include "aws/model/model.h"
#include "base/json.h"

namespace adhoc::aws {

struct RandomDocumentOptions {
  bool request = true;         // else a response
  bool whole_seconds = false;  // timestamps without fractions
};

// The same seed gives the same document. Null shape: an empty document.
Json RandomDocument(const Service& service, const Shape* shape, std::mt19937_64& random, RandomDocumentOptions options);

}  // namespace adhoc::aws
