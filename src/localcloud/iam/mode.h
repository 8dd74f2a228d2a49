// Whether the local cloud refuses what IAM's policies do not allow (`--iam enforce`), or lets everybody do everything.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace adhoc::localcloud {

enum class Iam { kOff, kEnforce };

inline const char* ToString(Iam iam) { return iam == Iam::kEnforce ? "enforce" : "off"; }

// Throws Error.
inline Iam ParseIam(std::string_view text) {
  if (text == "off") return Iam::kOff;
  if (text == "enforce") return Iam::kEnforce;
  throw Error("no such mode of IAM: " + std::string(text), "off or enforce");
}

}  // namespace adhoc::localcloud
