// What `adhoc` exits with. A command that runs somebody's command (run, exec) exits with that command's code.
#pragma once

namespace adhoc::cli {

inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;
inline constexpr int kChangesPlanned = 2;  // plan --detailed-exitcode
inline constexpr int kUsage = 64;
inline constexpr int kInterrupted = 130;

}  // namespace adhoc::cli
