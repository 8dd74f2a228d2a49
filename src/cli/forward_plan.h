// What `adhoc forward` was asked for, and where that leads. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace adhoc::cli {

// PORT, LOCAL:REMOTE or LOCAL:HOST:PORT; a host that is an IPv6 address stands in brackets.
struct ForwardSpec {
  int local = 0;     // 0: any free one
  std::string host;  // empty: not said
  int remote = 0;

  bool operator==(const ForwardSpec&) const = default;
};
// Throws Error.
ForwardSpec ParseForwardSpec(std::string_view text);

struct ForwardPlan {
  enum class To {
    kTask,      // the task itself
    kHost,      // `host`, as the task sees it
    kDatabase,  // of the environment
    kService,   // `host`, a discoverable service
  };
  To to = To::kTask;
  std::string host;
  std::vector<std::string> through;  // services, the first with a running task will do
};
// `service`: as given, or empty. Throws Error when it is not clear what is meant.
ForwardPlan PlanForward(const config::Config& config, const std::string& service, const ForwardSpec& spec);

}  // namespace adhoc::cli
