// A command in a container, with this terminal, over Session Manager.
#pragma once

#include <unistd.h>

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/random.h"
#include "net/ssm_client.h"

namespace adhoc::cli {

struct Terminal {
  int in = STDIN_FILENO;
  int out = STDOUT_FILENO;
  int err = STDERR_FILENO;
};

// Makes a session that runs this command line. Throws Error when that is not possible.
using OpenExec = std::function<std::unique_ptr<net::SsmClient>(const std::string& command_line)>;

// Returns the command's exit code, or kInterrupted after `stop`. Throws Error when the code cannot be known: the
// session was cut off or ended from outside, or the container has no `sh` to tell the code (the command is run all the
// same). Blocks until the session is over; uses one thread more.
int RunInContainer(const OpenExec& open, const std::vector<std::string>& command, Random& random,
                   const Terminal& terminal, std::stop_token stop);

}  // namespace adhoc::cli
