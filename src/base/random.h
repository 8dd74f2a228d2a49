// Randomness as a dependency. Secrets come from the kernel; everything else from whatever Random the caller was given.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace adhoc {

// Thread-safe.
class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t Next() = 0;
  double Fraction() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }  // [0, 1)
  std::string Hex(int digits);                                                 // lower-case
  std::string Pick(std::string_view alphabet, int length);
  std::string Uuid();  // version 4
};

// getrandom(2). A process-wide object; never destroyed.
Random& SystemRandom();

}  // namespace adhoc
