#include "base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <system_error>

namespace adhoc {
namespace {

class KernelRandom final : public Random {
 public:
  std::uint64_t Next() override {
    std::uint64_t value = 0;
    if (getrandom(&value, sizeof value, 0) != sizeof value) {
      throw std::system_error(errno, std::generic_category(), "getrandom");
    }
    return value;
  }
};

}  // namespace

std::string Random::Pick(std::string_view alphabet, int length) {
  std::string result;
  for (int i = 0; i < length; ++i) result += alphabet[static_cast<std::size_t>(Fraction() * alphabet.size())];
  return result;
}

std::string Random::Hex(int digits) { return Pick("0123456789abcdef", digits); }

std::string Random::Uuid() {
  return Hex(8) + "-" + Hex(4) + "-4" + Hex(3) + "-" + Pick("89ab", 1) + Hex(3) + "-" + Hex(12);
}

Random& SystemRandom() {
  static KernelRandom* const random = new KernelRandom;
  return *random;
}

}  // namespace adhoc
