// Documents that a client might send: right by the model more often than not, with names and ids that earlier answers
// contained, so that a random sequence of calls gets further than the first check. The same randomness gives the same
// documents.
#pragma once

#include <string>
#include <vector>

#include "aws/model/model.h"
#include "base/json.h"
#include "base/random.h"

namespace adhoc::testing {

class PlausibleDocuments {
 public:
  explicit PlausibleDocuments(Random& random) : random_(random) {}

  Json Of(const aws::Shape& shape) { return Structure(shape, 0); }
  // Keeps the texts of an answer, to use them in later documents.
  void Learn(const Json& answer);

 private:
  Json Structure(const aws::Shape& shape, int depth);
  Json Value(const aws::Member& use, int depth);
  std::string Text(const aws::Shape& shape);
  std::int64_t Below(std::int64_t count) { return static_cast<std::int64_t>(random_.Next() % count); }
  bool Chance(double probability) { return random_.Fraction() < probability; }

  Random& random_;
  std::vector<std::string> learned_;
};

}  // namespace adhoc::testing
