// What a filter pattern of CloudWatch Logs selects
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace adhoc::localcloud {

// Immutable. Either terms — all plain and quoted ones must occur, of those with '?' at least one, of those with '-'
// none — or, in braces, conditions on the fields of messages that are JSON objects:
//   { ($.status >= 500 || $.error IS TRUE) && $.path = "/api/*" }
class FilterPattern {
 public:
  // Throws ApiError InvalidParameterException, with the position.
  explicit FilterPattern(std::string_view pattern);

  bool Matches(std::string_view message) const;
  // A term that every match holds, for the store to look for; may be empty.
  std::string FirstRequired() const { return all_.empty() ? "" : all_.front(); }

 private:
  void ParseTerms(std::string_view pattern);

  std::vector<std::string> all_, any_, none_;
  std::function<bool(const Json&)> fields_;  // of a pattern in braces
};

}  // namespace adhoc::localcloud
