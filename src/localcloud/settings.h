// Where the local cloud lives on this machine, and whether it runs. Also used by programs that only talk to it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "localcloud/iam/mode.h"
#include "localcloud/timing.h"

namespace adhoc::localcloud {

struct LocalSettings {
  std::string state_dir;  // documents, objects, database files, logs
  int port = 4566;
  int dns_port = 0;     // 0: 4553, or one that is free when that is taken
  std::string account;  // empty: what the state says, 000000000000 when there is none (identity.h)
  std::string region;   // the same; us-east-1
  Timing timing;
  bool engineless = false;  // tasks only seem to run (runtime/engineless_runtime.h)
  Iam iam = Iam::kOff;

  std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(port); }
  // The name that browsers resolve, too.
  std::string public_endpoint() const { return "http://localhost:" + std::to_string(port); }
  std::string log_file() const { return state_dir + "/local.log"; }
};

// What answers on the port: nothing, the local cloud of this state directory, or something else.
struct Probe {
  enum class State { kNone, kOurs, kForeign };
  State state = State::kNone;
  Json health = Json::object();  // of kOurs; of kForeign when it is a local cloud, too
};
Probe ProbeLocalCloud(const LocalSettings& settings);

// Starts `program local run` in the background unless it runs, and waits until it answers. Throws Error with the last
// lines of its log, or saying who else holds the port.
void EnsureLocalCloud(const LocalSettings& settings, const std::string& program,
                      const std::function<void(std::string_view)>& on_progress);

// Stops the server; the containers go on. False when it did not run.
bool StopLocalCloud(const LocalSettings& settings);

}  // namespace adhoc::localcloud
