// The wording of causes in error messages.
#pragma once

#include <string>

namespace adhoc::net {

// The system's `Connection refused`, as it stands after a colon: `connection refused`.
inline std::string AsReason(std::string message) {
  const bool acronym = message.size() > 1 && message[1] >= 'A' && message[1] <= 'Z';
  if (!message.empty() && !acronym && message[0] >= 'A' && message[0] <= 'Z')
    message[0] = static_cast<char>(message[0] + 32);
  return message;
}

}  // namespace adhoc::net
