#include "env/names.h"

#include <algorithm>

namespace adhoc::env {

std::string LoadBalancerName(std::string_view shared, int number) {
  const std::string first = Join(shared, "alb");
  return number == 1 ? first : Join(first, std::to_string(number));
}

std::string BucketName(std::string_view domain, std::string_view env) {
  std::string name = std::string(domain) + "-" + std::string(env) + "-bucket";
  std::replace(name.begin(), name.end(), '.', '-');
  return name;
}

}  // namespace adhoc::env
