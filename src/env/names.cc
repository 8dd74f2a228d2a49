#include "env/names.h"

#include <algorithm>

namespace adhoc::env {

std::string BucketName(std::string_view domain, std::string_view env) {
  std::string name = std::string(domain) + "-" + std::string(env) + "-bucket";
  std::replace(name.begin(), name.end(), '.', '-');
  return name;
}

}  // namespace adhoc::env
