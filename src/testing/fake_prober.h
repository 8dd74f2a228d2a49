// Health checks without a network. Not thread-safe.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "localcloud/proxy/http_prober.h"

namespace adhoc::testing {

// Answers at once with what the test says about an address; 200 for others.
class FakeProber : public localcloud::proxy::Prober {
 public:
  void Probe(const localcloud::proxy::ProbeRequest& request,
             std::function<void(const localcloud::proxy::ProbeResult&)> done) override {
    requests.push_back(request);
    if (silent) return held.push_back(std::move(done));
    const auto found = results.find(request.ip);
    done(found == results.end() ? localcloud::proxy::ProbeResult{localcloud::proxy::ProbeResult::Kind::kAnswered, 200}
                                : found->second);
  }
  std::vector<localcloud::proxy::ProbeRequest> requests;
  std::map<std::string, localcloud::proxy::ProbeResult> results;
  bool silent = false;
  std::vector<std::function<void(const localcloud::proxy::ProbeResult&)>> held;
};

}  // namespace adhoc::testing
